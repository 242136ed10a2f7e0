"""GitHub Actions' objects as rows: workflows, every attempt of their runs, jobs and steps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from devops_lab.sources.github_fields import Raw, Row, instant, items, login, need, number, text, word

CLOCK_TOLERANCE = timedelta(seconds=5)


def workflow_row(raw: Raw, repository: str) -> Row:
    """Return the row of a workflow."""
    path = text(raw, "path")
    return {
        "repository": repository,
        "id": need(number(raw, "id"), "workflow", "id", raw),
        "name": need(text(raw, "name") or path, "workflow", "name", raw),
        "path": path,
        "state": word(raw, "state"),
        "created_at": instant(raw, "created_at"),
        "updated_at": instant(raw, "updated_at"),
    }


def attempt_of(raw: Raw) -> int:
    """Return which attempt of its run an object is; objects from before re-runs were numbered are the first."""
    return max(number(raw, "run_attempt") or 1, 1)


def run_row(raw: Raw, repository: str, attempts: int, workflows: Mapping[int, str]) -> Row:
    """Return the row of one attempt of a run that has `attempts` now; `workflows` names the workflows by id.

    `started_at` is the attempt's own start: GitHub sets ``run_started_at`` anew at each re-run, which is why each
    attempt is a row.  It is null in old objects that lack it.  The API does not say which run triggered a
    ``workflow_run`` event: `triggered_by_sha` stays null.
    """
    path = text(raw, "path")
    return {
        "repository": repository,
        "id": need(number(raw, "id"), "workflow run", "id", raw),
        "run_attempt": attempt_of(raw),
        "attempts": attempts,
        "workflow_id": number(raw, "workflow_id"),
        "workflow": workflows.get(number(raw, "workflow_id") or 0) or text(raw, "name"),
        "path": path.partition("@")[0] if path else None,
        "run_number": number(raw, "run_number"),
        "event": text(raw, "event"),
        "status": word(raw, "status"),
        "conclusion": word(raw, "conclusion"),
        "branch": text(raw, "head_branch"),
        "sha": text(raw, "head_sha"),
        "actor": login(raw, "triggering_actor") or login(raw, "actor"),
        "created_at": need(instant(raw, "created_at"), "workflow run", "created_at", raw),
        "started_at": instant(raw, "run_started_at"),
        "updated_at": instant(raw, "updated_at"),
        "url": text(raw, "html_url"),
    }


def job_row(raw: Raw, repository: str, run: int) -> Row:
    """Return the row of a job of `run`; a matrix job's or reusable workflow's name is kept whole."""
    labels = [label for label in items(raw, "labels") if isinstance(label, str)]
    return {
        "repository": repository,
        "id": need(number(raw, "id"), "workflow job", "id", raw),
        "run_id": run,
        "run_attempt": attempt_of(raw),
        "name": need(text(raw, "name"), "workflow job", "name", raw),
        "status": word(raw, "status"),
        "conclusion": word(raw, "conclusion"),
        "sha": text(raw, "head_sha"),
        "created_at": instant(raw, "created_at"),
        "started_at": instant(raw, "started_at"),
        "completed_at": instant(raw, "completed_at"),
        "labels": ",".join(labels) or None,
        "runner_group": text(raw, "runner_group_name"),
        "url": text(raw, "html_url"),
    }


def step_rows(raw: Raw, repository: str) -> list[Row]:
    """Return one row per step of a job; steps without a number take their place in the list."""
    job = need(number(raw, "id"), "workflow job", "id", raw)
    return [
        {
            "repository": repository,
            "job_id": job,
            "number": number(step, "number") or place,
            "name": text(step, "name"),
            "status": word(step, "status"),
            "conclusion": word(step, "conclusion"),
            "started_at": instant(step, "started_at"),
            "completed_at": instant(step, "completed_at"),
        }
        for place, step in enumerate(items(raw, "steps"), 1)
        if isinstance(step, Mapping)
    ]


def in_own_attempts(jobs: list[Row], starts: Mapping[int, datetime | None]) -> list[Row]:
    """Return `jobs` of one run in the attempts they were started in; `starts` says when each attempt started.

    "Re-run failed jobs" lists the jobs that were green before once more under the new attempt, with their old times.
    Such a copy is dropped where its original is there, and else put back where it was started: it is no new work.
    """
    originals = {(job["name"], job["started_at"], job["completed_at"]): job for job in reversed(_by_attempt(jobs))}
    kept = []
    for job in jobs:
        start = starts.get(job["run_attempt"])
        if job["run_attempt"] == 1 or start is None or job["started_at"] is None:
            kept.append(job)
            continue
        if job["started_at"] >= start - CLOCK_TOLERANCE:
            kept.append(job)
            continue
        original = originals[job["name"], job["started_at"], job["completed_at"]]
        if original is job:
            before = [attempt for attempt, at in starts.items() if at is not None and at <= job["started_at"]]
            kept.append({**job, "run_attempt": max(before, default=1)})
    return kept


def _by_attempt(jobs: list[Row]) -> list[Row]:
    return sorted(jobs, key=lambda job: (job["run_attempt"], job["id"]))
