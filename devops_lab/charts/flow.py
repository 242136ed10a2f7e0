"""Cumulative flow: how many issues were opened, begun and closed up to each day; the bands between are what waits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from devops_lab.charts import style
from devops_lab.charts.axes import time_axis
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.language import Language, of

MOST_POINTS = 366
_FILLS = {"done": "rgba(128,136,148,0.16)", "under way": style.BAND, "waiting": "rgba(184,122,0,0.20)"}


def cumulative_flow(
    issues: pd.DataFrame, start: datetime, end: datetime, *, timezone: str = "UTC", t: Language | None = None
) -> go.Figure:
    """Draw the issues opened, begun and closed up to each day of ``[start, end)``, the closed ones from the start on.

    `issues` has a row per issue: created_at, began_at (first sign of work), done_at; naive UTC, none where it has not
    happened.  An issue without a sign of work is begun when it is closed.  The height of a band is how many issues are
    in it on that day, its width how long they stay there.
    """
    t = t or of()
    if issues.empty:
        return nothing("issues", t("No issue was open in this window."), t("No issue to draw"))
    days = pd.date_range(start, end, periods=min(MOST_POINTS, max(2, int((end - start).days) + 1)))
    done = issues["done_at"]
    began = pd.concat([issues["began_at"], done], axis=1).min(axis=1)
    closed = _until(done, days)
    begun, opened = _until(began, days), _until(pd.concat([issues["created_at"], began], axis=1).min(axis=1), days)
    before = closed[0]
    figure, times = go.Figure(), [shift(day, timezone) for day in days]
    bands = (
        ("done", closed - before, closed - before, t("closed"), style.CONTEXT),
        ("under way", begun - before, begun - closed, t("under way"), style.ACCENT),
        ("waiting", opened - before, opened - begun, t("waiting"), style.UNPLANNED),
    )
    for place, (name, heights, sizes, said, colour) in enumerate(bands):
        _band(figure, times, heights, sizes, said, colour, _FILLS[name], "tozeroy" if place == 0 else "tonexty")
    _labels(figure, times[-1], bands)
    time_axis(figure, times[0], times[-1])
    figure.update_yaxes(
        nticks=5, range=[0, max(1.0, float(opened[-1] - before), float((opened - before).max())) * 1.06]
    )
    figure.update_layout(margin={"r": 108}, separators=t.separators)
    subtitle = t("Issues opened, begun and closed since the window began; a band's height is how many are in it")
    spread = " " + ", ".join(f"{said}: {int(sizes[-1])}" for _, _, sizes, said, _ in bands) + "."
    return finish(figure, _title(opened - closed, begun - closed, t), subtitle, spread)


def _until(moments: pd.Series, days: pd.DatetimeIndex) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return how many of the moments lie at or before each day."""
    known = np.sort(pd.to_datetime(moments.dropna()).to_numpy().astype("datetime64[us]"))
    return np.searchsorted(known, days.to_numpy().astype("datetime64[us]"), side="right").astype(np.int64)


def _band(figure: go.Figure, times: Any, heights: Any, sizes: Any, said: str, colour: str, fill: str, to: str) -> None:
    figure.add_trace(
        go.Scatter(
            x=times,
            y=heights.tolist(),
            mode="lines",
            line={"color": colour, "width": 2, "shape": "hv"},
            fill=to,
            fillcolor=fill,
            text=[f"<b>{said}: {int(size)}</b><br>{time:%Y-%m-%d}" for size, time in zip(sizes, times, strict=True)],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _labels(figure: go.Figure, end: datetime, bands: Any) -> None:
    """Write each band's name and size at its right end, apart from each other."""
    top = max(float(bands[-1][1][-1]), 1.0)
    last = -np.inf
    below = 0.0
    for _, heights, sizes, said, colour in bands:
        height = float(heights[-1])
        place = max((below + height) / 2, last + top * 0.085)
        below, last = height, place
        figure.add_annotation(
            x=end, y=place, text=f"{said} {int(sizes[-1]):,}", showarrow=False, xanchor="left", xshift=8,
            font={"size": 12, "color": colour},
        )  # fmt: skip


def _title(open_issues: Any, under_way: Any, t: Language) -> str:
    """Say what changed most: the work under way, or all that is open."""
    first, last = int(under_way[0]), int(under_way[-1])
    whole = abs(int(open_issues[-1]) - int(open_issues[0])) / max(int(open_issues[0]), 1)
    if abs(last - first) >= max(3, 0.25 * first) and abs(last - first) / max(first, 1) >= whole:
        if last > first:
            return t("Work under way has grown from {first} to {last} issues", first=first, last=last)
        return t("Work under way has fallen from {first} to {last} issues", first=first, last=last)
    first, last = int(open_issues[0]), int(open_issues[-1])
    if last - first >= max(3, 0.1 * first):
        return t("More comes in than goes out: {first} open issues have become {last}", first=first, last=last)
    if first - last >= max(3, 0.1 * first):
        return t("More goes out than comes in: {first} open issues have become {last}", first=first, last=last)
    return t("As much goes out as comes in: about {last} issues are open", last=last)
