"""The truth of monitor: service levels from whole counts, alerts and incidents as they were, without the lab's code.

Good is every answer but a 5xx; the service level looks back 28 days from a window's end.  Latency is what the classic
histogram can say: within a bucket the requests lie evenly, the first bucket begins at 0, and what falls above the last
bound is that bound (as Prometheus' ``histogram_quantile`` has it).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

import numpy as np

from devops_lab.practice.world.site import Site
from devops_lab.practice.world.truth import Answer
from devops_lab.practice.world.watching_alerts import Episode
from devops_lab.practice.world.watching_counts import BOUNDS, CODES, Counts, Telemetry

SLO_DAYS = timedelta(days=28)
BURN_WINDOWS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "3d": timedelta(days=3)}
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
NOISE = timedelta(minutes=5)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class TrueIncident:
    """An incident opened as an issue; `caused_at`: when the rollout that caused it was finished, if one did."""

    service: str
    number: int
    started_at: datetime
    resolved_at: datetime | None
    caused_at: datetime | None
    duplicate: bool


def incidents(sites: Iterable[Site], until: datetime) -> list[TrueIncident]:
    """Return the incidents known at `until`, in the order of their beginning."""
    found = []
    for site in sites:
        for failure in site.failures:
            issue = failure.incident
            if issue is not None and issue.created_at <= until:
                closed = issue.closed_at if issue.closed_at is not None and issue.closed_at <= until else None
                caused = failure.cause.finished_at if failure.cause is not None else None
                found.append(
                    TrueIncident(failure.service, issue.number, issue.created_at, closed, caused, failure.duplicate)
                )
    return sorted(found, key=lambda one: (one.started_at, one.service, one.number))


def good_and_total(one: Telemetry, since: datetime, until: datetime) -> tuple[int, int]:
    """Return how many requests of [`since`, `until`) were answered well, and how many there were."""
    counted = one.total(one.requests, since, until)
    total = int(counted.sum())
    return total - int(counted[CODES.index("500")]), total


def availability(one: Telemetry, since: datetime, until: datetime) -> Answer:
    """Return good ÷ total; unknown without traffic."""
    good, total = good_and_total(one, since, until)
    return Answer(good / total if total else None, total)


def error_ratio(one: Telemetry, since: datetime, until: datetime) -> Answer:
    """Return bad ÷ total; unknown without traffic."""
    good, total = good_and_total(one, since, until)
    return Answer((total - good) / total if total else None, total)


def error_budget_remaining(one: Telemetry, objective: float, end: datetime) -> Answer:
    """Return the share of the 28 days' error budget that is left at `end`; below 0 where more was spent."""
    bad = error_ratio(one, end - SLO_DAYS, end)
    return Answer(None if bad.value is None else 1 - bad.value / (1 - objective), bad.n)


def burn_rate(one: Telemetry, objective: float, end: datetime, window: timedelta) -> Answer:
    """Return how many times as fast as allowed the budget was spent in the `window` before `end`."""
    bad = error_ratio(one, end - window, end)
    return Answer(None if bad.value is None else bad.value / (1 - objective), bad.n)


def latency(one: Telemetry, quantile: float, since: datetime, until: datetime) -> Answer:
    """Return a quantile of the latency in seconds, as the histogram of [`since`, `until`) says."""
    counted = one.total(one.buckets, since, until)
    return Answer(histogram_quantile(quantile, counted), int(counted.sum()))


def histogram_quantile(quantile: float, counted: Counts) -> float | None:
    """Return a quantile of requests `counted` by BOUNDS and +Inf (each in one bucket only)."""
    below = np.cumsum(counted)
    rank = quantile * int(below[-1])
    if not below[-1]:
        return None
    place = int(np.argmax(below >= rank))
    if place == len(BOUNDS):
        return BOUNDS[-1]
    low = BOUNDS[place - 1] if place else 0.0
    return low + (BOUNDS[place] - low) * (rank - float(below[place] - counted[place])) / float(counted[place])


def alert_count(alerts: Iterable[Episode], since: datetime, until: datetime) -> Answer:
    """Return how many alerts began in the window."""
    begun = [one for one in alerts if since <= one.started_at < until]
    return Answer(float(len(begun)), len(begun))


def alert_noise(alerts: Iterable[Episode], since: datetime, until: datetime) -> Answer:
    """Return the share of the alerts begun in the window that ended before five minutes were over."""
    begun = [one for one in alerts if since <= one.started_at < until]
    short = [one for one in begun if one.ended_at is not None and one.ended_at - one.started_at < NOISE]
    return Answer(len(short) / len(begun) if begun else None, len(begun))


def incident_count(known: Iterable[TrueIncident], since: datetime, until: datetime) -> Answer:
    """Return how many incidents began in the window: whatever their cause; a duplicate is the same incident again."""
    begun = _begun(known, since, until)
    return Answer(float(len(begun)), len(begun))


def incident_duration(known: Iterable[TrueIncident], since: datetime, until: datetime) -> Answer:
    """Return the median hours from start to resolved; open ones lasted longer than all others."""
    begun = _begun(known, since, until)
    hours = [
        (one.resolved_at - one.started_at) / HOUR if one.resolved_at is not None else float("inf") for one in begun
    ]
    value = median(hours) if hours else None
    return Answer(None if value == float("inf") else value, len(hours))


def time_to_detect(
    known: Iterable[TrueIncident], alerts: Iterable[Episode], since: datetime, until: datetime
) -> Answer:
    """Return the median minutes from the causing rollout to the first sign.

    The sign is the issue, or an alert of the service that began before it and not before the cause.  An incident
    counts in the window in which its issue was opened.  Without a cause it is left out: its issue was opened when
    somebody had noticed, so what lies between the two is not told to anybody, and 0 would be untrue.
    """
    told, minutes = list(alerts), []
    for one in _begun(known, since, until):
        start = one.caused_at
        if start is not None:
            seen = [alert.started_at for alert in told if start <= alert.started_at < one.started_at]
            minutes.append((min([*seen, one.started_at]) - start) / MINUTE)
    return Answer(median(minutes) if minutes else None, len(minutes))


def _begun(known: Iterable[TrueIncident], since: datetime, until: datetime) -> list[TrueIncident]:
    return [one for one in known if not one.duplicate and since <= one.started_at < until]
