"""The truth: what the simulation wrote down as it made things happen, summed up without any of the lab's code.

The definitions are the lab's (a failed deployment is a successful one with at least one failure; it has recovered when
the incident was resolved or the remedy was in production, whichever came first; a rollout that carries a remedy, or is
a rollback, is unplanned), but nothing here is inferred: each failure's cause is the rollout that the simulation broke.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from devops_lab.practice.world.objects import past
from devops_lab.practice.world.records import SUCCESS, Change, Failure, Rollout
from devops_lab.practice.world.site import Site
from devops_lab.practice.world.truth_build import METRICS as BUILD
from devops_lab.practice.world.truth_code import METRICS as CODE
from devops_lab.practice.world.truth_deploy import METRICS as DEPLOY
from devops_lab.practice.world.truth_plan import METRICS as PLAN
from devops_lab.practice.world.truth_release import METRICS as RELEASE
from devops_lab.practice.world.truth_security import METRICS as SECURITY
from devops_lab.practice.world.truth_test import METRICS as TEST
from devops_lab.practice.world.truth_window import HOUR, Answer, Metrics, Window, share

WEEK = timedelta(days=7)
METRICS = (
    "change_lead_time",
    "deployment_frequency",
    "change_fail_rate",
    "failed_deployment_recovery_time",
    "deployment_rework_rate",
)


PHASES: Metrics = {**PLAN, **CODE, **BUILD, **TEST, **RELEASE, **DEPLOY, **SECURITY}
"""Metric of a phase → what tells its truth."""


@dataclass(frozen=True)
class Deployment:
    """A rollout that ended; `id` numbers a service's rollouts, `result` is success, failure or cancelled."""

    service: str
    id: int
    sha: str
    finished_at: datetime
    result: str
    failed: bool
    unplanned: bool
    rollback: bool


@dataclass(frozen=True)
class TrueChange:
    """A change in production; `before_records`: the first rollout brought it, so its lead time does not count."""

    service: str
    change: str
    first_commit_at: datetime
    deployed_at: datetime
    deployment: int
    is_bot: bool
    before_records: bool


@dataclass(frozen=True)
class TrueFailure:
    """Something broken by the rollout `deployment`; `linked`: its incident names the cause; `kind`: what told."""

    service: str
    deployment: int
    incident: int | None
    kind: str
    started_at: datetime
    recovered_at: datetime | None
    linked: bool


@dataclass
class Truth:
    """All that is true of the organisation at the instant `until`; `metric` sums it up."""

    until: datetime
    deployments: list[Deployment]
    changes: list[TrueChange]
    failures: list[TrueFailure]
    sites: tuple[Site, ...] = field(default=(), repr=False)

    def metric(self, name: str, service: str, since: datetime, until: datetime) -> Answer:
        """Return a DORA metric, or one of a phase, for a service over [`since`, `until`).

        DORA: hours for durations, a share, or deployments per week.  The median of recovery counts what has not
        recovered as longer than all that has; where that is half or more, it is not known (None).  Phases: in the unit
        that the function of the metric's name says.  Errors: KeyError for a name that is none of `METRICS` and
        `PHASES`, or for a service that is not there.
        """
        if name in PHASES:
            return PHASES[name](Window(self._site(service), service, since, until, self.until))
        if name not in METRICS:
            known = ", ".join((*METRICS, *PHASES))
            raise KeyError(f"{name!r} is no metric whose truth is known; they are {known}")
        counted = [
            one
            for one in self.deployments
            if one.service == service and one.result == SUCCESS and since <= one.finished_at < until
        ]
        if name == "deployment_frequency":
            return Answer(len(counted) / ((until - since) / WEEK), len(counted))
        if name == "change_fail_rate":
            return share(one.failed for one in counted)
        if name == "deployment_rework_rate":
            return share(one.unplanned for one in counted)
        if name == "failed_deployment_recovery_time":
            return self._recovery([one for one in counted if one.failed])
        hours = [
            (one.deployed_at - one.first_commit_at) / HOUR
            for one in self.changes
            if one.service == service and not one.before_records and since <= one.deployed_at < until
        ]
        return Answer(median(hours) if hours else None, len(hours))

    def _site(self, service: str) -> Site:
        by_service = {own.name: site for site in self.sites for own in site.plan.services}
        if service not in by_service:
            raise KeyError(f"{service!r} is no service; they are {', '.join(by_service)}")
        return by_service[service]

    def _recovery(self, failed: list[Deployment]) -> Answer:
        hours = []
        for one in failed:
            ends = [
                failure.recovered_at
                for failure in self.failures
                if (failure.service, failure.deployment) == (one.service, one.id)
            ]
            known = [end for end in ends if end is not None]
            hours.append((max(known) - one.finished_at) / HOUR if len(known) == len(ends) else float("inf"))
        value = median(hours) if hours else None
        return Answer(None if value == float("inf") else value, len(hours))

    def as_json(self) -> str:
        """Return the rows as JSON text: {until, deployments, changes, failures}."""

        def rows(things: Iterable[Any]) -> list[dict[str, Any]]:
            return [dict(vars(thing)) for thing in things]

        content = {
            "until": self.until,
            "deployments": rows(self.deployments),
            "changes": rows(self.changes),
            "failures": rows(self.failures),
        }
        return json.dumps(content, default=lambda moment: moment.isoformat(), indent=1)


