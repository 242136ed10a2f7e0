"""What the pages of the phases ask their question for: a number, its rows, a series over periods, or why there is none.

Nothing here raises for what a lab does not know: a metric that cannot be asked has no rows and no number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from devops_lab import metrics, words
from devops_lab.charts import figures
from devops_lab.errors import LabError
from devops_lab.reports import watched
from devops_lab.reports.page import shortened
from devops_lab.reports.phase_texts import SAID_IN
from devops_lab.reports.question import Question

FEWEST, MOST = 6, 53  # periods of a chart
_DAYS = {"day": 1.0, "week": 7.0, "month": 30.4, "quarter": 91.3, "year": 365.25}
_REFUSED = "select table_name, max(refused) as refused from sync_ledger where refused is not null group by table_name"
_SEEN = ("service_levels", "latency_buckets", "resource_usage", "restarts", "log_errors", "alerts")
_WATCHED = {table: (table,) for table in _SEEN} | {"impacts": _SEEN[:2]}  # table → those of Prometheus it is made of


def first(asked: Question, metric: str) -> dict[str, Any] | None:
    """Return the answer's row of a metric's first statistic, in the unit it is said in; None where it has no value."""
    if metric not in known():
        return None
    try:
        rows = spoken(asked.answer(metric))
    except LabError:
        return None
    return None if not rows or words.missing(rows[0]["value"]) else rows[0]


def known() -> set[str]:
    """Return the names of the shipped metrics."""
    return {metric.name for metric in metrics.catalogue()}


def every(asked: Question) -> str:
    """Return the period of the page's charts: the one asked for, else the shortest of which 6 to 53 fit the window."""
    start, end = asked.window
    length = max((end - start).total_seconds() / 86400, 1.0)
    fitting = [name for name, days in _DAYS.items() if FEWEST <= length / days <= MOST]
    return asked.period or (fitting[0] if fitting else "day" if length < FEWEST else "year")


def over(asked: Question, metric: str, statistics: Sequence[str] | None = None) -> pd.DataFrame:
    """Return a metric per period of the page's charts, as the long frame of ``Metric.over``."""
    found = metrics.find(metric)
    return found.over(asked.store, every=every(asked), statistic=statistics, **asked.words)


def counted(asked: Question, metric: str) -> pd.DataFrame:
    """Return the rows of the window that a metric counts; none where it cannot be asked."""
    try:
        rows = asked.observations(metric)
    except LabError:
        return pd.DataFrame(columns=["service", "repository", "occurred_at", "value", "id", "url", "excluded"])
    return rows[rows["excluded"].isna()].reset_index(drop=True)


def spoken(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return an answer's rows, each in the unit that its metric is said in ("share" for a ratio of good events)."""
    rows = frame.to_dict("records")
    return [{str(key): value for key, value in row.items()} | _unit(row) for row in rows]


def _unit(row: Mapping[Any, Any]) -> dict[str, str]:
    return {"unit": SAID_IN.get(str(row["metric"]), str(row["unit"]))}


def covered(asked: Question, metric: str) -> bool:
    """Say whether any of the window was covered for a metric, or anything counted: else nothing may be said of it."""
    try:
        rows = asked.answer(metric)
    except LabError:
        return False
    return bool(len(rows)) and bool(rows["coverage"].gt(0).any() or rows["n"].gt(0).any())


def unknown(asked: Question, metric: str) -> Any:
    """Return the figure that says why nothing is known about a metric; None where something is."""
    if covered(asked, metric):
        return None
    title = asked.t("{metric}: no number", metric=asked.t.label(metric))
    return figures.nothing(metric, why_missing(asked, metric), title)


def why_missing(asked: Question, metric: str) -> str:
    """Return why a metric has no number, in the page's language: no Prometheus, permission refused, nothing there."""
    tables = set(metrics.find(metric).tables)
    seen = {source for table in tables & set(_WATCHED) for source in _WATCHED[table]}
    if seen and asked.settings is not None and not any(watched.asked_for(asked, table) for table in seen):
        some = any(one.asks_prometheus for one in asked.settings.service)
        return asked.t("Prometheus was not asked for it") if some else asked.t("lab.toml names no Prometheus")
    if not seen and len(asked.services) and not asked.services["repository"].str.contains("/").any():
        return asked.t("a clone alone knows commits and tags; the rest comes from GitHub")
    refused = asked.store.sql(_REFUSED)
    hit = refused[refused["table_name"].isin(tables)]
    if len(hit):
        row = hit.iloc[0]
        return asked.t(
            "not allowed to read {table}: {said}", table=row["table_name"], said=shortened(row["refused"], 80)
        )
    try:
        reason = asked.answer(metric).attrs.get("reason")
    except LabError as problem:
        return shortened(problem)
    return asked.t(reason) if reason else asked.t("nothing to count in this window")


def interval(row: Mapping[str, Any]) -> str:
    """Return an answer's 95 % interval in words; shares near one keep the digits in which they differ."""
    low, high, unit = row["low"], row["high"], str(row["unit"])
    if unit == "share" and not words.missing(low) and not words.missing(high) and low > 0.9:
        return f"{words.share(low).rpartition(words.SPACE)[0]}–{words.share(high)}"
    return words.interval(low, high, unit)


def way(row: Mapping[str, Any]) -> str:
    """Return better, worse or same since the window before."""
    better = metrics.find(str(row["metric"])).better
    if better is None or not words.is_clear(row):
        return "same"
    return "better" if (float(row["value"]) < float(row["previous"])) == (better == "lower") else "worse"
