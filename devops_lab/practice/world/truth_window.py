"""What the truth of a phase is asked for: a service and a window; what it answers; and the statistics it needs.

To which service a fact belongs is decided here, once.  Facts of a repository without a path of their own (issues,
milestones, runs, jobs, tests, security alerts) belong to each service of the repository, as nothing on GitHub ties them
to one.  Changes and pull requests belong to the services whose paths they touch: in the monorepo to one, both, or (only
documents) none.  Rollouts belong to their service.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from types import MappingProxyType
from typing import NamedTuple

from devops_lab.practice.world.records import SUCCESS, Change, Pull, Rollout
from devops_lab.practice.world.site import Site

SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
_EVEN = 1e-12


class Answer(NamedTuple):
    """A metric's true value (None: nothing to say) over `n` observations; `others` are its other statistics by name."""

    value: float | None
    n: int
    others: Mapping[str, float | None] = MappingProxyType({})


@dataclass(frozen=True)
class Window:
    """One service of `site` over [`since`, `until`), as everything was known at `as_of` (naive UTC)."""

    site: Site
    service: str
    since: datetime
    until: datetime
    as_of: datetime

    @property
    def end(self) -> datetime:
        """The instant just before which states are looked at."""
        return min(self.until, self.as_of)

    def has(self, moment: datetime | None) -> bool:
        """Say whether something happened inside the window, and is known."""
        return moment is not None and self.since <= moment < self.until and moment <= self.as_of

    def known(self, moment: datetime | None) -> bool:
        """Say whether something had happened when the question was asked, inside the window or not."""
        return moment is not None and moment <= self.as_of

    def changes(self, main_only: bool = False) -> Iterator[Change]:
        """Yield the service's changes that landed in the window, on any branch or on main only."""
        for one in self.site.landings if main_only else self.site.changes:
            if self.service in one.services and self.has(one.landed_at):
                yield one

    def merged(self) -> Iterator[tuple[Pull, datetime]]:
        """Yield the service's pull requests merged in the window, bots' too, into whatever branch; with the instant."""
        for one in self.site.pulls:
            if self.service in one.services and one.merged_at is not None and self.has(one.merged_at):
                yield one, one.merged_at

    def rollouts(self) -> Iterator[Rollout]:
        """Yield the service's attempts to bring something to production that ended in the window."""
        for one in self.site.rollouts:
            if one.service == self.service and self.has(one.finished_at):
                yield one

    def carried(self) -> Iterator[tuple[Change, Rollout]]:
        """Yield the changes that a rollout in the window brought to production first.

        What the very first rollout brought was there before records began and is left out.
        """
        for rollout in self.rollouts():
            if rollout.result == SUCCESS and not rollout.first:
                for change in rollout.carried:
                    yield change, rollout


Metrics = Mapping[str, Callable[[Window], Answer]]


def share(observed: Iterable[bool]) -> Answer:
    """Return the share of True."""
    told = list(observed)
    return Answer(sum(told) / len(told) if told else None, len(told))


def middle(values: Iterable[float], **quantiles: float) -> Answer:
    """Return the median, and percentiles by name (``p85=0.85``), interpolated between their neighbours."""
    ordered = sorted(values)
    if not ordered:
        return Answer(None, 0, dict.fromkeys(quantiles))
    return Answer(median(ordered), len(ordered), {name: quantile(ordered, level) for name, level in quantiles.items()})


def quantile(ordered: Sequence[float], level: float) -> float:
    """Return a percentile of ordered values; between two it lies on the straight line."""
    place = (len(ordered) - 1) * level
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def lasting(observed: Iterable[tuple[float, bool]]) -> Answer:
    """Return the Kaplan-Meier median of durations of which some have not ended: (duration, whether it has ended).

    Where the curve is flat at one half it is the middle of the step; where it does not come down so far it is not
    known (None).  `others` has the number still open.
    """
    rows = sorted(observed)
    every = sorted(length for length, _ in rows)
    ends = sorted({length for length, ended in rows if ended})
    surviving, value = 1.0, None
    for place, length in enumerate(ends):
        at_risk = len(every) - bisect_right(every, length) + sum(one == length for one in every)
        surviving *= 1 - sum(ended and one == length for one, ended in rows) / at_risk
        if abs(surviving - 0.5) <= _EVEN:
            value = (length + ends[place + 1]) / 2 if place + 1 < len(ends) else None
            break
        if surviving < 0.5:
            value = length
            break
    return Answer(value, len(rows), {"open": float(sum(not ended for _, ended in rows))})


def amount(count: float, n: int | None = None) -> Answer:
    """Return a count or a sum over `n` observations."""
    return Answer(float(count), round(count) if n is None else n)
