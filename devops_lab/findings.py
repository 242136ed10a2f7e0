"""What a metric's numbers say, as one sentence: the titles of charts, the headline of a report.

A sentence claims a change only where there is one: between two windows by `words.is_clear`, along a trend by the
Mann–Kendall test (95 %), which asks only whether later periods tend to be higher and is fooled neither by one wild
period nor by a curve.  Everything else is said to be "no clear change" or "no clear trend".
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

from devops_lab import words

ENOUGH = 6  # periods with a value that a trend needs
CLEAR = 1.959964  # standard normal deviate of a two-sided 95 % test


@dataclass(frozen=True)
class Phrase:
    """How one metric is said: its level (with ``{value}``), its fall and rise, and what a chart of it shows."""

    level: str
    falling: str
    rising: str
    drawn: str


PHRASES = {
    "change_lead_time": Phrase(
        "half of the changes reach production within {value}",
        "Changes reach production faster",
        "Changes take longer to reach production",
        "Median time from first commit to production",
    ),
    "deployment_frequency": Phrase(
        "there are {value}",
        "Deployments have become rarer",
        "Deployments have become more frequent",
        "Deployments to production",
    ),
    "change_fail_rate": Phrase(
        "{value} of the deployments failed",
        "Fewer deployments fail",
        "More deployments fail",
        "Share of deployments that failed",
    ),
    "failed_deployment_recovery_time": Phrase(
        "half of the failed deployments recover within {value}",
        "Failed deployments recover faster",
        "Failed deployments take longer to recover",
        "Median time from a failed deployment to its recovery",
    ),
    "deployment_rework_rate": Phrase(
        "{value} of the deployments were unplanned",
        "Fewer deployments are unplanned",
        "More deployments are unplanned",
        "Share of deployments that were unplanned",
    ),
}


def phrase(metric: str) -> Phrase:
    """Return how a metric is said; a user's own metric by its name."""
    name = words.label(metric)
    said = name[0].lower() + name[1:]
    return PHRASES.get(metric, Phrase(f"{said} is {{value}}", f"{name} has fallen", f"{name} has risen", name))


def sentence(text: str) -> str:
    """Return a text with its first letter large; the rest as it is."""
    return text[:1].upper() + text[1:]


def level(row: Mapping[str, Any]) -> str:
    """Say an answer's value: "half of the changes reach production within 40 days"."""
    metric, low = str(row["metric"]), row.get("low")
    if words.missing(row.get("value")) and words.missing(low):
        return f"{words.label(metric).lower()} has no value"
    if words.missing(row.get("value")):
        return (
            f"fewer than half of the {words.noun(metric)} were done within {words.value(float(low), str(row['unit']))}"  # type: ignore[arg-type]
        )
    return phrase(metric).level.format(value=amount(metric, float(row["value"]), str(row["unit"])))


def amount(metric: str, value: float, unit: str, period: str = "") -> str:
    """Return a value for a sentence: counts and rates carry their noun: "2.1 deployments a week"."""
    if unit == "per week":
        return f"{words.number(value)} {words.noun(metric, value)} a{words.SPACE}week"
    if unit == "count":
        return words.plural(value, words.NOUNS.get(metric, "observation")) + (
            f" a{words.SPACE}{period}" if period else ""
        )
    return words.value(value, unit)


def change(row: Mapping[str, Any]) -> str:
    """Say which way an answer went since the window before: "Changes reach production faster"."""
    said = phrase(str(row["metric"]))
    return said.falling if float(row["value"]) < float(row["previous"]) else said.rising


def summary(rows: Iterable[Mapping[str, Any]]) -> tuple[str, str]:
    """Return the one sentence on top of a report, and the levels in a few more.

    The sentence names the clear changes (at most two, in the order of the rows; the tiles show the rest), or says the
    first level and that nothing changed clearly.
    """
    rows = list(rows)
    known = [row for row in rows if not words.missing(row.get("value"))]
    if not known:
        return "Nothing was deployed in this window", ""
    levels = [sentence(level(row)) for row in known]
    changes = [change(row) for row in known if words.is_clear(row)][:2]
    if changes:
        first = " and ".join([changes[0], *(text[0].lower() + text[1:] for text in changes[1:])])
        return first, _sentences(levels)
    compared = any(not words.missing(row.get("previous")) for row in known)
    return levels[0] + ("; no clear change since the window before" if compared else ""), _sentences(levels[1:])


def _sentences(texts: Sequence[str]) -> str:
    return "".join(f"{text}. " for text in texts).strip()


def direction(values: Sequence[float]) -> int:
    """Return −1, 0 or +1: whether values fall, show no clear trend, or rise, by the Mann–Kendall test with ties."""
    count = len(values)
    if count < ENOUGH:
        return 0
    score = sum((b > a) - (b < a) for i, a in enumerate(values) for b in values[i + 1 :])
    ties = [list(values).count(one) for one in set(values)]
    variance = (count * (count - 1) * (2 * count + 5) - sum(t * (t - 1) * (2 * t + 5) for t in ties)) / 18
    if variance <= 0:
        return 0
    deviate = (score - math.copysign(1, score)) / math.sqrt(variance) if score else 0.0
    return 0 if abs(deviate) < CLEAR else (1 if deviate > 0 else -1)


def trend(
    metric: str, unit: str, values: Sequence[float], period: str = "period", answer: Mapping[str, Any] | None = None
) -> str:
    """Return the title of a trend: which way its complete periods go, and from where to where.

    `values` are the periods' values in order of time, without missing, partial and too small ones; the ends are the
    medians of their first and last third (means of counts).  `answer` is the whole window's, for a level that is the
    same here as elsewhere.
    """
    said, middle = phrase(metric), mean if unit == "count" else median
    way = direction(values)
    third = max(1, len(values) // 3)
    first, last = (middle(part) if part else 0.0 for part in (values[:third], values[-third:]))
    if way and (last - first) * way > 0:
        return f"{said.rising if way > 0 else said.falling}: {_ends(first, last, unit, period)}"
    if answer is not None:
        usual = sentence(level(answer))
    elif values:
        usual = sentence(said.level.format(value=f"about {amount(metric, middle(values), unit, period)}"))
    else:
        usual = f"{words.label(metric)}"
    return f"{usual}; {'no clear trend' if len(values) >= ENOUGH else f'too few {words.nouns(period)} for a trend'}"


def _ends(first: float, last: float, unit: str, period: str) -> str:
    """Return "from about 26 to about 41 days": the unit once where both ends share it."""
    said = [words.number(end) if unit == "count" else words.value(end, unit) for end in (first, last)]
    start, end = (text.rpartition(words.SPACE) for text in said)
    rate = f" a{words.SPACE}{period}" if unit == "count" else ""
    return f"from about {start[0] if start[0] and start[2] == end[2] else said[0]} to about {said[1]}{rate}"
