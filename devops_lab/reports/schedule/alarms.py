"""The daily look at the alerts: episodes that begin, go on and end, and who is told of them."""

from __future__ import annotations

from functools import partial

from devops_lab.config import Schedule, Settings
from devops_lab.errors import LabError
from devops_lab.reports.schedule.hands import Done, Hands
from devops_lab.reports.schedule.letters import Letters, about
from devops_lab.reports.sending import watching
from devops_lab.reports.sending.outbox import Told
from devops_lab.store import Store

LOOK = "[[alert]]"  # what the look is called in history; no schedule of a person can be
DAILY = Schedule(name="alerts", cron="0 6 * * *", period="day", catch_up=0).model_copy(update={"name": LOOK})
_EPISODES = "select * exclude (source, fetched_at) from alert_episodes order by began_at"


class Alarms:
    """The alerts of ``lab.toml`` in one run, which holds the schedule's lock."""

    def __init__(self, settings: Settings, hands: Hands, store: Store, done: Done, letters: Letters) -> None:
        self._settings, self._hands, self._store = settings, hands, store
        self._done, self._letters = done, letters

    def look(self) -> None:
        """Look at every alert once, and write the episodes that begin, go on and end."""
        facts, now = Store(self._settings.store), self._hands.now()
        for alert in self._settings.alert:
            episodes = self._store.rows(_EPISODES)
            for subject in watching.subjects(alert, self._settings):
                try:
                    found = watching.step(watching.look(self._settings, facts, alert, subject, now), episodes)
                except LabError as problem:
                    self._done.problems.append(f"alert {alert.name!r}: {problem}")
                    continue
                if found is not None:
                    self._store.write("alert_episodes", [found], source="schedule")

    def tell(self) -> None:
        """Tell of each episode once when it began, and once when it is over (whom its beginning reached)."""
        if not self._settings.alert:
            return
        for episode in self._store.rows(_EPISODES):
            named = (episode["alert"], episode["subject"], f"{episode['began_at']:%Y-%m-%d}")
            began = Told("alert", about("alert", *named, watching.FIRING))
            over = Told("alert", about("alert", *named, watching.OVER))
            wanted, before = (began, None) if episode["state"] == watching.FIRING else (over, began)
            message = partial(watching.message, self._settings, episode)
            for name in filter(None, (episode["recipients"] or "").split("\n")):
                self._letters.tell_once(name, wanted, before, message)
