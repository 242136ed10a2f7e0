"""Published benchmarks of DORA's yearly reports; a tier always names the edition it is taken from.

The tables are kept as published, with their oddities: bands with gaps between them (2021: nothing between "less than
one hour" and "one day" of lead time), and bands that several clusters share (2021: 16-30 % of failed changes for high,
medium and low alike).  2023 and 2024 give the fail rate of each cluster as a point, which is no threshold, and 2025
has no tiers at all: compare with its published means.

A month is a twelfth of 365.25 days.  "On demand (multiple deploys per day)" is read as more than one a day.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from devops_lab.errors import QuestionError
from devops_lab.metrics.definition import Definition
from devops_lab.metrics.statistics import FEW

HOUR, DAY, WEEK, MONTH = 1.0, 24.0, 168.0, 365.25 * 2
HALF_YEAR = 6 * MONTH
DEFAULT_EDITION = 2024
SOURCES = {
    2019: "Accelerate State of DevOps 2019, https://dora.dev/research/2019/dora-report/",
    2021: "Accelerate State of DevOps 2021, https://dora.dev/research/2021/dora-report/",
    2022: "Accelerate State of DevOps 2022, https://dora.dev/research/2022/dora-report/",
    2023: "Accelerate State of DevOps 2023, https://dora.dev/research/2023/dora-report/",
    2024: "Accelerate State of DevOps 2024, https://dora.dev/research/2024/dora-report/",
    2025: "State of AI-assisted Software Development 2025, https://dora.dev/research/2025/dora-report/",
}
EDITIONS = tuple(SOURCES)


@dataclass(frozen=True)
class Band:
    """One published band, best first in its list: from `low` to `high`, and the clusters that share it.

    Lead and recovery times in hours, fail rates in whole per cent, frequencies as hours between two deployments.
    """

    tier: str
    low: float
    high: float
    published: str


@dataclass(frozen=True)
class Tier:
    """A tier with its edition; `outside` is True where the value lies between published bands or beyond the worst."""

    name: str
    edition: int
    published: str
    outside: bool
    source: str

    def __str__(self) -> str:
        return f"{self.edition}: {self.name}"


@dataclass(frozen=True)
class Mean:
    """The published mean of all industries; `unit` is ``share`` or ``score`` (0 to 10, higher is better)."""

    value: float
    unit: str
    edition: int
    source: str


def _bands(*bands: tuple[str, float, float, str]) -> tuple[Band, ...]:
    return tuple(Band(*band) for band in bands)


_ON_DEMAND = (0.0, DAY, "on demand (multiple deploys per day)")
_DAY_TO_WEEK = (DAY, WEEK, "between once per day and once per week")
_WEEK_TO_MONTH = (WEEK, MONTH, "between once per week and once per month")
_MONTH_TO_HALF_YEAR = (MONTH, HALF_YEAR, "between once per month and once every six months")
_UNDER_HOUR = (0.0, HOUR, "less than one hour")
_UNDER_DAY = (0.0, DAY, "less than one day")
_ONE_DAY_TO_WEEK = (DAY, WEEK, "between one day and one week")
_ONE_WEEK_TO_MONTH = (WEEK, MONTH, "between one week and one month")
_ONE_MONTH_TO_HALF_YEAR = (MONTH, HALF_YEAR, "between one month and six months")
_OVER_HALF_YEAR = (HALF_YEAR, math.inf, "more than six months")
_FEW_FAIL = (0.0, 15.0, "0-15 %")
_SOME_FAIL = (16.0, 30.0, "16-30 %")
_MANY_FAIL = (46.0, 60.0, "46-60 %")

LEAD, FREQUENCY = "change_lead_time", "deployment_frequency"
FAIL, RECOVERY = "change_fail_rate", "failed_deployment_recovery_time"
REWORK = "deployment_rework_rate"

PUBLISHED: dict[int, dict[str, tuple[Band, ...]]] = {
    2019: {
        FREQUENCY: _bands(
            ("elite", *_ON_DEMAND),
            ("high", *_DAY_TO_WEEK),
            ("medium", *_WEEK_TO_MONTH),
            ("low", *_MONTH_TO_HALF_YEAR),
        ),
        LEAD: _bands(
            ("elite", *_UNDER_DAY),
            ("high", *_ONE_DAY_TO_WEEK),
            ("medium", *_ONE_WEEK_TO_MONTH),
            ("low", *_ONE_MONTH_TO_HALF_YEAR),
        ),
        RECOVERY: _bands(("elite", *_UNDER_HOUR), ("high or medium", *_UNDER_DAY), ("low", *_ONE_WEEK_TO_MONTH)),
        FAIL: _bands(("elite, high or medium", *_FEW_FAIL), ("low", *_MANY_FAIL)),
    },
    2021: {
        FREQUENCY: _bands(
            ("elite", *_ON_DEMAND),
            ("high", *_WEEK_TO_MONTH),
            ("medium", *_MONTH_TO_HALF_YEAR),
            ("low", HALF_YEAR, math.inf, "fewer than once per six months"),
        ),
        LEAD: _bands(
            ("elite", *_UNDER_HOUR),
            ("high", *_ONE_DAY_TO_WEEK),
            ("medium", *_ONE_MONTH_TO_HALF_YEAR),
            ("low", *_OVER_HALF_YEAR),
        ),
        RECOVERY: _bands(
            ("elite", *_UNDER_HOUR),
            ("high", *_UNDER_DAY),
            ("medium", *_ONE_DAY_TO_WEEK),
            ("low", *_OVER_HALF_YEAR),
        ),
        FAIL: _bands(("elite", *_FEW_FAIL), ("high, medium or low", *_SOME_FAIL)),
    },
    2022: {
        FREQUENCY: _bands(("high", *_ON_DEMAND), ("medium", *_WEEK_TO_MONTH), ("low", *_MONTH_TO_HALF_YEAR)),
        LEAD: _bands(("high", *_ONE_DAY_TO_WEEK), ("medium", *_ONE_WEEK_TO_MONTH), ("low", *_ONE_MONTH_TO_HALF_YEAR)),
        RECOVERY: _bands(("high", *_UNDER_DAY), ("medium", *_ONE_DAY_TO_WEEK), ("low", *_ONE_WEEK_TO_MONTH)),
        FAIL: _bands(("high", *_FEW_FAIL), ("medium", *_SOME_FAIL), ("low", *_MANY_FAIL)),
    },
    2023: {
        FREQUENCY: _bands(("elite", *_ON_DEMAND), ("high", *_DAY_TO_WEEK), ("medium or low", *_WEEK_TO_MONTH)),
        LEAD: _bands(("elite", *_UNDER_DAY), ("high", *_ONE_DAY_TO_WEEK), ("medium or low", *_ONE_WEEK_TO_MONTH)),
        RECOVERY: _bands(
            ("elite", *_UNDER_HOUR),
            ("high", *_UNDER_DAY),
            ("medium", *_ONE_DAY_TO_WEEK),
            ("low", *_ONE_MONTH_TO_HALF_YEAR),
        ),
    },
    2024: {
        FREQUENCY: _bands(
            ("elite", *_ON_DEMAND),
            ("high", *_DAY_TO_WEEK),
            ("medium", *_WEEK_TO_MONTH),
            ("low", *_MONTH_TO_HALF_YEAR),
        ),
        LEAD: _bands(
            ("elite", *_UNDER_DAY),
            ("high", *_ONE_DAY_TO_WEEK),
            ("medium", *_ONE_WEEK_TO_MONTH),
            ("low", *_ONE_MONTH_TO_HALF_YEAR),
        ),
        RECOVERY: _bands(("elite", *_UNDER_HOUR), ("high or medium", *_UNDER_DAY), ("low", *_ONE_WEEK_TO_MONTH)),
    },
    2025: {},
}
"""Edition → metric → published bands, best first."""

CLUSTER_FAIL_RATES = {
    2023: {"elite": 0.05, "high": 0.10, "medium": 0.15, "low": 0.64},
    2024: {"elite": 0.05, "high": 0.20, "medium": 0.10, "low": 0.40},
}
"""Where each cluster's fail rate lies: points to look at, not thresholds (in 2024 medium fails less than high)."""

