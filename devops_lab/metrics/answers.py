"""One aggregator for every metric: observations become long frames, per period or for one window.

A value over time that no sync covered is missing, over time that was covered in part it is `partial`; only a count
over covered time is ever 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd

from devops_lab import periods
from devops_lab.metrics import observations, statistics
from devops_lab.metrics.coverage import Coverage, covered
from devops_lab.metrics.definition import Definition
from devops_lab.metrics.statistics import Estimate, Sample
from devops_lab.periods import Moment, Period, Window
from devops_lab.store import Store

LONG = (
    "metric", "unit", "group_name", "period_start", "period_end", "statistic",
    "value", "n", "low", "high", "too_few", "coverage", "partial",
)  # fmt: skip
BEFORE = ("previous", "previous_n", "previous_low", "previous_high")
_MISSING = float("nan")


@dataclass(frozen=True)
class Question:
    """What is asked besides the metric; `window` and `as_of` are naive UTC instants."""

    as_of: datetime
    window: Window
    timezone: str
    parameters: dict[str, Any]
    coverage: Coverage
    rows: pd.DataFrame
    service: str | None = None
    team: str | None = None


def ask(
    metric: Definition,
    store: Store,
    service: str | None = None,
    team: str | None = None,
    last: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    as_of: Moment | None = None,
    timezone: str = "UTC",
    parameters: dict[str, Any] | None = None,
    every: str | None = None,
) -> Question:
    """Read what a question needs: window, coverage and all observations of its services.

    Without `as_of` it is the last complete sync's, and now in a store that never had one.
    """
    known = known_until(store) if as_of is None else periods.instant(as_of, timezone, "as_of")
    bound = metric.bound(parameters or {})
    coverage = covered(store, metric.covered_by or metric.tables)

    def read(spans: Sequence[tuple[datetime, datetime]] = ()) -> pd.DataFrame:
        return observations.gather(metric, store, coverage.services, known, bound, service, team, spans)

    if metric.kind == "state":
        asked = periods.window(last, since, until, as_of=known, timezone=timezone)
        cells = [asked, periods.previous(asked, timezone)] if every is None else []
        spans = [(cell.start, cell.end) for cell in cells]
        spans += [(p.start, p.seen_end) for p in periods.periods(asked, every, timezone)] if every else []
        rows = read(spans)
    else:
        rows = read()
        first = None if rows.empty else rows["occurred_at"].iloc[0].to_pydatetime()
        asked = periods.window(last, since, until, as_of=known, timezone=timezone, first=first)
    return Question(known, asked, timezone, bound, coverage, rows, service, team)


def known_until(store: Store) -> datetime:
    """Return the instant up to which the store knows things: its snapshot's, or now where it has none."""
    return store.as_of or datetime.now(UTC).replace(tzinfo=None)


def over(
    metric: Definition, question: Question, every: str, by: str | None, statistic: str | Sequence[str] | None
) -> pd.DataFrame:
    """Return the long frame with one row per group, period and statistic; see `Metric.over`."""
    cells = periods.periods(question.window, every, question.timezone)
    frame = _frame(metric, question, cells, by, _statistics(metric.statistics, statistic))
    state = metric.kind == "state"
    return _explained(frame, question, question.rows if state else _held(metric, question))


def window(
    metric: Definition,
    question: Question,
    by: str | None,
    statistic: str | Sequence[str] | None,
    keep_empty: bool = False,
) -> pd.DataFrame:
    """Return the long frame of one window with the window before beside it; see `Metric.window`."""
    default = (metric.window_statistic,) if metric.window_statistic else metric.statistics
    names = _statistics(default, statistic)
    asked = question.window
    cells = [_whole(asked), _whole(periods.previous(asked, question.timezone))]
    both = _frame(metric, question, cells, by, names)
    here = both[both["period_start"] == pd.Timestamp(asked.start)].reset_index(drop=True)
    ago = both[both["period_start"] != pd.Timestamp(asked.start)].reset_index(drop=True)
    whole = ago["coverage"] == 1.0
    for name, column in zip(BEFORE, ("value", "n", "low", "high"), strict=True):
        here[name] = ago[column] if column == "n" else ago[column].where(whole)
    return _explained(here, question, _held(metric, question), keep_empty)


def _statistics(default: Sequence[str], asked: str | Sequence[str] | None) -> tuple[str, ...]:
    names = default if asked is None else [asked] if isinstance(asked, str) else asked
    return tuple(statistics.check(name) for name in names)


def _whole(asked: Window) -> Period:
    return Period(asked.start, asked.end, asked.start, asked.end)


def _frame(
    metric: Definition, question: Question, cells: Sequence[Period], by: str | None, names: Sequence[str]
) -> pd.DataFrame:
    rows = observations.grouped(metric, question.rows, by, question.service)
    counted = rows[rows["excluded"].isna()]
    starts, ends = [cell.seen_start for cell in cells], [cell.seen_end for cell in cells]
    lengths = [periods.days(start, end, question.timezone) for start, end in zip(starts, ends, strict=True)]
    answers = []
    for group, members in _groups(question, rows, by).items():
        covered = question.coverage.fractions(members, starts, ends)
        samples = _samples(metric, counted[counted["group_name"] == group], cells, lengths)
        for cell, sample, share in zip(cells, samples, covered, strict=True):
            partial = cell.is_cut or share < 1 or (question.window.cut and cell.seen_end == question.window.end)
            for name in names:
                found = answered(name, statistics.estimate(name, sample), share)
                head = (metric.name, _unit(metric, name), group, cell.start, cell.end, name)
                answers.append((*head, found.value, found.n, found.low, found.high, found.too_few, share, partial))
    frame = pd.DataFrame(answers, columns=list(LONG))
    kinds = {"period_start": "datetime64[us]", "period_end": "datetime64[us]", "n": "int64", "coverage": "float64"}
    kinds |= {"value": "float64", "low": "float64", "high": "float64", "too_few": "bool", "partial": "bool"}
    return frame.astype(kinds)


