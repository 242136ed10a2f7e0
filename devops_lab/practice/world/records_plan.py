"""What people planned and said, and what they were warned of: milestones, issues, comments and security alerts.

Instants as in the other records: naive UTC of whole seconds, at times in the future.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from devops_lab.practice.world.company import Person


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
    """An issue; `edits` are (instant, line added to the body), `labels` (instant, name).

    `works` are the signs of work besides the assignment: (instant from which it can be known, instant of the work).
    """

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
    works: list[tuple[datetime, datetime]] = field(default_factory=list)


@dataclass
class Comment:
    """A comment below an issue or a pull request."""

    id: int
    author: Person
    at: datetime
    text: str


@dataclass
class Alert:
    """A security alert; `kind` is "dependabot" or "code_scanning", `what` the package or the rule, `path` where.

    `patch` is the version that mends it, or "" for code; `sha` the commit on main that was looked at.
    """

    kind: str
    number: int
    what: str
    severity: str
    path: str
    sha: str
    created_at: datetime
    patch: str = ""
    fixed_at: datetime | None = None
    dismissed: tuple[datetime, Person, str] | None = None
