"""The store's latest snapshot as Prometheus' metric families; computed once per snapshot, served from memory."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector as PrometheusCollector

from devops_lab import metrics
from devops_lab.errors import QuestionError
from devops_lab.metrics import Metric, answers, observations
from devops_lab.reports.exporter.names import LABELS, PARTS, PREFIX, Named, named, short
from devops_lab.reports.question import Pinned
from devops_lab.store import Store

LAST_SYNC = f"{PREFIX}_last_complete_sync_timestamp_seconds"
AGE = f"{PREFIX}_data_age_seconds"
COVERAGE = f"{PREFIX}_coverage_ratio"
COMPUTING = f"{PREFIX}_computing_seconds"
REFUSED = f"{PREFIX}_metrics_not_computed"
_SAID = {
    "": "{text}",
    "low": "Lower end of the 95 % interval of {metric}.",
    "high": "Upper end of the 95 % interval of {metric}.",
    "observations": "Observations that {metric} is made of.",
}


class Collector(PrometheusCollector):
    """What a scrape gets.  `refresh` looks for a new snapshot and computes its numbers; `collect` only hands them out.

    `windows` are lengths that end at the last complete sync ("90 days"); `chosen` are the metrics (none: all of them).
    A number that is missing has no series, and a metric that cannot be asked is counted in a series of its own.
    """

    def __init__(self, path: str, windows: Sequence[str], timezone: str = "UTC", chosen: Sequence[Metric] = ()) -> None:
        self._path, self._timezone = path, timezone
        self._windows = tuple({short(window): window for window in windows}.values())
        self._metrics = list(chosen) or metrics.catalogue()
        self._families: list[GaugeMetricFamily] = []
        self._snapshot: str | None = None
        self._as_of: datetime | None = None

    def describe(self) -> list[GaugeMetricFamily]:
        """Return nothing: what there is depends on the store, so that registering asks it nothing."""
        return []

    def refresh(self) -> bool:
        """Compute the numbers of the newest snapshot unless they are there; say whether they are new.

        Errors: StoreError when the store is damaged; what was computed before is then still served.
        """
        newest = Store(self._path)
        if newest.snapshot_name is None or newest.snapshot_name == self._snapshot:
            return False
        began, store = time.monotonic(), Pinned(self._path)
        families = _Families(_teams(store))
        refused = 0
        for metric in self._metrics:
            try:
                for window in self._windows:
                    families.add(metric, store, window, self._timezone)
            except QuestionError:
                refused += 1
        made = families.made()
        made += [
            _one(REFUSED, "Metrics that could not be asked of this store.", refused),
            _one(COMPUTING, "Time that computing the snapshot's numbers took.", time.monotonic() - began),
        ]
        self._families, self._snapshot, self._as_of = made, store.snapshot_name, store.as_of
        return True

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield the families computed last, and how old the data are now; nothing before the first sync."""
        if self._as_of is None:
            return
        last = self._as_of.replace(tzinfo=UTC).timestamp()
        yield _one(LAST_SYNC, "The instant the numbers stand for: when the last complete sync began to ask.", last)
        yield _one(AGE, "Time since the last complete sync.", max(0.0, time.time() - last))
        yield from self._families


def _one(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, text, value=value)


def _teams(store: Store) -> dict[str, str]:
    rows = store.rows("select service, team from services")
    return {row["service"]: row["team"] or "" for row in rows}


def _team(group: str) -> str:
    """Return a group's team as a label: empty where the services have none."""
    return "" if group == observations.NO_TEAM else group


class _Families:
    """Families by name, filled one metric and window after the other."""

    def __init__(self, teams: dict[str, str]) -> None:
        self._teams = teams
        self._by_name: dict[str, GaugeMetricFamily] = {}

    def made(self) -> list[GaugeMetricFamily]:
        """Return the families that have a sample, by name."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def add(self, metric: Metric, store: Store, window: str, timezone: str) -> None:
        """Add a metric's numbers over one window: per service, per team, and over everything."""
        question = answers.ask(metric, store, last=window, timezone=timezone)
        for by, labels in LABELS.items():
            frame = answers.window(metric, question, by, None, keep_empty=True)
            for row in frame.to_dict("records"):
                group = str(row["group_name"])
                values = {"service": group, "team": self._teams.get(group, "") if by == "service" else _team(group)}
                said = [values[label] for label in labels]
                self._row(metric, named(metric), by, row, said, short(window))

    def _row(
        self, metric: Metric, name: Named, by: str | None, row: dict[Any, Any], said: list[str], window: str
    ) -> None:
        if by == "service":
            asked = ("service", "team", "metric", "window")
            family = self._family(COVERAGE, "Share of the window that the sync covered for a metric.", asked)
            family.add_metric([*said, metric.name, window], float(row["coverage"]))
        if not row["coverage"] or (row["n"] == 0 and row["coverage"] < 1):
            return  # nobody asked, or not everywhere: no number, and no 0
        labels = (*LABELS[by], "window", "statistic")
        for part, column in zip(PARTS, ("value", "low", "high", "n"), strict=True):
            value = float(row[column]) * (1.0 if part == "observations" else name.factor)
            if math.isfinite(value):
                text = _SAID[part].format(text=metric.text.partition("\n")[0], metric=metric.name)
                family = self._family(name.series(by, part), text, labels, "" if part == "observations" else name.unit)
                family.add_metric([*said, window, str(row["statistic"])], value)

    def _family(self, name: str, text: str, labels: Sequence[str], unit: str = "ratio") -> GaugeMetricFamily:
        if name not in self._by_name:
            self._by_name[name] = GaugeMetricFamily(name, text, labels=labels, unit=unit)
        return self._by_name[name]
