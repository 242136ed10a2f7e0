"""What an alert watches for, as a sentence: ``change_fail_rate > 0.2 for 2 weeks and n >= 10``.

::

    condition = METRIC [STATISTIC] COMPARED AMOUNT ["for" COUNT PERIOD] ["and" "n" COMPARED COUNT]
    COMPARED  = ">" | ">=" | "<" | "<="
    AMOUNT    = NUMBER in the metric's own unit | NUMBER "%" | NUMBER "seconds|minutes|hours|days"
    PERIOD    = "days" | "weeks" | "months" | "quarters"

"for 2 weeks" means: in each of the last two complete weeks of the lab's calendar.  Without it the last complete week
is looked at.  `n` is the number of observations of each of these periods.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass

COMPARED: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
UNITS = ("%", "seconds", "minutes", "hours", "days")
PERIODS = ("day", "week", "month", "quarter")
EXAMPLE = "change_fail_rate > 0.2 for 2 weeks and n >= 10"
LONGEST = 60
_TOKEN = re.compile(r"\s*(?:(>=|<=|>|<)|([A-Za-z_]\w*)|(\d+(?:\.\d+)?)|(%))")


@dataclass(frozen=True)
class Condition:
    """A condition as it was read: `amount` in `unit` ("" is the metric's own), in each of `count` complete periods."""

    metric: str
    compared: str
    amount: float
    unit: str = ""
    statistic: str | None = None
    count: int = 1
    period: str = "week"
    n_compared: str = ">="
    n: int = 0

    def holds(self, value: float, amount: float | None = None) -> bool:
        """Say whether a value is on the side that is watched for; `amount` is the threshold in the metric's unit."""
        return COMPARED[self.compared](value, self.amount if amount is None else amount)

    def enough(self, n: float) -> bool:
        """Say whether so many observations are as many as asked for."""
        return COMPARED[self.n_compared](n, self.n)


class _Words:
    """The words of a condition, taken one after the other."""

    def __init__(self, text: str) -> None:
        self.text, self.words, place = text, [], 0
        while place < len(text.rstrip()):
            found = _TOKEN.match(text, place)
            if found is None:
                raise _wrong(text, f"{text[place:].strip()!r} cannot be read")
            self.words.append(found.group().strip())
            place = found.end()

    def next(self) -> str:
        """Return the next word without taking it, "" at the end."""
        return self.words[0] if self.words else ""

    def take(self, wanted: str, fits: Callable[[str], object]) -> str:
        """Take the next word; ValueError where it is not what is `wanted`."""
        word = self.next()
        if not word or not fits(word):
            raise _wrong(self.text, f"{repr(word) if word else 'the end'} where {wanted} should be")
        return self.words.pop(0)

    def whole(self, wanted: str) -> int:
        """Take a whole number."""
        return int(self.take(wanted, str.isdigit))


def read(text: str) -> Condition:
    """Read a condition; ValueError says which word is wrong, and shows one that is right."""
    words = _Words(text)
    metric = words.take("a metric's name", str.isidentifier)
    statistic = words.next().lower() if words.next().isidentifier() else None
    if statistic is not None:
        words.take("a statistic", str.isidentifier)
    compared = words.take("one of > >= < <=", COMPARED.__contains__)
    amount = float(words.take("a number", _is_number))
    unit = ""
    if words.next() and words.next().lower() not in ("for", "and"):
        unit = _plural(words.take(f"one of {', '.join(UNITS)}, for or and", lambda word: _plural(word) in UNITS))
    if unit == "%":
        amount, unit = amount / 100, "share"
    count, period = 1, "week"
    if words.next().lower() == "for":
        words.take("for", bool)
        count = words.whole("a number of periods")
        period = words.take("days, weeks, months or quarters", lambda word: word.lower().rstrip("s") in PERIODS)
        period = period.lower().rstrip("s")
        if not 1 <= count <= LONGEST:
            raise _wrong(text, f"for {count} {period}s: from 1 to {LONGEST}")
    n_compared, n = ">=", 0
    if words.next():
        words.take("for, and or the end", lambda word: word.lower() == "and")
        words.take("n (alone can stand after and)", lambda word: word.lower() == "n")
        n_compared = words.take("one of > >= < <=", COMPARED.__contains__)
        n = words.whole("a whole number")
    if words.next():
        raise _wrong(text, f"{words.next()!r} where the end should be")
    return Condition(metric, compared, amount, unit, statistic, count, period, n_compared, n)


def _plural(word: str) -> str:
    lower = word.lower()
    return lower if lower == "%" or lower.endswith("s") else f"{lower}s"


def _is_number(word: str) -> bool:
    return word.replace(".", "", 1).isdigit()


def _wrong(text: str, said: str) -> ValueError:
    return ValueError(f"when = {text!r}: {said}; write for example {EXAMPLE!r}")
