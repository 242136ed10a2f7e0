"""Alerts: what the two rules made of the telemetry, as episodes of whole minutes.

HighErrorRate: more than 5 % of the answers failed; HighLatency: 95 % of the answers took up to more than a second; both
`for: 5m`.  What is bad for one step only either ends before it fires or fires for less than five minutes: noise.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devops_lab.practice.world.calendar import Dice
from devops_lab.practice.world.watching_counts import BOUNDS, CODES, Telemetry

MINUTE = timedelta(minutes=1)
RULES, SEVERITY = ("HighErrorRate", "HighLatency"), "page"
MOST_FAILED, SLOW_SECONDS, MOST_SLOW = 0.05, 1.0, 0.05
FOR = 5 * MINUTE
NOISY = 0.4


class Episode(NamedTuple):
    """An alert that fired over [`started_at`, `ended_at`); None: it fires still."""

    service: str
    name: str
    severity: str
    started_at: datetime
    ended_at: datetime | None


def episodes(one: Telemetry, seeds: tuple[int, ...]) -> list[Episode]:
    """Return the alerts of a service, each with dice of its own."""
    total = np.maximum(one.requests.sum(axis=1), 1)
    failed = one.requests[:, CODES.index("500")] / total
    late = one.buckets[:, BOUNDS.index(SLOW_SECONDS) + 1 :].sum(axis=1) / total
    bad = (failed > MOST_FAILED, late > MOST_SLOW)
    found = []
    for number, (name, breached) in enumerate(zip(RULES, bad, strict=True)):
        for first, last in _runs(breached):
            began, over = one.start + first * one.step, one.start + last * one.step
            span = _firing(began, over, last == len(breached), Dice(*seeds, 100 + number, first))
            if span is not None and span[0] < one.start + len(breached) * one.step:
                ended = span[1] if span[1] is not None and span[1] <= one.start + len(breached) * one.step else None
                found.append(Episode(one.service, name, SEVERITY, span[0], ended))
    return found


def minutes(episode: Episode, end: datetime) -> list[datetime]:
    """Return the minutes at which an alert was seen to fire, up to `end`."""
    last = min(episode.ended_at or end, end)
    return [episode.started_at + number * MINUTE for number in range((last - episode.started_at) // MINUTE)]


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (first, one past the last) of each run of true flags."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]])))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _firing(began: datetime, over: datetime, still: bool, dice: Dice) -> tuple[datetime, datetime | None] | None:
    noisy, late, more, short = dice.chance(NOISY), dice.integer(1, 2), dice.integer(0, 3), dice.integer(1, 4)
    if over - began > FOR:
        return began + FOR + late * MINUTE, None if still else over + more * MINUTE
    return (over + late * MINUTE, over + (late + short) * MINUTE) if noisy else None
