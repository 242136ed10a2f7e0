"""Tests over time: the share of cases that passed, per period, with its interval."""

from __future__ import annotations

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import shade_unknown, time_axis
from devops_lab.charts.builds import LEAST, hollow, interval_band
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.language import Language, of


def pass_rate(
    frame: pd.DataFrame, title: str, subtitle: str, *, timezone: str = "UTC", t: Language | None = None
) -> go.Figure:
    """Draw a share per period, in per cent, with its 95 % band; the axis begins where the lowest values are.

    `frame` is the long frame of ``metric.over`` of a share.  A pass rate lies near one, where an axis from zero hides
    every difference; the subtitle says that the axis does not begin at zero.  Periods with fewer than six observations
    are hollow, those without any are gaps.
    """
    t = t or of()
    if frame["value"].notna().sum() < LEAST:
        return nothing(title, t("Fewer than two periods have a value: there is nothing to draw yet."), title)
    starts = [shift(at, timezone) for at in frame["period_start"]]
    ends = [shift(at, timezone) for at in frame["period_end"]]
    rows = frame.assign(**{"from": starts, "to": ends})
    middle = [start + (end - start) / 2 for start, end in zip(starts, ends, strict=True)]
    known = ~rows["too_few"].astype(bool)
    figure = go.Figure()
    band = interval_band(rows, middle, 100)
    figure.add_traces([band] if band else [])
    figure.add_trace(
        go.Scatter(
            x=middle, y=(rows["value"] * 100).tolist(), mode="lines+markers", connectgaps=False,
            line={"color": style.ACCENT, "width": 2.5}, hovertemplate="%{text}<extra></extra>",
            text=[_hover(row, t) for row in rows.to_dict("records")],
            marker={"size": 7, "symbol": ["circle-open" if few else "circle" for few in hollow(rows)]},
        )
    )  # fmt: skip
    lowest = float(min(rows["value"].min(), rows["low"].where(known).min()) * 100)
    floor = max(0.0, lowest - max(0.5, (100 - lowest) * 0.25))
    figure.update_yaxes(ticksuffix=" %", range=[floor, 100 + (100 - floor) * 0.04], nticks=6, rangemode="normal")
    shade_unknown(figure, rows)
    time_axis(figure, starts[0], ends[-1])
    figure.update_layout(separators=t.separators)
    if any(hollow(rows)):
        subtitle += " · " + t("hollow: fewer than six, or only part of a period")
    if floor > 0:
        subtitle += " · " + t("the axis does not begin at zero")
    return finish(figure, title, subtitle, "", height=280)


def _hover(row: dict[Any, Any], t: Language) -> str:
    spread = t.number(words.interval(row["low"], row["high"], "share"))
    said = [f"<b>{t.value(row['value'], 'share')}</b>", *([f"95 %: {spread}"] if spread else []), f"n = {row['n']:,}"]
    return "<br>".join([*said, t.window(row["from"], row["to"])])
