"""What a run of the schedule works with, and what it did."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from devops_lab.reports.schedule import rendering
from devops_lab.reports.schedule.rendering import Render
from devops_lab.reports.sending import ways
from devops_lab.reports.sending.outbox import Send

Fetch = Callable[[], Mapping[str, str]]
TRIES = 3
PAUSES = (5.0, 30.0)  # seconds between the tries of one run


def utc_now() -> datetime:
    """Return this instant, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


def _quiet(message: str) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Hands:
    """What a run works with: the clock, a pause, what is said to people, how facts are fetched, rendered and sent.

    `fetch` returns what did not come, by repository; None: nothing is fetched.  `checkpoint` saves the store between
    recording a message and sending it, where the machine does not last.
    """

    now: Callable[[], datetime] = utc_now
    sleep: Callable[[float], None] = time.sleep
    say: Callable[[str], None] = _quiet
    fetch: Fetch | None = None
    render: Render = rendering.render
    send: Send = ways.send
    checkpoint: Callable[[], None] | None = None


@dataclass
class Done:
    """What a run did: reports rendered, messages sent, and `problems`, one sentence each; `waiting` are tried later."""

    rendered: int = 0
    sent: int = 0
    problems: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    @property
    def exit_status(self) -> int:
        """0 when everything that was due came, else 1."""
        return 1 if self.problems or self.waiting else 0
