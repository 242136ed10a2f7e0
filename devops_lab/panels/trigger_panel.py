"""The trigger panel: start a pipeline, watch it, drive it; come back to what runs."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import ipywidgets as widgets

from devops_lab.actions import Run
from devops_lab.errors import LabError
from devops_lab.panels import pieces
from devops_lab.panels.asking import Desk, Mine
from devops_lab.panels.background import Background
from devops_lab.panels.run import TICK, RunView
from devops_lab.panels.starting import Leads, Starting
from devops_lab.panels.state import Watched, instant, now
from devops_lab.panels.texts import ago

OFFERS = 3
RECENT = 3600.0  # seconds for which a run that is over is offered


def trigger(lab: str | Path = "lab.toml", service: str = "") -> widgets.VBox:
    """Return the trigger panel of a lab (its ``lab.toml``, in this folder or above) as a widget.

    It shows at once and asks in the background; where one run of yours goes on it is back on that.  `service` is chosen
    first.  What goes wrong is said in the panel.
    """
    return TriggerPanel(lab, service).widget


class TriggerPanel:
    """The panel's two screens and the line that says what happens."""

    def __init__(self, lab: str | Path, service: str = "") -> None:
        self.background = Background()
        self.desk: Desk | None = None
        self._service = service
        self._offered: list[Mine] = []
        self._last = ("", "")
        self.line = pieces.live()
        self.starting = Starting(self.background, self.tell, Leads(self._started, self.show_run))
        self.run = RunView(self.background, self.tell, self.show_start)
        self.offers = [
            pieces.button("", self.background.pressed(partial(self._offer_taken, place)), kind="lab-offer")
            for place in range(OFFERS)
        ]
        self._first = pieces.box(pieces.row(*self.offers, kind="lab-buttons lab-offers"), self.starting.widget)
        self.widget = pieces.panel(self.line, self._first, self.run.widget, kind="lab-trigger")
        self._screen(running=False)
        for button in self.offers:
            pieces.shown(button, False)
        self.tell("Opening the lab…", "in_progress")
        self.background.do("desk", lambda: Desk(lab), self._opened, self._failed)
        self._tick()

    def tell(self, sentence: str, state: str = "") -> None:
        """Say a sentence in the live line."""
        pieces.tell(self.line, sentence, pieces.kind_of(state))

    def show_start(self) -> None:
        """Go to the first screen."""
        self.run.close()
        self._screen(running=False)
        self.starting.fresh()
        self.tell("Choose what to start.")
        self._look_for_mine(take=False)

    def show_run(self, service: str, repository: str, number: int) -> None:
        """Go to a run."""
        desk = self.desk
        if desk is not None:
            self._screen(running=True)
            self.run.open(desk, service or self._service_of(repository), repository, number)

    # ------------------------------------------------------------------ what happens

    def _opened(self, desk: Desk) -> None:
        self.desk = desk
        self.tell("Choose what to start." if desk.actions is not None else "This panel only watches.")
        self.starting.open(desk, self._service or self._service_of(desk.last_repository()))
        self._look_for_mine(take=True)

    def _failed(self, problem: LabError) -> None:
        self.tell(str(problem), "failure")

    def _started(self, service: str, run: Run, fresh: bool) -> None:
        said = "Started." if fresh else "The same was started a moment ago; this is its run."
        self.tell(said, "in_progress")
        self.show_run(service, run.repository, run.id)

    def _look_for_mine(self, take: bool) -> None:
        desk = self.desk
        if desk is not None:
            self.background.do("mine", desk.mine, lambda found: self._mine(found, take), lambda problem: None)

    def _mine(self, found: list[Mine], take: bool) -> None:
        """Be back on the one run of one's own that goes on; else offer them, and those that ended lately."""
        if self.run.watched is not None:
            return
        going = [one for one in found if one.raw.get("status") != "completed"]
        if take and len(going) == 1:
            self.tell(f"Back on {offer(going[0])}.", "in_progress")
            self._take(going[0])
            return
        lately = [one for one in found if one not in going and _age(one) < RECENT]
        self._offered = [*going, *lately][:OFFERS]
        for place, button in enumerate(self.offers):
            pieces.shown(button, place < len(self._offered))
            if place < len(self._offered):
                button.description = f"Back to {offer(self._offered[place])}"

    def _offer_taken(self, place: int) -> None:
        if place < len(self._offered):
            self._take(self._offered[place])

    def _take(self, one: Mine) -> None:
        self.show_run("", one.repository, one.number)

    def _service_of(self, repository: str) -> str:
        services = [] if self.desk is None else self.desk.settings.service
        return next((one.name for one in services if one.repository == repository), "")

    def _screen(self, running: bool) -> None:
        pieces.shown(self._first, not running)
        pieces.shown(self.run.widget, running)

    def _tick(self) -> None:
        """Draw the run once a second: its times move though nothing else does."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:  # no kernel
            return

        def tick() -> None:
            if self.background.closed:
                return
            with self.background.lock:
                self.run.draw()
            loop.call_later(TICK, tick)

        loop.call_later(TICK, tick)


def offer(one: Mine) -> str:
    """Return a run in words: "run 12 of deploy.yml, started 2 min ago"."""
    watched = Watched(one.repository, one.number, one.raw)
    over = one.raw.get("status") == "completed"
    state = f", which {pieces.word(str(one.raw.get('conclusion')))} in the meantime" if over else ""
    return f"{watched.name}, started {ago(watched.started_at, now())}{state}"


def _age(one: Mine) -> float:
    at: Any = instant(one.raw.get("updated_at"))
    return float("inf") if at is None else float((now() - at).total_seconds())
