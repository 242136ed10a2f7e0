"""The page of coding: the four parts of a pull request, size against review time, how reviews are spread."""

from __future__ import annotations

from typing import Any

import pandas as pd

from devops_lab import words
from devops_lab.charts import flow_stages, sizes
from devops_lab.language import marked
from devops_lab.reports import phases
from devops_lab.reports.page import Column, Piece, paragraph, shortened
from devops_lab.reports.phases import Step
from devops_lab.reports.question import Question

PARTS = (  # column of pull_request_cycle_time, its name, whether somebody waits
    ("coding_hours", marked("Coding"), False),
    ("pickup_hours", marked("Waiting for a first review"), True),
    ("review_hours", marked("Review"), False),
    ("merge_hours", marked("Waiting for the merge"), True),
)
_COLUMNS = [column for column, _, _ in PARTS]
WELL_COVERED = 0.9  # share of approved pull requests below which it is said
LARGE = 400  # lines: reviewers find fewer defects per line beyond


def whole(asked: Question) -> pd.DataFrame:
    """Return the merged pull requests of the window whose four parts are all known."""
    rows = phases.counted(asked, "pull_request_cycle_time")
    return rows.dropna(subset=_COLUMNS) if set(_COLUMNS) <= set(rows) else rows.iloc[:0]


def waterfall(asked: Question) -> Any:
    """Return the figure of the four parts, each beginning where the one before ends."""
    if (missing := phases.unknown(asked, "pull_request_cycle_time")) is not None:
        return missing
    rows, t = whole(asked), asked.t
    known = len(rows) > 0
    parts = [
        (t(name), float(rows[column].mean()), float(rows[column].median()), waits)
        for column, name, waits in PARTS
        if known
    ]
    return flow_stages.stage_waterfall(parts, len(rows), t=t)


def size_against_review(asked: Question) -> Any:
    """Return the figure of each pull request's lines against the time from ready to its last approval."""
    if (missing := phases.unknown(asked, "pull_request_size")) is not None:
        return missing
    lines = phases.counted(asked, "pull_request_size")
    times = phases.counted(asked, "pull_request_cycle_time")
    if lines.empty or "approved_at" not in times:
        return sizes.size_against_review(pd.DataFrame({"lines": [], "hours": []}), t=asked.t)
    keys = ["repository", "id"]
    both = lines[[*keys, "value", "title"]].merge(times[[*keys, "ready_at", "approved_at"]], on=keys)
    ready, approved = (pd.to_datetime(both[name]) for name in ("ready_at", "approved_at"))
    both = both.assign(lines=both["value"], hours=(approved - ready).dt.total_seconds() / 3600)
    return sizes.size_against_review(both.dropna(subset=["hours"]), t=asked.t)


def review_load(asked: Question) -> Any:
    """Return the figure of how many reviews a person does in a week; only from five people on, and nobody is named."""
    if (missing := phases.unknown(asked, "review_load")) is not None:
        return missing
    return sizes.review_load(phases.counted(asked, "review_load"), t=asked.t)


def slowest(asked: Question) -> Piece:
    """Return the pull requests that took longest, with their four parts, as a table with links."""
    t, metric = asked.t, "pull_request_cycle_time"
    rows = phases.counted(asked, metric).sort_values(["value", "id"], ascending=[False, True])
    if rows.empty:
        why = t("No pull request was merged in this window.")
        return paragraph(why if phases.covered(asked, metric) else phases.why_missing(asked, metric))
    columns = [
        Column(t("Pull request"), lambda row: row["id"], lambda row: row["url"]),
        Column(t("What it says"), lambda row: shortened(row["title"], 80)),
        *(Column(t(name), _part(column, asked), numeric=True) for column, name, _ in PARTS),
        Column(t("Took"), lambda row: t.hours(float(row["value"])), numeric=True),
    ]
    if len(asked.services) > 1:
        columns.insert(1, phases.repository(asked))
    return phases.listing(asked, rows.to_dict("records"), columns, t("in the table pull_request_cycle_time"))


def steps(asked: Question) -> list[Step]:
    """Return what to look at next: the longest wait, unreviewed merges, large pull requests."""
    t, found = asked.t, []
    rows = whole(asked)
    total = float(rows[_COLUMNS].sum().sum()) if len(rows) else 0.0
    if len(rows) >= words.TOO_FEW and total > 0:
        waits = {column: (name, float(rows[column].sum()) / total) for column, name, wait in PARTS if wait}
        column, (name, share) = max(waits.items(), key=lambda item: item[1][1])
        worst = rows.sort_values(column, ascending=False).iloc[0]
        said = t(
            "{part} takes {share} of the time; agree on who looks at new pull requests, and when. The longest wait:",
            part=t(name), share=t.number(words.share(share)),
        )  # fmt: skip
        found += [Step(said, str(worst["id"]), worst["url"])] if share >= 0.2 else []
    covered = phases.counted(asked, "review_coverage")
    missed = covered[covered["value"] == 0]
    if len(covered) >= words.TOO_FEW and 1 - len(missed) / len(covered) < WELL_COVERED:
        last = missed.sort_values("occurred_at").iloc[-1]
        said = t(
            "{count} of {all} pull requests were merged without an approval; look whether that was meant. The latest:",
            count=len(missed), all=len(covered),
        )  # fmt: skip
        found.append(Step(said, str(last["id"]), last["url"]))
    lines = phases.counted(asked, "pull_request_size")
    large = lines[lines["value"] > LARGE].sort_values("value", ascending=False)
    if len(large) > 0.1 * max(len(lines), 1):
        said = t(
            "{share} of the pull requests change more than {lines} lines, where reviewers see less; the largest:",
            share=t.number(words.share(len(large) / len(lines))), lines=LARGE,
        )  # fmt: skip
        found.append(Step(said, str(large.iloc[0]["id"]), large.iloc[0]["url"]))
    return found


def _part(column: str, asked: Question) -> Any:
    unknown = asked.t("unknown")
    return lambda row: unknown if words.missing(row.get(column)) else asked.t.hours(float(row[column]))
