"""What a run left behind: a job's annotations and the end of its log, the run's artifacts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from devops_lab.actions.connection import Server
from devops_lab.actions.texts import log_line, plain_line
from devops_lab.actions.watching import COMPLETED, Job, instant
from devops_lab.errors import AccessError, SourceError
from devops_lab.github_api.answers import MissingError

if TYPE_CHECKING:
    from devops_lab.actions.driving import Run

TAIL = 100


@dataclass(frozen=True)
class Annotation:
    """A message of a job: `level` is failure, warning or notice; `path` and `line` where it is about a file."""

    level: str
    message: str
    title: str = ""
    path: str = ""
    line: int | None = None


@dataclass(frozen=True)
class Artifact:
    """A file that a run left: `size` in bytes; `expires_at` is naive UTC."""

    id: int
    name: str
    size: int
    expired: bool
    expires_at: datetime | None


@dataclass(frozen=True)
class Log:
    """The end of a job's log, line by line, inert and without instants; or `why` there is none."""

    lines: tuple[str, ...] = ()
    why: str = ""


def annotations_of(server: Server, repository: str, job: int) -> list[Annotation]:
    """Return a job's annotations in the server's order, none where it has none.  Errors: AccessError, SourceError."""
    try:
        found, _ = server.listed(f"/repos/{repository}/check-runs/{job}/annotations")
    except MissingError:
        return []
    return [
        Annotation(
            str(raw.get("annotation_level") or "notice"),
            "\n".join(map(plain_line, str(raw.get("message") or "").splitlines())),
            plain_line(str(raw.get("title") or "")),
            "" if raw.get("path") == ".github" else plain_line(str(raw.get("path") or "")),
            None if raw.get("path") == ".github" else raw.get("start_line"),
        )
        for raw in found
    ]


def artifacts_of(server: Server, repository: str, run: int) -> list[Artifact]:
    """Return a run's artifacts, the newest first.  Errors: MissingError, AccessError, SourceError."""
    found, _ = server.listed(f"/repos/{repository}/actions/runs/{run}/artifacts", "artifacts")
    return [
        Artifact(
            int(raw["id"]),
            plain_line(str(raw["name"])),
            int(raw.get("size_in_bytes") or 0),
            bool(raw.get("expired")),
            instant(raw.get("expires_at")),
        )
        for raw in found
    ]


def log_tail(run: Run, job: Job, tail: int = TAIL) -> Log:
    """Return the last lines of a job's log; where it cannot be read the answer says why, and nothing is raised."""
    try:
        return Log(tuple(map(log_line, run.logs(job.id, tail))))
    except MissingError as problem:
        if job.status == COMPLETED:
            return Log(why=str(problem))
        return Log(why="GitHub shows a log when its job is over; until then there are the steps")
    except (AccessError, SourceError) as problem:
        return Log(why=str(problem))
