"""The age of open work: a mark per item, beside how long finished ones took."""

from __future__ import annotations

import html
import math
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.figures import finish, nothing
from devops_lab.charts.flow_rows import cut, duration_axis
from devops_lab.language import Language, of

SHOWN = 25  # the oldest items; the rest is only counted
_ROW = 20  # pixels per item


def age_of_work(items: pd.DataFrame, usual: float, *, t: Language | None = None) -> go.Figure:
    """Draw how long each open item has been worked on; those older than `usual` are orange diamonds.

    `items` are the rows of ``metrics.work_item_age.observations`` (value in hours, id, title); `usual` is how many
    hours 85 % of the finished ones took at most, NaN where nothing was finished.
    """
    t = t or of()
    if items.empty:
        return nothing("age", t("Nothing is under way at the end of this window."), t("Nothing is under way"))
    items = items.sort_values("value", ascending=False, kind="stable")
    shown = items.head(SHOWN).iloc[::-1]
    late = shown["value"] > usual
    figure = go.Figure()
    axis = duration_axis([*shown["value"], *([] if words.missing(usual) else [usual])], t)
    floor = 10.0 ** axis["range"][0] if axis.get("type") == "log" else 0.0
    names = [html.escape(str(one)) for one in shown["id"]]
    for place, value in enumerate(shown["value"]):
        figure.add_shape(
            type="line", x0=floor, x1=value, y0=place, y1=place, line={"color": style.GRID, "width": 1.5}, layer="below"
        )
    for part, symbol, colour, size in ((~late, "circle", style.ACCENT, 9), (late, "diamond", style.FAILURE, 11)):
        _marks(figure, shown, part, symbol, colour, size, t)
    if not words.missing(usual):
        figure.add_vline(x=usual, line={"color": style.INK, "width": 1, "dash": "dot"})
        low, high = axis["range"]
        at = math.log10(usual) if axis.get("type") == "log" else usual
        right = (at - low) / (high - low) > 0.5
        figure.add_annotation(
            x=at, y=len(shown), showarrow=False, font_size=11, xanchor="right" if right else "left",
            xshift=-6 if right else 6,
            text=t("85 % of the finished ones took less"),
        )  # fmt: skip
    figure.update_xaxes(showgrid=True, tickangle=0, **axis)
    figure.update_yaxes(
        tickvals=list(range(len(shown))), ticktext=names, showgrid=False, range=[-0.7, len(shown) + 0.5]
    )
    subtitle = t("Time since the first sign of work on each open issue, the oldest first")
    if len(items) > SHOWN:
        subtitle += " · " + t("the oldest {shown} of {all}", shown=SHOWN, all=len(items))
    return finish(figure, _title(items, usual, t), subtitle, "", height=80 + _ROW * len(shown))


def _marks(figure: go.Figure, rows: Any, part: Any, symbol: str, colour: str, size: int, t: Language) -> None:
    places = [place for place, here in enumerate(part) if here]
    chosen = [rows.iloc[place] for place in places]
    figure.add_trace(
        go.Scatter(
            x=[float(row["value"]) for row in chosen],
            y=places,
            mode="markers",
            marker={"symbol": symbol, "color": colour, "size": size},
            text=[f"<b>{_called(row)}</b><br>{t.hours(float(row['value']))}" for row in chosen],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _called(row: Any) -> str:
    return cut(f"{row['id']} {'' if words.missing(row.get('title')) else row['title']}".strip())


def _title(items: pd.DataFrame, usual: float, t: Language) -> str:
    oldest = t.hours(float(items["value"].iloc[0]))
    late = int((items["value"] > usual).sum())
    if late:
        return t(
            "{late} of {all} issues under way are older than {usual}, which 85 % of the finished ones stayed below",
            late=late, all=len(items), usual=t.hours(usual),
        )  # fmt: skip
    return t("The oldest of {all} issues under way has been worked on for {oldest}", all=len(items), oldest=oldest)
