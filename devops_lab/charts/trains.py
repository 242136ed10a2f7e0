"""The release train: each release on its line of time, how much it carried and how long that had waited."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import time_axis
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.charts.keys import key, spoken
from devops_lab.language import Language, of

MOST_LINES = 12
_MARKS = {"release": ("circle", style.ACCENT), "patch": ("diamond", style.UNPLANNED)}
_EARLY = ("circle-open", style.CONTEXT)
_LANE = 46  # pixels per line of the train
_PLAIN, _LARGEST = 11.0, 30.0  # pixels: a release of unknown size, and the largest of all


def release_train(releases: pd.DataFrame, *, timezone: str = "UTC", t: Language | None = None) -> go.Figure:
    """Draw releases on a line of time, one line per service; the area of a mark is the number of changes in it.

    `releases` has one row per release: service, tag, released_at (UTC), kind (release, patch or pre-release), size
    (changes, missing where unknown) and waited (hours: the median from merge to release, missing where unknown).
    One service alone also gets what waited, below its line.
    """
    t = t or of()
    rows = releases.sort_values(["service", "released_at"], kind="stable")
    if rows.empty:
        return nothing("releases", t("No release was published in this window."), t("No release in this window"))
    counts = rows["service"].value_counts()
    lines = sorted(sorted(counts.index, key=lambda name: (-counts[name], name))[:MOST_LINES])
    shown = rows[rows["service"].isin(lines)]
    figure = go.Figure()
    for place, name in enumerate(reversed(lines)):
        _line(figure, shown[shown["service"] == name], place, name if len(lines) > 1 else "", timezone, t)
    start, end = shift(shown["released_at"].min(), timezone), shift(shown["released_at"].max(), timezone)
    edge = (end - start) * 0.04 + timedelta(days=1)
    figure.update_yaxes(visible=False, range=[-0.55, len(lines) - 0.25], rangemode="normal")
    waited = len(lines) == 1 and shown["waited"].notna().any()
    if waited:
        _waited(figure, shown, timezone, t)
    time_axis(figure, start - edge, end + edge, grid=True)
    if not waited:
        figure.update_yaxes(domain=[0, 1])
    subtitle = _subtitle(shown, bool(waited), len(counts) - len(lines), t)
    height = 60 + _LANE * len(lines) + (200 if waited else 0)
    names = {"patch": ("◆", style.UNPLANNED, t("patch release")), "pre-release": ("○", style.CONTEXT, t("pre-release"))}
    key(figure, [part for kind, part in names.items() if (shown["kind"] == kind).any()], height)
    return finish(figure, _title(rows, t), subtitle, "", height=height)


def _line(figure: go.Figure, rows: pd.DataFrame, place: int, name: str, timezone: str, t: Language) -> None:
    figure.add_shape(
        type="line", xref="paper", x0=0, x1=1, y0=place, y1=place, line={"color": style.GRID, "width": 2}, layer="below"
    )
    records = rows.to_dict("records")
    looks = [_MARKS.get(str(row["kind"]), _EARLY) for row in records]
    figure.add_trace(
        go.Scatter(
            x=[shift(row["released_at"], timezone) for row in records],
            y=[place] * len(records),
            mode="markers",
            marker={
                "symbol": [symbol for symbol, _ in looks],
                "color": [colour for _, colour in looks],
                "size": [_size(row["size"]) for row in records],
                "opacity": 0.82,
                "line": {"width": 1.5, "color": [colour for _, colour in looks]},
            },
            text=[_hover(row, timezone, t) for row in records],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    if name:
        figure.add_annotation(
            x=0, xref="paper", y=place + 0.36, text=html.escape(name[:40]), showarrow=False, xanchor="left",
            yanchor="middle", font_size=12,
        )  # fmt: skip


def _size(changes: Any) -> float:
    """Return a mark's diameter in pixels: its area grows with the changes, to a largest one."""
    if words.missing(changes):
        return _PLAIN
    return float(min(6.0 + 3.2 * max(float(changes), 0.0) ** 0.5, _LARGEST))


def _hover(row: Mapping[Any, Any], timezone: str, t: Language) -> str:
    lines = [f"<b>{html.escape(str(row['tag'])[:60])}</b>", words.moment(row["released_at"], timezone)]
    if not words.missing(row["size"]):
        lines.append(t.many("{count} change in it", "{count} changes in it", float(row["size"])))
    if not words.missing(row["waited"]):
        lines.append(t("half of them waited {time}", time=t.hours(float(row["waited"]))))
    return "<br>".join(lines)


