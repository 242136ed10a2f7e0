"""Watching: what a year of Prometheus would have seen of the six services, from the company's record of causes.

Dice of their own, so nothing that GitHub tells depends on it.  A company seen at an earlier instant has the
beginning of the same telemetry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

import numpy as np

from devops_lab.practice.world import levels
from devops_lab.practice.world.levels import STEP
from devops_lab.practice.world.levels_trouble import WATCH, troubles, versions
from devops_lab.practice.world.site import Site
from devops_lab.practice.world.watching_alerts import Episode, episodes
from devops_lab.practice.world.watching_counts import BOUNDS, CODES, LEVELS_OF_LOG, Counts, Telemetry, count


class Series(NamedTuple):
    """A series: `values` are whole numbers of 10 ** -`decimals`, at the scrapes from number `first` on, one a step."""

    name: str
    labels: dict[str, str]
    first: int
    values: Counts
    decimals: int = 0


class Watch:
    """The telemetry of all services: n steps of five minutes from `start`, scraped at n + 1 instants up to `end`.

    `telemetry` by service, `alerts` in the order of their beginning, `objectives` by service (share of good answers).
    """

    def __init__(self, telemetry: Iterable[Telemetry], alerts: list[Episode], objectives: dict[str, float]) -> None:
        self.telemetry = {one.service: one for one in telemetry}
        self.alerts, self.objectives = sorted(alerts, key=lambda one: (one.started_at, one)), objectives
        first = next(iter(self.telemetry.values()))
        self.start, self.step, self.steps = first.start, first.step, len(first.restarts)

    @property
    def end(self) -> datetime:
        """The last scrape."""
        return self.start + self.steps * self.step

    def series(self) -> Iterator[Series]:
        """Tell each series; a version that ran twice is told twice, each time from when it came."""
        for one in self.telemetry.values():
            yield from _requests(one)
            yield from _process(one)


def watch(sites: Iterable[Site], until: datetime) -> Watch:
    """Return what was seen of the services of `sites` up to `until` (naive UTC), in about two seconds a year."""
    found, alerts, objectives = [], [], {}
    for site in sites:
        steps = max((until - site.start) // STEP, 1)
        for place, service in enumerate(site.plan.services if site.plan.measured else ()):
            level, seeds = levels.of(service.name), (site.seed, WATCH + 1 + place, site.place)
            known = versions(site, service.name)
            one = count(service.name, level, site.start, steps, troubles(site, service.name), known, seeds)
            found.append(one)
            alerts += episodes(one, seeds)
            objectives[service.name] = level.objective
    return Watch(found, alerts, objectives)


def _requests(one: Telemetry) -> Iterator[Series]:
    job = {"job": one.service}
    for place, code in enumerate(CODES):
        yield Series("http_requests_total", {**job, "code": code}, 0, one.counter(one.requests[:, place]))
    below = np.cumsum(one.buckets, axis=1)
    name = "http_request_duration_seconds"
    for place, bound in enumerate([*(f"{bound:g}" for bound in BOUNDS), "+Inf"]):
        yield Series(f"{name}_bucket", {**job, "le": bound}, 0, one.counter(below[:, place]))
    yield Series(f"{name}_count", job, 0, one.counter(below[:, -1]))
    yield Series(f"{name}_sum", job, 0, one.counter(one.latency), 3)


def _process(one: Telemetry) -> Iterator[Series]:
    job, scrapes = {"job": one.service}, len(one.restarts) + 1
    yield Series("process_cpu_seconds_total", job, 0, one.counter(one.cpu), 3)
    yield Series("process_resident_memory_bytes", job, 0, np.concatenate([one.memory[:1], one.memory]))
    restarted = np.concatenate([[0], np.cumsum(one.restarts)])
    yield Series("container_restarts_total", job, 0, restarted)
    for place, level in enumerate(LEVELS_OF_LOG):
        yield Series("log_lines_total", {**job, "level": level}, 0, one.counter(one.logs[:, place]))
    constant = (("container_spec_cpu_cores", one.cores), ("container_spec_memory_limit_bytes", one.limit), ("up", 1))
    for name, value in constant:
        yield Series(name, job, 0, np.full(scrapes, value))
    ends = [number for number, _ in one.versions[1:]] + [scrapes]
    for (number, version), end in zip(one.versions, ends, strict=False):
        if end > number:
            yield Series("app_info", {**job, "version": version}, number, np.ones(end - number, np.int64))
