"""The page of planning: cumulative flow, the age of open work, milestones, and what to look at next."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from devops_lab import metrics, words
from devops_lab.charts import ages, flow, flow_forecasts
from devops_lab.errors import LabError
from devops_lab.reports import phases
from devops_lab.reports.page import Column, Piece, paragraph, shortened, together
from devops_lab.reports.phases import Step
from devops_lab.reports.question import Question

UNLIKELY = 0.5  # share of futures in time below which a milestone is named
LATE = 0.85  # of the finished issues took at most so long; older ones are late


def cumulative_flow(asked: Question) -> Any:
    """Return the figure of issues opened, begun and closed over the window."""
    if (missing := phases.unknown(asked, "issue_lead_time")) is not None:
        return missing
    start, end = asked.window
    return asked.marked(flow.cumulative_flow(issues(asked), start, end, timezone=asked.timezone, t=asked.t))


def issues(asked: Question) -> pd.DataFrame:
    """Return a row per issue that was there in the window: repository, id, created_at, began_at, done_at."""
    words_of = {name: value for name, value in asked.words.items() if name not in ("last", "since")} | {"last": "all"}
    columns = ["repository", "id", "created_at", "began_at", "done_at"]
    try:
        lead, cycle = (
            metrics.find(name).observations(asked.store, **words_of) for name in ("issue_lead_time", "issue_cycle_time")
        )
    except LabError:
        return pd.DataFrame(columns=columns)
    keys = ["repository", "id"]
    first = lead.drop_duplicates(keys)[[*keys, "started_at", "ended_at"]]
    signs = cycle.drop_duplicates(keys)[[*keys, "started_at"]].rename(columns={"started_at": "began_at"})
    both = first.merge(signs, on=keys, how="left").rename(columns={"started_at": "created_at", "ended_at": "done_at"})
    start, end = asked.window
    there = (both["created_at"] < end) & (both["done_at"].isna() | (both["done_at"] >= start))
    return both.loc[there, columns].reset_index(drop=True)


def usual(asked: Question) -> float:
    """Return within how many hours 85 % of the window's finished issues were closed after the first sign of work."""
    rows = phases.counted(asked, "issue_cycle_time")
    return float(np.quantile(rows["value"], LATE)) if len(rows) >= words.TOO_FEW else float("nan")


def age_of_work(asked: Question) -> Any:
    """Return the figure of how long each issue under way has been worked on."""
    if (missing := phases.unknown(asked, "work_item_age")) is not None:
        return missing
    return ages.age_of_work(phases.counted(asked, "work_item_age"), usual(asked), t=asked.t)


def oldest(asked: Question) -> Piece:
    """Return the issues under way, the oldest first, as a table with links."""
    t = asked.t
    rows = phases.counted(asked, "work_item_age").sort_values(["value", "id"], ascending=[False, True])
    if rows.empty:
        return phases.NOTHING
    columns = [
        Column(t("Issue"), lambda row: row["id"], lambda row: row["url"]),
        Column(t("What it says"), lambda row: shortened(row["title"])),
        Column(t("Since"), lambda row: t.day(row["started_at"], asked.timezone)),
        Column(t("Worked on for"), lambda row: t.hours(float(row["value"])), numeric=True),
    ]
    if len(asked.services) > 1:
        columns.insert(1, phases.repository(asked))
    return phases.listing(asked, rows.to_dict("records"), columns, t("in the table work_item_age"))


def milestones(asked: Question) -> Piece:
    """Return the milestones that were due in the window, with the share of their issues that was closed in time."""
    t = asked.t
    if not phases.covered(asked, "milestone_completion"):
        return paragraph(phases.why_missing(asked, "milestone_completion"))
    rows = phases.counted(asked, "milestone_completion").drop_duplicates(["repository", "id"])
    due = asked.store.query("select repository, number, due_on from milestones", as_of=asked.as_of)
    due = due.assign(id="milestone:" + due["number"].astype(str)).drop(columns="number")
    rows = rows.merge(due, on=["repository", "id"], how="left")
    rows = rows.sort_values(["due_on", "repository"], ascending=[False, True], kind="stable")
    if rows.empty:
        return paragraph(t("No milestone was due in this window."))
    columns = [
        Column(t("Milestone"), lambda row: shortened(row["title"] or row["id"], 60), lambda row: row["url"]),
        phases.repository(asked),
        Column(t("Due"), lambda row: t.day(row["due_on"])),
        Column(t("Closed in time"), lambda row: _done(row, asked), numeric=True),
    ]
    return phases.listing(asked, rows.to_dict("records"), columns, t("in the table milestone_completion"))


