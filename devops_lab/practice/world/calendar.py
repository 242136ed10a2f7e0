"""When people work, how long things take, and an agenda of what happens next.

Durations are lognormal, the shape of first commit to merge, of job times and of times to restore in real projects: the
middle is short, the tail is long.  Weekends and the holidays around the new year are quiet, not empty.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

import numpy as np

Thing = TypeVar("Thing")

DAY_BEGINS, DAY_ENDS = 8, 18
LONGEST_HOURS = 24 * 70
OUT_OF_HOURS = 0.06
WEEKEND_PACE, HOLIDAY_PACE, SUMMER_PACE = 0.08, 0.1, 0.7
FIXED_HOLIDAYS = {(1, 6), (5, 1), (10, 3), (11, 1)}
SATURDAY = 5


class Dice:
    """A seeded source of chance; the same seeds give the same throws on every machine."""

    def __init__(self, *seeds: int) -> None:
        self.generator = np.random.default_rng(list(seeds))

    def chance(self, share: float) -> bool:
        """Return True in `share` of the cases."""
        return float(self.generator.random()) < share

    def uniform(self, low: float, high: float) -> float:
        """Return a number between `low` and `high`."""
        return float(self.generator.uniform(low, high))

    def integer(self, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`, both included."""
        return int(self.generator.integers(low, high + 1))

    def poisson(self, mean: float) -> int:
        """Return a count with this mean."""
        return int(self.generator.poisson(mean))

    def one_of(self, things: Sequence[Thing]) -> Thing:
        """Return one of `things`, each as likely."""
        return things[int(self.generator.integers(len(things)))]

    def hours(self, median: float, spread: float = 1.3, highest: float = LONGEST_HOURS) -> timedelta:
        """Return a heavy-tailed duration of at least a second; `spread` is the standard deviation of its logarithm."""
        drawn = min(median * float(np.exp(spread * self.generator.standard_normal())), highest)
        return timedelta(seconds=max(round(drawn * 3600), 1))

    def seconds(self, median: float, spread: float = 0.9, highest: float = 3653) -> timedelta:
        """Return a heavy-tailed duration of seconds; the longest real job took 3,653."""
        return self.hours(median / 3600, spread, highest / 3600)

    def normal(self, mean: float, deviation: float) -> float:
        """Return a normally distributed number."""
        return float(self.generator.normal(mean, deviation))


def is_holiday(day: date) -> bool:
    """Say whether the company is mostly away: 24 December to 2 January, and a few fixed days."""
    return (
        (day.month, day.day) in FIXED_HOLIDAYS or (day.month == 12 and day.day >= 24) or (day.month, day.day) <= (1, 2)
    )


def pace(day: date) -> float:
    """Return how much work is begun on a day, 1 being an ordinary working day."""
    if is_holiday(day):
        return HOLIDAY_PACE
    if day.weekday() >= SATURDAY:
        return WEEKEND_PACE
    return SUMMER_PACE if day.month in (7, 8) else 1.0


def arrivals(start: datetime, end: datetime, per_week: float, dice: Dice) -> list[datetime]:
    """Return the instants at which work begins in [`start`, `end`), in order: `per_week` in an ordinary week."""
    found = []
    day = datetime(start.year, start.month, start.day)  # noqa: DTZ001 - naive UTC throughout
    while day < end:
        for _ in range(dice.poisson(per_week / 5 * pace(day.date()))):
            hour = dice.normal(10.5, 1.5) if dice.chance(0.55) else dice.normal(15.0, 1.7)
            moment = day + timedelta(seconds=round(min(max(hour, 0.1), 23.8) * 3600))
            if start <= moment < end:
                found.append(moment)
        day += timedelta(days=1)
    return sorted(found)


def working(moment: datetime, dice: Dice) -> datetime:
    """Return `moment`, or the next time that somebody is at work; a few work at night and on weekends."""
    awake = DAY_BEGINS <= moment.hour < DAY_ENDS
    if (awake and pace(moment.date()) >= SUMMER_PACE) or dice.chance(OUT_OF_HOURS):
        return moment
    day = datetime(moment.year, moment.month, moment.day)  # noqa: DTZ001 - naive UTC throughout
    if moment.hour >= DAY_BEGINS:
        day += timedelta(days=1)
    while pace(day.date()) < SUMMER_PACE:
        day += timedelta(days=1)
    return day + timedelta(hours=DAY_BEGINS) + dice.hours(0.7, 0.9, 8)


class Agenda:
    """What will happen, in the order of time; equal instants happen in the order they were put down."""

    def __init__(self) -> None:
        self._waiting: list[tuple[datetime, int, Callable[..., None], tuple[Any, ...]]] = []
        self._count = count()

    def at(self, moment: datetime, happen: Callable[..., None], *arguments: Any) -> None:
        """Put down that ``happen(moment, *arguments)`` is to be called."""
        heapq.heappush(self._waiting, (moment, next(self._count), happen, arguments))

    def run(self, until: datetime) -> None:
        """Let everything before `until` happen."""
        while self._waiting and self._waiting[0][0] < until:
            moment, _, happen, arguments = heapq.heappop(self._waiting)
            happen(moment, *arguments)
