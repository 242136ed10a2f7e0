"""The rules of ``lab.toml``: what a deployment is, what an incident is, what counts as rework, what is asked for."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime, time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from devops_lab.config.files import File
from devops_lab.config.section import Pattern, Patterns, Section


class Deployments(Section):
    """Deployments are GitHub deployments to these environments (compared without case)."""

    kind: Literal["deployments"] = Field(alias="from")
    environments: Patterns = ["production"]
    rollbacks: bool = True


class Workflow(Section):
    """Deployments are attempts of a workflow's runs; time and result come from the named jobs where there are any."""

    kind: Literal["workflow"] = Field(alias="from")
    workflow: Pattern
    jobs: Patterns = []
    branches: Patterns = []
    events: list[str] = []
    environment: str = "production"
    rollbacks: bool = True


class Releases(Section):
    """Deployments are published releases."""

    kind: Literal["releases"] = Field(alias="from")
    tags: Patterns = ["**"]
    prereleases: bool = False
    rollbacks: bool = False


class Tags(Section):
    """Deployments are tags."""

    kind: Literal["tags"] = Field(alias="from")
    tags: Patterns
    rollbacks: bool = False


class Merges(Section):
    """Deployments are the first-parent commits of these branches; none named: the default branch."""

    kind: Literal["merges"] = Field(alias="from")
    branches: Patterns = []


class Issues(Section):
    """Incidents are issues with one of these labels."""

    kind: Literal["issues"] = Field(alias="from")
    labels: Patterns
    not_a_change: Patterns = ["not-a-change"]
    duplicates: Patterns = ["duplicate"]


class Impact(Section):
    """Incidents are inferred: a deployment after which the service's own levels were worse (needs slo or latency)."""

    kind: Literal["impact"] = Field(alias="from")


DeploymentRule = Annotated[Deployments | Workflow | Releases | Tags | Merges | File, Field(discriminator="kind")]
IncidentRule = Annotated[Issues | File | Impact, Field(discriminator="kind")]


class Rework(Section):
    """What makes a deployment unplanned: the remedies it carries."""

    labels: Patterns = []
    branches: Patterns = []
    reverts: bool = True
    rollbacks: bool = True
    patch_releases: bool = False
    of_changes: Literal["any", "all"] = "any"


