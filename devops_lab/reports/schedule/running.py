"""One run of the schedule: recover what a killed run left, plan, fetch, render, tell, look at the alerts.

Missed periods are made up for in the order of time, the earliest first, so that a mailbox reads in order.  A report
is rendered again only while its row in history says that it did not come; a recipient is told once.  What one report
or recipient meets does not stop the others; it is said at the end, and the exit status is 1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from devops_lab.config import Recipient, Schedule, Settings
from devops_lab.errors import LabError, QuestionError, StoreError
from devops_lab.reports.schedule import due, rendering
from devops_lab.reports.schedule.due import FAILED, RENDERED, RENDERING, SKIPPED, Due
from devops_lab.reports.schedule.history import History
from devops_lab.reports.schedule.lock import one_at_a_time
from devops_lab.reports.schedule.rendering import Made, Render
from devops_lab.reports.sending import telling, watching, ways
from devops_lab.reports.sending.apprised import Fate
from devops_lab.reports.sending.message import Message
from devops_lab.reports.sending.outbox import SENDING, UNKNOWN, Outbox, Send, Told
from devops_lab.store import Store

Fetch = Callable[[], Mapping[str, str]]
TRIES = 3
PATIENCE = 3  # from this attempt on a report is made though a repository did not answer
PAUSES = (5.0, 30.0)  # seconds between the tries of one run
ALERTS = Schedule(name="alerts", cron="0 6 * * *", period="day", catch_up=0)
SEPARATOR = " · "
LOOK = "[[alert]]"  # what the daily look at the alerts is called in history; no schedule of a person can be


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


def run(settings: Settings, hands: Hands | None = None, wait: float = 0.0) -> Done:
    """Do what is due once.

    Errors: BusyError when another run is at work for longer than `wait` seconds; StoreError when the store cannot be
    written: then nothing is sent.
    """
    hands = hands or Hands()
    store = Store(settings.store, latest=True)
    try:
        with one_at_a_time(store, hands.now, wait, hands.sleep) as keep:
            return _Run(settings, hands, store, keep).whole()
    except OSError as problem:
        raise StoreError(f"{store.path} cannot be written, so nothing more was sent: {problem}") from problem


class _Run:
    """One run, under the lock."""

    def __init__(self, settings: Settings, hands: Hands, store: Store, keep: Callable[[], None]) -> None:
        self.settings, self.hands, self.store, self.keep = settings, hands, store, keep
        self.history = History(store)
        self.outbox = Outbox(store, hands.now, hands.send, hands.checkpoint)
        self.recipients = {one.name: one for one in settings.recipient}
        self.schedules = {one.name: one for one in settings.schedule}
        self.done = Done()
        self.fetched: dict[str, str] | None = None

    def whole(self) -> Done:
        """Do everything, and return what was done."""
        for row in self.outbox.recover():
            self._unknown(row["recipient"], row["about"], str(row["problem"]))
        plans = [due.plan(self.settings, one, self.history.of(one.name), self.hands.now()) for one in self._schedules()]
        for each in plans:
            self.history.put(each.skipped, outcome=SKIPPED, message="missed longer ago than catch_up goes back")
        self.history.put([one for each in plans for one in each.new])
        for one in (one for each in plans for one in each.waiting):
            self.done.waiting.append(f"{_called(one)}: it failed {one.attempts} times, and is tried again later")
        for batch in due.batches(plans):
            self.keep()
            (self._look_at_alerts if batch[0].schedule.name == LOOK else self._render)(batch)
        for schedule in self.settings.schedule:
            self._tell(schedule)
        self._tell_alerts()
        return self.done

    def _schedules(self) -> Iterator[Schedule]:
        yield from self.settings.schedule
        if self.settings.alert:
            yield ALERTS.model_copy(update={"name": LOOK})

    # ------------------------------------------------------------------ rendering

    def _render(self, batch: list[Due]) -> None:
        """Render a schedule's reports of one period, and write down what came of each."""
        problems = [self._facts(one) for one in batch]
        self.history.put(batch, outcome=RENDERING, started_at=self.hands.now(), finished_at=None)
        found = iter(self._made([one for one, problem in zip(batch, problems, strict=True) if not problem]))
        made = [Made(None, problem) if problem else next(found) for problem in problems]
        now = self.hands.now()
        rows = []
        for one, what in zip(batch, made, strict=True):
            outcome = FAILED if what.page is None else RENDERED
            path = None if what.page is None else rendering.relative(self.settings, what.page)
            said = {"outcome": outcome, "message": what.problem or None, "path": path, "finished_at": now}
            rows.append({**self.history.row(one), **said, "attempts": one.attempts + 1})
        self.history.write(rows)
        for one, what in zip(batch, made, strict=True):
            self.done.rendered += what.page is not None
            if what.page is None:
                self._failed(one.schedule, one.span.label, one.subject, f"{_called(one)}: {what.problem}")

    def _made(self, batch: list[Due]) -> list[Made]:
        """Render reports, those that failed again after a pause where that may help."""
        made: dict[int, Made] = {}
        left = list(range(len(batch)))
        for attempt in range(TRIES):
            if attempt and left:
                self.hands.sleep(PAUSES[attempt - 1])
            if left:
                found = self.hands.render(self.settings, [batch[place] for place in left], self.hands.say)
                made |= dict(zip(left, found, strict=True))
            left = [place for place in left if made[place].page is None and made[place].again]
        return [made[place] for place in range(len(batch))]

    def _facts(self, one: Due) -> str:
        """Fetch the facts once in a run; return why a report has to wait for more of them, "" where it has not.

        Where a repository did not answer, its reports wait for a few runs; then they are made of what there is, and
        say what is covered.
        """
        if one.schedule.sync and self.hands.fetch is not None and self.fetched is None:
            self.fetched = dict(self._fetch(self.hands.fetch))
            for name, said in self.fetched.items():
                self.hands.say(f"sync: {name}: {said}")
        own = [f"{name}: {said}" for name, said in (self.fetched or {}).items() if self._concerns(name, one)]
        known = Store(self.settings.store).as_of
        if known is None or known < one.span.end:
            until = "nothing" if known is None else f"what happened until {known:%Y-%m-%d %H:%M} UTC"
            own.insert(0, f"the store knows {until}, and the period ends {one.span.end:%Y-%m-%d %H:%M} UTC")
            return "; ".join(own)
        return f"the facts did not all come: {'; '.join(own)}" if own and one.attempts + 1 < PATIENCE else ""

    def _concerns(self, repository: str, one: Due) -> bool:
        """Say whether a report is about a repository; what is no repository of a service concerns all."""
        owners = [each for each in self.settings.service if each.repository == repository]
        if not one.subject or not owners:
            return True
        return any(one.subject == (each.team if one.schedule.teams else each.name) for each in owners)

    def _fetch(self, fetch: Fetch) -> Mapping[str, str]:
        said: Mapping[str, str] = {}
        for attempt in range(TRIES):
            if attempt:
                self.hands.sleep(PAUSES[attempt - 1])
            try:
                return fetch()
            except LabError as problem:
                said = {"the sync": str(problem)}
                if problem.exit_status == 2:
                    break
        return said

    # ------------------------------------------------------------------ telling

    def _tell(self, schedule: Schedule) -> None:
        """Tell each recipient of the reports that they were not told of yet, one message per period."""
        periods: dict[datetime, list[dict[str, Any]]] = {}
        for row in self.history.of(schedule.name):
            if row["outcome"] in (RENDERED, FAILED):
                periods.setdefault(row["period_start"], []).append(row)
        for start in sorted(periods):
            rows = periods[start]
            names = dict.fromkeys(name for row in rows for name in (row["recipients"] or "").split("\n") if name)
            for name in names:
                if name in self.recipients:
                    self._tell_one(schedule, self.recipients[name], rows)

    def _tell_one(self, schedule: Schedule, recipient: Recipient, rows: list[dict[str, Any]]) -> None:
        """Tell a recipient of one period's reports."""
        about = {_about("report", schedule.name, row["subject"], row["period"]): row for row in rows}
        ready = [Told("report", text) for text, row in about.items() if row["outcome"] == RENDERED]
        open_ones = self.outbox.outstanding(recipient.name, ready)
        later = [one for one in ready if one not in open_ones and self.outbox.missing(recipient.name, one.about)]
        for one in later:
            self._wait(recipient, one.about)
        told, found = [], []
        for one in open_ones:
            row = about[one.about]
            try:
                found.append(telling.of_page(row["subject"], self.settings.folder / row["path"]))
                told.append(one)
            except QuestionError as problem:
                self._failed(schedule, row["period"], row["subject"], f"{one.about}, for {recipient.name}: {problem}")
        if not told:
            return
        lacking = [f"{row['subject'] or telling.EVERYTHING}: {row['message']}" for row in rows if row["path"] is None]
        takes = ways.takes_files(self.settings, recipient)
        said = telling.reports(schedule.name, rows[0]["period"], found, recipient, takes, lacking)
        fate = self._send(recipient, said, told)
        if fate.problem and fate.outcome != UNKNOWN:
            self._failed(schedule, rows[0]["period"], recipient.name, f"{recipient.name} was not told: {fate.problem}")

    def _send(self, recipient: Recipient, message: Message, told: Sequence[Told]) -> Fate:
        self.keep()
        fate = self.outbox.deliver(self.settings, recipient, message, told)
        if fate.problem is None:
            self.done.sent += 1
        elif fate.outcome == UNKNOWN:
            for one in told:
                self._unknown(recipient.name, one.about, fate.problem)
        return fate

    def _wait(self, recipient: Recipient, about: str) -> None:
        row = self.outbox.row(recipient.name, about)
        if row is not None and row["outcome"] != SENDING:
            self.done.waiting.append(f"{recipient.name} was not told of {about} yet: {row['problem']}")

    def _unknown(self, recipient: str, about: str, problem: str) -> None:
        """Report a message whose fate nobody knows; it is not sent again."""
        said = f"{recipient} may or may not have got {about}; it is not sent again: {problem}"
        kind, name, *rest = about.split(SEPARATOR)
        schedule = self.schedules.get(name) if kind == "report" else None
        if schedule is None:
            self.done.problems.append(said)
        else:
            self._failed(schedule, rest[-1] if rest else "", f"{recipient}, {rest[0] if rest else ''}", said)

    def _failed(self, schedule: Schedule, period: str, subject: str, said: str) -> None:
        """Keep a problem for the end, and give notice of it to the schedule's ``on_failure``, once."""
        self.done.problems.append(said)
        self.hands.say(said)
        told = Told("failure", _about("failure", schedule.name, subject, period))
        for name in schedule.on_failure:
            if name not in self.recipients or not self.outbox.outstanding(name, [told]):
                continue
            fate = self.outbox.deliver(
                self.settings, self.recipients[name], telling.failure(schedule.name, period, [said]), [told]
            )
            if fate.problem:
                self.done.problems.append(f"the notice to {name}: {fate.problem}")

    # ------------------------------------------------------------------ alerts

    def _look_at_alerts(self, batch: list[Due]) -> None:
        """Look at every alert once, and write the episodes that begin, go on and end."""
        store = Store(self.settings.store)
        now = self.hands.now()
        for alert in self.settings.alert:
            episodes = self.store.rows("select * exclude (source, fetched_at) from alert_episodes")
            for subject in watching.subjects(alert, self.settings):
                try:
                    found = watching.step(watching.look(self.settings, store, alert, subject, now), episodes)
                except LabError as problem:
                    self.done.problems.append(f"alert {alert.name!r}: {problem}")
                    continue
                if found is not None:
                    self.store.write("alert_episodes", [found], source="schedule")
        said = {"outcome": RENDERED, "started_at": now, "finished_at": now, "attempts": 1}
        self.history.put(batch, **said)

    def _tell_alerts(self) -> None:
        """Tell of each episode once when it began, and once when it is over (whom its beginning reached)."""
        if not self.settings.alert:
            return
        for episode in self.store.rows("select * exclude (source, fetched_at) from alert_episodes order by began_at"):
            about = (episode["alert"], episode["subject"], f"{episode['began_at']:%Y-%m-%d}")
            began = Told("alert", _about("alert", *about, watching.FIRING))
            over = Told("alert", _about("alert", *about, watching.OVER))
            for name in filter(None, (episode["recipients"] or "").split("\n")):
                wanted = began if episode["state"] == watching.FIRING else over
                never = self.outbox.missing(name, began.about) and wanted is over
                if name in self.recipients and not never and self.outbox.outstanding(name, [wanted]):
                    said = watching.message(self.settings, episode)
                    fate = self._send(self.recipients[name], said, [wanted])
                    if fate.problem and fate.outcome != UNKNOWN:
                        self.done.problems.append(f"{name} was not told of {wanted.about}: {fate.problem}")


def _about(*parts: str) -> str:
    return SEPARATOR.join(part or telling.EVERYTHING for part in parts)


def _called(one: Due) -> str:
    return f"{one.schedule.name}, {one.subject or telling.EVERYTHING}, {one.span.label}"


def soonest(settings: Settings, now: datetime, at_most: timedelta) -> datetime:
    """Return when to look again: at the next instant of a schedule, or after `at_most`."""
    moments = [due.next_fire(one.cron, due.zone_of(one, settings), now) for one in settings.schedule]
    return min([*moments, now + at_most])
