"""A repository's objects as an endpoint sees them: as they are, or as they were at an instant.

Objects are GitHub's REST JSON.  Without an instant nothing is copied, so that a pipeline which runs while the server
does is seen at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from devops_lab.practice.server.answers import Json, missing, moment
from devops_lab.practice.server.past import Past


class Repository(Protocol):
    """Anything with `objects`: lists and dicts of GitHub's REST JSON by noun, and "repository" itself."""

    @property
    def objects(self) -> Mapping[str, Any]:
        """The objects by noun."""


class Organisation(Protocol):
    """Anything with `repositories` by full name ("owner/name")."""

    @property
    def repositories(self) -> Mapping[str, Any]:
        """The repositories by full name; each a `Repository`."""


class View:
    """The objects of one repository at `as_of` (None: now)."""

    def __init__(self, repository: Repository, as_of: datetime | None = None) -> None:
        self.objects = repository.objects
        self.past = None if as_of is None else Past(self.objects, as_of)
        self._lists: dict[str, list[Json]] = {}
        self._indexes: dict[str, tuple[int, dict[str, Json]]] = {}
        self.walks: dict[tuple[str, int], list[Json]] = {}

    @property
    def repository(self) -> Json:
        """The repository itself."""
        return self.objects["repository"]

    @property
    def name(self) -> str:
        """The repository's full name."""
        return self.repository["full_name"]

    def items(self, noun: str) -> list[Json]:
        """Return a list of objects; those made later than the instant are left out, the others are as they were."""
        found = self.objects.get(noun) or []
        if self.past is None:
            return found
        if noun not in self._lists:
            self._lists[noun] = self.past.seen(noun, found)
        return self._lists[noun]

    def under(self, noun: str, key: Any) -> list[Json]:
        """Return the list that a dict of lists holds under `key`: the reviews of a pull request."""
        found = (self.objects.get(noun) or {}).get(key) or []
        return found if self.past is None else self.past.under(noun, key, found)

    def table(self, noun: str) -> dict[Any, Json]:
        """Return a dict of objects."""
        found = self.objects.get(noun) or {}
        if self.past is None:
            return found
        return {key: seen for key, raw in list(found.items()) if (seen := self.past.one(noun, raw)) is not None}

    def commits(self) -> dict[str, Json]:
        """Return the commits by sha."""
        found = self.items("commits")
        size, index = self._indexes.get("commits", (-1, {}))
        if size != len(found):
            index = {raw["sha"]: raw for raw in found}
            self._indexes["commits"] = len(found), index
        return index

    def one(self, noun: str, key: str, value: Any) -> Json:
        """Return the object of a list whose `key` is `value`; 404 where there is none."""
        for raw in self.items(noun):
            if raw.get(key) == value:
                return raw
        raise missing()


def newest_first(items: Iterable[Json], key: str = "created_at") -> list[Json]:
    """Return objects by an instant and id, the newest first; those without the instant come last."""
    return sorted(items, key=lambda raw: (instant_of(raw, key), raw.get("id") or 0), reverse=True)


def instant_of(raw: Json, key: str) -> float:
    """Return an object's instant in epoch seconds, minus infinity where it has none."""
    text = raw.get(key)
    return moment(text).timestamp() if text else float("-inf")


def ordered(items: Iterable[Json], key: Callable[[Json], Any], direction: str | None, default: str) -> list[Json]:
    """Return objects sorted by `key`, "asc" or "desc"."""
    return sorted(items, key=key, reverse=(direction if direction in ("asc", "desc") else default) == "desc")
