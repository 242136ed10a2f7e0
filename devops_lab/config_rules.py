"""The rules of ``lab.toml``: what a deployment is, what an incident is, what counts as rework, what is asked for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from devops_lab import patterns


def _pattern(value: str) -> str:
    patterns.expression(value.removeprefix("!"))
    return value


def _list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Pattern = Annotated[str, Field(min_length=1), AfterValidator(_pattern)]
Patterns = Annotated[list[Pattern], BeforeValidator(_list)]


class Section(BaseModel):
    """A table of ``lab.toml``: unknown keys are problems, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


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


class File(Section):
    """Deployments or incidents are rows of CSV, JSON or Parquet files, read again at each sync."""

    kind: Literal["file"] = Field(alias="from")
    path: str
    columns: dict[str, str] = {}
    environments: Patterns = ["production"]
    rollbacks: bool = True


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
    token: Annotated[str, AfterValidator(_secret)] | None = None
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
