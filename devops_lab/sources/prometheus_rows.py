"""Series become tables of rows: service levels, buckets, sums per step, shares of limits.

A step ends at a multiple of its length, and ``increase(x[$step])`` at its end counts what happened in it: so nothing
is counted twice or lost.  Where the server says nothing, or NaN, there is no row: unknown is not 0.

Rows are Arrow tables made from whole arrays, with the columns that the stored table has but ``service``.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from devops_lab.errors import SourceError
from devops_lab.sources.prometheus_answers import Answer, Numbers, Series
from devops_lab.sources.values import EPOCH

Ends = NDArray[np.int64]

MICROSECONDS = 1_000_000


class Sums(NamedTuple):
    """The sum of some series per instant: `ends` in seconds since 1970, ascending, and as many `values`."""

    ends: Ends
    values: Numbers


class Bins(NamedTuple):
    """Buckets of histograms: the instant, the upper bound and the requests of each, ascending."""

    ends: Ends
    les: Numbers
    requests: Numbers


def instant(seconds: float) -> datetime:
    """Return naive UTC of seconds since 1970, to the millisecond, which is Prometheus' own resolution."""
    return EPOCH + timedelta(milliseconds=round(seconds * 1000))


def instants(seconds: Ends | Numbers) -> pa.Array:
    """Return many instants as `instant` does."""
    return pa.array((np.rint(seconds * 1000).astype(np.int64) * 1000).astype("datetime64[us]"))


def seconds(moment: datetime) -> float:
    """Return seconds since 1970 of naive UTC."""
    return (moment - EPOCH) / timedelta(seconds=1)


def same(value: str | float | None, kind: pa.DataType, number: int) -> pa.Array:
    """Return a column that holds `value` `number` times."""
    return pa.repeat(pa.scalar(value, kind), number)


def summed(answer: Answer) -> Sums:
    """Return the sum of all series per instant; NaN and infinite values are no values."""
    times, values = _finite(answer)
    ends, places = np.unique(np.rint(times).astype(np.int64), return_inverse=True)
    return Sums(ends, np.bincount(places, values, len(ends)).astype(np.float64))


def counts(answer: Answer, column: str, step: int) -> pa.Table:
    """Return rows of events per step, in `column`."""
    ends, values = summed(answer)
    return pa.table({**_span(ends, step), column: np.maximum(values, 0.0)})


def levels(good: Answer, total: Answer, step: int) -> pa.Table:
    """Return rows of ``service_levels``: a step whose total is known, and where no series is good 0 of it is."""
    (ends, values), fine = summed(total), summed(good)
    all_ = np.maximum(values, 0.0)
    own = np.zeros(len(ends))
    _, here, there = np.intersect1d(ends, fine.ends, assume_unique=True, return_indices=True)
    own[here] = fine.values[there]
    return pa.table({**_span(ends, step), "good": np.clip(own, 0.0, all_), "total": all_})


def probed(answer: Answer, step: int) -> pa.Table:
    """Return rows of ``service_levels`` from raw samples of a probe: each is one event, good where it is above 0."""
    times, values = _finite(answer)
    ends, places = np.unique(np.ceil(times / step).astype(np.int64) * step, return_inverse=True)
    good, total = np.bincount(places, values > 0, len(ends)), np.bincount(places, minlength=len(ends))
    return pa.table({**_span(ends, step), "good": good.astype(np.float64), "total": total.astype(np.float64)})


def shares(answer: Answer, resource: str) -> pa.Table:
    """Return rows of ``resource_usage``, one per series and instant."""
    parts = []
    for series in answer.series:
        known = np.isfinite(series.values)
        times, values = series.times[known], series.values[known]
        named = {"resource": resource, "series": shown_labels(series.labels)}
        columns = {name: same(text, pa.string(), len(times)) for name, text in named.items()}
        parts.append(pa.table({**columns, "occurred_at": instants(times), "used_share": values}))
    return pa.concat_tables(parts) if parts else pa.table({"occurred_at": instants(np.empty(0))})


