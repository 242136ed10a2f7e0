"""Facts of one pipeline run, read from GitHub: jobs, steps, test results, the rollout; and how its workflow ran before.

Reading takes the token for reading (``GITHUB_TOKEN``).  What the runs before looked like comes from the store.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from devops_lab import metrics, words
from devops_lab.config import JUnit, Service, Settings
from devops_lab.errors import LabError
from devops_lab.github_api import GitHubClient
from devops_lab.reports.pipeline_gate import Rollout
from devops_lab.sources.github_actions import job_row, run_row, step_rows
from devops_lab.sources.github_fields import instant, text
from devops_lab.sources.github_tests import GitHubTests
from devops_lab.sources.junit_artifacts import Downloads
from devops_lab.store import Store
from devops_lab.sync import token_of

Row = dict[str, Any]
RAN = ("success", "failure", "timed_out")
RESULTS = JUnit.model_validate({"artifacts": ["*junit*", "*test*"]})  # where lab.toml names no artifacts
MOST_RUNS, RECENT = 30, 10
MOST_DEPLOYMENTS = 10
CLOCK = 2.5 / 60  # minutes: less may be the rounding of GitHub's times
_PAST = """
select r.id, r.run_attempt, r.attempts, r.conclusion, r.created_at, r.started_at, r.url
from workflow_runs r
where r.repository = $repository and r.path = $path and r.id <> $run and r.status = 'completed'
  and r.conclusion in ('success', 'failure', 'timed_out')
order by r.created_at desc, r.run_attempt desc
limit $most
"""
_JOBS = """
select j.run_id, j.run_attempt, j.name, j.conclusion, j.started_at, j.completed_at
from workflow_jobs j
join workflow_runs r on r.repository = j.repository and r.id = j.run_id and r.run_attempt = j.run_attempt
where j.repository = $repository and r.path = $path and j.run_id >= $first
"""


@dataclass(frozen=True)
class Facts:
    """What is known of a run: its row, its jobs and steps (rows as they are stored), and what could not be had."""

    run: Row = field(default_factory=dict)
    jobs: list[Row] = field(default_factory=list)
    steps: list[Row] = field(default_factory=list)
    troubles: tuple[str, ...] = ()

    @property
    def minutes(self) -> float | None:
        """Minutes in which at least one job ran: waiting for a runner or an approval is not in it."""
        return worked(self.jobs)


@dataclass(frozen=True)
class Tests:
    """Test results of a run: one row per artifact, and the cases; `trouble` says why there are none."""

    runs: list[Row] = field(default_factory=list)
    cases: list[Row] = field(default_factory=list)
    trouble: str = ""

    def count(self, *results: str) -> int:
        """Return how many cases ended in one of the results."""
        return sum(one["result"] in results for one in self.cases)


@dataclass(frozen=True)
class Past:
    """How the workflow ran before, the latest first: minutes of successful runs, of each job, and who needed two tries.

    `again` has one entry per run: True where it needed another attempt to succeed, or a job failed and then passed.
    """

    minutes: list[float] = field(default_factory=list)
    jobs: dict[str, list[float]] = field(default_factory=dict)
    again: list[bool] = field(default_factory=list)
    failed: list[bool] = field(default_factory=list)
    mended: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Usual:
    """A duration against those before: median and 85th percentile of `n`; `way` is slower, faster, usual or few."""

    minutes: float | None
    half: float | None
    most: float | None
    n: int

    @property
    def way(self) -> str:
        """What the comparison says: slower beyond the 85th percentile, never for a second: clocks have whole ones."""
        if self.minutes is None or self.half is None or self.most is None:
            return "few"
        if self.minutes > self.most and self.minutes > max(1.1 * self.half, self.half + CLOCK):
            return "slower"
        return "faster" if self.minutes < min(0.9 * self.half, self.half - CLOCK) else "usual"


def facts(client: GitHubClient, repository: str, number: int) -> Facts:
    """Return a run's row, the jobs of its latest attempt and their steps; what is refused is said, not raised."""
    path = f"/repos/{repository}/actions/runs/{number}"
    try:
        raw = client.get(path)
        run = run_row(raw, repository, int(raw.get("run_attempt") or 1), {})
        found = [one for page in client.pages(f"{path}/jobs", "jobs") for one in page]
    except LabError as problem:
        return Facts(troubles=(f"the run's jobs could not be read: {problem}",))
    jobs = [job_row(one, repository, number) for one in found]
    steps = [{**step, "job": one.get("name")} for one in found for step in step_rows(one, repository)]
    return Facts(run, sorted(jobs, key=lambda job: (job["started_at"] or datetime.max, job["id"])), steps)  # noqa: DTZ901


