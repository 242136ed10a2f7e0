"""Exercises on the practice organisation: questions, a file to fill in, and marks against the hidden truth.

`practice up` writes `questions_toml` beside its ``lab.toml``; a student answers with the lab; `check` marks, and its
hints say what was probably done instead, never what is right.  Windows are half-open UTC days, written out in each
question; so the same company (seed *and* instant) must be made again to mark it.
"""

from __future__ import annotations

import difflib
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from devops_lab.errors import ConfigError
from devops_lab.practice.exercises_sheet import COUNT, NAME, NUMBER, SHA, Exercise, sheet
from devops_lab.practice.exercises_truth import Solution, Value
from devops_lab.practice.world.organisation import Organisation

FILE = "answers.toml"
RIGHT, WRONG, NO_ANSWER = "right", "wrong", "no answer"
SHORTEST_SHA = 7
TOO_MUCH = 1e15
_ABOUT = ("company", "until")
_FORMS = {
    NUMBER: "a number without quotes, such as 12.5",
    COUNT: "a whole number without quotes, such as 12",
    NAME: 'a name in quotes, such as "checkout"',
    SHA: f'at least {SHORTEST_SHA} characters of a sha in quotes, such as "0a1b2c3"',
}


@dataclass(frozen=True)
class Mark:
    """How one exercise went: `verdict` is right, wrong or no answer; `hint` (None where right) says what to look at."""

    key: str
    verdict: str
    answer: Value | None
    hint: str | None


def exercises(organisation: Organisation) -> list[Exercise]:
    """Return the questions about this organisation, in the order in which one would learn."""
    return [exercise for exercise, _ in sheet(organisation)]


def questions_toml(organisation: Organisation) -> str:
    """Return the answers file to fill in: each question a comment, each value empty."""
    head = (
        "# Exercises on the practice organisation.  Write each answer after its question: numbers without quotes,\n"
        '# texts in quotes; leave "" where you have none.  `devops-lab practice check` marks this file.\n'
        "# The definitions are the lab's: each metric's SQL file begins with its own.\n\n"
        "# What the answers are about; leave these two as they are.\n"
        f'company = "{organisation.name}"\nuntil = {organisation.until:%Y-%m-%dT%H:%M:%SZ}\n'
    )
    parts = [head]
    for number, exercise in enumerate(exercises(organisation), 1):
        lines = textwrap.wrap(f"{number}. {exercise.question}", 116, break_long_words=False, break_on_hyphens=False)
        question = "\n".join(f"# {line}" for line in lines)
        parts.append(f'{question}\n{exercise.key} = ""\n')
    return "\n".join(parts)


def check(organisation: Organisation, text: str, path: object = FILE) -> list[Mark]:
    """Mark an answers file (its `text`), one mark per exercise.

    Errors: ConfigError with all problems at once: what is no TOML, no key here, no number where one is asked, or the
    answers about another company (another seed, or an earlier `practice up`).
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise ConfigError(path, [f'is no TOML: {problem}; texts stand in quotes, and no answer is ""']) from problem
    asked = sheet(organisation)
    problems = [*_about(organisation, given), *_keys(given, [exercise.key for exercise, _ in asked])]
    for exercise, _ in asked:
        misfit = _misfit(exercise, given.get(exercise.key, ""))
        problems += [misfit] if misfit else []
    if problems:
        raise ConfigError(path, problems)
    return [_marked(exercise, solution, given.get(exercise.key, "")) for exercise, solution in asked]


def _about(organisation: Organisation, given: dict[str, Any]) -> Iterator[str]:
    company, until = (given.get(key) for key in _ABOUT)
    if company is not None and company != organisation.name:
        yield f"company = {company!r}: the practice organisation here is {organisation.name!r} (another seed?)"
    elif until is not None and _instant(until) != organisation.until.replace(microsecond=0):
        yield (
            f"until = {until}: the practice organisation here was made at {organisation.until:%Y-%m-%dT%H:%M:%SZ}; "
            "each `practice up` makes it anew, so its numbers are others"
        )


def _instant(value: object) -> datetime | None:
    if not isinstance(value, datetime):
        return None
    plain = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return plain.replace(microsecond=0)


def _keys(given: dict[str, Any], known: list[str]) -> Iterator[str]:
    for key in given:
        if key not in known and key not in _ABOUT:
            close = difflib.get_close_matches(key, known, 1, 0.6)
            meant = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            yield f"{key!r} is no exercise; {meant}"


def _misfit(exercise: Exercise, given: object) -> str | None:
    """Say what is wrong with an answer's form; an empty text is no answer, which is none."""
    if isinstance(given, str) and not given.strip():
        return None
    number = isinstance(given, (int, float)) and not isinstance(given, bool) and abs(given) < TOO_MUCH
    fits = {
        NUMBER: number,
        COUNT: number and given % 1 == 0,  # type: ignore[operator]
        NAME: isinstance(given, str),
        SHA: isinstance(given, str) and len(given.strip()) >= SHORTEST_SHA,
    }
    return None if fits[exercise.kind] else f"{exercise.key} = {given!r}: write {_FORMS[exercise.kind]}"


def _marked(exercise: Exercise, solution: Solution, given: Value) -> Mark:
    if isinstance(given, str):
        given = given.strip().lower()
        if not given:
            return Mark(exercise.key, NO_ANSWER, None, solution.pointer)
    if any(_same(exercise, given, right, exercise.tolerance) for right in solution.right):
        return Mark(exercise.key, RIGHT, given, None)
    likely = [hint for value, hint in solution.mistakes if _same(exercise, given, value, exercise.tolerance)]
    return Mark(exercise.key, WRONG, given, likely[0] if likely else solution.pointer)


def _same(exercise: Exercise, given: Value, value: Value, tolerance: float) -> bool:
    if isinstance(given, str) or isinstance(value, str):
        return str(value).startswith(str(given)) if exercise.kind == SHA else given == value
    return abs(given - value) <= tolerance * abs(value) + 1e-9