def forecast(asked: Question) -> Any:
    """Return the figure of when open milestones will be finished, beside the day they are due."""
    if (missing := phases.unknown(asked, "milestone_completion")) is not None:
        return missing
    rows = _stored_forecasts(asked)
    known = rows[rows["finish_95"].notna()] if len(rows) else rows
    if len(known) and known["repository"].nunique() > 1:
        bare = [f"{row.repository.rpartition('/')[2]} · {row.title}" for row in known.itertuples()]
        known = known.assign(title=bare)
    return flow_forecasts.milestone_forecasts(known, t=asked.t)


def forecasts(asked: Question) -> Piece:
    """Return by when open milestones will be finished with 50, 85 and 95 % of the futures, or why nobody can say."""
    t, rows = asked.t, _stored_forecasts(asked)
    if rows.empty:
        return phases.NOTHING
    rows = rows.sort_values(["due_on", "repository", "number"], na_position="last")
    columns = [
        Column(t("Milestone"), lambda row: shortened(row["title"], 60), lambda row: row["url"]),
        phases.repository(asked),
        Column(t("Due"), lambda row: "" if words.missing(row["due_on"]) else t.day(row["due_on"])),
        Column(t("Open"), lambda row: t.number(words.whole(row["open_issues"])), numeric=True),
        *(
            Column(t("{share} sure", share=f"{share} %"), _finished(share, asked), numeric=True)
            for share in (50, 85, 95)
        ),
        Column(
            t("In time"),
            lambda row: "" if words.missing(row["on_time"]) else t.value(row["on_time"], "share"),
            numeric=True,
        ),
    ]
    found = phases.listing(asked, rows.to_dict("records"), columns, t("in the table milestone_forecasts"))
    reasons = sorted({t(str(reason)) for reason in rows["reason"].dropna()})
    return together(found, paragraph(" · ".join(reasons))) if reasons else found


def steps(asked: Question) -> list[Step]:
    """Return what to look at next: work that got old, a growing backlog, more begun than finished."""
    t, found = asked.t, []
    ageing, limit = phases.counted(asked, "work_item_age"), usual(asked)
    late = ageing[ageing["value"] > limit].sort_values("value", ascending=False)
    if len(late):
        oldest_one = late.iloc[0]
        said = t.many(
            "{count} issue under way is older than {usual}, which 85 % of the finished ones stayed below: finish it, "
            "split it, or say that it is not worked on.",
            "{count} issues under way are older than {usual}, which 85 % of the finished ones stayed below: finish "
            "them, split them, or say that they are not worked on. Begin with the oldest:",
            len(late),
            usual=t.hours(limit),
        )
        found.append(Step(said, str(oldest_one["id"]), oldest_one["url"]))
    under_way, closed = phases.first(asked, "work_in_progress"), phases.first(asked, "issue_throughput")
    start, end = asked.window
    weeks = (end - start).total_seconds() / 604800
    if under_way and closed and closed["value"] > 0:
        lasts = under_way["value"] / (closed["value"] / weeks)
        said = t(
            "At the pace of this window, what is under way now takes {weeks} weeks to finish; nothing new needs to be "
            "begun before.",
            weeks=t.number(words.number(lasts)),
        )
        if lasts >= 1.5:
            found.append(Step(said))
    found += _late_milestone(asked)
    growth = phases.first(asked, "backlog_growth")
    if growth and closed and growth["value"] > 0.1 * max(closed["value"], 1):
        said = t(
            "{opened} more issues were opened than closed: decide which of them will never be done, and close those.",
            opened=t.number(words.whole(growth["value"])),
        )
        found.append(Step(said))
    return found


def _late_milestone(asked: Question) -> list[Step]:
    """Return the step about the open milestone that is least likely to be finished in time."""
    rows = _stored_forecasts(asked)
    late = rows[rows["on_time"] < UNLIKELY].sort_values("on_time") if len(rows) else rows
    if late.empty:
        return []
    row, t = late.iloc[0], asked.t
    said = t(
        "{share} of the futures finish this milestone by {day}: take something out of it, or move the day.",
        share=t.number(words.share(float(row["on_time"]))), day=t.day(row["due_on"]),
    )  # fmt: skip
    return [Step(said, shortened(row["title"], 40), row["url"])]


def _done(row: Any, asked: Question) -> str:
    share = asked.t.value(row["value"] / row["denominator"], "share")
    return asked.t("{share} of {count}", share=share, count=int(row["denominator"]))


def _finished(share: int, asked: Question) -> Any:
    return lambda row: "–" if words.missing(row[f"finish_{share}"]) else asked.t.day(row[f"finish_{share}"])


def _stored_forecasts(asked: Question) -> pd.DataFrame:
    rows = asked.store.query("select * from milestone_forecasts", as_of=asked.as_of)
    return rows[rows["repository"].isin(asked.services["repository"])]