def tell(sites: Iterable[Site], until: datetime) -> Truth:
    """Return the truth that was there at `until`."""
    truth = Truth(until, [], [], [], tuple(sites))
    for site in truth.sites:
        _tell(site, truth)
    return truth


def _tell(site: Site, truth: Truth) -> None:
    until = truth.until
    ended = [one for one in site.rollouts if one.finished_at <= until]
    ended.sort(key=lambda one: (one.finished_at, one.sha))
    numbers = {rollout: number for number, rollout in enumerate(ended, 1)}
    broken = set()
    for failure in site.failures:
        row = _failure(failure, numbers, until)
        if row is not None:
            truth.failures.append(row)
            broken.add(failure.cause)
    for rollout in ended:
        unplanned = rollout.rollback or any(change.remedy for change in rollout.carried)
        truth.deployments.append(
            Deployment(
                rollout.service,
                numbers[rollout],
                rollout.sha,
                rollout.finished_at,
                rollout.result,
                rollout in broken,
                unplanned and rollout.result == SUCCESS,
                rollout.rollback,
            )
        )
        truth.changes += [_change(change, rollout, numbers) for change in rollout.carried]


def _change(change: Change, rollout: Rollout, numbers: dict[Rollout, int]) -> TrueChange:
    return TrueChange(
        rollout.service,
        change.id,
        change.first_commit_at,
        rollout.finished_at,
        numbers[rollout],
        change.is_bot,
        rollout.first,
    )


def _failure(failure: Failure, numbers: dict[Rollout, int], until: datetime) -> TrueFailure | None:
    """Return what was known of a failure; None where it has not shown yet, or no rollout is to blame."""
    if failure.cause not in numbers or failure.cause is None:
        return None
    incident, remedy, rollback = failure.incident, failure.remedy, failure.rollback
    ends, shown = [], []
    if incident is not None:
        shown.append(incident.created_at)
        ends.append(incident.closed_at)
    if remedy is not None:
        deployed = remedy.deployed.get(failure.service)
        shown.append(remedy.landed_at)
        ends.append(deployed.finished_at if deployed else None)
    if rollback is not None:
        shown.append(rollback.finished_at)
        ends.append(rollback.finished_at)
    known = [at for at in ends if past(at, until) is not None and at is not None]
    if not shown or min(shown) > until:
        return None
    kind = "incident" if incident is not None else "rollback" if rollback is not None else "change"
    return TrueFailure(
        failure.service,
        numbers[failure.cause],
        incident.number if incident is not None else None,
        kind,
        min(shown),
        min(known, default=None),
        failure.linked,
    )
