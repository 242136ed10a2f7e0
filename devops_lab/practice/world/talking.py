"""Comments below issues and pull requests: of people, and of the bots that answer within seconds."""

from __future__ import annotations

from datetime import datetime, timedelta

from devops_lab.practice.world.calendar import Dice
from devops_lab.practice.world.company import ACTIONS_BOT, COVERAGE_BOT
from devops_lab.practice.world.records_plan import Comment, Issue
from devops_lab.practice.world.site import Site

REMARKS = (
    "I can reproduce this.",
    "Any news?",
    "Working on it.",
    "Let us discuss this on Thursday.",
    "+1",
    "Thanks, that helps.",
    "See the <b>design</b> page & the runbook.",
)
WELCOME, COVERAGE = "Thank you for the report.", "Coverage: 91.4 % (+0.0 %)"
BY_BOT, MEAN = 0.25, 0.7


def talk(site: Site, until: datetime) -> None:
    """Write down the comments of a year; called when all else has happened.  They may lie in the future."""
    dice = Dice(site.seed, site.place, 3)
    for one in sorted(site.items(), key=lambda one: one.number):
        found = []
        if dice.chance(BY_BOT):
            login, text = (ACTIONS_BOT, WELCOME) if isinstance(one, Issue) else (COVERAGE_BOT, COVERAGE)
            at = one.created_at + timedelta(seconds=dice.integer(5, 90))
            found.append(Comment(site.id(), site.people[login], at, text))
        end = one.closed_at or until
        for _ in range(dice.poisson(MEAN)):
            at = one.created_at + (end - one.created_at) * dice.uniform(0.02, 1)
            person, text = dice.one_of(site.team()), dice.one_of(REMARKS)
            found.append(Comment(site.id(), person, at.replace(microsecond=0), text))
        if found:
            site.comments[one.number] = sorted(found, key=lambda said: (said.at, said.id))
