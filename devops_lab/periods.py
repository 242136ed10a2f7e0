"""Windows and periods: from words, time zone and calendar to half-open UTC instants ``[start, end)``.

Weeks begin on Monday; days, weeks and months are those of the time zone, so a day of changing clocks has 23 or 25 hours
and is one day all the same.  ``last="90 days"`` rolls: it ends at ``as_of`` of each call and is never stored as dates.
Instants are naive UTC.  A date, and a text without an offset, is read in the time zone; a naive ``datetime`` is UTC.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from devops_lab.errors import QuestionError

DEFAULT_LAST = "90 days"
EVERY = ("day", "week", "month", "quarter", "year")
Moment = str | date | datetime
_UNITS = {"h": "hour", "d": "day", "w": "week", "m": "month", "q": "quarter", "y": "year"}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}
_LENGTH = re.compile(r"(\d+)\s*(hour|day|week|month|quarter|year|h|d|w|m|q|y)s?")
_FIRST = datetime(1, 1, 1)  # noqa: DTZ001 - instants here are naive UTC
_EXAMPLES = "'90 days', '12 weeks', '6 months', '24h', '90d' or 'all'"


@dataclass(frozen=True)
class Window:
    """The time asked about, ``[start, end)``; `cut` is True where it was to end after what is known."""

    start: datetime
    end: datetime
    cut: bool = False


@dataclass(frozen=True)
class Period:
    """One period of the calendar, ``[start, end)``, and the part of it that lies in the window."""

    start: datetime
    end: datetime
    seen_start: datetime
    seen_end: datetime

    @property
    def is_cut(self) -> bool:
        """True where the window, or what is known, ends inside the period."""
        return (self.start, self.end) != (self.seen_start, self.seen_end)


def zone(timezone: str) -> ZoneInfo:
    """Return the time zone of that name; QuestionError when there is none."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
        raise QuestionError(f"{timezone!r} is no time zone; names look like Europe/Berlin or Asia/Jakarta") from problem


def instant(value: Moment, timezone: str = "UTC", name: str = "the time") -> datetime:
    """Return `value` as a naive UTC instant; QuestionError names what cannot be read."""
    if isinstance(value, str):
        try:
            read = datetime.fromisoformat(value.strip())
        except ValueError as problem:
            raise QuestionError(
                f"{name} = {value!r} is no date; write 2026-09-15, 2026-09-15T10:00 or 2026-09-15T10:00+02:00"
            ) from problem
        return _utc(read if read.tzinfo else read.replace(tzinfo=zone(timezone)))
    if isinstance(value, datetime):
        plain = value if value.tzinfo else value.replace(tzinfo=UTC)
        return _utc(plain)
    if isinstance(value, date):
        return midnight(value, zone(timezone))
    raise QuestionError(f"{name} = {value!r} is no date or time")


def window(
    last: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    *,
    as_of: datetime,
    timezone: str = "UTC",
    first: datetime | None = None,
) -> Window:
    """Return the window asked for: `last` so long before `until`, or from `since` to `until`.

    Without `until` it ends at `as_of`, without anything it is the last 90 days.  ``last="all"`` begins at `first`, the
    earliest thing there is.  Nothing after `as_of` is known, so a window never reaches further.

    Errors: QuestionError names the value that cannot be read, and says so of reversed and empty windows.
    """
    if last is not None and since is not None:
        raise QuestionError(f"last = {last!r} and since = {since!r} contradict each other; give one of them")
    end = as_of if until is None else instant(until, timezone, "until")
    known_end = min(end, as_of)
    if since is not None:
        start = instant(since, timezone, "since")
    elif isinstance(last, str) and last.strip().lower() == "all":
        start = min(first or before(known_end, DEFAULT_LAST, timezone), known_end - timedelta(microseconds=1))
    else:
        start = before(end, DEFAULT_LAST if last is None else last, timezone)
    if start >= end:
        raise QuestionError(f"the window from {start} to {end} (UTC) is empty or reversed; `until` is not included")
    if start >= known_end:
        raise QuestionError(f"the window begins at {start} (UTC), but nothing after {as_of} is known; sync first")
    return Window(start, known_end, cut=end > known_end)


