"""Events of ``lab.toml`` on a figure's time axis: a thin line or a band, a mark that tells on hover, a label."""

from __future__ import annotations

import html
from collections.abc import Sequence
from datetime import datetime

import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.figures import shift
from devops_lab.config.context import Event

EVENT = "rgba(128,136,148,0.75)"
SHADE = "rgba(184,122,0,0.10)"
AXIS = "yaxis9"  # of their own, so that no value's axis moves
LABEL = 24  # characters of a label; the whole text is on hover
SHORTEST = 8  # characters below which a cut label says nothing
_NARROW = 300  # pixels of the narrowest plot that a label must fit in: a phone's, or half a page
_CHARACTER = 6.4  # pixels of a label's character
_MARK = 14  # pixels between a mark and the next label
_ABOVE = 22  # pixels that marks and labels take above the plot


def mark_events(figure: go.Figure, events: Sequence[Event], *, timezone: str = "UTC") -> go.Figure:
    """Draw the events that touch the figure's time axis; return the figure.  One without such an axis stays as it is.

    An instant is a dotted line, time from … until a shaded band; above each stands a small triangle with the text on
    hover, and the text itself where there is room before the next one, on a phone too.
    """
    if figure.layout.xaxis.type != "date" or not figure.layout.xaxis.range:
        return figure
    first, last = (_moment(end) for end in figure.layout.xaxis.range)
    shown = [(event, *_span(event, timezone)) for event in events]
    shown = sorted((one for one in shown if one[1] < last and (one[2] or one[1]) >= first), key=lambda one: one[1])
    if not shown:
        return figure
    top = _make_room(figure)
    places = [max(start, first) for _, start, _ in shown]
    for (event, start, end), place, after in zip(shown, places, [*places[1:], last], strict=True):
        _line(figure, max(start, first), None if end is None else min(end, last), top)
        room = (after - place) / (last - first) * _NARROW
        characters = min(int((room - _MARK) / _CHARACTER), LABEL)
        if characters >= min(len(event.text), SHORTEST):
            cut = len(event.text) > characters
            _label(figure, place, event.text[: characters - 1].rstrip() + "…" if cut else event.text, top)
    figure.add_trace(
        go.Scatter(
            x=places,
            y=[0.0] * len(shown),
            yaxis="y9",
            mode="markers",
            cliponaxis=False,
            marker={"symbol": "triangle-down", "size": 9, "color": style.INK, "line": {"width": 0}},
            text=[_hover(event, start, end) for event, start, end in shown],
            hovertemplate="%{text}<extra></extra>",
            name="events",
        )
    )
    lane = {"domain": [top, 1], "anchor": "free", "range": [-0.35, 1], "visible": False, "fixedrange": True}
    figure.update_layout({AXIS: lane})
    meta = dict(figure.layout.meta or {})
    said = "; ".join(f"{event.text} ({words.day(event.span(timezone)[0], timezone)})" for event, _, _ in shown)
    figure.update_layout(meta=meta | {"alt": f"{meta.get('alt', '')} Events: {said}.".strip()})
    return figure


def _make_room(figure: go.Figure) -> float:
    """Make the figure higher by a lane above all its axes; return the lane's lower end as a share of the plot."""
    height, margin = figure.layout.height or style.LAYOUT["height"], figure.layout.margin
    plot = max(height - (margin.t or 0) - (margin.b or 0), _ABOVE)
    top = plot / (plot + _ABOVE)
    figure.update_layout(height=height + _ABOVE)
    for name in {"yaxis", *(key for key in figure.layout.to_plotly_json() if key.startswith("yaxis"))}:
        axis = figure.layout[name]
        low, high = axis.domain or (0, 1)
        axis.domain = [low * top, high * top]
    for one in (*figure.layout.annotations, *figure.layout.shapes):
        if one.yref == "paper":
            for end in ("y", "y0", "y1"):
                value = getattr(one, end, None)
                if value is not None and value <= 1:
                    setattr(one, end, value * top)
    return top


def _span(event: Event, timezone: str) -> tuple[datetime, datetime | None]:
    """Return when it began and ended as the local times that an axis shows."""
    start, end = event.span(timezone)
    return shift(start, timezone), None if end is None else shift(end, timezone)


def _moment(value: datetime | str) -> datetime:
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def _line(figure: go.Figure, start: datetime, end: datetime | None, top: float) -> None:
    """Draw the dotted line of an instant, or the band of a time."""
    if end is None:
        line = {"color": EVENT, "width": 1, "dash": "dot"}
        figure.add_shape(type="line", yref="paper", x0=start, x1=start, y0=0, y1=top, line=line)
    else:
        figure.add_shape(
            type="rect", yref="paper", x0=start, x1=end, y0=0, y1=top, fillcolor=SHADE, line_width=0, layer="below"
        )


def _label(figure: go.Figure, place: datetime, text: str, top: float) -> None:
    figure.add_annotation(
        x=place,
        y=top,
        yref="paper",
        text=html.escape(text),
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        xshift=6,
        yshift=-2,
        font_size=11,
    )


def _hover(event: Event, start: datetime, end: datetime | None) -> str:
    said = words.window(start, end) if end is not None else f"{start:%Y-%m-%d %H:%M}".removesuffix(" 00:00")
    about = "" if event.services == ["**"] else f"<br>{html.escape(', '.join(event.services))}"
    return f"<b>{html.escape(event.text)}</b><br>{said}{about}"
