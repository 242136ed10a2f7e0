"""How do we know: each metric's definition, and its receipt to read, copy or save."""

from __future__ import annotations

import base64
from typing import Any

from markupsafe import Markup

from devops_lab import metrics, words
from devops_lab.metrics.receipt import to_json
from devops_lab.reports.page import Piece, details, html, joined, link
from devops_lab.reports.question import Question

PREVIEW = 5  # rows of a receipt that can be read in the page; the file has them all


def definitions(question: Question) -> Piece:
    """Return, per metric, its definition in words, its query, and the receipt of its number."""
    parts = [_one(question, name) for name in metrics.DORA]
    return Piece(joined(part.html for part in parts), "\n\n".join(part.text for part in parts))


def _one(question: Question, name: str) -> Piece:
    metric = metrics.find(name)
    found = question.receipt(name)
    head = html('{} <span class="aside">{}</span>', words.label(name), _line(found))
    first, _, rest = metric.text.partition("\n")
    reference = (
        html("<p>Where it comes from: {}</p>", link(metric.reference, metric.reference)) if metric.reference else ""
    )
    inside = joined(
        (
            html("<p>{}</p><p>{}</p>{}", first, " ".join(rest.split()), reference),
            html("<p>How the interval came about: {}</p>", found["interval"]) if found.get("interval") else "",
            _download(found),
            html("<pre>{}</pre>", to_json(_preview(found))),
            details("The query", html("<pre>{}</pre>", found["sql"])),
        )
    )
    return Piece(details(head, inside), f"{words.label(name)}: {_line(found)}\n{metric.text}")


def _line(found: dict[str, Any]) -> str:
    rows, out = len(found["rows"]), words.whole(len(found["excluded"]))
    return f"{words.answer(found)}, from {words.whole(rows)} {words.noun(found['metric'], rows)}, {out} left out"


def _preview(found: dict[str, Any]) -> dict[str, Any]:
    """Return the receipt without its query and with its first rows only, for reading."""
    shown = {key: value for key, value in found.items() if key not in ("sql", "definition")}
    for key in ("rows", "excluded"):
        more = len(found[key]) - PREVIEW
        shown[key] = found[key][:PREVIEW] + ([f"… and {more} more in the file"] if more > 0 else [])
    return shown


def _download(found: dict[str, Any]) -> Markup:
    """Return a link that saves the whole receipt; it lies in the page, so no server is asked."""
    content = base64.b64encode(to_json(found).encode()).decode()
    name = f"receipt_{found['metric']}.json"
    return html(
        '<p><a download="{}" href="data:application/json;base64,{}">Save the whole receipt ({})</a></p>',
        name,
        Markup(content),
        name,
    )
