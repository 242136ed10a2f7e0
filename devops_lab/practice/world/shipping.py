"""Deploy: what the pipelines share (one at a time, what a rollout carries, rollbacks), and those that run jobs.

What a rollout carries is written down as it happens: the changes on main between how far production had come and the
position that is brought there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timedelta

from devops_lab.practice.world.building import DEPLOY, STAGE, Building
from devops_lab.practice.world.company import ACTIONS_BOT, Person, Service
from devops_lab.practice.world.records import (
    CANCELLED,
    FAILURE,
    SUCCESS,
    Attempt,
    Change,
    GitHubDeployment,
    Rollout,
    Run,
)
from devops_lab.practice.world.site import MAIN, Site

REST = timedelta(minutes=1)
FAILING, CANCELLING, RERUN = 0.07, 0.03, 0.6
PRODUCTION, STAGING = "production", "staging"
Finished = Callable[[datetime, Rollout], None]


class Shipper(ABC):
    """Brings one service to production; `finished` hears of every successful rollout.

    `reached` is the position on main that production has been brought to; while the service is `held` (after a
    rollback) only what is urgent goes out.
    """

    def __init__(self, site: Site, service: Service, finished: Finished) -> None:
        self.site, self.service, self.finished = site, service, finished
        self.reached = 0
        self.latest: Rollout | None = None
        self.held = False

    @abstractmethod
    def request(self, moment: datetime, urgent: bool = False) -> None:
        """Bring out what is ready, if anything is."""

    @abstractmethod
    def listen(self, moment: datetime, branch: str, sha: str) -> None:
        """Hear that something landed; what then happens depends on how the service is shipped."""

    def pending(self, position: int) -> list[Change]:
        """Return the service's changes on main up to `position` that production has never had."""
        return [one for one in self.site.landings[self.reached : position] if self.service.name in one.services]

    def record(self, rollout: Rollout) -> Rollout:
        """Write a rollout down; a successful one takes over when it is finished."""
        self.site.rollouts.append(rollout)
        if rollout.result == SUCCESS:
            self.site.agenda.at(rollout.finished_at, self._finish, rollout)
        return rollout

    def _finish(self, moment: datetime, rollout: Rollout) -> None:
        rollout.first, rollout.replaces = self.latest is None, self.latest
        for change in self.brought(rollout):
            change.deployed[self.service.name] = rollout
            rollout.carried.append(change)
        self.reached = max(self.reached, rollout.position)
        self.latest = rollout
        self.finished(moment, rollout)

    def brought(self, rollout: Rollout) -> list[Change]:
        """Return what a rollout carries that production never had."""
        return self.pending(rollout.position)


class DirectShipper(Shipper):
    """Brings out the end of main itself, one rollout at a time, and can bring back what was there before.

    `eager`: each landing on main goes out at once.
    """

    eager = False

    def __init__(self, site: Site, service: Service, finished: Finished) -> None:
        super().__init__(site, service, finished)
        self.busy_until = site.start
        self._waiting: dict[bool, bool] = {False: False, True: False}

    def listen(self, moment: datetime, branch: str, sha: str) -> None:
        """Ship what landed on main at once where that is the custom."""
        if self.eager and branch == MAIN:
            self.request(moment + timedelta(seconds=2))

    def ready(self) -> tuple[int, str]:
        """Return the position on main that may go out, and its sha."""
        return len(self.site.landings), self.site.tip()

    def request(self, moment: datetime, urgent: bool = False) -> None:
        """Bring out what is ready, as soon as the pipeline is free."""
        if moment < self.busy_until:
            if not self._waiting[urgent]:
                self._waiting[urgent] = True
                self.site.agenda.at(self.busy_until + REST, self._waited, urgent)
            return
        position, sha = self.ready()
        if self.pending(position) and (urgent or not self.held):
            self.ship(moment, position, sha, urgent)

    def _waited(self, moment: datetime, urgent: bool) -> None:
        self._waiting[urgent] = False
        self.request(moment, urgent)

    def rollback(
        self, moment: datetime, bad: Rollout, done: Callable[[Rollout], None], instead: Callable[[datetime], None]
    ) -> None:
        """Bring back what `bad` replaced; where it has been replaced itself meanwhile, do something `instead`."""
        if moment < self.busy_until:
            self.site.agenda.at(self.busy_until + REST, self.rollback, bad, done, instead)
        elif self.latest is not bad or bad.replaces is None or bad.replaces.sha == bad.sha:
            instead(moment)
        else:
            self.held = True
            done(self.ship(moment, bad.replaces.position, bad.replaces.sha, True, bad))

    @abstractmethod
    def ship(
        self, moment: datetime, position: int, sha: str, urgent: bool, instead_of: Rollout | None = None
    ) -> Rollout:
        """Start to bring a sha out and return the last attempt."""

    def outcomes(self, urgent: bool) -> list[str]:
        """Return how each attempt ends: what is urgent is tried until it works."""
        dice = self.site.dice
        drawn = dice.uniform(0, 1)
        if drawn < CANCELLING and not urgent:
            return [CANCELLED]
        found = [FAILURE] if drawn < FAILING + CANCELLING else [SUCCESS]
        while found[-1] == FAILURE and (urgent or dice.chance(RERUN)):
            found.append(FAILURE if dice.chance(0.25) else SUCCESS)
        return found


