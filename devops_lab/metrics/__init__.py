"""Metrics: each is one SQL file that selects one row per thing that happened, and a statistic that sums it up.

``metrics.change_lead_time`` is a `Metric`; `catalogue` lists them all.  `dora` is the one function that every surface
asks for the five.  A user's own definitions are files of the same form in ``metrics/`` beside ``lab.toml``.
"""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from devops_lab.errors import ConfigError, QuestionError
from devops_lab.metrics import answers
from devops_lab.metrics.answers import records
from devops_lab.metrics.definition import Definition, read
from devops_lab.periods import Moment
from devops_lab.store import Store

DORA = (
    "change_lead_time",
    "deployment_frequency",
    "change_fail_rate",
    "failed_deployment_recovery_time",
    "deployment_rework_rate",
)
_FOLDER = Path(__file__).parent

__all__ = ["DORA", "Metric", "catalogue", "dora", "find", "load", "records"]


class Metric(Definition):
    """One metric: a definition that can be asked.

    All questions take the same words: `service` or `team` narrows; ``last="90 days"`` (the default) or `since` and
    `until` (not included) say when; `as_of` goes back to what was known then (default: the last complete sync);
    `timezone` says when days and weeks begin; further keywords are the metric's own parameters.

    Errors: QuestionError names the value that is not there or cannot be read.
    """

    def observations(
        self,
        store: Store,
        service: str | None = None,
        team: str | None = None,
        last: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        as_of: Moment | None = None,
        timezone: str = "UTC",
        **parameters: Any,
    ) -> pd.DataFrame:
        """Return the rows behind the number, counted and left out, earliest first; ``last="all"`` gives every row.

        Columns: service, team, repository, occurred_at, value (in the metric's unit; none where the row does not
        count), id, url, started_at, ended_at, denominator, censored, excluded (why it does not count), then the
        metric's own.  An empty frame says why in ``.attrs["reason"]``.
        """
        question = answers.ask(self, store, service, team, last, since, until, as_of, timezone, parameters)
        found = answers.held(self, question)
        reason = found.attrs.copy()
        found = found.drop(columns="group_name")
        found.attrs.update(reason)
        return found

    def over(
        self,
        store: Store,
        every: str = "week",
        by: str | None = None,
        last: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        as_of: Moment | None = None,
        service: str | None = None,
        team: str | None = None,
        statistic: str | Sequence[str] | None = None,
        timezone: str = "UTC",
        **parameters: Any,
    ) -> pd.DataFrame:
        """Return one row per period (day, week, month, quarter, year), group and statistic, as a long frame.

        Columns: metric, unit, group_name ("all" without `by`), period_start, period_end (UTC, half open), statistic,
        value, n, low, high, too_few, coverage (0 to 1), partial.  A period that the window, `as_of` or the sync cuts
        is partial; uncovered time is missing, never 0.  Several statistics: ``statistic=["median", "p90"]``.
        """
        question = answers.ask(self, store, service, team, last, since, until, as_of, timezone, parameters, every)
        return answers.over(self, question, every, by, statistic)

    def window(
        self,
        store: Store,
        by: str | None = None,
        last: str | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        as_of: Moment | None = None,
        service: str | None = None,
        team: str | None = None,
        statistic: str | Sequence[str] | None = None,
        timezone: str = "UTC",
        keep_empty: bool = False,
        **parameters: Any,
    ) -> pd.DataFrame:
        """Return one row per group for the whole window, with the equally long window before beside it.

        Columns: those of `over`, then previous, previous_n, previous_low, previous_high.  The window before is missing
        unless it was wholly covered: half a window is no yardstick.  `keep_empty` keeps the row where nothing is known.
        """
        question = answers.ask(self, store, service, team, last, since, until, as_of, timezone, parameters)
        return answers.window(self, question, by, statistic, keep_empty)

    def __repr__(self) -> str:
        return f"<{self.name} ({self.unit}, {', '.join(self.statistics)}): {self.text.splitlines()[0]}>"


def load(folder: str | Path) -> list[Metric]:
    """Read a folder's metrics (every ``.sql`` file in it and below), by name; a folder that is not there has none.

    Errors: ConfigError names the file and line of what is wrong.
    """
    return sorted((read(path, Metric) for path in Path(folder).rglob("*.sql")), key=lambda metric: metric.name)


@lru_cache(maxsize=1)
def _shipped() -> tuple[Metric, ...]:
    found = load(_FOLDER)
    first = {name: place for place, name in enumerate(DORA)}
    return tuple(sorted(found, key=lambda metric: (first.get(metric.name, len(first)), metric.name)))


def catalogue(folder: str | Path | None = None) -> list[Metric]:
    """Return all shipped metrics, the five of DORA first, then those of the user's own `folder`.

    One name, one file: ConfigError when an own metric takes a shipped one's name.
    """
    shipped = {metric.name: metric for metric in _shipped()}
    own = load(folder) if folder is not None else []
    for metric in own:
        if metric.name in shipped:
            raise ConfigError(metric.path, [f"{metric.name!r} is shipped already; give the file another name"])
        shipped[metric.name] = metric
    return list(shipped.values())


def find(name: str, folder: str | Path | None = None) -> Metric:
    """Return the metric of that name; QuestionError names the nearest when there is none."""
    known = {metric.name: metric for metric in catalogue(folder)}
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, 3)
    raise QuestionError(
        f"there is no metric {name!r}; {'did you mean' if close else 'there are'} {', '.join(close or known)}"
    )


def dora(
    store: Store,
    last: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    as_of: Moment | None = None,
    service: str | None = None,
    team: str | None = None,
    by: str | None = None,
    timezone: str = "UTC",
) -> pd.DataFrame:
    """Return the five metrics of DORA over one window, one row each (and per group): the columns of `Metric.window`.

    Every surface (notebook, report, command line, exporter) asks this function, so no two of them differ.  Without any
    services, synced time or events the frame is empty and says why in ``.attrs["reason"]``.
    """
    frames = [
        find(name).window(
            store, by=by, last=last, since=since, until=until, as_of=as_of, service=service, team=team,
            timezone=timezone, keep_empty=True,
        )
        for name in DORA
    ]  # fmt: skip
    together = pd.concat([frame for frame in frames if len(frame)] or frames[:1], ignore_index=True)
    reasons = {frame.attrs["reason"] for frame in frames if "reason" in frame.attrs}
    together.attrs.clear()
    if len(reasons) and not together["n"].sum() and not together["coverage"].sum():
        together = together.iloc[:0]
        together.attrs["reason"] = "; ".join(sorted(reasons))
    return together


def __getattr__(name: str) -> Metric:
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        return find(name)
    except QuestionError as problem:
        raise AttributeError(str(problem)) from problem


def __dir__() -> list[str]:
    return sorted({*globals(), *(metric.name for metric in _shipped())})
