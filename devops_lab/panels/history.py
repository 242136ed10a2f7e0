"""The last runs of a workflow: how long they took as a sparkline, and one button each to look at a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from statistics import median

from markupsafe import Markup

from devops_lab import words
from devops_lab.actions.board import Seen
from devops_lab.panels import pieces
from devops_lab.panels.background import Background
from devops_lab.panels.texts import ago, html, joined, short

SHOWN = 6
BARS = 20
BAR, GAP, HEIGHT = 9, 3, 40


class History:
    """The last runs, newest first.  `opened` is told the repository and number of the run somebody wants to see."""

    def __init__(self, background: Background, opened: Callable[[str, int], None]) -> None:
        self._title = pieces.block(kind="lab-part")
        self._spark = pieces.block(kind="lab-spark")
        self._runs: list[Seen] = []
        self._buttons = [
            pieces.button("", background.pressed(partial(self._press, place)), kind="lab-link lab-past")
            for place in range(SHOWN)
        ]
        self._opened = opened
        self.widget = pieces.box(self._title, self._spark, *self._buttons, kind="lab-history")
        pieces.shown(self.widget, False)

    def draw(self, file: str, runs: Sequence[Seen], now: datetime) -> None:
        """Show a workflow's runs."""
        self._runs = list(runs)
        pieces.shown(self.widget, True)
        pieces.show(self._title, html("<h3>Last runs of {}</h3>", file))
        pieces.show(self._spark, sparkline(runs) if runs else html('<p class="lab-soft">{}</p>', "It has never run."))
        for place, button in enumerate(self._buttons):
            pieces.shown(button, place < len(runs))
            if place < len(runs):
                text = described(runs[place], now)
                if button.description != text:
                    button.description = text

    def _press(self, place: int) -> None:
        if place < len(self._runs):
            self._opened(self._runs[place].repository, self._runs[place].id)


def described(run: Seen, now: datetime) -> str:
    """Return a run in one line of text."""
    state = run.conclusion or run.status
    took = "" if run.seconds is None else f" in {short(run.seconds)}"
    by = f", by {run.actor}" if run.actor else ""
    attempt = f", attempt {run.attempt}" if run.attempt > 1 else ""
    said = f"{pieces.shape(state)} {run.title or run.workflow} on {run.ref}: {pieces.word(state)}{took}{attempt}"
    return f"{said}, {ago(run.started_at, now)}{by}"


def sparkline(runs: Sequence[Seen]) -> Markup:
    """Return the durations of ended runs as bars, the newest right; one that did not succeed is hollow with a cross."""
    ended = [run for run in reversed(runs[:BARS]) if run.seconds is not None]
    taken = [run.seconds or 0.0 for run in ended]
    if not taken:
        return html('<p class="lab-soft">{}</p>', "None has ended yet.")
    highest = max(*taken, 1.0)
    bars = joined(_bar(place, run, highest) for place, run in enumerate(ended))
    bad = sum(run.conclusion != "success" for run in ended)
    good = f"{len(ended) - bad} of the last {words.plural(len(ended), 'run')} succeeded"
    said = f"{good}; half took up to {short(median(taken))}"
    said += f" (from {short(min(taken))} to {short(max(taken))})." if len(ended) > 1 else "."
    width = len(ended) * (BAR + GAP)
    return html(
        '<div><svg width="{}" height="{}" role="img" aria-label="{}">{}</svg><p class="lab-soft">{}</p></div>',
        width, HEIGHT + 12, said, bars, said,
    )  # fmt: skip


def _bar(place: int, run: Seen, highest: float) -> Markup:
    height = max(3, round(HEIGHT * (run.seconds or 0.0) / highest))
    left, top = place * (BAR + GAP), HEIGHT - height + 11
    state = pieces.word(run.conclusion or run.status)
    title = f"{run.title or run.workflow} on {run.ref}: {state} in {short(run.seconds or 0.0)}"
    if run.conclusion == "success":
        return html(
            '<rect x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>', left, top, BAR, height, title
        )
    return html(
        '<g class="lab-bad"><title>{}</title><rect x="{}" y="{}" width="{}" height="{}"/>'
        '<path d="M{} {}l6 6m0 -6l-6 6"/></g>',
        title, left + 0.75, top, BAR - 1.5, max(height - 1, 2), left + 1.5, top - 9,
    )  # fmt: skip
