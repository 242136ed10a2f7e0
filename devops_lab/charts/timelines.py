"""Deployments as marks on a time axis, and the failed ones with a bar until they recovered."""

from __future__ import annotations

import html
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.figures import MANY, finish, nothing, shift

_ROW = 39  # pixels per row
_ROWS = 8  # rows of recoveries; more of them share the last


def deployment_timeline(
    deployments: pd.DataFrame, failures: pd.DataFrame, *, as_of: datetime | None = None, timezone: str = "UTC"
) -> go.Figure:
    """Draw deployments on a time axis, and below them each failed one with a bar until it recovered.

    `deployments` and `failures` are rows of the stored tables; excluded ones are not drawn.  Success is a blue tick,
    unplanned an amber diamond, failed a red cross with its bar (open end: an arrow at `as_of`), a rollout that did not
    get to production a hollow triangle.  A failure that nothing is attributed to is a grey cross.
    """
    rollouts = deployments[deployments["excluded"].isna() & deployments["finished_at"].notna()].sort_values(
        "finished_at"
    )
    counted = failures[failures["excluded"].isna()]
    if rollouts.empty:
        return nothing("deployments", "No deployment finished in this window.")
    good = rollouts[rollouts["result"] == "success"]
    recoveries = _recoveries(good, counted, as_of)
    failed = good[good["id"].isin(recoveries["id"])] if len(recoveries) else good.iloc[:0]
    plain = good[~good["id"].isin(failed["id"])]
    unplanned = plain["unplanned"].fillna(False).astype(bool)
    figure = go.Figure()
    _marks(figure, plain[~unplanned], 0, timezone, "line-ns", style.ACCENT, "deployed")
    _marks(figure, plain[unplanned], 0, timezone, "diamond", style.UNPLANNED, "deployed, unplanned")
    _marks(figure, failed, 0, timezone, "x", style.FAILURE, "deployed, failed")
    rows = _recovery_bars(figure, recoveries, timezone, as_of)
    bad = rollouts[rollouts["result"] == "failure"]
    _marks(figure, bad, 1, timezone, "triangle-down-open", style.CONTEXT, "did not reach production")
    loose = counted[counted["deployment_id"].isna() & counted["started_at"].notna()]
    _marks(
        figure,
        loose.rename(columns={"started_at": "finished_at"}),
        -rows - 1,
        timezone,
        "x-open",
        style.CONTEXT,
        "attributed to nothing",
    )
    labels = [(1, "did not get to production", len(bad)), (0, "deployments", 1), (-1, "failed, until recovered", rows)]
    labels.append((-rows - 1, "failures attributed to no deployment", len(loose)))
    for place, text, count in labels:
        if count:
            figure.add_annotation(
                x=0,
                xref="paper",
                y=place + 0.3,
                yanchor="bottom",
                xanchor="left",
                text=text,
                showarrow=False,
                font_size=12,
            )
    top, bottom = 1.2 + bool(len(bad)), -0.6 - rows - bool(len(loose))
    figure.update_yaxes(visible=False, range=[bottom, top], rangemode="normal")
    start, end = shift(rollouts["finished_at"].min(), timezone), shift(_end(rollouts, recoveries, as_of), timezone)
    edge = (end - start) * 0.02 + timedelta(hours=6)
    figure.update_xaxes(type="date", showgrid=True, range=[start - edge, end + edge])
    title, subtitle = _timeline_words(good, failed, recoveries, len(bad))
    return finish(figure, title, subtitle, "", height=110 + int((top - bottom) * _ROW))


def _name_of(row: Any) -> str:
    """Return what a rollout or a failure is called, cut and escaped: its ref or title, else its id."""
    for key in ("ref", "title", "id", "failure_id"):
        text = row.get(key)
        if not words.missing(text) and text:
            text = str(text)
            return html.escape(text if len(text) <= 60 else text[:59] + "…")
    return "?"


