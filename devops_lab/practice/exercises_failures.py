"""The solutions of the exercises on failures, and of what mends them.

Failures are asked of services whose every incident names its cause, where there is one answer; of the others only what
the incidents themselves say.
"""

from __future__ import annotations

from datetime import datetime
from statistics import fmean, median

from devops_lab.practice.exercises_truth import (
    MEAN,
    RAN_TOO,
    Solution,
    Span,
    Value,
    counted,
    ended,
    true_value,
    when_any,
)
from devops_lab.practice.world.company import PLANS, incident_label
from devops_lab.practice.world.organisation import Organisation
from devops_lab.practice.world.records import SUCCESS
from devops_lab.practice.world.truth import HOUR, TrueFailure, Truth

LINKED = tuple(service.name for plan in PLANS for service in plan.services if service.linked)
"""The services whose every incident names its cause."""

PERCENT = "that is the number of percent; the share is asked, between 0 and 1"


def recovering(truth: Truth, asked: Span) -> str:
    """Return the service whose recovery is asked: the one with most failed deployments that have all recovered."""
    open_ones = {one.service for one in truth.failures if one.recovered_at is None}
    whole = [name for name in LINKED if name not in open_ones] or list(LINKED)
    return max(whole, key=lambda name: (true_value(truth, "failed_deployment_recovery_time", name, asked)[1], name))


def fail_rate(truth: Truth, service: str, asked: Span) -> Solution:
    """Solve the share of deployments that failed."""
    good = counted(truth, service, asked)
    ids = {one.id for one in good}
    failures = [one for one in truth.failures if one.service == service and one.deployment in ids]
    told = {one.deployment for one in failures if one.incident is not None}
    failed = sum(one.failed for one in good)
    runs = ended(truth, service, asked)
    broken_runs = sum(one.result == "failure" for one in runs)
    return _share(
        failed,
        len(good),
        (
            (failed / max(len(runs), 1), RAN_TOO),
            (
                len(failures) / max(len(good), 1),
                "you divided failures by deployments; several failures of one deployment make one failed deployment",
            ),
            (
                len(told) / max(len(good), 1),
                "you counted incidents alone; a revert, hotfix or rollback tells of a failure that nobody reported",
            ),
            (
                broken_runs / max(len(runs), 1),
                "that is the share of runs that broke off; a failed deployment got to production and failed there",
            ),
        ),
        "numerator and denominator are successful deployments: `dl.metrics.change_fail_rate.observations(…)` has one "
        "row for each",
    )


def most_failing(truth: Truth, asked: Span) -> Solution:
    """Solve which of the services with linked incidents has the highest fail rate."""
    rates = {name: true_value(truth, "change_fail_rate", name, asked)[0] for name in LINKED}
    failed = {name: sum(one.failed for one in counted(truth, name, asked)) for name in LINKED}
    most = "that one has the most failed deployments, but it deploys more often; the share is asked"
    return Solution(
        tuple(name for name in LINKED if rates[name] == max(rates.values())),
        tuple((name, most) for name in LINKED if failed[name] == max(failed.values())),
        'ask all of them at once: `dl.metrics.change_fail_rate.window(store, by="service", …)`',
    )


def recovery(truth: Truth, service: str, asked: Span) -> Solution:
    """Solve the median hours from the end of a failed deployment to the recovery of its last failure."""
    right, _ = true_value(truth, "failed_deployment_recovery_time", service, asked)
    ends = {one.id: one.finished_at for one in counted(truth, service, asked)}
    failures = [one for one in truth.failures if one.service == service and one.deployment in ends]
    last: dict[int, TrueFailure] = {}
    for one in sorted(failures, key=lambda one: one.recovered_at or truth.until):
        last[one.deployment] = one
    over = [(id, one.started_at, one.recovered_at) for id, one in last.items() if one.recovered_at is not None]
    hours = [(end - ends[id]) / HOUR for id, _, end in over]
    noticed = [(end - start) / HOUR for _, start, end in over]
    return Solution(
        (right,),
        (
            *when_any(hours, fmean, MEAN),
            *when_any(
                noticed,
                median,
                "your clock starts when the failure was noticed; it starts at the end of the failed deployment",
            ),
            (right * 60, "that is in minutes; hours are asked"),
            (right / 24, "that is in days; hours are asked"),
        ),
        "one row per failed deployment: `dl.metrics.failed_deployment_recovery_time.observations(…)`",
    )


