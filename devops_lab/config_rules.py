"""The rules of ``lab.toml``: what a deployment is, what an incident is, and what counts as rework."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

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


DeploymentRule = Annotated[Deployments | Workflow | Releases | Tags | Merges | File, Field(discriminator="kind")]
IncidentRule = Annotated[Issues | File, Field(discriminator="kind")]


class Rework(Section):
    """What makes a deployment unplanned: the remedies it carries."""

    labels: Patterns = []
    branches: Patterns = []
    reverts: bool = True
    rollbacks: bool = True
    patch_releases: bool = False
    of_changes: Literal["any", "all"] = "any"
