"""A metric over its periods: points with their band, bars for counts, a line per group."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from devops_lab import findings, words
from devops_lab.charts import style
from devops_lab.charts.axes import scaled, shade_unknown, time_axis, value_axis
from devops_lab.charts.events import mark_events
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.config.context import Event

GROUP_NAME = 24  # characters of a group's name at its line
LEAST = 2  # periods with a value that a trend needs
BAR = 0.8  # of a period's width
_DAYS = {1: "day", 7: "week", 30: "month", 91: "quarter", 365: "year"}


def trend(
    frame: pd.DataFrame,
    metric: Any,
    *,
    answer: Mapping[str, Any] | None = None,
    timezone: str = "UTC",
    events: Sequence[Event] = (),
) -> go.Figure:
    """Draw a metric over its periods: points with their 95 % band, or bars where it counts things.

    `frame` is the long frame of ``metric.over(store, every=…)``, `metric` the metric or its name, `answer` the row of
    the whole window (its number then stands in the title).  A missing period is a gap, and shaded where the sync did
    not cover it; a hollow mark is a period only partly covered, still running, or with fewer than six observations; a
    triangle says "more than" (the median was not reached yet).  A percentile beside the median (p90) is a thin grey
    line.  Several groups are a line each, without bands.  `events` (``load("lab.toml").event``) are marks above.
    """
    return mark_events(_trend(frame, metric, answer, timezone), events, timezone=timezone)


def _trend(frame: pd.DataFrame, metric: Any, answer: Mapping[str, Any] | None, timezone: str) -> go.Figure:
    name = getattr(metric, "name", str(metric))
    if frame.empty:
        return nothing(name, str(frame.attrs.get("reason", "There is nothing to draw.")))
    frame = frame.sort_values("period_start", kind="stable")
    if frame["group_name"].nunique(dropna=False) > 1:
        return _groups(frame, name, timezone)
    main, others = _statistics(frame)
    rows = _with_times(frame[frame["statistic"] == main], timezone)
    beside = [_beside(_with_times(frame[frame["statistic"] == other], timezone)) for other in others[:1]]
    beside = [other for other in beside if other["value"].notna().any()]
    unit, period = str(rows["unit"].iloc[0]), _period(rows)
    solid = rows[rows["value"].notna() & ~rows["partial"] & ~(rows["too_few"] & (unit != "count"))]
    title = findings.trend(name, unit, [float(value) for value in solid["value"]], period, answer)
    if rows["value"].fillna(rows["low"]).notna().sum() < LEAST:
        return nothing(name, f"Fewer than two {words.nouns(period)} have a value: there is nothing to draw yet.", title)
    figure = go.Figure()
    value_axis(figure, [rows["value"].fillna(rows["low"]), *(other["value"] for other in beside)], unit)
    if unit == "count":
        _bars(figure, rows, name)
    else:
        _line(figure, rows, name)
        for other in beside:
            _context_line(figure, other, main)
    shade_unknown(figure, rows)
    time_axis(figure, rows["from"].iloc[0], rows["to"].iloc[-1])
    subtitle = _subtitle(name, rows, period, bool(beside), figure.layout.yaxis.type == "log")
    return finish(figure, title, subtitle, _spread(rows))


def _subtitle(name: str, rows: pd.DataFrame, period: str, beside: bool, log: bool) -> str:
    """Return what is drawn and in which unit; only signs that are there are explained."""
    unit = str(rows["unit"].iloc[0])
    said = [f"{findings.phrase(name).drawn}, per {period}"]
    said += ["shaded: 95 % interval"] if unit != "count" and _has_interval(rows) else []
    said += ["grey: 9 in 10"] if beside else []
    few, part = rows["too_few"].any() and unit != "count", rows["partial"].any()
    reasons = ([f"fewer than {words.TOO_FEW} {words.noun(name)}"] if few else []) + (
        [f"part of a {period}"] if part else []
    )
    said += [f"{'hatched' if unit == 'count' else 'hollow'}: {' or '.join(reasons)}"] if reasons else []
    return " · ".join(said + (["logarithmic scale"] if log else []))


def _spread(rows: pd.DataFrame) -> str:
    known, unit = rows["value"].dropna(), str(rows["unit"].iloc[0])
    if known.empty:
        return ""
    return f" Values from {words.value(float(known.min()), unit)} to {words.value(float(known.max()), unit)}."


def _statistics(frame: pd.DataFrame) -> tuple[str, list[str]]:
    """Return the statistic that is drawn large, and the percentiles beside it."""
    found = list(dict.fromkeys(frame["statistic"]))
    percentiles = [name for name in found if _is_percentile(name)]
    main = next((name for name in found if name not in percentiles), found[0])
    return main, [name for name in percentiles if name != main]


def _is_percentile(name: str) -> bool:
    return name[:1] == "p" and name[1:].isdigit()


def _spoken(statistic: str) -> str:
    return (
        "9 in 10" if statistic == "p90" else f"{statistic[1:]} % are below" if _is_percentile(statistic) else statistic
    )


def _with_times(rows: pd.DataFrame, timezone: str) -> pd.DataFrame:
    rows = rows.copy()
    for column in ("too_few", "partial"):
        rows[column] = rows[column].fillna(False).astype(bool)
    rows["value"] = rows["value"].astype(float)
    rows["from"] = [shift(start, timezone) for start in rows["period_start"]]
    rows["to"] = [shift(end, timezone) for end in rows["period_end"]]
    rows["middle"] = rows["from"] + (rows["to"] - rows["from"]) / 2
    return rows


def _period(rows: pd.DataFrame) -> str:
    """Return the word for the length of the periods: day, week, month, quarter, year, else "period"."""
    days = ((rows["to"] - rows["from"]).median()).total_seconds() / 86400
    near = min(_DAYS, key=lambda known: abs(known - days) / known)
    return _DAYS[near] if abs(near - days) / near < 0.1 else "period"


def _has_interval(rows: pd.DataFrame) -> bool:
    return bool((rows["low"].notna() & rows["high"].notna()).any())


def _hover(row: Any, metric: str) -> str:
    unit = str(row["unit"])
    lines = [
        f"<b>{words.answer(row)}</b> ({words.exact(row['value'], unit)})"
        if unit in words.HOURS
        else f"<b>{words.answer(row)}</b>"
    ]
    spread = words.interval(row["low"], row["high"], unit)
    lines += [f"95 %: {spread}"] if spread else []
    lines.append(f"{words.whole(row['n'])} {words.noun(metric, row['n'])}")
    lines.append(words.window(row["from"], row["to"]))
    lines += ["too few to say much"] if row["too_few"] else []
    lines += [f"only {words.share(row['coverage'])} covered so far"] if row["partial"] else []
    return "<br>".join(lines)


def _beside(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a percentile's rows without those of too few observations, where it would be the highest of them."""
    return rows.assign(value=rows["value"].mask(rows["too_few"]))


