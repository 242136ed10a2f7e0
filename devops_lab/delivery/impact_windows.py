"""Which spans of time a deployment's impact is told from: after it, before it, and the control some weeks earlier."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from devops_lab.delivery.impact_steps import Span
from devops_lab.delivery.rollouts import CANCELLED, Row

LONGEST = timedelta(minutes=60)
SHORTEST = timedelta(minutes=15)
CONTROLS = (1, 2, 3, 4)
WEEK = timedelta(weeks=1)
DAY = timedelta(days=1)
FOREVER = datetime(9999, 1, 1)  # noqa: DTZ001 - instants here are naive UTC


@dataclass(frozen=True)
class Windows:
    """The spans of one deployment; `busy` are other rollouts whose steps count for neither window."""

    after: Span
    before: Span
    busy: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()

    def earlier(self, weeks: int) -> Windows:
        """Return the same spans `weeks` earlier."""
        return Windows(back(self.after, weeks), back(self.before, weeks))


@dataclass
class Calendar:
    """All rollouts of a service that touched production, by their starts; cancelled ones did not.

    One that has not ended is taken to run for a day, and a longer one to have touched production on its last day only:
    a rollout that hangs for months does not keep all others from being judged.
    """

    rollouts: Iterable[Row]
    spans: list[tuple[datetime, datetime, str]] = field(init=False)

    def __post_init__(self) -> None:
        self.spans = sorted((*_span(row), row["id"]) for row in self.rollouts if row["result"] != CANCELLED)
        self._starts = [start for start, _, _ in self.spans]

    def touching(self, since: datetime, until: datetime) -> list[tuple[datetime, datetime, str]]:
        """Return the rollouts that ran at some time from `since` to `until`, both included."""
        low, high = bisect_left(self._starts, since - DAY), bisect_right(self._starts, until)
        return [one for one in self.spans[low:high] if one[1] >= since]

    def windows(self, deployment: Row) -> Windows:
        """Return the spans of a finished deployment.

        The window after lasts an hour, or until another rollout runs.  The window before is as long and ends where the
        rollout starts; it begins where the rollout before finished, unless less than a quarter of an hour were left:
        then it reaches over that one, without the steps in which it ran.
        """
        finished, id = deployment["finished_at"], deployment["id"]
        started = min(deployment["started_at"], finished)
        others = [one for one in self.touching(started - LONGEST, finished + LONGEST) if one[2] != id]
        notes = []
        end = finished + LONGEST
        later = [max(start, finished) for start, over, _ in others if over > finished and start < end]
        if later:
            end = min(later)
            notes.append("cut by the next rollout")
        begin = started - max(end - finished, SHORTEST)
        previous = [min(over, started) for start, over, _ in others if start < started and over > begin]
        busy: tuple[Span, ...] = ()
        if previous and started - max(previous) >= SHORTEST:
            begin = max(previous)
            notes.append("the window before begins at the rollout before")
        elif previous:
            busy = tuple((start, over) for start, over, _ in others if start < started)
            notes.append("the window before reaches over another rollout")
        return Windows((finished, end), (begin, started), busy, tuple(notes))


def _span(row: Row) -> Span:
    start = row["started_at"]
    end = max(row["finished_at"] or start + DAY, start)
    return max(start, end - DAY), end


def back(span: Span, weeks: int) -> Span:
    """Return the span `weeks` earlier."""
    return span[0] - weeks * WEEK, span[1] - weeks * WEEK


def overlaps(one: Span, others: Sequence[Span]) -> bool:
    """Say whether a span shares time with one of the others."""
    return any(start < one[1] and one[0] < end for start, end in others)
