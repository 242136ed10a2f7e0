"""Values as files and people write them become the store's types; what does not fit says what would be right."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants are naive UTC
LATEST_SECONDS = 32_503_680_000  # the year 3000: larger numbers are milliseconds or worse
DATE_WANTED = "a date such as 2026-01-31T12:00:00+00:00, or seconds since 1970"
TRUE, FALSE = ("true", "yes", "1", "t", "y"), ("false", "no", "0", "f", "n")
INT64 = 2**63

_SECONDS = re.compile(r"[+-]?[0-9]{9,12}(?:\.[0-9]{1,9})?")


class Unfit(ValueError):  # noqa: N818 - it never leaves the reader; files.py makes a RowError of it
    """A value that does not fit; the text names it and what would be right."""


class Reader(NamedTuple):
    """How one type is read, and what to say is wanted."""

    read: Callable[[Any], Any]
    wanted: str


def _unfit(value: Any, kind: str, wanted: str) -> Unfit:
    return Unfit(f"{value!r:.80} is no {kind}; write {wanted}")


def read_instant(value: Any) -> datetime:
    """Return naive UTC of an ISO date (without offset: UTC), seconds since 1970, a date or datetime; Unfit else."""
    if isinstance(value, str):
        if _SECONDS.fullmatch(value):
            return _of_seconds(float(value), value)
        try:
            value = datetime.fromisoformat(value)
        except ValueError as problem:
            raise _unfit(value, "date", DATE_WANTED) from problem
    if isinstance(value, datetime):
        try:
            return value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        except OverflowError as problem:
            raise _unfit(value.isoformat(), "date", DATE_WANTED) from problem
    if isinstance(value, date):
        return datetime.combine(value, time())
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _of_seconds(value, value)
    raise _unfit(value, "date", DATE_WANTED)


def _of_seconds(seconds: float, given: Any) -> datetime:
    if abs(seconds) > LATEST_SECONDS:
        raise Unfit(f"{given!r} is too large for seconds since 1970; milliseconds are divided by 1000")
    return EPOCH + timedelta(seconds=seconds)


def read_integer(value: Any) -> int:
    """Return a whole number; Unfit else."""
    try:
        number = int(value) if not isinstance(value, float) or value.is_integer() else None
    except (ValueError, TypeError, OverflowError):
        number = None
    if number is None or isinstance(value, bool) or not -INT64 <= number < INT64:
        raise _unfit(value, "whole number", "digits only, such as 12")
    return number


def read_number(value: Any) -> float:
    """Return a number; Unfit else."""
    try:
        number = float(value)
    except (ValueError, TypeError, OverflowError):
        number = float("nan")
    if number != number or isinstance(value, bool):
        raise _unfit(value, "number", "a number with a point, such as 1.5")
    return number


def read_boolean(value: Any) -> bool:
    """Return true or false, also from yes/no, t/f and 1/0; Unfit else."""
    text = str(value).lower()
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise _unfit(value, "boolean", "true or false")


def read_text(value: Any) -> str:
    """Return text; a list becomes text with spaces between, a date ISO 8601; Unfit for objects."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return " ".join(read_text(part) for part in value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise _unfit(value, "text", "plain text")


VALUES = {
    "instant": Reader(read_instant, DATE_WANTED),
    "integer": Reader(read_integer, "a whole number"),
    "number": Reader(read_number, "a number"),
    "boolean": Reader(read_boolean, "true or false"),
    "text": Reader(read_text, "text"),
}
