"""The page of the operate phase: how full the resources are, restarts and error lines, open security alerts."""

from __future__ import annotations

from typing import Any

import pandas as pd

from devops_lab import charts, words
from devops_lab.charts.heat import FULL
from devops_lab.charts.vulnerabilities import GRAVE, OLD, SEVERITIES
from devops_lab.reports import phases, watched
from devops_lab.reports.page import Column, Piece, paragraph, shortened, table
from devops_lab.reports.phases import Step
from devops_lab.reports.question import Question

HOUR = 3_600_000_000  # microseconds
_HOURLY = """
select
    service,
    resource,
    cast(floor(epoch_us(occurred_at) / 3600000000.0) as bigint) as hour,
    max(used_share) as highest
from resource_usage
where occurred_at >= $since and occurred_at < $until
group by service, resource, cast(floor(epoch_us(occurred_at) / 3600000000.0) as bigint)
"""


def usage(asked: Question) -> pd.DataFrame:
    """Return, per service, resource and hour of the window, the highest share of the limit that was used."""
    start, end = asked.window
    rows = asked.store.query(_HOURLY, as_of=asked.as_of, since=start, until=end)
    rows = rows[rows["service"].isin(asked.services["service"])]
    hours = pd.to_datetime(rows["hour"].astype("int64") * HOUR // 1000, unit="ms")
    return rows.assign(hour=hours).sort_values(["service", "resource", "hour"], ignore_index=True)


def saturation(asked: Question) -> Any:
    """Draw how full the resources were by hour and day; without Prometheus say how to add it."""
    rows = usage(asked)
    if rows.empty:
        return watched.missing(asked, "resource_usage")
    return charts.saturation_by_hour(rows, timezone=asked.timezone, t=asked.t)


def room(asked: Question) -> Piece:
    """Return what was left of each limit at its tightest hour, the tightest first."""
    rows, t = usage(asked), asked.t
    if rows.empty:
        return paragraph(t("No limit is known, so nothing can be said about what is left."))
    tightest = rows.loc[rows.groupby(["service", "resource"])["highest"].idxmax()]
    over = rows[rows["highest"].gt(FULL)].groupby(["service", "resource"]).size().rename("over")
    tightest = tightest.join(over, on=["service", "resource"]).fillna({"over": 0})
    tightest = tightest.sort_values(["highest", "service"], ascending=[False, True])
    columns = [
        Column(t("Service"), lambda row: shortened(row["service"], 40)),
        Column(t("Resource"), lambda row: shortened(row["resource"], 40)),
        Column(t("Tightest"), lambda row: words.moment(row["hour"], asked.timezone)),
        Column(
            t("Hours over {share}", share=t.number(words.share(FULL))),
            lambda row: t.number(words.whole(row["over"])),
            numeric=True,
        ),
        Column(t("Used"), lambda row: t.number(words.share(row["highest"])), numeric=True),
        Column(t("Left"), lambda row: t.number(words.share(1 - row["highest"])), numeric=True),
    ]
    return table(tightest.to_dict("records"), columns, rest=t("in the store's table resource_usage"))


def troubles(asked: Question) -> Any:
    """Draw restarts and error lines per period; without Prometheus say how to add them."""
    both = [phases.over(asked, name) for name in ("restart_rate", "log_error_rate")]
    if not any(frame["value"].notna().any() for frame in both):
        return watched.missing(asked, "restarts")
    return asked.marked(charts.restarts_and_errors(both[0], both[1], timezone=asked.timezone, t=asked.t))


def vulnerabilities(asked: Question) -> Any:
    """Draw the security alerts open at the window's end by severity and age; where nothing is known say why."""
    rows = still_open(asked)
    if rows.empty and not _security_known(asked):
        return watched.missing(asked, "security_alerts")
    return charts.open_vulnerabilities(rows, t=asked.t)


def still_open(asked: Question) -> pd.DataFrame:
    """Return the security alerts that are open at the window's end, the gravest and then the oldest first."""
    rows = phases.counted(asked, "vulnerability_age")
    for column in ("severity", "title"):
        if column not in rows:
            rows[column] = None
    rank = {name: place for place, name in enumerate(SEVERITIES)}
    rows = rows.assign(rank=rows["severity"].map(rank).fillna(len(rank)), value=rows["value"].astype(float))
    return rows.sort_values(["rank", "value", "id"], ascending=[True, False, True], ignore_index=True)


def oldest(asked: Question) -> Piece:
    """Return the open security alerts as a table, the gravest and then the oldest first."""
    rows, t = still_open(asked), asked.t
    if rows.empty:
        return paragraph(t("No security alert is open.") if _security_known(asked) else "", "")
    columns = [
        Column(t("Alert"), lambda row: shortened(row["title"], 60) or str(row["id"]), lambda row: row["url"]),
        Column(t("Severity"), lambda row: t(str(row["severity"] or "not said"))),
        Column(t("Open since"), lambda row: t.day(row["started_at"], asked.timezone)),
        Column(t("Age"), lambda row: t.hours(row["value"] * 24), numeric=True),
    ]
    if len(asked.services) > 1:
        columns.insert(1, Column(t("Service"), lambda row: row["service"]))
    return table(rows.to_dict("records"), columns, rest=t("in the store's table security_alerts"))


def steps(asked: Question) -> list[Step]:
    """Return what to look at next: the oldest grave alert, the fullest resource, who restarts most."""
    return [*_grave(asked), *_fullest(asked), *_restarting(asked)]


def _security_known(asked: Question) -> bool:
    """Say whether any sync was allowed to read security alerts of these repositories."""
    covered = asked.store.sql(
        "select distinct repository from sync_ledger where table_name = 'security_alerts' and refused is null"
    )
    return bool(set(covered["repository"]) & set(asked.services["repository"]))


def _grave(asked: Question) -> list[Step]:
    rows, t = still_open(asked), asked.t
    rows = rows[rows["severity"].isin(GRAVE) & rows["value"].gt(OLD)]
    if rows.empty:
        return []
    row = rows.loc[rows["value"].idxmax()]
    said = t(
        "The oldest grave security alert ({severity}) has been open for {age}:",
        severity=t(str(row["severity"])),
        age=t.hours(row["value"] * 24),
    )
    return [Step(said, shortened(row["title"], 60) or str(row["id"]), row["url"])]


def _fullest(asked: Question) -> list[Step]:
    rows, t = usage(asked), asked.t
    if rows.empty or rows["highest"].max() <= FULL:
        return []
    hours = rows[rows["highest"].gt(FULL)].groupby(["service", "resource"]).size()
    service, resource = hours.idxmax()
    said = t(
        "{service} used over {limit} of its {resource} in {hours}: raise the limit, or find what fills it.",
        resource=resource,
        service=service,
        limit=t.number(words.share(FULL)),
        hours=t.many("{count} hour", "{count} hours", int(hours.max())),
    )
    return [Step(said)]


def _restarting(asked: Question) -> list[Step]:
    rows, t = phases.counted(asked, "restart_rate"), asked.t
    counts = rows.groupby("service")["value"].sum()
    if counts.empty or counts.max() < words.TOO_FEW:
        return []
    said = t(
        "{service} restarted {count} times in this window; its logs before each restart say why.",
        service=counts.idxmax(),
        count=t.number(words.whole(round(float(counts.max())))),
    )
    return [Step(said)]
