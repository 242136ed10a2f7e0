"""What ``lab.toml`` says of reports that people receive: when they are due, who gets them, what raises an alert.

Addresses of recipients hold secrets, so they are never in ``lab.toml``: it names the environment variable or the file
that holds them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, field_validator, model_validator

from devops_lab.config import alerts as config_alerts
from devops_lab.config.rules import Section

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,79}$")]
Every = Literal["day", "week", "month", "quarter", "year"]
Form = Literal["html", "pdf", "md"]
ALL = "all"
FIELDS = "minute hour day-of-month month day-of-week"


def _names(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_names)]


class Schedule(Section):
    """A report that is due again and again; `cron` is read in `timezone` (none: the lab's).

    A run reports on the last complete `period` before it was due; without `period` that is the cron line's own rhythm.
    `services` and `teams` are names or "all": one report for each; neither: one report over everything.
    `sync`: the facts are fetched before.  `catch_up` is how many missed periods are made up for at most.
    """

    name: Name
    cron: str
    timezone: str | None = None
    report: str = "report_dora"
    parameters: dict[str, Any] = {}
    services: Names = []
    teams: Names = []
    period: Every | None = None
    formats: list[Form] = ["html"]
    recipients: Names = []
    on_failure: Names = []
    sync: bool = True
    catch_up: int = Field(default=60, ge=0, le=1000)

    @field_validator("cron")
    @classmethod
    def _five_fields(cls, value: str) -> str:
        return checked_cron(value)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        try:
            return value if value is None else ZoneInfo(value).key
        except (ZoneInfoNotFoundError, ValueError, OSError) as problem:
            raise ValueError(f"{value!r} is no time zone; names look like Europe/Berlin or Asia/Jakarta") from problem

    @model_validator(mode="after")
    def _whole(self) -> Schedule:
        if self.services and self.teams:
            raise ValueError("names services and teams; a schedule reports on the one or the other")
        taken = sorted({"since", "until", "last", "service", "team", "config", "store"} & self.parameters.keys())
        if taken:
            raise ValueError(f"parameters: {', '.join(taken)} is set by the schedule itself (period, services, teams)")
        if self.period is None and cadence(self.cron) is None:
            raise ValueError(f'cron = {self.cron!r} has no rhythm of its own; say what it reports on: period = "week"')
        return self

    @property
    def every(self) -> str:
        """The kind of period a run reports on."""
        return self.period or cadence(self.cron) or "week"


def checked_cron(value: str) -> str:
    """Return a cron line of five fields; ValueError says what is wrong with any other."""
    from cronsim import CronSim, CronSimError

    parts = value.split()
    if value.strip().startswith("@"):
        raise ValueError(f'cron = {value!r}: write its five fields ({FIELDS}): @weekly is "0 0 * * 0"')
    if len(parts) == 6:
        raise ValueError(
            f"cron = {value!r} has six fields; a schedule has five ({FIELDS}): "
            f"take the seconds away ({' '.join(parts[1:])!r}) or the year ({' '.join(parts[:5])!r})"
        )
    if len(parts) != 5:
        raise ValueError(f'cron = {value!r} has {len(parts)} fields instead of five: {FIELDS}, as in "0 7 * * 1"')
    try:
        next(CronSim(" ".join(parts), datetime(2026, 1, 1)))  # noqa: DTZ001 - only whether it can be read
    except CronSimError as problem:
        raise ValueError(f"cron = {value!r}: {problem} ({FIELDS})") from problem
    except StopIteration:
        raise ValueError(f"cron = {value!r} names a day that never comes") from None
    return " ".join(parts)


def cadence(cron: str) -> str | None:
    """Return the period that a cron line's rhythm speaks of: "0 7 * * 1" is every week; None where it is not plain."""
    _, _, day, month, weekday = cron.split()
    if day in ("*", "?") and weekday in ("*", "?"):
        return "day" if month == "*" else None
    if day in ("*", "?"):
        several = re.search(r"[,/*-]", weekday)
        return None if month != "*" else "day" if several else "week"
    if weekday not in ("*", "?") or (not day.isdigit() and day != "L"):
        return None
    months = month.split(",")
    if month == "*":
        return "month"
    if month.endswith("/3") or len(months) == 4:
        return "quarter"
    return "year" if len(months) == 1 and re.fullmatch(r"\w+", month) else None


class Recipient(Section):
    """Who gets messages: an address of Apprise's kind, a comment on a GitHub issue, a step summary, or a folder.

    `url_env` names the environment variable, `url_file` the file beside ``lab.toml`` that holds the address
    (``mailtos://…``, ``slack://…``).  `attach` are the formats that are attached; `link` is where the folder
    ``reports`` is served.
    """

    name: Name
    url_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    url_file: Path | None = None
    issue: str | None = Field(default=None, pattern=r"^[\w.-]+/[\w.-]+#\d+$")
    step_summary: bool = False
    folder: Path | None = None
    attach: list[Form] = ["html"]
    link: str | None = Field(default=None, pattern=r"^https?://[^\s@]+$")

    @model_validator(mode="after")
    def _one_way(self) -> Recipient:
        ways = [self.url_env, self.url_file, self.issue, self.step_summary or None, self.folder]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("says not exactly one way to it: url_env, url_file, issue, step_summary = true or folder")
        return self


class Alert(Section):
    """A condition on a metric; its recipients hear once when it begins to hold, and once when it is over.

    `services` are names or "all" (each on its own), `team` a team's services together; neither: everything together.
    `certain`: it holds only where the 95 % interval, if the metric has one, leaves the threshold out.
    """

    name: Name
    when: str
    services: Names = []
    team: str | None = None
    recipients: Names = []
    certain: bool = True

    @field_validator("when")
    @classmethod
    def _readable(cls, value: str) -> str:
        config_alerts.read(value)
        return value

    @property
    def condition(self) -> config_alerts.Condition:
        """`when`, as it is read."""
        return config_alerts.read(self.when)


def problems(
    schedules: Sequence[Schedule],
    recipients: Sequence[Recipient],
    alerts: Sequence[Alert],
    services: Sequence[str],
    teams: Sequence[str],
) -> Iterator[str]:
    """Yield what does not fit together: names that are not there, and names that are there twice."""
    for kind, named in (("schedule", schedules), ("recipient", recipients), ("alert", alerts)):
        names = [one.name for one in named]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield f"[[{kind}]] {name!r} is there twice; names must differ"
    known = [one.name for one in recipients]
    for schedule in schedules:
        place = f"schedule {schedule.name!r}"
        yield from _unknown(f"{place}.recipients", schedule.recipients, known, "recipient")
        yield from _unknown(f"{place}.on_failure", schedule.on_failure, known, "recipient")
        yield from _unknown(f"{place}.services", schedule.services, [*services, ALL], "service")
        yield from _unknown(f"{place}.teams", schedule.teams, [*teams, ALL], "team")
    for alert in alerts:
        place = f"alert {alert.name!r}"
        yield from _unknown(f"{place}.recipients", alert.recipients, known, "recipient")
        yield from _unknown(f"{place}.services", alert.services, [*services, ALL], "service")
        yield from _unknown(f"{place}.team", [alert.team] if alert.team else [], teams, "team")


def _unknown(place: str, given: Sequence[str], known: Sequence[str], kind: str) -> Iterator[str]:
    import difflib

    for name in given:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            there = ", ".join(one for one in known if one != ALL) or "none"
            meant = f"did you mean {close[0]!r}?" if close else f"there are {there}"
            yield f"{place}: there is no {kind} {name!r}; {meant}"
