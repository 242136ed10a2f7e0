"""Security: alerts about dependencies and about code, and what became of them.

Most alerts of dependencies come with the bot's pull request and are fixed when it is merged; others, and those about
code, are fixed by a later change, dismissed, or still open.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from devops_lab.practice.world.calendar import Dice, arrivals
from devops_lab.practice.world.company import DEPENDENCY_BOT
from devops_lab.practice.world.records import Pull
from devops_lab.practice.world.records_plan import Alert
from devops_lab.practice.world.site import Site
from devops_lab.practice.world.work import FILE_NAMES, LOCK

DEPENDABOT, CODE_SCANNING = "dependabot", "code_scanning"
SEVERITIES = ("low", "medium", "medium", "medium", "high", "high", "critical")
PACKAGES = ("pillow", "aiohttp", "werkzeug", "certifi", "pyyaml", "setuptools")
RULES = ("py/sql-injection", "py/path-injection", "py/clear-text-logging-sensitive-data", "py/reflective-xss")
DISMISSALS = {
    DEPENDABOT: ("tolerable_risk", "not_used", "inaccurate"),
    CODE_SCANNING: ("false positive", "won't fix", "used in tests"),
}
FROM_BOT, DISMISSED, NEVER = 0.45, 0.15, 0.1
OTHERS_A_WEEK, CODE_A_WEEK = 0.08, 0.2


def secure(site: Site, until: datetime) -> None:
    """Write down the alerts of a year; called when all else has happened."""
    dice = Dice(site.seed, site.place, 2)
    found = [_with_bot(dice, pull) for pull in site.pulls if _is_update(pull) and dice.chance(FROM_BOT)]
    for rate, kind, names in ((OTHERS_A_WEEK, DEPENDABOT, PACKAGES), (CODE_A_WEEK, CODE_SCANNING, RULES)):
        for moment in arrivals(site.start, until, rate, dice):
            found.append(_alone(site, dice, kind, dice.one_of(names), moment))
    numbers = {DEPENDABOT: 0, CODE_SCANNING: 0}
    for one in sorted(found, key=lambda one: one.created_at):
        numbers[one.kind] += 1
        one.number = numbers[one.kind]
        one.sha = next(sha for at, sha in reversed(site.branches["main"]) if at <= max(one.created_at, site.start))
        if one.fixed_at is None and one.dismissed is None:
            _end(site, dice, one)
        site.alerts.append(one)


def _is_update(pull: Pull) -> bool:
    return pull.author.login == DEPENDENCY_BOT and pull.title.startswith("Bump ")


def _with_bot(dice: Dice, pull: Pull) -> Alert:
    """Return the alert for which the bot opened a pull request; merging that fixes it a moment later."""
    _, package, _, version = pull.title.split()
    at = pull.created_at - timedelta(seconds=dice.integer(40, 900))
    made = Alert(DEPENDABOT, 0, package, dice.one_of(SEVERITIES), pull.commits[0].files[0][0], "", at, version)
    made.path = f"{made.path.rpartition('/')[0]}/{LOCK}"
    if pull.merged_at is not None:
        made.fixed_at = pull.merged_at + timedelta(seconds=dice.integer(20, 90))
    return made


def _alone(site: Site, dice: Dice, kind: str, what: str, moment: datetime) -> Alert:
    folder = dice.one_of([service.folder for service in site.plan.services])
    path, patch = f"{folder}/{dice.one_of(FILE_NAMES)}", ""
    if kind == DEPENDABOT:
        path, patch = f"{folder}/{LOCK}", f"{dice.integer(2, 9)}.{dice.integer(0, 9)}.1"
    return Alert(kind, 0, what, dice.one_of(SEVERITIES), path, "", moment, patch)


def _end(site: Site, dice: Dice, one: Alert) -> None:
    """Let an alert be dismissed, be fixed by what lands some weeks later, or stay open."""
    drawn = dice.uniform(0, 1)
    at = one.created_at + dice.hours(24 * 9, 1.2)
    if drawn < DISMISSED:
        one.dismissed = (at, dice.one_of(site.team()), dice.one_of(DISMISSALS[one.kind]))
    elif drawn > DISMISSED + NEVER:
        landed = next((change.landed_at for change in site.landings if change.landed_at > at), None)
        one.fixed_at = landed + timedelta(seconds=dice.integer(60, 300)) if landed else None
