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
from collections.abc import Iterable, Sequence
from functools import lru_cache

SPECIAL = set("*?+[]!\\")


@lru_cache(maxsize=4096)
def expression(pattern: str) -> re.Pattern[str]:
    """Return the regular expression of one pattern (without its leading ``!``); ValueError when it cannot be read."""
    out, position = [], 0
    while position < len(pattern):
        character = pattern[position]
        if pattern.startswith("**/", position) and (position == 0 or pattern[position - 1] == "/"):
            out.append("(?:.*/)?")
            position += 3
            continue
        if pattern.startswith("**", position):
            out.append(".*")
            position += 2
            continue
        if character == "*":
            out.append("[^/]*")
        elif character in "?+":
            if not out or out[-1].endswith(("*", "?", "+")):
                raise ValueError(f"{pattern!r}: '{character}' has no character before it")
            out.append(character)
        elif character == "[":
            end = pattern.find("]", position + 2)
            if end < 0:
                raise ValueError(f"{pattern!r}: '[' is not closed")
            inside = pattern[position + 1 : end].replace("\\", "\\\\").replace("^", "\\^").replace("[", "\\[")
            out.append(f"[{inside}]")
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
    found = False
    for pattern in patterns:
        negative = pattern.startswith("!")
        body = pattern[1:] if negative else pattern
        if body == name or (set(body) & SPECIAL and expression(body).fullmatch(name)):
            found = not negative
    return found


def job_matches(name: str | None, patterns: Sequence[str]) -> bool:
    """Say whether a job is meant: by its full name, its last part ("caller / called"), with or without its " (matrix)"."""
    if name is None:
        return False
    candidates = {name, name.rsplit(" / ", 1)[-1]}
    candidates |= {re.sub(r" \([^()]*\)$", "", candidate) for candidate in candidates}
    return any(matches(candidate, patterns) for candidate in sorted(candidates))


def nearest(wanted: Iterable[str], names: Iterable[str], count: int = 3) -> list[str]:
    """Return the `names` most like the `wanted` patterns, the nearest first: what a rule without hits may have meant."""
    known = {name for name in names if name}
    lowered = {name.casefold(): name for name in sorted(known)}
    scores: dict[str, float] = {}
    for pattern in wanted:
        plain = re.sub(r"[*?+!\[\]\\]", "", pattern).casefold()
        for low, name in lowered.items():
            score = difflib.SequenceMatcher(None, plain, low).ratio() + (0.5 if plain and plain in low else 0)
            scores[name] = max(scores.get(name, 0), score)
    return sorted((name for name in scores if scores[name] > 0.3), key=lambda name: (-scores[name], name))[:count]
