"""Test: what each case of a test job came to, derived from the job, so that nothing needs to be kept.

A job that failed has at least one failed case.  Broken code fails the same cases in each attempt; flaky tests fail in
some attempts and pass in another on the same sha.  Jobs that were cancelled or timed out have no results.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import numpy as np

from devops_lab.practice.world.calendar import Dice
from devops_lab.practice.world.company import Plan
from devops_lab.practice.world.records import FAILURE, SUCCESS, Attempt, Job, Run
from devops_lab.practice.world.site import Site

CASES_EACH = 60
MODULES = ("routes", "models", "views", "prices", "storage", "client", "forms", "app")
SUBJECTS = ("empty", "one", "many", "unicode", "negative", "missing", "duplicate", "expired")
SKIPPED_EVERY, FLAKY_EVERY = 20, 13
START_UP, SHORTEST = timedelta(seconds=6), timedelta(seconds=1)
MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True)
class Case:
    """A test case: its class (a dotted module), name and file."""

    suite: str
    name: str
    file: str


@dataclass(frozen=True)
class Results:
    """What the cases of a job came to; `failed` and `skipped` are places in `cases`, all others passed."""

    job: Job
    cases: tuple[Case, ...]
    failed: frozenset[int]
    skipped: frozenset[int]

    def whole(self) -> timedelta:
        """Return how long all cases together took: the job's time after it had started up."""
        return max(self.job.completed_at - self.job.started_at - START_UP, SHORTEST)

    def seconds(self) -> list[float]:
        """Return how long each case took, to the millisecond; the sum is `whole`."""
        whole = self.whole() // MILLISECOND
        typical = np.random.default_rng(len(self.cases)).lognormal(0, 1.1, len(self.cases))
        drawn = typical * np.random.default_rng(self.job.id).lognormal(0, 0.3, len(self.cases))
        drawn[list(self.skipped)] = 0
        counted = np.floor(drawn * whole / drawn.sum()).astype(int)
        counted[int(counted.argmax())] += whole - int(counted.sum())
        return [int(one) / 1000 for one in counted]


@cache
def cases(plan: Plan) -> tuple[Case, ...]:
    """Return the cases of a repository: the same number for each of its services."""
    return tuple(
        Case(
            f"{service.folder.replace('/', '.')}.tests.test_{MODULES[place % len(MODULES)]}",
            f"test_{SUBJECTS[place // len(MODULES)]}_{MODULES[place % len(MODULES)]}",
            f"{service.folder}/tests/test_{MODULES[place % len(MODULES)]}.py",
        )
        for service in plan.services
        for place in range(CASES_EACH)
    )


@cache
def skipped(plan: Plan) -> frozenset[int]:
    """Return the places of the cases that are always skipped."""
    return frozenset(range(7, len(cases(plan)), SKIPPED_EVERY))


@cache
def flaky(plan: Plan) -> tuple[int, ...]:
    """Return the places of the cases that fail now and then for no reason."""
    return tuple(place for place in range(5, len(cases(plan)), FLAKY_EVERY) if place not in skipped(plan))


def results(site: Site, run: Run, attempt: Attempt, job: Job) -> Results | None:
    """Return what the cases of a job came to; None where it ran no tests to their end in this attempt."""
    ran = job.name.startswith("test") and job.created_at >= attempt.started_at
    if not ran or job.conclusion not in (SUCCESS, FAILURE):
        return None
    failed: frozenset[int] = frozenset()
    if job.conclusion == FAILURE:
        dice = Dice(site.seed, run.id)
        some, most = flaky(site.plan), 2
        if run.trouble != "flaky":
            some, most = tuple(set(range(len(cases(site.plan)))) - skipped(site.plan)), 6
        failed = frozenset(dice.one_of(some) for _ in range(dice.integer(1, most)))
    return Results(job, cases(site.plan), failed, skipped(site.plan))
