"""What people and texts name — a sha, "#12", "run:55", a deployment's id — found among a service's changes.

Shas may be shortened to seven characters; a shortened one that fits two commits names neither.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from devops_lab.delivery.changes import BEFORE_RECORDS
from devops_lab.delivery.changes import UNKNOWN as DEPLOYMENT_UNKNOWN
from devops_lab.delivery.rollouts import SUCCESS, Row

_SHA = re.compile(r"[0-9a-f]{7,64}")
_NUMBER = re.compile(r"#(\d{1,15})")


@dataclass
class History:
    """A service's deployments and changes, looked up by any name they go by.

    `deployments` and `changes` are rows of those tables; `names` maps further names to deployment ids ("run:55/2");
    `pulled` maps the shas of squashed or rebased pull request commits to their pull request's number.
    """

    repository: str
    deployments: Sequence[Row]
    changes: Sequence[Row]
    names: Mapping[str, str] = field(default_factory=dict)
    pulled: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.deployment = {row["id"]: row for row in self.deployments}
        self.commit = {row["sha"]: row for row in self.changes}
        self.result = {row["change_id"]: row for row in self.changes if row["is_result"]}
        ordered = [row for row in self.deployments if counts(row)]
        self.ordered = sorted(ordered, key=lambda row: (row["finished_at"], row["id"]))
        self.place = {row["id"]: place for place, row in enumerate(self.ordered)}
        self.finished: list[datetime] = [row["finished_at"] for row in self.ordered]
        self._shas = sorted({*self.commit, *self.pulled})
        self._deployed = {row["sha"]: row["id"] for row in reversed(self.ordered) if row.get("sha")}

    def change(self, text: str) -> Row | None:
        """Return the change's row that `text` names: "#12", "owner/name#12" or a sha; None where there is none.

        A sha of a pull request's commit leads to the pull request's result; a merge commit that is no change of its
        own (a promotion, say) is returned as it is.
        """
        number = self.number(text)
        if number is not None:
            return self.result.get(f"#{number}")
        sha = self._sha(text)
        if sha is None:
            return None
        if sha in self.commit:
            row = self.commit[sha]
            return self.result.get(row["change_id"], row)
        return self.result.get(f"#{self.pulled[sha]}")

    def number(self, text: str) -> int | None:
        """Return 12 for "#12" and "owner/name#12" of this repository, else None."""
        found = _NUMBER.fullmatch(text.removeprefix(self.repository))
        return int(found[1]) if found else None

    def named(self, text: str) -> tuple[bool, str | None]:
        """Return whether `text` names anything known, and the deployment meant: for a change the first that carried it.

        A change that is not deployed yet, or was before records began, is known and has no deployment.
        """
        for name in (text, f"deployment:{text}"):
            if name in self.deployment:
                return True, name
            if name in self.names:
                return True, self.names[name]
        row = self.change(text)
        if row is not None:
            return True, carrier(row)
        sha = text.casefold()
        return (True, self._deployed[sha]) if sha in self._deployed else (False, None)

    def latest(self, since: datetime, until: datetime) -> str | None:
        """Return the id of the latest deployment that finished from `since` to `until`, both included."""
        place = bisect_right(self.finished, until)
        if place and self.finished[place - 1] >= since:
            return str(self.ordered[place - 1]["id"])
        return None

    def earlier(self, one: str | None, other: str | None) -> bool:
        """Say whether deployment `one` reached production before `other`; one that is not there yet (None) is last."""
        if one not in self.place:
            return False
        return other not in self.place or self.place[one] < self.place[other]

    def _sha(self, text: str) -> str | None:
        text = text.casefold()
        if not _SHA.fullmatch(text):
            return None
        place = bisect_left(self._shas, text)
        fitting = self._shas[place : place + 2]
        if fitting and fitting[0] == text:
            return text
        fitting = [sha for sha in fitting if sha.startswith(text)]
        return fitting[0] if len(fitting) == 1 else None


def counts(deployment: Row) -> bool:
    """Say whether a row of ``deployments`` is one that the metrics count: successful, ended, not excluded."""
    return deployment["result"] == SUCCESS and deployment["finished_at"] is not None and not deployment.get("excluded")


def carrier(change: Row) -> str | None:
    """Return the deployment that first carried a change; None where it is not known to be the first."""
    return None if change.get("excluded") in (BEFORE_RECORDS, DEPLOYMENT_UNKNOWN) else change.get("deployment_id")


def words(*texts: str | None) -> list[str]:
    """Return the words of list columns, each once, in order."""
    return list(dict.fromkeys(word for text in texts if text for word in text.split()))


def by_run(names: Iterable[tuple[str, Iterable[str]]], places: Mapping[str, int]) -> dict[str, str]:
    """Return name → deployment id; a name that several attempts share ("run:55") means the last that got there."""
    found: dict[str, str] = {}
    for id, called in names:
        for name in called:
            old = found.get(name)
            if old is None or (places.get(id, -1), len(id), id) > (places.get(old, -1), len(old), old):
                found[name] = id
    return found
