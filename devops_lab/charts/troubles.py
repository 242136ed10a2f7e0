"""Restarts and error lines over time, a strip each, on one axis of time."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import time_axis
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.language import Language, of


def restarts_and_errors(
    restarts: pd.DataFrame, errors: pd.DataFrame, *, timezone: str = "UTC", t: Language | None = None
) -> go.Figure:
    """Draw restarts a day above, error lines an hour below, per period; what is not known is a gap.

    Both are long frames: those of ``metrics.restart_rate.over`` and ``metrics.log_error_rate.over``.
    """
    t = t or of()
    strips = [
        (frame[frame["value"].notna()], name, unit)
        for frame, name, unit in (
            (restarts, t("restarts a day"), "restarts a day"),
            (errors, t("lines of level error an hour"), "lines an hour"),
        )
        if frame["value"].notna().any()
    ]
    if not strips:
        reason = t("Neither restarts nor error lines are known in this window.")
        return nothing("restart_rate", reason, t("No restarts and no error lines known"))
    figure = go.Figure()
    height = 1 / len(strips)
    for place, (rows, name, unit) in enumerate(strips):
        axis = "" if not place else str(place + 1)
        top = 1 - place * height
        figure.update_layout(
            {
                f"yaxis{axis}": {
                    **style.LAYOUT["yaxis"], "domain": [top - height * 0.78, top - height * 0.1], "nticks": 4,
                    "anchor": "x",
                }
            }
        )  # fmt: skip
        figure.add_trace(_bars(rows, unit, f"y{axis}", timezone, t))
        figure.add_annotation(
            x=0, xref="paper", y=top - height * 0.04, yref="paper", text=name, showarrow=False, xanchor="left",
            yanchor="middle", font_size=12,
        )  # fmt: skip
    figure.update_layout(xaxis={"anchor": f"y{len(strips)}" if len(strips) > 1 else "y"})
    known = pd.concat([rows[["period_start", "period_end"]] for rows, _, _ in strips])
    time_axis(figure, shift(known["period_start"].min(), timezone), shift(known["period_end"].max(), timezone))
    title = _title([rows for rows, _, _ in strips], [unit for _, _, unit in strips], timezone, t)
    subtitle = t("Averages per period, over the time that Prometheus knows")
    return finish(figure, title, subtitle, "", height=150 * len(strips))


def _bars(rows: pd.DataFrame, unit: str, axis: str, timezone: str, t: Language) -> go.Bar:
    starts = [shift(at, timezone) for at in rows["period_start"]]
    ends = [shift(at, timezone) for at in rows["period_end"]]
    return go.Bar(
        x=[start + (end - start) / 2 for start, end in zip(starts, ends, strict=True)],
        y=[float(value) for value in rows["value"]],
        yaxis=axis,
        width=[(end - start).total_seconds() * 800 for start, end in zip(starts, ends, strict=True)],
        marker={"color": style.ACCENT, "line": {"width": 0}},
        text=[
            f"<b>{t.number(words.value(float(value), unit))}</b><br>{t.window(start, end)}"
            for value, start, end in zip(rows["value"], starts, ends, strict=True)
        ],
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
    )


def _title(strips: list[pd.DataFrame], units: list[str], timezone: str, t: Language) -> str:
    """Return when the most error lines were written (or else the most restarts happened), against the median."""
    rows: Any = strips[-1]
    worst, usual = rows.loc[rows["value"].idxmax()], float(rows["value"].median())
    when = t.day(worst["period_start"].to_pydatetime(), timezone)
    most = t.number(words.value(float(worst["value"]), units[-1]))
    if units[-1] == "lines an hour":
        return t(
            "Most error lines came in the period from {day}: {most}, where half of the periods have up to {usual}",
            day=when, most=most, usual=t.number(words.number(usual)),
        )  # fmt: skip
    return t("Most restarts came in the period from {day}: {most}", day=when, most=most)
