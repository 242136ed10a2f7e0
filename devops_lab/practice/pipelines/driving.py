"""Pipelines that really run: a dispatched workflow of the sample service's repository, run by act on this machine."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from devops_lab.errors import UserError
from devops_lab.practice.pipelines import act as acting
from devops_lab.practice.pipelines.act import Act
from devops_lab.practice.pipelines.attempts import Going, Runner, decision
from devops_lab.practice.pipelines.deployed import (
    ENVIRONMENTS,
    RUNS,
    free_ports,
    stop_deployed,
    version_at,
)
from devops_lab.practice.pipelines.journal import Journal
from devops_lab.practice.pipelines.records import NOT_YET, SUCCESS, LiveJob, LiveRun, now
from devops_lab.practice.pipelines.repository import LiveRepository
from devops_lab.practice.pipelines.traffic import Traffic
from devops_lab.practice.pipelines.workflow import APPROVED, REJECTED, again, read
from devops_lab.practice.world.company import Person
from devops_lab.practice.world.objects import user
from devops_lab.practice.world.records import Attempt

Json = dict[str, Any]
DISPATCH = "workflow_dispatch"
REQUESTS_A_SECOND = 5.0
KILL_SECONDS = 8.0
CLOSE_SECONDS = 20.0


class Pipelines:
    """The pipelines of one live repository in a folder of their own; close it, or leave its ``with``.

    `protected` environments wait for a review; `traffic` is how often a second each deployed service is asked.
    `repository` is the live repository.  Runs of one concurrency group go one after the other, in order.
    Errors: UserError where act, git or bash is not there, or what is asked cannot be done.
    """

    def __init__(
        self,
        folder: str | Path,
        account: str,
        *,
        protected: Collection[str] = ("production",),
        traffic: float = REQUESTS_A_SECOND,
    ) -> None:
        problem = acting.missing()
        if problem is not None:
            raise UserError(problem)
        self.folder = Path(folder).absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._tools = acting.bin_folder(self.folder)
        self.repository = LiveRepository(self.folder, account, protected)
        self._ports = dict(zip(ENVIRONMENTS, free_ports(len(ENVIRONMENTS)), strict=True))
        self._going: dict[int, Going] = {}
        self._runner = Runner(self.repository, self.folder, self._ports, self._over)
        self._traffic = Traffic(list(self._ports.values()), traffic)
        self._traffic.start()

    def __enter__(self) -> Pipelines:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def port(self, environment: str) -> int:
        """Return the port of this machine where an environment's service answers; the same from the beginning."""
        return self._ports[environment]

    def version(self, environment: str) -> str | None:
        """Return the version that answers in an environment, None where none does."""
        return version_at(self._ports[environment])

    def dispatch(
        self, repository: str, workflow: Json, ref: str, sha: str, inputs: Mapping[str, str], actor: Json
    ) -> int:
        """Begin a run of a workflow file as it is in commit `sha`, and return the run's id."""
        self._own(repository)
        live, path = self.repository, str(workflow["path"])
        live.refresh()
        text = live.content(sha, path) if path.startswith(".github/workflows/") else None
        if not isinstance(text, bytes):
            raise UserError(f"{path} is not in {sha[:10]} of {repository}; choose a ref that has it")
        plan = read(text.decode("utf-8"), inputs)
        with live.lock:
            if all(one.sha != sha for one in live.site.commits):
                raise UserError(f"no branch or tag of {repository} leads to {sha[:10]}")
            record = next((one for one in live.workflows if one.path == path), None)
            if record is None:
                raise UserError(f"{path} is no workflow of {repository}'s main branch")
            number = 1 + sum(one.workflow.path == path for one in live.site.runs)
            branch = ref.removeprefix("refs/").removeprefix("heads/").removeprefix("tags/")
            by = person(actor)
            run = LiveRun(
                live.site.id(), number, record, DISPATCH, branch, sha, plan.name, by, now(), ref=ref, plan=plan
            )
            run.text, run.inputs = text.decode("utf-8"), dict(inputs)
            live.site.runs.append(run)
            self._begin(run, by, [])
        return run.id

    def _own(self, repository: str) -> None:
        if repository.casefold() != self.repository.full_name.casefold():
            raise UserError(f"pipelines run only in {self.repository.full_name}, not in {repository}")

    def _run(self, repository: str, number: int) -> LiveRun:
        self._own(repository)
        for run in self.repository.site.runs:
            if run.id == number and isinstance(run, LiveRun):
                return run
        raise UserError(f"{repository} has no run {number}")

    def _begin(self, run: LiveRun, actor: Person, kept: list[LiveJob]) -> None:
        """Begin an attempt in a thread of its own; the lock is held."""
        assert run.plan is not None
        attempt = Attempt(len(run.attempts) + 1, now(), NOT_YET, "", actor, [])
        run.attempts.append(attempt)
        folder = self.folder / RUNS / str(run.id) / str(attempt.number)
        folder.mkdir(parents=True)
        journal = Journal(self.repository, run, attempt, run.plan, kept)
        going = Going(run, attempt, folder, journal, Act(folder, self._tools), kept)
        self._going[run.id] = going
        self._runner.line_up(going)
        going.thread = threading.Thread(target=self._runner.drive, args=[going], name=f"run-{run.id}", daemon=True)
        self.repository.tell()
        going.thread.start()

    def _over(self, going: Going) -> None:
        self._going.pop(going.run.id, None)

    def cancel(self, repository: str, run: int) -> None:
        """End a run: steps that go on are ended, those for this case run, what is left after seconds is killed."""
        self._run(repository, run)
        with self.repository.lock:
            going = self._going.get(run)
            if going is None:
                raise UserError(f"run {run} has ended; it cannot be cancelled")
            if going.cancelled.is_set():
                return
            going.journal.is_cancelled = True
            going.cancelled.set()
            going.act.interrupt()
        killer = threading.Timer(KILL_SECONDS, going.act.kill)
        killer.daemon = True
        killer.start()
        threading.Thread(target=_stop_when_over, args=[going, killer], daemon=True).start()

    def rerun(self, repository: str, run: int, actor: Json, jobs: Collection[str] | None) -> None:
        """Begin a new attempt of a run that has ended: of all jobs, or of those named and what needs them."""
        found = self._run(repository, run)
        with self.repository.lock:
            if run in self._going:
                raise UserError(f"run {run} goes on; cancel it or wait for its end")
            assert found.plan is not None
            keys = set(found.plan.jobs) if jobs is None else again(found.plan, jobs)
            if not keys:
                raise UserError(f"run {run} has no job named {', '.join(sorted(jobs or ()))}")
            before = [job for job in found.attempts[-1].jobs if isinstance(job, LiveJob)]
            kept = [job for job in before if job.key not in keys and job.conclusion == SUCCESS]
            self._begin(found, person(actor), kept)

    def review(
        self, repository: str, run: int, environments: Collection[int], approve: bool, comment: str, actor: Json
    ) -> None:
        """Approve or reject a run's waiting deployments to these environments (ids)."""
        found = self._run(repository, run)
        live = self.repository
        with live.lock:
            going = self._going.get(run)
            names = {raw["name"]: raw for raw in live.objects["environments"] if raw["id"] in environments}
            jobs = [] if going is None else [job for job in going.journal.waiting() if job.environment in names]
            if going is None or not jobs:
                raise UserError(f"run {run} has no deployment that waits for a review of these environments")
            shown = ("id", "node_id", "name", "url", "html_url", "created_at", "updated_at")
            reviewed = {str(job.environment) for job in jobs}
            entry = {
                "environments": [{key: names[name][key] for key in shown} for name in sorted(reviewed)],
                "state": APPROVED if approve else REJECTED,
                "user": user(person(actor)),
                "comment": comment,
            }
            live.put("approvals", found.id, [*live.objects["approvals"].get(found.id, []), entry])
            for job in jobs:
                going.journal.review(job, approve)
                partial = going.folder / f"decision-{job.key}.partial"
                partial.write_text(APPROVED if approve else REJECTED, "utf-8")
                partial.replace(decision(going, job.key))

    def close(self) -> None:
        """Cancel what runs, stop what is deployed and the traffic to it: no process is left."""
        self._traffic.close()
        with self.repository.lock:
            going = list(self._going.values())
        for one in going:
            with self.repository.lock:
                one.journal.is_cancelled = True
                one.cancelled.set()
            one.act.kill()
            if one.thread is not None:
                one.thread.join(CLOSE_SECONDS)
        stop_deployed(self.folder)


def person(actor: Json) -> Person:
    """Return the account of an actor's JSON."""
    return Person(str(actor["login"]), int(actor.get("id") or 0), str(actor.get("type") or "User"))


def _stop_when_over(going: Going, killer: threading.Timer) -> None:
    if going.thread is not None:
        going.thread.join()
    killer.cancel()
