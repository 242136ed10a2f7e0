"""What happened, written down with its instants: the simulation's own record, from which objects and truth are told.

Instants are naive UTC of whole seconds, as GitHub's API has them.  A record may tell of the future: whoever reads it
for an instant leaves out what lies behind that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from devops_lab.practice.world.company import Person
from devops_lab.practice.world.records_plan import Issue, Milestone

SUCCESS, FAILURE, CANCELLED = "success", "failure", "cancelled"


@dataclass(frozen=True)
class Commit:
    """A commit; `files` are (path, additions, deletions), none for merges."""

    sha: str
    parents: tuple[str, ...]
    author: Person
    committer: Person
    authored_at: datetime
    committed_at: datetime
    message: str
    files: tuple[tuple[str, int, int], ...] = ()

    @property
    def subject(self) -> str:
        """The first line of its message."""
        return self.message.partition("\n")[0]


@dataclass
class Review:
    """A review that was submitted; `comments` are (id, instant, path, text)."""

    id: int
    author: Person
    state: str
    submitted_at: datetime
    sha: str
    comments: list[tuple[int, datetime, str, str]] = field(default_factory=list)


@dataclass
class Pull:
    """A pull request; `ready_at` is when it stopped being a draft, `fork` whether its branch lies in the author's.

    `services` are those that it is about; in a monorepo it may be none.
    """

    number: int
    id: int
    title: str
    author: Person
    created_at: datetime
    head_ref: str
    base_ref: str
    base_sha: str
    commits: list[Commit]
    body: str = ""
    labels: list[tuple[datetime, str]] = field(default_factory=list)
    milestone: Milestone | None = None
    fork: bool = False
    fork_gone: bool = False
    ready_at: datetime | None = None
    merged_at: datetime | None = None
    merged_by: Person | None = None
    merge_commit: Commit | None = None
    closed_at: datetime | None = None
    reviews: list[Review] = field(default_factory=list)
    services: tuple[str, ...] = ()

    def files(self) -> dict[str, tuple[int, int]]:
        """Return path → lines added and deleted by all its commits together."""
        return summed(self.commits)


def summed(commits: Iterable[Commit]) -> dict[str, tuple[int, int]]:
    """Return path → lines added and deleted by `commits` together."""
    found: dict[str, tuple[int, int]] = {}
    for one in commits:
        for path, more, less in one.files:
            added, deleted = found.get(path, (0, 0))
            found[path] = (added + more, deleted + less)
    return found


@dataclass
class Job:
    """A job of one attempt of a run; `steps` are (name, started, completed, conclusion), `label` its runner's kind."""

    id: int
    name: str
    created_at: datetime
    started_at: datetime
    completed_at: datetime
    conclusion: str
    runner: int
    steps: list[tuple[str, datetime, datetime, str]]
    label: str = "ubuntu-latest"


@dataclass
class Attempt:
    """One attempt of a run, with its jobs."""

    number: int
    started_at: datetime
    ended_at: datetime
    conclusion: str
    actor: Person
    jobs: list[Job]

    def job(self, name: str) -> Job | None:
        """Return the job of this name that ran in this attempt."""
        return next((job for job in self.ran() if job.name == name), None)

    @property
    def over_at(self) -> datetime:
        """When its last job ended; GitHub notes the end of the attempt a moment later."""
        return max((job.completed_at for job in self.ran()), default=self.ended_at)

    def ran(self) -> list[Job]:
        """Return the jobs that ran in this attempt; a re-run lists those that were green before once more."""
        return [job for job in self.jobs if job.created_at >= self.started_at]


@dataclass
class Workflow:
    """A workflow file."""

    id: int
    name: str
    path: str


@dataclass
class Run:
    """A workflow run with every attempt; `pull` is the number of its pull request.

    `trouble` is why its tests fail: "broken" (the code), "flaky" (the tests), or nothing.
    """

    id: int
    number: int
    workflow: Workflow
    event: str
    branch: str
    sha: str
    title: str
    actor: Person
    created_at: datetime
    pull: int | None = None
    attempts: list[Attempt] = field(default_factory=list)
    trouble: str = ""


@dataclass
class GitHubDeployment:
    """A deployment as GitHub has it; `statuses` are (id, state, instant)."""

    id: int
    environment: str
    sha: str
    ref: str
    created_at: datetime
    creator: Person
    run: int
    job: int
    statuses: list[tuple[int, str, datetime]] = field(default_factory=list)


@dataclass
class Tag:
    """A tag; `object_sha` is the annotated tag's own, None for a lightweight one."""

    name: str
    sha: str
    tagged_at: datetime
    tagger: Person
    object_sha: str | None = None


@dataclass
class Release:
    """A published release."""

    id: int
    tag: str
    target: str
    author: Person
    committed_at: datetime
    published_at: datetime
    prerelease: bool


@dataclass(eq=False)
class Change:
    """What was made and landed: a pull request ("#12") or a commit without one (its sha).

    `deployed` service → the first successful rollout that carries it; `reverts` the change it takes back; `remedy`
    whether it was made to mend what production suffered from.
    """

    id: str
    services: tuple[str, ...]
    first_commit_at: datetime
    landed_at: datetime
    result: Commit
    title: str
    is_bot: bool
    pull: Pull | None = None
    reverts: Change | None = None
    remedy: bool = False
    deployed: dict[str, Rollout] = field(default_factory=dict)

    def files(self) -> dict[str, tuple[int, int]]:
        """Return path → lines added and deleted, whichever way it was merged."""
        return self.pull.files() if self.pull is not None else summed([self.result])


@dataclass(eq=False)
class Rollout:
    """One attempt to bring a sha to production, as the service's pipeline saw it; `links` are texts that name it."""

    service: str
    sha: str
    started_at: datetime
    finished_at: datetime
    result: str
    position: int
    links: list[str]
    replaces: Rollout | None = None
    rollback: bool = False
    first: bool = False
    carried: list[Change] = field(default_factory=list)


@dataclass(eq=False)
class Failure:
    """Something production suffered from: its cause, the incident (if anybody opened one) and what mended it."""

    service: str
    cause: Rollout | None
    incident: Issue | None = None
    remedy: Change | None = None
    rollback: Rollout | None = None
    linked: bool = False
    not_a_change: bool = False
    duplicate: bool = False