class JobShipper(DirectShipper):
    """Shipped by the jobs of a workflow; with `environments`, GitHub deployments tell of them.

    `eager`: each landing on main goes out at once, else twice a day at most.
    """

    def __init__(
        self, site: Site, service: Service, finished: Finished, building: Building, eager: bool, told: bool
    ) -> None:
        super().__init__(site, service, finished)
        self.building, self.eager, self.told = building, eager, told
        self._current: dict[str, GitHubDeployment] = {}

    def ship(
        self, moment: datetime, position: int, sha: str, urgent: bool, instead_of: Rollout | None = None
    ) -> Rollout:
        """Run the deploy workflow."""
        event = "push" if self.eager and instead_of is None else "repository_dispatch"
        actor = self.site.member()
        run = self.deploy(moment, DEPLOY, "deploy-production", sha, event, actor, self.outcomes(urgent))
        for attempt in run.attempts:
            job = attempt.job("deploy-production")
            if job is not None:
                links = [self.site.web(f"actions/runs/{run.id}")]
                if self.told:
                    links = [self.site.web(f"deployments/{self._tell(PRODUCTION, sha, run, attempt, actor).id}")]
                made = Rollout(
                    self.service.name, sha, job.started_at, job.completed_at, job.conclusion, position, links
                )
                made.rollback = instead_of is not None
                self.record(made)
        return made

    def deploy(
        self, moment: datetime, workflow: str, job: str, sha: str, event: str, actor: Person, outcomes: list[str]
    ) -> Run:
        """Run a workflow that ends with `job`; the pipeline is busy meanwhile."""
        title = next(commit.subject for commit in reversed(self.site.commits) if commit.sha == sha)
        run = self.building.pipeline(moment, workflow, (job, 150), sha, title, actor, event, outcomes)
        self.busy_until = max(self.busy_until, run.attempts[-1].ended_at)
        return run

    def _tell(self, environment: str, sha: str, run: Run, attempt: Attempt, actor: Person) -> GitHubDeployment:
        """Make the GitHub deployment of a deploy job; the one it takes over from turns inactive."""
        site = self.site
        job = next(job for job in reversed(attempt.jobs) if job.name.startswith("deploy-"))
        state = SUCCESS if job.conclusion == SUCCESS else FAILURE if job.conclusion == FAILURE else "error"
        made = GitHubDeployment(
            site.id(), environment, sha, MAIN, job.created_at, site.people[ACTIONS_BOT], run.id, job.id
        )
        made.statuses = [(site.id(), "in_progress", job.started_at), (site.id(), state, job.completed_at)]
        before = self._current.get(environment)
        if state == SUCCESS:
            if before is not None:
                before.statuses.append((site.id(), "inactive", job.completed_at + timedelta(seconds=1)))
            self._current[environment] = made
        site.deployments.append(made)
        return made


class PromotingShipper(JobShipper):
    """What lands goes to staging at once; what staging has taken is promoted to production later."""

    def __init__(self, site: Site, service: Service, finished: Finished, building: Building) -> None:
        super().__init__(site, service, finished, building, eager=False, told=True)
        self._staged = (0, "")
        self._staging_until = site.start
        self._urgent = False

    def ready(self) -> tuple[int, str]:
        """Return what staging has taken."""
        return self._staged

    def request(self, moment: datetime, urgent: bool = False) -> None:
        """Promote; what is urgent waits until staging has it."""
        if urgent and self._staged[0] < len(self.site.landings):
            self._urgent = True
        else:
            super().request(moment, urgent)

    def listen(self, moment: datetime, branch: str, sha: str) -> None:
        """Bring what landed to staging."""
        self._stage(moment + timedelta(seconds=4), len(self.site.landings), sha)

    def _stage(self, moment: datetime, position: int, sha: str) -> None:
        if moment < self._staging_until:
            self.site.agenda.at(self._staging_until + REST, self._stage, position, sha)
            return
        actor, free = self.site.member(), self.busy_until
        run = self.deploy(moment, STAGE, "deploy-staging", sha, "push", actor, self.outcomes(urgent=True))
        self.busy_until, self._staging_until = free, run.attempts[-1].ended_at
        for attempt in run.attempts:
            self._tell(STAGING, sha, run, attempt, actor)
            job = attempt.job("deploy-staging")
            if job is not None:
                brought = (job.started_at, job.completed_at, job.conclusion)
                self.site.staged.append(Rollout(self.service.name, sha, *brought, position, []))
        self.site.agenda.at(run.attempts[-1].ended_at, self._have_staged, position, sha)

    def _have_staged(self, moment: datetime, position: int, sha: str) -> None:
        if position > self._staged[0]:
            self._staged = (position, sha)
        if self._urgent and self._staged[0] == len(self.site.landings):
            self._urgent = False
            super().request(moment, True)
