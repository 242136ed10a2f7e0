"""GitHub's filter patterns, as in a workflow's ``on.push.branches``: which names a rule means.

``*`` stops at ``/``, ``**`` does not, ``?`` is zero or one of the character before it, ``+`` one or more, ``[]`` one
of a set, ``\\`` takes the meaning away, and ``!`` at the start takes names out again.  An exact match always wins,
whatever characters it has; a name without a pattern character is literal.  The order of a list matters: the last
pattern that matches a name decides.

Reference: https://docs.github.com/actions/reference/workflows-and-actions/workflow-syntax#filter-pattern-cheat-sheet
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache

SPECIAL = set("*?+[]!\\")
_SET_SPECIAL = re.compile(r"[\\^\[\]&~|]")
_MATRIX = re.compile(r" \((?:[^()]|\([^()]*\))*\)$")
_LEAST_LIKE = 0.3


@lru_cache(maxsize=4096)
def expression(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of one pattern (without its leading ``!``); ValueError when it cannot be read."""
    out: list[str] = []
    position, repeatable = 0, False
    while position < len(pattern):
        character = pattern[position]
        before, repeatable = repeatable, character not in "*?+"
        if pattern.startswith("**/", position) and (position == 0 or pattern[position - 1] == "/"):
            out.append("(?:.*/)?")
            position += 2
        elif pattern.startswith("**", position):
            out.append(".*")
            position += 1
        elif character == "*":
            out.append("[^/]*")
        elif character in "?+":
            if not before:
                raise ValueError(f"{pattern!r}: '{character}' has no character before it")
            out.append(character)
        elif character == "[":
            end = pattern.find("]", position + 2)
            if end < 0:
                raise ValueError(f"{pattern!r}: '[' is not closed")
            out.append(f"[{_SET_SPECIAL.sub(_escaped, pattern[position + 1 : end])}]")
            position = end
        elif character == "\\" and position + 1 < len(pattern):
            position += 1
            out.append(re.escape(pattern[position]))
        else:
            out.append(re.escape(character))
        position += 1
    try:
        return re.compile("".join(out), re.DOTALL)
    except re.error as problem:
        raise ValueError(f"{pattern!r}: {problem}") from problem


def matches(name: str | None, patterns: Sequence[str], ignore_case: bool = False) -> bool:
    """Say whether `name` is meant by `patterns`; the last pattern that matches decides, an exact match always wins.

    No patterns match nothing; nothing (None) is never matched.
    """
    if name is None:
        return False
    if ignore_case:
        name, patterns = name.casefold(), [pattern.casefold() for pattern in patterns]
    if name in patterns:
        return True
    return _last_word({name}, patterns)


def job_matches(name: str | None, patterns: Sequence[str]) -> bool:
    """Say whether a job is meant: by its full name, its last part ("caller / called"), with or without its " (matrix)".

    A pattern with ``!`` takes a job out by any of these names; the full name always wins.
    """
    if name is None:
        return False
    if name in patterns:
        return True
    parts = name.split(" / ")
    plain = [_MATRIX.sub("", part) for part in parts]
    return _last_word({name, parts[-1], " / ".join(plain), " / ".join([*parts[:-1], plain[-1]]), plain[-1]}, patterns)


def _last_word(names: Collection[str], patterns: Iterable[str]) -> bool:
    """Say what the last pattern that matches any of these names says; no pattern says no."""
    found = False
    for pattern in patterns:
        negative = pattern.startswith("!")
        body = pattern[1:] if negative else pattern
        if body in names or (set(body) & SPECIAL and any(expression(body).fullmatch(name) for name in names)):
            found = not negative
    return found


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]


def nearest(wanted: Iterable[str], names: Iterable[str], count: int = 3) -> list[str]:
    """Return the `names` most like the `wanted` patterns, nearest first: what a rule without hits may have meant."""
    lowered = {name.casefold(): name for name in sorted({name for name in names if name})}
    scores: dict[str, float] = {}
    for pattern in wanted:
        if pattern.startswith("!"):
            continue
        plain = re.sub(r"[*?+\[\]\\]", "", pattern).casefold()
        matcher = difflib.SequenceMatcher(None, b=plain, autojunk=False)
        for low, name in lowered.items():
            matcher.set_seq1(low)
            score = 0.5 if plain and plain in low else 0.0
            if matcher.real_quick_ratio() + score > _LEAST_LIKE and matcher.quick_ratio() + score > _LEAST_LIKE:
                score += matcher.ratio()
            scores[name] = max(scores.get(name, 0), score)
    close = [name for name in scores if scores[name] > _LEAST_LIKE]
    return sorted(close, key=lambda name: (-scores[name], name))[:count]
