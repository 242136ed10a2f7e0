"""The truth of deploy: rollouts to production as their pipelines saw them, and how changes got there."""

from __future__ import annotations

from datetime import datetime

from devops_lab.practice.world.company import DEPLOYMENTS, PROMOTION, RELEASES, TAGS
from devops_lab.practice.world.records import CANCELLED, FAILURE, SUCCESS, Rollout
from devops_lab.practice.world.truth_window import HOUR, MINUTE, Answer, Metrics, Window, middle, share


def deployment_duration(window: Window) -> Answer:
    """Minutes from start to finish of deployments that ended in success in the window.

    A tag or a release is an instant, its duration unknown: no observation.
    """
    return middle((one.finished_at - one.started_at) / MINUTE for one in _jobs(window) if one.result == SUCCESS)


def deployment_success_rate(window: Window) -> Answer:
    """Share of success among the deployments that ended in success or failure in the window.

    Where tags or releases are the deployments no failure can be seen: no observation.
    """
    return share(one.result == SUCCESS for one in _jobs(window) if _counts(window, one))


def rollback_rate(window: Window) -> Answer:
    """Share of rollbacks among the successful deployments of the window."""
    return share(one.rollback for one in window.rollouts() if one.result == SUCCESS)


def promotion_time(window: Window) -> Answer:
    """Hours from a sha's first success in staging to its first in production, of those first promoted in the window."""
    staged, promoted = _first(window, window.site.staged), _first(window, window.site.rollouts)
    return middle((at - staged[sha]) / HOUR for sha, at in promoted.items() if sha in staged and window.has(at))


def time_to_deploy(window: Window) -> Answer:
    """Hours from landing to production, of changes that got there in the window; the very first rollout's left out."""
    return middle((rollout.finished_at - change.landed_at) / HOUR for change, rollout in window.carried())


def _jobs(window: Window) -> list[Rollout]:
    return [] if window.site.plan.ships in (TAGS, RELEASES) else list(window.rollouts())


def _counts(window: Window, one: Rollout) -> bool:
    """Say whether a rollout ended in success or failure.

    A cancelled job is neither; but where deployments are told to GitHub, GitHub was told of an error: a failure.
    """
    told = window.site.plan.ships in (DEPLOYMENTS, PROMOTION)
    return one.result in (SUCCESS, FAILURE) or (told and one.result == CANCELLED)


def _first(window: Window, rollouts: list[Rollout]) -> dict[str, datetime]:
    found: dict[str, datetime] = {}
    for one in rollouts:
        if one.service == window.service and one.result == SUCCESS and window.known(one.finished_at):
            found[one.sha] = min(one.finished_at, found.get(one.sha, one.finished_at))
    return found


METRICS: Metrics = {
    function.__name__: function
    for function in (deployment_duration, deployment_success_rate, rollback_rate, promotion_time, time_to_deploy)
}
