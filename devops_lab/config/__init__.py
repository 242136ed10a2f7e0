"""``lab.toml`` and the environment become `Settings`; every problem is reported at once.

::

    place                            which lab.toml
    section, files, rules, lab       its tables, each a model that refuses what it does not know
    service, inheritance, discovery  a service's keys: its own, a profile's, the defaults', discovered
    reports, alerts, context         schedules and recipients; conditions; events, prices, how long things are kept
    problems                         what is wrong, as sentences with the way out
    origins                          where each value of a service comes from

Tokens and keys never come from the file: ``GITHUB_TOKEN``, ``DEVOPS_LAB_ACTIONS_TOKEN`` and
``DEVOPS_LAB_PRIVACY_KEY`` are read from the environment when they are needed, and no `Settings` holds them.  Relative
paths are relative to ``lab.toml``.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator, model_validator

from devops_lab.config import reports
from devops_lab.config.context import Event, Keeping, Prices
from devops_lab.config.discovery import Discover, listings, parted_block
from devops_lab.config.inheritance import Inheritance
from devops_lab.config.lab import GitHub, Lab, Practice, Privacy
from devops_lab.config.place import NAME, settings_path
from devops_lab.config.problems import sentences
from devops_lab.config.reports import Alert, Recipient, Schedule
from devops_lab.config.rules import (
    Actions,
    Allowed,
    DeploymentRule,
    Deployments,
    File,
    Freeze,
    Impact,
    Issues,
    JUnit,
    Merges,
    Panel,
    Prometheus,
    Releases,
    Rework,
    Section,
    Slo,
    Tags,
    Workflow,
)
from devops_lab.config.service import DEFAULT_SERVER, Service, repository_of
from devops_lab.errors import ConfigError

__all__ = [
    "DEFAULT_SERVER",
    "Actions",
    "Alert",
    "Allowed",
    "DeploymentRule",
    "Deployments",
    "Discover",
    "Event",
    "File",
    "Freeze",
    "GitHub",
    "Impact",
    "Issues",
    "JUnit",
    "Keeping",
    "Lab",
    "Merges",
    "Panel",
    "Practice",
    "Prices",
    "Privacy",
    "Prometheus",
    "Recipient",
    "Releases",
    "Rework",
    "Schedule",
    "Service",
    "Settings",
    "Slo",
    "Tags",
    "Workflow",
    "load",
    "repository_of",
    "settings",
]


class Settings(Section):
    """All settings of one lab; `path` is the ``lab.toml`` they came from, `folder` where it lies."""

    path: Path
    lab: Lab = Lab()
    github: GitHub = GitHub()
    privacy: Privacy = Privacy()
    practice: Practice | None = None
    actions: Actions = Actions()
    panel: Panel = Panel()
    prometheus: dict[str, Prometheus] = {}
    keeping: Keeping = Field(default=Keeping(), alias="store")
    event: list[Event] = []
    prices: Prices | None = None
    discover: list[Discover] = []
    service: list[Service] = []
    schedule: list[Schedule] = []
    recipient: list[Recipient] = []
    alert: list[Alert] = []

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


def load(path: str | Path = NAME) -> Settings:
    """Read ``lab.toml`` into `Settings`: of the working folder or the nearest above, or the file at a path.

    ``[defaults]`` holds keys that every service inherits; ``[profile.NAME]`` sets of keys that a service takes with
    ``profile = "NAME"``.  A key replaces the inherited key whole.  ``[[discover]]`` finds services in what is known of
    an organisation since the last sync.

    Errors: ConfigError names every problem, its place and what would be right.
    """
    path = settings_path(path)
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
    inheritance = Inheritance(document, path.parent)
    services, blocks = document.get("service", []), document.get("discover", [])
    inheritance.written(services)
    if isinstance(blocks, list) and blocks:
        parted = [parted_block(one) for one in blocks]
        document["discover"] = [own for own, _ in parted]
        problems += _of_blocks(parted, inheritance, path)
    if isinstance(services, list):
        document["service"] = inheritance.found.services
    origins = inheritance.found.origins
    problems += inheritance.found.problems
    try:
        found = Settings(path=path, **document)
    except ValidationError as error:
        raise ConfigError(path, list(dict.fromkeys(problems + sentences(error, document, origins)))) from error
    teams = sorted({one.team for one in found.service if one.team})
    names = [one.name for one in found.service]
    problems += reports.problems(found.schedule, found.recipient, found.alert, names, teams)
    if problems:
        raise ConfigError(path, list(dict.fromkeys(problems)))
    return found


class _StandIns(Section):
    service: list[Service]


def _of_blocks(blocks: list[Any], inheritance: Inheritance, path: Path) -> list[str]:
    """Let `inheritance` discover services by the blocks; return what is wrong with keys that are their services'."""
    fitting: list[tuple[Discover, dict[str, Any]]] = []
    for own, keys in blocks:
        try:
            fitting.append((Discover.model_validate(own), keys))
        except ValidationError:  # told with all other problems
            return []
    stand_ins = inheritance.stand_ins(fitting)
    inheritance.discovered(fitting, listings(path))
    try:
        _StandIns.model_validate({"service": stand_ins.services})
    except ValidationError as error:
        return stand_ins.problems + sentences(error, {"service": stand_ins.services}, stand_ins.origins)
    return stand_ins.problems + [
        f"discover {number}: {key!r} is no setting here; each service has the name of its repository or folder"
        for number, (_, keys) in enumerate(fitting, 1)
        for key in keys
        if key in ("name", "repository")
    ]
