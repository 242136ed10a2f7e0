"""How the page about the whole loop knows: what the sync covered, and the definition and receipt of its numbers."""

from __future__ import annotations

import base64
import shlex
from typing import Any

from markupsafe import Markup

from devops_lab import metrics, words
from devops_lab.metrics.receipt import to_json
from devops_lab.reports import overview, overview_changes
from devops_lab.reports.page import Piece, details, html, joined, link, paragraph, shortened, together
from devops_lab.reports.question import Question

MOST_ROWS = 1000  # of a receipt inside the page; beyond, a command says it
_REFUSED = """
select repository, table_name, max(refused) as refused
from sync_ledger
where refused is not null
group by repository, table_name
order by repository, table_name
"""


def definitions(asked: Question) -> Piece:
    """Return, for each phase's first number and the biggest changes, the definition, the query and the receipt."""
    parts = [_one(asked, row) for row in _rows(asked)]
    covered = coverage(asked)
    if not parts:
        return covered
    folded = Piece(joined(part.html for part in parts), "\n\n".join(part.text for part in parts))
    lead = paragraph(
        asked.t(
            "Each number has a receipt: the rows it is made of, the rows left out, and the query. From the saved file "
            "alone anybody can compute it again. The phases' own pages show the other numbers."
        ),
        "",
    )
    return together(covered, lead, folded)


def coverage(asked: Question) -> Piece:
    """Return which numbers the sync covers only in part, and what it was refused."""
    t = asked.t
    rows = [
        row
        for phase in overview.SHOWN
        for name in overview_changes.asked_of(phase)
        if (row := overview_changes.answer(asked, name)) is not None
    ]
    partly: dict[str, list[str]] = {}
    for row in rows:
        if row["coverage"] < 1:
            share = t.value(float(row["coverage"]), "share")
            partly.setdefault(share, []).append(t.label(row["metric"]).lower())
    numbers = t.many("{count} number", "{count} numbers", len(rows))
    said = t("The sync covers the whole window for all of {numbers}.", numbers=numbers)
    if not rows:
        said = t("The sync has brought nothing to count yet.")
    elif partly:
        few = t.number(words.whole(sum(map(len, partly.values()))))
        said = t("The sync covers the window only in part for {few} of {numbers}.", few=few, numbers=numbers)
    lines = [f"{share}: {', '.join(names)}" for share, names in partly.items()] + _refusals(asked)
    if not lines:
        return paragraph(said, "")
    folded = details(t("What is covered in part, and what the sync was told"), _listed(lines))
    return together(paragraph(said, ""), Piece(folded, "\n".join(lines)))


def _refusals(asked: Question) -> list[str]:
    """Return what the sync was told instead of rows, a line per repository or service of the page and table."""
    places = {*asked.services["service"], *asked.services["repository"]}
    rows = asked.store.query(_REFUSED, as_of=asked.as_of)
    return [
        f"{row['repository']}, {row['table_name'].replace('_', ' ')}: {shortened(row['refused'], 120)}"
        for row in rows.to_dict("records")
        if row["repository"] in places
    ]


def _listed(lines: list[str]) -> Markup:
    return joined(html("<p>{}</p>", line) for line in lines)


def _rows(asked: Question) -> list[dict[str, Any]]:
    """Return the first number of each phase's row and the biggest changes, each metric once."""
    firsts = [row for phase in overview.SHOWN for row in overview.shown(asked, phase)[:1]]
    every = firsts + overview_changes.clear(asked)[: overview_changes.MOST]
    return list({str(row["metric"]): row for row in every}.values())


def _one(asked: Question, row: dict[str, Any]) -> Piece:
    t, metric = asked.t, metrics.find(str(row["metric"]))
    line = f"{t.number(words.answer(row))}, {overview_changes.evidence(asked, row)}"
    first, _, rest = metric.text.partition("\n")
    where = t("Where it comes from:")
    inside = joined(
        (
            html("<p>{}</p><p>{}</p>", first, " ".join(rest.split())),
            html("<p>{} {}</p>", where, link(metric.reference, metric.reference)) if metric.reference else "",
            _receipt(asked, metric, row),
            details(t("The query"), html("<pre>{}</pre>", metric.sql)),
        )
    )
    label = t.label(metric.name)
    head = html('{} <span class="aside">{}</span>', label, line)
    return Piece(details(head, inside), f"{label}: {line}\n{metric.text}")


def _receipt(asked: Question, metric: metrics.Metric, row: dict[str, Any]) -> Markup:
    """Return a link that saves the receipt, which lies in the page; the command for it where it has too many rows."""
    t = asked.t
    if row["n"] > MOST_ROWS:
        return html("<p>{}</p>", t("Its receipt is too long for a page: {command}", command=_command(asked, metric)))
    found = asked.receipt(metric.name)
    how = html("<p>{} {}</p>", t("How the interval came about:"), found["interval"]) if found.get("interval") else ""
    name = f"receipt_{metric.name}.json"
    content = base64.b64encode(to_json(found).encode()).decode()
    said = t("Save the whole receipt ({name})", name=name)
    save = html('<p><a download="{}" href="data:application/json;base64,{}">{}</a></p>', name, Markup(content), said)
    return joined((how, save))


def _command(asked: Question, metric: metrics.Metric) -> str:
    given = [f"--service {shlex.quote(asked.words['service'])}"] if "service" in asked.words else []
    return " ".join(["devops-lab receipt", metric.name, *given])
