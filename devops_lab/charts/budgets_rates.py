"""How fast the error budget burned at each hour, over three spans, with the rate at which somebody should act."""

from __future__ import annotations

import html

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import time_axis
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.charts.keys import key
from devops_lab.language import Language, of

CUT = 5.0  # times the limit: higher burn rates are cut, their value is on hover
SPANS = {"1h": (1, 14.4), "6h": (6, 6.0), "3d": (72, 1.0)}  # span → hours, and the burn rate the SRE workbook acts on


def burn_rates(rates: pd.DataFrame, *, timezone: str = "UTC", t: Language | None = None) -> go.Figure:
    """Draw the burn rate over 1 hour, 6 hours and 3 days, a strip each, with the rate at which somebody should act.

    `rates` has one row per span and hour: span ("1h", "6h", "3d"), hour_end (UTC), rate (1 spends the budget in exactly
    28 days; of several services the highest) and service (whose it is).
    """
    t = t or of()
    if rates.empty:
        reason = t("No service level with an objective is known in these 28 days.")
        return nothing("burn_rate", reason, t("No burn rate to draw"))
    figure = go.Figure()
    alarms: dict[str, int] = {}
    cut = False
    height = 1 / len(SPANS)
    for place, (span, (_, limit)) in enumerate(SPANS.items()):
        rows = rates[rates["span"] == span].sort_values("hour_end")
        axis = "y" if not place else f"y{place + 1}"
        top = 1 - place * height
        highest = float(max(rows["rate"].max() if len(rows) else 0.0, limit))
        shown = min(highest, CUT * limit) * 1.1
        cut = cut or highest > CUT * limit
        figure.update_layout(
            {
                f"yaxis{axis[1:]}": {
                    **style.LAYOUT["yaxis"], "domain": [top - height * 0.74, top - height * 0.06],
                    "range": [0, shown], "tickvals": [0, limit], "ticktext": ["0", words.number(limit, 3)],
                    "anchor": "x",
                }
            }
        )  # fmt: skip
        _strip(figure, rows, limit, axis, timezone)
        alarms[span] = _runs(rows, limit)
        said = {
            "1h": t("over 1 hour: page somebody at 14.4"),
            "6h": t("over 6 hours: page somebody at 6"),
            "3d": t("over 3 days: open a ticket at 1"),
        }[span]
        figure.add_annotation(
            x=0, xref="paper", y=top - height * 0.03, yref="paper", text=t.number(said), showarrow=False,
            xanchor="left", yanchor="middle", font_size=12,
        )  # fmt: skip
    figure.update_layout(xaxis={"anchor": f"y{len(SPANS)}"})
    time_axis(figure, shift(rates["hour_end"].min(), timezone), shift(rates["hour_end"].max(), timezone))
    pages = alarms["1h"] + alarms["6h"]
    title = (
        t("The budget never burned fast enough to page somebody")
        if not pages
        else t.many(
            "The budget burned fast enough to page somebody {count} time",
            "The budget burned fast enough to page somebody {count} times",
            pages,
        )
    )
    several = rates["service"].nunique() > 1
    explained = [t("How many times faster than allowed the error budget burned; 1 spends it in exactly 28 days")]
    explained += [t("at each hour the service that burned fastest")] if several else []
    explained += [t("cut at five times the line")] if cut else []
    key(figure, [("■", style.FAILURE, t("over the line"))] if sum(alarms.values()) else [], 390)
    return finish(figure, title, " · ".join(explained), "", height=390)


def _strip(figure: go.Figure, rows: pd.DataFrame, limit: float, axis: str, timezone: str) -> None:
    times = [shift(at, timezone) for at in rows["hour_end"]]
    values = [float(rate) for rate in rows["rate"]]
    said = [
        f"<b>{words.number(rate)}</b> · {html.escape(str(service))}<br>{words.moment(at, timezone)}"
        for rate, service, at in zip(values, rows["service"], rows["hour_end"], strict=True)
    ]
    over = [rate if rate >= limit else None for rate in values]
    for shown, colour in ((values, style.ACCENT), (over, style.FAILURE)):
        figure.add_trace(
            go.Bar(
                x=times, y=shown, yaxis=axis, marker={"color": colour, "line": {"width": 0}}, text=said,
                width=3_600_000, textposition="none", hovertemplate="%{text}<extra></extra>",
            )
        )  # fmt: skip
    figure.add_shape(
        type="line", xref="paper", x0=0, x1=1, yref=axis, y0=limit, y1=limit,
        line={"color": style.FAILURE, "width": 1, "dash": "dot"},
    )  # fmt: skip
    figure.update_layout(barmode="overlay", bargap=0)


def _runs(rows: pd.DataFrame, limit: float) -> int:
    """Return how many times the rate rose to the limit: runs of hours at or over it."""
    over = rows["rate"].ge(limit).to_numpy()
    return int((over & ~pd.Series(over).shift(fill_value=False).to_numpy(bool)).sum())
