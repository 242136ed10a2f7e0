"""Open security alerts: each a mark at its age, in the row of its severity."""

from __future__ import annotations

import html

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.figures import finish, nothing
from devops_lab.charts.keys import key
from devops_lab.language import Language, marked, of

SEVERITIES = (marked("critical"), marked("high"), marked("medium"), marked("low"))
OLD = 30.0  # days
GRAVE = ("critical", "high")
_ROW = 44


def open_vulnerabilities(alerts: pd.DataFrame, *, t: Language | None = None) -> go.Figure:
    """Draw each open security alert at its age in days, a row per severity, the gravest on top.

    `alerts` has one row per alert: severity, value (days open), id, title (the package or rule).  Grave ones that are
    older than 30 days are crosses in the colour of failure.
    """
    t = t or of()
    if alerts.empty:
        return nothing("vulnerabilities", t("No security alert is open."), t("No open security alert"))
    severity = alerts["severity"].fillna("").astype(str).replace("", t("not said"))
    lanes = [name for name in SEVERITIES if (severity == name).any()]
    lanes += sorted(set(severity) - set(SEVERITIES))
    figure = go.Figure()
    grave = severity.isin(GRAVE) & alerts["value"].gt(OLD)
    for chosen, symbol, colour in ((~grave, "circle", style.ACCENT), (grave, "x", style.FAILURE)):
        rows = alerts[chosen]
        if rows.empty:
            continue
        figure.add_trace(
            go.Scatter(
                x=[float(value) for value in rows["value"]],
                y=[-lanes.index(name) for name in severity[chosen]],
                mode="markers",
                marker={"size": 11, "symbol": symbol, "color": colour, "opacity": 0.75},
                text=[
                    f"<b>{html.escape(str(row['title'] or row['id'])[:60])}</b><br>{html.escape(t(name))}<br>"
                    + t.hours(float(row["value"]) * 24)
                    for row, name in zip(rows.to_dict("records"), severity[chosen], strict=True)
                ],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    for place, name in enumerate(lanes):
        count = int((severity == name).sum())
        figure.add_annotation(
            x=0, xref="paper", y=0.36 - place, text=f"{html.escape(t(name))} · {words.whole(count)}", showarrow=False,
            xanchor="left", yanchor="middle", font_size=12,
        )  # fmt: skip
    figure.update_yaxes(range=[-len(lanes) + 0.5, 0.6], rangemode="normal", showticklabels=False, showgrid=False)
    highest = float(alerts["value"].max())
    figure.update_xaxes(showgrid=True, range=[-highest * 0.015, highest * 1.06], rangemode="normal", nticks=7)
    bottom, top = -len(lanes) + 0.5, 0.6
    figure.add_shape(type="line", x0=OLD, x1=OLD, y0=bottom, y1=top, line={"color": style.GRID, "width": 2})
    oldest = t.hours(highest * 24)
    title = (
        t(
            "{count} critical or high alerts are open for more than 30 days; the oldest alert is {age} old",
            count=t.number(words.whole(int(grave.sum()))),
            age=oldest,
        )
        if grave.sum() > 1
        else t(
            "Open security alerts: {count}; the oldest is {age} old",
            count=t.number(words.whole(len(alerts))),
            age=oldest,
        )
    )
    subtitle = t("Security alerts open at the end of the window by their age in days")
    height = 70 + _ROW * len(lanes)
    key(figure, [("✖", style.FAILURE, t("critical or high, and older than 30 days"))] if grave.any() else [], height)
    return finish(figure, title, subtitle, "", height=height)
