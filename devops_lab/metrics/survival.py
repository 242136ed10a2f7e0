"""Kaplan-Meier: percentiles of durations of which some had not ended when the question was asked.

An open failure is neither left out (that flatters) nor ended today (that flatters too): it is *censored*, known to last
at least so long.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Z = 1.959963984540054
"""The normal distribution's 97.5 % point."""

_EVEN = 1e-12

Numbers = NDArray[np.float64]


def curve(values: Numbers, censored: NDArray[np.bool_]) -> tuple[Numbers, Numbers, Numbers, Numbers]:
    """Return the times at which something ended, survival after each, and its log-log 95 % limits (Greenwood).

    At equal times what ended comes before what was censored, as usual.
    """
    times, ended = np.unique(values[~censored], return_counts=True)
    at_risk = len(values) - np.searchsorted(np.sort(values), times, side="left")
    survival: Numbers = np.cumprod(1 - ended / at_risk, dtype=np.float64)
    survival[ended == at_risk] = 0.0
    remaining = at_risk - ended
    terms = np.divide(ended, at_risk * remaining, out=np.zeros(len(times)), where=remaining > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = np.log(survival)
        error = Z * np.sqrt(np.cumsum(terms)) / logarithm
        lower: Numbers = np.where(survival > 0, np.exp(logarithm * np.exp(-error)), 0.0)
        upper: Numbers = np.where(survival > 0, np.exp(logarithm * np.exp(error)), 0.0)
    return times, survival, np.minimum(lower, upper), np.maximum(lower, upper)


def percentile(values: Numbers, censored: NDArray[np.bool_], quantile: float) -> tuple[float, float, float]:
    """Return a percentile with its 95 % limits; nan for what was not reached.

    On a flat step at exactly the level asked for it is the middle of the step, so that without censoring the median
    of an even number is the interpolated middle.  A flat step that no later end closes has no middle: not reached.
    """
    times, survival, lower, upper = curve(values, censored)
    level = 1 - quantile
    return _crossed(times, survival, level), _first(times, lower, level), _first(times, upper, level)


def _crossed(times: Numbers, survival: Numbers, level: float) -> float:
    below = np.flatnonzero(survival <= level + _EVEN)
    if not len(below):
        return math.nan
    first = below[0]
    if abs(survival[first] - level) > _EVEN:
        return float(times[first])
    return float((times[first] + times[first + 1]) / 2) if first + 1 < len(times) else math.nan


def _first(times: Numbers, survival: Numbers, level: float) -> float:
    below = np.flatnonzero(survival <= level)
    return float(times[below[0]]) if len(below) else math.nan
