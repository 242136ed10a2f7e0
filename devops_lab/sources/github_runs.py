"""Fetching workflow runs with every attempt, jobs and steps.

A filtered list of runs stops at 1,000, an unfiltered one at 40,000: the window is cut into slices that fit.  Runs of
the last 31 days that the store holds are looked at again on each sync, since a run can be re-run for so long.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from devops_lab.github_api.paging import Page
from devops_lab.sources.github_actions import attempt_of, in_own_attempts, job_row, run_row, step_rows
from devops_lab.sources.github_fields import Raw, Row, groups, instant, number, stamp, word
from devops_lab.sources.github_pull import EPOCH, OVERLAP, Batch, Pull

MOST_FILTERED = 1000
AIM = 700
LOOK_BACK = timedelta(days=31)
SECOND = timedelta(seconds=1)
DETAILS = ("workflow_jobs", "workflow_steps")


def workflow_runs(pull: Pull) -> Iterator[Batch]:
    """Yield runs newest first; of a group its jobs and steps come first, then the attempts of its runs."""
    start = pull.start("workflow_runs")
    runs = _Runs(pull)
    first = (pull.created_at or EPOCH) if start == EPOCH else start - OVERLAP
    for page in _slices(pull, first, pull.until):
        for group in groups(page, costly=pull.wants(*DETAILS)):
            yield from runs.batches(group)
        pull.progress("workflow_runs", pull.tally("workflow_runs").fetched, None)
    if runs.known_between(first - LOOK_BACK, first):
        for page in _slices(pull, first - LOOK_BACK, first - SECOND):
            again = [raw for raw in page if runs.holds(raw) and runs.changed(raw)]
            for group in groups(again):
                yield from runs.batches(group)
    yield from pull.ledger(start, "workflow_runs", *DETAILS)


def _slices(pull: Pull, first: datetime, last: datetime) -> Iterator[Page]:
    """Yield the pages of all runs created from `first` to `last`, both included, newest first, in slices that fit.

    A server that does not know the filter (its answer lies outside the slice) is read once, whole.
    """
    waiting = [(first, last)]
    while waiting:
        first, last = waiting.pop()
        pages = pull.pages("workflow_runs", "/actions/runs", "workflow_runs", created=f"{stamp(first)}..{stamp(last)}")
        page = next(pages, None)
        if page is None:
            continue
        total = page.total or len(page)
        if total < MOST_FILTERED or _outside(page, first, last):
            yield page
            yield from pages
        elif last - first > SECOND:
            waiting += _cut(first, last, -(-total // AIM))
        else:
            pull.tally("workflow_runs").capped += max(total - MOST_FILTERED, 0)
            yield page
            yield from pages


def _cut(first: datetime, last: datetime, parts: int) -> list[tuple[datetime, datetime]]:
    """Return slices of whole seconds that do not overlap, the oldest first."""
    first, last = first.replace(microsecond=0), last.replace(microsecond=0)
    seconds = int((last - first).total_seconds()) + 1
    parts = min(max(parts, 2), seconds)
    edges = [first + timedelta(seconds=seconds * part // parts) for part in range(parts + 1)]
    return [(edge, following - SECOND) for edge, following in pairwise(edges)]


def _outside(page: Page, first: datetime, last: datetime) -> bool:
    moments = [moment for raw in page if (moment := instant(raw, "created_at"))]
    return any(moment < first - SECOND or moment > last + SECOND for moment in moments)


class _Runs:
    """What the store holds of the runs, and how a group of them is fetched."""

    def __init__(self, pull: Pull) -> None:
        self.pull = pull
        self.known: dict[tuple[Any, ...], tuple[Any, ...]] = pull.known(
            "workflow_runs", "updated_at", "status", "created_at"
        )
        self.ids = {run for run, _ in self.known}
        self.proven = not pull.unproven("workflow_runs", *DETAILS)
        self.names: dict[int, str] = {run: name for (run,), (name,) in pull.known("workflows", "name").items()}
        self.names |= pull.workflow_names

    def known_between(self, first: datetime, last: datetime) -> bool:
        """Say whether the store holds a run made in [`first`, `last`)."""
        return any(created is not None and first <= created < last for _, _, created in self.known.values())

    def holds(self, raw: Raw) -> bool:
        """Say whether the store holds a run."""
        return number(raw, "id") in self.ids

    def changed(self, raw: Raw) -> bool:
        """Say whether a run must be fetched with its details: it is new, differs, or was not over when stored."""
        updated = instant(raw, "updated_at")
        stored = self.known.get((number(raw, "id"), attempt_of(raw)))
        same = stored is not None and updated is not None and stored[:2] == (updated, "completed")
        return not (same and self.proven and word(raw, "status") == "completed")

    def batches(self, group: list[Raw]) -> Iterator[Batch]:
        """Yield the steps, the jobs and the attempts of a group of runs."""
        runs: list[Row] = []
        jobs: list[Row] = []
        steps: list[Row] = []
        for raw in group:
            row = self.pull.row("workflow_runs", run_row, raw, attempt_of(raw), self.names)
            if row is None:
                continue
            if not (row["event"] or "").startswith("pull_request"):
                self.pull.deployed(row["sha"], row["created_at"])
            if self.changed(raw):
                attempts = self._earlier_attempts(row)
                own_jobs, own_steps = self._jobs(row, [*attempts, row])
                runs += attempts
                jobs += own_jobs
                steps += own_steps
            else:
                self._count_known(row)
            runs.append(row)
        yield from self.pull.batch("workflow_steps", steps)
        yield from self.pull.batch("workflow_jobs", jobs)
        yield from self.pull.batch("workflow_runs", runs)

    def _earlier_attempts(self, row: Row) -> list[Row]:
        found = []
        for attempt in range(1, row["run_attempt"]):
            raw = self.pull.detail("workflow_runs", f"/actions/runs/{row['id']}/attempts/{attempt}")
            if raw is None:
                continue
            earlier = self.pull.row("workflow_runs", run_row, raw, row["attempts"], self.names)
            if earlier is not None:
                found.append({**earlier, "id": row["id"], "run_attempt": attempt})
        return found

    def _count_known(self, row: Row) -> None:
        """Count attempts that were asked for before: the ledger's gaps are those of the window, not of one sync."""
        tally = self.pull.tally("workflow_runs")
        for attempt in range(1, row["run_attempt"]):
            if (row["id"], attempt) in self.known:
                tally.fetched += 1
            else:
                tally.missing += 1

    def _jobs(self, row: Row, attempts: list[Row]) -> tuple[list[Row], list[Row]]:
        if not self.pull.wants(*DETAILS):
            return [], []
        found = self.pull.details("workflow_jobs", f"/actions/runs/{row['id']}/jobs", "jobs", filter="all")
        read = [(raw, self.pull.row("workflow_jobs", job_row, raw, row["id"])) for raw in found]
        starts = {attempt["run_attempt"]: attempt["started_at"] for attempt in attempts}
        jobs = in_own_attempts([job for _, job in read if job is not None], starts)
        kept = {job["id"] for job in jobs}
        steps = [step for raw, job in read if job and job["id"] in kept for step in step_rows(raw, job["repository"])]
        self.pull.tally("workflow_steps").fetched += len(steps)
        return jobs, steps
