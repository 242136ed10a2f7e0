"""How do we know: each metric's definition, and its receipt to read, copy or save."""

from __future__ import annotations

import base64
from typing import Any

from markupsafe import Markup

from devops_lab import metrics, words
from devops_lab.metrics import benchmarks
from devops_lab.metrics.receipt import receipt, to_json
from devops_lab.reports.page import Piece, details, html, joined, link
from devops_lab.reports.question import Question
from devops_lab.reports.tiles import heading, headline, tiles

PREVIEW = 5  # rows of a receipt that can be read in the page; the file has them all


def top(question: Question) -> Piece:
    """Return the report's title, window and the instant it speaks for."""
    start, end = question.window
    return heading(question.title, start, end, as_of=question.as_of, timezone=question.timezone)


def summary(question: Question) -> Piece:
    """Return headline and tiles of the five metrics, or why there is nothing to say."""
    from devops_lab.reports.page import paragraph, together

    if question.dora.empty:
        return paragraph(str(question.dora.attrs.get("reason", "There is nothing to say about this window.")), "lead")
    return together(headline(question.dora), tiles(question.dora, tiers=tiers(question)))


def tiers(question: Question) -> dict[str, str]:
    """Return the benchmark's words per metric, with the edition: "DORA 2024: medium", or the published mean."""
    said: dict[str, str] = {}
    for row in question.dora.to_dict("records"):
        name, edition = str(row["metric"]), question.edition
        found = (
            None
            if name == "deployment_rework_rate"
            else benchmarks.tier(name, row["value"], row["unit"], edition, row["n"])
        )
        mean = benchmarks.mean(name, edition)
        if found is not None:
            said[name] = f"DORA {found}"
        elif mean is not None and mean.unit == "share":
            said[name] = f"DORA {edition}, mean of all: {words.share(mean.value)}"
    return said


def definitions(question: Question) -> Piece:
    """Return, per metric, its definition in words, its query, and the receipt of its number."""
    parts = [_one(question, name) for name in metrics.DORA]
    return Piece(joined(part.html for part in parts), "\n\n".join(part.text for part in parts))


def _one(question: Question, name: str) -> Piece:
    metric = metrics.find(name)
    found = receipt(metric, question.store, **question.words)
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
    rows, out = len(found["rows"]), len(found["excluded"])
    return f"{words.answer(found)}, from {words.whole(rows)} {words.noun(found['metric'], rows)}, {words.whole(out)} left out"


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
