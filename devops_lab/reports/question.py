"""A report's parameters → what to ask: the store, the window, the service.

Parameters are texts, and an empty text means "not given".  What was not given comes from ``lab.toml`` where there is
one, and else from the defaults of the metrics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import pandas as pd

from devops_lab import charts, metrics
from devops_lab import language as languages
from devops_lab.config import Settings, load
from devops_lab.config.context import Event, chosen
from devops_lab.config.place import NAME, nearest
from devops_lab.errors import QuestionError
from devops_lab.language import Language
from devops_lab.metrics import answers, benchmarks
from devops_lab.metrics.receipt import receipt
from devops_lab.store import Store

STORE, CONFIG = "lab", NAME
MIN_PERIODS, MAX_PERIODS = 6, 120
A_FEW = 4  # deployments per period: from so many on a share says something
_DAYS = {"day": 1, "week": 7, "month": 30.4, "quarter": 91.3, "year": 365.25}


class Pinned(Store):
    """A handle that stays on one snapshot and remembers its answers: a report asks the same rows for many numbers."""

    def __init__(self, path: str) -> None:
        self._answers: dict[tuple[Any, ...], pd.DataFrame] = {}
        self._made: dict[tuple[Any, ...], Any] = {}
        super().__init__(path)

    def refresh(self) -> None:
        """Read the newest complete snapshot, and forget what older ones answered."""
        self._answers.clear()
        self._made.clear()
        super().refresh()

    def remember(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """Return what `make` makes, made once; it is read, never changed."""
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def query(
        self, sql: str, as_of: datetime | None = None, frames: Mapping[str, Any] | None = None, **parameters: Any
    ) -> pd.DataFrame:
        """Run a SELECT as the facts were known at `as_of`; the same question is asked of the tables once."""
        if frames:
            return super().query(sql, as_of, frames, **parameters)
        key = (sql, as_of, *sorted(parameters.items()))
        if key not in self._answers:
            self._answers[key] = super().query(sql, as_of, **parameters)
        return self._answers[key].copy()


@dataclass(frozen=True)
class Question:
    """What a report is about.  `words` are the keywords that every metric understands: service, last, since, …

    `t` is the language it is written in: ``asked.t("Half take {value}.", value="3 days")``.
    """

    store: Store
    settings: Settings | None
    words: dict[str, str]
    edition: int
    period: str = ""
    t: Language = field(default_factory=languages.of)
    _answered: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False, compare=False)
    _observed: dict[str, pd.DataFrame] = field(default_factory=dict, repr=False, compare=False)
    _receipts: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def dora(self) -> pd.DataFrame:
        """The five metrics over the window, as ``dl.dora`` answers."""
        return metrics.dora(self.store, **self.words)

    @cached_property
    def dora_by_service(self) -> pd.DataFrame:
        """The five metrics over the window for each service: ``dl.dora(store, by="service")``."""
        return metrics.dora(self.store, by="service", **self.words)

    @property
    def timezone(self) -> str:
        """The time zone that days and weeks begin in."""
        return self.words.get("timezone", "UTC")

    @property
    def as_of(self) -> datetime:
        """The instant up to which things are known."""
        given = self.words.get("as_of")
        return answers.periods.instant(given, self.timezone) if given else answers.known_until(self.store)

    @cached_property
    def window(self) -> tuple[datetime, datetime]:
        """Start and end (not included) of the window, naive UTC."""
        if self.words.get("last", "").strip().lower() == "all" and len(self.dora):
            first = self.dora.iloc[0]
            return first["period_start"].to_pydatetime(), first["period_end"].to_pydatetime()
        last, since, until = (self.words.get(name) for name in ("last", "since", "until"))
        asked = answers.periods.window(last, since, until, as_of=self.as_of, timezone=self.timezone)
        return asked.start, asked.end

    @cached_property
    def every(self) -> str:
        """The period of trends: the one asked for, else the shortest with a few deployments in each.

        At least six periods fit the window and at most 120; where deployments are too rare for that, the longest.
        """
        start, end = self.window
        length = max((end - start).total_seconds() / 86400, 1.0)
        deployed = float(self.dora.loc[self.dora["metric"] == "deployment_frequency", "n"].sum())
        fitting = [name for name, days in _DAYS.items() if MIN_PERIODS <= length / days <= MAX_PERIODS]
        enough = [name for name in fitting if deployed * _DAYS[name] / length >= A_FEW]
        return self.period or next(iter(enough + fitting[::-1]), "day" if length < MAX_PERIODS else "year")

    @property
    def title(self) -> str:
        """What the report is about: the service, the team, the only service there is, or all services."""
        named = self.words.get("service") or self.words.get("team")
        if named:
            return named
        names = list(self.services["service"])
        return names[0] if len(names) == 1 else f"{len(names)} services" if names else "No service yet"

    @cached_property
    def services(self) -> pd.DataFrame:
        """The stored services that the question is about."""
        found = self.store.sql("select service, team, repository from services order by service")
        for key in ("service", "team"):
            if key in self.words:
                found = found[found[key] == self.words[key]]
        return found

    @cached_property
    def events(self) -> list[Event]:
        """The events of lab.toml about the question's services that touch its window, earliest first."""
        if self.settings is None or not self.settings.event:
            return []
        return chosen(self.settings.event, self.services["service"], *self.window, self.timezone)

    def observations(self, metric: str) -> pd.DataFrame:
        """Return the rows behind one metric's number, earliest first, counted and left out."""
        if metric not in self._observed:
            self._observed[metric] = metrics.find(metric).observations(self.store, **self.words)
        return self._observed[metric].copy()

    def answer(self, metric: str) -> pd.DataFrame:
        """Return one metric's number over the window, a row per statistic, with the window before beside it."""
        if metric not in self._answered:
            found = metrics.find(metric)
            self._answered[metric] = found.window(self.store, keep_empty=True, **self.words)
        return self._answered[metric]

    def receipt(self, metric: str) -> dict[str, Any]:
        """Return the evidence of one metric's number over the window, as ``metrics.receipt`` has it."""
        if metric not in self._receipts:
            self._receipts[metric] = receipt(metrics.find(metric), self.store, events=self.events, **self.words)
        return self._receipts[metric]

    def receipts(self) -> list[dict[str, Any]]:
        """Return the receipts that were asked for so far."""
        return list(self._receipts.values())

    def answered(self) -> list[dict[str, Any]]:
        """Return the rows of every number over the window that was asked for so far, ready for JSON."""
        frames = [getattr(self, name) for name in ("dora", "dora_by_service") if name in self.__dict__]
        rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        for frame in (*frames, *self._answered.values()):
            rows |= {(row["metric"], row["group_name"], row["statistic"]): row for row in metrics.records(frame)}
        return list(rows.values())

    def trend(self, metric: str) -> Any:
        """Draw one metric over the window's periods; durations with the median and the p90."""
        found = metrics.find(metric)
        statistics = ["median", "p90"] if found.statistics == ("median",) else list(found.statistics)
        frame = found.over(self.store, every=self.every, statistic=statistics, **self.words)
        answer = self.dora[self.dora["metric"] == metric].to_dict("records")
        first = answer[0] if answer else None
        return charts.trend(frame, found, answer=first, timezone=self.timezone, events=self.events)

    def marked(self, figure: Any) -> Any:
        """Draw the events on the time axis of a figure over the window; return the figure."""
        return charts.mark_events(figure, self.events, timezone=self.timezone)

    def distribution(self, metric: str) -> Any:
        """Draw how one metric's durations are distributed over the window."""
        return charts.distribution(self.observations(metric), metrics.find(metric))

    def timeline(self) -> Any:
        """Draw the window's deployments, and the failed ones until they recovered."""
        deployments = self.observations("deployment_rework_rate")
        recoveries = self.observations("failed_deployment_recovery_time")
        return charts.deployment_timeline(deployments, recoveries, timezone=self.timezone)


