"""Levels: how much each service is asked, how well it answers on a good day, what it may use, what it promises.

The rhythm of the requests: a day with its peak in the afternoon, quiet weekends and holidays, slow growth over the
year, some days better than others.  One service stays below a request a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from devops_lab.practice.world.calendar import SATURDAY, Dice, is_holiday

STEP = timedelta(minutes=5)
PEAK_HOUR, SWING = 14.0, 0.75
HOLIDAY_LOAD, GROWTH_A_YEAR, DAILY_SPREAD = 0.6, 0.2, 0.06
GIBIBYTE = 2**30
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Level:
    """A service on a good day.

    `objective`: share of good answers it promises; `per_second`: requests of a working day; `weekend`: share of that
    on Saturdays and Sundays; `errors`, `not_found`: shares of the answers; `seconds`: median latency;
    `cpu_seconds`: of one request; `cores`, `memory` (bytes): limits.
    """

    objective: float
    per_second: float
    weekend: float
    errors: float
    not_found: float
    seconds: float
    cpu_seconds: float
    cores: int
    memory: int


LEVELS = {
    "web": Level(0.999, 22.0, 0.8, 0.0003, 0.012, 0.07, 0.022, 2, 2 * GIBIBYTE),
    "catalog": Level(0.995, 12.0, 0.75, 0.0012, 0.02, 0.045, 0.03, 1, GIBIBYTE),
    "gateway": Level(0.999, 45.0, 0.7, 0.0002, 0.006, 0.03, 0.016, 2, GIBIBYTE),
    "checkout": Level(0.999, 4.0, 0.6, 0.0004, 0.003, 0.14, 0.08, 1, GIBIBYTE),
    "ledger": Level(0.99, 0.4, 0.25, 0.0008, 0.002, 0.12, 0.5, 1, 2 * GIBIBYTE),
    "accounts": Level(0.995, 3.0, 0.5, 0.001, 0.01, 0.09, 0.12, 1, GIBIBYTE // 2),
}


def of(service: str) -> Level:
    """Return the level of a service; one that is not of the small company has the level of one that is."""
    known = list(LEVELS.values())
    return LEVELS.get(service) or known[sum(service.encode()) % len(known)]


def rates(level: Level, start: datetime, steps: int, dice: Dice) -> Floats:
    """Return the expected requests a second in each of `steps` steps from `start` (naive UTC) on."""
    seconds = STEP.total_seconds()
    since_midnight = (start - start.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    clock = since_midnight + seconds * np.arange(steps)
    hours = clock / 3600
    days = (hours // 24).astype(np.int64)
    whole = int(days[-1]) + 1 if steps else 0
    load = np.array([_load(level, start + timedelta(days=day)) for day in range(whole)])
    load = load * np.exp(DAILY_SPREAD * dice.generator.standard_normal(whole))
    swing = 1 + SWING * np.cos((hours % 24 - PEAK_HOUR) / 24 * 2 * np.pi)
    growth = 1 + GROWTH_A_YEAR * (hours / (365 * 24) - 1)
    return np.asarray(level.per_second * load[days] * swing * growth)


def _load(level: Level, moment: datetime) -> float:
    if is_holiday(moment.date()):
        return min(HOLIDAY_LOAD, level.weekend)
    return level.weekend if moment.weekday() >= SATURDAY else 1.0
