"""The error budget: how it burned down over the 28 days of the objective, with deployments and incidents as marks."""

from __future__ import annotations

import html
from datetime import datetime
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import time_axis
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.charts.keys import key
from devops_lab.language import Language, of

_COLOURS = [one for one in style.GROUPS if one not in ("#56B4E9", style.FAILURE, style.CONTEXT)]
MOST_LINES = len(_COLOURS)  # without the twin of the accent in the dark, and without that of failure
LOWEST = -2.0  # of the budget: a line that falls below leaves the figure
_LANES = {"deployed": ("line-ns", style.ACCENT), "failed": ("x", style.FAILURE), "incident": ("square", style.FAILURE)}


def burn_down(
    burned: pd.DataFrame, events: pd.DataFrame, *, timezone: str = "UTC", t: Language | None = None
) -> go.Figure:
    """Draw how much of the error budget was left, hour by hour, a line per service; events are marks below.

    `burned` has one row per service and hour: service, hour_end (UTC) and left (1: untouched; 0: spent).  `events` has
    service, occurred_at (UTC), kind (deployed, failed or incident), ended_at (incidents) and title.
    """
    t = t or of()
    if burned.empty:
        reason = t("No service level with an objective is known in these 28 days.")
        return nothing("error_budget_remaining", reason, t("No error budget to draw"))
    ends = burned.sort_values("hour_end").groupby("service")["left"].last().sort_values(kind="stable")
    named = list(ends.index[:MOST_LINES])
    figure = go.Figure(layout={"margin": {"r": 8 if len(ends) == 1 else 96}})
    start, end = shift(burned["hour_end"].min(), timezone), shift(burned["hour_end"].max(), timezone)
    _even(figure, start, end)
    for name in [*[other for other in ends.index if other not in named], *reversed(named)]:
        colour = style.ACCENT if len(ends) == 1 else _colour(named, name)
        _budget_line(figure, burned[burned["service"] == name], str(name), colour, timezone)
    if len(ends) > 1:
        _name_ends(figure, ends, named, end, apart=0.06 * (1.1 - min(float(burned["left"].min()), 0.0)))
    lowest, highest = float(burned["left"].min()), float(burned["left"].max())
    bottom = max(min(lowest, 0.0), LOWEST)
    lanes = _events(figure, events, timezone, t)
    figure.update_yaxes(
        domain=[0.11 * lanes, 1], rangemode="normal", tickformat=".0%", nticks=6,
        range=[bottom - 0.05, max(1.04, min(highest, 1.2))],
    )  # fmt: skip
    figure.update_layout(yaxis2={"domain": [0, 0.11 * lanes or 0.01], "visible": False, "range": [-lanes + 0.4, 0.6]})
    if bottom < 0:
        figure.add_shape(
            type="line", xref="paper", x0=0, x1=1, y0=0, y1=0, line={"color": style.FAILURE, "width": 1, "dash": "dot"}
        )
    figure.update_layout(xaxis={"anchor": "y2" if lanes else "y"})
    time_axis(figure, start, end)
    height = 300 + 34 * lanes
    key(figure, _event_key(events, t), height)
    explained = [t("Share of the error budget of 28 days that is left, hour by hour")]
    explained += [t("dotted: spent evenly")]
    explained += [t("grey: services with more left")] if len(ends) > MOST_LINES else []
    return finish(figure, _budget_title(ends, t), " · ".join(explained), "", height=height)


def _colour(named: list[Any], name: Any) -> str:
    return _COLOURS[named.index(name)] if name in named else style.CONTEXT


def _even(figure: go.Figure, start: datetime, end: datetime) -> None:
    figure.add_trace(
        go.Scatter(
            x=[start, end], y=[1, 0], mode="lines", line={"color": style.CONTEXT, "width": 1, "dash": "dot"},
            hoverinfo="skip",
        )
    )  # fmt: skip


