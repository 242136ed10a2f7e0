"""What is told: a subject and parts, written once and shown as text, Markdown or HTML."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from devops_lab.reports.page import html, joined

TEXT, MARKDOWN, HTML = "text", "markdown", "html"
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|~])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]+")
_LONGEST = 180
_CELL = "padding:4px 12px 4px 0;border-bottom:1px solid #e3e3e3;vertical-align:top;text-align:left"
_TABLE = "border-collapse:collapse;margin:.6em 0;font:inherit;color:inherit"
_LINK = "margin:.3em 0 1.2em"
_PAGE = "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;color:#1b1b1b;max-width:46em"


@dataclass(frozen=True)
class Row:
    """One line of a part: what it is about, its value, and what is said of it."""

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Part:
    """One part of a message: a heading ("": none), sentences, rows, and the address of more ("": none)."""

    heading: str = ""
    lines: Sequence[str] = ()
    rows: Sequence[Row] = ()
    link: str = ""


@dataclass(frozen=True)
class Message:
    """A message: one line of `subject`, `parts`, `files` to attach, and `footer`, how it came about."""

    subject: str
    parts: Sequence[Part]
    files: Sequence[Path] = ()
    footer: str = ""

    @property
    def title(self) -> str:
        """The subject as one line without control characters; a header cannot be smuggled in."""
        return line(self.subject)[:_LONGEST]

    def body(self, form: str) -> str:
        """Return the message's body as "text", "markdown" or "html"."""
        return {TEXT: self._text, MARKDOWN: self._markdown, HTML: self._html}[form]()

    def _text(self) -> str:
        blocks = []
        for part in self.parts:
            said = [line(part.heading)] if part.heading else []
            said += [line(one) for one in part.lines]
            for row in part.rows:
                said.append(f"  {line(row.name)}: {line(row.value)}{f' ({line(row.note)})' if row.note else ''}")
            if part.link:
                said.append(f"  {part.link}")
            blocks.append("\n".join(said))
        return "\n\n".join([*blocks, *([f"-- \n{line(self.footer)}"] if self.footer else [])]) + "\n"

    def _markdown(self) -> str:
        blocks = []
        for part in self.parts:
            if part.heading:
                blocks.append(f"### {escaped(part.heading)}")
            blocks += [escaped(one) for one in part.lines]
            if part.rows:
                said = ((escaped(row.name), escaped(row.value), escaped(row.note)) for row in part.rows)
                blocks.append("\n".join(f"- {name}: **{value}**{note and f' ({note})'}" for name, value, note in said))
            if part.link:
                blocks.append(f"<{part.link}>")
        return "\n\n".join([*blocks, *([f"<sub>{escaped(self.footer)}</sub>"] if self.footer else [])]) + "\n"

    def _html(self) -> str:
        body = joined(_part(part) for part in self.parts)
        footer = html('<p style="color:#6b6b6b;font-size:13px">{}</p>', line(self.footer)) if self.footer else ""
        return str(html('<div style="{}">{}{}</div>', Markup(_PAGE), body, footer))


def _part(part: Part) -> Markup:
    heading = html('<h3 style="margin:1.2em 0 .3em">{}</h3>', line(part.heading)) if part.heading else Markup("")
    lines = joined(html('<p style="margin:.3em 0">{}</p>', line(one)) for one in part.lines)
    rows = joined(
        html(
            '<tr><td style="{c}">{name}</td><td style="{c}"><b>{value}</b>{note}</td></tr>',
            c=Markup(_CELL),
            name=line(row.name),
            value=line(row.value),
            note=html(' <span style="color:#555">({})</span>', line(row.note)) if row.note else "",
        )
        for row in part.rows
    )
    table = html('<table style="{}">{}</table>', Markup(_TABLE), rows) if part.rows else Markup("")
    link = html('<p style="{}"><a href="{}">The whole report</a></p>', _LINK, part.link) if part.link else Markup("")
    return joined((heading, lines, table, link))


def line(text: str) -> str:
    """Return text as one line: no line breaks, no control characters, no turned letters."""
    return _CONTROL.sub(" ", text).strip()


def escaped(text: str) -> str:
    """Return text as Markdown that shows it as it is: no markup, no HTML, nobody called by ``@name``."""
    plain = _SPECIAL.sub(r"\\\1", line(text))
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("@", "&#64;")
