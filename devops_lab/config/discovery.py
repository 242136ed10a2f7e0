"""``[[discover]]``: the services of an organisation by rules, and what is known of its repositories.

A block names an organisation and which of its repositories are services; every other key is one of a service.  What
the organisation's server said last lies beside ``lab.toml`` in a file of its own (`listings`): settings are read
without a network, and an outage drops no service.  The sync asks anew (`devops_lab.sync`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator

from devops_lab import patterns
from devops_lab.config.rules import Patterns, Section

VERSION = 1
BLOCK = ("organisation", "names", "topics", "properties", "folders", "team", "archived", "forks")


class Property(Section):
    """The team is the value of a custom property of the repository."""

    property: str = Field(min_length=1)


class Owned(Section):
    """The team owns the repositories (or folders) of these names, from `since` on."""

    team: str = Field(min_length=1)
    names: Patterns = ["**"]
    since: date = date.min


def _teams(value: Any) -> Any:
    if isinstance(value, str):
        return [{"team": value}]
    return [value] if isinstance(value, dict) else value


class Discover(Section):
    """Which repositories of an organisation are services.

    All that is said must fit: one of `names` (``!`` takes out), one of the `topics`, each of the custom `properties`.
    With `folders` ("services/*") each folder of a repository that fits is a service.  The team is a name, a custom
    property, or a list of owners: what happened before a `since` stays with the team that owned it then.
    """

    organisation: str = Field(pattern=r"^[A-Za-z0-9][\w-]*$")
    names: Patterns = []
    topics: Patterns = []
    properties: dict[str, Patterns] = {}
    folders: str | None = Field(default=None, pattern=r"^(?:[\w.-]+/)*\*$")
    team: Annotated[list[Property | Owned], BeforeValidator(_teams)] = []
    archived: bool = False
    forks: bool = False

    @field_validator("names", mode="after")
    @classmethod
    def _not_only_taken_out(cls, value: list[str]) -> list[str]:
        return ["**", *value] if value and all(one.startswith("!") for one in value) else value

    @property
    def parent(self) -> str:
        """The folder whose folders are services, "" for the root."""
        return "" if self.folders is None else self.folders.removesuffix("*").strip("/")

    @property
    def needs_properties(self) -> bool:
        """Whether custom properties decide anything."""
        return bool(self.properties) or any(isinstance(one, Property) for one in self.team)

    def fits(self, one: Known) -> bool:
        """Say whether a repository is meant."""
        if (one.archived and not self.archived) or (one.fork and not self.forks):
            return False
        if self.names and not patterns.matches(one.name, self.names, ignore_case=True):
            return False
        if self.topics and not any(patterns.matches(topic, self.topics, ignore_case=True) for topic in one.topics):
            return False
        return all(
            any(patterns.matches(value, wanted, ignore_case=True) for value in one.properties.get(name, []))
            for name, wanted in self.properties.items()
        )

    def owners_of(self, one: Known, name: str, today: date) -> list[tuple[date, str]]:
        """Return who has owned a repository, or the service `name` in it, since when, up to today, earliest first.

        Of two that begin on one day the later line counts.
        """
        found: dict[date, str] = {}
        for rule in self.team:
            if isinstance(rule, Property):
                value = next(iter(one.properties.get(rule.property, [])), None)
                since = date.min
            else:
                named = any(patterns.matches(text, rule.names, ignore_case=True) for text in (one.name, name))
                value, since = (rule.team if named else None), rule.since
            if value and since <= today:
                found[since] = value
        return sorted(found.items())


def parted_block(block: Any) -> tuple[Any, dict[str, Any]]:
    """Return a block's own keys and those of its services."""
    if not isinstance(block, dict):
        return block, {}
    own = {key: value for key, value in block.items() if key in BLOCK}
    return own, {key: value for key, value in block.items() if key not in BLOCK}


