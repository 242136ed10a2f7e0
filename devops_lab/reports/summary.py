"""A report in a few lines of Markdown: its numbers, what changed, its picture, and the link to the page."""

from __future__ import annotations

import re
from typing import Any

from devops_lab import metrics, words
from devops_lab.metrics.observations import EVERYTHING
from devops_lab.periods import instant
from devops_lab.reports.seal import Seal

MOST = 8
_SIGNS = re.compile(r"([\\`*_{}\[\]()#+!|<>~&@$])")


def markdown(sealed: Seal, page: str, picture: str = "") -> str:
    """Return the summary of a report; `page` and `picture` are the files it links to, beside it."""
    zone = str(sealed.parameters.get("timezone") or "UTC")
    lines = [f"# {escaped(sealed.title)}", ""]
    if sealed.window_start:
        window = words.window(instant(sealed.window_start), instant(sealed.window_end), zone)
        lines += [f"{window}, as known on {words.moment(instant(sealed.as_of), zone)} {zone}.", ""]
    rows = told(sealed.metrics)
    if rows:
        lines += ["| | value | 95 % | n | against before |", "|---|---:|---:|---:|---|", *map(_line, rows), ""]
    if picture:
        lines += [f"[![{escaped(sealed.title)}]({picture})]({page})", ""]
    lines += [f"[The whole report]({page})", ""]
    return "\n".join(lines)


def told(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows that a short message tells: the five of DORA where they are there, else the first few.

    Numbers of single services stay on the page.
    """
    whole = [row for row in rows if row["group_name"] == EVERYTHING]
    dora = [row for row in whole if row["metric"] in metrics.DORA]
    return dora or list({row["metric"]: row for row in reversed(whole)}.values())[::-1][:MOST]


def escaped(text: Any) -> str:
    """Return text from outside for Markdown: on one line, and none of its signs mean anything."""
    return _SIGNS.sub(r"\\\1", " ".join(str(text).split()))


def _line(row: dict[str, Any]) -> str:
    value = "–" if words.missing(row["value"]) and words.missing(row["low"]) else words.answer(row)
    spread = "" if words.missing(row["value"]) else words.interval(row["low"], row["high"], str(row["unit"]))
    change = "" if words.missing(row["value"]) else words.change(row)
    if row["too_few"] and row["n"]:
        change = "too few to say more"
    cells = (words.label(row["metric"]), value, spread, words.whole(row["n"]), change)
    return f"| {' | '.join(escaped(cell.replace(words.SPACE, ' ')) for cell in cells)} |"