def _waited(figure: go.Figure, rows: pd.DataFrame, timezone: str, t: Language) -> None:
    """Draw, below the line, how long half of each release's changes had waited since their merge."""
    known = rows[rows["waited"].notna()].to_dict("records")
    values = [float(row["waited"]) for row in known]
    figure.add_trace(
        go.Scatter(
            x=[shift(row["released_at"], timezone) for row in known],
            y=values,
            yaxis="y2",
            mode="markers",
            marker={"size": 8, "color": style.ACCENT},
            text=[_hover(row, timezone, t) for row in known],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    figure.update_layout(
        yaxis={"domain": [0.74, 1]},
        yaxis2={
            **style.LAYOUT["yaxis"],
            **spoken(style.duration_axis(values), t),
            "domain": [0, 0.56],
            "anchor": "x",
        },
        xaxis={"anchor": "y2"},
    )
    figure.add_annotation(
        x=0, xref="paper", y=0.6, yref="paper", text=t("waited between merge and release"), showarrow=False,
        xanchor="left", yanchor="bottom", font_size=12,
    )  # fmt: skip


def _title(rows: pd.DataFrame, t: Language) -> str:
    final = rows[rows["kind"] != "pre-release"]
    pauses = final.groupby("service")["released_at"].diff().dropna().dt.total_seconds() / 3600
    if len(pauses) < words.TOO_FEW:
        return t.many("{count} release in this window", "{count} releases in this window", len(final))
    return t(
        "Half of the releases follow the one before within {gap}; the longest pause was {pause}",
        gap=t.hours(float(pauses.median())),
        pause=t.hours(float(pauses.max())),
    )


def _subtitle(rows: pd.DataFrame, waited: bool, more: int, t: Language) -> str:
    said = [t("Releases by the day they were published")]
    said += [t("larger mark: more changes in it")] if rows["size"].notna().any() else []
    said += [t("below: the median wait of its changes since their merge")] if waited else []
    said += (
        [t.many("{count} further service is not drawn", "{count} further services are not drawn", more)] if more else []
    )
    return " · ".join(said)


def last_releases(rows: pd.DataFrame, *, t: Language | None = None) -> go.Figure:
    """Draw how long ago each service's last release was, beside the pause that is usual between its releases.

    `rows` has one row per service: service, since (hours since its last release, at the window's end) and usual (hours:
    the median pause between releases, missing where there were fewer than three).
    """
    t = t or of()
    if rows.empty:
        return nothing("time_since_release", t("There is no release yet."), t("No release yet"))
    rows = rows.sort_values(["since", "service"], kind="stable").reset_index(drop=True)
    late = rows["usual"].notna() & rows["since"].gt(2 * rows["usual"])
    figure = go.Figure(
        go.Bar(
            x=[float(value) for value in rows["since"]],
            y=list(range(len(rows))),
            orientation="h",
            width=0.5,
            marker={"color": [style.UNPLANNED if one else style.ACCENT for one in late]},
            hoverinfo="skip",
        )
    )
    known = rows[rows["usual"].notna()]
    figure.add_trace(
        go.Scatter(
            x=[float(value) for value in known["usual"]],
            y=list(known.index),
            mode="markers",
            marker={"symbol": "line-ns", "size": 24, "line": {"width": 2.5, "color": style.INK}},
            text=[t("usually after {time}", time=t.hours(float(value))) for value in known["usual"]],
            hovertemplate="%{text}<extra></extra>",
        )
    )
    for place, row in enumerate(rows.to_dict("records")):
        said = t("{time} ago", time=t.hours(float(row["since"])))
        figure.add_annotation(
            x=0, y=place + 0.42, text=f"{html.escape(str(row['service'])[:40])} · {said}", showarrow=False,
            xanchor="left", yanchor="middle", font_size=12,
        )  # fmt: skip
    longest = max(float(rows["since"].max()), float(known["usual"].max()) if len(known) else 0.0)
    figure.update_yaxes(visible=False, range=[-0.5, len(rows) - 0.25], rangemode="normal")
    figure.update_xaxes(showgrid=True, **spoken(style.duration_axis([longest]), t))
    figure.update_xaxes(range=[0, longest * 1.04])
    title = (
        t.many(
            "{count} service has waited more than twice its usual pause for a release",
            "{count} services have waited more than twice their usual pause for a release",
            int(late.sum()),
        )
        if late.any()
        else t("The last release is at most {time} ago", time=t.hours(float(rows["since"].max())))
    )
    explained = [
        t("Time since each service's last release"),
        t("upright stroke: the median pause between its releases"),
    ]
    return finish(figure, title, " · ".join(explained if len(known) else explained[:1]), "", height=40 + 48 * len(rows))
