"""The value stream: the stages from issue to production as one line of segments, and one change as a waterfall."""

from __future__ import annotations

import html
import textwrap
from datetime import timedelta
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from devops_lab import words
from devops_lab.charts import style
from devops_lab.charts.axes import time_axis
from devops_lab.charts.figures import finish, nothing, shift
from devops_lab.charts.loop_names import STAGES, waiting
from devops_lab.language import Language, of

WAITING = "waiting"
EDGE = 0.12  # of the line: words so near to its end begin or stop there
NAMED = 0.01  # of the line: what is shorter has no number of its own
LABELLED = 0.12  # of the line: shorter segments are named below it
NAME = 60  # characters of a title from outside
_LINE = 13  # characters of a line above or below a segment
_BELOW = 54  # characters of a line below them: it has to fit a phone
_ROW = 34  # pixels of a stage in the waterfall
_SHORTEST = 0.004  # of the axis: what takes less is drawn so long


def value_stream(summary: Any, *, t: Language | None = None) -> go.Figure:
    """Draw the stages of the loop in order as one line; a segment is as long as its share of all the changes' time.

    `summary` is what ``loop.summary`` returns.  Shares, because they add up to the whole and medians do not; the median
    stands at the segment.  Work is solid, waiting is hatched, the bottleneck amber.  Segments too short for words are
    named below the line, never drawn longer than they are.
    """
    t = t or of()
    rows = [row for row in summary.stages.to_dict("records") if row["total"]]
    if not rows:
        reason = t(summary.reason) if summary.reason else t("No change took any time.")
        return nothing("value stream", reason, t("Value stream: nothing to draw"))
    worst = None if summary.bottleneck is None else summary.bottleneck["stage"]
    figure, begin, short, sides = go.Figure(), 0.0, [], 0
    for row in rows:
        _segment(figure, row, begin, row["stage"] == worst, t)
        if row["share"] >= LABELLED:
            _label(figure, row, begin + row["share"] / 2, sides % 2 == 0, row["stage"] == worst, t)
            sides += 1
        else:
            short.append(row)
        begin += row["share"]
    lines = _wrapped(short, t)
    low = -0.62 - (1.5 if sides > 1 else 0)
    figure.update_xaxes(visible=False, range=[0, 1])
    figure.update_yaxes(visible=False, range=[low, 2.0], rangemode="normal")
    figure.update_layout(barmode="overlay", bargap=0, margin={"b": 8 + 17 * len(lines)})
    if lines:
        _below(figure, lines)
    title, subtitle = _stream_words(summary, rows, t)
    spread = " " + "; ".join(f"{t(row['stage'])}: {t.value(row['share'], 'share')}" for row in rows) + "."
    return finish(figure, title, subtitle, spread, height=int((2.0 - low) * 48) + 8 + 17 * len(lines))


def _stream_words(summary: Any, rows: list[dict[str, Any]], t: Language) -> tuple[str, str]:
    start = t("issue") if rows[0]["phase"] == "plan" else t("first commit")
    changes = t.many("{count} change", "{count} changes", summary.changes)
    subtitle = t(
        "Share of all time, and the median · {changes} · solid: somebody works, hatched: the change waits",
        changes=changes,
    )
    if summary.bottleneck is None:
        return t("Nothing waits between {start} and production", start=start), subtitle
    title = t(
        "Changes wait longest {stage}: {share} of the time from {start} to production",
        stage=waiting(str(summary.bottleneck["stage"]), t),
        share=t.value(summary.bottleneck["share"], "share"),
        start=start,
    )
    return title, subtitle


