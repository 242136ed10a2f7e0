"""Which runs there are: a workflow's latest, what runs and waits now over many repositories, and one's own.

Everything here only reads, with the token for actions.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from devops_lab.actions import reading
from devops_lab.actions.connection import Server, data_of, refusal
from devops_lab.actions.texts import plain_line
from devops_lab.actions.watching import COMPLETED, instant
from devops_lab.github_api.answers import limited

PER_PAGE = 100
WAITING_EACH = 10  # looks of which one asks for those that wait, however old they are
WAITS = ("waiting", "pending", "requested", "queued")
Json = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """One run as a list shows it; instants are naive UTC, texts are inert but not escaped for HTML."""

    repository: str
    id: int
    workflow: str
    file: str
    title: str
    ref: str
    sha: str
    event: str
    actor: str
    status: str
    conclusion: str | None
    attempt: int
    created_at: datetime | None
    started_at: datetime | None
    updated_at: datetime | None
    page: str

    @property
    def seconds(self) -> float | None:
        """How long the attempt took; None while it runs."""
        if self.status != COMPLETED or self.started_at is None or self.updated_at is None:
            return None
        return (self.updated_at - self.started_at).total_seconds()

    @property
    def since(self) -> datetime | None:
        """Since when it is as it is: one that waits since it last moved, any other since it started."""
        return self.updated_at if self.status == "waiting" else self.started_at


@dataclass(frozen=True)
class Now:
    """What runs and waits: `going` in the order to look at it; `troubles`: what could not be asked, by repository."""

    going: tuple[Seen, ...] = ()
    troubles: Mapping[str, str] = field(default_factory=dict)


def recent(server: Server, repository: str, workflow: str | None = None, most: int = 20) -> list[Seen]:
    """Return the latest runs of a repository, or of one workflow (its file, id or name), the newest first.

    Errors: MissingError, AccessError, SourceError.
    """
    path = f"/repos/{reading.address(repository)}/actions/runs"
    if workflow is not None:
        number = int(reading.workflow_of(server, repository, workflow)["id"])
        path = f"/repos/{reading.address(repository)}/actions/workflows/{number}/runs"
    found = server.get(path, per_page=min(most, PER_PAGE)).get("workflow_runs") or []
    return [seen(server, repository, raw) for raw in found[:most]]


def started_by(server: Server, repository: str, login: str, most: int = 20) -> list[Seen]:
    """Return the latest dispatched runs of a login by the server's own word, the newest first."""
    found = server.get(
        f"/repos/{reading.address(repository)}/actions/runs",
        actor=login, event="workflow_dispatch", per_page=min(most, PER_PAGE),
    )  # fmt: skip
    return [seen(server, repository, raw) for raw in found.get("workflow_runs") or []]


class Board:
    """What runs and waits over many repositories: one conditional request for each a look.

    The newest hundred runs of each are looked at; of ten looks one asks for those that wait for somebody instead, who
    may have done so for weeks.
    """

    def __init__(self, server: Server, repositories: Iterable[str]) -> None:
        self.server, self.repositories = server, list(dict.fromkeys(repositories))
        self._held: dict[tuple[str, str], tuple[str | None, list[Json]]] = {}
        self._looks = 0

    def look(self) -> Now:
        """Return what runs and waits now: the longest waiting first, then what is queued, then what runs."""
        kind = "waiting" if self._looks % WAITING_EACH == 1 else ""
        self._looks += 1
        troubles = {}
        for name in self.repositories:
            trouble = self._ask(name, kind)
            if trouble:
                troubles[name] = trouble
        going = [one for name in self.repositories for one in self._going(name)]
        return Now(tuple(sorted(going, key=_order)), troubles)

    def _ask(self, repository: str, kind: str) -> str:
        key = (repository, kind)
        etag, _ = self._held.get(key, (None, []))
        more = {"status": kind} if kind else {}
        path = f"/repos/{reading.address(repository)}/actions/runs"
        answer = self.server.look(path, etag, per_page=PER_PAGE, **more)
        if answer.status == 200:
            self._held[key] = (answer.headers.get("etag"), data_of(answer).get("workflow_runs") or [])
        if answer.status in (200, 304):
            return ""
        said = answer.problem or f"HTTP {answer.status} {answer.message}".strip()
        pause = limited(answer, time.time(), said) if answer.status in (403, 429) else None
        if answer.status in (401, 403) and pause is None:
            return str(refusal(answer, repository))
        return said

    def _going(self, repository: str) -> list[Seen]:
        found = {}
        for kind in ("waiting", ""):
            _, runs = self._held.get((repository, kind), (None, []))
            found.update({int(raw["id"]): raw for raw in runs})
        return [seen(self.server, repository, raw) for raw in found.values() if raw.get("status") != COMPLETED]


def seen(server: Server, repository: str, raw: Json) -> Seen:
    """Return a run as it is read from GitHub's JSON."""
    path = str(raw.get("path") or "").partition("@")[0]
    return Seen(
        repository,
        int(raw["id"]),
        plain_line(str(raw.get("name") or "")),
        plain_line(path.rsplit("/", 1)[-1]),
        plain_line(str(raw.get("display_title") or "")),
        plain_line(str(raw.get("head_branch") or "")),
        str(raw.get("head_sha") or ""),
        str(raw.get("event") or ""),
        plain_line(str((raw.get("actor") or {}).get("login") or "")),
        str(raw.get("status") or "queued"),
        raw.get("conclusion"),
        int(raw.get("run_attempt") or 1),
        instant(raw.get("created_at")),
        instant(raw.get("run_started_at") or raw.get("created_at")),
        instant(raw.get("updated_at")),
        reading.page(server, f"{quote(repository)}/actions/runs/{int(raw['id'])}"),
    )


def _order(one: Seen) -> tuple[int, str, int]:
    place = 0 if one.status == "waiting" else 1 if one.status in WAITS else 2
    return place, "~" if one.since is None else one.since.isoformat(), one.id
