"""The practice server's endpoints that drive runs: cancel, re-run, and what waits for an environment's approval."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from starlette.exceptions import HTTPException

from devops_lab.practice.server.actions import job_of, run_of
from devops_lab.practice.server.answers import Item, Json, moment
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.view import newest_first
from devops_lab.practice.server.workflow_file import document, with_those_that_need_them
from devops_lab.practice.server.writing import NOTHING, Command, Done, Write

COMPLETED = "Cannot cancel a workflow run that is completed."
RUNNING = "This workflow is already running"
TOO_OLD = "Unable to retry this workflow run because it was created over a month ago"
NONE_FAILED = "This workflow run cannot be retried: none of its jobs has failed"
NOTHING_WAITS = "There are no pending deployment requests to approve or reject"
FAILED = ("failure", "cancelled", "timed_out", "startup_failure")
MONTH = timedelta(days=30)


def cancel(command: Command) -> Done:
    """Stop a run; 409 where it has ended."""
    raw = run_of(command.ask)
    if raw.get("status") == "completed":
        raise HTTPException(409, COMPLETED)
    command.drive(lambda pipelines: pipelines.cancel(command.ask.view.name, raw["id"]))
    return Done(202, {})


def rerun(command: Command) -> Done:
    """Make a new attempt of all jobs."""
    return _again(command, run_of(command.ask), None)


def rerun_failed(command: Command) -> Done:
    """Make a new attempt of the jobs that failed and of those that need them."""
    raw = run_of(command.ask)
    failed = {job["name"] for job in _jobs(command.ask, raw) if job.get("conclusion") in FAILED}
    return _again(command, raw, failed)


def rerun_job(command: Command) -> Done:
    """Make a new attempt of one job and of those that need it."""
    job = job_of(command.ask)
    return _again(command, command.ask.view.one("runs", "id", job["run_id"]), {job["name"]})


def _again(command: Command, raw: Json, names: Collection[str] | None) -> Done:
    if raw.get("status") != "completed":
        raise HTTPException(403, RUNNING)
    if moment(raw["created_at"]).replace(tzinfo=None) < command.now - MONTH:
        raise HTTPException(403, TOO_OLD)
    if names is not None:
        if not names:
            raise HTTPException(403, NONE_FAILED)
        known = {job["name"] for job in _jobs(command.ask, raw)}
        file = document(command.ask.view, raw["head_sha"], raw.get("path") or "")
        names = with_those_that_need_them(file, names, known)
    command.drive(lambda pipelines: pipelines.rerun(command.ask.view.name, raw["id"], command.actor, names))
    return Done(201, {})


def _jobs(ask: Question, raw: Json) -> list[Json]:
    """Return the jobs of a run's latest attempt."""
    own = raw.get("run_attempt") or 1
    return [job for job in ask.view.under("jobs", raw["id"]) if (job.get("run_attempt") or 1) == own]


def pending(ask: Question) -> Item:
    """List the environments whose approval a run waits for."""
    return Item(_pending(ask))


def _pending(ask: Question) -> list[Json]:
    raw = run_of(ask)
    return [] if raw.get("status") == "completed" else ask.view.under("pending_deployments", raw["id"])


def approvals(ask: Question) -> Item:
    """List who approved or rejected what of a run."""
    return Item(ask.view.under("approvals", run_of(ask)["id"]))


def review(command: Command) -> Done:
    """Approve or reject the environments named; the answer lists the deployments there are for them."""
    ask, body = command.ask, command.body
    raw, wanted = run_of(ask), list(dict.fromkeys(body["environment_ids"]))
    waiting = {one["environment"]["id"]: one for one in _pending(ask)}
    if not wanted or not set(wanted) <= set(waiting):
        raise HTTPException(422, NOTHING_WAITS)
    names = {waiting[number]["environment"]["name"] for number in wanted}
    approve = body["state"] == "approved"
    command.drive(
        lambda pipelines: pipelines.review(ask.view.name, raw["id"], wanted, approve, body["comment"], command.actor)
    )
    every = newest_first(ask.view.items("deployments"))
    own = [one for one in every if one["environment"] in names and one["sha"] == raw["head_sha"]]
    return Done(
        200, [next(one for one in own if one["environment"] == name) for name in {o["environment"] for o in own}]
    )


RERUN_SCHEMA: Json = {"type": "object", "properties": {"enable_debug_logging": {"type": "boolean"}}}
REVIEW_SCHEMA: Json = {
    "type": "object",
    "required": ["environment_ids", "state", "comment"],
    "properties": {
        "environment_ids": {"type": "array", "items": {"type": "integer"}},
        "state": {"type": "string", "enum": ["approved", "rejected"]},
        "comment": {"type": "string"},
    },
}
RUN, JOB = "/actions/runs/{run}", "/actions/jobs/{job}"
READS = (
    Read(f"{RUN}/pending_deployments", "actions", pending),
    Read(f"{RUN}/approvals", "actions", approvals),
)
WRITES = (
    Write("POST", f"{RUN}/cancel", "actions", cancel, 202, NOTHING, optional=True, statuses=(409,)),
    Write("POST", f"{RUN}/force-cancel", "actions", cancel, 202, NOTHING, optional=True, statuses=(409,)),
    Write("POST", f"{RUN}/rerun", "actions", rerun, 201, RERUN_SCHEMA, "WorkflowRun", optional=True),
    Write("POST", f"{RUN}/rerun-failed-jobs", "actions", rerun_failed, 201, RERUN_SCHEMA, "WorkflowRun", optional=True),
    Write("POST", f"{JOB}/rerun", "actions", rerun_job, 201, RERUN_SCHEMA, "WorkflowJob", optional=True),
    Write("POST", f"{RUN}/pending_deployments", "deployments", review, 200, REVIEW_SCHEMA, "Deployment"),
)