@dataclass(frozen=True)
class Known:
    """What is known of one repository; `now` is its present full name where it was renamed since it was first seen."""

    id: int
    full_name: str
    topics: list[str] = field(default_factory=list)
    properties: dict[str, list[str]] = field(default_factory=dict)
    folders: dict[str, list[str]] = field(default_factory=dict)
    archived: bool = False
    fork: bool = False
    now: str | None = None

    @property
    def name(self) -> str:
        """The repository's name without its owner."""
        return self.full_name.rpartition("/")[2]

    def having(self, properties: dict[str, list[str]]) -> Known:
        """Return the same repository with these custom properties."""
        return replace(self, properties=properties)


@dataclass(frozen=True)
class Listing:
    """What an organisation's server said at `read_at` (naive UTC); `partial` where single sign-on hid some."""

    organisation: str
    read_at: datetime
    repositories: list[Known]
    partial: str = ""


@dataclass(frozen=True)
class Discovered:
    """One service that block number `block` found."""

    block: int
    name: str
    repository: str
    folder: str | None
    owners: list[tuple[date, str]]

    @property
    def team(self) -> str | None:
        """The team that owns it today."""
        return self.owners[-1][1] if self.owners else None


def found_by(
    blocks: Sequence[Discover],
    listings: Mapping[str, Listing],
    written: Sequence[Mapping[str, Any]],
    today: date | None = None,
) -> Iterator[Discovered]:
    """Yield the services that the blocks find; a repository belongs to the first block that it fits.

    `written` are the services of lab.toml: they win over one of the same name, repository or paths.
    """
    today = today or datetime.now(UTC).date()
    own_names = {str(one.get("name")) for one in written}
    names: set[str] = set()
    whole = {str(one.get("repository")).casefold() for one in written if not one.get("paths")}
    parts = {(str(one.get("repository")).casefold(), path) for one in written for path in _texts(one.get("paths"))}
    seen: set[str] = set()
    for number, block in enumerate(blocks):
        listing = listings.get(block.organisation.casefold())
        for known in listing.repositories if listing else []:
            own = known.full_name.casefold()
            if own in whole or own in seen or not block.fits(known):
                continue
            if block.folders is None and any(repository == own for repository, _ in parts):
                continue
            seen.add(own)
            for folder in [None] if block.folders is None else known.folders.get(block.folders, []):
                if folder is not None and (own, f"{folder}/**") in parts:
                    continue
                short = known.name if folder is None else folder.rpartition("/")[2]
                if short in own_names:
                    continue
                whole_name = known.full_name.replace("/", "-")
                longer = (whole_name,) if folder is None else (f"{known.name}-{short}", f"{whole_name}-{short}")
                name = _free(names, short, *longer)
                if name is not None:
                    names.add(name)
                    yield Discovered(number, name, known.full_name, folder, block.owners_of(known, short, today))


def _free(taken: set[str], *names: str) -> str | None:
    return next((name for name in names if name not in taken), None)


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else [one for one in value or [] if isinstance(one, str)]


# ---------------------------------------------------------------------- what is known, in its file


def file_of(path: Path) -> Path:
    """Return the file beside a ``lab.toml`` that keeps what organisations' servers said last."""
    return path.with_name(f"{path.stem}.discovered.json")


def listings(path: Path) -> dict[str, Listing]:
    """Return what is known of each organisation (in lower case); {} where nothing was asked yet or the file is torn."""
    try:
        raw = json.loads(file_of(path).read_text("utf-8"))
        if raw["version"] != VERSION:
            return {}
        return {name: _listing(one) for name, one in raw["organisations"].items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def keep(path: Path, known: Mapping[str, Listing]) -> None:
    """Write what is known beside ``lab.toml``; readers see the old file or the new one."""
    body = {name: {**asdict(one), "read_at": one.read_at.isoformat()} for name, one in sorted(known.items())}
    text = json.dumps({"version": VERSION, "organisations": body}, indent=1)
    file = file_of(path)
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(text, "utf-8")
    partial.replace(file)


def _listing(raw: dict[str, Any]) -> Listing:
    own = Listing(raw["organisation"], datetime.fromisoformat(raw["read_at"]), [], raw["partial"])
    return replace(own, repositories=[Known(**one) for one in raw["repositories"]])
