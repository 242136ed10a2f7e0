"""Remedies: what was deployed to mend something that an earlier deployment had brought.

A revert names what it mends; a rollback mends the deployment it replaces; a patch release X.Y.Z (Z > 0) the release
before it on its line; a hotfix (by label or branch) names nothing and is attributed by its window; a fix is any other
change or deployment that an incident is closed by or names as its remedy.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from devops_lab import config, patterns
from devops_lab.delivery.references import BEFORE_RECORDS, DEPLOYMENT_UNKNOWN, History, carrier, words
from devops_lab.delivery.rollouts import Row

TARGET_UNKNOWN = "target unknown"
_VERSION = re.compile(r"(?:(?P<prefix>.+)[-/@_])?v?(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:\+[0-9A-Za-z.-]+)?", re.IGNORECASE)
_VERSION_INSIDE = re.compile(r"\d+\.\d+")


class Version(NamedTuple):
    """A released version; releases with one prefix, major and minor are one line."""

    prefix: str
    major: int
    minor: int
    patch: int

    @property
    def line(self) -> tuple[str, int, int]:
        """What patch releases share: prefix, major, minor."""
        return self[:3]


def version(tag: str | None) -> Version | None:
    """Read v1.2.3, 1.2.3, name-v1.2.3 or name/v1.2.3; None for pre-releases and all else.

    A "v" more or less is the same line: projects change that habit in mid-line.
    """
    found = _VERSION.fullmatch(tag or "")
    prefix = (found["prefix"] or "") if found else ""
    if found is None or _VERSION_INSIDE.search(prefix):
        return None
    return Version(prefix, int(found[2]), int(found[3]), int(found[4]))


@dataclass(frozen=True)
class Said:
    """What a change says of itself: what it reverts, the issues it closes, its branches and labels."""

    reverts: tuple[str, ...] = ()
    closes: frozenset[int] = frozenset()
    branches: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Remedy:
    """One remedy: a change (`id` = "#12" or a sha) or a deployment; `deployment_id` carries it, null: not yet.

    `mends` are the deployments it names (none: not known which); `closes` the incidents it is for.  `before_records`:
    what it mends was deployed before records began.  `seek_until`: where it names nothing, the window ends there.
    """

    kind: str
    id: str
    deployment_id: str | None
    first_seen: datetime
    mends: tuple[str, ...] = ()
    closes: frozenset[str] = frozenset()
    before_records: bool = False
    seek_until: datetime | None = None
    excluded: str | None = None
    title: str | None = None
    url: str | None = None


def said(
    history: History,
    commits: Mapping[str, Row],
    pulls: Mapping[int, Row],
    pull_commits: Mapping[int, Iterable[Row]],
    labels: Iterable[Row] = (),
) -> dict[str, Said]:
    """Return what each of the service's changes says, by change id.

    Read from its commits' messages (`commits` by sha), its pull request (`pulls` by number), the pull request's own
    commits (also squashed ones, by number) and `labels` (rows of ``issue_labels``).
    """
    texts: dict[str, list[Row]] = defaultdict(list)
    for row in history.changes:
        if row["change_id"] in history.result and row["sha"] in commits:
            texts[row["change_id"]].append(commits[row["sha"]])
    for number, pull in pulls.items():
        texts[f"#{number}"].append(pull)
    for number, own in pull_commits.items():
        texts[f"#{number}"].extend(own)
    put: dict[str, set[str]] = defaultdict(set)
    for row in labels:
        put[f"#{row['number']}"].add(row["label"])
    found = {}
    for change in history.result:
        rows = texts[change]
        found[change] = Said(
            tuple(words(*(row.get("reverts") for row in rows))),
            frozenset(int(word.removeprefix("#")) for row in rows for word in words(row.get("closes"))),
            frozenset(row["head_ref"] for row in rows if row.get("head_ref")),
            frozenset(put[change]) if change in put else frozenset(),
        )
    return found


@dataclass
class Finder:
    """Finds the remedies among a service's changes and deployments.

    `incidents` maps incident id → row, of those that count; `fixed_by` maps a change or deployment id → the incidents
    that name it; `known` holds every sha and "#number" of the repository, of this service or not.
    """

    rework: config.Rework
    history: History
    said: Mapping[str, Said]
    incidents: Mapping[str, Row] = field(default_factory=dict)
    fixed_by: Mapping[str, Collection[str]] = field(default_factory=dict)
    known: Collection[str] = ()

    def __post_init__(self) -> None:
        self._undoes: dict[str, bool] = {}

    def remedies(self) -> list[Remedy]:
        """Return every remedy, changes first, each in a stable order."""
        of_changes = (self._of_change(change, row) for change, row in sorted(self.history.result.items()))
        found = [remedy for remedy in of_changes if remedy is not None]
        return found + self._of_deployments()

    def _of_change(self, change: str, row: Row) -> Remedy | None:
        """Return the change's remedy: a revert, else a hotfix, else a fix; None where it is none.

        A revert whose target never met production without it is no remedy, whatever its label.
        """
        said = self.said.get(change, Said())
        if row.get("excluded") not in (None, DEPLOYMENT_UNKNOWN):
            return None
        remedy = Remedy(
            "fix",
            change,
            carrier(row),
            row.get("merged_at") or row["committed_at"],
            closes=self._closes(change, said, carrier(row)),
            excluded=row.get("excluded"),
            title=row.get("subject"),
            url=row.get("url"),
        )
        if said.reverts and self.rework.reverts:
            return self._revert(remedy, row, said)
        if self._is_hotfix(said):
            return replace(remedy, kind="hotfix", seek_until=row.get("first_commit_at") or row["committed_at"])
        return remedy if remedy.closes else None

    def _closes(self, id: str, said: Said, deployment: str | None) -> frozenset[str]:
        if not said.closes and id not in self.fixed_by:
            return frozenset()
        named = {f"{self.history.repository}#{number}" for number in said.closes} | set(self.fixed_by.get(id, ()))
        ended = self.history.deployment[deployment]["finished_at"] if deployment else None
        return frozenset(
            incident
            for incident in named & self.incidents.keys()
            if ended is None or ended >= self.incidents[incident]["started_at"]
        )

    def _is_hotfix(self, said: Said) -> bool:
        by_label = any(patterns.matches(label, self.rework.labels, ignore_case=True) for label in said.labels)
        return by_label or any(patterns.matches(branch, self.rework.branches) for branch in said.branches)

    def _revert(self, remedy: Remedy, row: Row, said: Said) -> Remedy | None:
        mends, before, unknown = set[str](), False, False
        for text in said.reverts:
            target = self.history.change(text)
            if target is None:
                unknown = unknown or text not in self.known
                continue
            if target["change_id"] == remedy.id or self._is_undoing(target["change_id"]):
                continue
            carried = carrier(target)
            if carried is not None and self.history.earlier(carried, remedy.deployment_id):
                mends.add(carried)
            lost = target.get("excluded")
            before = before or lost == BEFORE_RECORDS
            before = before or (lost == DEPLOYMENT_UNKNOWN and row.get("excluded") != DEPLOYMENT_UNKNOWN)
        if mends or before:
            ordered = tuple(sorted(mends, key=self.history.place.__getitem__))
            return replace(remedy, kind="revert", mends=ordered, before_records=not mends)
        if unknown:
            excluded = remedy.excluded or (None if remedy.closes else TARGET_UNKNOWN)
            return replace(remedy, kind="revert", excluded=excluded)
        return remedy if remedy.closes else None

    def _is_undoing(self, change: str) -> bool:
        """Say whether a change takes something back: reverting it brings that back ("Reapply"), which mends nothing."""
        if change not in self._undoes:
            self._undoes[change] = False
            row, said = self.history.result.get(change), self.said.get(change, Said())
            if row is not None and said.reverts and (row.get("subject") or "").casefold().startswith("revert"):
                targets = [self.history.change(text) for text in said.reverts]
                self._undoes[change] = any(t is None or not self._is_undoing(t["change_id"]) for t in targets)
        return self._undoes[change]

    def _of_deployments(self) -> list[Remedy]:
        mends = self._patches() if self.rework.patch_releases else {}
        found = []
        for row in self.history.ordered:
            id = row["id"]
            closes = self._closes(id, Said(), id)
            remedy = Remedy("fix", id, id, row["finished_at"], closes=closes, title=row.get("ref"), url=row.get("url"))
            if row.get("is_rollback") and self.rework.rollbacks:
                found.append(replace(remedy, kind="rollback", mends=(row["replaces_id"],)))
            elif id in mends:
                found.append(replace(remedy, kind="patch_release", mends=mends[id], before_records=not mends[id]))
            elif closes:
                found.append(remedy)
        return found

    def _patches(self) -> dict[str, tuple[str, ...]]:
        """Return patch release → the release it mends, for the first deployment of each version; none: not known."""
        first: dict[Version, str] = {}
        for row in self.history.ordered:
            number = version(row.get("ref"))
            if number is not None:
                first.setdefault(number, row["id"])
        lines: dict[tuple[str, int, int], list[str]] = defaultdict(list)
        found: dict[str, tuple[str, ...]] = {}
        for number, id in sorted(first.items()):
            if number.patch > 0:
                lower = reversed(lines[number.line])
                found[id] = tuple(islice((old for old in lower if self.history.earlier(old, id)), 1))
            lines[number.line].append(id)
        return found
