"""The loop as a wheel: eight phases round a circle, each with its headline value as people say it."""

from __future__ import annotations

import html
import math
import textwrap
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.figures import finish
from devops_lab.charts.loop_names import NAMES
from devops_lab.language import Language, of

PHASES = ("plan", "code", "build", "test", "release", "deploy", "operate", "monitor")
LINE = 16  # characters of a line beside the wheel: it has to fit a phone
VALUE_LINE = 14  # and of the value
LARGE, SMALL = 13.5, 11  # pixels of a value, and of one with so many characters:
LONG = 13
REASON_LINES = 3
_NEAR_ONE = 0.9  # shares beyond keep the digits in which they differ
_REACH = 2.42  # half the picture's width and height, in radii
_ROWS = (1.62, 0.58, -0.58, -1.62)  # where the words stand, in radii
_SIDE = 1.16  # how far from the middle the words begin


def loop_wheel(values: Mapping[str, Any], *, centre: str = "", title: str = "", t: Language | None = None) -> go.Figure:
    """Draw the eight phases round a circle, clockwise from plan at the top right.

    `values` has, for each phase, a row of ``Metric.window`` (metric, unit, value, n, low, high), to which ``label``
    may give another name; or a text, or ``value`` missing with a ``reason``: why nothing is known, which is drawn grey.
    `centre` is said in the middle ("12 days|from issue to production": a "|" breaks the line).
    """
    t = t or of()
    figure = go.Figure()
    said = {phase: _said(values.get(phase, t("not measured")), t) for phase in PHASES}
    known = [phase for phase in PHASES if said[phase][0]]
    _ring(figure)
    for index, phase in enumerate(PHASES):
        _phase(figure, index, t(NAMES[phase]), said[phase])
    _dots(figure, said, t)
    if centre:
        first, _, rest = centre.partition("|")
        lines = [f"<b>{html.escape(first)}</b>", *map(html.escape, textwrap.wrap(rest, 16))]
        _words(figure, 0, 0, "<br>".join(lines), 13, "center", style.INK)
    figure.update_xaxes(visible=False, range=[-_REACH, _REACH])
    figure.update_yaxes(visible=False, range=[-2.25, 2.25], rangemode="normal", scaleanchor="x", scaleratio=1)
    figure.update_layout(margin={"l": 0, "r": 0})
    dark = [phase for phase in PHASES if phase not in known]
    finding = title or _finding(known, dark, t)
    spread = " " + " ".join(f"{t(NAMES[phase])}: {' '.join(said[phase][2])}." for phase in PHASES)
    subtitle = t("Headline of each phase · small: observations and 95 % interval")
    return finish(figure, finding, subtitle, spread, height=396)


def _finding(known: list[str], dark: list[str], t: Language) -> str:
    if not dark:
        return t("All eight phases of the loop are measured")
    if not known:
        return t("No phase of the loop is measured yet")
    names = [t(NAMES[phase]).lower() for phase in dark]
    named = names[0] if len(names) == 1 else t("{some} and {last}", some=", ".join(names[:-1]), last=names[-1])
    return t(
        "{count} of 8 phases of the loop are measured; nothing is known of {phases}", count=len(known), phases=named
    )


def _said(row: Any, t: Language) -> tuple[bool, str, list[str]]:
    """Return whether a phase has a value, the HTML beside its node, and the same in plain lines."""
    if isinstance(row, str) or row is None or _nothing(row):
        reason = row if isinstance(row, str) else (row or {}).get("reason") or t("nothing happened")
        lines = textwrap.wrap(reason, LINE)
        if len(lines) > REASON_LINES:
            lines = [*lines[: REASON_LINES - 1], lines[REASON_LINES - 1][: LINE - 1].rstrip() + "…"]
        return False, "<br>".join([t("no data"), *map(html.escape, lines)]), [f"{t('no data')},", reason]
    unit, metric = str(row["unit"]), str(row["metric"])
    count = 0 if words.missing(row["n"]) else row["n"]
    spread, seen, answer = t.number(_spread(row, unit)), t.number(words.whole(count)), t.number(words.answer(row))
    label = str(row.get("label") or t.label(metric).lower())
    small = textwrap.wrap(label, LINE) + _evidence(seen, spread)
    if row.get("too_few"):
        small = [*textwrap.wrap(label, LINE), t("too few: {count}", count=seen)]
    value = "<br>".join(html.escape(line) for line in textwrap.wrap(answer, VALUE_LINE))
    text = f'<span style="font-size:{SMALL if len(answer) >= LONG else LARGE}px"><b>{value}</b></span>'
    return True, "<br>".join([text, *map(html.escape, small)]), [answer, *small]