def ask(
    store: str = STORE,
    config: str = CONFIG,
    service: str = "",
    team: str = "",
    last: str = "",
    since: str = "",
    until: str = "",
    as_of: str = "",
    every: str = "",
    timezone: str = "",
    edition: str = "",
    language: str = "",
) -> Question:
    """Return the question that a report's parameters put.

    A store named "lab" is the one ``lab.toml`` names, where there is one in the working folder or above it
    (``config.place``); any other name is a path or URL.
    Without `last` and `since` the window is lab.toml's ``last``.  `edition` is a benchmark's year,
    `language` the code of the language the page is written in ("en", "id").

    Errors: QuestionError for a parameter that is no text (papermill's ``-p`` reads numbers: use ``-r``), an edition,
    a language, a period or a service that is not there; ConfigError for a lab.toml with problems.
    """
    given = {
        "store": store, "config": config, "service": service, "team": team, "last": last, "since": since,
        "until": until, "as_of": as_of, "every": every, "timezone": timezone, "edition": edition,
        "language": language,
    }  # fmt: skip
    for name, value in given.items():
        if not isinstance(value, str):
            raise QuestionError(f"{name} = {value!r} must be text; with papermill's own command use -r {name} {value}")
    settings = load(config) if config != CONFIG or nearest() else None
    place = settings.store if settings is not None and store in ("", STORE) else store or STORE
    words = {name: given[name] for name in ("service", "team", "last", "since", "until", "as_of") if given[name]}
    if settings is not None and not (last or since):
        words["last"] = settings.lab.last
    words["timezone"] = timezone or (settings.lab.timezone if settings is not None else "UTC")
    if every and every not in answers.periods.EVERY:
        raise QuestionError(f"every = {every!r}; must be one of {', '.join(answers.periods.EVERY)}")
    return Question(Pinned(place), settings, words, _edition(edition), every, languages.of(language))


def _edition(given: str) -> int:
    if not given:
        return benchmarks.DEFAULT_EDITION
    if given not in map(str, benchmarks.EDITIONS):
        raise QuestionError(f"edition = {given!r}; there are {', '.join(map(str, benchmarks.EDITIONS))}")
    return int(given)
