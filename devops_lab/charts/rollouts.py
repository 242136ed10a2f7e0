"""Deployments one by one: how long each took, and which did not get there or took the service back."""

from __future__ import annotations

import html

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import time_axis
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.charts.keys import key, spoken
from devops_lab.language import Language, of

MANY = 40  # deployments: from so many on the rarest times are drawn at the edge
RARE = 0.01
_LOOKS = {
    "success": ("circle", style.ACCENT),
    "failure": ("x", style.FAILURE),
    "rollback": ("triangle-left", style.UNPLANNED),
}


def rollout_durations(rows: pd.DataFrame, *, timezone: str = "UTC", t: Language | None = None) -> go.Figure:
    """Draw each deployment at its end and at the minutes it took; failed ones and rollbacks have marks of their own.

    `rows` has one row per deployment that ended: service, ended_at (UTC), minutes, kind (success, failure or rollback)
    and title.  The line is the median of those that succeeded, rollbacks among them.
    """
    t = t or of()
    if rows.empty:
        reason = t("No deployment of this window took a time that anybody measured.")
        return nothing("deployment_duration", reason, t("No duration to draw"))
    hours = rows["minutes"] / 60
    bulk = hours.clip(*hours.quantile([RARE, 1 - RARE])) if len(hours) >= MANY else hours
    arrived = hours[rows["kind"] != "failure"]
    figure = go.Figure()
    for kind, (symbol, colour) in _LOOKS.items():
        part = rows[rows["kind"] == kind]
        if part.empty:
            continue
        figure.add_trace(
            go.Scatter(
                x=[shift(at, timezone) for at in part["ended_at"]],
                y=[float(value) for value in bulk[part.index]],
                mode="markers",
                marker={"symbol": symbol, "size": 8 if kind == "success" else 10, "color": colour, "opacity": 0.8},
                text=[
                    f"<b>{html.escape(str(row['title'] or '')[:60])}</b><br>{html.escape(str(row['service']))}<br>"
                    f"{t.hours(float(row['minutes']) / 60)}<br>{words.moment(row['ended_at'], timezone)}"
                    for row in part.to_dict("records")
                ],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    figure.update_yaxes(**spoken(style.duration_axis(bulk.tolist()), t))
    first, last = shift(rows["ended_at"].min(), timezone), shift(rows["ended_at"].max(), timezone)
    edge = (last - first) * 0.02 + pd.Timedelta(hours=6).to_pytimedelta()
    time_axis(figure, first - edge, last + edge)
    if len(arrived):
        half = float(arrived.median())
        figure.add_shape(
            type="line", xref="paper", x0=0, x1=1, y0=half, y1=half, line={"color": style.CONTEXT, "width": 1.5}
        )
        slow = float(arrived.quantile(0.9))
        title = t("Half of the deployments take up to {half}, one in ten more than {slow}",
                  half=t.hours(half), slow=t.hours(slow))  # fmt: skip
    else:
        title = t("No deployment got to production in this window")
    said = [t("Deployments to production by the time they ended · up: how long each took · line: the median")]
    names = {"failure": ("✖", t("did not get there")), "rollback": ("◀", t("rollback"))}
    signs = [(sign, _LOOKS[kind][1], name) for kind, (sign, name) in names.items() if (rows["kind"] == kind).any()]
    key(figure, signs, 300)
    said += [t("logarithmic scale")] if figure.layout.yaxis.type == "log" else []
    return finish(figure, title, " · ".join(said), "", height=300)
