"""The truth of operate and monitor: what `WatchTruth.metric` answers for a service and a window, from whole counts.

Windows are half-open and begin and end at multiples of the telemetry's step; a step belongs to the window that it lies
in, though the scrape that tells of it comes at its end.  Saturation is what each scrape saw, so there the scrape's own
instant decides.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from devops_lab.practice.world import truth_monitor
from devops_lab.practice.world.levels import Floats
from devops_lab.practice.world.site import Site
from devops_lab.practice.world.truth import Answer
from devops_lab.practice.world.truth_monitor import BURN_WINDOWS, QUANTILES, SLO_DAYS, TrueIncident
from devops_lab.practice.world.watching import Watch
from devops_lab.practice.world.watching_counts import LEVELS_OF_LOG, Telemetry

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
BUSY = 0.95
Over = Callable[[datetime, datetime], Answer]


def saturation(one: Telemetry, since: datetime, until: datetime) -> dict[str, Floats]:
    """Return "cpu" and "memory" in use ÷ limit at each scrape of [`since`, `until`).

    CPU is what was used since the scrape before, so the very first scrape tells of memory alone.
    """
    first, last = (-((one.start - moment) // one.step) for moment in (since, until))
    scrapes = slice(max(first, 0), max(last, 0))
    milliseconds = one.step.total_seconds() * 1000
    cpu = np.concatenate([[np.nan], one.cpu])[scrapes] / milliseconds / one.cores
    memory = np.concatenate([one.memory[:1], one.memory])[scrapes] / one.limit
    return {"cpu": cpu[np.isfinite(cpu)], "memory": memory}


def busy(one: Telemetry, kinds: tuple[str, ...], since: datetime, until: datetime) -> Answer:
    """Return the 95th percentile (interpolated) of the saturation by these kinds, a scrape of each an observation."""
    found = saturation(one, since, until)
    shares = np.concatenate([found[kind] for kind in kinds])
    return Answer(float(np.quantile(shares, BUSY)) if len(shares) else None, len(shares))


def headroom(one: Telemetry, since: datetime, until: datetime) -> Answer:
    """Return 1 − the highest saturation, be it by CPU or memory."""
    shares = np.concatenate(list(saturation(one, since, until).values()))
    return Answer(1 - float(shares.max()) if len(shares) else None, len(shares))


def restart_rate(one: Telemetry, since: datetime, until: datetime) -> Answer:
    """Return the restarts a day."""
    count = int(one.restarts[one.place(since) : one.place(until)].sum())
    return Answer(count / ((until - since) / DAY), count)


def log_error_rate(one: Telemetry, since: datetime, until: datetime) -> Answer:
    """Return the error-level log lines an hour."""
    lines = int(one.total(one.logs, since, until)[LEVELS_OF_LOG.index("error")])
    return Answer(lines / ((until - since) / HOUR), lines)


@dataclass
class WatchTruth:
    """What is true of operate and monitor: the telemetry with its alerts, and the incidents known at its end."""

    watch: Watch
    incidents: list[TrueIncident]

    def metric(self, name: str, service: str, since: datetime, until: datetime) -> Answer:
        """Return a metric's true value for a service over [`since`, `until`), or just before `until` for a state.

        Names: availability, error_ratio, latency_p50 (p95, p99; seconds), slo_attainment, error_budget_remaining,
        burn_rate_1h (6h, 3d), alert_count, alert_noise, time_to_detect (minutes), incident_count, incident_duration
        (hours), saturation (saturation_cpu and saturation_memory alone), headroom, restart_rate (a day),
        log_error_rate (lines an hour).  `n` counts requests, alerts, incidents, scrapes, restarts or lines.
        Errors: KeyError for another name or service; ValueError for a window that is not of whole steps.
        """
        known = self._of(service)
        if name not in known:
            raise KeyError(f"{name!r} is no metric whose truth is known; they are {', '.join(known)}")
        return known[name](since, until)

    def _of(self, service: str) -> dict[str, Over]:
        one, objective = self.watch.telemetry[service], self.watch.objectives[service]
        alerts = [alert for alert in self.watch.alerts if alert.service == service]
        incidents = [incident for incident in self.incidents if incident.service == service]
        found: dict[str, Over] = {
            "availability": partial(truth_monitor.availability, one),
            "error_ratio": partial(truth_monitor.error_ratio, one),
            "slo_attainment": lambda since, until: truth_monitor.availability(one, until - SLO_DAYS, until),
            "error_budget_remaining": lambda since, until: truth_monitor.error_budget_remaining(one, objective, until),
            "alert_count": partial(truth_monitor.alert_count, alerts),
            "alert_noise": partial(truth_monitor.alert_noise, alerts),
            "time_to_detect": partial(truth_monitor.time_to_detect, incidents, alerts),
            "incident_count": partial(truth_monitor.incident_count, incidents),
            "incident_duration": partial(truth_monitor.incident_duration, incidents),
            "saturation": partial(busy, one, ("cpu", "memory")),
            "saturation_cpu": partial(busy, one, ("cpu",)),
            "saturation_memory": partial(busy, one, ("memory",)),
            "headroom": partial(headroom, one),
            "restart_rate": partial(restart_rate, one),
            "log_error_rate": partial(log_error_rate, one),
        }
        for label, quantile in QUANTILES.items():
            found[f"latency_{label}"] = partial(truth_monitor.latency, one, quantile)
        for label, window in BURN_WINDOWS.items():
            found[f"burn_rate_{label}"] = partial(_burn, one, objective, window)
        return found


def _burn(one: Telemetry, objective: float, window: timedelta, since: datetime, until: datetime) -> Answer:
    return truth_monitor.burn_rate(one, objective, until, window)


def tell(watch: Watch, sites: Iterable[Site], until: datetime) -> WatchTruth:
    """Return the truth of operate and monitor that was there at `until`."""
    return WatchTruth(watch, truth_monitor.incidents(sites, until))
