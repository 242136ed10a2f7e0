"""The page of half a minute: what many services' numbers say in three sentences, then a row per service.

Services stand by name: no ranks, no tiers, no colours of tiers, no averages over services or teams.  Each number is
compared with the same service's own window before.  A service with too few observations, or of which nothing is
known, is in its place with that word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd
from markupsafe import Markup

from devops_lab import metrics, words
from devops_lab.reports import sparklines
from devops_lab.reports.by_service_words import Standing, chance, is_few, sentences
from devops_lab.reports.page import Piece, html, joined, link, shortened, together
from devops_lab.reports.phase_answers import way
from devops_lab.reports.question import Question

SHORT = {
    "change_lead_time": "Lead time",
    "deployment_frequency": "Deployments",
    "change_fail_rate": "Fail rate",
    "failed_deployment_recovery_time": "Recovery",
    "deployment_rework_rate": "Rework",
}
NOTHING = Piece(Markup(""), "")
RHYTHMS = (("week", 7.0), ("month", 30.4), ("quarter", 91.3), ("year", 365.25))
MOST_POINTS, LEAST_POINTS = 16, 3  # of a small trend
_REPOSITORIES = "select repository, url from repositories where url is not null"
_REFUSED = """
with told as (
    select repository, table_name, refused, recorded_at, max(recorded_at) over (partition by repository) as last_at
    from sync_ledger
)
select repository, refused from told
where refused is not null and recorded_at = last_at
order by repository, table_name desc
"""


def opening(asked: Question) -> Piece:
    """Return three sentences at most and a row per service; nothing at all where the report is about one service."""
    if len(asked.services) < 2 or asked.dora_by_service.empty:
        return NOTHING
    standing = standing_of(asked)
    said = sentences(standing)
    worse, mark, better = said[0].partition("; ")  # what is worse is read first
    first = html(
        '<div class="lab-headline lab-opening"><p><strong>{}</strong>{}{}</p>{}</div>',
        worse, mark, better, joined(html("<p>{}</p>", text) for text in said[1:]),
    )  # fmt: skip
    return together(Piece(first, "\n".join(said)), listing(asked, standing))


def standing_of(asked: Question) -> Standing:
    """Return where the question's services stand, and what of them could not be fetched."""
    refused = asked.store.sql(_REFUSED)
    said = dict(zip(refused["repository"], refused["refused"], strict=True))
    found = {
        row["service"]: _reason(said[place])
        for row in asked.services.to_dict("records")
        for place in (row["service"], row["repository"])
        if place in said
    }
    return Standing(asked.dora_by_service.to_dict("records"), found)


def _reason(refused: str) -> str:
    """Return what a sentence can carry of why: the status a server answered with, else the first words."""
    status = re.search(r"HTTP \d{3}", refused)
    return status[0] if status else shortened(refused, 60)


def listing(asked: Question, standing: Standing) -> Piece:
    """Return the table: a row per service by name, a cell per metric with value, change, evidence and small trend."""
    trends, every = _trends(asked)
    pages = dict(asked.store.sql(_REPOSITORIES).itertuples(index=False))
    rows: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in standing.rows:
        rows.setdefault(str(row["group_name"]), {})[str(row["metric"])] = row
    head = joined(html('<th scope="col">{}</th>', SHORT[name]) for name in metrics.DORA)
    about = {row["service"]: row for row in asked.services.to_dict("records")}
    lines, texts = [], []
    for name in standing.names:
        cells = [_cell(rows[name][metric], trends.get((metric, name), []), every) for metric in metrics.DORA]
        title = _title(name, about.get(name, {}), pages)
        lines.append(html('<tr><th scope="row">{}</th>{}</tr>', title, joined(cell.html for cell in cells)))
        texts.append("\n".join([name, *(f"  {cell.text}" for cell in cells)]))
    note = f"{chance(standing)} Lines show each {every}. Below, all services' observations are taken together.".strip()
    body = html(
        '<div class="lab-services"><table><thead><tr><th scope="col">Service</th>{}</tr></thead><tbody>{}</tbody>'
        '</table></div><p class="note">{}</p>',
        head, joined(lines), note,
    )  # fmt: skip
    return Piece(body, "\n\n".join([*texts, note]))


def _title(name: str, about: Mapping[str, Any], pages: Mapping[str, str]) -> Markup:
    team = about.get("team")
    small = html('<span class="team">{}</span>', team) if isinstance(team, str) and team else ""
    return html("{}{}", link(name, pages.get(str(about.get("repository")))), small)


def _cell(row: Mapping[str, Any], trend: list[float], every: str) -> Piece:
    """Return one number: its value, what changed, from how many, and its line."""
    metric, n = str(row["metric"]), 0 if words.missing(row["n"]) else int(row["n"])
    label = SHORT[metric]
    value, change = words.answer(row), _change(row)
    evidence = f"n {words.whole(n)}"
    spread = "" if words.missing(row["value"]) else words.interval(row["low"], row["high"], str(row["unit"]))
    hover = f"95 %: {spread}" if spread else ""
    known = sum(not words.missing(one) for one in trend)
    line = sparklines.line(trend, f"{label} by {every}") if known >= LEAST_POINTS else ""
    body = html(
        '<td data-title="{}" class="{}"><span class="value" title="{}">{}</span> <span class="small">{}</span>'
        '<span class="change {}">{}</span>{}</td>',
        label, "few" if is_few(row) else "", hover, "–" if value == words.MISSING else value, evidence,
        way(row), change, line,
    )  # fmt: skip
    return Piece(body, " ".join(part for part in (f"{label}: {value},", f"{evidence},", change) if part))


def _change(row: Mapping[str, Any]) -> str:
    if not row["coverage"]:
        return "not known"
    part = f", {words.share(float(row['coverage']))} fetched" if float(row["coverage"]) < 1 else ""
    if row["too_few"]:
        return f"too few{part}"
    said = words.change(row)
    return {"nothing to compare with": "nothing before", "too few to compare": "too few before"}.get(said, said) + part


def _trends(asked: Question) -> tuple[dict[tuple[str, str], list[float]], str]:
    """Return (metric, service) → its values over the window's periods, earliest first; and the period."""
    start, end = asked.window
    days = (end - start).total_seconds() / 86400
    every = next((name for name, length in RHYTHMS if days / length <= MOST_POINTS), "year")
    found: dict[tuple[str, str], list[float]] = {}
    for name in metrics.DORA:
        metric = metrics.find(name)
        frame: pd.DataFrame = metric.over(asked.store, every=every, by="service", **asked.words)
        frame = frame[frame["statistic"] == metric.statistics[0]]
        for group, part in frame.groupby("group_name"):
            found[name, str(group)] = part["value"].tolist()
    return found, every
