"""The gate after a deployment: the share of bad requests step by step, before, while it was rolled out, and after."""

from __future__ import annotations

from datetime import datetime, timedelta

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import time_axis, value_axis
from devops_lab.charts.figures import finish, nothing, shift

AFTER, BEFORE = "after", "before"
LATE = 0.6  # of the axis: beyond, a label stands left of its place
SECONDS_SHOWN = timedelta(minutes=10)


def gate_levels(
    steps: pd.DataFrame, rollout: tuple[datetime, datetime], title: str, subtitle: str, *,
    limit: float | None = None, failed: bool = False, timezone: str = "UTC",
) -> go.Figure:  # fmt: skip
    """Draw the share of bad requests of each step, with the rollout as a band.

    `steps` has one row per step with requests: ended_at (UTC), share, requests, part ("before", "rollout", "after").
    `limit` is the share from which on the gate fails; `failed` draws the time after it in the colour of failures.
    """
    if steps.empty:
        return nothing("gate", "Prometheus knows no request in this time", title)
    figure = go.Figure()
    start, end = (shift(instant, timezone) for instant in rollout)
    figure.add_shape(
        type="rect", xref="x", yref="paper", x0=start, x1=end, y0=0, y1=1, fillcolor=style.UNKNOWN, line_width=0,
        layer="below",
    )  # fmt: skip
    shown = steps.assign(at=[shift(instant, timezone) for instant in steps["ended_at"]])
    first, last = min(shown["at"].min(), start), max(shown["at"].max(), end)
    late = (end - first) > LATE * (last - first)
    figure.add_annotation(
        x=start if late else end, y=1, yref="paper", text="deployed", showarrow=False, font_size=12, yanchor="top",
        xanchor="right" if late else "left", xshift=-6 if late else 6,
    )  # fmt: skip
    for part, rows in shown.groupby("part", sort=False):
        bad = failed and part == AFTER
        colour = style.FAILURE if bad else style.ACCENT if part == AFTER else style.CONTEXT
        said = [
            f"{words.share(row.share)} of {words.plural(round(row.requests), 'request')}, until {row.at:%H:%M:%S}"
            for row in rows.itertuples()
        ]
        figure.add_scatter(
            x=list(rows["at"]), y=[100 * share for share in rows["share"]], mode="lines+markers", name=str(part),
            line={"color": colour, "width": 2}, text=said, hovertemplate="%{text}<extra></extra>",
            marker={"color": colour, "size": 7, "symbol": "diamond" if bad else "circle"}, cliponaxis=False,
        )  # fmt: skip
    if limit is not None:
        figure.add_hline(y=100 * limit, line={"color": style.INK, "width": 1, "dash": "dot"})
        figure.add_annotation(
            x=0, xref="paper", y=100 * limit, text="fails from here on", showarrow=False, xanchor="left",
            yanchor="bottom", font_size=12,
        )  # fmt: skip
    drawn = [steps["share"], pd.Series([limit or 0.0])]
    value_axis(figure, drawn, "share")
    margin = (last - first) / 50
    time_axis(figure, first - margin, last + margin)
    if last - first < SECONDS_SHOWN:
        figure.update_xaxes(tickformat="%H:%M:%S", nticks=5)
    figure.update_layout(margin={"r": 24})
    return finish(figure, title, subtitle, "", height=260)
