"""``[defaults]``, ``[profile.NAME]`` and ``[[discover]]`` become the keys of each service, with where each came from.

A key replaces the inherited key whole.  ``$service``, ``$repository`` and ``$folder`` in the rules that are named in
`FILLED` stand for the service's own names; queries keep ``$service``, which is bound when they are asked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devops_lab.config.discovery import Discover, Listing, found_by
from devops_lab.config.service import repository_of

DEFAULTS, PROFILE = "defaults", "profile"
FILLED = ("deployment", "incident", "rework", "paths", "junit", "clone")
_PATTERN_CHARACTERS = re.compile(r"([*?+\[\]!\\])")
_PLACE = re.compile(r"\$(service|repository|folder)\b")


@dataclass
class Inherited:
    """The services as tables of keys; `origins` says of each where every key came from, `problems` what is wrong."""

    services: list[Any] = field(default_factory=list)
    origins: list[dict[str, str]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Inheritance:
    """The sets of keys that services take over; made of a parsed ``lab.toml``, whose tables it takes out."""

    def __init__(self, document: dict[str, Any], folder: Path) -> None:
        self.folder = folder
        self.found = Inherited()
        self.sets = {DEFAULTS: self._table(document.pop(DEFAULTS, {}), DEFAULTS)}
        for name, keys in self._table(document.pop(PROFILE, {}), PROFILE).items():
            self.sets[f"{PROFILE}.{name}"] = self._table(keys, f"{PROFILE}.{name}")

    def written(self, services: Any) -> None:
        """Add the services that are written down."""
        for number, service in enumerate(services if isinstance(services, list) else [], 1):
            own = dict(service) if isinstance(service, dict) else service
            self._add(own, f"service {own.get('name', number)!r}" if isinstance(own, dict) else "", None)

    def discovered(self, blocks: list[tuple[Discover, dict[str, Any]]], listings: Mapping[str, Listing]) -> None:
        """Add the services that the blocks find in what is known of their organisations; those written down win."""
        written = [one for one in self.found.services if isinstance(one, dict)]
        for one in found_by([block for block, _ in blocks], listings, written):
            place = f"discover {one.block + 1}"
            keys = {"name": one.name, "repository": one.repository, **blocks[one.block][1]}
            if one.folder is not None:
                keys.setdefault("paths", [f"{literal(one.folder)}/**"])
            if one.team is not None:
                keys["team"] = one.team
            if len(one.owners) > 1:
                keys["owners"] = [{"team": team, "since": since} for since, team in one.owners]
            self._add(keys, place, {"repository": one.repository.rpartition("/")[2], "folder": one.folder or ""})

    def stand_ins(self, blocks: list[tuple[Discover, dict[str, Any]]]) -> Inherited:
        """Return one made-up service for each block, so that its keys can be checked before anything is known."""
        found, self.found = self.found, Inherited()
        for number, (block, keys) in enumerate(blocks, 1):
            own = {"name": "any", "repository": f"{block.organisation}/any", **keys}
            self._add(own, f"discover {number}", {"repository": "any", "folder": "any"})
        tried, self.found = self.found, found
        return tried

    def _add(self, own: Any, place: str, names: dict[str, str] | None) -> None:
        origin: dict[str, str] = {}
        self.found.origins.append(origin)
        if not isinstance(own, dict):
            self.found.services.append(own)
            return
        merged: dict[str, Any] = {}
        for name in self._sets_of(own, place):
            merged |= self.sets[name]
            origin |= dict.fromkeys(self.sets[name], name)
        merged |= own
        for key in own:
            origin.pop(key, None)
        if names is not None:
            origin |= dict.fromkeys(own, place)
        if "repository" not in merged and isinstance(merged.get("clone"), str):
            own_name = {"service": str(merged.get("name", "")), "repository": "$repository", "folder": "$folder"}
            merged["repository"] = repository_of(self.folder / _filled(merged["clone"], own_name))
        repository = str(merged.get("repository", "")).rpartition("/")[2]
        names = {"service": str(merged.get("name", "")), "repository": repository, "folder": "", **(names or {})}
        self.found.services.append(
            {key: _filled(value, names) if key in FILLED else value for key, value in merged.items()}
        )

    def _sets_of(self, own: dict[str, Any], place: str) -> list[str]:
        """Return the names of the sets that a service takes over, and take its ``profile`` out."""
        if PROFILE not in own:
            return [DEFAULTS]
        wanted = own.pop(PROFILE)
        if f"{PROFILE}.{wanted}" in self.sets:
            return [DEFAULTS, f"{PROFILE}.{wanted}"]
        known = ", ".join(name.partition(".")[2] for name in self.sets if name != DEFAULTS) or "none"
        self.found.problems.append(f"{place}: profile {str(wanted)!r} is not there; profiles: {known}")
        return [DEFAULTS]

    def _table(self, value: Any, place: str) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        self.found.problems.append(f"{place} = {value!r}: must be a table, [{place}]")
        return {}


def literal(text: str) -> str:
    """Return a pattern that means `text` and nothing else."""
    return _PATTERN_CHARACTERS.sub(r"\\\1", text)


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(one, names) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, names) for one in value]
    return _PLACE.sub(lambda found: literal(names[found[1]]), value) if isinstance(value, str) else value
