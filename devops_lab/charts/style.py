"""How every chart looks: colours, fonts, grid, and the axes people read durations on.  Plain data, no plotly.

Colours are from Okabe and Ito's set, which colour-blind readers can tell apart.  Text and grid are greys that can be
read on white and on black, so one figure serves a light and a dark notebook; a page exchanges each colour for one of
its two twins in `COLOURS`, as the reader's system is light or dark.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import Any

INK = "#6B7280"
ACCENT = "#0072B2"
CONTEXT = "#9AA0A8"
FAILURE = "#D55E00"
UNPLANNED = "#B87A00"
GRID = "rgba(128,136,148,0.22)"
BAND = "rgba(0,114,178,0.16)"
UNKNOWN = "rgba(128,136,148,0.12)"
GROUPS = (ACCENT, "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#8F8A00", CONTEXT)

COLOURS = {  # a figure's colour → what a page shows instead on white, and on black
    INK: ("#4B5563", "#AEB6C1"),
    ACCENT: (ACCENT, "#56B4E9"),
    CONTEXT: ("#808893", "#828B97"),
    FAILURE: (FAILURE, "#F28A3C"),
    UNPLANNED: (UNPLANNED, "#E6B04A"),
    GRID: ("rgba(128,136,148,0.22)", "rgba(150,160,175,0.20)"),
    BAND: (BAND, "rgba(86,180,233,0.20)"),
}

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
TITLE_WIDTH = 78  # characters of a title before it wraps in a notebook; a report wraps by itself
TWO_DECADES = 100.0
MOST_TICKS = 8

_AXIS = {
    "showgrid": True,
    "gridcolor": GRID,
    "gridwidth": 1,
    "zeroline": False,
    "showline": False,
    "ticks": "",
    "automargin": True,
    "title": {"text": ""},
    "fixedrange": True,
}
LAYOUT: dict[str, Any] = {
    "font": {"family": FONT, "size": 13, "color": INK},
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "colorway": list(GROUPS),
    "xaxis": {**_AXIS, "showgrid": False, "ticklabelstandoff": 6},
    "yaxis": {**_AXIS, "rangemode": "tozero"},
    "showlegend": False,
    "hovermode": "closest",
    "hoverlabel": {"align": "left", "font": {"family": FONT, "size": 12}},
    "margin": {"l": 8, "r": 8, "t": 84, "b": 8},
    "title": {"x": 0, "xanchor": "left", "xref": "container", "yanchor": "top", "y": 0.97, "font": {"size": 17}},
    "autosize": True,
    "height": 340,
    "dragmode": False,
}

_TICKS = (
    (1 / 3600, "1 s"),
    (1 / 360, "10 s"),
    (1 / 60, "1 min"),
    (1 / 6, "10 min"),
    (1.0, "1 hour"),
    (6.0, "6 hours"),
    (24.0, "1 day"),
    (72.0, "3 days"),
    (168.0, "1 week"),
    (720.0, "30 days"),
    (2160.0, "90 days"),
    (8766.0, "1 year"),
    (26298.0, "3 years"),
    (87660.0, "10 years"),
)


def wrapped(text: str, width: int = TITLE_WIDTH) -> str:
    """Return a title with line breaks for plotly, which does not wrap."""
    return "<br>".join(textwrap.wrap(text, width))


def spans_two_decades(values: Sequence[float]) -> bool:
    """Say whether positive values differ a hundredfold, so that a linear axis would hide the small ones."""
    positive = [value for value in values if value > 0]
    return len(positive) > 1 and max(positive) / min(positive) >= TWO_DECADES


def duration_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Return places (hours) and words of the ticks of a logarithmic axis from `low` to `high` hours."""
    ticks = [(place, word) for place, word in _TICKS if low <= place <= high]
    while len(ticks) > MOST_TICKS:
        ticks = ticks[::2]
    return [place for place, _ in ticks], [word for _, word in ticks]


def duration_axis(values: Sequence[float]) -> dict[str, Any]:
    """Return the axis settings for durations in hours: linear with round ticks, or logarithmic over two decades.

    The data stay in hours; the ticks say days where people would.
    """
    positive = [value for value in values if value > 0 and math.isfinite(value)]
    if not positive:
        return {"tickmode": "array", "tickvals": [0, 1], "ticktext": ["0", "1 h"], "range": [0, 1.08]}
    low, high = min(positive) / 1.4, max(positive) * 1.4
    if spans_two_decades(positive):
        places, said = duration_ticks(low, high)
        return {
            "type": "log",
            "range": [math.log10(low), math.log10(high)],
            "tickmode": "array",
            "tickvals": places,
            "ticktext": said,
        }
    places, said = linear_ticks(max(positive))
    return {"tickmode": "array", "tickvals": places, "ticktext": said, "range": [0, max(positive) * 1.08]}


def linear_ticks(high: float) -> tuple[list[float], list[str]]:
    """Return about five round ticks from 0 to `high` hours, in minutes, hours or days."""
    name, one = next(
        (unit for unit in (("s", 1 / 3600), ("min", 1 / 60), ("h", 1.0)) if high < 48 * unit[1]),
        ("days", 24.0),
    )
    if name in ("s", "min") and high >= 48 * one:
        name, one = "h", 1.0
    step = round_step(high / one / 5)
    count = math.floor(high * 1.05 / one / step)
    places = [index * step for index in range(count + 1)]
    said = [f"{place:,.10g} {name}" if place != 1 or name != "days" else "1 day" for place in places]
    return [place * one for place in places], ["0", *said[1:]]


def round_step(step: float) -> float:
    """Return the next of 1, 2, 5 times a power of ten that is not smaller than `step`."""
    size = 10.0 ** math.floor(math.log10(step))
    return next(factor * size for factor in (1, 2, 5, 10) if factor * size >= step * 0.999999)
