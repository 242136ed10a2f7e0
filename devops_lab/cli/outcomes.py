"""What a sync gave, said to people: a line each where there are few, a table of repositories where there are many."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devops_lab.config import Settings
    from devops_lab.sync import Outcome

FEW = 4
COMPLETE, PARTLY, REFUSED, FAILED = "complete", "in part", "refused", "failed"
ORDER = (FAILED, REFUSED, PARTLY, COMPLETE)
HEADINGS = ("repository", "state", "new", "changed")
WIDTH = 100


def told(outcomes: Sequence[Outcome], settings: Settings) -> Iterator[str]:
    """Yield the lines that tell of a sync; those of what went wrong come last, where they are seen."""
    names = list(dict.fromkeys(outcome.repository for outcome in outcomes))
    if len(names) < FEW:
        for outcome in outcomes:
            yield _line(outcome)
        return
    by_name = {name: [outcome for outcome in outcomes if outcome.repository == name] for name in names}
    states = {name: state(own) for name, own in by_name.items()}
    rows = [HEADINGS]
    for name in sorted(names, key=lambda name: (-ORDER.index(states[name]), name)):
        written = [outcome.rows for outcome in by_name[name]]
        new, changed = sum(one.inserted for one in written), sum(one.updated for one in written)
        rows.append((name, states[name], f"{new:,}", f"{changed:,}"))
    widths = [max(len(row[place]) for row in rows) for place in range(len(HEADINGS))]
    for row in rows:
        left, right = zip(row[:2], widths[:2], strict=True), zip(row[2:], widths[2:], strict=True)
        yield "  ".join([*(f"{text:<{width}}" for text, width in left), *(f"{text:>{width}}" for text, width in right)])
        yield from _why(by_name.get(row[0], []))
    yield summary(states, settings)


def state(outcomes: Iterable[Outcome]) -> str:
    """Return how a repository fared: failed, refused as a whole, in part (some tables were refused), or complete."""
    from devops_lab.errors import AccessError

    problems = [outcome.problem for outcome in outcomes]
    if any(problem is not None and not isinstance(problem, AccessError) for problem in problems):
        return FAILED
    if any(problems):
        return REFUSED
    return PARTLY if any(outcome.refused for outcome in outcomes) else COMPLETE


def summary(states: dict[str, str], settings: Settings) -> str:
    """Return how many services are complete: those of whose repository, files and telemetry everything came."""
    asked = [one for one in settings.service if {one.name, one.repository} & states.keys()]
    whole = [one for one in asked if all(states.get(name, COMPLETE) == COMPLETE for name in {one.name, one.repository})]
    words = ", ".join(
        f"{sum(word == wanted for word in states.values())} {wanted}" for wanted in ORDER if wanted in states.values()
    )
    return f"{len(whole)} of {len(asked)} services are complete (sources: {words})"


def _why(outcomes: Iterable[Outcome]) -> Iterator[str]:
    said = [
        text for one in outcomes for text in (*one.notes, *one.refused, *([str(one.problem)] if one.problem else []))
    ]
    for text in dict.fromkeys(said):
        yield textwrap.fill(text, WIDTH, initial_indent="    ", subsequent_indent="    ", break_long_words=False)


def _line(outcome: Outcome) -> str:
    rows = outcome.rows
    said = f"{outcome.repository} ({outcome.source}): "
    said += f"{rows.inserted} new, {rows.updated} changed, {rows.unchanged} as before"
    if outcome.missing:
        said += f", {outcome.missing} missing there"
    refused = "".join(f"\n  {note}" for note in outcome.notes)
    refused += "".join(f"\n  refused: {reason}" for reason in outcome.refused)
    return said + refused + (f"\n  failed: {outcome.problem}" if outcome.problem else "")
