"""Was it different after than before?  Proportions of steps that resemble their neighbours, against a control.

A `Count` is one window: how many events each step had and how many of them were bad.  Requests of one minute share
their fate, so the steps, not the requests, say how far chance goes: the binomial variance is stretched by the
dispersion of the steps around their own window's share (quasi-binomial, never below 1) and by (1 + r) / (1 - r), r the
correlation of neighbouring steps.  Differences are judged with Student's t.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

MOST_CORRELATION = 0.7
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Count:
    """One window: events of each step that has any, and the bad ones among them."""

    bad: Numbers
    total: Numbers

    @property
    def events(self) -> float:
        """All events of the window."""
        return float(self.total.sum())

    @property
    def share(self) -> float:
        """The bad ones among all events; not a number without events."""
        return float(self.bad.sum()) / self.events if self.events else math.nan

    @property
    def smooth(self) -> float:
        """The share with half an event more on each side, so that none of 100 is not certainty."""
        return (float(self.bad.sum()) + 0.5) / (self.events + 1)


@dataclass(frozen=True)
class Difference:
    """How much larger the share is after: estimate, 95 % interval, two-sided p."""

    effect: float
    low: float
    high: float
    p_value: float


def spread(windows: Sequence[Count]) -> tuple[float, float]:
    """Return (stretch, degrees of freedom): how much wider than binomial the windows' shares vary.

    Windows without a bad event (or without a good one) say nothing about it.
    """
    squares = products = 0.0
    freedom = 0
    for window in windows:
        share = window.share
        if not 0 < share < 1 or len(window.total) < 2:
            continue
        off = (window.bad - share * window.total) / np.sqrt(window.total * share * (1 - share))
        squares += float(off @ off)
        products += float(off[:-1] @ off[1:])
        freedom += len(off) - 1
    if not squares:
        return 1.0, float(max(sum(len(window.total) - 1 for window in windows), 2))
    alike = min(max(products / squares, 0.0), MOST_CORRELATION)
    stretch = (1 + alike) / (1 - alike)
    return max(squares / freedom, 1.0) * stretch, max(freedom / stretch, 2.0)


def difference(
    before: Count, after: Count, control: tuple[Count, Count] | None = None, known: Sequence[Count] = ()
) -> Difference:
    """Return after - before, less what the control's two windows differed by.

    `known` are further windows that tell how far the steps vary.

    One head case: 10 of 1,000 before and 60 of 1,000 after are 5 points more; with a control that rose from 1 % to 2 %
    they are 4 points more.
    """
    from scipy import special  # slow to load, and not needed by a sync without service levels

    windows = [before, after, *(control or ())]
    stretch, freedom = spread([*windows, *known])
    effect = after.share - before.share
    if control:
        effect -= control[1].share - control[0].share
    variance = sum(one.smooth * (1 - one.smooth) / (one.events + 1) for one in windows)
    error = math.sqrt(variance * stretch)
    reach = error * float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2))
    p_value = 2 * float(special.stdtr(freedom, -abs(effect) / error))
    return Difference(effect, effect - reach, effect + reach, p_value)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for their number (Holm), in the order given: 0.01 and 0.04 become 0.02 and 0.04."""
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda place: p_values[place])):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = highest
    return adjusted


def odds(share: float) -> float:
    """Return share : rest, kept finite."""
    share = min(max(share, 1e-9), 1 - 1e-9)
    return share / (1 - share)


def slowdown(bounds: Numbers, slower: Numbers, bound: float, share: float) -> float:
    """Return how many times as long requests take when `share` of them, not the baseline's own, exceed `bound`.

    `slower` are the baseline's shares above each of `bounds` (rising, seconds).  The baseline's shape is kept and
    stretched: where it had `share` of its requests above x, all take bound ÷ x as long.  Between bounds, and beyond the
    outermost, log odds are a straight line of log seconds (at least one step of log odds per log second).
    """
    places = np.log(bounds)
    heights = -np.log([odds(one) for one in slower])
    keep = np.concatenate([[True], np.diff(heights) > 0])
    places, heights = places[keep], heights[keep]
    wanted = -math.log(odds(share))
    if len(places) > 1 and heights[0] <= wanted <= heights[-1]:
        x = float(np.interp(wanted, heights, places))
    else:
        end = 0 if wanted < heights[0] else -1
        other = 1 if end == 0 else -2
        slope = 2.0
        if len(places) > 1:
            slope = max((heights[end] - heights[other]) / (places[end] - places[other]), 1.0)
        x = float(places[end]) + (wanted - float(heights[end])) / slope
    return math.exp(math.log(bound) - x)
