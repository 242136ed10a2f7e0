"""Groups of repositories with the same rules, in the order of their blocks, and what each is chosen by."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from devops_lab.config.discovery import Known
from devops_lab.config.inheritance import literal
from devops_lab.proposal import toml

TEAM_PROPERTIES = ("team", "owner", "squad", "owning-team", "owning_team", "department")
MOST_NAMES_A_LINE = 8


@dataclass
class Group:
    """Repositories with the same rule for deployments; labels of any of them, since one that is missing hits nothing.

    `folders`: each folder of a repository is a service.
    """

    rule: dict[str, Any]
    found: str
    patch_releases: bool
    folders: str | None = None
    services: int = 1
    members: list[Known] = field(default_factory=list)
    incident_labels: set[str] = field(default_factory=set)
    hotfix_labels: set[str] = field(default_factory=set)
    chosen_by: str = ""

    @property
    def same(self) -> tuple[str, bool, str | None]:
        """What the repositories of one group have alike."""
        return toml(self.rule), self.patch_releases, self.folders

    @property
    def keys(self) -> dict[str, str]:
        """The keys of the group's services as TOML."""
        issues = {"from": "issues", "labels": sorted(self.incident_labels)}
        incident = {"incident": toml(issues)} if self.incident_labels else {}
        rework: dict[str, Any] = {"reverts": True, "patch_releases": self.patch_releases}
        if self.hotfix_labels:
            rework["labels"] = sorted(self.hotfix_labels)
        return {"deployment": toml(self.rule), **incident, "rework": toml(rework)}


def in_order(groups: list[Group], others: Sequence[Known]) -> list[Group]:
    """Return the groups in the order of their blocks (the first that fits wins), each with what it is chosen by."""
    waiting = sorted(groups, key=lambda group: (len(group.members), group.same[0]))
    everyone = [*others, *(one for group in groups for one in group.members)]
    placed: list[Group] = []
    while waiting:
        taken = {one.id for group in placed for one in group.members}
        left = [one for one in everyone if one.id not in taken]
        group, words = next(
            ((one, words) for one in waiting if (words := common(one.members, left)) is not None),
            (waiting[0], None),
        )
        group.chosen_by = named(group.members) if words is None else words
        placed.append(group)
        waiting.remove(group)
    return placed


def common(members: Sequence[Known], left: Sequence[Known]) -> str | None:
    """Return what `members` have in common that nobody else of those `left` has, as TOML; None where nothing is."""
    wanted = {one.id for one in members}
    if wanted == {one.id for one in left}:
        return ""
    for words, has in _features(members[0]):
        if {one.id for one in left if has(one)} == wanted:
            return words
    return None


def _features(one: Known) -> Iterator[tuple[str, Callable[[Known], bool]]]:
    """Yield what is to be seen of a repository, as TOML and as a question to another one."""
    for topic in one.topics:
        yield f"topics = {toml([topic])}", partial(_has_topic, topic)
    for name, values in one.properties.items():
        for value in values if name.casefold() not in TEAM_PROPERTIES else ():
            yield f"properties = {toml({name: [value]})}", partial(_has_value, name, value)
    parts = re.split(r"[-_.]", one.name)
    if len(parts) > 1:
        start, end = one.name[: len(parts[0]) + 1], one.name[-len(parts[-1]) - 1 :]
        yield f"names = {toml([literal(start) + '*'])}", partial(_is_named, start, "")
        yield f"names = {toml(['*' + literal(end)])}", partial(_is_named, "", end)


def _has_topic(topic: str, one: Known) -> bool:
    return topic in one.topics


def _has_value(name: str, value: str, one: Known) -> bool:
    return value in one.properties.get(name, [])


def _is_named(start: str, end: str, one: Known) -> bool:
    return one.name.startswith(start) and one.name.endswith(end)


def named(members: Sequence[Known]) -> str:
    """Return the names of `members` as TOML, over several lines where they are many."""
    names = sorted(one.name for one in members)
    if len(names) <= MOST_NAMES_A_LINE:
        return f"names = {toml([literal(name) for name in names])}"
    lines = [names[place : place + MOST_NAMES_A_LINE] for place in range(0, len(names), MOST_NAMES_A_LINE)]
    inner = "\n".join(f"    {', '.join(toml(literal(name)) for name in line)}," for line in lines)
    return f"names = [\n{inner}\n]"
