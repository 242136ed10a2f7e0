"""What a panel knows of the run it watches, and what there is to say and to do about it; no widget in sight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from devops_lab.actions import Job, Progress
from devops_lab.actions.declaration import JobPlan
from devops_lab.actions.watching import instant
from devops_lab.panels.graph import Node, nodes
from devops_lab.panels.texts import listed, short

FAILED = ("failure", "timed_out", "startup_failure", "cancelled", "action_required")
Json = Mapping[str, Any]


def now() -> datetime:
    """Return this instant as naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Said:
    """A sentence about what changed, and the state it tells of ("success", "failure", "in_progress", …)."""

    text: str
    state: str = ""


def gravest(said: Sequence[Said]) -> str:
    """Return the state that several sentences are coloured by: what failed or waits for a person, else the first."""
    states = [one.state for one in said]
    return next((state for state in ("failure", "timed_out", "waiting") if state in states), states[0])


@dataclass
class Watched:
    """The run on the page: who and what it is (`raw`, as GitHub tells), how far it is, which job is looked at.

    `usual` are the usual seconds by job; `waiting` the environments that wait for an approval; `gone` says why it
    is not watched any more.
    """

    repository: str
    number: int
    raw: Json = field(default_factory=dict)
    progress: Progress = field(default_factory=Progress)
    declared: tuple[JobPlan, ...] = ()
    usual: Mapping[str, float] = field(default_factory=dict)
    waiting: tuple[str, ...] = ()
    chosen: str = ""
    by_hand: bool = False
    gone: str = ""
    heard_at: datetime | None = None
    troubled_since: datetime | None = None

    @property
    def name(self) -> str:
        """What the run is called: "run 12 of deploy.yml"."""
        count = self.raw.get("run_number")
        return (
            f"run {count if count is not None else self.number} of {self.file}" if self.file else f"run {self.number}"
        )

    @property
    def file(self) -> str:
        """The workflow's file, without its folder."""
        return str(self.raw.get("path") or "").partition("@")[0].rsplit("/", 1)[-1]

    @property
    def started_at(self) -> datetime | None:
        """When this attempt began."""
        return instant(self.raw.get("run_started_at") or self.raw.get("created_at"))

    @property
    def state(self) -> str:
        """The run's conclusion, else its status."""
        if self.progress.over or self.waits:
            return self.progress.conclusion or "waiting"
        begun = any(job.status in ("in_progress", "completed") for job in self.progress.jobs)
        return "in_progress" if begun else self.progress.status

    @property
    def waits(self) -> bool:
        """Whether somebody must approve before it goes on."""
        there = any(job.status == "waiting" for job in self.progress.jobs)
        return not self.progress.over and (there or self.progress.status == "waiting")

    @property
    def nodes(self) -> list[Node]:
        """The graph's nodes."""
        return nodes(self.declared, self.progress.jobs)

    @property
    def job(self) -> Job | None:
        """The job that is looked at; None where none is, or it has not begun."""
        return next((node.job for node in self.nodes if node.name == self.chosen), None)

    def heard(self, progress: Progress, at: datetime) -> list[Said]:
        """Take what was heard of the run and return what there is to say about it."""
        before, self.progress = self.progress, progress
        if progress.trouble:
            self.troubled_since = self.troubled_since or at
            return []
        said = [Said("The server answers again.")] if self.troubled_since is not None else []
        self.troubled_since, self.heard_at = None, at
        first = not before.jobs and before.attempt in (1, progress.attempt)  # what was so before we looked is no news
        if not self.waits:
            self.waiting = ()
        if progress.over:
            return [
                *said,
                Said(f"{self.name[0].upper()}{self.name[1:]} {_ended(progress)}.", progress.conclusion or ""),
            ]
        if first:
            return said
        if before.attempt != progress.attempt:
            said.append(Said(f"Attempt {progress.attempt} has begun.", "in_progress"))
        return said + _moved({job.name: job for job in before.jobs}, progress)

    def silence(self, at: datetime) -> str:
        """Say for how long nothing was heard; "" while the server answers."""
        if self.troubled_since is None or self.progress.over:
            return ""
        since = (at - (self.heard_at or self.troubled_since)).total_seconds()
        return f"Not heard for {short(since)}; watching goes on ({self.progress.trouble})."

    def possible(self) -> set[str]:
        """Return what can be done with the run now: cancel, rerun, rerun_failed, approve, reject."""
        if self.gone:
            return set()
        if not self.progress.over:
            return {"cancel", *(("approve", "reject") if self.waiting else ())}
        return {"rerun", *(("rerun_failed",) if self.progress.conclusion in FAILED else ())}

    def choose(self, name: str) -> None:
        """Look at a job because somebody wants to."""
        self.chosen, self.by_hand = name, True

    def look_by_itself(self) -> None:
        """Look at the job worth it where nobody has chosen one: one that failed, waits or runs, else the last."""
        found = [node for node in self.nodes if node.job is not None]
        if self.by_hand and any(self.chosen == node.name for node in self.nodes):
            return
        for state in ("failure", "timed_out", "waiting", "in_progress"):
            like = [node.name for node in found if node.job is not None and _is(node.job, state)]
            if like:
                self.chosen = like[0]
                return
        moved = [node.name for node in found if node.job is not None and node.job.status != "queued"]
        self.chosen = moved[-1] if moved else self.chosen


def _is(job: Job, state: str) -> bool:
    return state in (job.conclusion, job.status)


def _ended(progress: Progress) -> str:
    words = {"success": "succeeded", "failure": "failed", "cancelled": "was cancelled", "timed_out": "timed out"}
    bad = [job.name for job in progress.jobs if job.conclusion in ("failure", "timed_out")]
    why = f": {listed(bad)}" if bad and progress.conclusion == "failure" else ""
    return (
        words.get(progress.conclusion or "", f"ended as {(progress.conclusion or 'unknown').replace('_', ' ')}") + why
    )


def _moved(before: Mapping[str, Job], progress: Progress) -> list[Said]:
    said = []
    groups = {
        "failure": "failed",
        "success": "succeeded",
        "cancelled": "was cancelled",
        "waiting": "waits for an approval",
        "in_progress": "began",
    }
    for state, words in groups.items():
        names = [
            job.name
            for job in progress.jobs
            if _is(job, state) and not (job.name in before and _is(before[job.name], state))
        ]
        if names:
            said.append(Said(f"{listed(names)} {words}.", state))
    return said
