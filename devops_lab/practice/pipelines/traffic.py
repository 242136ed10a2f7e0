"""Visitors: a few requests a second to what is deployed, so that its numbers move."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

NAMES = ("Ada", "Nils", "Bo", "Carla", "Dara", "Sam", "Elif", "Femi", "Zoe", "Gita")  # three in ten are beyond M
AT_ONCE = 8
PATIENCE_SECONDS = 5.0


class Traffic:
    """Asks each port `rate` times a second until it is closed; what does not answer is asked again later."""

    def __init__(self, ports: Collection[int], rate: float) -> None:
        self.ports, self.rate = tuple(ports), rate
        self._ended = threading.Event()
        self._visitors = ThreadPoolExecutor(AT_ONCE, "visitor")
        self._room = threading.Semaphore(2 * AT_ONCE)
        self._thread = threading.Thread(target=self._go, name="traffic", daemon=True)

    def start(self) -> None:
        """Begin to ask; with a rate of 0 nothing is asked."""
        if self.rate > 0:
            self._thread.start()

    def _go(self) -> None:
        names = cycle(NAMES)
        due = time.monotonic()
        while not self._ended.wait(max(due - time.monotonic(), 0)):
            due = max(due + 1 / self.rate, time.monotonic() - 1)
            name = next(names)
            for port in self.ports:
                if self._room.acquire(blocking=False):
                    self._visitors.submit(self._visit, port, name)

    def _visit(self, port: int, name: str) -> None:
        try:
            address = f"http://127.0.0.1:{port}/?{urllib.parse.urlencode({'name': name})}"
            with urllib.request.urlopen(address, timeout=PATIENCE_SECONDS) as answer:
                answer.read()
        except (OSError, urllib.error.URLError, ValueError):
            return  # nothing is deployed there, it is just being replaced, or it is a bad version
        finally:
            self._room.release()

    def close(self) -> None:
        """Stop asking."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()
        self._visitors.shutdown(cancel_futures=True)
