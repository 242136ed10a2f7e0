"""The runs board: what runs and waits now over all services, the longest waiting first; it looks again by itself.

Each look is one conditional request for each repository, at most two a second, so that many services stay cheap.  The
rows are places that stay on the page: only what changed is written anew, and a focused link keeps its focus.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

import ipywidgets as widgets

from devops_lab.actions.board import Board, Now, Seen, seen
from devops_lab.errors import LabError
from devops_lab.github_api.answers import MissingError
from devops_lab.panels import board_rows, pieces
from devops_lab.panels.asking import Desk
from devops_lab.panels.background import Background
from devops_lab.panels.board_rows import Line, Lines
from devops_lab.panels.state import now
from devops_lab.panels.texts import html
from devops_lab.store import Store

PLACES = 20
QUICK, CALM, APART = 5.0, 15.0, 0.5  # seconds between looks: while something goes on, else, and for each repository
USUAL_EACH = 60  # looks after which the store is asked again how long things usually take
HEAD = ("State", "What", "Where, who", "Time")


@dataclass
class _Place:
    """One row's place on the page."""

    box: widgets.HBox
    state: widgets.HTML
    what: widgets.HTML
    where: widgets.HTML
    times: widgets.HTML


class RunsBoard:
    """The board of one lab; `root` is its widget.  `close` ends the looking."""

    def __init__(self, lab: str | Path, quick: float = QUICK, calm: float = CALM) -> None:
        self.lab, self.quick, self.calm = lab, quick, calm
        self.background = Background()
        self.desk: Desk | None = None
        self.board: Board | None = None
        self.services: dict[str, str] = {}
        self.usual: dict[tuple[str, str], float] = {}
        self.lines = Lines(self._ended)
        self.looks = 0
        self.paused = False
        self._timer: threading.Timer | None = None
        self._widgets()
        self._look()

    def close(self) -> None:
        """End the looking."""
        self.background.closed = True
        if self._timer is not None:
            self._timer.cancel()

    # ------------------------------------------------------------------ looking

    def _look(self) -> None:
        self.background.do("look", self._asked, self._found, self._failed)

    def _asked(self) -> tuple[list[Line], Now]:
        """Ask once; the desk is made with the first look, so that the page is there before any server answers."""
        if self.desk is None or self.board is None:
            desk = Desk(self.lab)
            self.services = board_rows.services_of(desk.settings)
            self.board = Board(desk.server, self.services)
            self.desk = desk
        if self.looks % USUAL_EACH == 0:
            self.usual = board_rows.usual_runs(Store(self.desk.settings.store), now())
        self.looks += 1
        found = self.board.look()
        return self.lines.after(found, now()), found

    def _ended(self, run: Seen) -> Seen | None:
        """Return a run that is not listed any more as it stands; None where it was deleted."""
        assert self.desk is not None
        try:
            raw = self.desk.run(run.repository, run.id).raw()
        except MissingError:
            return None
        except LabError:  # the next look says why
            return run
        return seen(self.desk.server, run.repository, raw)

    def _found(self, found: tuple[list[Line], Now]) -> None:
        lines, told = found
        self._show(lines, told)
        going = any(line.over_at is None for line in lines)
        self._again(self.quick if going else self.calm)

    def _failed(self, problem: LabError) -> None:
        pieces.show(self.troubles, pieces.trouble(problem))
        pieces.show(self.counts, html('<p class="lab-counts" role="status">{}</p>', "Nothing can be asked."))
        self._again(self.calm)

    def _again(self, seconds: float) -> None:
        if self.paused or self.background.closed:
            return
        self._timer = threading.Timer(max(seconds, APART * len(self.services)), self._look)
        self._timer.daemon = True
        self._timer.start()

    def _toggle(self) -> None:
        self.paused = not self.paused
        self.pause.description = "Look again by itself" if self.paused else "Pause"
        if self._timer is not None:
            self._timer.cancel()
        if not self.paused:
            self._look()

    # ------------------------------------------------------------------ showing

    def _widgets(self) -> None:
        self.counts = pieces.block(html('<p class="lab-counts" role="status">{}</p>', "Asking…"))
        self.said = pieces.block(kind="lab-soft")
        self.troubles = pieces.block()
        self.none = pieces.block(kind="lab-none")
        self.more = pieces.block(kind="lab-soft")
        self.pause = pieces.button("Pause", self.background.pressed(self._toggle), kind="lab-pause")
        head = html("<span>{}</span><span>{}</span><span>{}</span><span>{}</span>", *HEAD)
        self.head = pieces.block(html('<div class="lab-board-head" aria-hidden="true">{}</div>', head))
        self.places = [_place() for _ in range(PLACES)]
        rows = pieces.box(*(place.box for place in self.places), kind="lab-board-rows")
        pieces.shown(self.head, False)
        self.root = pieces.panel(
            pieces.block(html("<h2>{}</h2>", "What runs and waits now")),
            self.counts, self.head, rows, self.none, self.more, self.troubles,
            pieces.row(self.pause, self.said, kind="lab-buttons lab-board-foot"),
            kind="lab-board",
        )  # fmt: skip

    def _show(self, lines: list[Line], told: Now) -> None:
        assert self.desk is not None
        zone, instant = self.desk.settings.lab.timezone, now()
        for place, line in zip(self.places, [*lines[:PLACES], *[None] * PLACES], strict=False):
            if line is not None:
                pieces.show(place.state, board_rows.state(line))
                pieces.show(place.what, board_rows.what(line, self.services[line.run.repository]))
                pieces.show(place.where, board_rows.where(line))
                pieces.show(place.times, board_rows.times(line, self.usual, instant, zone))
            pieces.shown(place.box, line is not None)
        pieces.show(self.counts, board_rows.counts(lines, len(told.troubles)))
        pieces.shown(self.head, bool(lines))
        pieces.show(self.none, html("<p>{}</p>", "" if lines else "Nothing runs and nothing waits."))
        rest = len(lines) - PLACES
        pieces.show(self.more, html("<p>{}</p>", f"and {rest} more, younger than these" if rest > 0 else ""))
        said = [f"{name}: {why}" for name, why in told.troubles.items()]
        trouble = pieces.trouble("Not asked just now; what is shown of them is older:", said)
        pieces.show(self.troubles, trouble if said else html(""))
        asked = len(self.services)
        word = "repository" if asked == 1 else "repositories"
        pieces.show(self.said, html("<p>{} {}, asked every {} s while something goes on</p>", asked, word, self._every))

    @property
    def _every(self) -> str:
        return f"{max(self.quick, APART * len(self.services)):.0f}"


def board(lab: str | Path = "lab.toml") -> widgets.VBox:
    """Return the runs board of a lab: what runs and waits now over all its services, the longest waiting first.

    It looks again by itself until its kernel ends.  What is wrong (no token, no server) is said on the board.
    """
    return RunsBoard(lab).root


def _place() -> _Place:
    parts = [pieces.block(kind=f"lab-cell-{name}") for name in ("state", "what", "where", "times")]
    place = _Place(pieces.classed(widgets.HBox(parts), "lab-board-row"), *parts)
    pieces.shown(place.box, False)
    return place
