"""The practice server's endpoints of GitHub Actions: workflows, runs with their attempts, jobs."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta

from starlette.exceptions import HTTPException

from devops_lab.practice.server.answers import Item, Json, Listing, missing, moment
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.view import newest_first

FILTERS = ("actor", "branch", "event", "status", "created", "head_sha", "check_suite_id")
CREATED = re.compile(r"(?P<sign>>=|<=|>|<)?(?P<first>[^.<>*]+|\*)(?:\.\.(?P<last>[^.<>]+))?")
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def workflows(ask: Question) -> Listing:
    """List workflows."""
    return Listing(ask.view.items("workflows"), "workflows")


def workflow(ask: Question) -> Item:
    """Return one workflow by its id or its file's name."""
    return Item(workflow_of(ask))


def workflow_of(ask: Question) -> Json:
    """Return the workflow that the path names by its id or its file's name; 404 where there is none."""
    wanted = ask.parts["workflow"]
    for raw in ask.view.items("workflows"):
        if wanted in (str(raw["id"]), raw["path"].rsplit("/", 1)[-1]):
            return raw
    raise missing()


def runs_of_workflow(ask: Question) -> Listing:
    """List the runs of one workflow."""
    own = workflow_of(ask)["id"]
    return _runs(ask, [raw for raw in ask.view.items("runs") if raw["workflow_id"] == own])


def runs(ask: Question) -> Listing:
    """List runs, newest first; a filtered list ends at 1,000, the whole one at 40,000."""
    return _runs(ask, ask.view.items("runs"))


def _runs(ask: Question, found: list[Json]) -> Listing:
    query = ask.query
    within = created_filter(query.get("created", ""))
    for name, key in (("branch", "head_branch"), ("event", "event"), ("head_sha", "head_sha")):
        if query.get(name):
            found = [raw for raw in found if raw.get(key) == query[name]]
    if query.get("status"):
        found = [raw for raw in found if query["status"] in (raw.get("status"), raw.get("conclusion"))]
    if query.get("actor"):
        actor = query["actor"].casefold()
        found = [raw for raw in found if ((raw.get("actor") or {}).get("login") or "").casefold() == actor]
    if query.get("check_suite_id"):
        found = [raw for raw in found if str(raw.get("check_suite_id")) == query["check_suite_id"]]
    if within is not None:
        found = [raw for raw in found if within(moment(raw["created_at"]))]
    filtered = any(query.get(name) for name in FILTERS)
    most = ask.limits.filtered_runs if filtered else ask.limits.items
    return Listing(newest_first(found), "workflow_runs", most=most, refuse=not filtered)


def created_filter(text: str) -> Callable[[datetime], bool] | None:
    """Return the test of GitHub's ``created`` ("2026-01-01..2026-02-01", ">=…", one day), None where it is empty.

    Both ends are part of a range; a day without a time is the whole day.  422 where it cannot be read.
    """
    if not text:
        return None
    found = CREATED.fullmatch(text)
    problem = HTTPException(422, f"Invalid value for parameter 'created': {text[:100]}")
    if found is None:
        raise problem
    try:
        first = _span(found["first"])
        last = first if found["last"] is None else _span(found["last"])
    except (ValueError, OverflowError):
        raise problem from None
    if found["last"] is not None:
        start, end = first and first[0], last and last[1]
    elif first is None:
        start, end = None, None
    else:
        start = {">=": first[0], ">": first[1], None: first[0]}.get(found["sign"])
        end = {"<=": first[1], "<": first[0], None: first[1]}.get(found["sign"])
    return lambda at: (start is None or at >= start) and (end is None or at < end)


def _span(text: str) -> tuple[datetime, datetime] | None:
    """Return the half-open span that a day or an instant names, None of "*"."""
    if text == "*":
        return None
    start = moment(text)
    return start, start + (DAY if len(text) == len("2026-01-01") else SECOND)


def run(ask: Question) -> Item:
    """Return one run: its latest attempt."""
    return Item(run_of(ask))


def run_of(ask: Question) -> Json:
    """Return the run that the path names; 404 where there is none."""
    return ask.view.one("runs", "id", ask.number("run"))


def attempt(ask: Question) -> Item:
    """Return one attempt of a run."""
    return Item(attempt_of(ask))


def attempt_of(ask: Question) -> Json:
    """Return the attempt that the path names; 404 where there is none."""
    latest, number = run_of(ask), ask.number("attempt")
    if number == (latest.get("run_attempt") or 1):
        return latest
    found = (
        ask.view.table("attempts").get((latest["id"], number)) if number < (latest.get("run_attempt") or 1) else None
    )
    if found is None:
        raise missing()
    return found


def jobs(ask: Question) -> Listing:
    """List the jobs of a run's latest attempt, or of all its attempts (``filter=all``)."""
    latest = run_of(ask)
    if ask.query.get("filter") == "all":
        # a re-run lists the jobs that were green once more with their old times, as if they had been there before it
        shown = latest.get("run_attempt") or 1
        found = [raw for raw in ask.view.under("jobs", latest["id"]) if (raw.get("run_attempt") or 1) <= shown]
        return Listing(found, "jobs")
    return _jobs_of(ask, latest)


def jobs_of_attempt(ask: Question) -> Listing:
    """List the jobs of one attempt."""
    return _jobs_of(ask, attempt_of(ask))


def _jobs_of(ask: Question, raw: Json) -> Listing:
    own = raw.get("run_attempt") or 1
    return Listing([job for job in ask.view.under("jobs", raw["id"]) if (job.get("run_attempt") or 1) == own], "jobs")


def job(ask: Question) -> Item:
    """Return one job."""
    return Item(job_of(ask))


def job_of(ask: Question) -> Json:
    """Return the job that the path names; 404 where there is none."""
    wanted = ask.number("job")
    for run_id, own in list((ask.view.objects.get("jobs") or {}).items()):
        if any(raw["id"] == wanted for raw in own):
            for raw in ask.view.under("jobs", run_id):
                if raw["id"] == wanted:
                    return raw
    raise missing()


READS = (
    Read("/actions/workflows", "actions", workflows),
    Read("/actions/workflows/{workflow}", "actions", workflow),
    Read("/actions/workflows/{workflow}/runs", "actions", runs_of_workflow, FILTERS),
    Read("/actions/runs", "actions", runs, FILTERS),
    Read("/actions/runs/{run}", "actions", run),
    Read("/actions/runs/{run}/attempts/{attempt}", "actions", attempt),
    Read("/actions/runs/{run}/attempts/{attempt}/jobs", "actions", jobs_of_attempt),
    Read("/actions/runs/{run}/jobs", "actions", jobs, ("filter",)),
    Read("/actions/jobs/{job}", "actions", job),
)
