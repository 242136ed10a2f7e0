"""What the panel asks of server and store; every call may block, so it is made in a thread.

Signed with the token for actions where there is one.  Without it the panel reads with ``GITHUB_TOKEN`` and sends
nothing: `Desk.why` says what to set.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Any, NoReturn

from devops_lab.actions import Actions, Job, Plan, Run, attaching, board, choices, details, reading, usual
from devops_lab.actions.connection import TOKEN, Server
from devops_lab.actions.declaration import Declaration, JobPlan
from devops_lab.actions.permission import UNTOLD, production_of
from devops_lab.actions.record import Record
from devops_lab.actions.rollback import Back
from devops_lab.config import Settings, load
from devops_lab.errors import AccessError, LabError, UserError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import MissingError
from devops_lab.panels import timing
from devops_lab.panels.person import person
from devops_lab.panels.state import FAILED, now
from devops_lab.store import Store

TAIL = 400
SAMPLE = 5  # runs looked at on the server where the store does not know how long a workflow takes
READ_WITH = "GITHUB_TOKEN"


class Reading(Server):
    """A server that is only read, with the token for reading."""

    def __init__(self, settings: Settings) -> None:
        self.token = os.environ.get(READ_WITH, "").strip()
        self.sleep = time.sleep
        self.client = GitHubClient(settings.github.url, self.token or None)

    def post(self, path: str, body: Any = None) -> NoReturn:
        """Refuse: nothing is sent with the token for reading."""
        raise AccessError(f"{TOKEN} is not set, so nothing is sent")


@dataclass(frozen=True)
class Place:
    """Where something is started: a service, its repository, a workflow's file and a branch or tag."""

    service: str
    repository: str
    file: str
    ref: str


@dataclass(frozen=True)
class Mine:
    """A run one started: its repository and number, how it stands, when it began."""

    repository: str
    number: int
    raw: Mapping[str, Any]


