"""``lab.toml`` and the environment become `Settings`; every problem is reported at once.

Tokens and keys never come from the file: ``GITHUB_TOKEN`` and ``DEVOPS_LAB_PRIVACY_KEY`` are read from the
environment when they are needed, and no `Settings` holds them.  Relative paths are relative to ``lab.toml``.
"""

from __future__ import annotations

import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator

from devops_lab.config_problems import sentences
from devops_lab.config_rules import (
    DeploymentRule,
    Deployments,
    File,
    Impact,
    IncidentRule,
    Issues,
    JUnit,
    Merges,
    Patterns,
    Prometheus,
    Query,
    Releases,
    Rework,
    Section,
    Slo,
    Tags,
    Workflow,
)
from devops_lab.errors import ConfigError

__all__ = [
    "Deployments",
    "File",
    "GitHub",
    "Impact",
    "Issues",
    "JUnit",
    "Lab",
    "Merges",
    "Practice",
    "Privacy",
    "Prometheus",
    "Releases",
    "Rework",
    "Service",
    "Settings",
    "Slo",
    "Tags",
    "Workflow",
    "load",
    "repository_of",
    "settings",
]

DEFAULT_SERVER = "default"
Phase = Literal["plan", "code", "build", "test", "release", "deploy", "operate", "monitor"]


class Service(Section):
    """One service: what is measured (a repository, or paths in one), its rules and the team that owns it."""

    name: str = Field(min_length=1, max_length=100)
    team: str | None = None
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


class Lab(Section):
    """Where the store lies, the time zone of days and weeks, the window that questions and reports look at, the phases.

    `phases` are those whose facts are fetched besides what DORA's metrics need; without any a first sync is quick.
    """

    store: str = "lab"
    timezone: str = "UTC"
    last: str = "90 days"
    phases: list[Phase] = list(get_args(Phase))

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as problem:
            raise ValueError(f"{value!r} is no time zone; names look like Europe/Berlin or Asia/Jakarta") from problem
        return value


class GitHub(Section):
    """GitHub's address; Enterprise Server is ``https://HOST/api/v3``.  The token comes from ``GITHUB_TOKEN``."""

    url: str = Field(default="https://api.github.com", pattern=r"^https?://[^\s@]+$")


class Privacy(Section):
    """How people are stored: a keyed hash, their names, or not at all.  E-mails are never stored."""

    people: Literal["pseudonym", "names", "none"] = "pseudonym"


class Practice(Section):
    """The made-up company of `seed` whose year ends at `until`; without an address it is started for each sync."""

    seed: int = Field(default=1, ge=1)
    until: datetime


class Settings(Section):
    """All settings of one lab; `path` is the ``lab.toml`` they came from, `folder` where it lies."""

    path: Path
    lab: Lab = Lab()
    github: GitHub = GitHub()
    privacy: Privacy = Privacy()
    practice: Practice | None = None
    prometheus: dict[str, Prometheus] = {}
    service: list[Service] = []

    @property
    def folder(self) -> Path:
        """The folder that relative paths start from."""
        return self.path.parent

    @property
    def store(self) -> str:
        """Where the store lies: a URL as it is, a path from the folder of ``lab.toml``."""
        return self.lab.store if "://" in self.lab.store else str(self.folder / self.lab.store)

    @property
    def corrections(self) -> Path:
        """Where corrections by people lie: ``corrections.toml`` beside ``lab.toml``."""
        return self.folder / "corrections.toml"

    def clone(self, service: Service) -> Path | None:
        """Return the path of the service's clone, or None where there is none."""
        return None if service.clone is None else self.folder / service.clone

    @field_validator("prometheus", mode="before")
    @classmethod
    def _named_servers(cls, value: Any) -> Any:
        """Return the servers by name: the keys of ``[prometheus]`` itself are those of the server "default"."""
        if not isinstance(value, dict):
            return value
        fields = Prometheus.model_fields
        own = {key: one for key, one in value.items() if key in fields or not isinstance(one, dict)}
        named = {key: one for key, one in value.items() if key not in own}
        return {DEFAULT_SERVER: own, **named} if own else named

    @model_validator(mode="after")
    def _servers_there(self) -> Settings:
        for one in self.service:
            if one.asks_prometheus and one.prometheus not in self.prometheus and self.practice is None:
                place = "[prometheus]" if one.prometheus == DEFAULT_SERVER else f"[prometheus.{one.prometheus}]"
                raise ValueError(f"service {one.name!r} has queries for Prometheus, but there is no {place} with a url")
        return self

    @model_validator(mode="after")
    def _names_once(self) -> Settings:
        names = [service.name for service in self.service]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"services share a name: {', '.join(twice)}; names must differ")
        return self


