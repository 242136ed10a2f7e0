"""The promotion funnel: how many versions reach each step on the way to production, and where the others stay."""

from __future__ import annotations

import html
from collections.abc import Sequence

import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.figures import finish, nothing
from devops_lab.language import Language, of

_BAR = 44  # pixels per step


def promotion_funnel(steps: Sequence[tuple[str, int]], *, goal: str = "", t: Language | None = None) -> go.Figure:
    """Draw one bar per step, each at most as long as the one above, with the share that is left of the first.

    `steps` are (name, versions that got so far), the first one first; `goal` names the step whose share is the
    chart's finding (the last one where it is empty).
    """
    t = t or of()
    if not steps or not steps[0][1]:
        reason = t("No version was deployed to staging in this window, so there is nothing to promote.")
        return nothing("promotion", reason, t("No version in staging"))
    first = steps[0][1]
    names = [html.escape(name) for name, _ in steps]
    counts = [count for _, count in steps]
    said = [
        t.number(f"{words.whole(count)} · {words.share(count / first)}" if place else words.whole(count))
        for place, count in enumerate(counts)
    ]
    figure = go.Figure(
        go.Bar(
            x=counts,
            y=list(range(len(steps))),
            orientation="h",
            width=0.52,
            marker={"color": [style.ACCENT if place else style.CONTEXT for place in range(len(steps))]},
            text=said,
            textposition="outside",
            cliponaxis=False,
            textfont={"size": 13},
            hovertext=[_lost(counts, place, name, t) for place, name in enumerate(names)],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    for place, name in enumerate(names):
        figure.add_annotation(
            x=0, y=place - 0.4, text=name, showarrow=False, xanchor="left", yanchor="middle", font_size=12
        )
    figure.update_yaxes(visible=False, range=[len(steps) - 0.5, -0.75], rangemode="normal")
    figure.update_xaxes(visible=False, range=[0, first * 1.3])
    reached = next((count for name, count in steps if name == goal), counts[-1])
    title = t(
        "{share} of the versions that reach staging get to production", share=t.number(words.share(reached / first))
    )
    subtitle = t("Versions (commits) first deployed to staging in this window · how many got so far, of all of them")
    return finish(figure, title, subtitle, "", height=30 + int(_BAR * 1.25 * len(steps)))


def _lost(counts: Sequence[int], place: int, name: str, t: Language) -> str:
    lines = [f"<b>{name}</b>", words.whole(counts[place])]
    if place:
        lines.append(t.many("{count} got no further", "{count} got no further", counts[place - 1] - counts[place]))
    return "<br>".join(lines)
