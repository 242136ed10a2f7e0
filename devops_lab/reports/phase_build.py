"""The page of building: durations over time, the slowest jobs and steps, queues, red times of the default branch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from devops_lab import words
from devops_lab.charts import builds
from devops_lab.errors import LabError
from devops_lab.reports import phases
from devops_lab.reports.page import Column, Piece, paragraph, shortened
from devops_lab.reports.phases import Step
from devops_lab.reports.question import Question

LONG = 10 / 60  # hours: an answer that takes longer than ten minutes comes after the author has gone on
WORTH = 0.005  # share of all time that a step needs to be listed
MANY_AGAIN = 0.05  # share of runs started again from which it is said
_JOBS = """
select j.repository, j.name, j.url, j.completed_at as occurred_at,
       (epoch_us(j.completed_at) - epoch_us(j.started_at)) / 3600000000.0 as hours
from workflow_jobs j
where j.completed_at >= $since and j.completed_at < $until and j.started_at <= j.completed_at
  and j.conclusion in ('success', 'failure')
"""
_STEPS = """
select s.repository, j.name as job, s.name, j.url,
       (epoch_us(s.completed_at) - epoch_us(s.started_at)) / 3600000000.0 as hours
from workflow_steps s
join workflow_jobs j on j.repository = s.repository and j.id = s.job_id
where s.completed_at >= $since and s.completed_at < $until and s.started_at <= s.completed_at
  and s.conclusion in ('success', 'failure')
