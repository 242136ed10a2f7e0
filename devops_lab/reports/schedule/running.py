"""One run of the schedule: recover what a killed run left, plan, fetch, render, tell, look at the alerts.

Missed periods are made up for in the order of time, the earliest first, so that a mailbox reads in order.  A report
is rendered again only while its row in history says that it did not come; a recipient is told once.  What one report
or recipient meets does not stop the others; it is said at the end, and the exit status is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from devops_lab.config import Schedule, Settings
from devops_lab.errors import StoreError
from devops_lab.reports.schedule import due, rendering
from devops_lab.reports.schedule.alarms import DAILY, LOOK, Alarms
from devops_lab.reports.schedule.due import FAILED, RENDERED, RENDERING, SKIPPED, Due
from devops_lab.reports.schedule.hands import PAUSES, TRIES, Done, Hands
from devops_lab.reports.schedule.history import History
from devops_lab.reports.schedule.letters import Letters
from devops_lab.reports.schedule.lock import one_at_a_time
from devops_lab.reports.schedule.rendering import Made
from devops_lab.reports.schedule.supplies import Supplies
from devops_lab.reports.sending import telling
from devops_lab.store import Store


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
        self.settings, self.hands, self.keep = settings, hands, keep
        self.done = Done()
        self.history = History(store)
        self.supplies = Supplies(settings, hands, lambda: Store(settings.store).as_of)
        self.letters = Letters(settings, hands, store, self.done, keep)
        self.alarms = Alarms(settings, hands, store, self.done, self.letters)

    def whole(self) -> Done:
        """Do everything, and return what was done."""
        self.letters.recover()
        plans = [due.plan(self.settings, one, self.history.of(one.name), self.hands.now()) for one in self._schedules()]
        for each in plans:
            self.history.put(each.skipped, outcome=SKIPPED, message="missed longer ago than catch_up goes back")
        self.history.put([one for each in plans for one in each.new])
        for one in (one for each in plans for one in each.waiting):
            self.done.waiting.append(f"{_called(one)}: it failed {one.attempts} times, and is tried again later")
        for batch in due.batches(plans):
            self.keep()
            (self._look if batch[0].schedule.name == LOOK else self._render)(batch)
        for schedule in self.settings.schedule:
            self.letters.tell(schedule, self.history.of(schedule.name))
        self.alarms.tell()
        return self.done

    def _schedules(self) -> Iterator[Schedule]:
        yield from self.settings.schedule
        if self.settings.alert:
            yield DAILY

    def _look(self, batch: list[Due]) -> None:
        now = self.hands.now()
        self.alarms.look()
        self.history.put(batch, outcome=RENDERED, started_at=now, finished_at=now, attempts=1)

    def _render(self, batch: list[Due]) -> None:
        """Render a schedule's reports of one period, and write down what came of each."""
        problems = [self.supplies.lacking(one) for one in batch]
        self.history.put(batch, outcome=RENDERING, started_at=self.hands.now(), finished_at=None)
        found = iter(self._made([one for one, problem in zip(batch, problems, strict=True) if not problem]))
        made = [Made(None, problem) if problem else next(found) for problem in problems]
        now = self.hands.now()
        rows, failed = [], {}
        for one, what in zip(batch, made, strict=True):
            outcome = FAILED if what.page is None else RENDERED
            path = None if what.page is None else rendering.relative(self.settings, what.page)
            said = {"outcome": outcome, "message": what.problem or None, "path": path, "finished_at": now}
            rows.append({**self.history.row(one), **said, "attempts": one.attempts + 1})
            self.done.rendered += what.page is not None
            if what.page is None:
                failed[one.subject] = f"{_called(one)}: {what.problem}"
        self.history.write(rows)
        self.letters.failed(batch[0].schedule, batch[0].span.label, failed)

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


def _called(one: Due) -> str:
    return f"{one.schedule.name}, {one.subject or telling.EVERYTHING}, {one.span.label}"
