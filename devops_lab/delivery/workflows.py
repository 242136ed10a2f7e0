"""Attempts of a workflow's runs, and the deploy jobs started in them, become rollouts.

Every attempt is kept: a failed one that was re-run to green keeps its failure and its date.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from devops_lab import config, patterns
from devops_lab.delivery.rollouts import WAITING, Part, Rollout, Row, join, outcome

PULL_REQUEST_EVENTS = "pull_request"
WORKFLOW_RUN = "workflow_run"


def named(run: Row, rule: config.Workflow) -> bool:
    """Say whether the run belongs to the rule's workflow: by its name, its file's path or the file's name."""
    path = run.get("path")
    names = [run.get("workflow"), path, path.rsplit("/", 1)[-1] if path else None]
    return any(patterns.matches(name, [rule.workflow]) for name in names)


def deploys(run: Row, rule: config.Workflow) -> bool:
    """Say whether the run may deploy: its branch and event are the rule's; events of pull requests never are."""
    event = run.get("event") or ""
    if event.startswith(PULL_REQUEST_EVENTS) or (rule.events and event not in rule.events):
        return False
    return not rule.branches or patterns.matches(run.get("branch"), rule.branches)


def rollouts(rule: config.Workflow, runs: Iterable[Row], jobs: Iterable[Row]) -> list[Rollout]:
    """Return one rollout per run attempt that deployed.

    Where the rule names jobs, time and result come from those that were started in that very attempt (a re-run of
    another job carries the old ones over; they deploy nothing), so a health check later moves no date, and a green run
    whose deploy job was skipped is no deployment.  An attempt that could not start at all has no jobs and is a failure.
    Without named jobs they come from the attempt.  A ``workflow_run`` event deploys the triggering run's sha, or an
    unknown one: the run's own sha is only the default branch's newest.
    """
    by_attempt = _by_attempt(rule, jobs)
    means: dict[tuple[str | None, ...], bool] = {}
    found = []
    for run in runs:
        kind = tuple(run.get(name) for name in ("workflow", "path", "event", "branch"))
        if kind not in means:
            means[kind] = named(run, rule) and deploys(run, rule)
        if not means[kind]:
            continue
        if rule.jobs and run.get("conclusion") != "startup_failure":
            parts = _of_jobs(run, by_attempt.get((run["id"], run["run_attempt"]), []), rule)
        else:
            parts = _whole(run, rule)
        name = f"run:{run['id']}"
        rollout = join(f"{name}/{run['run_attempt']}", parts, [name], going=not run.get("conclusion"))
        if rollout is not None:
            found.append(rollout)
    return found


def _by_attempt(rule: config.Workflow, jobs: Iterable[Row]) -> dict[tuple[int, int], list[Row]]:
    """Return the deploy jobs of each (run, attempt); names are few, so each is matched once."""
    found: dict[tuple[int, int], list[Row]] = defaultdict(list)
    means: dict[str, bool] = {}
    for job in jobs if rule.jobs else ():
        name = job["name"]
        if name not in means:
            means[name] = patterns.job_matches(name, rule.jobs)
        if means[name]:
            found[(job["run_id"], job["run_attempt"])].append(job)
    return found


def _sha(run: Row) -> str | None:
    return run.get("triggered_by_sha") if run.get("event") == WORKFLOW_RUN else run.get("sha")


def _whole(run: Row, rule: config.Workflow) -> list[Part]:
    state = outcome(run.get("conclusion"), run.get("status"))
    if state in (None, WAITING):
        return []
    started = run.get("started_at") or run["created_at"]
    ended = (run.get("updated_at") or started) if run.get("conclusion") else None
    return [_part(f"run:{run['id']}", str(state), started, ended, run, rule)]


def _of_jobs(run: Row, jobs: list[Row], rule: config.Workflow) -> list[Part]:
    parts = []
    for job in jobs:
        state = outcome(job.get("conclusion"), job.get("status"))
        started = job.get("started_at") or job.get("created_at")
        if state is None or started is None or _carried_over(run, job):
            continue
        if state == WAITING and run.get("conclusion"):
            continue
        ended = (job.get("completed_at") or started) if job.get("conclusion") else None
        parts.append(_part(f"job:{job['id']}", state, started, ended, run, rule))
    return parts


def _carried_over(run: Row, job: Row) -> bool:
    began = run.get("started_at")
    started = job.get("started_at")
    return run["run_attempt"] > 1 and began is not None and started is not None and started < began


def _part(name: str, state: str, started: datetime, ended: datetime | None, run: Row, rule: config.Workflow) -> Part:
    return Part(name, state, started, ended, rule.environment, _sha(run), run.get("branch"), run.get("url"))
