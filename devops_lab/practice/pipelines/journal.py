"""From what `act` says to the record of one attempt: jobs with their steps, logs, deployments, and the end.

A job is listed when all that it needs has ended, as GitHub does: from then on it waits for a runner, or for a review.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from devops_lab.practice.pipelines import deployments
from devops_lab.practice.pipelines.logs import JobLog
from devops_lab.practice.pipelines.records import (
    CANCELLED,
    FAILURE,
    NOT_YET,
    SKIPPED,
    SUCCESS,
    LiveJob,
    LiveRun,
    now,
)
from devops_lab.practice.pipelines.repository import LiveRepository
from devops_lab.practice.pipelines.workflow import GATE, Planned, PlannedJob
from devops_lab.practice.world.records import Attempt

Json = dict[str, Any]
SET_UP, COMPLETE = "Set up job", "Complete job"
SPOKEN = ("group", "endgroup", "error", "warning", "notice", "debug")
REFUSED = "The deployment was rejected by a reviewer."
DEPLOYMENT_STATES = {SUCCESS: "success", FAILURE: "failure", CANCELLED: "error", SKIPPED: "inactive"}


class Journal:
    """Writes down one attempt of a run; the caller holds the repository's lock.  `kept` are jobs not run again."""

    def __init__(
        self, live: LiveRepository, run: LiveRun, attempt: Attempt, plan: Planned, kept: Collection[LiveJob]
    ) -> None:
        self.live, self.run, self.attempt, self.plan = live, run, attempt, plan
        self.is_cancelled = self._has_begun = False
        self._logs: dict[str, JobLog] = {}
        self.results: dict[str, str] = {}
        for job in kept:
            copy = replace(job, id=live.site.id())
            attempt.jobs.append(copy)
            self.results[job.key] = job.conclusion
            live.put("logs", copy.id, live.objects["logs"].get(job.id))
        self.kept = frozenset(self.results)

    def jobs(self) -> dict[str, LiveJob]:
        """Return this attempt's own jobs by key."""
        found = [job for job in self.attempt.jobs if isinstance(job, LiveJob)]
        return {job.key: job for job in found if job.key not in self.kept}

    def begin(self) -> None:
        """List the jobs that need no other."""
        self._has_begun = True
        self._list_ready()
        self.live.tell()

    def read(self, event: Json) -> bool:
        """Take in one thing that act said; return whether a step or job ended."""
        key = str(event.get("jobID") or "")
        if key.startswith(GATE):
            if "stepResult" not in event and event.get("step") == SET_UP:
                self._wait(key.removeprefix(GATE))
            return False
        job = self.jobs().get(key)
        if job is None or job.is_over:
            return False
        if "jobResult" in event:
            self._end(job, str(event["jobResult"]))
            self._list_ready()
            self.live.tell()
            return True
        return self._step(job, event)

    def _step(self, job: LiveJob, event: Json) -> bool:
        step, message = str(event.get("step") or ""), str(event.get("msg") or "")
        place = event.get("stepID") or event.get("stepid") or []
        if step in (SET_UP, COMPLETE) and "stepid" in event:
            return self._frame(job, step, event)
        if event.get("stage") != "Main" or not place:
            return False
        if len(place) == 1 and "stepResult" in event:
            self._end_step(job, str(event["stepResult"]))
            return True
        if len(place) == 1 and "command" not in event and message.startswith("⭐ Run Main "):
            self._begin_step(job, str(place[0]))
        else:
            self._say(job, event, message, place)
        return False

    def _say(self, job: LiveJob, event: Json, message: str, place: list[str]) -> None:
        command, log = event.get("command"), self._log(job)
        if event.get("raw_output"):
            log.write(message.rstrip("\n"))
        elif command == "set-output":
            if len(place) == 1:
                job.said.setdefault(str(place[0]), {})[str(event.get("name"))] = str(event.get("arg") or "")
        elif command in SPOKEN:
            log.command(str(command), str(event.get("arg") or ""))
        elif event.get("level") == "error" and len(place) == 1:
            code = message.removeprefix("exit status ")
            log.command("error", f"Process completed with exit code {code}." if code.isdigit() else message)

    def _frame(self, job: LiveJob, step: str, event: Json) -> bool:
        moment = now()
        if step == SET_UP and "stepResult" not in event and job.started_at == NOT_YET:
            job.started_at, job.runner, job.waiting = moment, len(self.jobs()), False
            job.steps.append((SET_UP, moment, NOT_YET, ""))
            self._log(job).write(f"Current runner: this machine\nJob {job.name}")
            self._deploying(job, "in_progress")
            self.live.tell()
        elif step == SET_UP and "stepResult" in event:
            self._end_step(job, str(event["stepResult"]))
        elif "stepResult" not in event and message_begins(event):
            self._skip_left(job)
            job.steps.append((COMPLETE, moment, NOT_YET, ""))
        return False

    def _begin_step(self, job: LiveJob, key: str) -> None:
        place = next((at for at, (own, _) in enumerate(job.left) if own == key), None)
        if place is None:
            return
        skipped, name = job.left[:place], job.left[place][1]
        job.left = job.left[place + 1 :]
        job.steps += [(left, now(), now(), SKIPPED) for _, left in skipped]
        job.steps.append((name, now(), NOT_YET, ""))
        self._log(job).step(name)
        self.live.tell()

    def _end_step(self, job: LiveJob, result: str) -> None:
        if job.steps and job.steps[-1][2] == NOT_YET:
            name, begun, _, _ = job.steps[-1]
            ended = CANCELLED if self.is_cancelled and result == FAILURE else result
            job.steps[-1] = (name, begun, now(), ended)
            if ended == CANCELLED:
                self._log(job).command("error", "The operation was canceled.")
            self.live.tell()

    def _skip_left(self, job: LiveJob) -> None:
        job.steps += [(name, now(), now(), SKIPPED) for _, name in job.left]
        job.left = []

    def _log(self, job: LiveJob) -> JobLog:
        if job.key not in self._logs:
            log = self._logs[job.key] = JobLog(self.live.folder / "logs" / f"{job.id}.txt")
            self.live.put("logs", job.id, log.file)
        return self._logs[job.key]

    def _list_ready(self) -> None:
        """List each job all of whose needs have ended: queued, or skipped where one of them did not succeed."""
        for key, planned in self.plan.jobs.items() if self._has_begun else ():
            known = {**self.results, **{own: job.conclusion for own, job in self.jobs().items() if job.is_over}}
            if key in known or key in self.jobs() or not set(planned.needs) <= set(known):
                continue
            made = self._listed(planned)
            if not planned.runs_after_failure and any(known[need] != SUCCESS for need in planned.needs):
                self._end(made, SKIPPED)
            elif self.is_cancelled:
                self._end(made, CANCELLED)
            elif made.environment and made.environment not in self.live.protected:
                deployments.begin(self.live, self.run, made, "queued")

    def _listed(self, planned: PlannedJob) -> LiveJob:
        made = LiveJob(
            self.live.site.id(),
            planned.name,
            now(),
            NOT_YET,
            NOT_YET,
            "",
            0,
            [],
            key=planned.key,
            environment=planned.environment,
            left=list(planned.steps),
        )
        self.attempt.jobs.append(made)
        return made

    def _wait(self, key: str) -> None:
        job = self.jobs().get(key)
        if job is not None and not job.is_over:
            job.waiting = True
            deployments.begin(self.live, self.run, job, "pending")
            self._tell_pending()
            self.live.tell()

    def waiting(self) -> list[LiveJob]:
        """Return the jobs that wait for a review."""
        return [job for job in self.jobs().values() if job.waiting]

    def review(self, job: LiveJob, approve: bool) -> None:
        """Let a waiting job go on, or end it."""
        job.waiting = False
        if approve:
            self._deploying(job, "queued")
        else:
            self._log(job).command("error", REFUSED)
            self._end(job, FAILURE)
            self._list_ready()
        self._tell_pending()
        self.live.tell()

    def _tell_pending(self) -> None:
        names = list(dict.fromkeys(str(job.environment) for job in self.waiting()))
        self.live.put("pending_deployments", self.run.id, self.live.ship().pending(names, now()))

    def _deploying(self, job: LiveJob, state: str) -> None:
        found = deployments.of(self.live, job)
        if found is not None:
            deployments.say(self.live, found, state)

    def _end(self, job: LiveJob, result: str) -> None:
        moment = now()
        was_killed = self.is_cancelled and result == FAILURE and job.started_at != NOT_YET
        job.conclusion = CANCELLED if was_killed else result
        if job.started_at == NOT_YET:
            job.started_at = job.created_at
            job.left = []
        if job.steps and job.steps[-1][2] == NOT_YET:
            name, begun, _, _ = job.steps[-1]
            job.steps[-1] = (name, begun, moment, SUCCESS if name == COMPLETE else job.conclusion)
        self._skip_left(job)
        job.completed_at, job.waiting = moment, False
        self._deploying(job, DEPLOYMENT_STATES.get(job.conclusion, "error"))

    def end(self, problem: str = "") -> None:
        """Write down the end of the attempt; `problem` is why act could not go on."""
        for job in self.jobs().values():
            if not job.is_over and self.is_cancelled:
                self._end(job, CANCELLED)
            elif not job.is_over and job.started_at == NOT_YET and not problem:
                self._end(job, SKIPPED)
            elif not job.is_over:
                self._log(job).command("error", problem or "act ended before the job did")
                self._end(job, FAILURE)
        self._list_ready()
        for job in self.jobs().values():
            if not job.is_over:
                self._end(job, CANCELLED if self.is_cancelled else SKIPPED)
        self.attempt.conclusion = self._conclusion(problem)
        self.attempt.ended_at = now()
        self.run.pending = False
        self._tell_pending()
        self.live.tell()

    def _conclusion(self, problem: str) -> str:
        results = [job.conclusion for job in self.attempt.jobs]
        if CANCELLED in results or (self.is_cancelled and not results):
            return CANCELLED
        if FAILURE in results:
            return FAILURE
        if problem:
            return "startup_failure"
        return SUCCESS if SUCCESS in results or not results else SKIPPED


def message_begins(event: Json) -> bool:
    """Say whether act says that a part of a job begins."""
    return str(event.get("msg") or "").startswith("⭐ Run ")
