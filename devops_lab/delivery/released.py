"""Releases: which one was the first to contain a change; and which changes the default branch has.

A release is what GitHub calls one, published and neither a draft nor a pre-release; in a repository without any, its
version tags are the releases.  Where the service's deployment rule names tags ("checkout/v*"), its releases are those
alone.  A change is contained by ancestry, not by dates, as deployments carry it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from devops_lab import config, patterns
from devops_lab.delivery.facts import Facts
from devops_lab.delivery.rollouts import Row

BEFORE_RECORDS = "released before records"
UNKNOWN = "release unknown"
VERSION = re.compile(r"(?:^|.*[^0-9.])[0-9]{1,9}(?:\.[0-9]{1,9}){1,3}(?:\+.*)?")


class Release(NamedTuple):
    """A release by its tag: when it was published (a bare tag: tagged), and the commit, where it is known."""

    released_at: datetime
    tag: str
    sha: str | None


def releases(service: config.Service, published: Iterable[Row], tags: Iterable[Row]) -> list[Release]:
    """Return the service's releases, the earliest first, from rows of the stored tables ``releases`` and ``tags``."""
    shas = {row["tag"]: row for row in tags}
    known = [row for row in published if row.get("published_at") is not None]
    if known:
        dated = [
            Release(row["published_at"], row["tag"], shas.get(row["tag"], {}).get("sha"))
            for row in known
            if not row.get("draft") and not row.get("prerelease")
        ]
    else:
        dated = [
            Release(row["tagged_at"], tag, row["sha"])
            for tag, row in shas.items()
            if row.get("tagged_at") is not None and VERSION.fullmatch(tag)
        ]
    rule = service.deployment
    wanted: Sequence[str] = rule.tags if isinstance(rule, config.Releases | config.Tags) else ()
    return sorted(one for one in dated if not wanted or patterns.matches(one.tag, wanted))


def mark(facts: Facts, changes: Iterable[Row], found: Sequence[Release]) -> None:
    """Put ``released_in`` (tag), ``released_at`` and ``release_excluded`` on rows of the stored table ``changes``.

    What the first known release contains was "released before records": it may have been out long before.  What is
    first contained by a release that follows one of an unknown commit has the reason "release unknown", and no tag:
    either may have been the first.  Changes that wait for a release have none of the three.
    """
    walk = facts.graph.walk((one.tag, one.sha) for one in found)
    unknown = {tag for tag, _ in walk.unknown}
    dates = {one.tag: one.released_at for one in found}
    reasons: dict[str, str] = {}
    lost, first = False, True
    for one in found:
        if one.tag in unknown:
            lost = True
            continue
        if first or lost:
            reasons[one.tag] = BEFORE_RECORDS if first else UNKNOWN
        first = lost = False
    for row in changes:
        tag = walk.carried_by.get(row["sha"])
        reason = reasons.get(tag) if tag is not None else None
        told = tag is not None and reason != UNKNOWN
        row["released_in"] = tag if told else None
        row["released_at"] = dates[tag] if tag is not None and told else None
        row["release_excluded"] = reason


def land(facts: Facts, changes: Iterable[Row]) -> None:
    """Put ``is_landed`` on rows of the stored table ``changes``: the default branch has the commit.

    False for what only a deployment from another branch reaches, a backport on a release branch, say.
    """
    reached = facts.graph.reachable([facts.default_tip] if facts.default_tip is not None else [])
    for row in changes:
        row["is_landed"] = row["sha"] in reached
