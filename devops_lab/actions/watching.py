"""A run's jobs and steps as they move: one request a tick, unchanged answers cost nothing (ETags).

Ticks are 1 second apart while things move and up to `slowest` (15 s) apart while nothing does.  Jobs are asked for;
the run itself only when its jobs are over, or there are none.  The network may be gone for a while: watching goes on.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from devops_lab.actions.connection import Server, data_of, refusal
from devops_lab.errors import AccessError, SourceError
from devops_lab.github_api.answers import Answer, limited

FASTEST, SLOWEST, GROWTH = 1.0, 15.0, 1.5
MISSED = 3  # a run that was there and is not, this often in a row, was deleted
PER_PAGE = 100
RUN_EACH = 8  # ticks after which the run is asked for though jobs still seem to go on
COMPLETED = "completed"
Json = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """One step of a job."""

    name: str
    status: str
    conclusion: str | None = None


@dataclass(frozen=True)
class Job:
    """One job of the attempt that is watched; instants are naive UTC."""

    id: int
    name: str
    status: str
    conclusion: str | None
    started_at: datetime | None
    completed_at: datetime | None
    steps: tuple[Step, ...] = ()
    url: str = ""


@dataclass(frozen=True)
class Progress:
    """A run at one moment: `status` and `conclusion` as GitHub names them; `trouble` says why nothing new was heard."""

    status: str = "queued"
    conclusion: str | None = None
    attempt: int = 1
    jobs: tuple[Job, ...] = ()
    trouble: str = ""

    @property
    def over(self) -> bool:
        """Whether the run has ended."""
        return self.status == COMPLETED


@dataclass
class _Page:
    """What was last heard to one question."""

    etag: str | None = None
    data: Json = field(default_factory=dict)


class Watch:
    """Watches one run; `changes` yields each `Progress` that differs from the one before.

    `stop` ends the watching (another thread may set it); `timeout` is in seconds, None for as long as it takes.
    """

    def __init__(
        self,
        server: Server,
        path: str,
        stop: threading.Event | None = None,
        slowest: float = SLOWEST,
        pause: Callable[[float], None] | None = None,
    ) -> None:
        self.server, self.path, self.slowest = server, path, slowest
        self.stop = stop or threading.Event()
        self._pause = pause or self._wait
        self._run, self._jobs = _Page(), [_Page()]
        self._missed = self._turn = 0
        self._limit: float | None = None
        self._trouble = ""

    def changes(self, timeout: float | None = None) -> Iterator[Progress]:
        """Yield the run whenever it has changed, until it is over, the time is up or `stop` is set.

        Errors: AccessError (the token is refused), SourceError (the run was deleted while it was watched).
        """
        end = None if timeout is None else time.monotonic() + timeout
        before: Progress | None = None
        interval, ask_run, ticks, last_jobs = FASTEST, True, 0, 0
        while not self.stop.is_set():
            self._ask_run() if ask_run else self._ask_jobs()
            ticks += 1
            now = self._progress()
            if now != before:
                yield now
                interval = FASTEST
            else:
                interval = min(interval * GROWTH, self.slowest)
            last_jobs += now.over and not ask_run and not now.trouble
            if last_jobs >= len(self._jobs):
                return
            # the run is asked for first, and then in turn with its jobs once they are over; never both in one tick
            ask_run = not ask_run and not last_jobs and (ticks % RUN_EACH == 0 or self._jobs_over(now))
            before = now
            if end is not None and time.monotonic() >= end:
                return
            soon = ticks == 1 or now.over  # the other half of what there is to know
            self._pause(self._limit or (FASTEST / 4 if soon and not now.trouble else interval))

    def _ask_run(self) -> None:
        answer = self._asked(self._run, self.path)
        if answer is not None and answer.status == 200:
            number = self._run.data.get("run_attempt")
            if self._jobs[0].data and number != self._jobs[0].data.get("of_attempt", number):
                self._jobs = [_Page()]

    def _ask_jobs(self) -> None:
        place = self._turn % len(self._jobs)
        self._turn += 1
        answer = self._asked(self._jobs[place], f"{self.path}/jobs", per_page=PER_PAGE, page=place + 1)
        if answer is None or answer.status != 200:
            return
        self._jobs[place].data["of_attempt"] = self._run.data.get("run_attempt")
        total = self._jobs[place].data.get("total_count") or 0
        pages = max(1, -(-int(total) // PER_PAGE))
        self._jobs = [*self._jobs, *(_Page() for _ in range(pages - len(self._jobs)))][:pages]

    def _asked(self, held: _Page, path: str, **parameters: Any) -> Answer | None:
        answer = self.server.look(path, held.etag, **parameters)
        self._limit = None
        if answer.status in (200, 304):
            self._missed, self._trouble = 0, ""
            if answer.status == 200:
                held.etag, held.data = answer.headers.get("etag"), data_of(answer)
            return answer
        if answer.status in (301, 302, 307, 308):
            raise SourceError(f"{path} has moved: the repository has a new name; watch it there")
        if answer.status in (404, 410):
            self._missed += 1
            if self._missed >= MISSED:
                raise SourceError(f"{path} is not there (any more): the run was deleted, or the token lost its access")
        self._trouble = answer.problem or f"HTTP {answer.status} {answer.message}".strip()
        if answer.status in (403, 429):
            pause = limited(answer, time.time(), self._trouble)
            if pause is None:
                raise refusal(answer, f"watching {path}")
            self._limit = min(pause.seconds or pause.base, 3600.0)
        if answer.status == 401:
            raise AccessError(str(refusal(answer, f"watching {path}")))
        return None

    def _jobs_over(self, now: Progress) -> bool:
        """Whether the jobs say nothing more of the run's end: none there, all over, or waiting for an approval."""
        return all(job.status in (COMPLETED, "waiting", "queued") for job in now.jobs)

    def _progress(self) -> Progress:
        raw = self._run.data
        jobs = tuple(job_of(one) for page in self._jobs for one in page.data.get("jobs") or [])
        status = str(raw.get("status") or "queued")
        if status not in (COMPLETED, "in_progress", "waiting") and any(job.status == "in_progress" for job in jobs):
            status = "in_progress"
        conclusion = raw.get("conclusion") if status == COMPLETED else None
        return Progress(status, conclusion, int(raw.get("run_attempt") or 1), jobs, self._trouble)

    def _wait(self, seconds: float) -> None:
        self.stop.wait(seconds)


def job_of(raw: Json) -> Job:
    """Return a job as it is read from GitHub's JSON."""
    steps = tuple(
        Step(str(one.get("name")), str(one.get("status")), one.get("conclusion")) for one in raw.get("steps") or []
    )
    return Job(
        int(raw["id"]),
        str(raw.get("name")),
        str(raw.get("status")),
        raw.get("conclusion"),
        instant(raw.get("started_at")),
        instant(raw.get("completed_at")),
        steps,
        str(raw.get("html_url") or ""),
    )


def instant(text: Any) -> datetime | None:
    """Return GitHub's instant as naive UTC, None where it is none."""
    try:
        return datetime.fromisoformat(str(text)).astimezone(UTC).replace(tzinfo=None)
    except ValueError:
        return None
