"""Alerts by the hour of the day they began, those that were over before anybody could act apart."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.charts.keys import key
from devops_lab.language import Language, of

HOURS = 24


def alerts_by_hour(episodes: pd.DataFrame, *, timezone: str = "UTC", t: Language | None = None) -> go.Figure:
    """Draw how many alert episodes began in each hour of the day; those under five minutes are grey and hatched.

    `episodes` are the rows of ``metrics.alert_noise.observations``: occurred_at (UTC), value (1: shorter than five
    minutes), excluded.
    """
    t = t or of()
    rows = episodes[episodes["excluded"].isna()]
    if rows.empty:
        return nothing("alerts", t("No alert fired in this window."), t("No alert fired"))
    hours = pd.Series([shift(at, timezone).hour for at in rows["occurred_at"]], index=rows.index)
    short = rows["value"].gt(0)
    figure = go.Figure(layout={"barmode": "stack"})
    for chosen, name, colour, shape in (
        (~short, t("five minutes or longer"), style.ACCENT, ""),
        (short, t("under five minutes"), style.CONTEXT, "/"),
    ):
        counts = hours[chosen].value_counts().reindex(range(HOURS), fill_value=0)
        figure.add_trace(
            go.Bar(
                x=list(range(HOURS)),
                y=[int(count) for count in counts],
                width=0.78,
                marker={
                    "color": colour,
                    "line": {"width": 0},
                    "pattern": {"shape": shape, "fillmode": "replace", "size": 5},
                },
                text=[f"<b>{count}</b> · {hour:02d}–{hour + 1:02d}<br>{name}" for hour, count in counts.items()],
                textposition="none",
                hovertemplate="%{text}<extra></extra>",
            )
        )
    highest = int(hours.value_counts().max())
    figure.update_xaxes(tickvals=list(range(0, HOURS, 3)), ticktext=[f"{hour:02d}:00" for hour in range(0, HOURS, 3)])
    figure.update_yaxes(nticks=5, tickformat=",d", dtick=1 if highest <= 5 else None)
    signs = [("■", style.ACCENT, t("five minutes or longer")), ("▨", style.CONTEXT, t("under five minutes"))]
    key(figure, signs, 300)
    subtitle = t("Alerts by the hour of the day they began ({timezone})", timezone=timezone)
    return finish(figure, _title(hours, short, t), subtitle, "", height=300)


def _title(hours: pd.Series, short: pd.Series, t: Language) -> str:
    total = len(hours)
    if total < words.TOO_FEW:
        return t.many("{count} alert in this window", "{count} alerts in this window", total)
    night = float(((hours < 8) | (hours >= 18)).mean())
    return t(
        "{noise} of {count} alerts were over within five minutes; {night} came between 18:00 and 08:00",
        noise=t.number(words.share(float(short.mean()))),
        count=t.number(words.whole(total)),
        night=t.number(words.share(night)),
    )
