"""Periods by name, for reports that come again: ``2026-W46``, ``2026-10``, ``2026-Q3``, ``2026``, ``2026-11-09``.

A `CalendarPeriod` is days, not instants: a report's ``since`` and ``until`` are read in the lab's time zone, so a week
in which clocks change is one week all the same.  Weeks are those of ISO 8601 and begin on Monday.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from devops_lab.errors import QuestionError
from devops_lab.periods import zone

KINDS = ("day", "week", "month", "quarter", "year")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_NAME = re.compile(r"(\d{4})(?:-(?:W(\d{2})|Q([1-4])|(\d{2})(?:-(\d{2}))?))?", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class CalendarPeriod:
    """One period of the calendar: days from `first`, `after` not included.  Periods sort by time, longer ones last."""

    first: date
    after: date
    kind: str
    name: str

    @property
    def since(self) -> str:
        """The first day, as a report's parameter ``since``."""
        return self.first.isoformat()

    @property
    def until(self) -> str:
        """The day after the last, as a report's parameter ``until`` (not included)."""
        return self.after.isoformat()


def period(text: str) -> CalendarPeriod:
    """Return the period of that name; QuestionError says which names there are."""
    match = _NAME.fullmatch(text.strip())
    try:
        if match:
            return _named(*match.groups())
    except ValueError as problem:  # a week 54, a month 13, a 30 February
        raise QuestionError(f"there is no period {text!r} in the calendar") from problem
    raise QuestionError(f"{text!r} is no period; write 2026-W46, 2026-10, 2026-Q3, 2026 or 2026-11-09")


def containing(kind: str, day: date) -> CalendarPeriod:
    """Return the period of that kind in which a day lies; QuestionError for an unknown kind."""
    if kind == "day":
        return CalendarPeriod(day, day + timedelta(days=1), kind, day.isoformat())
    if kind == "week":
        year, week, weekday = day.isocalendar()
        first = day - timedelta(days=weekday - 1)
        return CalendarPeriod(first, first + timedelta(days=7), kind, f"{year}-W{week:02}")
    if kind not in _MONTHS:
        raise QuestionError(f"{kind!r} is no kind of period; there are {', '.join(KINDS)}")
    size = _MONTHS[kind]
    first = date(day.year, (day.month - 1) // size * size + 1, 1)
    after = date(first.year + (first.month + size > 12), (first.month + size - 1) % 12 + 1, 1)
    part = {"month": f"-{first.month:02}", "quarter": f"-Q{(first.month + 2) // 3}", "year": ""}[kind]
    return CalendarPeriod(first, after, kind, f"{first.year}{part}")


def before(one: CalendarPeriod) -> CalendarPeriod:
    """Return the period of the same kind that ends where this one begins."""
    return containing(one.kind, one.first - timedelta(days=1))


def following(one: CalendarPeriod) -> CalendarPeriod:
    """Return the period of the same kind that begins where this one ends."""
    return containing(one.kind, one.after)


def last_complete(kind: str, moment: datetime, timezone: str = "UTC") -> CalendarPeriod:
    """Return the last period of that kind that is over at `moment` (naive UTC) by the clock of the time zone."""
    today = moment.replace(tzinfo=UTC).astimezone(zone(timezone)).date()
    return before(containing(kind, today))


def _named(year: str, week: str, quarter: str, month: str, day: str) -> CalendarPeriod:
    if week:
        return containing("week", date.fromisocalendar(int(year), int(week), 1))
    if quarter:
        return containing("quarter", date(int(year), int(quarter) * 3, 1))
    if day:
        return containing("day", date(int(year), int(month), int(day)))
    return containing("month", date(int(year), int(month), 1)) if month else containing("year", date(int(year), 1, 1))
