"""How long a workflow's jobs usually take, by the store, and so a run still goes: the longest way through them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from statistics import median

from devops_lab.actions.declaration import JobPlan
from devops_lab.actions.watching import COMPLETED, Job, Progress
from devops_lab.store import Store

EXPRESSION = re.compile(r"\$\{\{.*?\}\}")
JOBS = """
select j.name, j.started_at, j.completed_at
from workflow_jobs j join workflow_runs r on r.repository = j.repository and r.id = j.run_id
  and r.run_attempt = j.run_attempt
where j.repository = $repository and (r.path = $file or r.path like '%/' || $file) and j.conclusion = 'success'
  and j.started_at is not null and j.completed_at is not null
order by j.started_at desc limit $most
"""


def usual_seconds(store: Store, repository: str, file: str, most: int = 600) -> dict[str, float]:
    """Return each job's median seconds by its name, of its successes among the latest `most` jobs of the workflow."""
    found: dict[str, list[float]] = defaultdict(list)
    for row in store.rows(JOBS, repository=repository, file=file, most=most):
        found[str(row["name"])].append(max((row["completed_at"] - row["started_at"]).total_seconds(), 0.0))
    return {name: median(values) for name, values in found.items()}


def plan_of(name: str, jobs: Iterable[JobPlan]) -> JobPlan | None:
    """Return the declared job that a run's job of this name is: by name or key, a matrix's, a called workflow's."""
    for one in jobs:
        own = "".join(
            ".*" if EXPRESSION.fullmatch(part) else re.escape(part) for part in re.split(r"(\$\{\{.*?\}\})", one.name)
        )
        if re.fullmatch(rf"(?:{own}|{re.escape(one.key)})(?: \(.*\)| / .*)?", name):
            return one
    return None


def remaining(
    progress: Progress, usual: Mapping[str, float], jobs: Iterable[JobPlan], now: datetime
) -> float | None:  # fmt: skip
    """Return the seconds a run still takes by the usual ones (`now` is naive UTC), None where that is not known.

    It is the longest way through the jobs that are left: of one that runs what is left of its usual time, of one that
    has not begun all of it.  A job that takes longer than usual, waits for an approval or has no usual time: None.
    """
    plans = tuple(jobs)
    if progress.over:
        return 0.0
    left: dict[str, float] = {}
    for job in progress.jobs:
        own = plan_of(job.name, plans)
        seconds = _left(job, usual, now)
        if own is None or seconds is None:
            return None
        left[own.key] = max(left.get(own.key, 0.0), seconds)
    for one in plans:  # not listed yet: the server lists a job when it can begin
        if one.key not in left:
            known = [seconds for name, seconds in usual.items() if plan_of(name, (one,)) is not None]
            if not known:
                return None
            left[one.key] = max(known)
    return max((_way(key, left, {one.key: one.needs for one in plans}) for key in left), default=None)


def _left(job: Job, usual: Mapping[str, float], now: datetime) -> float | None:
    if job.status == COMPLETED:
        return 0.0
    whole = usual.get(job.name)
    if whole is None or job.status == "waiting":
        return None
    if job.status != "in_progress" or job.started_at is None:
        return whole
    gone = (now - job.started_at).total_seconds()
    return whole - gone if gone <= whole else None


def _way(key: str, left: Mapping[str, float], needs: Mapping[str, tuple[str, ...]], depth: int = 0) -> float:
    """Return the seconds until a job is over: its own, after the longest way to it; a circle ends by its depth."""
    before = [_way(one, left, needs, depth + 1) for one in needs.get(key, ()) if one in left and depth < len(left)]
    return left[key] + max(before, default=0.0)
