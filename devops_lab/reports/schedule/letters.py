"""The messages of one run: reports told to their recipients, what did not come, and what nobody knows the fate of.

Each is told once: the outbox's record says so, whatever became of the run that wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from devops_lab import words
from devops_lab.config import Recipient, Schedule, Settings
from devops_lab.errors import QuestionError
from devops_lab.reports.schedule.due import FAILED, RENDERED
from devops_lab.reports.schedule.hands import Done, Hands
from devops_lab.reports.sending import telling, ways
from devops_lab.reports.sending.apprised import UNKNOWN, Fate
from devops_lab.reports.sending.message import Message
from devops_lab.reports.sending.outbox import KILLED, SENDING, Outbox, Told
from devops_lab.store import Store

SEPARATOR = " · "
Row = dict[str, Any]


class Letters:
    """What one run tells; it holds the schedule's lock and calls `keep` before each message."""

    def __init__(self, settings: Settings, hands: Hands, store: Store, done: Done, keep: Callable[[], None]) -> None:
        self._settings, self._hands, self._done, self._keep = settings, hands, done, keep
        self._outbox = Outbox(store, hands.now, hands.send, hands.checkpoint)
        self._recipients = {one.name: one for one in settings.recipient}
        self._schedules = {one.name: one for one in settings.schedule}

    def recover(self) -> None:
        """Report each message that a killed run left between recording and knowing, then settle it as unknown.

        In this order a run that is killed here as well leaves it to the next one to report.
        """
        for rows in self._outbox.left():
            self._unknown(rows[0]["recipient"], rows, KILLED)
            self._outbox.settle(rows, Fate(UNKNOWN, KILLED))

    def tell(self, schedule: Schedule, rows: Sequence[Row]) -> None:
        """Tell each recipient of the reports of a schedule's history that they were not told of, a message a period."""
        periods: dict[datetime, list[Row]] = {}
        for row in rows:
            if row["outcome"] in (RENDERED, FAILED):
                periods.setdefault(row["period_start"], []).append(row)
        for start in sorted(periods):
            own = periods[start]
            names = dict.fromkeys(name for row in own for name in (row["recipients"] or "").split("\n") if name)
            for name in names:
                if name in self._recipients:
                    self._tell_one(schedule, self._recipients[name], own)

    def tell_once(self, name: str, wanted: Told, before: Told | None, message: Callable[[], Message]) -> None:
        """Tell a recipient of something once; of what follows `before` only where that got to them."""
        never = before is not None and self._outbox.missing(name, before.about)
        if name not in self._recipients or never or not self._outbox.outstanding(name, [wanted]):
            return
        fate = self._send(self._recipients[name], message(), [wanted])
        if fate.problem and fate.outcome != UNKNOWN:
            self._done.problems.append(f"{name} was not told of {wanted.about}: {fate.problem}")

    def failed(self, schedule: Schedule, period: str, problems: Mapping[str, str]) -> None:
        """Keep problems for the end, and give notice of those that are new to the schedule's ``on_failure``.

        `problems` are sentences by what makes each one of a kind; the new ones of a call are one message.
        """
        for said in problems.values():
            self._done.problems.append(said)
            self._hands.say(said)
        told = {
            Told("failure", about("failure", schedule.name, subject, period)): said
            for subject, said in problems.items()
        }
        for name in schedule.on_failure:
            new = self._outbox.outstanding(name, told) if name in self._recipients else []
            if not new:
                continue
            message = telling.failure(schedule.name, period, [told[one] for one in new])
            fate = self._outbox.deliver(self._settings, self._recipients[name], message, new)
            if fate.problem:
                self._done.problems.append(f"the notice to {name}: {fate.problem}")

    def _tell_one(self, schedule: Schedule, recipient: Recipient, rows: Sequence[Row]) -> None:
        """Tell a recipient of one period's reports."""
        reports = {about("report", schedule.name, row["subject"], row["period"]): row for row in rows}
        ready = [Told("report", text) for text, row in reports.items() if row["outcome"] == RENDERED]
        open_ones = self._outbox.outstanding(recipient.name, ready)
        for one in ready:
            if one not in open_ones and self._outbox.missing(recipient.name, one.about):
                self._wait(recipient, one.about)
        told, found, gone = [], [], {}
        for one in open_ones:
            row = reports[one.about]
            try:
                found.append(telling.of_page(row["subject"], self._settings.folder / row["path"]))
                told.append(one)
            except QuestionError as problem:
                gone[row["subject"]] = f"{one.about}, for {recipient.name}: {problem}"
        period = rows[0]["period"]
        self.failed(schedule, period, gone)
        if not told:
            return
        lacking = [f"{row['subject'] or telling.EVERYTHING}: {row['message']}" for row in rows if row["path"] is None]
        takes = ways.takes_files(self._settings, recipient)
        message = telling.reports(schedule.name, period, found, recipient, takes, lacking)
        fate = self._send(recipient, message, told)
        if fate.problem and fate.outcome != UNKNOWN:
            self.failed(schedule, period, {recipient.name: f"{recipient.name} was not told: {fate.problem}"})

    def _send(self, recipient: Recipient, message: Message, told: Sequence[Told]) -> Fate:
        self._keep()
        fate = self._outbox.deliver(self._settings, recipient, message, told)
        if fate.problem is None:
            self._done.sent += 1
        elif fate.outcome == UNKNOWN:
            rows = [row for one in told if (row := self._outbox.row(recipient.name, one.about)) is not None]
            self._unknown(recipient.name, rows, fate.problem)
        return fate

    def _wait(self, recipient: Recipient, text: str) -> None:
        row = self._outbox.row(recipient.name, text)
        if row is not None and row["outcome"] != SENDING:
            self._done.waiting.append(f"{recipient.name} was not told of {text} yet: {row['problem']}")

    def _unknown(self, recipient: str, rows: Sequence[Row], problem: str) -> None:
        """Report one message whose fate nobody knows; it is not sent again."""
        first, more = rows[0]["about"], len(rows) - 1
        told = first + (f" and {words.whole(more)} more" if more else "")
        said = f"{recipient} may or may not have got {told}; it is not sent again: {problem}"
        kind, name, *rest = first.split(SEPARATOR)
        schedule = self._schedules.get(name) if kind == "report" else None
        if schedule is None:
            self._done.problems.append(said)
            self._hands.say(said)
        else:
            period = rest[-1] if rest else ""
            self.failed(schedule, period, {f"{recipient}, message {rows[0]['message'][:12]}": said})


def about(*parts: str) -> str:
    """Return the text that makes what is told one of a kind."""
    return SEPARATOR.join(part or telling.EVERYTHING for part in parts)
