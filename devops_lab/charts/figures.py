"""What every figure gets: the template, its words, its alternative text."""

from __future__ import annotations

import html
from datetime import datetime
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style

MANY = 600  # marks or steps beyond which neighbours are drawn as one


def shift(instant: Any, timezone: str) -> datetime:
    """Return an instant as the naive local time that an axis shows."""
    return words.local(pd.Timestamp(instant).to_pydatetime(), timezone)


def nothing(name: str, reason: str, title: str = "") -> go.Figure:
    """Return a figure that says why it is empty, instead of empty axes."""
    figure = go.Figure()
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return finish(figure, title or f"{words.label(name)}: nothing to draw", html.escape(reason), "", height=0)


def finish(figure: go.Figure, title: str, subtitle: str, spread: str, height: int = 340) -> go.Figure:
    """Put the template, the words and the alternative text on a figure."""
    layout = {key: value for key, value in style.LAYOUT.items() if key not in ("margin", "height")}
    margin = {
        **style.LAYOUT["margin"],
        **{key: value for key, value in figure.layout.margin.to_plotly_json().items() if value is not None},
    }
    figure.update_layout(
        template=go.layout.Template(layout=layout),
        height=height + margin["t"],
        margin=margin,
        title={
            "text": style.wrapped(title),
            "subtitle": {"text": style.wrapped(subtitle, 110), "font": {"size": 12.5}},
        },
        meta={
            "title": title,
            "subtitle": html.unescape(subtitle),
            "alt": f"{title}. {html.unescape(subtitle)}.{spread}",
        },
    )
    return figure