def _timeline_words(good: pd.DataFrame, failed: pd.DataFrame, recoveries: pd.DataFrame, bad: int) -> tuple[str, str]:
    total = words.plural(len(good), "deployment")
    subtitle = "Successful deployments to production by the time they finished"
    if bad:
        subtitle += f" · {words.plural(bad, 'rollout')} did not get there"
    if not len(failed):
        return f"No failure is attributed to any of {total}" if len(
            good
        ) != 1 else "The one deployment has no failure", subtitle
    title = f"{words.whole(len(failed))} of {total} failed"
    still = int(recoveries["open"].sum())
    ended = recoveries[~recoveries["open"]]
    if len(ended):
        longest = ended.loc[(ended["until"] - ended["since"]).idxmax()]
        title += (
            f"; the longest took {words.hours((longest['until'] - longest['since']).total_seconds() / 3600)} to recover"
        )
    if still:
        title += f"; {words.whole(still)} still {'has' if still == 1 else 'have'} not recovered"
    return title, subtitle + " · bars: until the last of their failures recovered"


def _recoveries(good: pd.DataFrame, failures: pd.DataFrame, as_of: datetime | None) -> pd.DataFrame:
    """Return one row per failed deployment: id, name, since, until, open (one failure has not recovered)."""
    columns = ["id", "name", "since", "until", "open", "count"]
    joined = failures[failures["deployment_id"].notna()].merge(
        good[["service", "id", "finished_at", "ref"]].rename(columns={"id": "deployment_id"}),
        on=["service", "deployment_id"],
    )
    rows = []
    for (_, identity), group in joined.groupby(["service", "deployment_id"], sort=False):
        since = group["finished_at"].iloc[0]
        is_open = bool(group["recovered_at"].isna().any())
        until = (as_of or since) if is_open else group["recovered_at"].max()
        name = _name_of({"ref": group["ref"].iloc[0], "id": identity})
        rows.append((identity, name, since, max(until, since), is_open, len(group)))
    return pd.DataFrame(rows, columns=columns).sort_values("since", kind="stable")


def _recovery_bars(figure: go.Figure, recoveries: pd.DataFrame, timezone: str, as_of: datetime | None) -> int:
    """Draw recoveries in as few rows as keep them apart; return how many rows there are."""
    free: list[Any] = []
    for row in recoveries.to_dict("records"):
        place = next((index for index, end in enumerate(free) if end <= row["since"]), len(free))
        if place == len(free) and place < _ROWS:
            free.append(row["until"])
        place = min(place, _ROWS - 1)
        free[place] = max(free[place], row["until"])
        ends = [shift(row["since"], timezone), shift(row["until"], timezone)]
        took = words.hours((row["until"] - row["since"]).total_seconds() / 3600)
        state = f"not recovered after {took}" if row["open"] else f"recovered after {took}"
        said = f"<b>{row['name']}</b><br>{state}<br>{words.plural(row['count'], 'failure')}"
        figure.add_trace(
            go.Scatter(
                x=ends,
                y=[-1 - place] * 2,
                mode="lines+markers",
                line={"color": style.FAILURE, "width": 4},
                marker={
                    "symbol": ["x", "triangle-right" if row["open"] else "circle"],
                    "size": [9, 11 if row["open"] else 8],
                    "color": style.FAILURE,
                },
                text=[said, said],
                hovertemplate="%{text}<extra></extra>",
            )
        )
    return len(free)


def _marks(
    figure: go.Figure, rows: pd.DataFrame, place: float, timezone: str, symbol: str, colour: str, state: str
) -> None:
    """Draw one mark per row at its ``finished_at``; beyond `MANY` rows neighbours share a mark that counts them."""
    if rows.empty:
        return
    records = rows.to_dict("records")
    said = [f"<b>{_name_of(row)}</b><br>{state}<br>{words.moment(row['finished_at'], timezone)}" for row in records]
    times = [shift(row["finished_at"], timezone) for row in records]
    if len(records) > MANY:
        instants = rows["finished_at"].astype("datetime64[us]").astype("int64").to_numpy()
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
                "size": 13 if line else 10,
                "color": colour,
                "line": {"width": 2 if line or "open" in symbol else 0, "color": colour},
            },
            text=said,
            hovertemplate="%{text}<extra></extra>",
        )
    )


def _end(rollouts: pd.DataFrame, recoveries: pd.DataFrame, as_of: datetime | None) -> Any:
    ends = [rollouts["finished_at"].max(), *recoveries["until"]]
    return max(end for end in ends if not words.missing(end))
