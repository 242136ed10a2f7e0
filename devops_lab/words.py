"""Numbers as people say them: "3.2 days", "17 %", "2.1 a week", "0.8 days faster", "no clear change".

Charts, pages and the command line say a number through this module, so that it reads the same everywhere.
Two significant digits are shown; the exact value belongs on hover, in the receipt and in JSON.  A value that is
missing (None or NaN) is said as "no value".  Number and unit are joined by a no-break space.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

TOO_FEW = 6  # under so many observations a number is called "too few" and compared with nothing
MISSING = "no value"
NOISE = 1e-9  # what floating point leaves of nothing
SPACE = "\u00a0"  # between a number and its unit no line breaks
MINUS = "\u2212"

HOURS = {"seconds": 1 / 3600, "minutes": 1 / 60, "hours": 1.0, "days": 24.0}
_SPOKEN = (("second", 1 / 3600, 1 / 60), ("minute", 1 / 60, 1.0), ("hour", 1.0, 48.0), ("day", 24.0, 730 * 24.0))
_YEAR = ("year", 365.25 * 24.0, math.inf)

NOUNS = {
    "change_lead_time": "change",
    "deployment_frequency": "deployment",
    "change_fail_rate": "deployment",
    "failed_deployment_recovery_time": "failed deployment",
    "deployment_rework_rate": "deployment",
}


def missing(value: Any) -> bool:
    """Say whether a value is missing: None, NaN or NaT."""
    return value is None or value != value


def number(value: float, digits: int = 2) -> str:
    """Return a number with `digits` significant digits, thousands apart: 961 → "960", 0.03412 → "0.034"."""
    if missing(value):
        return MISSING
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if abs(value) < NOISE:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    text = f"{abs(rounded):,.{max(places, 0)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return MINUS + text if rounded < 0 else text


def whole(value: float) -> str:
    """Return a whole number exactly, thousands apart: 12034 → "12,034"; a broken one with two digits."""
    if missing(value):
        return MISSING
    if float(value).is_integer():
        return f"{int(value):,}".replace("-", MINUS)
    return number(value)


def plural(count: float, noun: str) -> str:
    """Return a count with its noun: "1 change", "12 changes"."""
    return f"{whole(count)}{SPACE}{noun if count == 1 else nouns(noun)}"


def nouns(noun: str) -> str:
    """Return the plural of an English noun of this lab: "change" → "changes", "retry" → "retries"."""
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch")) else "s")


def duration_unit(hours: float) -> tuple[str, float]:
    """Return the unit people would use for so many hours, and how many hours one of it has.

    Hours go up to two days ("36 hours"), days up to two years ("400 days"): lead times are compared in days.
    """
    size = abs(hours)
    for name, one, until in _SPOKEN:
        if size < until and float(f"{size / one:.2g}") * one < until:
            return name, one
    return _YEAR[0], _YEAR[1]


def hours(value: float, like: float | None = None) -> str:
    """Return a duration given in hours: 76.8 → "3.2 days".

    `like` picks the unit by another value, so that a difference speaks its terms' unit (19 h between two values
    of days is "0.8 days").
    """
    if missing(value):
        return MISSING
    if value == 0 and like is None:
        return f"0{SPACE}hours"
    name, one = duration_unit(value if like is None else like)
    said = number(value / one)
    return f"{said}{SPACE}{name if said == '1' else name + 's'}"


def share(value: float) -> str:
    """Return a share of one in per cent: 0.174 → "17 %"; near one the rest has two digits: 0.9995 → "99.95 %"."""
    if missing(value):
        return MISSING
    rest = 1 - value
    if 0 < rest < 0.1:
        places = max(0, 1 - math.floor(math.log10(rest * 100)))
        if places > 0:
            return f"{100 * value:.{places}f}".rstrip("0").rstrip(".") + f"{SPACE}%"
    return f"{number(100 * value)}{SPACE}%"


def value(amount: float, unit: str) -> str:
    """Return a metric's value in its unit's words; an unknown unit is put behind the number as it is."""
    if missing(amount):
        return MISSING
    if unit in HOURS:
        return hours(amount * HOURS[unit])
    if unit == "share":
        return share(amount)
    if unit == "per week":
        return f"{number(amount)} a{SPACE}week"
    if unit == "count":
        return whole(amount)
    return number(amount) if unit in ("", "ratio") else f"{number(amount)}{SPACE}{unit}"


def exact(amount: float, unit: str) -> str:
    """Return the unrounded value with its stored unit, for hover: "961.25 hours"."""
    if missing(amount):
        return MISSING
    text = f"{amount:,.6g}" if abs(amount) < 1e6 else f"{amount:,.0f}"
    return f"{text.replace('-', MINUS)}{SPACE}{unit}".rstrip()


def interval(low: float, high: float, unit: str) -> str:
    """Return an interval with its unit once: "31–52 days"; open ends are said: "over 31 days"; nothing: ""."""
    if missing(low) and missing(high):
        return ""
    if missing(high) or math.isinf(high):
        return f"over {value(low, unit)}"
    if missing(low):
        return f"under {value(high, unit)}"
    if value(low, unit) == value(high, unit):
        return value(high, unit)
    if unit in HOURS:
        scale = HOURS[unit]
        name, one = duration_unit(high * scale)
        return f"{number(low * scale / one)}–{number(high * scale / one)}{SPACE}{name}s"
    if unit == "share":
        return f"{number(100 * low)}–{number(100 * high)}{SPACE}%"
    if unit == "per week":
        return f"{number(low)}–{number(high)} a{SPACE}week"
    return f"{number(low)}–{value(high, unit)}"


def answer(row: Mapping[str, Any]) -> str:
    """Return the value of an answer's row; a median that was not reached (value missing, low known) is "> low"."""
    if missing(row.get("value")):
        low = row.get("low")
        return MISSING if missing(low) else f">{SPACE}{value(float(low), str(row['unit']))}"  # type: ignore[arg-type]
    return value(float(row["value"]), str(row["unit"]))