def _context_line(figure: go.Figure, rows: pd.DataFrame, main: str) -> None:
    """Draw a percentile beside the median as a thin grey line, both named at their ends."""
    unit, statistic = str(rows["unit"].iloc[0]), str(rows["statistic"].iloc[0])
    figure.add_trace(
        go.Scatter(
            x=list(rows["middle"]),
            y=_list(scaled(rows["value"], unit)),
            mode="lines+markers",
            connectgaps=False,
            cliponaxis=False,
            line={"color": style.CONTEXT, "width": 1.5},
            marker={"size": 4, "color": style.CONTEXT},
            text=[
                f"<b>{words.answer(row)}</b><br>{_spoken(statistic)}<br>{words.window(row['from'], row['to'])}"
                for row in rows.to_dict("records")
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.update_layout(margin_r=66)
    _label_end(figure, figure.data[-1], _spoken(statistic), style.CONTEXT, "bottom")
    _label_end(figure, figure.data[-2], main, style.ACCENT, "top")


def _label_end(figure: go.Figure, trace: Any, text: str, colour: str, anchor: str = "middle") -> None:
    """Write a label behind the last point of a line, in its colour."""
    known = [(x, y) for x, y in zip(trace.x, trace.y, strict=True) if y is not None]
    if not known:
        return
    x, y = known[-1]
    figure.add_annotation(
        x=x,
        y=math.log10(y) if figure.layout.yaxis.type == "log" else y,
        text=text,
        font={"color": colour, "size": 12},
        showarrow=False,
        xanchor="left",
        yanchor=anchor,
        xshift=8,
    )


def _groups(frame: pd.DataFrame, name: str, timezone: str) -> go.Figure:
    """Draw one line per group with its name at the end; beyond seven groups the rest is grey and unnamed."""
    figure = go.Figure(layout={"margin": {"r": 110}})
    main, _ = _statistics(frame)
    frame = _with_times(frame[frame["statistic"] == main], timezone)
    unit = str(frame["unit"].iloc[0])
    value_axis(figure, [frame["value"].fillna(frame["low"])], unit)
    time_axis(figure, frame["from"].min(), frame["to"].max())
    groups = list(frame.groupby("group_name", sort=True, dropna=False))
    for index, (group, rows) in enumerate(groups):
        named = index < len(style.GROUPS) - 1
        _line(figure, rows, name, style.GROUPS[index] if named else style.CONTEXT, band=False)
        if named:
            _label_end(figure, figure.data[-1], html.escape(str(group)[:GROUP_NAME]), style.GROUPS[index])
    title = f"{words.label(name)} of {words.plural(len(groups), 'group')}, each against its own past"
    period = _period(frame[frame["group_name"] == groups[0][0]])
    return finish(figure, title, f"{findings.phrase(name).drawn}, per {period}", "")


def _line(figure: go.Figure, rows: pd.DataFrame, metric: str, colour: str = style.ACCENT, band: bool = True) -> None:
    unit = str(rows["unit"].iloc[0])
    if band:
        _band(figure, rows, unit)
    hollow = (rows["partial"] | rows["too_few"]).to_numpy()
    over = (rows["value"].isna() & rows["low"].notna() & rows["coverage"].gt(0)).to_numpy()
    shown = rows["value"].where(~over, rows["low"])
    figure.add_trace(
        go.Scatter(
            x=list(rows["middle"]),
            y=_list(scaled(shown, unit)),
            mode="lines+markers",
            connectgaps=False,
            cliponaxis=False,
            line={"color": colour, "width": 2},
            marker={
                "size": 8,
                "symbol": [
                    "triangle-up-open" if up else "circle-open" if open_ else "circle"
                    for up, open_ in zip(over, hollow, strict=True)
                ],
                "color": colour,
                "line": {"width": 2, "color": colour},
            },
            text=[_hover(row, metric) for row in rows.to_dict("records")],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _list(values: pd.Series) -> list[float | None]:
    return [None if words.missing(value) else float(value) for value in values]


def _band(figure: go.Figure, rows: pd.DataFrame, unit: str) -> None:
    """Fill the interval of each run of neighbouring periods that have one; a single period gets a narrow block."""
    xs: list[Any] = []
    ys: list[Any] = []
    whole = rows["low"].notna() & rows["high"].notna() & np.isfinite(rows["high"].astype(float))
    for _, run in rows.groupby((~whole).cumsum()[whole], sort=False):
        times, low, high = list(run["middle"]), _list(scaled(run["low"], unit)), _list(scaled(run["high"], unit))
        if len(run) == 1:
            quarter = (run["to"].iloc[0] - run["from"].iloc[0]) / 4
            times, low, high = [times[0] - quarter, times[0] + quarter], low * 2, high * 2
        xs += [*times, *reversed(times), None]
        ys += [*high, *reversed(low), None]
    if xs:
        figure.add_trace(
            go.Scatter(
                x=xs, y=ys, mode="lines", fill="toself", fillcolor=style.BAND, line={"width": 0}, hoverinfo="skip"
            )
        )


def _bars(figure: go.Figure, rows: pd.DataFrame, metric: str) -> None:
    widths = (rows["to"] - rows["from"]).dt.total_seconds() * 1000 * BAR
    figure.add_trace(
        go.Bar(
            x=list(rows["middle"]),
            y=_list(rows["value"]),
            width=widths.tolist(),
            marker={
                "color": style.ACCENT,
                "line": {"width": 0},
                "pattern": {
                    "shape": ["/" if partial else "" for partial in rows["partial"]],
                    "fillmode": "replace",
                    "size": 5,
                },
            },
            text=[_hover(row, metric) for row in rows.to_dict("records")],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    )
