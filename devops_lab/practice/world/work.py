"""A piece of work: a pull request as it will come to be, and the files that its commits change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from devops_lab.practice.world.calendar import Dice
from devops_lab.practice.world.company import Person, Service
from devops_lab.practice.world.records import Change, Commit
from devops_lab.practice.world.records_plan import Issue
from devops_lab.practice.world.site import MAIN, Site

FILE_NAMES = ("routes.py", "models.py", "views.py", "prices.py", "storage.py", "client.py", "forms.py", "test_app.py")
INFRASTRUCTURE = ("infra/main.tf", ".github/workflows/ci.yml")
OWN_INFRASTRUCTURE = ("Dockerfile", "chart/values.yaml")
LOCK, GENERATED = "uv.lock", "generated/messages_pb2.py"
TOUCHES_INFRASTRUCTURE, TOUCHES_LOCK, TOUCHES_GENERATED = 0.06, 0.07, 0.04
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
    beside = _beside(site.side_dice, [service.folder for service in services])
    return (*found.values(), *(file for file in beside if file[0] not in found))


def _beside(dice: Dice, folders: list[str]) -> list[tuple[str, int, int]]:
    """Return what now and then changes along with the source: infrastructure, lock files, generated code."""
    found = []
    if dice.chance(TOUCHES_INFRASTRUCTURE):
        paths = [*INFRASTRUCTURE, *(f"{folder}/{name}" for folder in folders for name in OWN_INFRASTRUCTURE)]
        found.append((dice.one_of(paths), dice.integer(1, 30), dice.integer(0, 12)))
    if folders and dice.chance(TOUCHES_LOCK):
        found.append((f"{folders[0]}/{LOCK}", dice.integer(20, 900), dice.integer(5, 700)))
    if folders and dice.chance(TOUCHES_GENERATED):
        found.append((f"{folders[0]}/{GENERATED}", dice.integer(40, 1500), dice.integer(10, 900)))
    return found


def is_infrastructure(path: str) -> bool:
    """Say whether a file describes infrastructure: Terraform, a workflow, a Dockerfile or a chart."""
    return path in INFRASTRUCTURE or path.endswith(tuple(f"/{name}" for name in OWN_INFRASTRUCTURE))


def is_generated(path: str) -> bool:
    """Say whether nobody wrote a file by hand: a lock file or generated code."""
    return path.endswith((f"/{LOCK}", f"/{GENERATED}"))
