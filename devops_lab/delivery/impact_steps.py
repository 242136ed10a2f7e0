"""A service's stored steps as arrays: events and bad ones, requests per bucket; windows of them are slices."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from devops_lab.delivery.impact_statistics import Count, Numbers
from devops_lab.store import Store

Moments = NDArray[np.int64]
Span = tuple[datetime, datetime]

_LEVELS = (
    "select epoch_us(started_at) as began, epoch_us(ended_at) as ended, total - good as bad, total "
    "from service_levels where service = $service order by ended_at, started_at"
)
_BUCKETS = (
    "select epoch_us(started_at) as began, epoch_us(ended_at) as ended, le, requests "
    "from latency_buckets where service = $service order by ended_at, started_at, le"
)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants here are naive UTC
_NOTHING: Moments = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Steps:
    """Steps in order of time: when each began and ended (microseconds since 1970)."""

    began: Moments
    ended: Moments

    def inside(self, span: Span, busy: Sequence[Span] = ()) -> NDArray[np.intp]:
        """Return the places of the steps that lie wholly in `span` and touch none of the `busy` spans."""
        low = int(np.searchsorted(self.began, ticks(span[0]), "left"))
        high = int(np.searchsorted(self.ended, ticks(span[1]), "right"))
        found = np.arange(low, max(low, high))
        for start, end in busy:
            apart = (self.ended[found] <= ticks(start)) | (self.began[found] >= ticks(end))
            found = found[apart]
        return found


@dataclass(frozen=True)
class Levels:
    """All that is stored of one service's levels: steps of events, and steps of requests per latency bucket.

    ``bad`` and ``total`` have one number per step of ``events``; ``requests`` one row per step of ``answers`` and one
    column per bound of ``bounds`` (seconds, rising, the last may be infinite), not a number where a step lacks it.
    """

    events: Steps = field(default_factory=lambda: Steps(_NOTHING, _NOTHING))
    bad: Numbers = field(default_factory=lambda: np.zeros(0))
    total: Numbers = field(default_factory=lambda: np.zeros(0))
    answers: Steps = field(default_factory=lambda: Steps(_NOTHING, _NOTHING))
    bounds: Numbers = field(default_factory=lambda: np.zeros(0))
    requests: Numbers = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def reach(self) -> datetime | None:
        """The end of the last step; None without steps."""
        last = [int(steps.ended[-1]) for steps in (self.events, self.answers) if len(steps.ended)]
        return moment(max(last)) if last else None

    def errors(self, span: Span, busy: Sequence[Span] = ()) -> Count:
        """Return the window's events and the bad ones; steps without events are left out."""
        return self.run(None, span, busy)[1]

    def slower(self, bound: float, span: Span, busy: Sequence[Span] = ()) -> Count:
        """Return the window's requests and those that took longer than `bound` seconds, likewise."""
        return self.run(bound, span, busy)[1]

    def run(self, bound: float | None, span: Span, busy: Sequence[Span] = ()) -> tuple[Moments, Count]:
        """Return when each of the window's steps began, and its counts: bad events, or requests above `bound`."""
        if bound is None:
            found = self.events.inside(span, busy)
            began, bad, total = self.events.began[found], self.bad[found], self.total[found]
        else:
            found = self.answers.inside(span, busy)
            rows = np.nan_to_num(self.requests[found], nan=0.0)
            began, bad, total = self.answers.began[found], rows[:, self.bounds > bound].sum(axis=1), rows.sum(axis=1)
        some = total > 0
        return began[some], Count(bad[some], total[some])

    def known_bounds(self, spans: Sequence[Span], busy: Sequence[Span] = ()) -> Numbers:
        """Return the finite bounds that occur in each of the windows."""
        known = np.isfinite(self.bounds)
        for span in spans:
            rows = self.requests[self.answers.inside(span, busy)]
            known &= (~np.isnan(rows)).any(axis=0)
        return self.bounds[known]


def reach(store: Store) -> datetime | None:
    """Return the end of the last step that is stored of any service; None without any."""
    found = store.rows(
        "select max(ended_at) as ended_at from (select ended_at from service_levels union all "
        "select ended_at from latency_buckets)"
    )
    last: datetime | None = found[0]["ended_at"]
    return last


def read(store: Store, service: str) -> Levels:
    """Return the service's stored levels; without any, empty ones."""
    levels = store.arrow(_LEVELS, service=service)
    buckets = store.arrow(_BUCKETS, service=service)
    events = Steps(levels["began"].to_numpy().astype(np.int64), levels["ended"].to_numpy().astype(np.int64))
    bad, total = (levels[name].to_numpy().astype(np.float64) for name in ("bad", "total"))
    if not buckets.num_rows:
        return Levels(events, bad, total)
    ended, first, place = np.unique(buckets["ended"].to_numpy(), return_index=True, return_inverse=True)
    bounds, column = np.unique(buckets["le"].to_numpy(), return_inverse=True)
    requests = np.full((len(ended), len(bounds)), math.nan)
    requests[place, column] = buckets["requests"].to_numpy()
    answers = Steps(buckets["began"].to_numpy()[first].astype(np.int64), ended.astype(np.int64))
    return Levels(events, bad, total, answers, bounds.astype(np.float64), requests)


def ticks(instant: datetime) -> int:
    """Return microseconds since 1970 of a naive UTC instant."""
    gap = instant - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds


def moment(microseconds: int) -> datetime:
    """Return the naive UTC instant of microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)
