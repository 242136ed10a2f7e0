"""Questions that may take long, asked in threads; what comes of them is told on the loop the panel was made on.

A page never waits for a server: its handlers start a piece of work and return.  Of two pieces of work in one slot only
the later one's result is told, so that what was chosen last is what is shown.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from devops_lab.errors import LabError

T = TypeVar("T")
P = ParamSpec("P")
Failed = Callable[[LabError], None]
UNFORESEEN = (
    "something failed that was not foreseen; the kernel's output (devops-lab panel --debug) tells what.  Reload the "
    "page: what was sent is recorded and not sent twice"
)


class Background:
    """Threads for one panel.  `lock` is held whenever the panel is changed: a front end may press from any thread."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.closed = False
        self._turns: dict[str, int] = {}
        try:
            self._loop: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:  # no kernel: what comes is told in the thread it came from
            self._loop = None

    def do(self, slot: str, work: Callable[[], T], then: Callable[[T], None], otherwise: Failed) -> None:
        """Do `work` in a thread; `then` takes its result, `otherwise` the lab's error; of a slot the newest alone."""
        with self.lock:
            turn = self._turns[slot] = self._turns.get(slot, 0) + 1

        def told(tell: Callable[[Any], None], what: Any) -> None:
            if self._turns.get(slot) == turn:
                tell(what)

        def asked() -> None:
            call: Callable[[Any], None] = otherwise
            what: Any = LabError(UNFORESEEN)
            try:
                what, call = work(), then
            except LabError as problem:
                what = problem
            finally:  # what nobody foresaw is printed where the kernel prints; the page does not wait for it for ever
                self.tell(told, call, what)

        threading.Thread(target=asked, name=f"panel {slot}", daemon=True).start()

    def forget(self, slot: str) -> None:
        """Drop what a slot's work will find."""
        with self.lock:
            self._turns[slot] = self._turns.get(slot, 0) + 1

    def tell(self, call: Callable[..., None], *given: Any) -> None:
        """Call something on the panel's loop, from any thread."""

        def locked() -> None:
            with self.lock:
                if not self.closed:
                    call(*given)

        if self._loop is None:
            locked()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(locked)

    def pressed(self, call: Callable[P, None]) -> Callable[P, None]:
        """Return a handler that runs while nothing else changes the panel."""

        @wraps(call)
        def locked(*given: P.args, **named: P.kwargs) -> None:
            with self.lock:
                call(*given, **named)

        return locked
