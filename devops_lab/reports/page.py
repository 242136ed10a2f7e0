"""Pieces of a page: text, tables, links, details.  What comes from outside is escaped by construction.

A `Piece` shows itself in a notebook (HTML, and plain text where there is no HTML) and is taken over by the report.
HTML is only ever built with ``Markup.format``, which escapes every value that is not a piece of HTML itself; an
address becomes a link only if it is ``http`` or ``https``; a text cell that a spreadsheet would take for a formula
(``= + - @`` in front) gets an apostrophe, because people copy tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from devops_lab import words
from devops_lab.rows import defused

MOST_ROWS = 20
TEMPLATE = Path(__file__).parent / "template"


@dataclass(frozen=True)
class Piece:
    """A piece of a page: its HTML, and the same in plain text."""

    html: Markup
    text: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/html": f'<style class="lab">{_style()}</style>{self.html}', "text/plain": self.text}

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Column:
    """One column of a table: its heading, how a row is said in it, and where it links to.

    `say` takes the row and returns text; `url` takes the row and returns an address or None; `numeric` columns are
    set right-aligned.
    """

    title: str
    say: Callable[[Mapping[str, Any]], str]
    url: Callable[[Mapping[str, Any]], Any] | None = None
    numeric: bool = False


@lru_cache(maxsize=1)
def _style() -> str:
    """Return the style of pieces, which a notebook needs beside each of them; the report has it once."""
    return (TEMPLATE / "pieces.css").read_text("utf-8")


def html(template: str, *values: Any, **named: Any) -> Markup:
    """Return HTML from a template of ours with ``{}`` for values, each of which is escaped unless it is HTML itself."""
    return Markup(template).format(*values, **named)


def joined(parts: Iterable[Any], between: str = "") -> Markup:
    """Return the parts, each escaped, one behind the other."""
    return Markup(between).join(parts)


def safe_url(url: Any) -> str | None:
    """Return an address if it may be linked to: http or https with a host; else None."""
    if words.missing(url):
        return None
    try:
        parts = urlsplit(str(url))
    except ValueError:
        return None
    return str(url) if parts.scheme in ("http", "https") and parts.netloc else None


def link(text: Any, url: Any) -> Markup:
    """Return the text as a link to its source, or the bare text where the address may not be linked to."""
    address = safe_url(url)
    if address is None:
        return escape(text)
    return html('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>', address, text)


def shortened(text: Any, most: int = 110) -> str:
    """Return a text from outside on one line and cut, with "…" where it was."""
    if words.missing(text):
        return ""
    line = " ".join(str(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def table(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[Column],
    *,
    total: int | None = None,
    rest: str = "in the receipt",
) -> Piece:
    """Return a table of at most twenty rows in the order given.

    `total` is how many rows there are in all; what is not shown is said below: "… and 120 more: in the receipt".
    """
    shown = list(rows)[:MOST_ROWS]
    total = len(rows) if total is None else total
    head = joined(html('<th scope="col"{}>{}</th>', _class(column), column.title) for column in columns)
    body = joined(html("<tr>{}</tr>", joined(_cell(row, column) for column in columns)) for row in shown)
    more = f"… and {words.whole(total - len(shown))} more: {rest}" if total > len(shown) else ""
    note = html('<p class="note">{}</p>', more) if more else Markup("")
    whole = html(
        '<div class="lab-table"><table><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>{}', head, body, note
    )
    return Piece(whole, _plain_table(shown, columns, more))


def paragraph(text: str, kind: str = "note") -> Piece:
    """Return a paragraph of our own or foreign words; `kind` is its style: note, lead or empty."""
    return Piece(html('<p class="{}">{}</p>', kind, text), text)


def details(summary: Any, inside: Any) -> Markup:
    """Return something that is folded away behind its summary."""
    return html('<details class="lab-details"><summary>{}</summary><div>{}</div></details>', summary, inside)


def together(*pieces: Piece) -> Piece:
    """Return several pieces as one."""
    return Piece(joined(piece.html for piece in pieces), "\n\n".join(piece.text for piece in pieces))


def _class(column: Column) -> Markup:
    return Markup(' class="number"') if column.numeric else Markup("")


def _cell(row: Mapping[str, Any], column: Column) -> Markup:
    text = column.say(row)
    said = text if column.numeric else defused(text)
    inside = link(said, column.url(row)) if column.url and said else escape(said)
    return html('<td{} data-title="{}">{}</td>', _class(column), column.title, inside)


def _plain_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], more: str) -> str:
    lines = [[column.title for column in columns], *([column.say(row) for column in columns] for row in rows)]
    widths = [max(len(line[index]) for line in lines) for index in range(len(columns))]
    said = [
        "  ".join(
            text.rjust(width) if column.numeric else text.ljust(width)
            for text, width, column in zip(line, widths, columns, strict=True)
        ).rstrip()
        for line in lines
    ]
    return "\n".join([*said, *([more] if more else [])])
