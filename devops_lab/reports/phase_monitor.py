"""The page of the monitor phase: the error budget, burn rates, latency, alerts, incidents, and what deployments did."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from devops_lab import charts, words
from devops_lab.charts.budgets_rates import SPANS
from devops_lab.reports import phases, verdicts, watched
from devops_lab.reports.evidence import short
from devops_lab.reports.page import Column, Piece, paragraph, shortened, table
from devops_lab.reports.phases import Step
from devops_lab.reports.question import Question

BUDGET = timedelta(days=28)
HOUR = timedelta(hours=1)
_HOURLY = """
select
    service,
    cast(floor((epoch_us(ended_at) - 1) / 3600000000.0) as bigint) + 1 as hour,
    sum(total - good) as bad,
    sum((1 - objective) * total) as budget
from service_levels
where ended_at > $since and ended_at <= $until and objective is not null
group by service, cast(floor((epoch_us(ended_at) - 1) / 3600000000.0) as bigint) + 1
"""


def budget(asked: Question) -> Any:
    """Draw how the error budget burned down over the 28 days to the window's end, with deployments and incidents."""
    rows = burned(asked)
    if rows.empty:
        return watched.missing(asked, "service_levels")
    return asked.marked(charts.burn_down(rows, events(asked), timezone=asked.timezone, t=asked.t))


def burn_rates(asked: Question) -> Any:
    """Draw the burn rates over one hour, six hours and three days; nothing where there are no service levels."""
    rows = rates(asked)
    if rows.empty:
        return paragraph(asked.t("Without service levels there is no burn rate."))
    return asked.marked(charts.burn_rates(rows, timezone=asked.timezone, t=asked.t))


def burned(asked: Question) -> pd.DataFrame:
    """Return, per service and hour, what was left of the budget: 1 − bad events so far ÷ the 28 days' budget.

    The last hour's value is that of ``error_budget_remaining``.
    """
    rows = _levels(asked, BUDGET)
    whole = rows.groupby("service")["budget"].transform("sum")
    rows = rows[whole.gt(0)]
    bad = rows.groupby("service")["bad"].cumsum()
    return rows.assign(left=1 - bad / whole[whole.gt(0)])[["service", "hour_end", "left"]].reset_index(drop=True)


def rates(asked: Question) -> pd.DataFrame:
    """Return, per span and hour, the burn rate of the service that burned fastest: span, hour_end, rate, service."""
    rows = _levels(asked, BUDGET + timedelta(hours=SPANS["3d"][0]))
    if rows.empty:
        return pd.DataFrame(columns=["span", "hour_end", "rate", "service"])
    hours = pd.date_range(rows["hour_end"].min(), rows["hour_end"].max(), freq="h")
    found = []
    for span, (length, _) in SPANS.items():
        sums = {
            name: rows.pivot(index="hour_end", columns="service", values=name)
            .reindex(hours)
            .rolling(length, min_periods=1)
            .sum()
            for name in ("bad", "budget")
        }
        rate = (sums["bad"] / sums["budget"].where(sums["budget"].gt(0))).dropna(how="all")
        rate = rate[rate.index > pd.Timestamp(asked.window[1] - BUDGET)]
        highest = rate.max(axis=1)
        found.append(
            pd.DataFrame({"span": span, "hour_end": rate.index, "rate": highest.to_numpy(), "service": _fastest(rate)})
        )
    return pd.concat(found, ignore_index=True)


def events(asked: Question) -> pd.DataFrame:
    """Return deployments and incidents of the 28 days: service, occurred_at, ended_at, kind, title."""
    start, end = asked.window[1] - BUDGET, asked.window[1]
    named = ["service", "occurred_at", "ended_at", "kind", "title"]
    deployed = asked.store.query(
        "select d.service, d.id, d.finished_at as occurred_at, d.ref as title, "
        "case when f.deployment_id is null then 'deployed' else 'failed' end as kind "
        "from deployments d left join (select distinct service, deployment_id from failures where excluded is null) f "
        "on f.service = d.service and f.deployment_id = d.id "
        "where d.result = 'success' and d.excluded is null",
        as_of=asked.as_of,
    ).assign(ended_at=pd.NaT)
    incidents = asked.store.query(
        "select service, started_at as occurred_at, resolved_at as ended_at, 'incident' as kind, title "
        "from incidents where duplicate_of is null",
        as_of=asked.as_of,
    )
    both = [frame[named].astype({"ended_at": "datetime64[us]"}) for frame in (deployed, incidents)]
    rows = pd.concat(both, ignore_index=True)
    rows = rows[rows["service"].isin(asked.services["service"])]
    held = (rows["occurred_at"] > pd.Timestamp(start)) & (rows["occurred_at"] <= pd.Timestamp(end))
    rows = rows[held].sort_values("occurred_at", ignore_index=True)
    return rows.assign(ended_at=rows["ended_at"].clip(upper=pd.Timestamp(end)))


