"""Reviews and their comments: of people, and of the bot that comments on coverage seconds after opening."""

from __future__ import annotations

from datetime import datetime, timedelta

from devops_lab.practice.world.company import COVERAGE_BOT, Person
from devops_lab.practice.world.records import Pull, Review
from devops_lab.practice.world.site import Site

REMARKS = ("Could this be shorter?", "Please add a test.", "Nice!", "What happens when it is empty?", "Typo.")
BY_BOT, CHANGES_WANTED, ONLY_COMMENTS = 0.3, 0.25, 0.2
SECOND_APPROVAL, OWN_REMARK = 0.18, 0.1


def review(site: Site, pull: Pull, times: tuple[datetime, datetime] | None) -> list[Review]:
    """Return the reviews of a pull request: `times` are those of the first look and of the approval; None: nobody's."""
    found = []
    dice = site.dice
    if dice.chance(BY_BOT):
        at = pull.created_at + timedelta(seconds=dice.integer(8, 70))
        found.append(Review(site.id(), site.people[COVERAGE_BOT], "COMMENTED", at, pull.commits[0].sha))
    if times is None:
        return found
    first, approved = times
    reviewer = site.member(pull.author)
    drawn = dice.uniform(0, 1)
    if drawn < CHANGES_WANTED + ONLY_COMMENTS and approved > first:
        state = "CHANGES_REQUESTED" if drawn < CHANGES_WANTED else "COMMENTED"
        looked = Review(site.id(), reviewer, state, first, _head(pull, first))
        for _ in range(1 + dice.poisson(1.0)):
            path = pull.commits[0].files[0][0]
            looked.comments.append((site.id(), first, path, dice.one_of(REMARKS)))
        found.append(looked)
    else:
        approved = first
    if drawn < 1 - 0.08:
        found.append(Review(site.id(), reviewer, "APPROVED", approved, _head(pull, approved)))
        found += _others(site, pull, reviewer, first, approved)
    return sorted(found, key=lambda one: one.submitted_at)


def _others(site: Site, pull: Pull, reviewer: Person, first: datetime, approved: datetime) -> list[Review]:
    """Return a second approval (at times after the merge) and the author's answer, which is no review by another."""
    dice, found = site.side_dice, []
    if dice.chance(SECOND_APPROVAL):
        at = approved + dice.hours(0.3, 1.2, 30)
        found.append(Review(site.id(), dice.one_of(site.team(pull.author, reviewer)), "APPROVED", at, _head(pull, at)))
    if pull.author.type == "User" and dice.chance(OWN_REMARK):
        at = first + dice.hours(0.2, 1.0, 10)
        found.append(Review(site.id(), pull.author, "COMMENTED", at, _head(pull, at)))
    return found


def _head(pull: Pull, moment: datetime) -> str:
    return [commit for commit in pull.commits if commit.committed_at <= moment or commit is pull.commits[0]][-1].sha
