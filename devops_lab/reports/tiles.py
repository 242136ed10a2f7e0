"""The top of a report: what it is about, the headline, and a tile per metric."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd
from markupsafe import Markup

from devops_lab import findings, metrics, words
from devops_lab.metrics import benchmarks
from devops_lab.reports.meanwhile import with_events
from devops_lab.reports.page import Piece, html, joined, paragraph, together
from devops_lab.reports.question import Question

INTERVAL = "95 %:"


def top(question: Question) -> Piece:
    """Return the report's title, window and the instant it speaks for."""
    start, end = question.window
    head = heading(question.title, start, end, as_of=question.as_of, timezone=question.timezone)
    return with_events(question, head)


def summary(question: Question) -> Piece:
    """Return headline and tiles of the five metrics, or why there is nothing to say."""
    if question.dora.empty:
        return paragraph(str(question.dora.attrs.get("reason", "There is nothing to say about this window.")), "lead")
    return together(headline(question.dora), tiles(question.dora, tiers=tiers(question)))


def tiers(question: Question) -> dict[str, str]:
    """Return the benchmark's words per metric, with the edition: "DORA 2024: medium", or the published mean."""
    said: dict[str, str] = {}
    for row in question.dora.to_dict("records"):
        name, edition = str(row["metric"]), question.edition
        found = (
            None
            if name == "deployment_rework_rate"
            else benchmarks.tier(name, row["value"], row["unit"], edition, row["n"])
        )
        mean = benchmarks.mean(name, edition)
        if found is not None:
            said[name] = f"DORA {found}"
        elif mean is not None and mean.unit == "share":
            said[name] = f"DORA {edition}, mean of all: {words.share(mean.value)}"
    return said


def heading(title: str, start: datetime, end: datetime, *, as_of: Any = None, timezone: str = "UTC") -> Piece:
    """Return the report's title, its window, and the instant it speaks for."""
    parts = ["DORA metrics", words.window(start, end, timezone)]
    if not words.missing(as_of):
        parts.append(f"as known on {words.moment(as_of, timezone)} {timezone}")
    said = joined((html("<span>{}</span>", part) for part in parts), " · ")
    return Piece(
        html('<header class="lab-heading"><h1>{}</h1><p>{}</p></header>', title, said), "\n".join([title, *parts])
    )


def headline(answers: pd.DataFrame) -> Piece:
    """Return what happened in words: the clear changes first, then each level in one sentence.

    `answers` is the frame of ``dl.dora(store, …)``.
    """
    first, rest = findings.summary(answers.to_dict("records"))
    more = html("<p>{}</p>", rest) if rest else ""
    return Piece(
        html('<div class="lab-headline"><p class="headline">{}.</p>{}</div>', first, more), f"{first}.\n{rest}"
    )


def tiles(answers: pd.DataFrame, *, tiers: Mapping[str, str] | None = None) -> Piece:
    """Return a tile per metric: value, interval, how many observations, and the change since the window before.

    `tiers` says, per metric, the benchmark's words with its edition ("2024: medium"); it stands small at the bottom.
    Under six observations the tile says "too few" and compares nothing.
    """
    tiers = tiers or {}
    rows = answers.to_dict("records")
    said = [_lines(row) for row in rows]
    body = joined(_tile(row, lines, tiers.get(str(row["metric"]), "")) for row, lines in zip(rows, said, strict=True))
    text = "\n\n".join("\n".join(part for part in lines if part) for lines in said)
    return Piece(html('<div class="lab-tiles">{}</div>', body), text)


def _lines(row: Mapping[str, Any]) -> tuple[str, str, str, str, str]:
    """Return label, value, interval, observations and change of a tile."""
    metric = str(row["metric"])
    spread = "" if words.missing(row["value"]) else words.interval(row["low"], row["high"], str(row["unit"]))
    count = 0 if words.missing(row["n"]) else row["n"]
    noun = words.noun(metric, count)
    observed = f"from {words.whole(count)} {noun}" if count else f"no {words.noun(metric)}"
    coverage = row.get("coverage")
    if not words.missing(coverage) and float(coverage) < 1:  # type: ignore[arg-type]
        observed += f", {words.share(float(coverage))} of the window covered"  # type: ignore[arg-type]
    change = "" if words.missing(row["value"]) and words.missing(row["low"]) else words.change(row)
    if _few(row):
        change = "too few to say more"
    return words.label(metric), words.answer(row), spread and f"{INTERVAL} {spread}", observed, change


def _few(row: Mapping[str, Any]) -> bool:
    return bool(row["too_few"]) and not words.missing(row["n"]) and row["n"] > 0


def _tile(row: Mapping[str, Any], lines: tuple[str, str, str, str, str], tier: str) -> Markup:
    label, value, spread, observed, change = lines
    amount, _, unit = value.replace(words.SPACE, " ").partition(" ") if value[:1] != ">" else (value, "", "")
    if value == words.MISSING:
        amount, unit = "–", ""
    return html(
        '<div class="lab-tile{few}"><h3>{label}</h3><p class="value">{amount}<span> {unit}</span></p>'
        '<p class="change {way}">{change}</p><p class="small">{observed}</p>{spread}{tier}</div>',
        few=" few" if _few(row) or value == words.MISSING else "",
        label=label,
        amount=amount,
        unit=unit,
        way=_way(row),
        change=change or words.MISSING,
        observed=observed,
        spread=html('<p class="small">{}</p>', spread) if spread else "",
        tier=html('<p class="tier">{}</p>', tier) if tier else "",
    )


def _way(row: Mapping[str, Any]) -> str:
    """Return better, worse or same: what the mark before a change says by shape and colour."""
    if not words.is_clear(row):
        return "same"
    fewer_is_better = metrics.find(str(row["metric"])).better == "lower"
    fell = float(row["value"]) < float(row["previous"])
    return "better" if fell == fewer_is_better else "worse"