def rework(truth: Truth, service: str, asked: Span) -> Solution:
    """Solve the share of unplanned deployments."""
    good = counted(truth, service, asked)
    unplanned = sum(one.unplanned for one in good)
    return _share(
        unplanned,
        len(good),
        (
            (
                sum(one.failed for one in good) / max(len(good), 1),
                "that is the change fail rate: deployments that failed; rework are those that mend",
            ),
            (
                sum(one.rollback for one in good) / max(len(good), 1),
                "you counted the rollbacks alone; deployments that carry a revert or a hotfix are unplanned too",
            ),
            (unplanned / max(len(ended(truth, service, asked)), 1), RAN_TOO),
        ),
        "`dl.metrics.deployment_rework_rate.observations(…)` says of each deployment in `note` why it is unplanned",
    )


def last_failed(truth: Truth, service: str, asked: Span) -> tuple[Solution, Solution]:
    """Solve which deployment with an incident was the last (its sha), and which incident it caused."""
    good = {one.id: one for one in counted(truth, service, asked)}
    told: dict[int, list[int]] = {}
    for one in truth.failures:
        if one.service == service and one.deployment in good and one.incident is not None:
            told.setdefault(one.deployment, []).append(one.incident)
    by_end = sorted(told, key=lambda id: (good[id].finished_at, id))
    latest = by_end[-1:]
    shas = tuple(good[id].sha for id in latest)
    wrong: dict[Value, str] = {}
    for run in ended(truth, service, asked):
        if run.result != SUCCESS:
            wrong[run.sha] = "that run did not get to production: it is unsuccessful, not a failed deployment"
        elif run.unplanned:
            wrong[run.sha] = "that deployment mended something; the one that broke it came before"
    wrong |= {good[id].sha: "that one failed and an incident names it, but a later one did too" for id in by_end[:-1]}
    numbers = tuple(float(number) for id in latest for number in told[id])
    others = {float(number): "another deployment caused that incident" for id in by_end[:-1] for number in told[id]}
    return (
        Solution(
            shas,
            tuple((sha, hint) for sha, hint in wrong.items() if sha not in shas),
            "join `store.failures` (incident_id, deployment_id) with `store.deployments` (sha, finished_at)",
        ),
        Solution(
            numbers,
            tuple(others.items()),
            "`store.failures` has the incident's id beside the deployment it is charged to; duplicates are excluded",
        ),
    )


def unlinked(organisation: Organisation, service: str, asked: Span) -> Solution:
    """Solve how many incidents name no cause."""
    opened = [
        one
        for one in organisation.truth.failures
        if one.service == service and one.incident is not None and asked.holds(one.started_at)
    ]
    silent = [
        one
        for one in organisation.truth.failures
        if one.service == service and one.incident is None and asked.holds(one.started_at)
    ]
    right = sum(not one.linked for one in opened)
    labelled = _labelled(organisation, service, asked)
    return Solution(
        (float(right),),
        (
            (
                float(labelled),
                "you counted duplicates and what no change caused too, or incidents that name their cause",
            ),
            (float(len(opened)), "those are all incidents; some of them name their cause (grade `link`)"),
            (float(len(opened) - right), "those are the ones that do name their cause; the others are asked"),
            (float(right + len(silent)), "you counted failures without an incident too"),
        ),
        "`store.failures` has a grade: what is not `link` was found by a remedy or the 24-hour window, or not at all",
    )


def _labelled(organisation: Organisation, service: str, asked: Span) -> int:
    """Return how many issues with the service's incident label were opened in the window, whatever became of them."""
    plan, its = next((plan, one) for plan in PLANS for one in plan.services if one.name == service)
    issues = organisation.repositories[organisation.services[service]].objects["issues"]
    return sum(
        asked.holds(datetime.strptime(issue["created_at"], "%Y-%m-%dT%H:%M:%SZ"))  # noqa: DTZ007 - naive UTC
        for issue in issues
        if "pull_request" not in issue and incident_label(plan, its) in {label["name"] for label in issue["labels"]}
    )


def _share(ones: int, n: int, mistakes: tuple[tuple[Value, str], ...], pointer: str) -> Solution:
    share = ones / max(n, 1)
    count = "that is the number of deployments; the share is asked"
    return Solution((share,), ((100 * share, PERCENT), (float(ones), count), *mistakes), pointer)