def before(end: datetime, length: str, timezone: str = "UTC") -> datetime:
    """Return the instant so long before `end` by the calendar of the time zone, at the same time of day.

    A month before 31 March is the last day of February.
    """
    match = _LENGTH.fullmatch(length.strip().lower()) if isinstance(length, str) else None
    if not match or int(match.group(1)) == 0:
        raise QuestionError(f"last = {length!r} is no length of time; write {_EXAMPLES}")
    number, unit = int(match.group(1)), _UNITS.get(match.group(2), match.group(2))
    try:
        if unit == "hour":
            return end - timedelta(hours=number)
        local = _local(end, timezone)
        if unit in _DAYS:
            return _utc((local - timedelta(days=number * _DAYS[unit])).replace(tzinfo=zone(timezone)))
        return _utc(_months_before(local, number * _MONTHS[unit]).replace(tzinfo=zone(timezone)))
    except (OverflowError, ValueError) as problem:
        raise QuestionError(f"last = {length!r} reaches back before the year 1") from problem


def previous(asked: Window, timezone: str = "UTC") -> Window:
    """Return the equally long window that ends where `asked` begins; equally long by the calendar's days."""
    start, end = _local(asked.start, timezone), _local(asked.end, timezone)
    try:
        return Window(_utc((start - (end - start)).replace(tzinfo=zone(timezone))), asked.start)
    except OverflowError:
        return Window(_FIRST, asked.start)


def days(start: datetime, end: datetime, timezone: str = "UTC") -> float:
    """Return the calendar days between two instants; changing clocks make no difference."""
    return (_local(end, timezone) - _local(start, timezone)) / timedelta(days=1)


def periods(asked: Window, every: str, timezone: str = "UTC") -> list[Period]:
    """Return the calendar's periods that `asked` touches, earliest first; however long the window, none is left out."""
    if every not in EVERY:
        raise QuestionError(f"every = {every!r} is no period; there are {', '.join(EVERY)}")
    where = zone(timezone)
    day = _first_day(_local(asked.start, timezone).date(), every)
    found = []
    start = midnight(day, where)
    while start < asked.end:
        day = _next_day(day, every)
        end = midnight(day, where)
        if end > asked.start:
            found.append(Period(start, end, max(start, asked.start), min(end, asked.end)))
        start = end
    return found


def midnight(day: date, where: ZoneInfo) -> datetime:
    """Return the instant at which `day` begins; where the clock skips midnight, the first instant after it."""
    return _utc(datetime(day.year, day.month, day.day, tzinfo=where))


def _first_day(day: date, every: str) -> date:
    if every == "week":
        return date.fromordinal(max(1, day.toordinal() - day.weekday()))
    if every == "day":
        return day
    size = _MONTHS[every]
    return date(day.year, (day.month - 1) // size * size + 1, 1)


def _next_day(day: date, every: str) -> date:
    if every in _DAYS:
        return day + timedelta(days=_DAYS[every])
    month = day.month - 1 + _MONTHS[every]
    return date(day.year + month // 12, month % 12 + 1, 1)


def _months_before(local: datetime, months: int) -> datetime:
    month = local.year * 12 + local.month - 1 - months
    year, month = month // 12, month % 12 + 1
    if year < 1:
        raise OverflowError(year)
    return local.replace(year=year, month=month, day=min(local.day, monthrange(year, month)[1]))


def _local(moment: datetime, timezone: str) -> datetime:
    return moment.replace(tzinfo=UTC).astimezone(zone(timezone)).replace(tzinfo=None)


def _utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC).replace(tzinfo=None)
    except OverflowError as problem:
        raise QuestionError(f"{moment} lies outside the calendar") from problem
