"""What a running practice server knows: its organisation, its switches, its log; and how switches are thrown."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.exceptions import HTTPException

from devops_lab.practice.server.access import Access
from devops_lab.practice.server.answers import missing, moment
from devops_lab.practice.server.apps import App, Apps
from devops_lab.practice.server.downloads import Signatures
from devops_lab.practice.server.faults import FaultDraw, Faults, faults_of
from devops_lab.practice.server.limits import RateLimits
from devops_lab.practice.server.log import RequestLog
from devops_lab.practice.server.pipelines import Pipelines
from devops_lab.practice.server.question import Limits
from devops_lab.practice.server.troubles import troubles_of
from devops_lab.practice.server.view import Organisation, View

ENTERPRISE_PREFIX = "/api/v3"
MINUTES = ("per_minute", "content_per_minute")
SWITCHES = ("as_of", "faults", "troubles", "limit", "anonymous_limit", "used", "window", "limit_status", *MINUTES)


@dataclass(frozen=True)
class Options:
    """How a practice server behaves.

    `tokens` None: any token may read everything.  `enterprise`: the API lies under /api/v3 and has no limits.
    `renamed` maps former full names to the present ones.  `limit` and `anonymous_limit` are requests an hour.
    `pipelines` None: runs are shown, and none can be started.  `apps` are GitHub Apps by number; `troubles` names
    repositories that are "failing", "forbidden" or behind "sign-on".
    """

    enterprise: bool = False
    tokens: Mapping[str, Access] | None = None
    renamed: Mapping[str, str] = field(default_factory=dict)
    limit: int = 5000
    anonymous_limit: int = 60
    limits: Limits = field(default_factory=Limits)
    faults: Faults = field(default_factory=Faults)
    as_of: datetime | None = None
    clock: Callable[[], float] = time.time
    pipelines: Pipelines | None = None
    apps: Mapping[int, App] = field(default_factory=dict)
    troubles: Mapping[str, str] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """What comes before each of the API's paths."""
        return ENTERPRISE_PREFIX if self.enterprise else ""


class State:
    """One running server."""

    def __init__(self, organisation: Organisation, options: Options) -> None:
        self.organisation, self.options = organisation, options
        self.as_of, self.faults = options.as_of, options.faults
        self.limits = RateLimits(options.clock, options.limit, options.anonymous_limit)
        self.draw, self.log = FaultDraw(), RequestLog()
        self.apps, self.troubles = Apps(options.apps, options.clock), troubles_of(options.troubles)
        self.signatures, self.writing = Signatures(options.clock), threading.Lock()
        self._views: dict[str, View] = {}
        self._renamed = {old.casefold(): new for old, new in options.renamed.items()}

    def view(self, name: str) -> View:
        """Return the repository of that full name, in any case; 404 where there is none."""
        for known, repository in self.organisation.repositories.items():
            if known.casefold() == name.casefold():
                view = self._views.get(known)
                if view is None or view.objects is not repository.objects:
                    view = self._views[known] = View(repository, self.as_of)
                return view
        raise missing()

    def view_by_id(self, number: int) -> View:
        """Return the repository of that id; 404 where there is none."""
        for known, repository in self.organisation.repositories.items():
            if repository.objects["repository"]["id"] == number:
                return self.view(known)
        raise missing()

    def now(self) -> datetime:
        """Return the clock's time, naive UTC."""
        return datetime.fromtimestamp(self.options.clock(), UTC).replace(tzinfo=None)

    def fresh(self, noun: str) -> int:
        """Return an id that no object of that noun has, in any repository."""
        highest = 0
        for repository in self.organisation.repositories.values():
            found = repository.objects.get(noun) or []
            lists = list(found.values()) if isinstance(found, dict) else [found]
            highest = max([highest, *(raw.get("id") or 0 for own in lists for raw in own)])
        return highest + 1

    def moved_to(self, name: str) -> str | None:
        """Return the present name of a repository that was renamed."""
        return self._renamed.get(name.casefold())

    def switches(self) -> dict[str, Any]:
        """Return the switches as they are set."""
        return {
            "as_of": None if self.as_of is None else self.as_of.isoformat(),
            "faults": dict(vars(self.faults)),
            "troubles": dict(self.troubles),
            "limit": self.limits.hourly,
            "anonymous_limit": self.limits.anonymous,
            "window": self.limits.window,
            "limit_status": self.limits.status,
            **{name: getattr(self.limits, name) for name in MINUTES},
        }

    def throw(self, wanted: Any) -> None:
        """Set switches; 422 (and nothing is set) where one does not exist or its value is wrong.

        as_of: an instant or null; faults: shares by name, those not named are off; troubles: full names with
        "failing", "forbidden" or "sign-on"; limit, anonymous_limit, window (seconds), limit_status (403 or 429),
        per_minute and content_per_minute (null: off), used (begins the hour anew with so many charged).
        """
        if not isinstance(wanted, dict) or not set(wanted) <= set(SWITCHES):
            raise HTTPException(422, f"the switches are {', '.join(SWITCHES)}")
        numbers = {name: wanted[name] for name in wanted if name not in ("as_of", "faults", "troubles")}
        for name, value in numbers.items():
            if name in MINUTES and value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise HTTPException(422, f"{name} = {value!r} is no whole number from 0 on")
        if numbers.get("limit_status", 403) not in (403, 429):
            raise HTTPException(422, "limit_status is 403 or 429")
        faults = faults_of(wanted["faults"] or {}) if "faults" in wanted else self.faults
        troubles = troubles_of(wanted["troubles"] or {}) if "troubles" in wanted else self.troubles
        as_of = _instant(wanted["as_of"]) if "as_of" in wanted else self.as_of
        if as_of != self.as_of:
            self._views.clear()
        self.faults, self.as_of = faults, as_of
        self.troubles = troubles
        own = {"limit": "hourly", "anonymous_limit": "anonymous", "limit_status": "status"}
        for name, value in numbers.items():
            if name != "used":
                setattr(self.limits, own.get(name, name), value)
        if "used" in numbers or "window" in numbers:
            self.limits.forget(numbers.get("used", 0))


def _instant(text: Any) -> datetime | None:
    if text is None:
        return None
    try:
        return moment(text)
    except (TypeError, ValueError, AttributeError):
        raise HTTPException(422, f"as_of = {text!r} is no instant like 2026-06-30T00:00:00Z") from None
