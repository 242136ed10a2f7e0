"""The page of the deploy phase: the promotion funnel, when people deploy, how long it takes, what did not get there."""

from __future__ import annotations

from typing import Any

import pandas as pd

from devops_lab import charts, words
from devops_lab.language import marked
from devops_lab.reports import phases
from devops_lab.reports.page import Column, Piece, paragraph, table
from devops_lab.reports.phases import Step
from devops_lab.reports.question import Question
from devops_lab.reports.verdicts import name

STAGING = "staging"
SEES_NO_FAILURES = "its rule sees no failures"  # the metric's reason: releases, tags and merges as deployments
SLOW = 3.0  # times the median
_FUNNEL = """
with staged as (
    select
        d.repository,
        d.sha,
        min(d.created_at) as first_at,
        max(case when t.state = 'success' then 1 else 0 end) as passed
    from github_deployments d
    left join deployment_statuses t on t.repository = d.repository and t.deployment_id = d.id
    where lower(d.environment) = $staging and d.sha is not null
    group by d.repository, d.sha
),
failed as (
    select distinct service, deployment_id from failures where excluded is null and deployment_id is not null
),
live as (
    select
        d.service,
        d.repository,
        d.sha,
        max(case when d.result = 'success' then 1 else 0 end) as arrived,
        max(case when f.deployment_id is null then 0 else 1 end) as failed
    from deployments d
    left join failed f on f.service = d.service and f.deployment_id = d.id
    where d.excluded is null and d.sha is not null and d.result in ('success', 'failure')
    group by d.service, d.repository, d.sha
)
select
    s.repository,
    s.sha,
    s.first_at,
    s.passed,
    l.service,
    l.arrived,
    l.failed
from staged s
left join live l on l.repository = s.repository and l.sha = s.sha
"""
_STATES = {
    "failure": marked("did not get there"),
    "rollback": marked("rollback"),
    "success": marked("success"),
}


def funnel(asked: Question) -> Any:
    """Draw how many of the versions that the window saw in staging got how far."""
    t, rows = asked.t, promoted(asked)
    count = len(rows)
    if not count:
        return charts.promotion_funnel([], t=t)
    passed = rows["passed"].eq(1)
    tried = passed & rows["arrived"].notna()
    arrived = tried & rows["arrived"].eq(1)
    goal = t("in production")
    reached = [
        (t("in staging"), count),
        (t("succeeded there"), int(passed.sum())),
        (t("rolled out to production"), int(tried.sum())),
        (goal, int(arrived.sum())),
        (t("in production without a failure"), int((arrived & rows["failed"].eq(0)).sum())),
    ]
    return charts.promotion_funnel(reached, goal=goal, t=t)


def promoted(asked: Question) -> pd.DataFrame:
    """Return the versions first deployed to staging in the window: repository, sha, passed, arrived, failed."""
    start, end = asked.window
    rows = asked.store.query(_FUNNEL, as_of=asked.as_of, staging=STAGING)
    names, places = set(asked.services["service"]), set(asked.services["repository"])
    rows = rows[rows["repository"].isin(places) & (rows["service"].isna() | rows["service"].isin(names))]
    rows = rows[(rows["first_at"] >= pd.Timestamp(start)) & (rows["first_at"] < pd.Timestamp(end))]
    return rows.groupby(["repository", "sha"], as_index=False)[["passed", "arrived", "failed"]].max()


def rollouts(asked: Question) -> pd.DataFrame:
    """Return the deployments that ended: service, id, title, url, occurred_at, ended_at, minutes, value, kind, …

    Where the rule sees no failures `value` is missing and `measured` false.
    """
    rows = asked.observations("deployment_success_rate")
    seen = rows["excluded"].isna() | rows["excluded"].eq(SEES_NO_FAILURES)
    back = phases.counted(asked, "rollback_rate")
    back = back[back["value"].gt(0)][["service", "id"]].assign(is_rollback=True)
    took = asked.observations("deployment_duration")[["service", "id", "started_at", "ended_at"]]
    found = rows[seen][["service", "id", "title", "url", "occurred_at", "value", "excluded"]]
    found = found.merge(back, on=["service", "id"], how="left").merge(took, on=["service", "id"], how="left")
    found["is_rollback"] = found["is_rollback"].notna()
    found["measured"] = found["excluded"].isna()
    found["kind"] = found["value"].eq(0).map({True: "failure", False: "success"}).mask(found["is_rollback"], "rollback")
    found["minutes"] = (found["ended_at"] - found["started_at"]).dt.total_seconds() / 60
    return found.drop(columns="excluded").sort_values("occurred_at", ignore_index=True)


