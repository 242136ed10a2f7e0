"""The axes of a chart: values in the unit people read, time with ticks that fit its length, gaps nobody asked about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style

_FORMS = (
    (timedelta(days=4), "%H:%M\n%-d %b"),
    (timedelta(days=120), "%-d %b\n%Y"),
    (timedelta(days=6 * 365), "%b\n%Y"),
)  # how ticks are written on an axis up to so long; longer ones show years
FEW = 5  # up to so many the ticks of a count are every whole number


def scaled(values: Any, unit: str) -> Any:
    """Return values as they are drawn: shares in per cent, durations in hours, the rest as it is."""
    return values * 100 if unit == "share" else values * words.HOURS.get(unit, 1.0)


def value_axis(figure: go.Figure, drawn: Sequence[pd.Series], unit: str) -> None:
    """Set the axis of values for everything that is drawn on it (in `unit`)."""
    known = scaled(pd.concat(list(drawn)).dropna().astype(float), unit)
    highest = float(known.max()) if len(known) else 0.0
    if unit == "share":
        figure.update_yaxes(ticksuffix=" %", range=[0, min(102.0, max(10.0, highest * 1.25))], nticks=6)
    elif unit in words.HOURS:
        figure.update_yaxes(**style.duration_axis(known.tolist()))
    elif unit == "count" and highest <= FEW:
        figure.update_yaxes(dtick=1, range=[0, max(highest, 1) * 1.08])
    else:
        figure.update_yaxes(nticks=5, tickformat=",~r" if unit == "count" else "")


def time_axis(figure: go.Figure, start: datetime, end: datetime, grid: bool = False) -> None:
    """Set the axis of time from `start` to `end`, so that charts of one window stand below each other."""
    length = end - start
    said = next((form for longest, form in _FORMS if length <= longest), "%Y")
    figure.update_xaxes(type="date", range=[start, end], tickformat=said, tickangle=0, nticks=8, showgrid=grid)


def shade_unknown(figure: go.Figure, rows: pd.DataFrame) -> None:
    """Shade runs of periods that have no value because the sync did not cover them."""
    unknown = (rows["value"].isna() & rows["coverage"].lt(1)).to_numpy()
    runs = np.flatnonzero(np.diff(np.concatenate([[0], unknown.astype(int), [0]]))).reshape(-1, 2)
    for first, after in runs:
        start, end = rows["from"].iloc[first], rows["to"].iloc[after - 1]
        figure.add_shape(
            type="rect",
            xref="x",
            yref="paper",
            x0=start,
            x1=end,
            y0=0,
            y1=1,
            fillcolor=style.UNKNOWN,
            line_width=0,
            layer="below",
        )
    if len(runs):
        first, after = max(runs, key=lambda run: run[1] - run[0])
        middle = rows["from"].iloc[first] + (rows["to"].iloc[after - 1] - rows["from"].iloc[first]) / 2
        figure.add_annotation(
            x=middle, y=1, yref="paper", yanchor="top", text="not covered", showarrow=False, font_size=11
        )
