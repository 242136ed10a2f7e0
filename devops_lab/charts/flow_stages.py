"""The parts of a pull request as a waterfall: each begins where the one before ends, and they add up to the whole."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.figures import finish, nothing
from devops_lab.charts.flow_rows import duration_axis, name_rows
from devops_lab.language import Language, of

_ROW = 58  # pixels per part


def stage_waterfall(
    parts: Sequence[tuple[str, float, float, bool]], count: int, *, t: Language | None = None
) -> go.Figure:
    """Draw parts of a time one below the other, each where the one before ends; waiting is amber, working blue.

    `parts` are (name, mean hours, median hours, True where somebody waits) in order; means, because only they add up.
    `count` is over how many pull requests.
    """
    t = t or of()
    total = sum(mean for _, mean, _, _ in parts)
    if not count or total <= 0:
        return nothing("parts", t("No pull request with all four parts was merged."), t("No parts to draw"))
    figure, since = go.Figure(), 0.0
    for place, (name, mean, median, waits) in zip(reversed(range(len(parts))), parts, strict=True):
        colour = style.UNPLANNED if waits else style.ACCENT
        said = f"{t.hours(mean)} · {t.number(words.share(mean / total))}"
        half = t("half take {value} or less", value=t.hours(median))
        figure.add_trace(
            go.Bar(
                x=[mean], y=[place], base=[since], orientation="h", width=0.4,
                marker={
                    "color": colour,
                    "pattern": {"shape": "/" if waits else "", "fgcolor": colour, "fillmode": "replace"},
                },
                text=[f"<b>{name}</b><br>{said}<br>{half}"], textposition="none",
                hovertemplate="%{text}<extra></extra>",
            )
        )  # fmt: skip
        right = since + mean > total * 0.6
        figure.add_annotation(
            x=since if right else since + mean, y=place, text=said, showarrow=False, font_size=12,
            xanchor="right" if right else "left", xshift=-8 if right else 8,
        )  # fmt: skip
        since += mean
    axis = duration_axis([total], t)
    if axis.get("type") == "log":
        axis = {}
    figure.update_xaxes(showgrid=True, tickangle=0, **{**axis, "range": [0, total * 1.02]})
    name_rows(figure, [name for name, _, _, _ in reversed(parts)], lift=20)
    name, mean, _, _ = max(parts, key=lambda part: part[1])
    share = t.number(words.share(mean / total))
    title = t("{part} takes {share} of the time from first commit to merge", share=share, part=name)
    subtitle = t(
        "Mean hours of {count} merged pull requests whose four parts are known; hatched: waiting", count=f"{count:,}"
    )
    return finish(figure, title, subtitle, "", height=60 + _ROW * len(parts))