def latency(asked: Question) -> Any:
    """Draw p50, p95 and p99 of latency per period; without Prometheus say how to add it."""
    whole = asked.answer("latency")
    if not len(whole) or not whole["value"].notna().any():
        return watched.missing(asked, "latency_buckets")
    figure = charts.latency_lines(phases.over(asked, "latency"), whole, timezone=asked.timezone, t=asked.t)
    return asked.marked(figure)


def alerts(asked: Question) -> Any:
    """Draw alerts by the hour of the day, those under five minutes apart; without Prometheus say how to add them."""
    rows = asked.observations("alert_noise")
    if rows.empty and not watched.asked_for(asked, "alerts"):
        return watched.missing(asked, "alerts")
    return charts.alerts_by_hour(rows, timezone=asked.timezone, t=asked.t)


def incidents(asked: Question) -> Piece:
    """Return the window's incidents, the longest first: what each says, when it began, how long it lasted."""
    rows, t = phases.counted(asked, "incident_duration"), asked.t
    if rows.empty:
        return paragraph(t("No incident is known in this window."), "")
    columns = [
        Column(t("Incident"), lambda row: shortened(row["title"], 70) or short(row["id"]), lambda row: row["url"]),
        Column(t("Severity"), lambda row: shortened(row["severity"], 20)),
        Column(t("Began"), lambda row: words.moment(row["started_at"], asked.timezone)),
        Column(t("Lasted"), lambda row: _lasted(row, asked), numeric=True),
    ]
    if not rows["severity"].notna().any():
        columns.pop(1)
    if len(asked.services) > 1:
        columns.insert(0, Column(t("Service"), lambda row: row["service"]))
    rows = rows.sort_values(["value", "id"], ascending=[False, True])
    return table(rows.to_dict("records"), columns, rest=t("in the store's table incidents"))


def steps(asked: Question) -> list[Step]:
    """Return what to look at next: the service with least budget, deployments that made it worse, noise, incidents."""
    return [*_least_budget(asked), *verdicts.worse(asked), *_noisiest(asked), *_longest(asked)]


def _levels(asked: Question, span: timedelta) -> pd.DataFrame:
    """Return bad events and budget per service and hour of the time that ends with the window."""
    end: datetime = asked.window[1]
    rows = asked.store.query(_HOURLY, as_of=asked.as_of, since=end - span, until=end)
    rows = rows[rows["service"].isin(asked.services["service"])]
    ends = pd.to_datetime(rows["hour"].astype("int64") * 3600, unit="s").clip(upper=pd.Timestamp(end).ceil("h"))
    rows = rows.assign(hour_end=ends.astype("datetime64[us]"))
    return rows.sort_values(["service", "hour_end"], ignore_index=True)


def _fastest(rate: pd.DataFrame) -> Any:
    names = np.asarray(rate.columns)
    return names[np.nan_to_num(rate.to_numpy(dtype=float), nan=-1.0).argmax(axis=1)] if len(rate) else []


def _lasted(row: Any, asked: Question) -> str:
    said = asked.t.hours(float(row["value"]))
    return asked.t("{time}, still open", time=said) if row["censored"] else said


def _least_budget(asked: Question) -> list[Step]:
    rows, t = burned(asked), asked.t
    if rows.empty:
        return []
    left = rows.groupby("service")["left"].last()
    name, least = str(left.idxmin()), float(left.min())
    if least <= 0:
        said = t("{service} has spent its error budget of 28 days: reliability first, then features.", service=name)
        return [Step(said)]
    if least < 0.25:
        share = t.number(words.share(least))
        return [Step(t("{service} has {share} of its error budget left: deploy with care.", service=name, share=share))]
    return []


def _noisiest(asked: Question) -> list[Step]:
    rows, t = phases.counted(asked, "alert_noise"), asked.t
    if "title" not in rows or rows["value"].sum() < words.TOO_FEW:
        return []
    noise = rows[rows["value"].gt(0)].groupby(["service", "title"]).size()
    service, name = noise.idxmax()
    said = t(
        "{alert} of {service} was over within five minutes {count} times: give it a longer `for`, or take it away.",
        alert=shortened(name, 60),
        service=service,
        count=t.number(words.whole(int(noise.max()))),
    )
    return [Step(said)]


def _longest(asked: Question) -> list[Step]:
    rows, t = phases.counted(asked, "incident_duration"), asked.t
    if len(rows) < 2:
        return []
    row = rows.loc[rows["value"].idxmax()]
    said = t("The longest incident lasted {time}:", time=t.hours(float(row["value"])))
    return [Step(said, shortened(row["title"], 60) or short(row["id"]), row["url"])]
