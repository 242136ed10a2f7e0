"""What happened, written down with its instants: the simulation's own record, from which objects and truth are told.

Instants are naive UTC of whole seconds, as GitHub's API has them.  A record may tell of the future: whoever reads it
for an instant leaves out what lies behind that.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from devops_lab.practice.world.company import Person

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


@dataclass
class Milestone:
    """A month's plan."""

    number: int
    id: int
    title: str
    author: Person
    created_at: datetime
    due_on: datetime
    closed_at: datetime


@dataclass
class Issue:
    """An issue; `edits` are (instant, line added to the body), `labels` (instant, name)."""

    number: int
    id: int
    title: str
    author: Person
    created_at: datetime
    body: str = ""
    labels: list[tuple[datetime, str]] = field(default_factory=list)
    edits: list[tuple[datetime, str]] = field(default_factory=list)
    milestone: Milestone | None = None
    assigned: tuple[datetime, Person] | None = None
    closed_at: datetime | None = None
    closed_by: Person | None = None
    closing_sha: str | None = None
    reason: str = "completed"


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
    """A pull request; `ready_at` is when it stopped being a draft, `fork` whether its branch lies in the author's."""

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


@dataclass
class Job:
    """A job of one attempt of a run; `steps` are (name, started, completed, conclusion)."""

    id: int
    name: str
    created_at: datetime
    started_at: datetime
    completed_at: datetime
    conclusion: str
    runner: int
    steps: list[tuple[str, datetime, datetime, str]]


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
        return next((job for job in self.jobs if job.name == name and job.started_at >= self.started_at), None)


@dataclass
class Workflow:
    """A workflow file."""

    id: int
    name: str
    path: str


@dataclass
class Run:
    """A workflow run with every attempt; `pull` is the number of its pull request."""

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
