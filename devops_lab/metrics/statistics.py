"""Statistics of one sample: the value, its 95 % interval, and whether there is enough to say anything.

A sample is plain arrays, so each method can be checked against an independent source.  No function looks at the order
of its rows, and the only random numbers (resampled deployments) come from a fixed seed: equal rows, equal result.

==================  ===========================================  =====================================================
statistic           value                                        interval
==================  ===========================================  =====================================================
median, pNN         interpolated middle (numpy's "linear")       order statistics; whole clusters resampled where the
                                                                 definition names one, widened where they are few;
                                                                 Kaplan-Meier where censored; none of histograms,
                                                                 whose rows are buckets with denominators
share               mean of 0 and 1                              Wilson
count               number of rows                               exact Poisson
per day, per week   count ÷ calendar days (x 7)                  exact Poisson, divided likewise
sum                 sum of values                                none
ratio               sum of values ÷ sum of denominators          none
highest, lowest     the extreme value                            none
==================  ===========================================  =====================================================
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from devops_lab.errors import QuestionError
from devops_lab.metrics import histograms, survival
from devops_lab.metrics.survival import Z

FEW = 6
"""Fewer observations than this are "too few": no tier and no arrow.  It is the least that a 95 % interval of a median
by order statistics needs: with five, the extremes cover only 93.75 %."""

TAIL = 0.025
SEED = 20260101
RESAMPLES = 1000
CHUNK = 4_000_000
RATES = {"per day": 1.0, "per week": 7.0}
PLAIN = ("count", "share", "sum", "ratio", "highest", "lowest", *RATES)
_TOTALS = ("count", "sum", *RATES)
_PERCENTILE = re.compile(r"p(\d{1,2}(?:\.\d+)?)")

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Sample:
    """The rows of one group and period that count.

    `censored` marks values that had not ended (the true value is larger), `denominators` belong to ratios, `clusters`
    (any sortable values) name the rows that come together, `days` is the length in calendar days.
    """

    values: Numbers
    censored: NDArray[np.bool_] | None = None
    denominators: Numbers | None = None
    clusters: NDArray[np.int64] | None = None
    days: float = math.nan

    @property
    def is_histogram(self) -> bool:
        """True where each row is a bucket: so many (its denominator) up to its value, above the next smaller one."""
        return self.denominators is not None and len(self.values) > 0 and not np.isnan(self.denominators).any()

    @property
    def is_censored(self) -> bool:
        """True where any row had not ended."""
        return self.censored is not None and bool(self.censored.any())


@dataclass(frozen=True)
class Estimate:
    """One answer: `value` with its 95 % interval `low` to `high` (nan: missing), of `n` rows."""

    value: float
    low: float
    high: float
    n: int
    too_few: bool


def quantile_of(statistic: str) -> float | None:
    """Return 0.5 for ``median``, 0.9 for ``p90``; None for a statistic that is no percentile."""
    if statistic == "median":
        return 0.5
    match = _PERCENTILE.fullmatch(statistic)
    return float(match.group(1)) / 100 if match and 0 < float(match.group(1)) < 100 else None


def check(statistic: str) -> str:
    """Return `statistic`; QuestionError when there is no such statistic."""
    if statistic in PLAIN or quantile_of(statistic) is not None:
        return statistic
    raise QuestionError(f"there is no statistic {statistic!r}; there are median, p1 to p99, {', '.join(PLAIN)}")


def is_total(statistic: str) -> bool:
    """True for counts and sums: nothing seen in a covered period is 0 there, and missing for every other statistic."""
    return statistic in _TOTALS


def estimate(statistic: str, sample: Sample) -> Estimate:
    """Return the statistic of `sample` with its interval; values that cannot be given are nan."""
    value, low, high = _estimated(check(statistic), sample)
    few = not is_total(statistic) and len(sample.values) < FEW
    return Estimate(value, low, high, len(sample.values), few)


def _estimated(statistic: str, sample: Sample) -> tuple[float, float, float]:
    n = len(sample.values)
    quantile = quantile_of(statistic)
    if statistic == "count":
        return (float(n), *poisson(n))
    if statistic in RATES:
        scale = RATES[statistic] / sample.days
        low, high = poisson(n)
        return n * scale, low * scale, high * scale
    if statistic == "sum":
        return math.fsum(sample.values), math.nan, math.nan
    if n == 0:
        return math.nan, math.nan, math.nan
    if quantile is not None:
        return _percentile(sample, quantile)
    if statistic == "share":
        ones = math.fsum(sample.values)
        return (ones / n, *wilson(ones, n))
    if statistic == "ratio":
        below = math.nan if sample.denominators is None else math.fsum(sample.denominators)
        return (math.fsum(sample.values) / below if below else math.nan), math.nan, math.nan
    return float(sample.values.max() if statistic == "highest" else sample.values.min()), math.nan, math.nan


def _percentile(sample: Sample, quantile: float) -> tuple[float, float, float]:
    if sample.denominators is not None and sample.is_histogram:
        beyond = np.zeros(len(sample.values), np.bool_) if sample.censored is None else sample.censored
        return (*histograms.percentile(sample.values, sample.denominators, beyond, quantile), math.nan)
    if sample.censored is not None and sample.is_censored:
        return survival.percentile(sample.values, sample.censored, quantile)
    value = percentile(sample.values, quantile)
    if len(sample.values) < FEW:
        return value, math.nan, math.nan
    if sample.clusters is not None:
        return (value, *resampled(sample.values, sample.clusters, quantile))
    return (value, *order_statistics(sample.values, quantile))


def percentile(values: Numbers, quantile: float) -> float:
    """Return the interpolated percentile: ``percentile([10, 1000], 0.5)`` is 505."""
    return float(np.quantile(values, quantile))


def order_statistics(values: Numbers, quantile: float) -> tuple[float, float]:
    """Return the 95 % limits of a percentile: the two values whose ranks the binomial distribution names.

    Exact whatever the distribution; nan where so few values allow no limit on that side.
    """
    n = len(values)
    ordered = np.sort(values)
    spread = 10 * math.sqrt(n * quantile * (1 - quantile)) + 10
    first, last = max(0, int(n * quantile - spread)), min(n, int(n * quantile + spread) + 1)
    below = special.bdtr(np.arange(first, last + 1), n, quantile)
    lower = first + int(np.searchsorted(below, TAIL))
    upper = first + int(np.searchsorted(below, 1 - TAIL)) + 1
    return (
        float(ordered[lower - 1]) if lower >= 1 else math.nan,
        float(ordered[upper - 1]) if upper <= n else math.nan,
    )


def resampled(values: Numbers, clusters: NDArray[np.int64], quantile: float) -> tuple[float, float]:
    """Return the 95 % limits of a percentile when whole clusters are drawn again, `RESAMPLES` times.

    Changes that one deployment carries wait together, so they are not independent: the deployments are.  The draws are
    ``numpy.random.default_rng(SEED).integers(0, G, (RESAMPLES, G))`` over the G clusters in ascending order; the limits
    are the draws' percentiles by `cut`.  Under `FEW` clusters there is no interval, as there is none for so few rows:
    four deployments tell as much as four things, however many changes they carry.
    """
    names, member = np.unique(clusters, return_inverse=True)
    if len(names) < FEW:
        return math.nan, math.nan
    order = np.argsort(values, kind="stable")
    drawn = [_weighted(values[order], counts[:, member[order]], quantile) for counts in _draws(len(names), len(values))]
    tail = cut(len(names))
    low, high = np.quantile(np.concatenate(drawn), [tail, 1 - tail])
    return float(low), float(high)


def cut(clusters: int) -> float:
    """Return the share of the draws that is cut off at each end for a 95 % interval: `TAIL`, less for few clusters.

    Draws of G clusters vary too little, by the factor sqrt((G - 1) / G), and their spread is itself uncertain, so the
    plain percentiles cover 85 to 92 % where G is under 20 (tests/coverage_bench.py).  This is the expanded percentile
    interval of Hesterberg, What Teachers Should Know about the Bootstrap (2015), section 4.3.2.
    """
    return float(special.ndtr(-math.sqrt(clusters / (clusters - 1)) * special.stdtrit(clusters - 1, 1 - TAIL)))


def _draws(clusters: int, rows: int) -> Iterator[NDArray[np.int64]]:
    """Yield how often each cluster is drawn, a memory-bounded number of resamples at a time."""
    generator = np.random.default_rng(SEED)
    step = max(1, min(RESAMPLES, CHUNK // max(clusters, rows)))
    for start in range(0, RESAMPLES, step):
        size = min(step, RESAMPLES - start)
        picks = generator.integers(0, clusters, size=(size, clusters))
        places = picks + np.arange(size)[:, None] * clusters
        yield np.bincount(places.ravel(), minlength=size * clusters).reshape(size, clusters)


def _weighted(ordered: Numbers, weights: NDArray[np.int64], quantile: float) -> Numbers:
    """Return each resample's interpolated percentile, as if every value stood there `weights` times."""
    reached = np.cumsum(weights, axis=1)
    place = (reached[:, -1] - 1) * quantile
    below = np.floor(place).astype(np.int64)
    lower = ordered[(reached > below[:, None]).argmax(axis=1)]
    above = np.minimum(below + 1, reached[:, -1] - 1)
    upper = ordered[(reached > above[:, None]).argmax(axis=1)]
    return lower + (upper - lower) * (place - below)


