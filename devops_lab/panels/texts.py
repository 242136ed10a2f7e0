"""Text from outside made harmless, and times as people say them; nothing here knows a widget.

Branch names, inputs, logs, titles and what a server says are shown as they are, but for characters that do something:
control characters and marks that turn or hide text are written out ("\\u202e").  A log's colours (ANSI's SGR codes)
become classes of our own, every other terminal command is taken out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from datetime import datetime

from markupsafe import Markup, escape

ESCAPE = re.compile(
    r"\x1b\[(?P<sgr>[0-9;]*)m"  # colours and weights
    r"|\x1b\[[0-?]*[ -/]*[@-~]"  # any other command
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # titles, links and other strings
    r"|\x1b[ -/]*[0-~]?"
)
STAMP = re.compile(r"^\ufeff?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ?")
COMMAND = re.compile(r"^##\[(group|error|warning|notice|debug|command|section)\]")
COLOURS = {31: "red", 91: "red", 32: "green", 92: "green", 33: "yellow", 93: "yellow", 34: "blue", 94: "blue"}
HIDDEN = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")
JOINER = "\u200d"  # holds emoji together
LONGEST_LINE = 2_000
MINUTE, HOUR, DAY = 60, 3_600, 86_400


def visible(text: object, keep: str = "") -> str:
    """Return a text whose control characters and direction marks are written out; those in `keep` stay."""
    said = str(text)
    if said.isascii() and said.isprintable():
        return said
    return "".join(one if _harmless(one) or one in keep else _written(one) for one in said)


def html(template: str, *values: object) -> Markup:
    """Return markup with each ``{}`` filled by a text made visible and escaped; Markup is taken as it is."""
    return Markup(template).format(*(one if isinstance(one, Markup) else escape(visible(one)) for one in values))


def joined(parts: Iterable[Markup], between: str = "") -> Markup:
    """Return pieces of markup one after the other."""
    return escape(between).join(parts)


def log_lines(lines: Iterable[str]) -> Markup:
    """Return a log's lines as markup: stamps taken off, colours as classes, everything else as text."""
    return Markup("\n").join(_log_line(line) for line in lines if "##[endgroup]" not in line[:60])


def link(address: str, said: object) -> Markup:
    """Return a link that opens beside the panel; an address that is not http(s) is shown as text."""
    if not re.match(r"https?://[^\s]+$", address):
        return html("{}", said)
    return html('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>', address, said)


def short(seconds: float) -> str:
    """Return a duration in a few characters: "under 1 s", "8 s", "2 min", "1 h 05 min", "3 days"."""
    whole = max(0, round(seconds))
    if whole < 1:
        return "under 1 s"
    if whole < 90:
        return f"{whole} s"
    if whole < HOUR:
        return f"{round(whole / MINUTE)} min"
    if whole < 2 * DAY:
        hours, minutes = divmod(round(whole / MINUTE), 60)
        return f"{hours} h {minutes:02} min"
    return f"{round(whole / DAY)} days"


def ago(instant: datetime | None, now: datetime) -> str:
    """Return how long ago an instant was: "just now", "2 min ago"; "" where it is not known."""
    if instant is None:
        return ""
    seconds = (now - instant).total_seconds()
    return "just now" if seconds < 5 else f"{short(seconds)} ago"


def listed(names: Iterable[str]) -> str:
    """Return names as people list them: "a", "a and b", "a, b and c"."""
    *most, last = [visible(name) for name in names] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def _harmless(one: str) -> bool:
    return one == JOINER or unicodedata.category(one) not in HIDDEN


def _written(one: str) -> str:
    number = ord(one)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _log_line(line: str) -> Markup:
    text = STAMP.sub("", line)[:LONGEST_LINE]
    command = COMMAND.match(text)
    if command is None:
        return joined(_coloured(text))
    return html('<span class="lab-log-{}">{}</span>', command[1], joined(_coloured(text[command.end() :])))


def _coloured(text: str) -> Iterator[Markup]:
    """Yield a line's parts; a colour lasts to the next code or to the line's end."""
    kind, start = "", 0
    for code in [*ESCAPE.finditer(text), None]:
        part = visible(text[start : code.start() if code else None], keep="\t")
        if part:
            yield html('<span class="lab-ansi-{}">{}</span>', kind, _kept(part)) if kind else _kept(part)
        if code is not None:
            start = code.end()
            kind = kind if code["sgr"] is None else _kind(code["sgr"], kind)


def _kept(part: str) -> Markup:
    return escape(part)


def _kind(codes: str, before: str) -> str:
    numbers = [int(code) for code in codes.split(";") if code] or [0]
    for number in numbers:
        if number in COLOURS:
            return COLOURS[number]
        if number == 1 and not before:
            before = "bold"
        elif number in (0, 39):
            before = ""
    return before
