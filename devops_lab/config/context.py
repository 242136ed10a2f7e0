"""What ``lab.toml`` says besides rules: events worth knowing, what runners cost, how long facts are kept.

::

    [[event]]
    date = 2026-09-14                 # or from and until (not included), as dates or times of the lab's time zone
    text = "Moved to the new cluster"
    services = ["checkout", "web-*"]  # without it: every service

    [prices]                          # one minute of each kind's smallest hosted runner
    currency = "USD"
    linux = 0.006

    [store]
    keep = "3 years"
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator, model_validator

from devops_lab import patterns, periods
from devops_lab.config.rules import Patterns, Section
from devops_lab.errors import QuestionError


def _day(value: Any) -> Any:
    if isinstance(value, int | float):
        raise ValueError(f"{value!r} is no date; write 2026-09-14, or 2026-09-14T10:00:00")
    return value


Day = Annotated[datetime | date, BeforeValidator(_day)]
Price = Annotated[float, Field(ge=0, allow_inf_nan=False)]
WINDOWS, MACOS = 2.0, 10.0  # Linux minutes that a minute there counts as: the weights of the metric runner_minutes


class Event(Section):
    """Something that happened to the services and that no source knows: a freeze, a new cluster, a big sale."""

    date: Day | None = None
    since: Day | None = Field(default=None, alias="from")
    until: Day | None = None
    text: str = Field(min_length=1, max_length=200)
    services: Patterns = ["**"]

    @model_validator(mode="after")
    def _when(self) -> Event:
        if (self.date is None) == (self.since is None):
            raise ValueError(f"{self.text!r} needs date = 2026-09-14, or from and until; one of the two")
        if (self.until is None) != (self.since is None):
            raise ValueError(f"{self.text!r}: from and until go together (until is not included)")
        zones = [moment for moment in (self.date, self.since, self.until) if getattr(moment, "tzinfo", None)]
        if zones:
            raise ValueError(f"{self.text!r}: write its times without a time zone: they are of the lab's")
        if self.since is not None and self.until is not None and _moment(self.until) <= _moment(self.since):
            raise ValueError(f"{self.text!r} ends before it begins: until must be later than from")
        return self

    def span(self, timezone: str) -> tuple[datetime, datetime | None]:
        """Return when it began and ended (naive UTC); no end: it is an instant, a date the start of that day."""
        first = self.date if self.since is None else self.since
        assert first is not None  # as _when has checked
        start = periods.instant(first.isoformat(), timezone)
        return start, None if self.until is None else periods.instant(self.until.isoformat(), timezone)

    def touches(self, start: datetime, end: datetime, timezone: str) -> bool:
        """Say whether any of it lies in ``[start, end)``, two instants in naive UTC."""
        begun, ended = self.span(timezone)
        return begun < end and (ended or begun + timedelta(microseconds=1)) > start

    def concerns(self, services: Iterable[str]) -> bool:
        """Say whether it is about one of these services."""
        return any(patterns.matches(name, self.services) for name in services)


def _moment(day: datetime | date) -> datetime:
    return day if isinstance(day, datetime) else datetime(day.year, day.month, day.day)  # noqa: DTZ001 - the lab's own


def chosen(
    events: Sequence[Event], services: Iterable[str], start: datetime, end: datetime, timezone: str
) -> list[Event]:
    """Return the events about these services that touch ``[start, end)`` (naive UTC), earliest first."""
    names = list(services)
    found = [one for one in events if one.concerns(names) and one.touches(start, end, timezone)]
    return sorted(found, key=lambda one: (one.span(timezone)[0], one.text))


class Prices(Section):
    """The price of one minute on the smallest hosted runner of each kind; a larger one costs as many times as much.

    Without `windows` and `macos` a minute there costs 2 and 10 Linux minutes, as the metric ``runner_minutes`` weighs
    them.  `self_hosted` is what a minute of your own runners costs you.
    """

    currency: str = Field(default="USD", pattern=r"^[A-Za-z€$£¥₹]{1,5}$")
    linux: Price
    windows: Price | None = None
    macos: Price | None = None
    self_hosted: Price = 0.0

    def minute(self, kind: str) -> float:
        """Return the price of a minute of `kind`: linux, windows, macos or self-hosted."""
        return {
            "linux": self.linux,
            "windows": self.linux * WINDOWS if self.windows is None else self.windows,
            "macos": self.linux * MACOS if self.macos is None else self.macos,
            "self-hosted": self.self_hosted,
        }[kind]


class Keeping(Section):
    """How long facts are kept; without `keep` for good.  The sync takes out what is older."""

    keep: str | None = None

    @field_validator("keep")
    @classmethod
    def _length(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                periods.before(datetime(2026, 1, 1), value)  # noqa: DTZ001 - any instant does
            except QuestionError as problem:
                raise ValueError(
                    f'{value!r} is no length of time; write "3 years", "18 months" or "400 days"'
                ) from problem
        return value

    def first(self, now: datetime, timezone: str) -> datetime | None:
        """Return the instant (naive UTC) before which nothing is kept; None: everything is."""
        return None if self.keep is None else periods.before(now, self.keep, timezone)