def _evidence(seen: str, spread: str) -> list[str]:
    """Return observations and interval in one line, in two where they would not fit."""
    if not spread:
        return [f"n {seen}"]
    both = f"{seen} · {spread}"
    return [both] if len(both) <= LINE else [f"n {seen}", spread]


def _spread(row: Mapping[str, Any], unit: str) -> str:
    """Return the interval without its unit where the value above has the same: "2.7–23"."""
    low, high = row.get("low", math.nan), row.get("high", math.nan)
    if unit == "share" and not words.missing(low) and low > _NEAR_ONE and not words.missing(high):
        return f"{words.share(low).partition(words.SPACE)[0]}–{words.share(high).partition(words.SPACE)[0]}"
    spread = words.interval(row.get("low", math.nan), row.get("high", math.nan), unit)
    _, _, said = words.answer(row).replace(words.SPACE, " ").partition(" ")
    return spread.replace(words.SPACE, " ").removesuffix(said).strip() if said else spread


def _nothing(row: Mapping[str, Any]) -> bool:
    return words.answer(row) == words.MISSING


def _place(index: float, radius: float = 1.0) -> tuple[float, float]:
    """Return where the node of a phase lies: clockwise, the first one right of the top."""
    angle = math.radians(67.5 - 45 * index)
    return radius * math.cos(angle), radius * math.sin(angle)


def _ring(figure: go.Figure) -> None:
    """Draw the circle as eight arcs, each with an arrowhead in its middle that points the way round."""
    steps = [_place(8 * step / 120) for step in range(121)]
    figure.add_trace(
        go.Scatter(
            x=[x for x, _ in steps],
            y=[y for _, y in steps],
            mode="lines",
            hoverinfo="skip",
            line={"color": style.CONTEXT, "width": 1.5},
        )
    )
    middles = [_place(index + 0.5) for index in range(8)]
    figure.add_trace(
        go.Scatter(
            x=[x for x, _ in middles],
            y=[y for _, y in middles],
            mode="markers",
            hoverinfo="skip",
            marker={
                "symbol": "triangle-up",
                "size": 10,
                "color": style.CONTEXT,
                "line": {"width": 0},
                "angle": [45 * (index + 1) + 90 for index in range(8)],
            },
        )
    )


def _dots(figure: go.Figure, said: Mapping[str, tuple[bool, str, list[str]]], t: Language) -> None:
    places = [_place(index) for index in range(8)]
    figure.add_trace(
        go.Scatter(
            x=[x for x, _ in places],
            y=[y for _, y in places],
            mode="markers",
            marker={
                "symbol": ["circle" if said[phase][0] else "circle-open" for phase in PHASES],
                "size": 15,
                "color": [style.ACCENT if said[phase][0] else style.CONTEXT for phase in PHASES],
                "line": {"width": 2, "color": style.CONTEXT},
            },
            text=[f"<b>{t(NAMES[phase])}</b><br>{'<br>'.join(map(html.escape, said[phase][2]))}" for phase in PHASES],
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _phase(figure: go.Figure, index: int, name: str, said: tuple[bool, str, list[str]]) -> None:
    """Write a phase's words beside the wheel, and a thin line from its node to them."""
    right = index < 4
    x, y = _place(index)
    row = _ROWS[index] if right else _ROWS[7 - index]
    side = _SIDE if right else -_SIDE
    colour = style.INK if said[0] else style.CONTEXT
    figure.add_shape(
        type="line", x0=x * 1.12, y0=y * 1.12, x1=side * 0.96, y1=row, layer="below",
        line={"color": style.GRID, "width": 1},
    )  # fmt: skip
    text = f"<b>{name}</b><br>{said[1]}"
    _words(figure, side, row, text, 11, "left" if right else "right", colour)


def _words(figure: go.Figure, x: float, y: float, text: str, size: float, align: str, colour: str) -> None:
    figure.add_annotation(
        x=x, y=y, text=text, showarrow=False, font={"size": size, "color": colour}, align=align, xanchor=align,
        yanchor="middle",
    )  # fmt: skip