def wilson(ones: float, n: int) -> tuple[float, float]:
    """Return Wilson's 95 % limits of a share: `ones` of `n`."""
    share, square = ones / n, Z * Z
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = Z / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n * n))
    low = 0.0 if ones == 0 else max(0.0, middle - half)  # rounding would leave a speck of either
    return low, 1.0 if ones == n else min(1.0, middle + half)


def poisson(n: int) -> tuple[float, float]:
    """Return the exact 95 % limits of a count's expectation."""
    low = float(special.gammaincinv(n, TAIL)) if n else 0.0
    return low, float(special.gammaincinv(n + 1, 1 - TAIL))


def explain(statistic: str, sample: Sample, cluster: str | None = None) -> str:
    """Say in one sentence how value and interval came about, so that an outsider can do it again."""
    quantile, n = quantile_of(statistic), len(sample.values)
    if statistic == "count":
        return "exact Poisson, 95 %"
    if statistic in RATES:
        return f"n x {RATES[statistic]:g} / {sample.days:g} calendar days; exact Poisson, 95 %, divided likewise"
    if statistic == "share":
        return "Wilson, 95 %"
    if quantile is None:
        return "none"
    if sample.is_histogram:
        return (
            "merged histogram: denominators added up per value, then interpolated between neighbouring values, from 0 "
            "in the first; among censored rows: the highest value, which is also low"
        )
    if sample.is_censored:
        return (
            f"Kaplan-Meier where survival is {1 - quantile:g} (a flat step: its middle; not reached: missing); "
            "95 % by log-log limits (Greenwood)"
        )
    if n < FEW:
        return f"none: under {FEW} observations"
    if sample.clusters is None:
        return "order statistics (binomial ranks), 95 %"
    groups = len(np.unique(sample.clusters))
    if groups < FEW:
        return f"none: the rows have {groups} different {cluster}, under {FEW}"
    tail = 100 * cut(groups)
    return (
        f"bootstrap of whole clusters: rows with one {cluster} are drawn together; {groups} clusters in ascending "
        f"order, numpy.random.default_rng({SEED}).integers(0, {groups}, ({RESAMPLES}, {groups})); "
        f"percentiles {tail!r} and {100 - tail!r} of the {RESAMPLES} interpolated percentiles (2.5 and 97.5, expanded "
        f"for {groups} clusters)"
    )
