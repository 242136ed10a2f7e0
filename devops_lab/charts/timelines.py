"""Deployments as marks on a time axis, and the failed ones with a bar until they recovered."""

from __future__ import annotations

import html
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import time_axis
from devops_lab.charts.figures import MANY, finish, nothing, shift

UNSUCCESSFUL, UNATTRIBUTED = "unsuccessful", "unattributed"  # reasons the metrics give
NAME = 60  # characters of a name from outside
_ROW = 24  # pixels per row
_LABELLED = 1.6  # rows between two of which the lower has words above it
MANY_MARKS = 80  # from so many on they are drawn smaller
_APART = 0.015  # of the axis: closer bars would look like one
_ROWS = 8  # rows of recoveries; more of them share the last


def deployment_timeline(deployments: pd.DataFrame, failures: pd.DataFrame, *, timezone: str = "UTC") -> go.Figure:
    """Draw deployments on a time axis, and below them each failed one with a bar until it recovered.

    `deployments` are the rows of ``metrics.deployment_rework_rate.observations``, `failures` those of
    ``metrics.failed_deployment_recovery_time.observations``: the same rows as behind the numbers.  Success is a blue
    tick, unplanned an amber diamond, failed a red cross with its bar (not recovered: an arrow where knowledge ends), a
    rollout that did not get to production a hollow triangle, a failure attributed to no deployment a grey cross.
    """
    good = deployments[deployments["excluded"].isna()].sort_values("occurred_at", kind="stable")
    bad = deployments[deployments["excluded"] == UNSUCCESSFUL]
    recoveries = failures[failures["excluded"].isna()].sort_values("started_at", kind="stable")
    loose = failures[failures["excluded"] == UNATTRIBUTED]
    if good.empty and bad.empty:
        return nothing("deployments", str(deployments.attrs.get("reason", "No deployment finished in this window.")))
    failed = good[_pairs(good).isin(_pairs(recoveries))]
    plain = good.drop(failed.index)
    unplanned = plain["value"].gt(0)
    figure = go.Figure()
    _marks(figure, plain[~unplanned], 0, timezone, "line-ns", style.ACCENT, "deployed")
    _marks(figure, plain[unplanned], 0, timezone, "diamond", style.UNPLANNED, "deployed, unplanned")
    _marks(figure, failed, 0, timezone, "x", style.FAILURE, "deployed, failed")
    rows = _recovery_bars(figure, recoveries, timezone)
    below = -_LABELLED - (rows - 1 + _LABELLED if rows else 0)
    _marks(figure, bad, _LABELLED, timezone, "triangle-down-open", style.CONTEXT, "did not get to production")
    _marks(figure, loose, below, timezone, "x-open", style.CONTEXT, "attributed to no deployment")
    lanes: list[tuple[float, str, int]] = [
        (_LABELLED, "did not get to production", len(bad)),
        (0, _key(plain, unplanned, failed), len(good)),
        (-_LABELLED, "failed → recovered", rows),
        (below, "failures attributed to no deployment", len(loose)),
    ]
    for place, text, count in lanes:
        if count:
            _lane(figure, place, text)
    top = 1.3 + _LABELLED * bool(len(bad))
    bottom = -0.8 - (rows - 1 + _LABELLED if rows else 0) - _LABELLED * bool(len(loose))
    figure.update_yaxes(visible=False, range=[bottom, top], rangemode="normal")
    shown = pd.concat([good["occurred_at"], bad["occurred_at"], recoveries["ended_at"], loose["occurred_at"]])
    start, end = shift(shown.min(), timezone), shift(shown.max(), timezone)
    edge = (end - start) * 0.02 + timedelta(hours=6)
    time_axis(figure, start - edge, end + edge, grid=True)
    title, subtitle = _timeline_words(good, failed, recoveries, len(bad))
    return finish(figure, title, subtitle, "", height=60 + int((top - bottom) * _ROW))


def _pairs(rows: pd.DataFrame) -> pd.Series:
    return rows["service"].astype(str) + " " + rows["id"].astype(str)


def _key(plain: pd.DataFrame, unplanned: pd.Series, failed: pd.DataFrame) -> str:
    """Return the words above the deployments' row: which mark is what, naming only marks that are there."""
    said = ["deployments"]
    said += [f'<span style="color:{style.ACCENT}">❘</span> planned'] if (~unplanned).any() and unplanned.any() else []
    said += [f'<span style="color:{style.UNPLANNED}">◆</span> unplanned'] if unplanned.any() else []
    said += [f'<span style="color:{style.FAILURE}">✖</span> failed'] if len(failed) else []
    return "  ".join(said)


