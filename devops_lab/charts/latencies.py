"""Latency over time: what half, nineteen in twenty and 99 in a hundred requests took at most."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import time_axis, value_axis
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.language import Language, of

_LOOKS = {"p50": (style.ACCENT, 2.5), "p95": (style.UNPLANNED, 2.0), "p99": (style.CONTEXT, 1.5)}


def latency_lines(
    frame: pd.DataFrame, whole: pd.DataFrame, *, timezone: str = "UTC", t: Language | None = None
) -> go.Figure:
    """Draw the percentiles of latency per period, each line named at its end.

    `frame` is the long frame of ``metrics.latency.over(store, every=…)``, `whole` that of ``.window(…)``, whose numbers
    stand in the title.  Where a percentile lies beyond the histogram's last bound the mark is a triangle: "at least".
    """
    t = t or of()
    known = frame[frame["value"].notna()]
    if known["period_start"].nunique() < 2:
        reason = str(frame.attrs.get("reason", "")) or t("Fewer than two periods have a value.")
        return nothing("latency", reason, t("No latency to draw"))
    figure = go.Figure(layout={"margin": {"r": 44}})
    value_axis(figure, [known["value"]], "seconds")
    for statistic, (colour, width) in _LOOKS.items():
        rows = frame[frame["statistic"] == statistic].sort_values("period_start")
        if rows["value"].notna().any():
            _line(figure, rows, statistic, colour, width, timezone, t)
    starts, ends = frame["period_start"].min(), frame["period_end"].max()
    time_axis(figure, shift(starts, timezone), shift(ends, timezone))
    half, most = (_of(whole, name, t) for name in ("p50", "p95"))
    title = t("Half of the requests take at most {half}, nineteen in twenty at most {most}", half=half, most=most)
    said = [t("Latency of requests per period: the percentiles of all of a period's requests together")]
    said += [t("logarithmic scale")] if figure.layout.yaxis.type == "log" else []
    said += [t("triangle: at least, beyond the histogram's last bound")] if _beyond(known).any() else []
    return finish(figure, title, " · ".join(said), "", height=320)


def _beyond(rows: pd.DataFrame) -> pd.Series:
    """Say which percentiles are only known to be at least their value: the interval begins there and has no end."""
    return rows["low"].notna() & rows["high"].isna()


def _of(whole: pd.DataFrame, statistic: str, t: Language) -> str:
    found = whole.loc[whole["statistic"] == statistic, "value"]
    return t.number(words.value(float(found.iloc[0]), "seconds")) if len(found) else t(words.MISSING)


def _line(
    figure: go.Figure, rows: pd.DataFrame, statistic: str, colour: str, width: float, timezone: str, t: Language
) -> None:
    middles = [
        shift(start, timezone) + (end - start) / 2
        for start, end in zip(rows["period_start"], rows["period_end"], strict=True)
    ]
    drawn = [None if words.missing(value) else float(value) / 3600 for value in rows["value"]]
    figure.add_trace(
        go.Scatter(
            x=middles,
            y=drawn,
            mode="lines+markers",
            connectgaps=False,
            cliponaxis=False,
            line={"color": colour, "width": width},
            marker={
                "size": 6,
                "color": colour,
                "symbol": ["triangle-up-open" if beyond else "circle" for beyond in _beyond(rows)],
            },
            text=[
                f"<b>{statistic}: {t.number(words.answer(row))}</b> ({words.exact(row['value'], 'seconds')})<br>"
                + t.window(shift(row["period_start"], timezone), shift(row["period_end"], timezone))
                for row in rows.to_dict("records")
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    last = next(place for place in range(len(drawn) - 1, -1, -1) if drawn[place] is not None)
    height = drawn[last] or 0.0
    figure.add_annotation(
        x=middles[last],
        y=math.log10(height) if figure.layout.yaxis.type == "log" and height > 0 else height,
        text=statistic, showarrow=False, xanchor="left", xshift=8, font={"color": colour, "size": 12},
    )  # fmt: skip
