"""Trouble: when a service's answers were worse than on a good day, from the record of rollouts, failures and outages.

A failure is live from the end of the rollout that caused it until it was mended.  Some failures are functional: the
answers are wrong but come fast and with status 200, so that nothing shows.  What people took long to notice was mild.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from devops_lab.practice.world.calendar import Dice
from devops_lab.practice.world.company import RELEASES, TAGS
from devops_lab.practice.world.records import SUCCESS, Failure
from devops_lab.practice.world.site import Site

WATCH = 7_000  # sets these dice apart from those of the year
MILD_AFTER = timedelta(hours=6)
FUNCTIONAL, SLOW = 0.3, 0.55
CRASHES = 2


@dataclass(frozen=True)
class Trouble:
    """From `start` to `end` (None: not over) a share `errors` of the answers fails, and all take `slow` times as long.

    `crashes` are instants at which the process died of it.
    """

    start: datetime
    end: datetime | None
    errors: float
    slow: float
    crashes: tuple[datetime, ...] = ()


def recovered(failure: Failure) -> datetime | None:
    """Return when a failure was over: its incident closed or its remedy in production; None where neither is known."""
    deployed = failure.remedy.deployed.get(failure.service) if failure.remedy is not None else None
    ends = [
        failure.incident.closed_at if failure.incident is not None else None,
        deployed.finished_at if deployed is not None else None,
        failure.rollback.finished_at if failure.rollback is not None else None,
    ]
    return min((end for end in ends if end is not None), default=None)


def troubles(site: Site, service: str) -> list[Trouble]:
    """Return the troubles of a service that its telemetry shows."""
    found = []
    for number, failure in enumerate(site.failures):
        if failure.service == service and not failure.duplicate:
            trouble = _trouble(failure, Dice(site.seed, WATCH, site.place, number))
            if trouble is not None:
                found.append(trouble)
    return found


def _trouble(failure: Failure, dice: Dice) -> Trouble | None:
    end = recovered(failure)
    drawn, strength = dice.uniform(0, 1), dice.uniform(0, 1)
    if failure.cause is None:
        if failure.incident is None:
            return None
        start = failure.incident.created_at - timedelta(minutes=3 + round(9 * dice.uniform(0, 1)))
        return Trouble(start, end, 0.15 + 0.6 * strength, 1 + 6 * drawn)
    start = failure.cause.finished_at
    if drawn < FUNCTIONAL:
        return None
    seen = failure.incident.created_at if failure.incident is not None else end
    mild = seen is None or seen - start > MILD_AFTER
    if drawn < SLOW:
        return Trouble(start, end, 0.0, 1.3 + 0.7 * strength if mild else 8 + 12 * strength)
    if mild:
        return Trouble(start, end, 0.002 + 0.01 * strength, 1.0)
    length = (end - start) if end is not None else MILD_AFTER
    crashes = sorted(start + length * dice.uniform(0.02, 0.6) for _ in range(dice.integer(0, CRASHES)))
    return Trouble(start, end, 0.08 + 0.3 * strength, 1.0 + dice.uniform(0, 1), tuple(crashes))


def versions(site: Site, service: str) -> list[tuple[datetime, str]]:
    """Return (instant, version) of each successful rollout of a service, in order: its tag, else its sha."""
    tagged = site.plan.ships in (TAGS, RELEASES)
    ended = [one for one in site.rollouts if one.service == service and one.result == SUCCESS]
    ended.sort(key=lambda one: (one.finished_at, one.sha))
    return [(one.finished_at, one.links[0] if tagged else one.sha) for one in ended]