def _lane(figure: go.Figure, place: float, text: str) -> None:
    figure.add_annotation(
        x=0,
        xref="paper",
        y=place + 0.38,
        yanchor="bottom",
        xanchor="left",
        text=text,
        showarrow=False,
        font_size=12,
    )


def _name_of(row: Any) -> str:
    """Return what a rollout or a failure is called, cut and escaped: its title, else its id."""
    text = row.get("title")
    text = str(row["id"] if words.missing(text) or not text else text)
    return html.escape(text if len(text) <= NAME else text[: NAME - 1] + "…")


def _timeline_words(good: pd.DataFrame, failed: pd.DataFrame, recoveries: pd.DataFrame, bad: int) -> tuple[str, str]:
    total = words.plural(len(good), "deployment")
    subtitle = "Deployments to production by the time they finished"
    if bad:
        subtitle += f" · {words.plural(bad, 'rollout')} did not get there"
    if not len(failed):
        title = f"No failure is attributed to any of {total}" if len(good) > 1 else f"{total}, no failure attributed"
        return title, subtitle
    title = f"{words.whole(len(failed))} of {total} failed"
    ended = recoveries[~recoveries["censored"]]
    if len(ended):
        title += f"; the longest took {words.hours(float(ended['value'].max()))} to recover"
    if still := len(recoveries) - len(ended):
        title += f"; {words.whole(still)} {'has' if still == 1 else 'have'} not recovered"
    return title, subtitle + " · bars: until the last of their failures recovered"


def _recovery_bars(figure: go.Figure, recoveries: pd.DataFrame, timezone: str) -> int:
    """Draw recoveries in as few rows as keep them apart; return how many rows there are."""
    free: list[Any] = []
    small = 8 if len(recoveries) < MANY_MARKS else 5
    apart = (recoveries["ended_at"].max() - recoveries["started_at"].min()) * _APART if len(recoveries) else timedelta()
    for row in recoveries.to_dict("records"):
        since, until, is_open = row["started_at"], row["ended_at"], row["censored"]
        place = next((index for index, end in enumerate(free) if end + apart <= since), len(free))
        if place == len(free) and place < _ROWS:
            free.append(until)
        place = min(place, _ROWS - 1)
        free[place] = max(free[place], until)
        took = words.hours(float(row["value"]))
        said = f"<b>{_name_of(row)}</b><br>{'not recovered' if is_open else 'recovered'} after {took}"
        figure.add_trace(
            go.Scatter(
                x=[shift(since, timezone), shift(until, timezone)],
                y=[-_LABELLED - place] * 2,
                mode="lines+markers",
                line={"color": style.FAILURE, "width": small / 2},
                marker={
                    "symbol": ["x", "triangle-right" if is_open else "circle"],
                    "size": [small + 1, small + 3 if is_open else small],
                    "color": style.FAILURE,
                    "line": {"width": 0},
                },
                text=[said, said],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    return len(free)


def _marks(
    figure: go.Figure, rows: pd.DataFrame, place: float, timezone: str, symbol: str, colour: str, state: str
) -> None:
    """Draw one mark per row at its ``occurred_at``; beyond `MANY` rows neighbours share a mark that counts them."""
    if rows.empty:
        return
    records = rows.to_dict("records")
    said = [f"<b>{_name_of(row)}</b><br>{state}<br>{words.moment(row['occurred_at'], timezone)}" for row in records]
    times = [shift(row["occurred_at"], timezone) for row in records]
    if len(records) > MANY:
        instants = rows["occurred_at"].astype("datetime64[us]").astype("int64").to_numpy()
        bins = np.linspace(instants.min(), instants.max() + 1, MANY)
        _, first, counts = np.unique(np.digitize(instants, bins), return_index=True, return_counts=True)
        times = [times[index] for index in first]
        said = [
            said[index]
            if count == 1
            else f"{words.plural(int(count), 'mark')} from {times[at]:%Y-%m-%d %H:%M}<br>{state}"
            for at, (index, count) in enumerate(zip(first, counts, strict=True))
        ]
    line = symbol.startswith("line")
    figure.add_trace(
        go.Scatter(
            x=times,
            y=[place] * len(times),
            mode="markers",
            marker={
                "symbol": symbol,
                "size": (13 if line else 10) * (1 if len(times) < MANY_MARKS else 0.7),
                "color": colour,
                "line": {"width": 2 if line or "open" in symbol else 0, "color": colour},
            },
            text=said,
            hovertemplate="%{text}<extra></extra>",
        )
    )