def tests(client: GitHubClient, settings: Settings, service: Service | None, run: Row) -> Tests:
    """Return the test results in a run's artifacts, those that lab.toml names, else what is called junit or test."""
    if not run:
        return Tests(trouble="the run could not be read")
    rule = service.junit if service is not None and service.junit and service.junit.artifacts else RESULTS
    rule = rule.model_copy(update={"workflows": ["**"]})
    key = (run["id"], run["run_attempt"])

    def known(table: str, columns: tuple[str, ...]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        return {key: tuple(run[name] for name in columns)} if table == "workflow_runs" else {}

    source = GitHubTests(client, Downloads(client.url, token_of(settings)).zip, run["repository"], rule, known)
    rows: dict[str, list[Row]] = {"test_runs": [], "test_cases": [], "sync_ledger": []}
    try:
        for table, batch in source.pull(None, run["created_at"]):
            rows[table] += batch
    except LabError as problem:
        return Tests(trouble=str(problem))
    refused = [one["refused"] for one in (*rows["sync_ledger"], *rows["test_runs"]) if one["refused"]]
    if not rows["test_runs"]:
        refused = refused or [f"no artifact of the run is called {' or '.join(rule.artifacts)}"]
    return Tests(rows["test_runs"], rows["test_cases"], "; ".join(dict.fromkeys(refused)))


def rollout(client: GitHubClient, seen: Facts, environments: Sequence[str]) -> Rollout | None:
    """Return when the run's deployment was rolled out, and since when the one before was live.

    GitHub's deployments of the run's sha say so; where there are none, the run's own jobs do.  None: it did not happen.
    """
    own: list[tuple[datetime, datetime]] = []
    before: list[datetime] = []
    begun = seen.run.get("created_at") or datetime.min  # noqa: DTZ901 - naive UTC
    for environment in environments:
        for raw in _deployments(client, seen.run["repository"], environment):
            made, live = instant(raw, "created_at"), _live(client, seen.run["repository"], raw)
            if live is None or made is None:
                continue
            if made >= begun - timedelta(seconds=5) and text(raw, "sha") == seen.run["sha"]:
                own.append(live)
            elif live[1] < begun:
                before.append(live[1])
                break
    if own:
        return Rollout(min(one[0] for one in own), max(one[1] for one in own), max(before, default=None))
    ended = [job["completed_at"] for job in seen.jobs if job["completed_at"] and job["conclusion"] == "success"]
    started = [job["started_at"] for job in seen.jobs if job["started_at"]]
    if not ended or not started:
        return None
    return Rollout(min(started), max(ended), max(before, default=None), "the end of the run's last job")


def _deployments(client: GitHubClient, repository: str, environment: str) -> list[Any]:
    found = client.get(f"/repos/{repository}/deployments", environment=environment, per_page=MOST_DEPLOYMENTS)
    return sorted(found, key=lambda raw: str(raw.get("created_at")), reverse=True)


def _live(client: GitHubClient, repository: str, raw: Mapping[str, Any]) -> tuple[datetime, datetime] | None:
    """Return when a deployment's rollout began and when it first succeeded; None where it did not."""
    said = client.get(f"/repos/{repository}/deployments/{raw['id']}/statuses", per_page=100)
    at = {name: [instant(one, "created_at") for one in said if one.get("state") == name] for name in _STATES}
    done = [moment for moment in at["success"] if moment]
    going = [moment for moment in at["in_progress"] if moment]
    began = min(going, default=instant(raw, "created_at"))
    return (min(began, *done), min(done)) if done and began else None


_STATES = ("success", "in_progress")


def past(store: Store, repository: str, path: str, number: int) -> Past:
    """Return how the workflow's last thirty runs went, by the store."""
    attempts = store.rows(_PAST, repository=repository, path=path, run=number, most=4 * MOST_RUNS)
    runs: dict[int, list[Row]] = {}
    for row in attempts:
        runs.setdefault(row["id"], []).append(row)
    runs = dict(list(runs.items())[:MOST_RUNS])
    if not runs:
        return Past()
    jobs: dict[tuple[int, int], list[Row]] = {}
    for job in store.rows(_JOBS, repository=repository, path=path, first=min(runs)):
        if job["run_id"] in runs:
            jobs.setdefault((job["run_id"], job["run_attempt"]), []).append(job)
    found = Past()
    for id, rows in runs.items():
        _add(found, rows, [jobs.get((id, row["run_attempt"]), []) for row in rows])
    return found


def _add(found: Past, attempts: Sequence[Row], jobs: Sequence[list[Row]]) -> None:
    """Add one run, its attempts the latest first."""
    last, first = attempts[0], attempts[-1]
    failed = {job["name"] for own in jobs[1:] for job in own if job["conclusion"] in ("failure", "timed_out")}
    mended = failed & {job["name"] for job in jobs[0] if job["conclusion"] == "success"}
    found.again.append(bool(mended) or (last["conclusion"] == "success" and (last["attempts"] or 1) > 1))
    found.failed.append(first["conclusion"] != "success")
    for name in mended:
        found.mended[name] = found.mended.get(name, 0) + 1
    whole = last["conclusion"] == "success" and last["run_attempt"] == 1
    took = worked(jobs[0]) if whole else None
    if took is not None:
        found.minutes.append(took)
    for job in jobs[0]:
        minutes = took_minutes(job)
        if minutes is not None and job["conclusion"] == "success":
            found.jobs.setdefault(job["name"], []).append(minutes)


def usual(minutes: float | None, before: Sequence[float]) -> Usual:
    """Return a duration beside the median and the 85th percentile of those before; under six they are too few."""
    if len(before) < words.TOO_FEW:
        return Usual(minutes, None, None, len(before))
    return Usual(minutes, float(np.quantile(before, 0.5)), float(np.quantile(before, 0.85)), len(before))


def took_minutes(job: Mapping[str, Any]) -> float | None:
    """Return how long a job (or a step) that ran took."""
    start, end = job["started_at"], job["completed_at"]
    if start is None or end is None or job["conclusion"] not in RAN or end < start:
        return None
    return float((end - start) / timedelta(minutes=1))


def worked(jobs: Iterable[Mapping[str, Any]]) -> float | None:
    """Return the minutes in which at least one of the jobs ran; None where none did.

    Two jobs from 0 to 2 and from 1 to 3 minutes are 3 minutes.
    """
    spans = sorted((job["started_at"], job["completed_at"]) for job in jobs if took_minutes(job) is not None)
    if not spans:
        return None
    whole, (start, end) = timedelta(), spans[0]
    for begun, ended in spans[1:]:
        if begun > end:
            whole, start = whole + (end - start), begun
        end = max(end, ended)
    return float((whole + (end - start)) / timedelta(minutes=1))


def flakier(found: Past) -> tuple[int, int, int, int, str]:
    """Return (again, n) of the latest ten runs and of those before, and which way it goes: more, less, same or few."""
    recent, older = found.again[:RECENT], found.again[RECENT:]
    if len(recent) < words.TOO_FEW or len(older) < words.TOO_FEW:
        return sum(recent), len(recent), sum(older), len(older), "few"
    share, other = sum(recent) / len(recent), sum(older) / len(older)
    clear = not _inside(share, sum(older), len(older)) and not _inside(other, sum(recent), len(recent))
    way = "same" if not clear else "more" if share > other else "less"
    return sum(recent), len(recent), sum(older), len(older), way


def _inside(share: float, count: int, n: int) -> bool:
    low, high = metrics.statistics.wilson(count, n)
    return bool(low <= share <= high)
