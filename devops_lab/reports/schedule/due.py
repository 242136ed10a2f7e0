"""What is due: a cron line's instants, the period each of them reports on, and what history lacks.

cron's meaning (daylight saving too) is cronsim's: where the clock skips 02:30, a line for 02:30 is due when the clock
goes on; where 02:30 comes twice, it is due the first time.  Instants are naive UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cronsim import CronSim

from devops_lab import periods
from devops_lab.config import Schedule, Settings
from devops_lab.config.reports import ALL
from devops_lab.reports import calendar
from devops_lab.reports.sending.outbox import pause

DUE, RENDERING, RENDERED, FAILED, SKIPPED = "due", "rendering", "rendered", "failed", "skipped"
MOST_ATTEMPTS = 12
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Span:
    """A complete period of the calendar, ``[start, end)``, and how people say it: 2026-W46, 2026-10, 2026-Q3."""

    start: datetime
    end: datetime
    label: str


@dataclass(frozen=True)
class Due:
    """One report to render: the schedule, what it is about ("" is everything), its period, and how often it failed."""

    schedule: Schedule
    subject: str
    span: Span
    due_at: datetime
    attempts: int = 0


@dataclass
class Plan:
    """What a run has to do: `new` are not in history yet, `again` are; `skipped` are missed too long ago.

    `waiting` are those that failed and are tried again later.
    """

    new: list[Due] = field(default_factory=list)
    again: list[Due] = field(default_factory=list)
    skipped: list[Due] = field(default_factory=list)
    waiting: list[Due] = field(default_factory=list)


def zone_of(schedule: Schedule, settings: Settings) -> str:
    """Return the time zone that a schedule's cron line and periods are read in."""
    return schedule.timezone or settings.lab.timezone


def subjects(schedule: Schedule, settings: Settings) -> list[str]:
    """Return what a schedule reports on, one report each; "" is everything together."""
    if ALL in schedule.services:
        return [one.name for one in settings.service]
    if ALL in schedule.teams:
        return sorted({one.team for one in settings.service if one.team})
    return schedule.services or schedule.teams or [""]


def fires(cron: str, timezone: str, after: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the instants of a cron line after `after`, up to and with `until`, the earliest first."""
    for moment in CronSim(cron, _aware(after, timezone)):
        found = _naive(moment)
        if found > until:
            return
        if found > after:
            yield found


def last_fire(cron: str, timezone: str, until: datetime) -> datetime:
    """Return the latest instant of a cron line up to and with `until`."""
    later = until.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return next(
        found for moment in CronSim(cron, _aware(later, timezone), reverse=True) if (found := _naive(moment)) <= until
    )


def next_fire(cron: str, timezone: str, after: datetime) -> datetime:
    """Return the first instant of a cron line after `after`."""
    return next(found for moment in CronSim(cron, _aware(after, timezone)) if (found := _naive(moment)) > after)


def soonest(settings: Settings, now: datetime, at_most: timedelta) -> datetime:
    """Return when to look again: at the next instant of a schedule, or after `at_most`."""
    moments = [next_fire(one.cron, zone_of(one, settings), now) for one in settings.schedule]
    return min([*moments, now + at_most])


def span_before(every: str, timezone: str, moment: datetime) -> Span:
    """Return the last period that was complete at `moment` by the clock of the time zone."""
    found = calendar.last_complete(every, moment, timezone)
    zone = periods.zone(timezone)
    return Span(periods.midnight(found.first, zone), periods.midnight(found.after, zone), found.name)


def plan(settings: Settings, schedule: Schedule, rows: Iterable[Row], now: datetime) -> Plan:
    """Return what a schedule has to do now; `rows` are its rows of ``schedule_history``.

    A schedule without history begins with the latest period it asks for.  Later, every period since the last run is
    due, the earliest first, at most `catch_up` missed ones besides the latest.
    """
    known = {(row["subject"], row["period_start"]): row for row in rows if row["due_at"] <= now}
    zone, found = zone_of(schedule, settings), Plan()
    since = max((row["due_at"] for row in known.values()), default=None)
    spans: dict[datetime, tuple[Span, datetime]] = {}
    for moment in [last_fire(schedule.cron, zone, now)] if since is None else fires(schedule.cron, zone, since, now):
        span = span_before(schedule.every, zone, moment)
        spans.setdefault(span.start, (span, moment))
    ordered = sorted(spans.values(), key=lambda one: one[0].start)
    for place, (span, moment) in enumerate(ordered):
        late = place < len(ordered) - 1 - schedule.catch_up
        for subject in subjects(schedule, settings):
            if (subject, span.start) not in known:
                (found.skipped if late else found.new).append(Due(schedule, subject, span, moment))
    wanted = set(subjects(schedule, settings))
    for row in sorted(known.values(), key=lambda row: (row["period_start"], row["subject"])):
        if row["subject"] in wanted:
            _again(found, schedule, row, now)
    return found


def _again(found: Plan, schedule: Schedule, row: Row, now: datetime) -> None:
    """Put a row that is not done among those to do again, or those to wait for."""
    if row["outcome"] not in (DUE, RENDERING, FAILED) or row["attempts"] >= MOST_ATTEMPTS:
        return
    span = Span(row["period_start"], row["period_end"], row["period"])
    one = Due(schedule, row["subject"], span, row["due_at"], row["attempts"])
    early = row["outcome"] == FAILED and now < row["finished_at"] + pause(row["attempts"])
    (found.waiting if early else found.again).append(one)


def batches(plans: Sequence[Plan]) -> list[list[Due]]:
    """Return what is to be rendered, one list per schedule and period, the earliest periods first."""
    found: dict[tuple[datetime, str, datetime], list[Due]] = {}
    for one in (due for each in plans for due in (*each.again, *each.new)):
        found.setdefault((one.span.end, one.schedule.name, one.span.start), []).append(one)
    return [found[key] for key in sorted(found)]


def _aware(moment: datetime, timezone: str) -> datetime:
    return moment.replace(tzinfo=UTC).astimezone(periods.zone(timezone))


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