def _segment(figure: go.Figure, row: dict[str, Any], begin: float, worst: bool, t: Language) -> None:
    waits = row["kind"] == WAITING
    colour = style.UNPLANNED if worst else style.CONTEXT if waits else style.ACCENT
    exact = t.number(words.exact(row["median"], "hours"))
    said = "<br>".join(
        [
            f"<b>{t(row['stage'])}</b>",
            t("median {median} ({exact})", median=t.hours(row["median"]), exact=exact),
            t("{share} of all time", share=t.value(row["share"], "share")),
            t.many("{count} change", "{count} changes", row["n"]),
        ]
    )
    figure.add_trace(
        go.Bar(
            x=[row["share"]],
            base=[begin],
            y=[0],
            width=1,
            orientation="h",
            marker={"line": {"width": 0}, **_fill(colour, waits)},
            hovertext=[said],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )


def _fill(colour: str, waits: bool) -> dict[str, Any]:
    """Return the filling of a bar: solid where somebody works, hatched where a change waits."""
    if not waits:
        return {"color": colour}
    pattern = {"shape": "/", "size": 6, "solidity": 0.45, "fgcolor": colour, "bgcolor": style.UNKNOWN}
    return {"color": colour, "pattern": pattern}


def _label(figure: go.Figure, row: dict[str, Any], x: float, above: bool, worst: bool, t: Language) -> None:
    name = "<br>".join(textwrap.wrap(t(row["stage"]), _LINE))
    value = f"<b>{t.value(row['share'], 'share')}</b><br>{t.hours(row['median'])}"
    text = f"{name}<br>{value}" if above else f"{value}<br>{name}"
    edge = "left" if x < EDGE else "right" if x > 1 - EDGE else "center"
    figure.add_annotation(
        x=0 if edge == "left" else 1 if edge == "right" else x,
        y=0.56 if above else -0.56,
        text=f"<b>{text}</b>" if worst else text,
        showarrow=False,
        align=edge,
        xanchor=edge,
        yanchor="bottom" if above else "top",
        font_size=11.5,
    )


def _below(figure: go.Figure, lines: list[str]) -> None:
    figure.add_annotation(
        x=0, xref="paper", y=0, yref="paper", yshift=-4, text="<br>".join(lines), showarrow=False,
        xanchor="left", yanchor="top", align="left", font_size=11,
    )  # fmt: skip


def _wrapped(short: list[dict[str, Any]], t: Language) -> list[str]:
    """Return the lines that name the short segments: share and median, the least ones together."""
    said = [
        f"{t(row['stage'])} {t.value(row['share'], 'share')} ({t.hours(row['median'])})"
        for row in short
        if row["share"] >= NAMED
    ]
    least = [t(row["stage"]) for row in short if row["share"] < NAMED]
    if least:
        said.append(t("under {share}: {stages}", share=t.value(NAMED, "share"), stages=", ".join(least)))
    return textwrap.wrap(t("Shorter: {stages}", stages="; ".join(said)), _BELOW) if said else []


def change_trace(trace: Any, *, timezone: str = "UTC", t: Language | None = None) -> go.Figure:
    """Draw one change as a waterfall: a row for each stage that took time, and the failures after its deployment.

    `trace` is what ``loop.trace`` returns.  Work is solid, waiting is hatched, the longest wait amber; a stage whose
    time holds others nobody knows the ends of says so on hover.
    """
    t = t or of()
    change = trace.change
    name = _title_of(change)
    rows = [row for row in trace.stages.to_dict("records") if row["microseconds"]]
    if not rows:
        return nothing("change", t("It was in production at once: nothing lies between its points."), name)
    waits = [row for row in rows if row["kind"] == WAITING and row["microseconds"]]
    worst = max(waits, key=lambda row: row["microseconds"])["stage"] if waits else None
    figure = go.Figure()
    start, end = shift(rows[0]["started_at"], timezone), shift(rows[-1]["ended_at"], timezone)
    length = max(end - start, timedelta(minutes=1))
    for place, row in enumerate(rows):
        _step(figure, row, -place, timezone, length, row["stage"] == worst, t)
    marks = len(trace.failures)
    last = end
    if marks:
        last = max(last, *(shift(one, timezone) for one in trace.failures["started_at"]))
        _failures(figure, trace.failures, -len(rows), timezone, last, t)
    edge = (max(last - start, length)) * 0.01
    time_axis(figure, start - edge, max(last, start + length) + edge, grid=True)
    figure.update_xaxes(nticks=5)
    bottom = -len(rows) + (-0.6 if marks else 0.5)
    figure.update_yaxes(visible=False, range=[bottom, 0.85], rangemode="normal")
    figure.update_layout(bargap=0, barmode="overlay")
    title, subtitle = _trace_words(trace, name, worst, t)
    spread = " " + "; ".join(f"{t(row['stage'])}: {t.hours(row['hours'])}" for row in rows) + "."
    return finish(figure, title, subtitle, spread, height=30 + int((0.85 - bottom) * _ROW))


def _title_of(change: dict[str, Any]) -> str:
    number = str(change["change_id"])
    return number if number.startswith("#") else number[:10]


def _trace_words(trace: Any, name: str, worst: str | None, t: Language) -> tuple[str, str]:
    took = t.hours(trace.hours)
    title = t("{change} took {hours} to production", change=name, hours=took)
    if worst is not None and trace.hours:
        part = trace.stages.loc[trace.stages["stage"] == worst, "hours"].sum() / trace.hours
        share, stage = t.value(float(part), "share"), waiting(worst, t)
        title = t(
            "{change} took {hours} to production, {share} of it waiting {stage}",
            change=name,
            hours=took,
            share=share,
            stage=stage,
        )
    text = str(trace.change.get("title") or "")
    text = text if len(text) <= NAME else text[: NAME - 1] + "…"
    key = t("solid: somebody works, hatched: the change waits")
    subtitle = " · ".join(part for part in (html.escape(text), key) if part)
    if trace.broken:
        subtitle += " · " + t("not linked: {links}", links=", ".join(t(link) for link in trace.broken))
    return title, subtitle


def _step(
    figure: go.Figure, row: dict[str, Any], y: int, timezone: str, length: timedelta, worst: bool, t: Language
) -> None:
    begin, waits = shift(row["started_at"], timezone), row["kind"] == WAITING
    colour = style.UNPLANNED if worst else style.CONTEXT if waits else style.ACCENT
    spent = max(row["ended_at"] - row["started_at"], length * _SHORTEST)
    said = f"<b>{t(row['stage'])}</b><br>{t.hours(row['hours'])}<br>{words.moment(row['started_at'], timezone)}"
    said += f" – {words.moment(row['ended_at'], timezone)}"
    if row["bridged"]:
        bridged = [t(stage) for stage in STAGES if stage in row["bridged"]]
        said += "<br>" + t("with: {stages}", stages=", ".join(bridged))
    figure.add_trace(
        go.Bar(
            x=[spent / timedelta(milliseconds=1)],
            base=[begin],
            y=[y - 0.16],
            width=0.4,
            orientation="h",
            marker={"line": {"width": 0}, **_fill(colour, waits)},
            hovertext=[said],
            hovertemplate="%{hovertext}<extra></extra>",
        )
    )
    took = f"{t(row['stage'])} · <b>{t.hours(row['hours'])}</b>"
    _above(figure, took if not worst else f"<b>{took}</b>", y)


def _above(figure: go.Figure, text: str, y: float) -> None:
    figure.add_annotation(
        x=0, xref="paper", y=y + 0.08, yanchor="bottom", xanchor="left", text=text, showarrow=False, font_size=11.5
    )


def _failures(figure: go.Figure, failures: pd.DataFrame, y: int, timezone: str, last: Any, t: Language) -> None:
    """Mark failures charged to the deployment with crosses, in a row of their own."""
    said = [
        f"<b>{html.escape(str(row['title'] or row['failure_id'])[:NAME])}</b><br>"
        f"{words.moment(row['started_at'], timezone)}"
        for row in failures.to_dict("records")
    ]
    figure.add_trace(
        go.Scatter(
            x=[shift(one, timezone) for one in failures["started_at"]],
            y=[y - 0.16] * len(failures),
            mode="markers",
            marker={"symbol": "x", "size": 10, "color": style.FAILURE},
            text=said,
            hovertemplate="%{text}<extra></extra>",
        )
    )
    charged = t.many(
        "{count} failure charged to its deployment", "{count} failures charged to its deployment", len(failures)
    )
    _above(figure, charged, y)
