"""What deployments did to their service: worse, no change seen, better, or too little traffic."""

from __future__ import annotations

from typing import Any

import pandas as pd

from devops_lab import words
from devops_lab.language import marked
from devops_lab.reports.evidence import short
from devops_lab.reports.page import Column, Piece, paragraph, table, together
from devops_lab.reports.phases import Step
from devops_lab.reports.question import Question

VERDICTS = (marked("worse"), marked("better"), marked("no change seen"), marked("too little traffic"))
_MEASURES = {"errors": marked("errors"), "latency": marked("latency")}
_IMPACTS = """
select i.*, d.ref
from impacts i
left join deployments d on d.service = i.service and d.id = i.deployment_id
where i.finished_at >= $since and i.finished_at < $until and i.verdict is not null
"""


def impacts(asked: Question) -> Piece:
    """Return what deployments did to their service: how many got which verdict, then the worse and the better ones."""
    rows, t = judged(asked), asked.t
    if rows.empty:
        return paragraph(
            t("No deployment of this window was judged: that needs service levels or latencies around it."), ""
        )
    counts = rows["verdict"].value_counts()
    said = ", ".join(
        f"{t(verdict)} {t.number(words.whole(int(counts[verdict])))}" for verdict in VERDICTS if verdict in counts
    )
    lead = paragraph(
        t.many(
            "{count} deployment was judged: {said}.", "{count} deployments were judged: {said}.", len(rows), said=said
        ),
        "",
    )
    rank = {verdict: place for place, verdict in enumerate(VERDICTS)}
    telling = rows[rows["verdict"].isin(VERDICTS[:2])]
    if telling.empty:
        return lead
    refs = rows["ref"]
    telling = telling.assign(rank=telling["verdict"].map(rank)).sort_values(["rank", "finished_at"])
    columns = [
        Column(t("Deployment"), lambda row: name(row["ref"], row["deployment_id"], refs), lambda row: row["url"]),
        Column(t("Ended"), lambda row: words.moment(row["finished_at"], asked.timezone)),
        Column(t("Verdict"), lambda row: t(row["verdict"])),
        Column(t("Seen in"), lambda row: t(_MEASURES.get(row["measure"], "") or "")),
        Column(t("Bad before"), lambda row: _share(row, "before", asked), numeric=True),
        Column(t("Bad after"), lambda row: _share(row, "after", asked), numeric=True),
        Column(t("Difference, 95 %"), lambda row: _effect(row, asked), numeric=True),
    ]
    if len(asked.services) > 1:
        columns.insert(0, Column(t("Service"), lambda row: row["service"]))
    return together(lead, table(telling.to_dict("records"), columns, rest=t("in the store's table impacts")))


def judged(asked: Question) -> pd.DataFrame:
    """Return the window's deployments that have a verdict, from the stored table ``impacts``."""
    start, end = asked.window
    rows = asked.store.query(_IMPACTS, as_of=asked.as_of, since=start, until=end)
    return rows[rows["service"].isin(asked.services["service"])].reset_index(drop=True)


def worse(asked: Question) -> list[Step]:
    """Return what to look at next: the last of the deployments that made their service worse."""
    every = judged(asked)
    rows = every[every["verdict"] == "worse"].sort_values("finished_at")
    if rows.empty:
        return []
    last = rows.iloc[-1]
    said = asked.t.many(
        "{count} deployment made its service worse; look at the last one first:",
        "{count} deployments made their service worse; look at the last one first:",
        len(rows),
    )
    return [Step(said, f"{last['service']} {name(last['ref'], last['deployment_id'], every['ref'])}", last["url"])]


def name(ref: Any, identity: Any, refs: pd.Series) -> str:
    """Return what a deployment is called: its ref where no other of `refs` is the same (a tag), else its id."""
    alone = not words.missing(ref) and int(refs.eq(ref).sum()) == 1
    return short(ref if alone else identity)


def _share(row: Any, when: str, asked: Question) -> str:
    found = row[f"{'slow' if row['measure'] == 'latency' else 'error'}_{when}"]
    return "–" if words.missing(found) else asked.t.number(words.share(float(found)))


def _effect(row: Any, asked: Question) -> str:
    if words.missing(row["effect"]):
        return "–"
    sign = "+" if row["effect"] > 0 else ""
    effect, low, high = (asked.t.number(words.number(100 * row[name])) for name in ("effect", "low", "high"))
    return asked.t("{effect} points ({low} to {high})", effect=f"{sign}{effect}", low=low, high=high)
