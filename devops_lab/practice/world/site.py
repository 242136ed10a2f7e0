"""One repository while it lives: its record so far, its branches, and who listens when something lands."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count

from devops_lab.practice.world.calendar import Agenda, Dice
from devops_lab.practice.world.company import OUTSIDERS, TEAMS, Person, Plan, Service
from devops_lab.practice.world.records import (
    Change,
    Commit,
    Failure,
    GitHubDeployment,
    Pull,
    Release,
    Rollout,
    Run,
    Tag,
)
from devops_lab.practice.world.records_plan import Alert, Comment, Issue, Milestone

MAIN = "main"
IDS_EACH = 10_000_000


class Site:
    """The record of one repository, and what its parts share: dice, agenda, people, ids and branch tips.

    `landings` are the changes on main in order; a position in it says how far a deployment goes.  `side_dice` decide
    details on which nothing else hangs.
    """

    def __init__(
        self, place: int, seed: int, plan: Plan, account: str, people: dict[str, Person], start: datetime
    ) -> None:
        self.place, self.seed, self.plan, self.account, self.people, self.start = (
            place,
            seed,
            plan,
            account,
            people,
            start,
        )
        self.full_name = f"{account}/{plan.name}"
        self.dice, self.side_dice = Dice(seed, place), Dice(seed, place, 1)
        self.agenda = Agenda()
        self._ids = count((place + 1) * IDS_EACH)
        self._numbers = count(1)
        self.commits: list[Commit] = []
        self.branches: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
        self.landings: list[Change] = []
        self.changes: list[Change] = []
        self.issues: list[Issue] = []
        self.pulls: list[Pull] = []
        self.milestones: list[Milestone] = []
        self.runs: list[Run] = []
        self.deployments: list[GitHubDeployment] = []
        self.tags: list[Tag] = []
        self.releases: list[Release] = []
        self.rollouts: list[Rollout] = []
        self.staged: list[Rollout] = []
        self.comments: dict[int, list[Comment]] = {}
        self.alerts: list[Alert] = []
        self.failures: list[Failure] = []
        self.listeners: list[Callable[[datetime, str, str], None]] = []
        first = self.commit((), self.member(), start, "Begin", files=(("README.md", 12, 0), ("LICENSE", 202, 0)))
        self.move(MAIN, start, first.sha)

    def id(self) -> int:
        """Return a number that no other object of the organisation has."""
        return next(self._ids)

    def number(self) -> int:
        """Return the next number of an issue or pull request."""
        return next(self._numbers)

    def member(self, *but: Person) -> Person:
        """Return somebody of the team, not one of `but`."""
        return self.dice.one_of(self.team(*but))

    def team(self, *but: Person) -> list[Person]:
        """Return the team, without `but`."""
        left_out = {one.login for one in but}
        return [self.people[login] for login in TEAMS[self.plan.team] if login not in left_out]

    def outsider(self) -> Person:
        """Return somebody who works in a fork."""
        return self.people[self.dice.one_of(OUTSIDERS)]

    def tip(self, branch: str = MAIN) -> str:
        """Return the sha at the end of a branch."""
        return self.branches[branch][-1][1]

    def move(self, branch: str, moment: datetime, sha: str) -> None:
        """Let a branch end at `sha` from `moment` on."""
        self.branches[branch].append((moment, sha))

    def commit(
        self,
        parents: tuple[str, ...],
        author: Person,
        authored_at: datetime,
        message: str,
        committed_at: datetime | None = None,
        files: tuple[tuple[str, int, int], ...] = (),
        committer: Person | None = None,
    ) -> Commit:
        """Write a commit; its sha follows from all that is in it."""
        committed_at = committed_at or authored_at
        content = (self.seed, self.full_name, parents, author.login, authored_at, committed_at, message, files)
        sha = hashlib.sha1(repr(content).encode(), usedforsecurity=False).hexdigest()
        made = Commit(sha, parents, author, committer or author, authored_at, committed_at, message, files)
        self.commits.append(made)
        return made

    def land(self, moment: datetime, branch: str, changes: list[Change], tip: Commit) -> None:
        """Let changes be on a branch that now ends at `tip`, and tell the listeners (moment, branch, sha)."""
        self.move(branch, moment, tip.sha)
        self.changes += changes
        if branch == MAIN:
            self.landings += changes
        for listener in self.listeners:
            listener(moment, branch, tip.sha)

    def items(self) -> list[Issue | Pull]:
        """Return issues and pull requests, which share their numbers."""
        return [*self.issues, *self.pulls]

    def web(self, path: str) -> str:
        """Return the address of a page of the repository."""
        return f"https://github.example/{self.full_name}/{path}"

    def touched(self) -> tuple[Service, ...]:
        """Return the services that a piece of work is about: mostly one, at times both, at times only documents."""
        services = self.plan.services
        if len(services) == 1:
            return services
        drawn = self.dice.uniform(0, 1)
        if len(services) > 2 and drawn < 0.85:
            return (self.dice.one_of(services),)
        return services[:1] if drawn < 0.45 else services[1:] if drawn < 0.85 else services if drawn < 0.93 else ()

    def soon(self, moment: datetime, minutes: float, spread: float = 0.7) -> datetime:
        """Return an instant a short, heavy-tailed while after `moment`."""
        return moment + self.dice.hours(minutes / 60, spread, 24) + timedelta(seconds=1)
