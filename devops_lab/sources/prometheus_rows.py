"""Series become rows: service levels, buckets, sums per step, shares of limits, episodes of alerts.

A step ends at a multiple of its length, and ``increase(x[$step])`` at its end counts what happened in it: so nothing
is counted twice or lost.  Where the server says nothing, or NaN, there is no row: unknown is not 0.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from devops_lab.errors import SourceError
from devops_lab.sources.prometheus_answers import Answer, Series
from devops_lab.sources.values import EPOCH

Row = dict[str, Any]

ALERT_NAME, SEVERITY = "alertname", "severity"
NOT_IDENTITY = ("__name__", "alertstate", ALERT_NAME)
LONE = 60.0  # seconds: how long an alert fired that was seen once


def instant(seconds: float) -> datetime:
    """Return naive UTC of seconds since 1970, to the millisecond, which is Prometheus' own resolution."""
    return EPOCH + timedelta(milliseconds=round(seconds * 1000))


def seconds(moment: datetime) -> float:
    """Return seconds since 1970 of naive UTC."""
    return (moment - EPOCH) / timedelta(seconds=1)


def summed(answer: Answer) -> dict[int, float]:
    """Return the sum of all series per instant; NaN and infinite values are no values."""
    total: dict[int, float] = defaultdict(float)
    for series in answer.series:
        known = np.isfinite(series.values)
        for moment, value in zip(series.times[known].tolist(), series.values[known].tolist(), strict=True):
            total[round(moment)] += value
    return dict(total)


def span(end: int, step: int) -> Row:
    """Return a step's two ends."""
    return {"started_at": instant(end - step), "ended_at": instant(end)}


def counts(answer: Answer, column: str, step: int) -> list[Row]:
    """Return rows of events per step, in `column`."""
    return [{**span(end, step), column: max(value, 0.0)} for end, value in summed(answer).items()]


def levels(good: Answer, total: Answer, step: int) -> list[Row]:
    """Return rows of ``service_levels``: a step whose total is known, and where no series is good 0 of it is."""
    fine = summed(good)
    return [
        {**span(end, step), "good": min(max(fine.get(end, 0.0), 0.0), max(value, 0.0)), "total": max(value, 0.0)}
        for end, value in summed(total).items()
    ]


def probed(answer: Answer, step: int) -> list[Row]:
    """Return rows of ``service_levels`` from raw samples of a probe: each is one event, good where it is above 0."""
    good: dict[int, float] = defaultdict(float)
    total: dict[int, float] = defaultdict(float)
    for series in answer.series:
        known = np.isfinite(series.values)
        for moment, value in zip(series.times[known].tolist(), series.values[known].tolist(), strict=True):
            end = math.ceil(moment / step) * step
            total[end] += 1
            good[end] += value > 0
    return [{**span(end, step), "good": float(good[end]), "total": number} for end, number in total.items()]


def shares(answer: Answer, resource: str) -> list[Row]:
    """Return rows of ``resource_usage``, one per series and instant."""
    rows = []
    for series in answer.series:
        name = _labels(series.labels)
        for moment, value in zip(series.times.tolist(), series.values.tolist(), strict=True):
            if math.isfinite(value):
                rows.append({"resource": resource, "series": name, "occurred_at": instant(moment), "used_share": value})
    return rows


def buckets(answer: Answer, step: int) -> list[Row]:
    """Return rows of ``latency_buckets`` from classic histograms (series with ``le``) or native ones.

    Errors: SourceError when there is no ``le``, or no bucket ``+Inf``.
    """
    found: dict[int, dict[float, float]] = {}
    classic = [series for series in answer.series if len(series.times)]
    if classic:
        found = _classic(classic)
    for series in answer.series:
        for moment, histogram in series.histograms:
            steps = found.setdefault(round(moment), {})
            for le, requests in _native(histogram).items():
                steps[le] = steps.get(le, 0.0) + requests
    return [
        {**span(end, step), "le": le, "requests": requests}
        for end, steps in found.items()
        for le, requests in sorted(steps.items())
    ]


def _classic(series: Iterable[Series]) -> dict[int, dict[float, float]]:
    """Return {instant: {le: requests in the bucket}} of cumulative series; buckets that sink (noise) hold nothing."""
    cumulative: dict[int, dict[float, float]] = defaultdict(dict)
    for one in series:
        if "le" not in one.labels:
            raise SourceError(
                "the latency query gives series without the label le; keep it: "
                "sum by (le) (increase(…_bucket{…}[$step]))"
            )
        le = float(one.labels["le"])
        known = np.isfinite(one.values)
        for moment, value in zip(one.times[known].tolist(), one.values[known].tolist(), strict=True):
            steps = cumulative[round(moment)]
            steps[le] = steps.get(le, 0.0) + value
    if cumulative and not any(math.inf in steps for steps in cumulative.values()):
        raise SourceError(
            'the latency histogram has no bucket le="+Inf", so nobody knows how many requests there were; keep it in '
            "the query, or mend what exposes the histogram"
        )
    found = {}
    for moment, steps in cumulative.items():
        if math.inf not in steps:
            continue
        before, own = 0.0, {}
        for le, value in sorted(steps.items()):
            own[le] = max(value - before, 0.0)
            before = max(before, value)
        found[moment] = own
    return found


def _native(histogram: Mapping[str, Any]) -> dict[float, float]:
    """Return {upper bound: requests} of a native histogram as the API writes it: ``[boundaries, low, high, count]``.

    Native histograms leave empty buckets out; each bucket's lower bound gets an empty one, so that the next smaller
    bound of every bucket is its own.
    """
    own: dict[float, float] = {}
    for _, low, high, number in histogram.get("buckets") or ():
        own.setdefault(float(low), 0.0)
        own[float(high)] = own.get(float(high), 0.0) + max(float(number), 0.0)
    return own


def episodes(answer: Answer, step: int, until: float) -> list[Row]:
    """Return rows of ``alerts`` from raw samples of ``ALERTS{alertstate="firing"}``.

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


def _episode(labels: dict[str, str], start: float, end: float | None) -> Row:
    name = labels.get(ALERT_NAME, "alert")
    own = _labels({key: value for key, value in labels.items() if key not in NOT_IDENTITY})
    digest = hashlib.sha256(own.encode()).hexdigest()[:12]
    return {
        "id": f"{name}-{digest}-{instant(start):%Y%m%dT%H%M%S}",
        "alert": name,
        "severity": labels.get(SEVERITY),
        "labels": own,
        "started_at": instant(start),
        "ended_at": None if end is None else instant(end),
    }


def _labels(labels: Mapping[str, str]) -> str:
    shown = {key: value for key, value in labels.items() if key != "__name__"}
    return json.dumps(shown, ensure_ascii=False, sort_keys=True)
