"""The run's jobs as a graph of buttons in columns by `needs`: state, progress and time on each; one is looked at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import ipywidgets as widgets

from devops_lab.panels import graph, pieces, timing
from devops_lab.panels.background import Background
from devops_lab.panels.graph import Node
from devops_lab.panels.state import Watched
from devops_lab.panels.texts import visible

TENTHS = 20  # steps in which progress is drawn


class Jobs:
    """The graph.  A node keeps its button as long as the graph has the same boxes, so that focus stays on it."""

    def __init__(self, background: Background, chosen: Callable[[str], None]) -> None:
        self.background, self._chosen = background, chosen
        self._buttons: dict[str, widgets.Button] = {}
        self._classes: dict[str, str] = {}
        self._shape: tuple[object, ...] = ()
        self._lines = pieces.block(kind="lab-lines")
        self._columns = pieces.classed(widgets.HBox(), "lab-columns")
        self.widget = pieces.box(
            pieces.classed(widgets.Box([self._lines, self._columns]), "lab-graph"), kind="lab-jobs"
        )

    def draw(self, watched: Watched, now: datetime) -> None:
        """Draw the run as it is now."""
        found = watched.nodes
        shape = tuple((node.name, node.needs) for node in found)
        if shape != self._shape:
            self._shape = shape
            self._arrange(found)
        for node in found:
            self._update(node, node.name == watched.chosen, watched, now)

    def _arrange(self, found: list[Node]) -> None:
        names = [node.name for node in found]
        self._buttons = {name: self._buttons.get(name) or self._button(name) for name in names}
        self._classes = {name: self._classes.get(name, "") for name in names}
        placed = graph.columns(found)
        self._columns.children = [
            pieces.box(*(self._buttons[node.name] for node in column), kind="lab-column") for column in placed
        ]
        pieces.show(self._lines, graph.lines(placed))

    def _button(self, name: str) -> widgets.Button:
        return pieces.button(name, self.background.pressed(lambda: self._chosen(name)), kind="lab-node")

    def _update(self, node: Node, looked_at: bool, watched: Watched, now: datetime) -> None:
        usual, heard = watched.usual, bool(watched.progress.jobs) or not watched.progress.over
        button = self._buttons[node.name]
        job = node.job
        state = "" if job is None else job.conclusion or job.status
        word = "" if not heard else "not started" if job is None else pieces.word(state)
        time = "" if job is None else timing.said(job, usual, now)
        over = job is not None and job.status == "completed"
        lines = [
            f"{pieces.shape(state) if job else '·'} {visible(node.name)}",
            word if not time else f"{word} {time}" if over else f"{word}, {time}",
        ]
        text = "\n".join(lines)
        if button.description != text:
            button.description = text
        done = timing.share(job, usual, now)
        classes = f"lab-{pieces.kind_of(state)} lab-done-{'any' if done is None else round(done * TENTHS)}"
        self._dress(node.name, classes + (" lab-looked-at" if looked_at else ""))

    def _dress(self, name: str, classes: str) -> None:
        before = self._classes[name]
        if classes != before:
            button = self._buttons[name]
            kept = [one for one in button._dom_classes if one not in before.split()]
            button._dom_classes = (*kept, *classes.split())
            self._classes[name] = classes
