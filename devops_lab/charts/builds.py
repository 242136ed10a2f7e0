"""Builds over time: percentiles of durations per period, the slowest jobs, and when the default branch was red."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import shade_unknown, time_axis
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.charts.flow_rows import cut, duration_axis, name_rows
from devops_lab.language import Language, of

LEAST = 2  # periods with a value that a line needs
SHOWN = 12  # names of a chart of the slowest
_ROW = 40
_LANES = 8
_LINES = ((style.ACCENT, 2.5, 7), (style.CONTEXT, 1.5, 5), (style.CONTEXT, 1.0, 4))


def percentiles(
    frame: pd.DataFrame, title: str, subtitle: str, *, timezone: str = "UTC", t: Language | None = None
) -> go.Figure:
    """Draw durations per period: the median with its 95 % band, the higher percentiles grey, each named at its line.

    `frame` is the long frame of ``metric.over`` in a unit of time.  `title` is the finding, `subtitle` what is drawn.
    A period with fewer than six observations or known in part is hollow, one without any a gap, shaded where the sync
    did not cover it.
    """
    t = t or of()
    rows = frame.assign(
        **{
            "from": [shift(at, timezone) for at in frame["period_start"]],
            "to": [shift(at, timezone) for at in frame["period_end"]],
        }
    )
    if rows["value"].notna().groupby(rows["statistic"]).sum().max() < LEAST:
        return nothing(title, t("Fewer than two periods have a value: there is nothing to draw yet."), title)
    scale = words.HOURS.get(str(rows["unit"].iloc[0]), 1.0)
    figure = go.Figure()
    names = list(dict.fromkeys(rows["statistic"]))
    for name, (colour, width, size) in zip(names, _LINES, strict=False):
        part = rows[rows["statistic"] == name]
        middle = [start + (end - start) / 2 for start, end in zip(part["from"], part["to"], strict=True)]
        if name == names[0]:
            band = interval_band(part, middle, scale)
            figure.add_traces([band] if band else [])
        _line(figure, part, middle, scale, colour, width, size, t)
        _named(figure, part, middle, scale, f"{50 if name == 'median' else name[1:]} %", colour)
    first = rows[rows["statistic"] == names[0]]
    figure.update_yaxes(**duration_axis((rows["value"] * scale).tolist(), t))
    if figure.layout.yaxis.type == "log":
        for note in figure.layout.annotations:
            note.y = math.log10(note.y) if note.y > 0 else 0.0
    shade_unknown(figure, first)
    time_axis(figure, first["from"].iloc[0], first["to"].iloc[-1])
    figure.update_layout(margin={"r": 72})
    if any(hollow(first)):
        subtitle += " · " + t("hollow: fewer than six, or only part of a period")
    return finish(figure, title, subtitle, "", height=300)


def slowest(
    rows: Sequence[tuple[str, float, float, int]], title: str, subtitle: str, *, t: Language | None = None
) -> go.Figure:
    """Draw names with their median (dot) and 95th percentile (bar's end) in hours, in the order given.

    `rows` are (name, median, p95, how many).
    """
    t = t or of()
    if not rows:
        return nothing(title, t("Nothing with a duration ran in this window."), title)
    shown = list(rows)[:SHOWN][::-1]
    axis = duration_axis([value for _, half, most, _ in shown for value in (half, most)], t)
    said = [
        f"<b>{html.escape(name)}</b><br>{t('half')}: {t.hours(half)}<br>95 %: {t.hours(most)}<br>n = {count:,}"
        for name, half, most, count in shown
    ]
    figure = go.Figure()
    for place, (_, half, most, _) in enumerate(shown):
        figure.add_shape(
            type="line", x0=half, x1=most, y0=place, y1=place, line={"color": style.CONTEXT, "width": 3}, layer="below"
        )
    places = list(range(len(shown)))
    for values, symbol, colour, size in (
        ([half for _, half, _, _ in shown], "circle", style.ACCENT, 11),
        ([most for _, _, most, _ in shown], "line-ns", style.CONTEXT, 12),
    ):
        figure.add_trace(
            go.Scatter(
                x=values, y=places, mode="markers", text=said, hovertemplate="%{text}<extra></extra>",
                marker={
                    "symbol": symbol, "size": size, "color": colour,
                    "line": {"width": 3 if symbol != "circle" else 0, "color": colour},
                },
            )
        )  # fmt: skip
    figure.update_xaxes(showgrid=True, tickangle=0, **axis)
    name_rows(figure, [name for name, _, _, _ in shown], tail=True)
    return finish(figure, title, subtitle, "", height=50 + _ROW * len(shown))


def red_times(
    rows: pd.DataFrame, start: Any, end: Any, *, timezone: str = "UTC", t: Language | None = None
) -> go.Figure:
    """Draw when each workflow was red on the default branch: a bar per red time, an arrow where it is red still.

    `rows` are the counted rows of ``metrics.time_to_green.observations``.
    """
    t = t or of()
    if rows.empty:
        return nothing("red", t("The default branch did not turn red in this window."), t("Never red"))
    lanes = rows.groupby("title", sort=False)["value"].sum().sort_values(ascending=False)
    shown = list(lanes.index[:_LANES])[::-1]
    figure = go.Figure()
    for row in rows[rows["title"].isin(shown)].to_dict("records"):
        place = shown.index(row["title"])
        took = t.hours(float(row["value"]))
        state = t("still red after {took}", took=took) if row["censored"] else t("green after {took}", took=took)
        said = f"<b>{cut(row['title'])}</b><br>{state}<br>{words.moment(row['started_at'], timezone)}"
        figure.add_trace(
            go.Scatter(
                x=[shift(row["started_at"], timezone), shift(row["ended_at"], timezone)], y=[place, place],
                mode="lines+markers", line={"color": style.FAILURE, "width": 6}, text=[said, said],
                marker={
                    "symbol": ["x", "triangle-right" if row["censored"] else "circle"], "size": [8, 7],
                    "color": style.FAILURE,
                },
                hovertemplate="%{text}<extra></extra>",
            )
        )  # fmt: skip
    time_axis(figure, shift(start, timezone), shift(end, timezone), grid=True)
    name_rows(figure, shown)
    longest = rows.sort_values("value").iloc[-1]
    times = t.many("{count} time", "{count} times", len(rows))
    title = t(
        "The default branch turned red {times}; the longest lasted {took}",
        times=times,
        took=t.hours(float(longest["value"])),
    )
    subtitle = t("Red times per workflow, from the first failure to the next success; an arrow: red still")
    return finish(figure, title, subtitle, "", height=70 + _ROW * len(shown))


def interval_band(rows: pd.DataFrame, middle: Sequence[Any], scale: float) -> go.Scatter | None:
    """Return the 95 % band of `rows` (low, high), apart wherever a period has none or too few; None without any."""
    known = (rows["low"].notna() & rows["high"].notna() & ~rows["too_few"].astype(bool)).tolist()
    low, high = (rows["low"] * scale).tolist(), (rows["high"] * scale).tolist()
    x: list[Any] = []
    y: list[Any] = []
    place = 0
    while place < len(known):
        end = place
        while end < len(known) and known[end]:
            end += 1
        if end > place:
            there = list(range(place, end))
            x += [*(middle[at] for at in there), *(middle[at] for at in reversed(there)), None]
            y += [*(high[at] for at in there), *(low[at] for at in reversed(there)), None]
        place = max(end, place + 1)
    if not x:
        return None
    return go.Scatter(x=x, y=y, mode="lines", line={"width": 0}, fill="toself", fillcolor=style.BAND, hoverinfo="skip")


def hollow(rows: pd.DataFrame) -> list[bool]:
    """Return for each period whether its mark is hollow: fewer than six observations, or only a part of it is known."""
    return (rows["too_few"].astype(bool) | rows["partial"].astype(bool)).tolist()


def _line(
    figure: go.Figure,
    part: pd.DataFrame,
    middle: list[Any],
    scale: float,
    colour: str,
    width: float,
    size: int,
    t: Language,
) -> None:
    said = [
        f"<b>{t.number(words.answer(row))}</b> ({row['statistic']})<br>n = {int(row['n']):,}<br>"
        f"{t.window(row['from'], row['to'])}"
        for row in part.to_dict("records")
    ]
    figure.add_trace(
        go.Scatter(
            x=middle, y=(part["value"] * scale).tolist(), mode="lines+markers", connectgaps=False, text=said,
            line={"color": colour, "width": width}, hovertemplate="%{text}<extra></extra>",
            marker={
                "size": size, "color": colour,
                "symbol": ["circle-open" if few else "circle" for few in hollow(part)],
            },
        )
    )  # fmt: skip


def _named(figure: go.Figure, part: pd.DataFrame, middle: list[Any], scale: float, said: str, colour: str) -> None:
    known = [place for place, value in enumerate(part["value"]) if not words.missing(value)]
    if known:
        figure.add_annotation(
            x=middle[known[-1]], y=float(part["value"].iloc[known[-1]]) * scale, text=said, showarrow=False,
            xanchor="left", xshift=8, font={"size": 12, "color": colour},
        )  # fmt: skip
