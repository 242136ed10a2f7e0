"""What a write of the practice server is: an address, a body's schema, a function that does it and answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.exceptions import HTTPException

from devops_lab.errors import LabError
from devops_lab.practice.server.access import Access, person
from devops_lab.practice.server.answers import API, Invalid, Json
from devops_lab.practice.server.pipelines import NO_PIPELINES, Pipelines
from devops_lab.practice.server.question import Question

NOTHING: Json = {"type": "object", "properties": {}}


@dataclass(frozen=True)
class Done:
    """What was done, as it is answered: a status, a JSON body (None: no body at all), the new object's address."""

    status: int
    body: Any = None
    location: str = ""


@dataclass(frozen=True)
class Command:
    """One request to change something of a repository.

    `body` fits the write's schema; `now` is the server's clock, naive UTC; `fresh` returns the next free id of a noun.
    Objects are never changed in place, since somebody may be reading them: lists and dicts are replaced whole.
    """

    ask: Question
    body: Any
    access: Access
    now: datetime
    fresh: Callable[[str], int]
    pipelines: Pipelines | None = None

    @property
    def objects(self) -> Any:
        """The repository's objects by noun."""
        return self.ask.view.objects

    @property
    def repository(self) -> Json:
        """The repository itself."""
        return self.ask.view.repository

    @property
    def actor(self) -> Json:
        """Who asks, as a simple user."""
        return person(self.access.login, self.access.id)

    @property
    def at(self) -> str:
        """Now, as GitHub writes it."""
        return f"{self.now.isoformat(timespec='seconds')}Z"

    @property
    def url(self) -> str:
        """The repository's address in the API."""
        return f"{API}/repos/{self.ask.view.name}"

    @property
    def web(self) -> str:
        """The repository's address for people."""
        return str(self.repository.get("html_url") or "")

    def add(self, noun: str, raw: Json) -> Json:
        """Put an object at the head of a list, where the newest are."""
        self.objects[noun] = [raw, *(self.objects.get(noun) or [])]
        return raw

    def add_under(self, noun: str, key: Any, raw: Json, last: bool = False) -> Json:
        """Put an object into the list that a dict of lists holds under `key`: at its head, or as its `last`."""
        table = self.objects.get(noun) or {}
        own = table.get(key) or []
        self.objects[noun] = {**table, key: [*own, raw] if last else [raw, *own]}
        return raw

    def replace(self, noun: str, raw: Json, key: str = "id") -> Json:
        """Put an object in the place of that with its id (or another `key`)."""
        self.objects[noun] = replaced(self.objects.get(noun) or [], raw, key)
        return raw

    def drive(self, work: Callable[[Pipelines], Any]) -> Any:
        """Let the pipelines do `work`; 422 in plain words where there are none or they cannot."""
        if self.pipelines is None:
            raise HTTPException(422, NO_PIPELINES)
        try:
            return work(self.pipelines)
        except LabError as problem:
            raise HTTPException(422, str(problem)) from problem


@dataclass(frozen=True)
class Write:
    """An address below a repository that changes something, and the function that does it.

    `schema` is the body's, `optional` whether there may be none; `status` the success, `statuses` the other answers
    that only this write has, `resource` what GitHub's error lists call it.  `creates` is True for what the secondary
    limit on content counts.
    """

    verb: str
    path: str
    permission: str
    answer: Callable[[Command], Done]
    status: int
    schema: Json
    resource: str = ""
    optional: bool = False
    statuses: tuple[int, ...] = ()
    query: tuple[str, ...] = ()
    creates: bool = False


def replaced(items: Iterable[Json], raw: Json, key: str = "id") -> list[Json]:
    """Return the list with `raw` in the place of the object that has its `key`."""
    return [raw if one.get(key) == raw[key] else one for one in items]


def invalid(resource: str, field: str, code: str = "invalid", message: str = "", value: Any = None) -> Invalid:
    """Return GitHub's "Validation Failed" about one field."""
    error: Json = {"resource": resource, "field": field, "code": code}
    if value is not None:
        error["value"] = value
    if message:
        error["message"] = message
    return Invalid([error])
