"""Samples of firing alerts become rows of ``alerts``: episodes with a start and an end; what is stored of them."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np

from devops_lab.sources.prometheus_answers import Answer
from devops_lab.sources.prometheus_rows import instant, seconds, shown_labels
from devops_lab.sources.prometheus_windows import Slice, down

Known = Callable[[str, tuple[str, ...]], dict[tuple[Any, ...], tuple[Any, ...]]]

ALERT_NAME, SEVERITY = "alertname", "severity"
NOT_IDENTITY = ("__name__", "alertstate", ALERT_NAME)
LONE = 60.0  # seconds: how long an alert fired that was seen once


class Stored:
    """The episodes that the store holds, as `known` told at the beginning of a pull."""

    def __init__(self, known: Known, step: int) -> None:
        self._spans, self._step = known("alerts", ("started_at", "ended_at")), step

    def first_open(self, first: int) -> int:
        """Return `first`, or where the earliest episode begins that `first` would cut, or that is still open."""
        step = self._step
        for start, end in sorted(self._spans.values(), key=lambda row: row[0], reverse=True):
            if end is None or (down(start, step) <= first and seconds(end) >= first - step):
                first = min(first, down(start, step) - step)
        return first

    def parts(self, windows: Iterable[Slice], seen: Collection[str]) -> list[str]:
        """Return the ids of episodes that start in `windows` and were not `seen` there: parts of longer ones."""
        spans = list(windows)
        return [
            key
            for (key,), (start, _) in self._spans.items()
            if key not in seen and any(window.first < seconds(start) <= window.last for window in spans)
        ]


def episodes(answer: Answer, step: int, until: float) -> list[dict[str, Any]]:
    """Return rows of ``alerts`` (without ``service``) from raw samples of ``ALERTS{alertstate="firing"}``.

    Samples at most `step` apart are one episode; it ends one interval (the series' usual distance between samples)
    after its last sample, and is open while a next sample may still come.
    """
    rows = []
    for labels, times in _firing(answer).items():
        gaps = np.diff(times)
        near = gaps[gaps <= step]
        interval = float(np.median(near)) if len(near) else min(LONE, step)
        cuts = np.flatnonzero(gaps > step) + 1
        for part in np.split(times, cuts):
            is_open = part[-1] + step >= until
            rows.append(_episode(dict(labels), part[0], None if is_open else part[-1] + interval))
    return rows


def _firing(answer: Answer) -> dict[tuple[tuple[str, str], ...], Any]:
    together: dict[tuple[tuple[str, str], ...], list[Any]] = defaultdict(list)
    for series in answer.series:
        state = series.labels.get("alertstate", "firing")
        if state == "firing":
            together[tuple(sorted(series.labels.items()))].append(series.times[series.values > 0])
    found = {labels: np.unique(np.concatenate(parts)) for labels, parts in together.items()}
    return {labels: times for labels, times in found.items() if len(times)}


def _episode(labels: dict[str, str], start: float, end: float | None) -> dict[str, Any]:
    name = labels.get(ALERT_NAME, "alert")
    own = shown_labels({key: value for key, value in labels.items() if key not in NOT_IDENTITY})
    digest = hashlib.sha256(own.encode()).hexdigest()[:12]
    return {
        "id": f"{name}-{digest}-{instant(start):%Y%m%dT%H%M%S}",
        "alert": name,
        "severity": labels.get(SEVERITY),
        "labels": own,
        "started_at": instant(start),
        "ended_at": None if end is None else instant(end),
    }
