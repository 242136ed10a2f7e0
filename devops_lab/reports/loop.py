"""Pieces of a page about the loop: where changes wait, where their chains break, which were slowest, one change."""

from __future__ import annotations

from typing import Any

import pandas as pd

from devops_lab import charts, words
from devops_lab.charts.loop_names import waiting
from devops_lab.delivery import loop
from devops_lab.delivery.loop_stages import WAITING
from devops_lab.delivery.loop_summary import HOUR, stages_frame
from devops_lab.errors import LabError
from devops_lab.language import Language, marked, of
from devops_lab.reports import phases
from devops_lab.reports.evidence import short
from devops_lab.reports.meanwhile import with_events
from devops_lab.reports.page import MOST_ROWS, Column, Piece, html, joined, paragraph, shortened, table, together
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
LEAST = 0.001  # a smaller share of the time is not told exactly
NOTHING = marked("no change was deployed in this time")
_KINDS = {"waiting": marked("waiting"), "working": marked("working")}
_PURPOSE = marked(
    "Every change goes round one loop: planned, written, built, tested, released, deployed, operated, monitored, and "
    "what is seen there is planned next. This page puts the eight phases side by side and follows the changes from the "
    "issue to production: most of the time somebody is not working on a change, it waits for somebody."
)


def top(asked: Question) -> Piece:
    """Return the page's title, its window, the instant it speaks for, and what the loop is."""
    return together(header(asked, asked.t("The loop")), paragraph(asked.t(_PURPOSE), "lead"))


def header(asked: Question, name: str) -> Piece:
    """Return a page's title (`name` and what it is about), its window, and the instant it speaks for."""
    t, (start, end) = asked.t, asked.window
    title = f"{name} · {phases.about(asked)}"
    moment = f"{words.moment(asked.as_of, asked.timezone)} {asked.timezone}"
    parts = [t.window(start, end, asked.timezone), t("as known on {moment}", moment=moment)]
    line = joined((html("<span>{}</span>", part) for part in parts), " · ")
    head = html('<header class="lab-heading"><h1>{}</h1><p>{}</p></header>', title, line)
    return with_events(asked, Piece(head, "\n".join([title, " · ".join(parts)])))


def summary(question: Question) -> loop.Summary:
    """Return what ``loop.summary`` answers to the report's question."""
    return loop.summary(question.store, **question.words)


def headlines(question: Question) -> dict[str, Any]:
    """Return, for ``charts.loop_wheel``, each phase's headline: the row of its first metric that has a value.

    A phase without any has the reason why its first metric has none.
    """
    return {phase: _headline(question, names) for phase, names in HEADLINES.items()}


def wheel(question: Question, found: loop.Summary) -> Any:
    """Draw the eight phases with their headlines, and in the middle how long half of the changes took at most."""
    t = question.t
    middle = "" if found.median is None else f"{t.hours(found.median)}|{t('to production, median')}"
    return charts.loop_wheel(headlines(question), centre=middle, t=t)


def finding(found: loop.Summary, t: Language | None = None) -> Piece:
    """Return the loop in two sentences: where changes wait longest, and how many have a whole chain."""
    t = t or of()
    if not found.changes:
        return paragraph(t("There is nothing to say: {reason}.", reason=t(found.reason)), "lead")
    return paragraph(f"{waits(found, t)} {_chains(found, t)}", "lead")


def waits(found: loop.Summary, t: Language) -> str:
    """Return the sentence that names the bottleneck with its share."""
    worst = found.bottleneck
    if worst is None:
        return t("Nothing waits.")
    stage, share = waiting(str(worst["stage"]), t), t.value(worst["share"], "share")
    return t("Changes wait longest {stage}: {share} of their time.", stage=stage, share=share)


def _chains(found: loop.Summary, t: Language) -> str:
    changes = t.many("{count} change", "{count} changes", found.changes)
    share = t.value(found.whole or 0.0, "share")
    lost = found.broken[found.broken["missing"] > 0]
    if lost.empty:
        return t("{share} of {changes} have a whole chain.", share=share, changes=changes)
    worst = lost.loc[lost["share"].idxmax()]
    return t(
        "{share} of {changes} have a whole chain; most often the {link} is missing ({part}).",
        share=share,
        changes=changes,
        link=t(worst["link"]),
        part=t.value(worst["share"], "share"),
    )


def stages(found: loop.Summary, t: Language | None = None) -> Piece:
    """Return the stages in order: how many changes, the median, and the share of all their time."""
    t = t or of()
    if found.stages.empty:
        return paragraph(t("No stages: {reason}.", reason=t(found.reason or NOTHING)))
    worst = None if found.bottleneck is None else found.bottleneck["stage"]
    columns = [
        Column(t("Stage"), lambda row: t(row["stage"]) + (t(" (the bottleneck)") if row["stage"] == worst else "")),
        Column(t("Phase"), lambda row: t(phases.phase_of(row["phase"]).title)),
        Column(t("Kind"), lambda row: t(_KINDS[row["kind"]])),
        Column(t("Changes"), lambda row: t.number(words.whole(row["n"])), numeric=True),
        Column(t("Median"), lambda row: t.hours(row["median"]), numeric=True),
        Column(t("All together"), lambda row: t.hours(row["total"]), numeric=True),
        Column(t("Share of all time"), lambda row: _part(row["share"], t), numeric=True),
    ]
    return table(found.stages.to_dict("records"), columns)


