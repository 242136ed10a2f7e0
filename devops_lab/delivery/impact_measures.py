"""The two measures of a deployment's impact, errors and latency, each with its own idea of large and of grave."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from devops_lab.delivery.impact_statistics import Count, Difference, Numbers, difference, odds, slowdown
from devops_lab.delivery.impact_steps import Levels, Span
from devops_lab.delivery.impact_windows import Windows

WORSE, SAME, BETTER, TOO_LITTLE = "worse", "no change seen", "better", "too little traffic"
ERRORS, LATENCY = "errors", "latency"

SIGNIFICANT = 0.01
FEWEST_EVENTS, FEWEST_STEPS = 100, 3
MORE_ERRORS, MORE_ODDS = 0.005, 2.0
MORE_SLOW, MORE_SECONDS = 0.02, 1.3
GRAVE_ERRORS, GRAVE_SECONDS = 0.05, 2.0
SLOWEST = 0.1
TELLING = 5


class Scale(Protocol):
    """What a step from one share of bad events to another amounts to."""

    def large(self, share: float, now: float) -> bool:
        """Say whether `now` is worth calling worse than `share`."""
        ...

    def grave(self, share: float, now: float) -> bool:
        """Say whether it is a fault that must not be overlooked."""
        ...


class ErrorScale:
    """Half a percentage point more and twice the odds are large; five percentage points more are grave."""

    def large(self, share: float, now: float) -> bool:
        """Say whether `now` is worth calling worse than `share`."""
        return now - share >= MORE_ERRORS and odds(now) >= MORE_ODDS * odds(share)

    def grave(self, share: float, now: float) -> bool:
        """Say whether it is a fault that must not be overlooked."""
        return now - share >= GRAVE_ERRORS


@dataclass(frozen=True)
class LatencyScale:
    """Two percentage points more beyond the bound and 1.3 times as long are large; twice as long is grave.

    `slower` are the baseline's shares above each of `bounds`; `bound` is the one that is looked at.
    """

    bounds: Numbers
    slower: Numbers
    bound: float

    def times(self, share: float, now: float) -> float:
        """Return how many times as long requests take when `now` of them exceed the bound instead of `share`."""
        longer = [slowdown(self.bounds, self.slower, self.bound, one) for one in (share, now)]
        return longer[1] / longer[0]

    def large(self, share: float, now: float) -> bool:
        """Say whether `now` is worth calling worse than `share`."""
        return now - share >= MORE_SLOW and self.times(share, now) >= MORE_SECONDS

    def grave(self, share: float, now: float) -> bool:
        """Say whether it is a fault that must not be overlooked."""
        return self.times(share, now) >= GRAVE_SECONDS


@dataclass(frozen=True)
class Measured:
    """One measure of one deployment: the shares of its windows, and the difference without and with the control."""

    name: str
    scale: Scale
    bound: float | None
    before: Count
    after: Count
    control: tuple[Count, Count] | None
    plain: Difference
    found: Difference

    @property
    def p_value(self) -> float:
        """The larger of the two: the change must stand on its own, and against the control."""
        return max(self.plain.p_value, self.found.p_value)

    @property
    def adjusted(self) -> float:
        """The share after, had the control not changed; smoothed, so that it lies between 0 and 1."""
        half = 0.5 / (self.after.events + 1)
        return min(max(self.before.smooth + self.found.effect, half), 1 - half)

    @property
    def limit(self) -> float:
        """The share from which on it is large, found by halving."""
        share, low, high = self.before.smooth, self.before.smooth, 1.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (low, middle) if self.scale.large(share, middle) else (middle, high)
        return high

    def verdict(self, p_value: float) -> str:
        """Return the verdict, given the p-value adjusted for the other measure."""
        share, ends = self.before.smooth, (self.after.smooth, self.adjusted)
        if p_value < SIGNIFICANT and all(self.scale.large(share, now) for now in ends):
            return WORSE
        if p_value < SIGNIFICANT and all(self.scale.large(now, share) for now in ends):
            return BETTER
        highest = min(share + min(self.plain.high, self.found.high), 1.0)
        return TOO_LITTLE if self.scale.grave(share, highest) else SAME


def errors(levels: Levels, windows: Windows, weeks: int | None) -> Measured | None:
    """Return the share of bad events, measured; None where there are too few events or steps."""
    return _measured(ERRORS, ErrorScale(), None, levels, windows, weeks)


def latency(levels: Levels, windows: Windows, weeks: int | None) -> Measured | None:
    """Return the share of slow requests, measured; None where there are too few, or no bound that all windows know.

    Slow is what exceeds the bound nearest (in log odds) to the slowest tenth before.
    """
    spans = [windows.before, windows.after]
    if weeks:
        spans += [windows.earlier(weeks).before, windows.earlier(weeks).after]
    bounds = levels.known_bounds(spans, windows.busy)
    counts = [levels.slower(bound, windows.before, windows.busy) for bound in bounds.tolist()]
    if not counts or not _enough(counts[0]):
        return None
    slower = np.array([count.smooth for count in counts])
    place = min(range(len(bounds)), key=lambda one: abs(math.log(odds(float(slower[one])) / odds(SLOWEST))))
    bound = float(bounds[place])
    telling = [
        one for one, count in enumerate(counts) if one == place or TELLING <= count.bad.sum() <= count.events - TELLING
    ]
    scale = LatencyScale(bounds[telling], slower[telling], bound)
    return _measured(LATENCY, scale, bound, levels, windows, weeks)


def _measured(
    name: str, scale: Scale, bound: float | None, levels: Levels, windows: Windows, weeks: int | None
) -> Measured | None:
    def count(span: Span, busy: tuple[Span, ...] = ()) -> Count:
        return levels.run(bound, span, busy)[1]

    before, after = count(windows.before, windows.busy), count(windows.after)
    if not (_enough(before) and _enough(after)):
        return None
    then = windows.earlier(weeks or 0)
    pair = count(then.before), count(then.after)
    control = pair if weeks and all(map(_enough, pair)) else None
    plain = difference(before, after, known=control or ())
    found = difference(before, after, control) if control else plain
    return Measured(name, scale, bound, before, after, control, plain, found)


def _enough(one: Count) -> bool:
    return one.events >= FEWEST_EVENTS and len(one.total) >= FEWEST_STEPS
