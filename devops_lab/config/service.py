"""``[[service]]`` of ``lab.toml``: what is measured, by which rules, and whose it is."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator, model_validator

from devops_lab.config.rules import (
    DeploymentRule,
    Impact,
    IncidentRule,
    JUnit,
    Merges,
    Patterns,
    Query,
    Rework,
    Section,
    Slo,
)

DEFAULT_SERVER = "default"


class Owner(Section):
    """A team that owned a service from `since` on (UTC), until the next one did."""

    team: str = Field(min_length=1)
    since: date = date.min


class Service(Section):
    """One service: what is measured (a repository, or paths in one), its rules and the team that owns it."""

    name: str = Field(min_length=1, max_length=100)
    team: str | None = None
    owners: list[Owner] = []
    repository: str
    clone: Path | None = None
    paths: Patterns = []
    deployment: DeploymentRule = Merges.model_validate({"from": "merges"})
    incident: list[IncidentRule] = []
    rework: Rework = Rework()
    attribution_window: float = Field(default=24.0, gt=0, description="hours")
    prometheus: str = DEFAULT_SERVER
    labels: dict[str, str] = {}
    slo: Slo | None = None
    latency: Query | None = None
    saturation: dict[str, Query] = {}
    restarts: Query | None = None
    log_errors: Query | None = None
    alerts: Query | None = None
    junit: JUnit | None = None
    security: bool = False

    @property
    def asks_prometheus(self) -> bool:
        """True where a setting of the service is a query for a Prometheus server."""
        return any((self.slo, self.latency, self.saturation, self.restarts, self.log_errors, self.alerts))

    @field_validator("incident", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return [value] if isinstance(value, dict) else value

    @field_validator("repository")
    @classmethod
    def _owner_and_name(cls, value: str) -> str:
        if not value or ("/" in value and not re.fullmatch(r"[\w.-]+/[\w.-]+", value)):
            raise ValueError(f'{value!r} is no repository; write "owner/name", as in github.com/owner/name')
        return value

    @field_validator("owners")
    @classmethod
    def _earliest_first(cls, value: list[Owner]) -> list[Owner]:
        return sorted(value, key=lambda owner: owner.since)

    @model_validator(mode="after")
    def _levels_for_impact(self) -> Service:
        if any(isinstance(rule, Impact) for rule in self.incident) and self.slo is None and self.latency is None:
            raise ValueError(
                'incident = { from = "impact" } needs slo or latency: what should be worse after a deployment?'
            )
        return self

    @model_validator(mode="before")
    @classmethod
    def _repository_of_clone(cls, value: Any) -> Any:
        if isinstance(value, dict) and "repository" not in value and isinstance(value.get("clone"), str):
            return {**value, "repository": repository_of(Path(value["clone"]))}
        return value


def repository_of(clone: Path) -> str:
    """Return what a clone without ``repository`` is called: its folder's name."""
    return clone.resolve().name.removesuffix(".git")