def load(path: str | Path = "lab.toml") -> Settings:
    """Read ``lab.toml`` into `Settings`.

    ``[defaults]`` holds keys that every service inherits; ``[profile.NAME]`` sets of keys that a service takes with
    ``profile = "NAME"``.  A key replaces the inherited key whole.

    Errors: ConfigError names every problem, its place and what would be right.
    """
    path = Path(path).absolute()
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError as problem:
        raise ConfigError(path, ["there is no such file; `devops-lab init` writes one"]) from problem
    except IsADirectoryError as problem:
        raise ConfigError(path, ["this is a folder; name the lab.toml in it"]) from problem
    except OSError as problem:
        raise ConfigError(path, [f"cannot be read: {problem.strerror}"]) from problem
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise ConfigError(path, [f"not TOML: {problem}"]) from problem
    return settings(document, path)


def settings(document: dict[str, Any], path: Path) -> Settings:
    """Check a parsed ``lab.toml`` and return it as `Settings`; ConfigError names every problem at once."""
    document = dict(document)
    problems = ["'path' is no setting here; the path is where this file lies"] if document.pop("path", None) else []
    inherited = {"defaults": _table(document.pop("defaults", {}), "defaults", problems)}
    profiles = _table(document.pop("profile", {}), "profile", problems)
    inherited |= {f"profile.{name}": _table(keys, f"profile.{name}", problems) for name, keys in profiles.items()}
    origins: list[dict[str, str]] = []
    services = document.get("service", [])
    if isinstance(services, list):
        document["service"] = [
            _inherit(number, service, inherited, path.parent, origins, problems)
            for number, service in enumerate(services, 1)
        ]
    try:
        found = Settings(path=path, **document)
    except ValidationError as error:
        raise ConfigError(path, problems + sentences(error, document, origins)) from error
    if problems:
        raise ConfigError(path, problems)
    return found


def _table(value: Any, place: str, problems: list[str]) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    problems.append(f"{place} = {value!r}: must be a table, [{place}]")
    return {}


def _inherit(
    number: int,
    service: Any,
    inherited: dict[str, dict[str, Any]],
    folder: Path,
    origins: list[dict[str, str]],
    problems: list[str],
) -> Any:
    """Return the service with what it inherits; add where each inherited key came from to `origins`."""
    origins.append({})
    if not isinstance(service, dict):
        return service
    own = dict(service)
    names = ["defaults"]
    if "profile" in own:
        names.append(f"profile.{own.pop('profile')}")
        if names[-1] not in inherited:
            known = ", ".join(name.removeprefix("profile.") for name in inherited if name != "defaults") or "none"
            wanted = names.pop().removeprefix("profile.")
            problems.append(f"service {own.get('name', number)!r}: profile {wanted!r} is not there; profiles: {known}")
    merged: dict[str, Any] = {}
    for name in names:
        merged |= inherited[name]
        origins[-1] |= dict.fromkeys(inherited[name], name)
    origins[-1] = {key: name for key, name in origins[-1].items() if key not in own}
    merged |= own
    if "repository" not in merged and isinstance(merged.get("clone"), str):
        merged["repository"] = repository_of(folder / merged["clone"])
    return merged


def repository_of(clone: Path) -> str:
    """Return what a clone without ``repository`` is called: its folder's name."""
    return clone.resolve().name.removesuffix(".git")
