"""Sizes of pull requests against the time they wait for an approval, and how reviews are spread over people."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.figures import MANY, finish, nothing
from devops_lab.charts.flow_rows import cut, duration_axis
from devops_lab.language import Language, of

LEAST = 12  # pull requests below which thirds say nothing
CLEAR = 1.96
SHARES = [0, 25, 50, 75, 100]


def size_against_review(rows: pd.DataFrame, *, t: Language | None = None) -> go.Figure:
    """Draw each merged pull request by its lines (logarithmic) and the hours from ready to the last approval.

    `rows` has lines, hours, id, title.  Three orange diamonds are the medians of the smallest, middle and largest
    third.  The title claims a relation only where ranks agree (Spearman, 95 %).
    """
    t = t or of()
    rows = rows[(rows["lines"] > 0) & (rows["hours"] > 0)]
    if len(rows) < LEAST:
        few = t("Only {count} merged pull requests have both a size and an approval.", count=len(rows))
        return nothing("size", few, t("Too few pull requests to compare size and review time"))
    ordered = rows.sort_values("lines", kind="stable")
    thirds = [ordered.iloc[part] for part in np.array_split(np.arange(len(ordered)), 3)]
    shown = rows if len(rows) <= MANY else rows.sample(MANY, random_state=1)
    figure = go.Figure(
        go.Scatter(
            x=shown["lines"].tolist(),
            y=shown["hours"].tolist(),
            mode="markers",
            marker={"size": 7, "color": style.ACCENT, "opacity": 0.45},
            text=[_hover(row, t) for row in shown.to_dict("records")],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    middles = [(float(part["lines"].median()), float(part["hours"].median())) for part in thirds]
    figure.add_trace(
        go.Scatter(
            x=[x for x, _ in middles],
            y=[y for _, y in middles],
            mode="lines+markers",
            line={"color": style.FAILURE, "width": 2},
            marker={"symbol": "diamond", "size": 12, "color": style.FAILURE},
            text=[f"<b>{t.hours(y)}</b><br>{t.number(words.whole(round(x)))} {t('lines')}" for x, y in middles],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    low, high = float(rows["lines"].min()), float(rows["lines"].max())
    places = [place for place in (1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 100000) if low / 2 <= place <= high * 2]
    said = [t.number(f"{place:,}") for place in places]
    figure.update_xaxes(type="log", tickvals=places, ticktext=said, showgrid=True, tickangle=0)
    figure.update_yaxes(**duration_axis(rows["hours"].tolist(), t))
    subtitle = t(
        "Lines changed (across) and time from ready to the last approval (up); diamonds: medians of each third"
    )
    return finish(figure, _title(rows, middles, t), subtitle, "", height=360)


def review_load(loads: pd.DataFrame, *, t: Language | None = None) -> go.Figure:
    """Draw how many reviews one person does in a week, as the share of persons' weeks with at most so many.

    `loads` are the counted rows of ``metrics.review_load.observations``; nobody is named in them.
    """
    t = t or of()
    values = np.sort(loads["value"].dropna().to_numpy(float)) if len(loads) else np.array([])
    if not len(values):
        reason = t("Shown from five reviewers in a week on, so that nobody can be picked out.")
        return nothing("reviews", reason, t("Too few reviewers to show how reviews are spread"))
    points, counts = np.unique(values, return_counts=True)
    shares = counts.cumsum() / len(values) * 100
    figure = go.Figure(
        go.Scatter(
            x=points.tolist(),
            y=shares.tolist(),
            mode="lines+markers",
            line={"color": style.ACCENT, "width": 2.5, "shape": "hv"},
            marker={"size": 8},
            text=[
                t("{share} did at most {count}", share=t.number(words.share(share / 100)), count=int(point))
                for point, share in zip(points, shares, strict=True)
            ],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    most, half = int(points[-1]), float(np.median(values))
    figure.update_xaxes(showgrid=True, tickangle=0, range=[0, most * 1.05], nticks=8)
    figure.update_yaxes(range=[0, 103], tickvals=SHARES, ticktext=[f"{share} %" for share in SHARES])
    tenth = values[-max(1, round(len(values) / 10)) :].sum() / values.sum()
    title = t(
        "The busiest tenth does {share} of the reviews; half of the weeks see {half} or fewer",
        share=t.number(words.share(float(tenth))), half=t.number(words.number(half)),
    )  # fmt: skip
    subtitle = t(
        "Share of {count} weeks of one person each with at most so many reviews", count=t.number(f"{len(values):,}")
    )
    return finish(figure, title, subtitle, "", height=280)


def rank_correlation(first: pd.Series, second: pd.Series) -> tuple[float, bool]:
    """Return Spearman's correlation and whether it is clear at 95 % (Fisher's approximation)."""
    found = float(first.rank().corr(second.rank()))
    if len(first) < LEAST or words.missing(found):
        return 0.0, False
    deviate = abs(np.arctanh(np.clip(found, -0.999999, 0.999999))) * np.sqrt((len(first) - 3) / 1.06)
    return found, bool(deviate > CLEAR)


def _title(rows: pd.DataFrame, middles: list[tuple[float, float]], t: Language) -> str:
    found, clear = rank_correlation(rows["lines"], rows["hours"])
    small, large = t.hours(middles[0][1]), t.hours(middles[-1][1])
    if clear and (middles[-1][1] - middles[0][1]) * found > 0:
        if found > 0:
            return t(
                "Large pull requests wait longer for their approval: {large}, small ones {small}",
                large=large,
                small=small,
            )
        return t("Large pull requests are approved sooner: {large}, small ones {small}", large=large, small=small)
    return t(
        "Size and review time show no clear relation: half are approved within {value}",
        value=t.hours(float(rows["hours"].median())),
    )


def _hover(row: Any, t: Language) -> str:
    name = cut(f"{row['id']} {row.get('title') or ''}".strip())
    return f"<b>{name}</b><br>{t.number(words.whole(row['lines']))} {t('lines')} · {t.hours(float(row['hours']))}"
