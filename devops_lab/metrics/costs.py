"""What runners cost: the metric ``runner_minutes`` times the prices of ``lab.toml``, by service or workflow.

The minutes are the metric's own rows, so money and minutes never tell two stories.  All of it is an estimate: included
minutes, discounts and rounding of the bill are not known here.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from devops_lab.config.context import MACOS, WINDOWS, Prices
from devops_lab.errors import QuestionError
from devops_lab.metrics import answers, find, observations
from devops_lab.periods import Moment
from devops_lab.store import Store

BY = ("service", "workflow", "kind", "team", "repository")
COLUMNS = ("group_name", "jobs", "minutes", "again_minutes", "cost", "again_cost", "currency", "coverage")
NO_WORKFLOW = "unknown workflow"
_WEIGHTS = {"linux": 1.0, "windows": WINDOWS, "macos": MACOS, "self-hosted": 1.0}


def costs(
    store: Store,
    prices: Prices | None = None,
    by: str | None = None,
    service: str | None = None,
    team: str | None = None,
    last: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    as_of: Moment | None = None,
    timezone: str = "UTC",
) -> pd.DataFrame:
    """Return what a window's runners took and cost, one row per group, the most minutes first.

    Columns: group_name ("all" without `by`), jobs, minutes (of hosted runners as GitHub weighs them, your own runners'
    unweighed), again_minutes (those of attempts after the first), cost, again_cost, currency (none without `prices`),
    coverage (0 to 1).  Time that no sync covered has no row.  Two services of one repository share its jobs.

    Errors: QuestionError for a `by` that is none, and those of every question.
    """
    if by is not None and by not in BY:
        raise QuestionError(f"by = {by!r} is no way to group costs; there are {', '.join(BY)}")
    metric = find("runner_minutes")
    question = answers.ask(metric, store, service, team, last, since, until, as_of, timezone, {"self_hosted": 1})
    grouping = by if by in observations.BY else None
    rows = observations.grouped(metric, question.rows, grouping, service)
    rows = observations.inside(metric, rows, question.window)
    rows = rows[rows["excluded"].isna()]
    if by in ("workflow", "kind"):
        rows = rows.assign(group_name=rows[by].where(rows[by].notna(), NO_WORKFLOW))
    window = metric.window(store, by=grouping, service=service, team=team, last=last, since=since, until=until,
                           as_of=as_of, timezone=timezone, keep_empty=True)  # fmt: skip
    covered = dict(zip(window["group_name"], window["coverage"], strict=True))
    rest = float(covered.get(observations.EVERYTHING, 0.0))
    found = [_group(str(name), part, prices, covered.get(name, rest)) for name, part in rows.groupby("group_name")]
    frame = pd.DataFrame(found, columns=list(COLUMNS))
    frame = frame.sort_values(["minutes", "group_name"], ascending=[False, True]).reset_index(drop=True)
    if frame.empty:
        frame.attrs["reason"] = window.attrs.get("reason", "no job ran in this time")
    return frame


def _group(name: str, rows: pd.DataFrame, prices: Prices | None, coverage: float) -> tuple[Any, ...]:
    minutes, again = rows["value"], rows["again"].astype(bool)
    said = (name, len(rows), float(minutes.sum()), float(minutes[again].sum()))
    if prices is None:
        return (*said, None, None, None, coverage)
    rates = {kind: prices.minute(kind) / weight for kind, weight in _WEIGHTS.items()}
    money = minutes * rows["kind"].map(rates)
    return (*said, float(money.sum()), float(money[again].sum()), prices.currency, coverage)
