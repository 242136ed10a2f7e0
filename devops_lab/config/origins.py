"""Where each value of a service comes from: its own table, a profile, the defaults, a discovery, or no line at all."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devops_lab.config import load
from devops_lab.config.discovery import Discover, file_of, listings, parted_block
from devops_lab.config.inheritance import DEFAULTS, Inheritance
from devops_lab.config.service import Service
from devops_lab.errors import QuestionError

BUILT_IN = "built in"
_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""^\s*((?:"[^"]*"|'[^']*'|[\w-]+))(?:\s*\.\s*[^=]+)?\s*=\s*(.*)$""", re.DOTALL)


@dataclass(frozen=True)
class Effective:
    """One value that holds for a service: its key, the value as a person would write it, and where it comes from."""

    key: str
    value: str
    origin: str


def explained(path: Path, name: str) -> list[Effective]:
    """Return every setting of the service `name` of a ``lab.toml``, what is said before what is built in.

    Errors: ConfigError where the file is wrong; QuestionError where there is no such service.
    """
    settings = load(path)
    service = next((one for one in settings.service if one.name == name), None)
    if service is None:
        names = ", ".join(one.name for one in settings.service) or "none"
        raise QuestionError(f"there is no service {name!r}; services: {names}")
    document = tomllib.loads(path.read_text("utf-8-sig"))
    inheritance = Inheritance(dict(document), path.absolute().parent)
    inheritance.written(document.get("service", []))
    written = len(inheritance.found.services)
    parted = [parted_block(one) for one in document.get("discover", [])]
    inheritance.discovered([(Discover.model_validate(own), keys) for own, keys in parted], listings(path))
    place = next(
        place for place, one in enumerate(inheritance.found.services) if isinstance(one, dict) and one["name"] == name
    )
    table, origins = inheritance.found.services[place], inheritance.found.origins[place]
    own = f"service {place + 1}" if place < written else ""
    lines = lines_of(path.read_text("utf-8-sig"))
    found = [_effective(service, key, path, origins.get(key, own), lines) for key in _order(service, table)]
    return sorted(found, key=lambda one: one.origin == BUILT_IN)


def _order(service: Service, table: dict[str, Any]) -> list[str]:
    return [
        name for name in type(service).model_fields if name in table or getattr(service, name) not in (None, [], {})
    ]


def _effective(service: Service, key: str, path: Path, section: str, lines: dict[tuple[str, str], int]) -> Effective:
    value = shown(getattr(service, key))
    if key not in service.model_fields_set:
        return Effective(key, value, BUILT_IN)
    number = lines.get((section, key))
    header = _header(section)
    if number is not None:
        return Effective(key, value, f"{path.name} line {number}, {header}")
    if section.startswith("discover"):
        line = lines.get((section, "team" if key == "team" else "organisation"))
        where = f"{path.name} line {line}, {header}" if line else header
        return Effective(key, value, f"{where}, from {file_of(path).name}")
    return Effective(key, value, f"{path.name}, {header}" if key != "repository" else f"the folder of clone, {header}")


def _header(section: str) -> str:
    if section == DEFAULTS or section.startswith("profile."):
        return f"[{section}]"
    kind, _, number = section.partition(" ")
    return f"[[{kind}]] {number}"


def shown(value: Any) -> str:
    """Return a value as a person would write it."""
    if hasattr(value, "model_dump"):
        value = value.model_dump(by_alias=True, mode="json", exclude_none=True)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {shown(one)}" for key, one in value.items()) + " }" if value else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(shown(one) for one in value) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    return '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def lines_of(text: str) -> dict[tuple[str, str], int]:
    """Return (section, key) → line from 1 on; sections are "defaults", "profile.NAME", "service 2", "discover 1"."""
    found: dict[tuple[str, str], int] = {}
    counts: dict[str, int] = {}
    section = ""
    for number, line in _statements(text):
        header = _HEADER.match(line)
        if header is None:
            statement = _KEY.match(line)
            if statement is not None:
                found.setdefault((section, statement[1].strip("\"'")), number)
            continue
        name = re.sub(r"\s*\.\s*", ".", header[2])
        if header[1] == "[[":
            counts[name] = counts.get(name, 0) + 1
            section = f"{name} {counts[name]}"
            continue
        section, key = _section(name, counts)
        if key:
            found.setdefault((section, key), number)
    return found


def _section(name: str, counts: dict[str, int]) -> tuple[str, str]:
    """Return the section that a header names, and the key whose table it is: [defaults.rework], [service.slo]."""
    parts = name.split(".")
    if parts[0] in counts:
        return (f"{parts[0]} {counts[parts[0]]}", parts[1].strip("\"'")) if len(parts) > 1 else (name, "")
    depth = 2 if parts[0] == "profile" else 1
    return ".".join(one.strip("\"'") for one in parts[:depth]), "".join(parts[depth : depth + 1]).strip("\"'")


def _statements(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, statement): a header, or a key with its whole value, which may go on over lines."""
    lines = text.splitlines()
    place = 0
    while place < len(lines):
        begun, statement = place, lines[place]
        key = None if _HEADER.match(statement) else _KEY.match(statement)
        while key is not None and not _is_whole(statement) and place + 1 < len(lines):
            place += 1
            statement += "\n" + lines[place]
        yield begun + 1, statement
        place += 1


def _is_whole(statement: str) -> bool:
    try:
        tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return False
    return True
