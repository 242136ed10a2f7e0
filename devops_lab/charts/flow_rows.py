"""Charts that have a row per name and durations across: the names stand above their rows, so that a phone has room."""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.language import Language

NAME = 48  # characters of a name from outside


def duration_axis(values: Sequence[float], t: Language) -> dict[str, Any]:
    """Return the axis of durations in hours with its ticks in the page's language."""
    axis = style.duration_axis([value for value in values if not words.missing(value)])
    return axis | {"ticktext": [t.number(said) for said in axis["ticktext"]]}


def name_rows(figure: go.Figure, names: Sequence[str], *, tail: bool = False, lift: int = 15) -> None:
    """Write each name above its row (rows are 0, 1, … from below); `tail` keeps the end of a name that is too long.

    `lift` is how many pixels above its row a name stands."""
    for place, name in enumerate(names):
        figure.add_annotation(
            x=0, xref="paper", y=place, yshift=lift, text=cut(name, tail=tail), showarrow=False, xanchor="left",
            font_size=12,
        )  # fmt: skip
    figure.update_yaxes(showticklabels=False, showgrid=False, range=[-0.5, len(names) - 0.2], rangemode="normal")


def cut(name: Any, *, tail: bool = False) -> str:
    """Return a name from outside, cut and escaped."""
    text = " ".join(str(name).split())
    if len(text) > NAME:
        text = "…" + text[-NAME + 1 :] if tail else text[: NAME - 1] + "…"
    return html.escape(text)
