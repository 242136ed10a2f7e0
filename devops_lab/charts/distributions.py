"""How durations are distributed: an empirical curve with the half and the nine in ten marked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.figures import MANY, finish, nothing

RARE = 0.01  # of the observations at either end may lie outside the axis
SHARES = [0, 25, 50, 75, 100]


def distribution(observations: pd.DataFrame, metric: Any) -> go.Figure:
    """Draw how durations are distributed: for each duration the share of observations that took at most so long.

    `observations` are the rows of ``metric.observations(store, …)`` (value in hours); excluded and open (censored) rows
    are not drawn and said to be left out.  An empirical curve, because the bins of a histogram invent peaks.
    """
    name = getattr(metric, "name", str(metric))
    counted = observations[observations["excluded"].isna()] if "excluded" in observations else observations
    still_open = (
        counted["censored"].fillna(False).astype(bool) if "censored" in counted else pd.Series(False, counted.index)
    )
    values = np.sort(counted.loc[~still_open, "value"].dropna().to_numpy(float))
    if not len(values):
        return nothing(name, "No observation has a value in this window.")
    noun = words.noun(name)
    if values[0] == values[-1]:
        return nothing(
            name, f"{words.plural(len(values), words.noun(name, 1))}, and each took {words.hours(values[0])}."
        )
    half, most = float(np.median(values)), float(np.quantile(values, 0.9))
    axis = style.duration_axis(_bulk(values).tolist())
    steps = (
        np.unique(np.linspace(0, len(values) - 1, MANY).astype(int)) if len(values) > MANY else np.arange(len(values))
    )
    shares = (steps + 1) / len(values) * 100
    floor = 10.0 ** axis["range"][0] if axis.get("type") == "log" else -np.inf
    figure = go.Figure(
        go.Scatter(
            x=np.maximum(values[steps], floor).tolist(),
            y=shares.tolist(),
            mode="lines",
            line={"color": style.ACCENT, "width": 2.5, "shape": "hv"},
            text=[
                f"<b>{words.number(share, 3)} %</b> within {words.hours(value)}"
                for value, share in zip(values[steps], shares, strict=True)
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.update_xaxes(showgrid=True, tickangle=0, **axis)
    figure.update_yaxes(range=[0, 103], tickvals=SHARES, ticktext=[f"{share} %" for share in SHARES])
    _mark(figure, half, 50, f"half: {words.hours(half)}", axis)
    _mark(figure, most, 90, f"9 in 10: {words.hours(most)}", axis)
    ratio = most / half if half > 0 else 0
    tail = f", one in ten takes more than {words.hours(most)}" if ratio >= 1.1 else ""
    title = f"Half of the {noun} take up to {words.hours(half)}{tail}"
    left = f" · {int(still_open.sum())} still open, not drawn" if still_open.any() else ""
    subtitle = f"{words.label(name)} · share of {words.whole(len(values))} {noun} that took at most so long{left}"
    return finish(figure, title, subtitle, "", height=320)


def _bulk(values: np.ndarray) -> np.ndarray:
    """Return what the axis is made for: all but the highest and the lowest hundredth, which would squeeze the rest."""
    low, high = np.quantile(values, [RARE, 1 - RARE])
    return values[(values >= low) & (values <= high)]


def _mark(figure: go.Figure, x: float, y: float, text: str, axis: dict[str, Any]) -> None:
    """Mark a point of the curve with a dot and words; right of the middle the words stand on the left."""
    log = axis.get("type") == "log"
    low, high = axis["range"]
    place = float(np.log10(x)) if log and x > 0 else x
    left = (place - low) / (high - low) > 0.5
    figure.add_trace(
        go.Scatter(x=[x], y=[y], mode="markers", marker={"size": 9, "color": style.ACCENT}, hoverinfo="skip")
    )
    figure.add_annotation(
        x=place,
        y=y,
        text=text,
        showarrow=False,
        xanchor="right" if left else "left",
        xshift=-12 if left else 12,
        yanchor="bottom" if left else "top",
        font_size=13,
    )
