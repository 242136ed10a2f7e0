"""Percentiles of merged histograms: the buckets of all steps are added up first, then one percentile is taken.

An average of percentiles is no percentile.  Between a bucket's bounds the requests are taken to lie evenly, from 0 in
the first one, as Prometheus' ``histogram_quantile`` does; a percentile beyond the last bound is that bound, at least.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def percentile(bounds: Numbers, requests: Numbers, beyond: NDArray[np.bool_], quantile: float) -> tuple[float, float]:
    """Return (value, low): the percentile of rows that each say how many requests lie up to one bound, above the next.

    Rows with one bound are added up.  `beyond` marks rows whose requests were longer than their bound (the bucket
    ``+Inf``); where the percentile lies among them the value is that bound, and `low` is too; else `low` is missing.
    Without requests both are missing.
    """
    total = math.fsum(requests)
    if not total > 0:
        return math.nan, math.nan
    edges, place = np.unique(bounds, return_inverse=True)
    inside = np.bincount(place, np.where(beyond, 0.0, requests), len(edges))
    reached = np.cumsum(inside)
    rank = quantile * total
    found = int(np.searchsorted(reached, rank))
    if found >= len(edges) or rank > reached[-1]:
        return float(edges[-1]), float(edges[-1])
    upper = edges[found]
    lower = edges[found - 1] if found else 0.0
    if not found and upper <= 0:
        return float(upper), math.nan
    before = reached[found - 1] if found else 0.0
    return float(lower + (upper - lower) * (rank - before) / inside[found]) if inside[found] else float(upper), math.nan
