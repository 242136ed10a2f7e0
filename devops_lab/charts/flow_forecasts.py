"""When open milestones will be finished: from the even chance to the nearly sure day, beside the day they are due."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import time_axis
from devops_lab.charts.figures import finish, nothing
from devops_lab.charts.flow_rows import cut, name_rows
from devops_lab.language import Language, of

SHOWN = 12
_ROW = 44  # pixels per milestone
LIKELY = 0.85


def milestone_forecasts(rows: pd.DataFrame, *, t: Language | None = None) -> go.Figure:
    """Draw per milestone the days by which 50 % to 95 % of its futures are finished, a dot at 85 %.

    `rows` are those of the table ``milestone_forecasts`` that have dates: title, due_on, finish_50, finish_85,
    finish_95, on_time.  A milestone that is late in more than 15 % of its futures is an orange diamond; the upright
    stroke is the day it is due.
    """
    t = t or of()
    if rows.empty:
        reason = t("There is no forecast: no open milestone, or too little was closed lately to draw from.")
        return nothing("forecast", reason, t("No milestone to forecast"))
    shown = rows.sort_values("finish_85").head(SHOWN).iloc[::-1].to_dict("records")
    figure = go.Figure()
    for place, row in enumerate(shown):
        late = not words.missing(row["on_time"]) and row["on_time"] < LIKELY
        colour = style.FAILURE if late else style.ACCENT
        figure.add_trace(_mark(row, place, colour, "diamond" if late else "circle", t))
        figure.add_shape(
            type="line", x0=row["finish_50"], x1=row["finish_95"], y0=place, y1=place,
            line={"color": colour, "width": 3}, layer="below",
        )  # fmt: skip
    due = [(place, row["due_on"]) for place, row in enumerate(shown) if not words.missing(row["due_on"])]
    figure.add_trace(
        go.Scatter(
            x=[day for _, day in due], y=[place for place, _ in due], mode="markers",
            text=[t("due on {day}", day=t.day(day)) for _, day in due], hovertemplate="%{text}<extra></extra>",
            marker={"symbol": "line-ns", "size": 12, "line": {"width": 2, "color": style.INK}},
        )
    )  # fmt: skip
    name_rows(figure, [str(row["title"]) for row in shown], lift=18)
    days = [row[name] for row in shown for name in ("finish_50", "finish_95")] + [day for _, day in due]
    edge = (max(days) - min(days)) * 0.04 + timedelta(days=1)
    time_axis(figure, min(days) - edge, max(days) + edge, grid=True)
    figure.update_layout(separators=t.separators)
    subtitle = t("Line: from the day half of the futures are finished to the day 95 % are; mark: 85 %; stroke: due")
    return finish(figure, _title(rows, t), subtitle, "", height=70 + _ROW * len(shown))


def _mark(row: Any, place: int, colour: str, symbol: str, t: Language) -> go.Scatter:
    days = " · ".join(f"{share} %: {t.day(row[f'finish_{share}'])}" for share in (50, 85, 95))
    return go.Scatter(
        x=[row["finish_85"]], y=[place], mode="markers", text=[f"<b>{cut(row['title'])}</b><br>{days}"],
        marker={"size": 11, "color": colour, "symbol": symbol}, hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def _title(rows: pd.DataFrame, t: Language) -> str:
    known = rows[rows["on_time"].notna()]
    late = int((known["on_time"] < 0.5).sum())
    if not len(known):
        return t("No open milestone with a forecast has a due day")
    if late:
        return t("{late} of {all} open milestones will more likely than not be late", late=late, all=len(known))
    return t("All {all} open milestones will more likely than not be in time", all=len(known))
