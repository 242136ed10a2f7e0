"""Code: commits, pull requests from first commit to merge, reviews, and the commits of people who push to main."""

from __future__ import annotations

from datetime import datetime, timedelta

from devops_lab.practice.world.building import Building, is_trunk
from devops_lab.practice.world.calendar import working
from devops_lab.practice.world.company import DEPENDENCY_BOT, Person, Service
from devops_lab.practice.world.merging import merge
from devops_lab.practice.world.planning import Planning
from devops_lab.practice.world.records import Change, Commit, Pull
from devops_lab.practice.world.records_plan import Issue
from devops_lab.practice.world.reviewing import review
from devops_lab.practice.world.site import MAIN, Site
from devops_lab.practice.world.work import Landed, Work, files

FROM_ISSUE, FROM_FORK, DRAFT, ABANDONED, FORGOTTEN = 0.45, 0.07, 0.13, 0.27, 0.03
WRONG_CLOCK = 0.01
AFTERTHOUGHTS = ("tidy", "tests", "review")
PACKAGES = ("urllib3", "pydantic", "sqlalchemy", "httpx", "jinja2", "orjson", "cryptography")


class Coding:
    """Everybody who writes code for a repository."""

    def __init__(self, site: Site, planning: Planning, building: Building) -> None:
        self.site, self.planning, self.building = site, planning, building

    def idea(self, moment: datetime) -> None:
        """Begin something: from an issue that waits a while first, or at once."""
        dice = self.site.dice
        if not dice.chance(FROM_ISSUE):
            self.begin(moment, None)
            return
        issue = self.planning.issue(moment, self.planning.title(), "As discussed.")
        self.site.agenda.at(working(moment + dice.hours(40, 1.3), dice), self.begin, issue)

    def begin(self, moment: datetime, issue: Issue | None) -> None:
        """Write the first commit: of a push to main, or of a pull request."""
        site, dice = self.site, self.site.dice
        person = site.member()
        if issue is not None:
            self.planning.assign(moment, issue, person)
        if dice.chance(site.plan.direct_share):
            self._push(moment, person, issue)
            return
        fork = dice.chance(FROM_FORK)
        author = site.outsider() if fork else person
        last = opened = working(moment + dice.hours(5, 1.7), dice)
        committing = sorted({moment, *(self._between(moment, last) for _ in range(dice.poisson(1.6)))})
        ready = working(opened + dice.hours(20, 1.0), dice) if dice.chance(DRAFT) else opened
        first = working(ready + dice.hours(2.2, 1.5), dice)
        approved = working(first + dice.hours(1.2, 1.7), dice)
        if dice.chance(0.35):
            committing.append(self._between(first, approved))
        ends = max(working(approved + dice.hours(0.8, 1.5), dice), committing[-1] + timedelta(minutes=1))
        merged = not dice.chance(ABANDONED * 1.6 if fork else ABANDONED)
        if not merged:
            ends = working(ends + dice.hours(150, 1.0), dice)
        title = issue.title if issue else self.planning.title()
        self.start(
            moment,
            Work(
                title,
                author,
                f"{title.lower().replace(' ', '-')}-{site.id() % 1000}",
                site.touched(),
                committing,
                opened,
                None if dice.chance(FORGOTTEN) else ends,
                merged,
                f"Closes #{issue.number}" if issue else "See the commits.",
                fork=fork,
                ready_at=ready,
                reviewing=(first, approved) if dice.chance(0.88) else None,
                issue=issue,
            ),
        )

    def update_dependency(self, moment: datetime) -> None:
        """Let the bot open a pull request; people merge it when they come to it, or it is overtaken by the next."""
        site, dice = self.site, self.site.dice
        package, version = dice.one_of(PACKAGES), f"{dice.integer(1, 4)}.{dice.integer(0, 30)}.{dice.integer(0, 9)}"
        merging = working(moment + dice.hours(18, 1.5), dice)
        self.start(
            moment,
            Work(
                f"Bump {package} to {version}",
                site.people[DEPENDENCY_BOT],
                f"dependabot/pip/{package}-{version}",
                site.touched()[:1],
                [moment],
                moment + timedelta(seconds=20),
                merging + timedelta(minutes=10),
                not dice.chance(0.3),
                "Bumps a dependency.",
                labels=("dependencies",),
                ready_at=moment + timedelta(seconds=20),
                reviewing=(merging, merging + timedelta(minutes=1)) if dice.chance(0.5) else None,
            ),
        )

    def urgent(
        self,
        moment: datetime,
        title: str,
        head_ref: str,
        services: tuple[Service, ...],
        body: str,
        remedy: bool = True,
        labels: tuple[str, ...] = (),
        base_ref: str = MAIN,
        reverts: Change | None = None,
        landed: Landed | None = None,
        message: str = "",
        minutes: float = 20,
    ) -> None:
        """Make a small pull request that is reviewed and merged as soon as somebody can; `message`: its commit's."""
        site = self.site
        opened = site.soon(moment, minutes / 2)
        first = site.soon(opened, minutes / 2)
        ends = site.soon(first, 8)
        work = Work(title, site.member(), head_ref, services, [moment], opened, ends, True, body, base_ref, labels)
        work.ready_at, work.reviewing, work.reverts = opened, (first, first + timedelta(seconds=30)), reverts
        work.remedy, work.landed = remedy, landed
        self.start(moment, work, message)

    def start(self, moment: datetime, work: Work, message: str = "") -> None:
        """Write the commits on a branch of their own, and put opening and end on the agenda."""
        site = self.site
        parent = site.tip(work.base_ref)
        for place, when in enumerate(work.committing):
            said = message or (work.title if place == 0 else f"{work.title}: {site.dice.one_of(AFTERTHOUGHTS)}")
            made = site.commit((parent,), work.author, when, said, files=files(site, work.services))
            work.commits.append(made)
            parent = made.sha
        site.agenda.at(work.opened_at, self._open, work)

    def _open(self, moment: datetime, work: Work) -> None:
        site, dice = self.site, self.site.dice
        pull = Pull(
            site.number(),
            site.id(),
            work.title,
            work.author,
            moment,
            work.head_ref,
            work.base_ref,
            site.tip(work.base_ref),
            work.commits,
            work.body,
            [(moment, label) for label in work.labels],
            work.issue.milestone if work.issue else None,
            work.fork,
            work.fork and dice.chance(0.15),
            work.ready_at,
            services=tuple(service.name for service in work.services),
        )
        site.pulls.append(pull)
        if work.issue is not None:
            work.issue.works.append((moment, moment))
        pull.reviews = review(site, pull, work.reviewing)
        for when in [moment, *(when for when in work.committing if when > moment)]:
            head = [commit for commit in work.commits if commit.committed_at <= when][-1]
            site.agenda.at(
                when + timedelta(seconds=3),
                lambda at, sha: self.building.integrate(at, sha, pull.head_ref, pull.title, pull.author, pull.number),
                head.sha,
            )
        if work.ends_at is not None:
            site.agenda.at(work.ends_at, self._merge if work.merged else self._close, pull, work)

    def _close(self, moment: datetime, pull: Pull, work: Work) -> None:
        pull.closed_at = moment
        if work.issue is not None:
            self.planning.abandon(moment, work.issue)

    def _merge(self, moment: datetime, pull: Pull, work: Work) -> None:
        site = self.site
        merger = site.member(pull.author)
        pull.merged_at = pull.closed_at = moment
        pull.merged_by = merger
        pull.merge_commit = tip = merge(site, moment, pull, merger)
        change = Change(
            f"#{pull.number}",
            pull.services,
            min(commit.authored_at for commit in pull.commits),
            moment,
            tip,
            pull.title,
            pull.author.type == "Bot",
            pull,
            work.reverts,
            work.remedy,
        )
        if work.issue is not None and pull.base_ref == MAIN:
            self.planning.close(moment, work.issue, merger, tip)
        if work.landed is not None:
            work.landed(moment, change)
        site.land(moment, pull.base_ref, [change], tip)
        self._built(moment, pull.base_ref, tip, merger)

    def _push(self, moment: datetime, person: Person, issue: Issue | None) -> None:
        """Write one to three commits and push them to main when they are done."""
        dice = self.site.dice
        times = [moment]
        while dice.chance(0.35) and len(times) < 3:
            times.append(times[-1] + dice.hours(0.5, 1.0, 8))
        messages = [self.planning.title() for _ in times]
        if issue is not None:
            messages[-1] = f"{issue.title}\n\nCloses #{issue.number}"
        self.site.agenda.at(
            times[-1] + dice.hours(0.3, 1.2, 20), self.push, person, list(zip(times, messages, strict=True)), issue
        )

    def push(
        self,
        moment: datetime,
        person: Person,
        work: list[tuple[datetime, str]],
        issue: Issue | None = None,
        branch: str = MAIN,
        reverts: Change | None = None,
        remedy: bool = False,
        landed: Landed | None = None,
    ) -> None:
        """Push commits (author date, message) to a branch: each is a change of its own."""
        site = self.site
        changes, tip = [], site.tip(branch)
        services = tuple(service.name for service in site.plan.services)
        for authored, message in work:
            if branch == MAIN and site.dice.chance(WRONG_CLOCK):
                authored = moment + timedelta(seconds=90)
            made = site.commit((tip,), person, authored, message, moment, files(site, site.plan.services))
            tip = made.sha
            changes.append(Change(tip, services, authored, moment, made, made.subject, False, None, reverts, remedy))
        if issue is not None:
            self.planning.close(moment, issue, person, made)
        if landed is not None:
            landed(moment, changes[-1])
        site.land(moment, branch, changes, made)
        self._built(moment, branch, made, person)

    def _built(self, moment: datetime, branch: str, tip: Commit, actor: Person) -> None:
        if branch != MAIN or not is_trunk(self.site):
            self.building.integrate(moment + timedelta(seconds=2), tip.sha, branch, tip.subject, actor)

    def _between(self, first: datetime, last: datetime) -> datetime:
        return first + timedelta(seconds=round((last - first).total_seconds() * self.site.dice.uniform(0, 1)))
