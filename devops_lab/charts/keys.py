"""The key of a chart (which mark is what) inside the figure, whose title a report takes out; ticks in a language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from devops_lab.language import Language

_LINE = 30  # pixels that the key takes


def key(figure: go.Figure, parts: Sequence[tuple[str, str, str]], height: int) -> None:
    """Write the key above everything that is drawn; `parts` are (sign, colour, words), none: nothing changes.

    The axes and what stands at a height of the paper make room for it; `height` is that of the figure in pixels.
    """
    if not parts:
        return
    left = 1 - _LINE / height
    figure.update_layout(yaxis={})
    for axis in figure.select_yaxes():
        low, high = axis.domain or (0.0, 1.0)
        axis.domain = [low * left, high * left]
    for note in figure.layout.annotations:
        if note.yref == "paper":
            note.y = note.y * left
    said = "   ".join(f'<span style="color:{colour}">{sign}</span> {words}' for sign, colour, words in parts)
    figure.add_annotation(
        x=0, xref="paper", xanchor="left", y=1, yref="paper", yanchor="top", text=said, showarrow=False, font_size=12
    )


def spoken(axis: Mapping[str, Any], t: Language) -> dict[str, Any]:
    """Return an axis' settings with the words of its ticks in a language: "5 days" → "5 hari"."""
    return {**axis, "ticktext": [t.number(str(text)) for text in axis["ticktext"]]}
