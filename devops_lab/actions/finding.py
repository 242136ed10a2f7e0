"""Which run a dispatch started, where the answer did not say: the one that shows its mark.

Without a mark none is taken, since another's click may have started it: the new runs of the workflow by this login on
this ref are shown to the person, who may tell.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from devops_lab.actions.connection import Server, data_of
from devops_lab.errors import LabError

FIRST_LOOK, SLOWEST_LOOK = 0.5, 3.0
SETTLES = 1.0
CLOCKS_DIFFER = timedelta(minutes=2)
Json = dict[str, Any]


class Finder:
    """Looks for the run of one dispatch; make it before the dispatch is sent: it notes which runs are there already."""

    def __init__(self, server: Server, repository: str, workflow: int, ref: str, mark: str | None) -> None:
        self.server, self.ref, self.mark = server, ref, mark
        self.most = 20 if mark is None else 100
        self.looked = False
        self.address = f"/repos/{repository}"
        self.path = f"{self.address}/actions/workflows/{workflow}/runs"
        answer = server.look(self.path, event="workflow_dispatch", per_page=1)
        known = data_of(answer).get("workflow_runs") or []
        self.newest = int(known[0]["id"]) if known else 0
        self.since = _told(answer.headers.get("date"))

    def find(self, patience: float) -> list[Json]:
        """Return the runs that may be the one, looked for up to `patience` seconds; with a mark, those that show it.

        Afterwards `looked` says whether the last look was answered: only then is "none" an answer.
        """
        found: list[Json] = []
        for _ in self._looks(patience):
            found = self._fitting()
            if found and self.mark is None:  # another click's run may be listed a moment before ours
                self.server.sleep(SETTLES)
                return self._fitting()
            if found:
                return found
        return found

    def _looks(self, patience: float) -> Iterator[None]:
        waited, pause = 0.0, FIRST_LOOK
        yield
        while waited < patience:
            self.server.sleep(pause)
            waited, pause = waited + pause, min(pause * 1.5, SLOWEST_LOOK)
            yield

    def _fitting(self) -> list[Json]:
        try:
            data = self.server.get(self.path, event="workflow_dispatch", actor=self.server.login, per_page=self.most)
            listed = data.get("workflow_runs") or []
            found = [raw for raw in listed if int(raw["id"]) > self.newest and self._is_ours(raw)]
            found = found if self.mark is None else [raw for raw in found if self._shows(raw)]
        except LabError:  # not now; the next look may
            self.looked = False
            return []
        self.looked = True
        return found

    def _is_ours(self, raw: Json) -> bool:
        if _told_at(raw.get("created_at")) < self.since - (timedelta(0) if self.mark is None else CLOCKS_DIFFER):
            return False
        return bool(raw.get("head_branch") == self.ref)

    def _shows(self, raw: Json) -> bool:
        mark = str(self.mark)
        if mark in f"{raw.get('display_title')} {raw.get('name')}":
            return True
        jobs = (self.server.exists(f"{self.address}/actions/runs/{raw['id']}/jobs", per_page=100) or {}).get(
            "jobs"
        ) or []
        steps = [step for job in jobs for step in job.get("steps") or []]
        return any(mark in str(one.get("name")) for one in [*jobs, *steps])


def _told(date: str | None) -> datetime:
    """Return the server's own clock, to the second; ours less two minutes where it does not tell."""
    try:
        return parsedate_to_datetime(date or "").astimezone(UTC)
    except (ValueError, TypeError):
        return datetime.now(UTC) - CLOCKS_DIFFER


def _told_at(text: Any) -> datetime:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
