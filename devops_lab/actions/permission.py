"""What ``[actions]`` of lab.toml forbids: read-only, who × workflow × ref × environment, freezes, production."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from devops_lab.actions.declaration import UNTOLD
from devops_lab.config import Settings
from devops_lab.config.rules import Allowed, Freeze
from devops_lab.patterns import matches

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HARMLESS = ("cancel", "reject")  # what stops something is never forbidden by a freeze, and needs no name typed
BACK = "rollback"


@dataclass(frozen=True)
class Wish:
    """What somebody wants to do: `environments` are those it may change, "?" for one nobody can tell before.

    `login` is the token's own, `person` whom an authenticating proxy named beside it; `starters` are those who started
    the run that it is about, "?" among them where that was somebody whom nobody named.
    """

    login: str
    verb: str
    repository: str
    workflow: str
    ref: str
    environments: tuple[str, ...] = ()
    confirm: str | None = None
    starters: Collection[str] = ()
    person: str | None = None

    @property
    def who(self) -> str:
        """The person, where one was named, else the token's login."""
        return self.person or self.login


def problems(settings: Settings, wish: Wish, now: datetime) -> list[str]:
    """Return every reason why the wish is forbidden at `now` (UTC, aware); none: it may be sent."""
    rules = settings.actions
    if rules.read_only:
        return [f"this lab is read-only ([actions] read_only = true in {settings.path})"]
    found = []
    if rules.allow and not _allowed(rules.allow, wish):
        found.append(
            f"no rule of [[actions.allow]] lets {wish.who} {wish.verb} {wish.workflow or 'this workflow'} on "
            f"{wish.ref or 'this ref'} of {wish.repository}{_where(wish)}"
        )
    if wish.verb == "approve" and not rules.starter_may_approve:
        found += _own(wish)
    if wish.verb in HARMLESS:
        return found
    if wish.verb != BACK:
        found += _frozen(rules.freeze, wish, now.astimezone(ZoneInfo(settings.lab.timezone)))
    return found + _unconfirmed(rules.production, wish)


def _own(wish: Wish) -> list[str]:
    if wish.who.casefold() in {one.casefold() for one in wish.starters}:
        return [f"{wish.who} started this run, and the starter may not approve it; ask somebody else"]
    if UNTOLD in wish.starters:
        shared = f"{wish.login}, whose token several people share, started this run, and for whom is not recorded"
        return [f"{shared}: it may have been {wish.who}, and the starter may not approve it; approve it on its page"]
    return []


def _allowed(rules: list[Allowed], wish: Wish) -> bool:
    places = wish.environments or ("",)
    return all(
        any(
            matches(wish.who, rule.who, ignore_case=True)
            and matches(wish.repository, rule.repositories, ignore_case=True)
            and matches(wish.workflow, rule.workflows)
            and matches(wish.ref, rule.refs)
            and (matches(place, rule.environments, ignore_case=True) or not place)
            for rule in rules
        )
        for place in places
    )


def _frozen(freezes: list[Freeze], wish: Wish, local: datetime) -> list[str]:
    moment, found = local.replace(tzinfo=None), []
    for one in freezes:
        if not _during(one, moment):
            continue
        # what cannot be told may be the frozen one; a workflow without environments is frozen by a rule for all
        places = wish.environments or ("",)
        if any(place == UNTOLD or matches(place, one.environments, ignore_case=True) for place in places):
            until = f" until {one.until:%Y-%m-%d %H:%M}" if one.until else ""
            reason = f": {one.reason}" if one.reason else ""
            found.append(f"a freeze is on{until}{reason}{_where(wish)}; going back (roll back, cancel) stays possible")
    return found


def _during(one: Freeze, moment: datetime) -> bool:
    if (one.since and moment < one.since) or (one.until and moment >= one.until):
        return False
    if one.days and DAYS[moment.weekday()] not in one.days:
        return False
    return one.after <= moment.time() and (one.before is None or moment.time() < one.before)


def production_of(patterns: list[str], environments: Collection[str]) -> list[str]:
    """Return those of the environments that are production; one that cannot be told may be."""
    return [one for one in environments if one == UNTOLD or matches(one, patterns, ignore_case=True)]


def _unconfirmed(patterns: list[str], wish: Wish) -> list[str]:
    meant = production_of(patterns, wish.environments)
    if not meant:
        return []
    names = [one for one in meant if one != UNTOLD] or ["production"]
    if wish.confirm is not None and {wish.confirm.casefold()} == {name.casefold() for name in names}:
        return []
    name = " and ".join(names)
    may = "may change" if UNTOLD in meant else "changes"
    typed = "" if wish.confirm is None else f", not {wish.confirm!r}"
    return [f"it {may} {name}: type its name to go on (confirm={names[0]!r}, --confirm {names[0]}){typed}"]


def _where(wish: Wish) -> str:
    known = [one for one in wish.environments if one != UNTOLD]
    return f" in {', '.join(known)}" if known else ""