"""


def durations(asked: Question) -> Any:
    """Return the figure of build durations per period: the median and the slowest twentieth."""
    t, row = asked.t, phases.first(asked, "build_duration")
    title = _no_number(asked, "build_duration")
    if row:
        most = asked.answer("build_duration").set_index("statistic")["value"].get("p95")
        title = t(
            "Half of the builds take up to {half}, one in twenty more than {most}",
            half=t.value(row["value"], "minutes"), most=t.value(most, "minutes"),
        )  # fmt: skip
    subtitle = t("Time from a run's start to its end, per period; shaded: 95 % interval of the median")
    return _percentiles(asked, "build_duration", title, subtitle)


def queues(asked: Question) -> Any:
    """Return the figure of how long jobs wait for a runner, per period."""
    t, row = asked.t, phases.first(asked, "queue_time")
    title = _no_number(asked, "queue_time")
    if row:
        title = t("Half of the jobs get a runner within {half}", half=t.value(row["value"], "seconds"))
    return _percentiles(asked, "queue_time", title, t("Time from a job's creation to its start, per period"))


def red_times(asked: Question) -> Any:
    """Return the figure of when the default branch was red."""
    if (missing := phases.unknown(asked, "time_to_green")) is not None:
        return missing
    start, end = asked.window
    rows = phases.counted(asked, "time_to_green")
    if len(asked.services) > 1 and "title" in rows:
        rows = rows.assign(title=[f"{row.repository.split('/')[-1]} · {row.title}" for row in rows.itertuples()])
    return builds.red_times(rows, start, end, timezone=asked.timezone, t=asked.t)


def slowest_jobs(asked: Question) -> Any:
    """Return the figure of the jobs that take longest: median and 95th percentile of each name."""
    t = asked.t
    if (missing := phases.unknown(asked, "queue_time")) is not None:
        return missing
    rows = [row for row in _summed(_asked_rows(asked, _JOBS), ["name"]) if row["half"] > 0]
    shown = [(str(row["name"]), row["half"], row["most"], int(row["count"])) for row in rows]
    title = t("Slowest jobs: nothing ran")
    if shown:
        title = t(
            "The slowest job is {name}: half of its runs take {half} or more",
            name=_short(shown[0][0]),
            half=t.hours(shown[0][1]),
        )
    return builds.slowest(shown, title, t("Median (dot) and 95th percentile (bar's end) of each job's time"), t=t)


def slowest_steps(asked: Question) -> Piece:
    """Return the steps that take most time in all, as a table with a link to the slowest run of each."""
    t = asked.t
    rows = _asked_rows(asked, _STEPS)
    if rows.empty:
        known = phases.covered(asked, "queue_time")
        return paragraph(t("No steps of jobs are known in this window.")) if known else phases.NOTHING
    found = _summed(rows, ["repository", "job", "name"])
    found.sort(key=lambda row: (-row["sum"], row["repository"], row["job"], row["name"]))
    every = float(rows["hours"].sum())
    columns = [
        Column(t("Step"), lambda row: shortened(row["name"], 60), lambda row: row["url"]),
        Column(t("Job"), lambda row: shortened(row["job"], 40)),
        Column(t("Runs"), lambda row: t.number(words.whole(row["count"])), numeric=True),
        Column(t("Half take"), lambda row: t.hours(row["half"]), numeric=True),
        Column(t("95 % take up to"), lambda row: t.hours(row["most"]), numeric=True),
        Column(t("Share of all time"), lambda row: t.value(row["sum"] / every, "share") if every else "", numeric=True),
    ]
    if len(asked.services) > 1:
        columns.insert(2, phases.repository(asked))
    worth = [row for row in found if row["sum"] >= WORTH * every]
    return phases.listing(asked, worth, columns, t("in the table workflow_steps"), len(found))


def steps(asked: Question) -> list[Step]:
    """Return what to look at next: what is red now, what takes long, what is started again."""
    t, found = asked.t, []
    red = phases.counted(asked, "time_to_green")
    still = red[red["censored"].astype(bool)] if len(red) else red
    if len(still):
        row = still.sort_values("value").iloc[-1]
        said = t(
            "{workflow} of {repository} has been red on the default branch for {took}; until it is green, nobody sees "
            "a new failure there:",
            workflow=row["title"], repository=row["repository"], took=t.hours(float(row["value"])),
        )  # fmt: skip
        found.append(Step(said, t("the run that turned red"), row["url"]))
    jobs = _summed(_asked_rows(asked, _JOBS), ["name"])
    took = phases.first(asked, "build_duration")
    if jobs and took and took["value"] / 60 > LONG / 2:
        row = max(jobs, key=lambda one: one["sum"])
        share = row["sum"] / sum(one["sum"] for one in jobs)
        said = t(
            "{share} of all job time goes to {name}; making it faster pays most. Its slowest run:",
            share=t.number(words.share(share)), name=_short(row["name"]),
        )  # fmt: skip
        found.append(Step(said, _short(row["name"]), row["url"]))
    again = phases.counted(asked, "rerun_rate")
    repeated = again[again["value"] > 0]
    if len(again) >= words.TOO_FEW and len(repeated) / len(again) >= MANY_AGAIN:
        last = repeated.sort_values("occurred_at").iloc[-1]
        said = t(
            "{share} of the runs were started again, which often hides a flaky test or a flaky runner; the latest:",
            share=t.number(words.share(len(repeated) / len(again))),
        )
        found.append(Step(said, t("run {id}", id=last["id"]), last["url"]))
    return found


def _percentiles(asked: Question, metric: str, title: str, subtitle: str) -> Any:
    try:
        frame = phases.over(asked, metric)
    except LabError as problem:
        return builds.nothing(metric, shortened(problem), title)
    if frame.empty:
        return builds.nothing(metric, phases.why_missing(asked, metric), title)
    return asked.marked(builds.percentiles(frame, title, subtitle, timezone=asked.timezone, t=asked.t))


def _no_number(asked: Question, metric: str) -> str:
    return asked.t("{metric}: no number", metric=asked.t.label(metric))


def _asked_rows(asked: Question, sql: str) -> pd.DataFrame:
    """Return rows of the window's jobs or steps of the repositories that the page is about."""
    start, end = asked.window
    rows = asked.store.query(sql, as_of=asked.as_of, since=start, until=end)
    return rows[rows["repository"].isin(asked.services["repository"])]


def _summed(rows: pd.DataFrame, by: list[str]) -> list[dict[str, Any]]:
    """Return per name: count, sum, median, 95th percentile in hours, and the slowest one's address; slowest first."""
    found = []
    for names, part in rows.groupby(by, sort=True):
        values = part["hours"].to_numpy(float)
        slowest = part.loc[part["hours"].idxmax()]
        named = dict(zip(by, names if isinstance(names, tuple) else (names,), strict=True))
        found.append(
            named
            | {"count": len(values), "sum": float(values.sum()), "half": float(np.median(values))}
            | {"most": float(np.quantile(values, 0.95)), "url": slowest["url"]}
        )
    return sorted(found, key=lambda row: (-row["half"], *(str(row[name]) for name in by)))


def _short(name: Any) -> str:
    return shortened(name, 50)
