"""A piece of work: a pull request as it will come to be, and the files that its commits change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from devops_lab.practice.world.company import Person, Service
from devops_lab.practice.world.records import Change, Commit, Issue
from devops_lab.practice.world.site import MAIN, Site

FILE_NAMES = ("routes.py", "models.py", "views.py", "prices.py", "storage.py", "client.py", "forms.py", "test_app.py")
Landed = Callable[[datetime, Change], None]


@dataclass
class Work:
    """A pull request as it will come to be: what it is about, and when each step happens."""

    title: str
    author: Person
    head_ref: str
    services: tuple[Service, ...]
    committing: list[datetime]
    opened_at: datetime
    ends_at: datetime | None
    merged: bool = True
    body: str = ""
    base_ref: str = MAIN
    labels: tuple[str, ...] = ()
    fork: bool = False
    ready_at: datetime | None = None
    reviewing: tuple[datetime, datetime] | None = None
    issue: Issue | None = None
    reverts: Change | None = None
    remedy: bool = False
    landed: Landed | None = None
    commits: list[Commit] = field(default_factory=list)


def files(site: Site, services: tuple[Service, ...]) -> tuple[tuple[str, int, int], ...]:
    """Return the files (path, additions, deletions) that a commit about `services` changes; sizes are heavy-tailed."""
    dice = site.dice
    found = {}
    for folder in [service.folder for service in services] or ["docs"]:
        for _ in range(min(1 + dice.poisson(0.8), 4)):
            path = f"{folder}/{dice.one_of(FILE_NAMES) if services else 'guide.md'}"
            size = round(dice.hours(12, 1.3, 1500).total_seconds() / 3600)
            found[path] = (path, size + 1, round(size * dice.uniform(0, 0.8)))
    return tuple(found.values())
