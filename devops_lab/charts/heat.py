"""Heat maps: deployments by weekday and hour, and how full the resources were by hour and day."""

from __future__ import annotations

import html
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import time_axis
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.charts.keys import key
from devops_lab.language import Language, marked, of

DAYS = (
    marked("Monday"), marked("Tuesday"), marked("Wednesday"), marked("Thursday"), marked("Friday"),
    marked("Saturday"), marked("Sunday"),
)  # fmt: skip
HOURS = 24
FULL = 0.8  # of the limit: from here on a resource is drawn in the colour of failure
MOST_ROWS = 24
MOST_GAPS = 45  # days: more of them leave no room for gaps on a phone
_BLUES = [[0.0, "rgba(0,114,178,0)"], [0.0001, "rgba(0,114,178,0.16)"], [1.0, "rgba(0,114,178,0.95)"]]
_FILL = [
    [0.0, "rgba(0,114,178,0.03)"],
    [FULL, "rgba(0,114,178,0.85)"],
    [FULL, "rgba(213,94,0,0.8)"],
    [1.0, "rgba(213,94,0,1)"],
]


def deployments_by_hour(rows: pd.DataFrame, *, timezone: str = "UTC", t: Language | None = None) -> go.Figure:
    """Draw how many deployments ended in each hour of the week; failed ones and rollbacks are marked in their cell.

    `rows` has one row per deployment that succeeded or failed: occurred_at (UTC), value (1 success, 0 failure,
    missing where its rule sees no failures) and is_rollback.
    """
    t = t or of()
    if rows.empty:
        return nothing("deployments", t("No deployment ended in this window."), t("No deployment in this window"))
    local = pd.DatetimeIndex([shift(at, timezone) for at in rows["occurred_at"]])
    cells = pd.DataFrame(
        {
            "day": local.day_of_week,
            "hour": local.hour,
            "failed": rows["value"].eq(0).to_numpy(),
            "judged": rows["value"].notna().to_numpy(),
            "rollback": rows["is_rollback"].fillna(False).astype(bool).to_numpy(),
        }
    )
    counts = cells.groupby(["day", "hour"]).size().unstack(fill_value=0)
    counts = counts.reindex(index=range(7), columns=range(HOURS), fill_value=0)
    bad = cells.groupby(["day", "hour"])[["failed", "rollback"]].sum()
    figure = go.Figure(
        go.Heatmap(
            x=list(range(HOURS)),
            y=[-day for day in range(7)],
            z=counts.to_numpy().tolist(),
            zmin=0,
            zmax=int(counts.to_numpy().max()),
            colorscale=_BLUES,
            showscale=False,
            xgap=2,
            ygap=2,
            text=[[_cell(t, day, hour, int(counts.loc[day, hour]), bad) for hour in range(HOURS)] for day in range(7)],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    for column, symbol, colour in (("failed", "x", style.FAILURE), ("rollback", "triangle-left", style.UNPLANNED)):
        places = [place for place, count in bad[column].items() if count]
        if places:
            figure.add_trace(_marks(places, symbol, colour))
    figure.update_yaxes(
        tickvals=[-day for day in range(7)], ticktext=[t(name)[:3] for name in DAYS], showgrid=False,
        range=[-6.55, 0.55], rangemode="normal",
    )  # fmt: skip
    ticks = list(range(0, HOURS, 3))
    figure.update_xaxes(tickvals=ticks, ticktext=[f"{hour:02d}:00" for hour in ticks], range=[-0.55, 23.55])
    signs = [("✖", style.FAILURE, t("did not get there"))] if cells["failed"].any() else []
    signs += [("◀", style.UNPLANNED, t("rollback"))] if cells["rollback"].any() else []
    key(figure, signs, 290)
    subtitle = t("Deployments to production by weekday and hour ({timezone}); stronger colour: more", timezone=timezone)
    return finish(figure, _week_title(cells, t), subtitle, "", height=290)


def saturation_by_hour(usage: pd.DataFrame, *, timezone: str = "UTC", t: Language | None = None) -> go.Figure:
    """Draw how full resources were: for one service a row per hour of the day, for several a row per resource.

    `usage` has one row per service, resource and hour: service, resource, hour (UTC, the hour's start) and highest (the
    highest share of the limit that was used in it; 1 is full).  Columns are days.
    """
    t = t or of()
    if usage.empty:
        return nothing("saturation", t("Nothing is known about resources in this window."), t("No saturation known"))
    rows = usage.assign(local=[shift(at, timezone) for at in usage["hour"]])
    rows["day"] = pd.DatetimeIndex(rows["local"]).normalize()
    several = rows["service"].nunique() > 1
    figure = go.Figure()
    height = _by_resource(figure, rows) if several else _by_hour(figure, rows)
    first, last = rows["day"].min().to_pydatetime(), rows["day"].max().to_pydatetime() + timedelta(days=1)
    time_axis(figure, first, last)
    what = (
        t("The highest share of the limit that was used on each day, per service and resource")
        if several
        else t("The highest share of the limit that was used in each hour (down) of each day (across)")
    )
    over = t("over {share}", share=t.number(words.share(FULL)))
    key(figure, [("■", style.ACCENT, t("stronger colour: fuller")), ("■", style.FAILURE, over)], height)
    return finish(figure, _full_title(rows, t), what, "", height=height)


def _marks(places: list[Any], symbol: str, colour: str) -> go.Scatter:
    return go.Scatter(
        x=[hour for _, hour in places],
        y=[-day for day, _ in places],
        mode="markers",
        marker={
            "symbol": symbol,
            "size": 9,
            "color": colour,
            "line": {"width": 1, "color": "rgba(255,255,255,0.9)"},
        },
        hoverinfo="skip",
    )


def _cell(t: Language, day: int, hour: int, count: int, bad: pd.DataFrame) -> str:
    lines = [
        f"<b>{t(DAYS[day])} {hour:02d}–{hour + 1:02d}</b>",
        t.many("{count} deployment", "{count} deployments", count),
    ]
    if (day, hour) in bad.index:
        failed, back = int(bad.loc[(day, hour), "failed"]), int(bad.loc[(day, hour), "rollback"])
        lines += [t.many("{count} failed", "{count} failed", failed)] if failed else []
        lines += [t.many("{count} rollback", "{count} rollbacks", back)] if back else []
    return "<br>".join(lines)


def _week_title(cells: pd.DataFrame, t: Language) -> str:
    total = len(cells)
    if total < words.TOO_FEW:
        return t.many("{count} deployment in this window", "{count} deployments in this window", total)
    office = (cells["day"] < 5) & cells["hour"].between(9, 16)
    said = t.number(words.share(float(office.mean())))
    judged = cells[cells["judged"]]
    if judged.empty:
        return t("{share} of the deployments end on a weekday between 9:00 and 17:00", share=said)
    if not judged["failed"].any():
        return t("{share} of the deployments end on a weekday between 9:00 and 17:00; none failed", share=said)
    return t(
        "{share} of the deployments end on a weekday between 9:00 and 17:00; {failed} of {total} failed",
        share=said,
        failed=t.number(words.whole(int(judged["failed"].sum()))),
        total=t.number(words.whole(len(judged))),
    )


def _by_resource(figure: go.Figure, rows: pd.DataFrame) -> int:
    """Draw a row per service and resource; the fullest ones where there are too many."""
    grid = rows.groupby(["service", "resource", "day"])["highest"].max().unstack("day")
    grid = _whole_days(grid)
    if len(grid) > MOST_ROWS:
        grid = grid.loc[grid.max(axis=1).sort_values(ascending=False).index[:MOST_ROWS]]
    grid = grid.sort_index(level=["resource", "service"])
    names = [
        f"{html.escape(str(service)[:18])} · {html.escape(str(resource)[:10])}" for service, resource in grid.index
    ]
    figure.add_trace(_filled(grid, [-place for place in range(len(grid))], names))
    figure.update_yaxes(
        tickvals=[-place for place in range(len(grid))], ticktext=names, showgrid=False, rangemode="normal",
        range=[-len(grid) + 0.45, 0.55],
    )  # fmt: skip
    return 40 + 24 * len(grid)


def _by_hour(figure: go.Figure, rows: pd.DataFrame) -> int:
    """Draw a panel per resource: the hours of the day below each other."""
    resources = sorted(set(rows["resource"]))[:4]
    gap = HOURS + 5
    ticks: list[int] = []
    said: list[str] = []
    for place, resource in enumerate(resources):
        part = rows[rows["resource"] == resource]
        hours = pd.DatetimeIndex(part["local"]).hour
        grid = part.assign(clock=hours).groupby(["clock", "day"])["highest"].max().unstack("day")
        grid = _whole_days(grid).reindex(range(HOURS))
        places = [-(place * gap + hour) for hour in range(HOURS)]
        names = [f"{html.escape(str(resource))} {hour:02d}–{hour + 1:02d}" for hour in range(HOURS)]
        figure.add_trace(_filled(grid, places, names))
        ticks += [places[hour] for hour in (0, 6, 12, 18)]
        said += [f"{hour:02d}:00" for hour in (0, 6, 12, 18)]
        figure.add_annotation(
            x=0, xref="paper", y=-(place * gap) + 2.4, text=html.escape(str(resource)), showarrow=False, xanchor="left",
            yanchor="middle", font_size=12,
        )  # fmt: skip
    figure.update_yaxes(
        tickvals=ticks, ticktext=said, showgrid=False, range=[-(len(resources) * gap) + 5, 4], rangemode="normal"
    )
    return 30 + 150 * len(resources)


def _whole_days(grid: pd.DataFrame) -> pd.DataFrame:
    """Return the grid with a column for each day between the first and the last: what is not known is a gap."""
    return grid.reindex(columns=pd.date_range(grid.columns.min(), grid.columns.max(), freq="D"))


def _filled(grid: pd.DataFrame, places: list[int], names: list[str]) -> go.Heatmap:
    middles = [day.to_pydatetime() + timedelta(hours=12) for day in grid.columns]
    return go.Heatmap(
        x=middles,
        y=places,
        z=[[None if words.missing(value) else min(float(value), 1.0) for value in row] for row in grid.to_numpy()],
        zmin=0,
        zmax=1,
        colorscale=_FILL,
        showscale=False,
        xgap=1 if len(middles) <= MOST_GAPS else 0,
        ygap=1 if len(places) < HOURS else 0,
        text=[
            [_said(name, day.to_pydatetime(), value) for day, value in zip(grid.columns, row, strict=True)]
            for name, row in zip(names, grid.to_numpy(), strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
        hoverongaps=False,
    )


def _said(name: str, day: datetime, value: Any) -> str:
    return "" if words.missing(value) else f"<b>{words.share(float(value))}</b><br>{name}<br>{words.day(day)}"


def _full_title(rows: pd.DataFrame, t: Language) -> str:
    highest = rows.loc[rows["highest"].idxmax()]
    over = rows[rows["highest"] > FULL].groupby(["service", "resource"])["day"].nunique()
    share = t.number(words.share(FULL))
    if over.empty:
        return t(
            "No resource was ever over {limit} of its limit; the fullest was {resource} of {service} with {share}",
            limit=share,
            resource=html.escape(str(highest["resource"])),
            service=html.escape(str(highest["service"])),
            share=t.number(words.share(float(highest["highest"]))),
        )
    service, resource = over.sort_values(ascending=False).index[0]
    return t(
        "{service} used over {limit} of its {resource} on {days}",
        resource=html.escape(str(resource)),
        service=html.escape(str(service)),
        limit=share,
        days=t.many("{count} day", "{count} days", int(over.max())),
    )