def _groups(question: Question, rows: pd.DataFrame, by: str | None) -> dict[str, list[str]]:
    """Return each group's services by name; services that have rows but are not stored cover nothing."""
    stored = question.coverage.services
    if question.service is not None:
        stored = stored[stored["service"] == question.service]
    if question.team is not None:
        stored = stored[stored["team"] == question.team]
    groups: dict[str, set[str]] = {}
    for row in stored.to_dict("records"):
        name = observations.EVERYTHING if by is None else row[by]
        groups.setdefault(name if isinstance(name, str) else observations.NO_TEAM, set()).add(row["service"])
    for name, service in rows[["group_name", "service"]].drop_duplicates().itertuples(index=False):
        groups.setdefault(name, set()).add(service)
    return {name: sorted(groups[name]) for name in sorted(groups)}


def _samples(metric: Definition, rows: pd.DataFrame, cells: Sequence[Period], days: Sequence[float]) -> list[Sample]:
    """Cut a group's counted rows, which are in order of time, into one sample per cell."""
    column = "period_start" if metric.kind == "state" else "occurred_at"
    if metric.kind == "state":
        rows = rows.sort_values(column, kind="stable")
    times = _ticks(rows[column])
    values, censored = rows["value"].to_numpy(), rows["censored"].to_numpy()
    denominators = rows["denominator"].to_numpy()
    clusters = _ticks(rows[metric.resample]) if metric.resample else None
    samples = []
    for cell, length in zip(cells, days, strict=True):
        if metric.kind == "state":
            edges = np.array([cell.start, cell.start], dtype="datetime64[us]").astype("int64") + np.array([0, 1])
        else:
            edges = np.array([cell.seen_start, cell.seen_end], dtype="datetime64[us]").astype("int64")
        first, last = np.searchsorted(times, edges, side="left")
        part = slice(first, last)
        together = None if clusters is None else clusters[part]
        samples.append(Sample(values[part], censored[part], denominators[part], together, length))
    return samples


def _ticks(column: pd.Series) -> np.ndarray[Any, np.dtype[np.int64]]:
    if column.dtype.kind != "M":
        return np.unique(column.astype(str).to_numpy(), return_inverse=True)[1].astype("int64")
    return column.to_numpy().astype("datetime64[us]").astype("int64")


def held(metric: Definition, question: Question) -> pd.DataFrame:
    """Return the rows of the question's window, counted and left out; empty ones say why in ``.attrs["reason"]``."""
    rows = observations.grouped(metric, question.rows, None, question.service)
    found = observations.inside(metric, rows, question.window)
    if found["excluded"].notna().all():
        names = sorted(_groups(question, rows, "service"))
        covered = question.coverage.fractions(names, [question.window.start], [question.window.end])[0]
        found.attrs["reason"] = observations.why_empty(question.coverage.services, found, covered)
    return found


def sample(metric: Definition, question: Question, rows: pd.DataFrame) -> Sample:
    """Return the question's window as one sample of `rows` (grouped, counted and excluded ones)."""
    length = periods.days(question.window.start, question.window.end, question.timezone)
    return _samples(metric, rows[rows["excluded"].isna()], [_whole(question.window)], [length])[0]


def answered(statistic: str, found: Estimate, coverage: float) -> Estimate:
    """Return the estimate as it may be said: missing where nothing was covered, and no 0 over a gap."""
    if coverage == 0 or (found.n == 0 and coverage < 1):
        return Estimate(_MISSING, _MISSING, _MISSING, found.n, not statistics.is_total(statistic))
    return found


def _unit(metric: Definition, statistic: str) -> str:
    return statistic if statistic == "count" or statistic in statistics.RATES else metric.unit


def _held(metric: Definition, question: Question) -> pd.DataFrame:
    return observations.inside(metric, question.rows, question.window)


def _explained(frame: pd.DataFrame, question: Question, held: pd.DataFrame, keep_empty: bool = False) -> pd.DataFrame:
    """Say why nothing counts (`held` are the rows it was looked for in); nothing covered either: the frame is empty."""
    if not frame["n"].sum():
        coverage = float(frame["coverage"].max()) if len(frame) else 0.0
        frame = frame if coverage or keep_empty else frame.iloc[:0]
        frame.attrs["reason"] = observations.why_empty(question.coverage.services, held, coverage)
    return frame


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return a frame's rows ready for JSON: instants as ISO 8601 in UTC, missing values as None."""
    return [{name: plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def plain(value: Any) -> Any:
    """Return one value ready for JSON."""
    if value is None or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, datetime):
        return value.isoformat() + "Z"
    return value.item() if isinstance(value, np.generic) else value