def is_clear(row: Mapping[str, Any]) -> bool:
    """Say whether an answer differs clearly from the window before it.

    Clear means: each of the two values lies outside the other's 95 % interval, and neither rests on too few
    observations.  This is stricter than looking at one interval only, and milder than asking that the two do not
    touch; without any interval nothing is clear.
    """
    now, before = row.get("value"), row.get("previous")
    if missing(now) or missing(before) or _too_few(row):
        return False
    inside = (
        _within(before, row.get("low"), row.get("high")),
        _within(now, row.get("previous_low"), row.get("previous_high")),
    )
    return any(answer is False for answer in inside) and not any(inside)


def change(row: Mapping[str, Any]) -> str:
    """Return the change since the window before in words: "0.8 days faster", "no clear change"."""
    now, before = row.get("value"), row.get("previous")
    if missing(now) or missing(before):
        return "nothing to compare with"
    if _too_few(row):
        return "too few to compare"
    if not is_clear(row):
        return "no clear change"
    return difference(float(now) - float(before), str(row["unit"]), like=max(float(now), float(before)))  # type: ignore[arg-type]


def difference(amount: float, unit: str, like: float | None = None) -> str:
    """Return a signed difference in words: −19.2 hours → "0.8 days faster"; +0.04 of a share → "4 points higher"."""
    size = abs(amount)
    if unit in HOURS:
        scale = HOURS[unit]
        said = hours(size * scale, like=None if like is None else like * scale)
        return f"{said} {'faster' if amount < 0 else 'slower'}"
    if unit == "share":
        points = number(100 * size)
        return f"{points}{SPACE}point{'' if points == '1' else 's'} {'lower' if amount < 0 else 'higher'}"
    return f"{value(size, unit)} {'fewer' if amount < 0 else 'more'}"


def label(metric: str) -> str:
    """Return a metric's name as a heading: "change_lead_time" → "Change lead time", "slo_report" → "SLO report"."""
    said = metric.replace("_", " ").capitalize()
    return said.replace("Slo ", "SLO ", 1)


def noun(metric: str, count: float = 2) -> str:
    """Return what a metric counts: "changes", "deployments"; "observations" where the lab knows no better word."""
    word = NOUNS.get(metric, "observation")
    return word if count == 1 else nouns(word)


def local(instant: datetime, timezone: str = "UTC") -> datetime:
    """Return a naive UTC instant as a naive instant of a time zone."""
    if timezone == "UTC":
        return instant
    return instant.replace(tzinfo=UTC).astimezone(ZoneInfo(timezone)).replace(tzinfo=None)


def day(instant: Any, timezone: str = "UTC") -> str:
    """Return an instant's day in a time zone: "3 March 2026"."""
    if missing(instant):
        return "unknown"
    when = local(instant, timezone)
    return f"{when.day}{SPACE}{when:%B}{SPACE}{when.year}"


def moment(instant: Any, timezone: str = "UTC") -> str:
    """Return an instant to the minute, sortable: "2026-03-03 14:05"."""
    return "" if missing(instant) else f"{local(instant, timezone):%Y-%m-%d %H:%M}"


def window(start: datetime, end: datetime, timezone: str = "UTC") -> str:
    """Return a half-open window as its first and last day: "1 January – 31 March 2026"."""
    first, last = local(start, timezone), local(end, timezone) - timedelta(microseconds=1)
    if first.date() >= last.date():
        return day(first)
    if first.year != last.year:
        return f"{day(first)} – {day(last)}"
    if first.month == last.month:
        return f"{first.day}–{day(last)}"
    return f"{first.day}{SPACE}{first:%B} – {day(last)}"


def _too_few(row: Mapping[str, Any]) -> bool:
    if bool(row.get("too_few")):
        return True
    before = row.get("previous_n")
    return row.get("unit") not in ("count", "per week") and not missing(before) and float(before) < TOO_FEW  # type: ignore[arg-type]


def _within(amount: Any, low: Any, high: Any) -> bool | None:
    """Say whether an amount lies in an interval; None where there is no interval."""
    if missing(low) and missing(high):
        return None
    return (missing(low) or amount >= low) and (missing(high) or amount <= high)
