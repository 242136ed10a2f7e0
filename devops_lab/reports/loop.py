"""Pieces of a page about the loop: where changes wait, where their chains break, which were slowest, one change."""

from __future__ import annotations

from typing import Any

import pandas as pd

from devops_lab import metrics, words
from devops_lab.delivery import loop
from devops_lab.delivery.loop_stages import WAITING
from devops_lab.delivery.loop_summary import stages_frame
from devops_lab.errors import QuestionError
from devops_lab.reports.evidence import short
from devops_lab.reports.page import Column, Piece, paragraph, shortened, table
from devops_lab.reports.question import Question

HEADLINES = {  # phase → the metrics of which the first with a value is the phase's headline
    "plan": ("issue_cycle_time", "issue_lead_time", "issue_throughput"),
    "code": ("pull_request_cycle_time", "pickup_time"),
    "build": ("build_duration", "build_success_rate"),
    "test": ("test_pass_rate", "flaky_rate"),
    "release": ("release_lead_time", "release_frequency"),
    "deploy": ("deployment_frequency", "deployment_success_rate"),
    "operate": ("saturation", "restart_rate", "time_to_patch", "infrastructure_change_share"),
    "monitor": ("slo_attainment", "availability", "incident_count"),
}


def summary(question: Question) -> loop.Summary:
    """Return what ``loop.summary`` answers to the report's question."""
    return loop.summary(question.store, **question.words)


def headlines(question: Question) -> dict[str, Any]:
    """Return, for ``charts.loop_wheel``, each phase's headline: the row of its first metric that has a value.

    A phase without any has the reason why its first metric has none.
    """
    return {phase: _headline(question, names) for phase, names in HEADLINES.items()}


def finding(found: loop.Summary) -> Piece:
    """Return the loop in two sentences: where changes wait longest, and how many have a whole chain."""
    if not found.changes:
        return paragraph(f"There is nothing to say: {found.reason}.", "lead")
    waits = "Nothing waits"
    if found.bottleneck is not None:
        stage = str(found.bottleneck["stage"]).removeprefix("waiting ")
        waits = f"Changes wait longest {stage}: {words.share(found.bottleneck['share'])} of their time"
    chain = f"{words.share(found.whole or 0.0)} of {words.plural(found.changes, 'change')} have a whole chain"
    lost = found.broken[found.broken["missing"] > 0]
    if len(lost):
        worst = lost.loc[lost["share"].idxmax()]
        chain += f"; most often the {worst['link']} is missing ({words.share(worst['share'])})"
    return paragraph(f"{waits}. {chain}.", "lead")


def stages(found: loop.Summary) -> Piece:
    """Return the stages in order: how many changes, the median, and the share of all their time."""
    if found.stages.empty:
        return paragraph(f"No stages: {found.reason or 'nothing was deployed'}.")
    worst = None if found.bottleneck is None else found.bottleneck["stage"]
    columns = [
        Column("Phase", lambda row: row["phase"]),
        Column("Stage", lambda row: row["stage"] + (" (the bottleneck)" if row["stage"] == worst else "")),
        Column("Kind", lambda row: row["kind"]),
        Column("Changes", lambda row: words.whole(row["n"]), numeric=True),
        Column("Median", lambda row: words.hours(row["median"]), numeric=True),
        Column("All together", lambda row: words.hours(row["total"]), numeric=True),
        Column("Share of all time", lambda row: words.share(row["share"]), numeric=True),
    ]
    return table(found.stages.to_dict("records"), columns)


def broken(found: loop.Summary) -> Piece:
    """Return, for each link of the chain, how many changes should have it and how many lack it; the most lost first."""
    rows = found.broken.sort_values(["missing", "share"], ascending=False, kind="stable")
    if rows.empty:
        return paragraph("No links are expected: nothing was deployed.")
    columns = [
        Column("Link", lambda row: row["link"]),
        Column("Expected", lambda row: words.whole(row["expected"]), numeric=True),
        Column("Missing", lambda row: words.whole(row["missing"]), numeric=True),
        Column("Share missing", lambda row: words.share(row["share"]), numeric=True),
    ]
    return table(rows.to_dict("records"), columns)


def slowest(found: loop.Summary, *, timezone: str = "UTC") -> Piece:
    """Return the changes that took longest from the beginning of their line, and where each waited most."""
    frame = stages_frame(found.points)
    if frame.empty:
        return paragraph(f"No change to show: {found.reason or 'nothing is known but deployments'}.")
    rows = [_slow(part) for _, part in frame.groupby(["service", "change_id"], sort=True)]
    rows.sort(key=lambda row: (-row["microseconds"], row["service"], row["change_id"]))
    columns = [
        Column("Change", lambda row: short(row["change_id"]), lambda row: row["url"]),
        Column("What it says", lambda row: shortened(row["title"])),
        Column("Began", lambda row: words.day(row["started_at"], timezone)),
        Column("Waited most", lambda row: row["waited"]),
        Column("So long", lambda row: words.hours(row["wait"]) if row["wait"] else "", numeric=True),
        Column("Took", lambda row: words.hours(row["microseconds"] / 3_600_000_000), numeric=True),
    ]
    if len({row["service"] for row in rows}) > 1:
        columns.insert(0, Column("Service", lambda row: row["service"]))
    return table(rows, columns, rest="in loop.stages")


def links(trace: loop.Trace, *, timezone: str = "UTC") -> Piece:
    """Return one change's links with their pages: what is there, and what its repository has and it lacks."""
    rows = trace.links[trace.links["expected"] | trace.links["there"]]
    columns = [
        Column("Link", lambda row: row["link"]),
        Column("What", _what, lambda row: row["url"]),
        Column("When", lambda row: words.moment(row["known_at"], timezone)),
    ]
    return table(rows.astype(object).where(rows.notna(), None).to_dict("records"), columns)


def _what(row: Any) -> str:
    if not row["there"]:
        return "missing"
    return shortened(row["text"]) or "there"


def _slow(part: pd.DataFrame) -> dict[str, Any]:
    """Return one change's total, and the stage in which it waited longest."""
    first = part.iloc[0]
    waits = part[(part["kind"] == WAITING) & (part["microseconds"] > 0)]
    longest = None if waits.empty else waits.loc[waits["microseconds"].idxmax()]
    return {
        **{name: first[name] for name in ("service", "change_id", "title", "url", "started_at")},
        "microseconds": int(part["microseconds"].sum()),
        "waited": "" if longest is None else longest["stage"],
        "wait": 0.0 if longest is None else float(longest["hours"]),
    }


def _headline(question: Question, names: tuple[str, ...]) -> Any:
    reason = ""
    for name in names:
        try:
            metric = metrics.find(name)
            statistic = metric.window_statistic or metric.statistics[0]
            frame = metric.window(question.store, statistic=statistic, keep_empty=True, **question.words)
        except QuestionError as problem:
            reason = reason or str(problem)
            continue
        if len(frame) and words.answer(frame.iloc[0].to_dict()) != words.MISSING:
            return frame.iloc[0].to_dict()
        reason = reason or str(frame.attrs.get("reason", "nothing happened"))
    return reason
