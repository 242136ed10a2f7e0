"""Following one run in a thread: what it is, how it moves, and a new attempt after it was over."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from devops_lab.actions import Progress, Run
from devops_lab.errors import LabError
from devops_lab.panels.background import UNFORESEEN, Background

SLOWEST = 1.25  # seconds between two questions while nothing moves; unchanged answers cost nothing (ETags)
AFTER = 5.0  # seconds between looks for a new attempt once it is over: from here, another tab, or GitHub's own page


@dataclass(frozen=True)
class Ears:
    """Who is told, on the panel's loop: `known` the run as GitHub tells, `heard` each progress, `gone` why it ends."""

    known: Callable[[Mapping[str, Any]], None]
    heard: Callable[[Progress], None]
    gone: Callable[[LabError], None]


class Follow:
    """Follows a run until `stop`; `soon` asks at once for a new attempt."""

    def __init__(self, background: Background, run: Run, ears: Ears) -> None:
        self.background, self.run, self.ears = background, run, ears
        self._stop, self._soon = threading.Event(), threading.Event()
        threading.Thread(target=self._follow, name=f"panel follows {run.id}", daemon=True).start()

    def stop(self) -> None:
        """Leave the run alone; nobody is told of it any more."""
        self._stop.set()
        self._soon.set()

    def soon(self) -> None:
        """Look for a new attempt now."""
        self._soon.set()

    def _follow(self) -> None:
        ended: LabError | None = LabError(UNFORESEEN)
        try:
            raw: Mapping[str, Any] = self.run.raw()
            while not self._stop.is_set():
                self._tell(self.ears.known, raw)
                for progress in self.run.changes(stop=self._stop, slowest=SLOWEST):
                    self._tell(self.ears.heard, progress)
                raw = self._next(int(raw.get("run_attempt") or 1))
            ended = None
        except LabError as problem:
            ended = problem
        finally:
            if ended is not None:
                self._tell(self.ears.gone, ended)

    def _next(self, attempt: int) -> Mapping[str, Any]:
        """Wait for another attempt than the one that ended, and return the run as it is then."""
        quick = 0
        while True:
            if self._soon.wait(0.3 if quick else AFTER):
                self._soon.clear()
                quick = 40
            quick = max(0, quick - 1)
            raw = self.run.raw() if not self._stop.is_set() else {}
            if self._stop.is_set() or int(raw.get("run_attempt") or 1) != attempt or raw.get("status") != "completed":
                return raw

    def _tell(self, call: Callable[..., None], *given: Any) -> None:
        if not self._stop.is_set():
            self.background.tell(lambda: None if self._stop.is_set() else call(*given))
