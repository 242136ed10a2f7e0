"""Numbers that change: which definitions count otherwise since which version of the lab, and when a store met it.

A definition's header says ``changed: 0.2.0 reopened issues count``; the changelog lists the same under "Numbers that
change".  Old and new periods of one page always come from one definition, today's; what an upgrade parts are the pages
made before it from those made after.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from devops_lab.metrics.definition import Definition
from devops_lab.store import Store


@dataclass(frozen=True)
class Upgrade:
    """The store's first snapshot of another version of the lab, at `moment` (naive UTC), and the version before."""

    moment: datetime
    before: str
    version: str


def upgrades(store: Store) -> list[Upgrade]:
    """Return when the store met each later version of the lab, the earliest first; none in a store of one version."""
    return [
        Upgrade(moment, before, version)
        for (_, before), (moment, version) in pairwise(store.labs)
        if later(version, before)
    ]


def changed(definitions: Iterable[Definition], before: str, version: str) -> list[tuple[Definition, str]]:
    """Return the definitions that count otherwise in `version` than in `before`, each with what changed."""
    return [
        (one, one.changed[1])
        for one in definitions
        if one.changed is not None and later(one.changed[0], before) and not later(one.changed[0], version)
    ]


def later(version: str, other: str) -> bool:
    """Say whether a version comes after another one: 0.10.0 after 0.9.2; a ``.dev3`` counts as its release."""
    return _parts(version) > _parts(other)


def _parts(version: str) -> tuple[int, ...]:
    release = re.match(r"\d+(?:\.\d+)*", version)
    parts = [int(part) for part in release[0].split(".")] if release else []
    while parts and parts[-1] == 0:
        parts.pop()
    return tuple(parts)
