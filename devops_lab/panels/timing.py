"""How far a run is and how long it will take, in words and honestly: "unknown" where nobody can say.

Usual durations are medians in seconds by job name.  A job that takes longer than usual is called that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from statistics import median

from devops_lab.actions import Job, Progress
from devops_lab.actions.declaration import JobPlan
from devops_lab.actions.usual import remaining
from devops_lab.panels.texts import short

NEARLY = 0.97  # a job that is not over is never drawn as if it were
LATE = 1.1  # times the usual duration, from where it is said to be longer
SLACK = 5.0


def seconds(job: Job, now: datetime) -> float | None:
    """Return how long a job has taken (so far); None before its start."""
    if job.started_at is None or job.status in ("queued", "waiting", "pending"):
        return None
    ended = job.completed_at if job.status == "completed" else None
    return max(0.0, ((ended or now) - job.started_at).total_seconds())


def share(job: Job | None, usual: Mapping[str, float], now: datetime) -> float | None:
    """Return how far a job is, from 0 to 1; None where it runs and nobody knows how long it takes."""
    if job is None or job.status in ("queued", "waiting", "pending"):
        return 0.0
    if job.status == "completed":
        return 0.0 if job.conclusion == "skipped" else 1.0
    taken, known = seconds(job, now), usual.get(job.name)
    return None if not known or taken is None else min(taken / known, NEARLY)


def said(job: Job | None, usual: Mapping[str, float], now: datetime) -> str:
    """Return a job's time in words: "in 12 s", "about 2 min left", "longer than usual: 3 min of usually 2 min"."""
    if job is None:
        return "not started"
    taken, known = seconds(job, now), usual.get(job.name)
    if job.status == "completed":
        return "" if taken is None or job.conclusion == "skipped" else f"in {short(taken)}"
    if taken is None:
        return f"usually {short(known)}" if known else ""
    if known is None:
        return f"for {short(taken)}"
    if _late(taken, known):
        return f"longer than usual: {short(taken)} of usually {short(known)}"
    return f"about {short(max(known - taken, 1))} left"


def left(progress: Progress, plans: Sequence[JobPlan], usual: Mapping[str, float], now: datetime) -> str:
    """Return what is left of a run in words: "about 2 min left", "longer than usual …", "time left unknown"."""
    if any(job.status == "waiting" for job in progress.jobs):
        return "goes on after the approval"
    for job in progress.jobs:
        taken, known = seconds(job, now), usual.get(job.name)
        if job.status == "in_progress" and taken is not None and known is not None and _late(taken, known):
            return f"longer than usual: {job.name} takes {short(taken)}, usually {short(known)}"
    found = remaining(progress, usual, plans, now)
    if found is None or not progress.jobs:
        return "time left unknown"
    return f"about {short(max(found, 1))} left"


def medians(attempts: Sequence[Sequence[Job]]) -> dict[str, float]:
    """Return the median seconds of each job name over the successful jobs of several runs."""
    found: dict[str, list[float]] = {}
    for job in (job for jobs in attempts for job in jobs if job.conclusion == "success"):
        if job.started_at is not None and job.completed_at is not None:
            found.setdefault(job.name, []).append((job.completed_at - job.started_at).total_seconds())
    return {name: median(taken) for name, taken in found.items()}


def _late(taken: float, known: float) -> bool:
    return taken > known * LATE + SLACK
