"""A metric over its periods: points with their band, bars for counts, a line per group."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from devops_lab import findings, words
from devops_lab.charts import style
from devops_lab.charts.figures import finish, nothing, shift

BAR = 0.8  # of a period's width
_DAYS = {1: "day", 7: "week", 30: "month", 91: "quarter", 365: "year"}


def trend(frame: pd.DataFrame, metric: Any, *, timezone: str = "UTC") -> go.Figure:
    """Draw a metric over its periods: points with their 95 % band, or bars where it counts things.

    `frame` is the long frame of ``metric.over(store, every=…)``, `metric` the metric or its name.  A missing period is
    a gap, and shaded where the sync did not cover it; a hollow mark is a period only partly covered, still running, or
    with fewer than six observations; a triangle says "more than" (the median was not reached yet).  A percentile
    beside the median (p90) is a thin grey line.  Several groups are a line each, without bands.
    """
    name = getattr(metric, "name", str(metric))
    if frame.empty:
        return nothing(name, str(frame.attrs.get("reason", "There is nothing to draw.")))
    frame = frame.sort_values("period_start", kind="stable")
    if frame["group_name"].nunique(dropna=False) > 1:
        return _groups(frame, name, timezone)
    main, others = _statistics(frame)
    rows = _with_times(frame[frame["statistic"] == main], timezone)
    unit, period = str(rows["unit"].iloc[0]), _period(rows)
    figure = go.Figure()
    drawn = ["each bar: " if unit == "count" else "each point: "]
    drawn[0] += f"one {period}" if unit in ("count", "share") else f"{main} of one {period}"
    if unit == "count":
        _bars(figure, rows, name)
    else:
        _line(figure, rows, name)
        drawn += ["band: 95 % interval"] if _has_interval(rows) else []
        for other in others[:1]:
            _context_line(figure, _with_times(frame[frame["statistic"] == other], timezone), other, main)
            drawn.append(f"grey: {_spoken(other)}")
    _shade_unknown(figure, rows)
    _value_axis(figure, frame[frame["statistic"].isin([main, *others[:1]])], unit)
    if (rows["partial"] | rows["too_few"]).any():
        drawn.append(f"{'hatched' if unit == 'count' else 'hollow'}: part of a {period}, or too few")
    if figure.layout.yaxis.type == "log":
        drawn.append("logarithmic")
    solid = rows[rows["value"].notna() & ~rows["partial"] & ~(rows["too_few"] & (unit != "count"))]
    title = findings.trend(name, unit, [float(value) for value in solid["value"]], period)
    known = [float(value) for value in rows["value"].dropna()]
    spread = f" Values from {words.value(min(known), unit)} to {words.value(max(known), unit)}." if known else ""
    return finish(figure, title, f"{words.label(name)} · " + " · ".join(drawn), spread)


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


def _scaled(values: Any, unit: str) -> Any:
    return values * 100 if unit == "share" else values * words.HOURS.get(unit, 1.0)


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
            y=_list(_scaled(shown, unit)),
            mode="lines+markers",
            connectgaps=False,
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
        times, low, high = list(run["middle"]), _list(_scaled(run["low"], unit)), _list(_scaled(run["high"], unit))
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


def _context_line(figure: go.Figure, rows: pd.DataFrame, statistic: str, main: str) -> None:
    unit = str(rows["unit"].iloc[0])
    figure.add_trace(
        go.Scatter(
            x=list(rows["middle"]),
            y=_list(_scaled(rows["value"], unit)),
            mode="lines+markers",
            connectgaps=False,
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
    for text, colour, trace, anchor in (
        (_spoken(statistic), style.CONTEXT, -1, "bottom"),
        (main, style.ACCENT, -2, "top"),
    ):
        _label_end(figure, figure.data[trace], text, colour, anchor)


def _label_end(figure: go.Figure, trace: Any, text: str, colour: str, anchor: str = "middle") -> None:
    """Write a label behind the last point of a line, in its colour."""
    known = [(x, y) for x, y in zip(trace.x, trace.y, strict=True) if y is not None]
    if not known:
        return
    figure.add_annotation(
        x=known[-1][0],
        y=known[-1][1],
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
    groups = list(frame.groupby("group_name", sort=True, dropna=False))
    for index, (group, rows) in enumerate(groups):
        named = index < len(style.GROUPS) - 1
        _line(figure, rows, name, style.GROUPS[index] if named else style.CONTEXT, band=False)
        if named:
            _label_end(figure, figure.data[-1], html.escape(str(group))[:40], style.GROUPS[index])
    _value_axis(figure, frame, unit)
    title = f"{words.label(name)} of {words.plural(len(groups), 'group')}, each against its own past"
    return finish(figure, title, f"{main} of one {_period(frame)} · {unit}", "")


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


def _shade_unknown(figure: go.Figure, rows: pd.DataFrame) -> None:
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


def _value_axis(figure: go.Figure, rows: pd.DataFrame, unit: str) -> None:
    if unit == "share":
        highest = np.nanmax([*_scaled(rows["value"], unit).fillna(0), 10])
        figure.update_yaxes(ticksuffix=" %", range=[0, min(100, highest * 1.25)], nticks=6)
    elif unit in words.HOURS:
        known = _scaled(rows["value"].fillna(rows["low"]).dropna(), unit)
        figure.update_yaxes(**style.duration_axis([float(value) for value in known]))
    else:
        figure.update_yaxes(nticks=5, tickformat=",d" if unit == "count" and rows["value"].max() >= 4 else "")
    figure.update_xaxes(type="date")