_DURATION = re.compile(r"(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_SECRET = re.compile(r"(?:env|file):\S.*")
SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key")


def _seconds(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    parts = _DURATION.fullmatch(value.strip())
    if not parts or not value.strip():
        raise ValueError(f'{value!r} is no length of time; write "30s", "5m" or "1h30m"')
    return sum(int(part or 0) * unit for part, unit in zip(parts.groups(), (604_800, 86_400, 3600, 60, 1), strict=True))


def _secret(value: str) -> str:
    if not _SECRET.fullmatch(value):
        raise ValueError('a secret is never in lab.toml itself: write "env:NAME" or "file:PATH"')
    return value


Secret = Annotated[str, AfterValidator(_secret)]
Seconds = Annotated[int, BeforeValidator(_seconds), Field(ge=1, le=86_400)]
Query = Annotated[str, Field(min_length=1)]


class Prometheus(Section):
    """A server with Prometheus' API: its address with any base path, the length of a step, what signs a request.

    ``token`` and the values of ``headers`` are read anew for each request from ``env:NAME`` or ``file:PATH``.
    """

    url: str = Field(pattern=r"^https?://[^\s@]+$")
    step: Seconds = 300
    timeout: Seconds = 60
    series: int = Field(default=10_000, ge=1)
    token: Secret | None = None
    headers: dict[str, str] = {}
    certificate_authority: Path | None = None

    @field_validator("headers")
    @classmethod
    def _no_secrets(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if name.lower() in SECRET_HEADERS and not _SECRET.fullmatch(text):
                raise ValueError(f'{name} is a secret, never in lab.toml itself: write "env:NAME" or "file:PATH"')
        return value


class Slo(Section):
    """A service level: `good` and `total` count events per step (``increase(x[$step])``); or `probe` is 1 when up."""

    objective: float = Field(gt=0, lt=1)
    good: Query | None = None
    total: Query | None = None
    probe: Query | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Slo:
        if (self.good is None) != (self.total is None) or (self.good is None) == (self.probe is None):
            raise ValueError("says neither good and total (two queries) nor probe (one selector); write one of the two")
        return self


class JUnit(Section):
    """Where test results lie: artifacts of workflow runs by name, or files in a folder beside ``lab.toml``."""

    artifacts: Patterns = []
    workflows: Patterns = ["**"]
    path: str | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> JUnit:
        if not self.artifacts and self.path is None:
            raise ValueError('says neither artifacts = ["test-results*"] nor path = "reports/**/*.xml"')
        return self


Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def _clock(value: Any) -> Any:
    if isinstance(value, str) and re.fullmatch(r"\d\d:\d\d", value):
        return time.fromisoformat(value)
    if isinstance(value, time):
        return value
    raise ValueError(f'{value!r} is no time of day; write "16:00"')


Clock = Annotated[time, BeforeValidator(_clock)]


class Allowed(Section):
    """What may be done by whom: all four must match (`who` are logins; environments compare without case)."""

    who: Patterns = ["**"]
    repositories: Patterns = ["**"]
    workflows: Patterns = ["**"]
    refs: Patterns = ["**"]
    environments: Patterns = ["**"]


class Freeze(Section):
    """When nothing is started there: between two instants, or on these days between two times of day, or both.

    Times are of the lab's time zone; `until` and `before` are not included.
    """

    since: datetime | None = None
    until: datetime | None = None
    days: list[Day] = []
    after: Clock = time.min
    before: Clock | None = None
    environments: Patterns = ["**"]
    reason: str = ""

    @model_validator(mode="after")
    def _some_time(self) -> Freeze:
        if self.since is None and self.until is None and not self.days:
            raise ValueError('says no time; write since and until, or days = ["friday"] with after = "16:00"')
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError("ends before it begins: until must be later than since")
        return self

    @field_validator("since", "until")
    @classmethod
    def _local(cls, value: datetime | None) -> datetime | None:
        if value is not None and value.tzinfo is not None:
            raise ValueError("write since and until without a time zone: they are of the lab's")
        return value


class Actions(Section):
    """What the lab may change outside: without `allow` whatever the token may, else what one rule allows.

    In an environment of `production` nothing is started before its name is typed.  A request that comes again within
    `again_within` (a double click, a retry) is the same one.  `marks` are inputs whose value a workflow shows in its
    ``run-name``, so that a run can be told from others.
    """

    read_only: bool = False
    production: Patterns = ["production"]
    starter_may_approve: bool = False
    again_within: Seconds = 30
    marks: list[str] = ["mark", "dispatch_id", "distinct_id", "correlation_id"]
    allow: list[Allowed] = []
    freeze: list[Freeze] = []


class Panel(Section):
    """Under which names the panel's page is reached, and who says which person is there.

    `person_header` is what an authenticating proxy sets ("X-Forwarded-User"); it is believed only from the addresses
    and networks of `trusted`.  `hosts` are names as a browser shows them, with the port where it is no usual one.
    """

    person_header: str | None = Field(default=None, pattern=r"^[A-Za-z][A-Za-z0-9-]*$")
    trusted: list[str] = []
    hosts: list[str] = []

    @field_validator("trusted")
    @classmethod
    def _networks(cls, value: list[str]) -> list[str]:
        for one in value:
            try:
                ipaddress.ip_network(one)
            except ValueError as problem:
                raise ValueError(f'{one!r} is no address or network; write "127.0.0.1" or "10.0.0.0/8"') from problem
        return value

    @field_validator("hosts")
    @classmethod
    def _names(cls, value: list[str]) -> list[str]:
        wrong = [one for one in value if not re.fullmatch(r"(?:[\w.-]+|\[[0-9A-Fa-f:]+\])(?::\d+)?", one)]
        if wrong:
            raise ValueError(f'{wrong[0]!r} is no host; write "lab.example.org" or "lab.example.org:8443"')
        return [one.casefold() for one in value]

    @model_validator(mode="after")
    def _both(self) -> Panel:
        if (self.person_header is None) != (not self.trusted):
            raise ValueError("needs both person_header and trusted: a name, and the addresses it is believed from")
        return self
