"""Plan: issues, their labels and assignees, and a milestone for each month."""

from __future__ import annotations

from datetime import datetime, timedelta

from devops_lab.practice.world.calendar import DAY_BEGINS, working
from devops_lab.practice.world.company import Person
from devops_lab.practice.world.records import Commit
from devops_lab.practice.world.records_plan import Issue, Milestone
from devops_lab.practice.world.site import Site

VERBS = ("Add", "Fix", "Speed up", "Rename", "Simplify", "Test", "Remove", "Rework", "Document", "Harden")
THINGS = (
    "the search page",
    "price rounding",
    "the retry loop",
    "image upload",
    "sign-in",
    "the audit log",
    "currency conversion",
    "the health check",
    "address validation",
    "the cache",
    "pagination",
    "time zone handling",
    "the export job",
    "rate limiting",
    "error messages",
    "the settings form",
)
KINDS = ("bug", "feature", "chore", "documentation")
ASSIGNED, PLANNED, GIVEN_UP = 0.7, 0.5, 0.9


class Planning:
    """Opens and closes issues, and keeps the milestones."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def title(self) -> str:
        """Return what a piece of work is called."""
        dice = self.site.dice
        return f"{dice.one_of(VERBS)} {dice.one_of(THINGS)}"

    def month(self, moment: datetime, due: datetime) -> None:
        """Make the milestone of the month that ends at `due`; it is closed a few days late."""
        site = self.site
        made = Milestone(
            len(site.milestones) + 1,
            site.id(),
            f"{due - timedelta(days=1):%Y-%m}",
            site.member(),
            moment,
            due,
            due + site.dice.hours(60, 0.8),
        )
        site.milestones.append(made)

    def issue(self, moment: datetime, title: str, body: str = "", label: str | None = None) -> Issue:
        """Open an issue at `moment`."""
        site, dice = self.site, self.site.dice
        made = Issue(site.number(), site.id(), title, site.member(), moment, body)
        made.labels.append((moment, label or dice.one_of(KINDS)))
        open_now = [one for one in site.milestones if moment < one.due_on]
        if label is None and open_now and dice.chance(PLANNED):
            made.milestone = open_now[0]
        site.issues.append(made)
        return made

    def backlog(self, moment: datetime) -> None:
        """Open an issue that nobody may ever work on; a good part is closed as not planned."""
        made = self.issue(moment, self.title(), "Nice to have.")
        if self.site.dice.chance(0.55):
            self.site.agenda.at(working(moment + self.site.dice.hours(600, 1.0), self.site.dice), self.drop, made)

    def drop(self, moment: datetime, issue: Issue) -> None:
        """Close an issue as not planned."""
        self.close(moment, issue, self.site.member())
        issue.reason = "not_planned"

    def abandon(self, moment: datetime, issue: Issue) -> None:
        """Hear that the pull request for an issue was closed unmerged; mostly the issue is given up some days later."""
        dice = self.site.side_dice
        if dice.chance(GIVEN_UP):
            self.site.agenda.at(working(moment + dice.hours(60, 1.2), dice), self.give_up, issue)

    def give_up(self, moment: datetime, issue: Issue) -> None:
        """Close an issue whose pull request was abandoned, if it is still open, as not planned."""
        if issue.closed_at is None:
            self.close(moment, issue, self.site.side_dice.one_of(self.site.team()))
            issue.reason = "not_planned"

    def assign(self, moment: datetime, issue: Issue, person: Person) -> None:
        """Say who works on it: the first sign of work."""
        if issue.assigned is None and self.site.dice.chance(ASSIGNED):
            issue.assigned = (moment, person)

    def close(self, moment: datetime, issue: Issue, person: Person, commit: Commit | None = None) -> None:
        """Close an issue that is open, by hand or by a commit; one that is closed stays as it is."""
        if issue.closed_at is None:
            issue.closed_at, issue.closed_by = moment, person
            if commit is not None:
                issue.closing_sha = commit.sha
                if commit.message.endswith((f"Closes #{issue.number}", f"Fixes #{issue.number}")):
                    issue.works.append((moment, min(commit.authored_at, moment)))


def months(start: datetime, until: datetime) -> list[datetime]:
    """Return the ends of the months from `start` to past `until`."""
    found: list[datetime] = []
    day = datetime(start.year, start.month, 1, DAY_BEGINS)  # noqa: DTZ001 - naive UTC throughout
    while not found or found[-1] <= until:
        day = (day + timedelta(days=32)).replace(day=1)
        found.append(day)
    return found
