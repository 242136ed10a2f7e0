"""The facts that a run's reports are made of: fetched once in a run, and what they lack for a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from devops_lab.config import Settings
from devops_lab.errors import LabError
from devops_lab.reports.schedule.due import Due
from devops_lab.reports.schedule.hands import PAUSES, TRIES, Fetch, Hands

PATIENCE = 3  # from this attempt on a report is made though a repository did not answer


class Supplies:
    """The facts of one run; `known` returns the instant up to which the store knows them."""

    def __init__(self, settings: Settings, hands: Hands, known: Callable[[], datetime | None]) -> None:
        self._settings, self._hands, self._known = settings, hands, known
        self._fetched: dict[str, str] | None = None

    def lacking(self, one: Due) -> str:
        """Fetch the facts once in a run; return why a report has to wait for more of them, "" where it has not.

        Where a repository did not answer, its reports wait for a few runs; then they are made of what there is, and
        say what is covered.
        """
        if one.schedule.sync and self._hands.fetch is not None and self._fetched is None:
            self._fetched = dict(self._fetch(self._hands.fetch))
            for name, said in self._fetched.items():
                self._hands.say(f"sync: {name}: {said}")
        own = [f"{name}: {said}" for name, said in (self._fetched or {}).items() if self._concerns(name, one)]
        known = self._known()
        if known is None or known < one.span.end:
            until = "nothing" if known is None else f"what happened until {known:%Y-%m-%d %H:%M} UTC"
            own.insert(0, f"the store knows {until}, and the period ends {one.span.end:%Y-%m-%d %H:%M} UTC")
            return "; ".join(own)
        return f"the facts did not all come: {'; '.join(own)}" if own and one.attempts + 1 < PATIENCE else ""

    def _concerns(self, repository: str, one: Due) -> bool:
        """Say whether a report is about a repository; what is no repository of a service concerns all."""
        owners = [each for each in self._settings.service if each.repository == repository]
        if not one.subject or not owners:
            return True
        return any(one.subject == (each.team if one.schedule.teams else each.name) for each in owners)

    def _fetch(self, fetch: Fetch) -> Mapping[str, str]:
        said: Mapping[str, str] = {}
        for attempt in range(TRIES):
            if attempt:
                self._hands.sleep(PAUSES[attempt - 1])
            try:
                return fetch()
            except LabError as problem:
                said = {"the sync": str(problem)}
                if problem.exit_status == 2:
                    break
        return said