def _budget_line(figure: go.Figure, rows: pd.DataFrame, name: str, colour: str, timezone: str) -> None:
    rows = rows.sort_values("hour_end")
    figure.add_trace(
        go.Scatter(
            x=[shift(at, timezone) for at in rows["hour_end"]],
            y=[float(left) for left in rows["left"]],
            mode="lines",
            line={"color": colour, "width": 2.2, "shape": "hv"},
            text=[
                f"<b>{html.escape(name[:40])}: {words.share(float(left))}</b><br>{words.moment(at, timezone)}"
                for left, at in zip(rows["left"], rows["hour_end"], strict=True)
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _name_ends(figure: go.Figure, ends: pd.Series, named: list[Any], end: datetime, apart: float) -> None:
    """Write each service's name behind its line, kept apart from its neighbours."""
    before = -9.0
    for name in sorted(named, key=lambda one: float(ends[one])):
        place = max(float(ends[name]), before + apart, LOWEST)
        before = place
        figure.add_annotation(
            x=end, y=place, text=html.escape(str(name)[:14]), showarrow=False, xanchor="left", xshift=6,
            font={"color": _colour(named, name), "size": 12},
        )  # fmt: skip


def _events(figure: go.Figure, events: pd.DataFrame, timezone: str, t: Language) -> int:
    """Draw the events in one or two lanes below the budget; return how many lanes there are."""
    lanes = 0
    for kinds in (("deployed", "failed"), ("incident",)):
        rows = events[events["kind"].isin(kinds)]
        if rows.empty:
            continue
        for kind in kinds:
            _event_marks(figure, rows[rows["kind"] == kind], kind, -lanes, timezone)
        lanes += 1
    return lanes


def _event_marks(figure: go.Figure, rows: pd.DataFrame, kind: str, place: int, timezone: str) -> None:
    symbol, colour = _LANES[kind]
    if kind == "incident":
        ended = rows[rows["ended_at"].notna()].to_dict("records")
        ends = [(shift(row["occurred_at"], timezone), shift(row["ended_at"], timezone), None) for row in ended]
        figure.add_trace(
            go.Scatter(
                x=[at for bar in ends for at in bar], y=[place, place, None] * len(ends), yaxis="y2", mode="lines",
                line={"color": colour, "width": 4}, hoverinfo="skip",
            )
        )  # fmt: skip
    records = rows.to_dict("records")
    figure.add_trace(
        go.Scatter(
            x=[shift(row["occurred_at"], timezone) for row in records],
            y=[place] * len(records),
            yaxis="y2",
            mode="markers",
            marker={
                "symbol": symbol,
                "size": 12 if symbol == "line-ns" else 8,
                "color": colour,
                "line": {"width": 2 if symbol == "line-ns" else 0, "color": colour},
            },
            text=[
                f"<b>{html.escape(str(row['title'])[:60])}</b><br>{html.escape(str(row['service']))}<br>"
                + words.moment(row["occurred_at"], timezone)
                for row in records
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _event_key(events: pd.DataFrame, t: Language) -> list[tuple[str, str, str]]:
    said = {
        "deployed": ("❘", style.ACCENT, t("deployed")),
        "failed": ("✖", style.FAILURE, t("deployed, failed")),
        "incident": ("■", style.FAILURE, t("incident")),
    }
    there = set(events["kind"])
    return [part for kind, part in said.items() if kind in there]


def _budget_title(ends: pd.Series, t: Language) -> str:
    if len(ends) == 1:
        left = float(ends.iloc[0])
        if left <= 0:
            return t("The error budget is spent: {share} over it", share=t.number(words.share(-left)))
        return t("{share} of the error budget is left", share=t.number(words.share(left)))
    spent = int((ends <= 0).sum())
    if spent:
        return t.many(
            "{count} of {all} services has spent its error budget",
            "{count} of {all} services have spent their error budget",
            spent,
            all=t.number(words.whole(len(ends))),
        )
    return t(
        "No service has spent its error budget; {service} has least left, {share}",
        service=html.escape(str(ends.index[0])),
        share=t.number(words.share(float(ends.iloc[0]))),
    )
