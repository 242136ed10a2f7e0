"""The outbox: a message is recorded before it is sent and settled after, in the store's table ``deliveries``.

A row says what was told to whom, so it is told once.  A row still "sending" when the next run begins is of a run that
was killed: nobody knows whether the message got there, so it becomes "unknown", is reported, and is not sent again.
What is known not to have got there is tried again, less and less often.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from devops_lab.config import Recipient, Settings
from devops_lab.errors import LabError
from devops_lab.reports.sending import ways
from devops_lab.reports.sending.apprised import FAILED, Fate
from devops_lab.reports.sending.message import Message
from devops_lab.store import Store

SENDING = "sending"
MOST_ATTEMPTS = 12
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=15), timedelta(days=1)
OURS = "schedule"
KILLED = "the run that sent it was killed; it may have been taken"
Send = Callable[[Settings, Recipient, Message], Fate]
Row = dict[str, Any]


@dataclass(frozen=True)
class Told:
    """One thing that is told: its kind (report, alert, failure) and the text that makes it one of a kind."""

    kind: str
    about: str


def pause(attempts: int) -> timedelta:
    """Return how long to wait after so many attempts that failed: a quarter of an hour, doubled, at most a day."""
    return min(FIRST_PAUSE * 2 ** max(attempts - 1, 0), LONGEST_PAUSE)


class Outbox:
    """The record of one store, for one run that holds the schedule's lock.

    `checkpoint` is called between recording and sending: it saves the store where the machine does not last.
    """

    def __init__(
        self,
        store: Store,
        now: Callable[[], datetime],
        send: Send = ways.send,
        checkpoint: Callable[[], None] | None = None,
    ) -> None:
        self._store, self._now, self._send, self._checkpoint = store, now, send, checkpoint
        known = store.rows("select * from deliveries order by recipient, about")
        self._rows = {(row["recipient"], row["about"]): row for row in known}

    def left(self) -> list[list[Row]]:
        """Return what a killed run left between recording and knowing: the rows of each message."""
        found: dict[str, list[Row]] = {}
        for row in self._rows.values():
            if row["outcome"] == SENDING:
                found.setdefault(row["message"], []).append(row)
        return list(found.values())

    def settle(self, rows: Sequence[Row], fate: Fate) -> None:
        """Record what became of a message."""
        now = self._now()
        self._put([{**row, "outcome": fate.outcome, "problem": fate.problem, "settled_at": now} for row in rows])

    def outstanding(self, recipient: str, told: Iterable[Told]) -> list[Told]:
        """Return what a recipient still has to be told now."""
        return [one for one in told if self._is_open(self._rows.get((recipient, one.about)))]

    def missing(self, recipient: str, about: str) -> bool:
        """Say whether a recipient was not told yet, though it may not be time to try again."""
        row = self._rows.get((recipient, about))
        return row is None or row["outcome"] in (FAILED, SENDING)

    def row(self, recipient: str, about: str) -> Row | None:
        """Return what is recorded of telling something to a recipient."""
        return self._rows.get((recipient, about))

    def deliver(self, settings: Settings, recipient: Recipient, message: Message, told: Sequence[Told]) -> Fate:
        """Record that a message about `told` is being sent, send it, and record what became of it.

        Errors: StoreError, OSError: it cannot be recorded, so it was not sent.
        """
        number = uuid.uuid4().hex
        rows = []
        for one in told:
            before = self._rows.get((recipient.name, one.about))
            rows.append(
                {
                    "recipient": recipient.name, "about": one.about, "kind": one.kind, "message": number,
                    "outcome": SENDING, "attempts": 1 + (before["attempts"] if before else 0),
                    "asked_at": self._now(), "settled_at": None, "problem": None,
                }
            )  # fmt: skip
        self._put(rows)
        fate = self._saved() or self._send(settings, recipient, message)
        self.settle(rows, fate)
        return fate

    def _saved(self) -> Fate | None:
        """Save the record where the machine does not last; return why nothing may be sent, None where it may."""
        try:
            if self._checkpoint is not None:
                self._checkpoint()
        except LabError as problem:
            return Fate(FAILED, f"nothing was sent, because its record could not be saved: {problem}")
        return None

    def _is_open(self, row: Mapping[str, Any] | None) -> bool:
        if row is None:
            return True
        if row["outcome"] != FAILED or row["attempts"] >= MOST_ATTEMPTS:
            return False
        return bool(self._now() >= row["settled_at"] + pause(row["attempts"]))

    def _put(self, rows: Sequence[Row]) -> None:
        own = [{name: row[name] for name in row if name not in ("source", "fetched_at")} for row in rows]
        if own:
            self._store.write("deliveries", own, source=OURS)
        self._rows |= {(row["recipient"], row["about"]): row for row in own}