def buckets(answer: Answer, step: int) -> pa.Table:
    """Return rows of ``latency_buckets`` from classic histograms (series with ``le``) or native ones.

    Errors: SourceError when there is no ``le``, or no bucket ``+Inf``.
    """
    found = _classic([series for series in answer.series if len(series.times)])
    native = _native(answer)
    if len(native.ends):
        found = _together(found, native)
    return pa.table({**_span(found.ends, step), "le": found.les, "requests": found.requests})


def shown_labels(labels: Mapping[str, str]) -> str:
    """Return a series' labels as JSON, without its metric's name."""
    shown = {key: value for key, value in labels.items() if key != "__name__"}
    return json.dumps(shown, ensure_ascii=False, sort_keys=True)


def _span(ends: Ends, step: int) -> dict[str, pa.Array]:
    return {"started_at": instants(ends - step), "ended_at": instants(ends)}


def _finite(answer: Answer) -> tuple[Numbers, Numbers]:
    """Return instants and values of all series, one after the other, where the value is a number."""
    nothing: list[Numbers] = [np.empty(0)]
    times = np.concatenate(nothing + [series.times for series in answer.series])
    values = np.concatenate(nothing + [series.values for series in answer.series])
    known = np.isfinite(values)
    return times[known], values[known]


def _classic(series: Iterable[Series]) -> Bins:
    """Return the buckets of cumulative series; buckets that sink (noise) hold nothing."""
    together: dict[float, list[Series]] = {}
    for one in series:
        if "le" not in one.labels:
            raise SourceError(
                "the latency query gives series without the label le; keep it: "
                "sum by (le) (increase(…_bucket{…}[$step]))"
            )
        together.setdefault(float(one.labels["le"]), []).append(one)
    cumulative = {le: sums for le in sorted(together) if len((sums := summed(Answer(together[le]))).ends)}
    if cumulative and math.inf not in cumulative:
        raise SourceError(
            'the latency histogram has no bucket le="+Inf", so nobody knows how many requests there were; keep it in '
            "the query, or mend what exposes the histogram"
        )
    ends = cumulative[math.inf].ends if cumulative else np.empty(0, np.int64)
    own = np.full((len(ends), len(cumulative)), np.nan)
    before = np.zeros(len(ends))
    for place, sums in enumerate(cumulative.values()):
        _, here, there = np.intersect1d(ends, sums.ends, assume_unique=True, return_indices=True)
        values = sums.values[there]
        own[here, place] = np.maximum(values - before[here], 0.0)
        before[here] = np.maximum(before[here], values)
    rows, columns = np.nonzero(~np.isnan(own))
    return Bins(ends[rows], np.array(list(cumulative))[columns], own[rows, columns])


def _native(answer: Answer) -> Bins:
    """Return the buckets of native histograms as the API writes them: ``[boundaries, low, high, count]``.

    Native histograms leave empty buckets out; each bucket's lower bound gets an empty one, so that the next smaller
    bound of every bucket is its own.
    """
    found: list[tuple[int, float, float]] = []
    for series in answer.series:
        for moment, histogram in series.histograms:
            for _, low, high, number in _buckets_of(histogram):
                found += [(round(moment), float(low), 0.0), (round(moment), float(high), max(float(number), 0.0))]
    ends, les, requests = np.array(found, np.float64).reshape(-1, 3).T
    return _together(Bins(ends.astype(np.int64), les, requests))


def _buckets_of(histogram: Mapping[str, Any]) -> Iterable[Any]:
    return histogram.get("buckets") or ()


def _together(*bins: Bins) -> Bins:
    """Return buckets in order; those of one instant and bound are added up."""
    ends, les, requests = (np.concatenate(columns) for columns in zip(*bins, strict=True))
    order = np.lexsort((les, ends))
    ends, les, requests = ends[order], les[order], requests[order]
    is_first = np.ones(len(ends), bool)
    is_first[1:] = (ends[1:] != ends[:-1]) | (les[1:] != les[:-1])
    sums = np.add.reduceat(requests, np.flatnonzero(is_first)) if len(ends) else requests
    return Bins(ends[is_first], les[is_first], sums)