MEANS = {
    2025: {
        FAIL: (0.19, "share"),
        REWORK: (0.22, "share"),
        LEAD: (5.5, "score"),
        FREQUENCY: (4.8, "score"),
        RECOVERY: (7.4, "score"),
    }
}

_SHARED_WITH_LOWEST = " or low"


def tier(
    metric: Definition | str, value: float | None, unit: str, edition: int = DEFAULT_EDITION, n: int | None = None
) -> Tier | None:
    """Return the tier of a metric's `value` in an edition, or None where there is none to be had.

    None: the value is missing, rests on fewer than six observations (`n`), the edition gives no thresholds for this
    metric, or the value is worse than a worst band that several clusters share.  A value between two bands gets the
    worse one's tier, one worse than every band the lowest; both say so in `outside`.

    Errors: QuestionError for an edition or unit that is not known.
    """
    name = metric if isinstance(metric, str) else metric.name
    if edition not in SOURCES:
        raise QuestionError(f"edition = {edition!r}; there are {', '.join(map(str, EDITIONS))}")
    bands = PUBLISHED[edition].get(name)
    if not bands or value is None or math.isnan(value) or (n is not None and n < FEW):
        return None
    measure = _measure(name, value, unit)
    for band in bands:
        if _within(name, measure, band):
            return Tier(band.tier, edition, band.published, measure < band.low, SOURCES[edition])
    worst = bands[-1]
    if worst.tier.endswith(_SHARED_WITH_LOWEST):
        return None
    return Tier(worst.tier, edition, worst.published, True, SOURCES[edition])


def mean(metric: Definition | str, edition: int = 2025) -> Mean | None:
    """Return the published mean of all industries, or None where the edition gives none."""
    name = metric if isinstance(metric, str) else metric.name
    found = MEANS.get(edition, {}).get(name)
    return None if found is None else Mean(*found, edition, SOURCES[edition])


def _measure(name: str, value: float, unit: str) -> float:
    """Return the value as the bands count: hours, whole per cent, hours between deployments."""
    if name in (LEAD, RECOVERY) and unit == "hours":
        return value
    if name == FAIL and unit == "share":
        return float(math.floor(100 * value + 0.5))
    if name == FREQUENCY and unit in ("per week", "per day"):
        hours = WEEK if unit == "per week" else DAY
        return hours / value if value else math.inf
    raise QuestionError(f"{name} in {unit!r} has no tiers; give hours, share, per week or per day, as its answers do")


def _within(name: str, measure: float, band: Band) -> bool:
    """Say whether the measure is no worse than the band; "less than one day" leaves the day itself to the next."""
    if name == FAIL:
        return measure <= band.high
    strict = band.low == 0.0
    return measure < band.high if strict else measure <= band.high
