"""What changed most since the window before, over the numbers of all phases, and how one number is told.

A change counts only where it lies beyond the 95 % intervals (``words.is_clear``).  The greatest come first by ratio:
twice as long ranks with half as long, and a share by its odds, so that 99.9 % → 99 % is not a small change.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from devops_lab import words
from devops_lab.errors import LabError
from devops_lab.language import marked
from devops_lab.reports import phases
from devops_lab.reports.page import Piece, html, joined, paragraph
from devops_lab.reports.phase_texts import COUNTED, OBSERVATIONS, PHASES
from devops_lab.reports.question import Question

DORA = ("deployment_frequency", "change_lead_time", "change_fail_rate", "failed_deployment_recovery_time")
MOST = 3
SHARE = "share"
_GRID = "grid-template-columns: repeat(auto-fit, minmax(min(100%, 220px), 1fr))"
_PERCENTILES = {"highest": marked("highest"), "lowest": marked("lowest")}


def asked_of(phase: str) -> tuple[str, ...]:
    """Return the metrics of a phase that the page asks for: its own, and for deploying those of DORA."""
    own = phases.phase_of(phase).metrics
    return tuple(name for name in (*(DORA if phase == "deploy" else ()), *own) if name in phases.known())


def answers(asked: Question, metric: str) -> list[dict[str, Any]]:
    """Return a metric's rows in the unit that they are said in, a row per statistic; none where it cannot be asked."""
    if metric not in phases.known():
        return []
    try:
        rows = phases.spoken(asked.answer(metric))
    except LabError:
        return []
    return [row for row in rows if words.answer(row) != words.MISSING]


def answer(asked: Question, metric: str) -> dict[str, Any] | None:
    """Return a metric's first row that has a value; None where it has none."""
    return next(iter(answers(asked, metric)), None)


def clear(asked: Question) -> list[dict[str, Any]]:
    """Return the clear changes, the greatest first; of a metric's statistics the one that changed most.

    Rows as ``Metric.window`` has them, and `phase`, `size` (absolute logarithm of the ratio).
    """
    found = []
    for phase in PHASES:
        for name in asked_of(phase):
            rows = [row | {"phase": phase, "size": size(row)} for row in answers(asked, name) if words.is_clear(row)]
            if rows:
                found.append(max(rows, key=lambda row: row["size"]))
    return sorted(found, key=lambda row: -row["size"])


def size(row: Mapping[str, Any]) -> float:
    """Return how great a change is: |log(value ÷ previous)|, of a share |log| of the ratio of the odds.

    A share of 0 or 1 is taken for half an observation away from it; any other change from or to 0 is infinite.
    """
    now, before = float(row["value"]), float(row["previous"])
    if row["unit"] == SHARE:
        odds = [_odds(now, row.get("n")), _odds(before, row.get("previous_n"))]
        return abs(math.log(odds[0] / odds[1]))
    if now <= 0 or before <= 0:
        return math.inf
    return abs(math.log(now / before))


def _odds(share: float, n: Any) -> float:
    half = 0.5 / max(1.0, 1.0 if words.missing(n) else float(n))
    inside = min(max(share, half), 1 - half)
    return inside / (1 - inside)


def sentence(asked: Question) -> str:
    """Return how many of the numbers that can be compared are clearly better or worse than in the window before."""
    t = asked.t
    compared = [
        row
        for phase in PHASES
        for name in asked_of(phase)
        if (row := answer(asked, name)) is not None and not words.missing(row.get("previous"))
    ]
    if not compared:
        return t("There is no window before to compare with.")
    ways = [phases.way(row) for row in compared]
    better, worse = ways.count("better"), ways.count("worse")
    numbers = t.many("{count} number", "{count} numbers", len(compared))
    if not better and not worse:
        return t("Of {numbers} that can be compared, none is clearly better or worse than before.", numbers=numbers)
    return t(
        "Of {numbers} that can be compared with the window before, {better} clearly better and {worse} clearly worse.",
        numbers=numbers,
        better=t.many("{count} is", "{count} are", better),
        worse=t.many("{count} is", "{count} are", worse),
    )


def biggest(asked: Question) -> Piece:
    """Return the three biggest clear changes as tiles: the change, the number now and before, and what it is from."""
    t, found = asked.t, clear(asked)
    if not found:
        said = t("No clear change: no number left the range that chance explains, or there is nothing to compare with.")
        return paragraph(said, "")
    parts = [_tile(asked, row) for row in found[:MOST]]
    more = len(found) - MOST
    note = t("No other number has clearly changed.")
    if more > 0:
        note = t.many("{count} more number has clearly changed.", "{count} more numbers have clearly changed.", more)
    how = t(
        "Clear means beyond the 95 % intervals; the greatest come first by ratio, shares by their odds. Among so many "
        "numbers, one in a while looks clear by chance."
    )
    body = html(
        '<div class="lab-tiles" style="{}">{}</div><p class="note" style="margin-top: 20px">{} {}</p>',
        _GRID, joined(part.html for part in parts), note, how,
    )  # fmt: skip
    return Piece(body, "\n\n".join([*(part.text for part in parts), f"{note} {how}"]))


def _tile(asked: Question, row: dict[str, Any]) -> Piece:
    t = asked.t
    way, change = turned(asked, row)
    before = t("before: {value}", value=t.number(words.value(float(row["previous"]), str(row["unit"]))))
    phase = t(phases.phase_of(row["phase"]).title)
    body = html(
        '<div class="lab-tile"><p class="small">{}</p><h3 style="min-height: 0">{}</h3><p class="value">{}</p>'
        '<p class="change {}">{}</p><p class="small">{}</p><p class="small">{}</p></div>',
        phase, name(asked, row), t.number(words.answer(row)), way, change, before, evidence(asked, row),
    )  # fmt: skip
    return Piece(body, f"{phase}: {tell(asked, row)}\n{before}")


def name(asked: Question, row: Mapping[str, Any]) -> str:
    """Return a number's name; one that is not its metric's first statistic says which it is."""
    label, statistic = asked.t.label(str(row["metric"])), str(row["statistic"])
    first = asked.answer(str(row["metric"]))["statistic"].iloc[0]
    if statistic == first:
        return label
    return f"{label} ({asked.t(_PERCENTILES[statistic]) if statistic in _PERCENTILES else statistic})"


def turned(asked: Question, row: Mapping[str, Any]) -> tuple[str, str]:
    """Return which way a number went (better, worse, same) and its change in words."""
    if row["too_few"] and row["n"] > 0:
        return "same", asked.t("too few to say more")
    return phases.way(row), asked.t.number(words.change(row))


def evidence(asked: Question, row: Mapping[str, Any]) -> str:
    """Return what a number is from: how many of what, the interval, and the part of the window that is covered."""
    t = asked.t
    parts = [t("from {things}", things=t.many(*COUNTED.get(str(row["metric"]), OBSERVATIONS), row["n"]))]
    if spread := phases.interval(row):
        parts.append(f"95 %: {t.number(spread)}")
    covered = row.get("coverage")
    if not words.missing(covered) and float(covered) < 1:  # type: ignore[arg-type]
        parts.append(t("{share} of the window covered", share=t.value(float(covered), SHARE)))  # type: ignore[arg-type]
    return " · ".join(parts)


def tell(asked: Question, row: Mapping[str, Any]) -> str:
    """Return a number in one line of text: name, value, change, evidence."""
    said = asked.t.number(words.answer(row))
    return f"{name(asked, row)}: {said}, {turned(asked, row)[1]} ({evidence(asked, row)})"