def _part(share: float, t: Language) -> str:
    return f"< {t.value(LEAST, 'share')}" if 0 < share < LEAST else t.value(share, "share")


def broken(found: loop.Summary, t: Language | None = None) -> Piece:
    """Return, for each link of the chain, how many changes should have it and how many lack it; the most lost first."""
    t = t or of()
    rows = found.broken.sort_values(["missing", "share"], ascending=False, kind="stable")
    if rows.empty:
        return paragraph(t("No links are expected: nothing was deployed."))
    columns = [
        Column(t("Link"), lambda row: t(row["link"])),
        Column(t("Expected"), lambda row: t.number(words.whole(row["expected"])), numeric=True),
        Column(t("Missing"), lambda row: t.number(words.whole(row["missing"])), numeric=True),
        Column(t("Share missing"), lambda row: t.value(row["share"], "share"), numeric=True),
    ]
    return table(rows.to_dict("records"), columns)


def slowest(found: loop.Summary, *, timezone: str = "UTC", t: Language | None = None) -> Piece:
    """Return the changes that took longest from the beginning of their line, and where each waited most."""
    t = t or of()
    rows = _by_length(found)
    if not rows:
        reason = t(found.reason) if found.reason else t("nothing is known but deployments")
        return paragraph(t("No change to show: {reason}.", reason=reason))
    columns = [
        Column(t("Change"), lambda row: short(row["change_id"]), lambda row: row["url"]),
        Column(t("What it says"), lambda row: shortened(row["title"])),
        Column(t("Began"), lambda row: t.day(row["started_at"], timezone)),
        Column(t("Waited most"), lambda row: t(row["waited"])),
        Column(t("So long"), lambda row: t.hours(row["wait"]) if row["wait"] else "", numeric=True),
        Column(t("Took"), lambda row: t.hours(row["microseconds"] / HOUR), numeric=True),
    ]
    if len({row["service"] for row in rows}) > 1:
        columns.insert(0, Column(t("Service"), lambda row: row["service"]))
    shown = table(rows[:MOST_ROWS], columns)
    if len(rows) <= MOST_ROWS:
        return shown
    count = t.number(words.whole(len(rows) - MOST_ROWS))
    return together(shown, paragraph(t("… and {count} more: {rest}", count=count, rest="loop.stages")))


def example(question: Question, found: loop.Summary) -> loop.Trace | None:
    """Return one change to follow: the slowest of those whose most stages are known; None where none is."""
    rows = _by_length(found)
    if not rows:
        return None
    row = max(rows, key=lambda row: row["known"])  # the first of several is the slowest
    words_ = {key: question.words[key] for key in ("as_of", "timezone") if key in question.words}
    return loop.trace(question.store, row["change_id"], service=row["service"], **words_)


def traced(question: Question, trace: loop.Trace | None) -> Any:
    """Draw one change as a waterfall, or say that there is none to follow."""
    if trace is None:
        return paragraph(question.t("No change to follow: {reason}.", reason=question.t(NOTHING)))
    return charts.change_trace(trace, timezone=question.timezone, t=question.t)


def links(trace: loop.Trace | None, *, timezone: str = "UTC", t: Language | None = None) -> Piece:
    """Return one change's links with their pages: what is there, and what its repository has and it lacks."""
    t = t or of()
    if trace is None:
        return paragraph("")
    rows = trace.links[trace.links["expected"] | trace.links["there"]]
    columns = [
        Column(t("Link"), lambda row: t(row["link"])),
        Column(t("What"), lambda row: _what(row, trace, t), lambda row: row["url"]),
        Column(t("When"), lambda row: words.moment(row["known_at"], timezone)),
    ]
    return table(rows.astype(object).where(rows.notna(), None).to_dict("records"), columns)


def _what(row: Any, trace: loop.Trace, t: Language) -> str:
    if not row["there"]:
        return t("missing")
    if row["link"] == "service level" and trace.level is not None and trace.level["total"]:
        share = trace.level["good"] / trace.level["total"]
        return t("{share} of the events of the day after were good", share=t.value(float(share), "share"))
    return shortened(row["text"]) or t("there")


def _by_length(found: loop.Summary) -> list[dict[str, Any]]:
    """Return a row per change with its total and its longest wait, the slowest first."""
    frame = stages_frame(found.points)
    rows = [_slow(part) for _, part in frame.groupby(["service", "change_id"], sort=True)]
    return sorted(rows, key=lambda row: (-row["microseconds"], row["service"], row["change_id"]))


def _slow(part: pd.DataFrame) -> dict[str, Any]:
    """Return one change's total, and the stage in which it waited longest."""
    first = part.iloc[0]
    spent = part[(part["kind"] == WAITING) & (part["microseconds"] > 0)]
    longest = None if spent.empty else spent.loc[spent["microseconds"].idxmax()]
    return {
        **{name: first[name] for name in ("service", "change_id", "title", "url", "started_at")},
        "microseconds": int(part["microseconds"].sum()),
        "known": int((part["bridged"] == "").sum()),
        "waited": "" if longest is None else longest["stage"],
        "wait": 0.0 if longest is None else float(longest["hours"]),
    }


def _headline(question: Question, names: tuple[str, ...]) -> Any:
    reason = ""
    for name in names:
        try:
            rows = phases.spoken(question.answer(name))
        except LabError as problem:
            reason = reason or shortened(problem)
            continue
        if rows and words.answer(rows[0]) != words.MISSING:
            return rows[0]
        reason = reason or phases.why_missing(question, name)
    return reason