def by_hour(asked: Question) -> Any:
    """Draw the deployments by weekday and hour, with failures and rollbacks marked."""
    return charts.deployments_by_hour(rollouts(asked), timezone=asked.timezone, t=asked.t)


def durations(asked: Question) -> Any:
    """Draw how long each deployment took; releases, tags and merges are instants and are not drawn."""
    rows = rollouts(asked)
    rows = rows[rows["measured"] & rows["minutes"].ge(0)]
    return asked.marked(charts.rollout_durations(rows, timezone=asked.timezone, t=asked.t))


def troubled(asked: Question) -> Piece:
    """Return the deployments that did not get there and the rollbacks, the latest first."""
    t, rows = asked.t, rollouts(asked)
    measured = bool(rows["measured"].any())
    rows = rows[rows["kind"] != "success"].iloc[::-1]
    if rows.empty:
        return paragraph(
            t("Every deployment of this window got there, and none was a rollback.")
            if measured
            else t("No deployment of this window was a rollback; whether one failed cannot be seen by their rule."),
            "",
        )
    columns = [
        Column(t("Deployment"), lambda row: name(row["title"], row["id"], rows["title"]), lambda row: row["url"]),
        Column(t("Ended"), lambda row: words.moment(row["occurred_at"], asked.timezone)),
        Column(t("What"), lambda row: t(_STATES[row["kind"]])),
        Column(t("Took"), lambda row: _took(row, asked), numeric=True),
    ]
    if len(asked.services) > 1:
        columns.insert(0, Column(t("Service"), lambda row: row["service"]))
    return table(rows.to_dict("records"), columns, rest=t("in the store's table deployments"))


def steps(asked: Question) -> list[Step]:
    """Return what to look at next: who fails most, what stays in staging, the slowest deployment."""
    rows = rollouts(asked)
    seen = rows[rows["measured"]]
    return [*_failing(asked, seen), *_left_behind(asked), *_slowest(asked, seen)]


def _failing(asked: Question, seen: pd.DataFrame) -> list[Step]:
    tries = seen.groupby("service")["value"].agg(["size", "mean"])
    tries = tries[tries["size"].ge(words.TOO_FEW) & tries["mean"].lt(1)]
    if tries.empty:
        return []
    worst = str(tries["mean"].idxmin())
    last = seen[(seen["service"] == worst) & seen["value"].eq(0)].iloc[-1]
    said = asked.t(
        "{share} of the deployments of {service} did not get there. The last one:",
        service=worst,
        share=asked.t.number(words.share(1 - float(tries.loc[worst, "mean"]))),
    )
    return [Step(said, f"{worst} {name(last['title'], last['id'], seen['title'])}", last["url"])]


def _left_behind(asked: Question) -> list[Step]:
    staged = promoted(asked)
    stayed = int((staged["passed"].eq(1) & staged["arrived"].isna()).sum())
    if len(staged) < words.TOO_FEW or not stayed:
        return []
    said = asked.t.many(
        "{count} version succeeded in staging and was never rolled out to production: superseded, or forgotten?",
        "{count} versions succeeded in staging and were never rolled out to production: superseded, or forgotten?",
        stayed,
    )
    return [Step(said)]


def _slowest(asked: Question, seen: pd.DataFrame) -> list[Step]:
    timed = seen[seen["minutes"].ge(0) & seen["value"].eq(1)]
    if len(timed) < words.TOO_FEW:
        return []
    row, half = timed.loc[timed["minutes"].idxmax()], float(timed["minutes"].median())
    if row["minutes"] <= SLOW * half:
        return []
    most, usual = asked.t.hours(row["minutes"] / 60), asked.t.hours(half / 60)
    said = asked.t("The slowest deployment took {most}, where half take up to {half}:", most=most, half=usual)
    return [Step(said, f"{row['service']} {name(row['title'], row['id'], seen['title'])}", row["url"])]


def _took(row: Any, asked: Question) -> str:
    return "–" if words.missing(row["minutes"]) or not row["measured"] else asked.t.hours(float(row["minutes"]) / 60)
