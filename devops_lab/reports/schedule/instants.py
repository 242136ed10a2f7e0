"""Cron lines for machines that know no time zone but UTC: every instant of a schedule, at the cost of idle runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from devops_lab.config import Schedule, Settings
from devops_lab.reports.schedule import due

MOST = 8
OFTEN = "7 * * * *"


def in_utc(settings: Settings, schedule: Schedule, now: datetime) -> list[str]:
    """Return cron lines in UTC that meet every instant of a year of a schedule.

    Where clocks change there are two lines, and one of them comes an hour early: that run finds nothing due.  A
    schedule of many times of day is met by a line for every hour.
    """
    zone = due.zone_of(schedule, settings)
    by_day = schedule.cron.split()[2] in ("*", "?")
    times: dict[tuple[int, int], set[int]] = {}
    for moment in due.fires(schedule.cron, zone, now, now + timedelta(days=366)):
        day = moment.isoweekday() % 7 if by_day else moment.day
        times.setdefault((moment.hour, moment.minute), set()).add(day)
        if len(times) > MOST:
            return [OFTEN]
    return [_line(minute, hour, days, by_day) for (hour, minute), days in sorted(times.items())]


def _line(minute: int, hour: int, days: set[int], by_day: bool) -> str:
    every = len(days) == 7 if by_day else len(days) == 31
    said = "*" if every else ",".join(map(str, sorted(days)))
    return f"{minute} {hour} * * {said}" if by_day else f"{minute} {hour} {said} * *"


def of(settings: Settings, now: datetime) -> Iterator[tuple[str, str]]:
    """Yield each cron line in UTC once, with the names of the schedules it is for."""
    found: dict[str, list[str]] = {}
    for one in settings.schedule:
        for line in in_utc(settings, one, now):
            found.setdefault(line, []).append(one.name)
    for line, names in found.items():
        yield line, ", ".join(names)