class Desk:
    """One lab's server and store for one person.  Errors: ConfigError, AccessError (no server to ask)."""

    def __init__(self, lab: str | Path) -> None:
        self.settings = load(lab)
        self.store = Store(self.settings.store)
        self.why = ""
        self.actions: Actions | None = None
        try:
            self.actions = Actions(self.settings, self.store, person=person(self.settings))
            self.server: Server = self.actions.server
        except AccessError as problem:
            if self.settings.practice is not None:
                raise
            self.why = str(problem)
            self.server = Reading(self.settings)
        self.record = Record(self.store)

    @property
    def acting(self) -> Actions:
        """The actions; AccessError where the panel only reads."""
        if self.actions is None:
            raise AccessError(self.why)
        return self.actions

    @property
    def who(self) -> str:
        """Who acts here; "" where nobody can."""
        return "" if self.actions is None else self.actions.who

    def run(self, repository: str, number: int) -> Run:
        """Return a handle on a run."""
        return (
            Run(self.settings, self.server, self.record, repository, number, _aware)
            if self.actions is None
            else (self.actions.run(repository, number))
        )

    def environments(self, repository: str) -> list[str]:
        """Return the names of a repository's environments; none where they may not be read."""
        try:
            return choices.environments(self.server, repository)
        except AccessError:
            return []

    def plan(self, place: Place, inputs: Mapping[str, str]) -> tuple[Plan, tuple[str, ...]]:
        """Return what would be sent, and the names of production environments to be typed before."""
        given = (place.repository, place.file, place.ref, inputs)
        made = self.acting.plan(*given)
        typed = self.typed(made.wish.environments)
        return (self.acting.plan(*given, confirm=typed[0]) if typed else made), typed

    def typed(self, environments: Collection[str]) -> tuple[str, ...]:
        """Return the names to be typed before these environments may be changed."""
        meant = production_of(self.settings.actions.production, environments)
        return tuple(one for one in meant if one != UNTOLD) or (("production",) if meant else ())

    def begin(self, place: Place, inputs: Mapping[str, str], confirm: str | None, again: bool) -> tuple[Run, bool]:
        """Start the workflow; return its run, and whether it is new.

        An equal request a moment ago is the same run while that goes on; once it is over, asking again is meant.
        """
        known = {one.run.id for one in attaching.mine(self.acting) if one.run is not None}
        given = (place.repository, place.file, place.ref, inputs)
        run = self.acting.dispatch(*given, confirm=confirm, again=again)
        if run.id in known and run.raw().get("status") == "completed":
            run = self.acting.dispatch(*given, confirm=confirm, again=True)
        return run, run.id not in known

    def back(self, service: str, environment: str) -> tuple[Back, tuple[str, ...]]:
        """Return what a rollback would start, and the names to be typed before."""
        self.acting.store.refresh()
        return self.acting.back(service, environment), self.typed([environment])

    def roll_back(self, service: str, environment: str, confirm: str | None) -> tuple[Run, bool]:
        """Roll back; return as `begin`."""
        known = {one.run.id for one in attaching.mine(self.acting) if one.run is not None}
        run = self.acting.rollback(service, environment, confirm=confirm)
        return run, run.id not in known

    def deployed_to(self, repository: str, number: int) -> tuple[str, ...]:
        """Return the environments a run may change: as recorded when it was started here, else as its file says."""
        rows = [row for row in self.record.of_run(repository, number) if row["verb"] in ("dispatch", "rollback")]
        if rows:
            return tuple(
                dict.fromkeys(name for row in rows for name in (row["environments"] or "").split("\n") if name)
            )
        return reading.environments_of_run(self.server, repository, dict(self.run(repository, number).raw()))

    def mine(self) -> list[Mine]:
        """Return the runs this person started last, the newest first; those deleted since are left out."""
        if self.actions is None:
            return []
        seen: list[Mine] = []
        for one in attaching.mine(self.actions):
            if one.run is not None and all(one.run.id != other.number for other in seen):
                try:
                    seen.append(Mine(one.run.repository, one.run.id, one.run.raw()))
                except MissingError:
                    continue
        return seen

    def last_repository(self) -> str:
        """Return where this person last started something; "" where nowhere."""
        found = attaching.mine(self.actions, most=1) if self.actions is not None else []
        return str(found[0].row["repository"]) if found else ""

    def declaration(self, repository: str, path: str, ref: str) -> Declaration:
        """Return what a workflow's file declares at a branch, tag or commit."""
        return reading.declaration_of(self.server, repository, path, ref)

    def jobs_declared(self, repository: str, raw: Mapping[str, Any]) -> tuple[JobPlan, ...]:
        """Return the jobs of a run's workflow; none where its file cannot be read."""
        path = str(raw.get("path") or "").partition("@")[0]
        try:
            return self.declaration(repository, path, str(raw.get("head_sha"))).jobs
        except UserError:
            return ()

    def usual(self, repository: str, file: str) -> dict[str, float]:
        """Return the usual seconds by job, by the store; where that knows none, by the last good runs on the server."""
        self.store.refresh()
        known = usual.usual_seconds(self.store, repository, file)
        if known:
            return known
        good = [one for one in board.recent(self.server, repository, file) if one.conclusion == "success"]
        return timing.medians([self.run(repository, one.id).jobs() for one in good[:SAMPLE]])

    def log(self, repository: str, number: int, job: Job) -> tuple[list[str], str]:
        """Return the last lines of a job's log as the server keeps them, or why there is none."""
        try:
            return self.run(repository, number).logs(job.id, TAIL), ""
        except LabError as problem:
            found = details.log_tail(self.run(repository, number), job, 1)
            return [], found.why or str(problem)

    def left(self, repository: str, number: int, jobs: Collection[Job]) -> tuple[list[Any], list[Any]]:
        """Return a run's annotations (of jobs that are over, the failed first) and artifacts."""
        over = sorted((job for job in jobs if job.status == "completed"), key=lambda job: job.conclusion not in FAILED)
        said = [(job.name, one) for job in over[:10] for one in details.annotations_of(self.server, repository, job.id)]
        return said, details.artifacts_of(self.server, repository, number)


def _aware() -> Any:
    return now().replace(tzinfo=UTC)
