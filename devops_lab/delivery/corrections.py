"""``corrections.toml`` beside lab.toml: what people know better than the rules, with who, when and why.

::

    [[correction]]
    kind = "incident"                        # or "deployment"
    service = "checkout"
    id = "acme/checkout#12"
    by = "ada"
    made_at = 2026-01-02T03:04:05Z
    reason = "the provider was down"
    not_a_change = true                      # incident: deployment, not_a_change, duplicate_of, started_at, resolved_at
                                             # deployment: excluded, unplanned, result

The file is reviewed in Git and survives the store; of two corrections of one thing the one made later wins.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

from devops_lab.errors import ConfigError

RESULTS = ("success", "failure")
COMMON: Mapping[str, type] = {"kind": str, "id": str, "service": str, "by": str, "made_at": datetime, "reason": str}
VALUES: Mapping[str, Mapping[str, type]] = {
    "incident": {
        "deployment": str,
        "not_a_change": bool,
        "duplicate_of": str,
        "started_at": datetime,
        "resolved_at": datetime,
    },
    "deployment": {"excluded": bool, "unplanned": bool, "result": str},
}
_WANTED = {str: "a text", bool: "true or false", datetime: "an instant such as 2026-01-02T03:04:05Z"}


@dataclass(frozen=True)
class Correction:
    """One correction; `values` are the columns it sets, instants are naive UTC."""

    kind: str
    service: str
    id: str
    by: str
    made_at: datetime
    reason: str
    values: Mapping[str, Any]

    def __str__(self) -> str:
        said = ", ".join(f"{name} = {value}" for name, value in self.values.items())
        return f"{self.service}: {self.kind} {self.id}: {said} ({self.by}, {self.made_at:%Y-%m-%d}: {self.reason})"


def load(path: str | Path) -> list[Correction]:
    """Return the corrections of `path` in the order they were made; no file means none.

    Errors: ConfigError names every problem, with the number of its correction.
    """
    path = Path(path)
    document = _read(path)
    tables, problems = _tables(document)
    found = [_correction(number, table, problems) for number, table in enumerate(tables, 1)]
    if problems:
        raise ConfigError(path, problems)
    return sorted((one for one in found if one is not None), key=lambda one: one.made_at)


def add(
    path: str | Path,
    kind: str,
    service: str,
    id: str,
    *,
    by: str,
    reason: str,
    made_at: datetime | None = None,
    **values: Any,
) -> Correction:
    """Append one correction to `path` and return it; comments and order of the file stay.

    `made_at` is now unless given.  Errors: ConfigError when it, or the file as it is, has problems; nothing is written
    then.
    """
    path = Path(path)
    load(path)
    moment = (made_at or datetime.now(UTC)).replace(microsecond=0)
    given = {"kind": kind, "service": service, "id": id, "by": by, "made_at": _moment(moment), "reason": reason}
    problems: list[str] = []
    correction = _correction(None, {**given, **values}, problems)
    if correction is None or problems:
        raise ConfigError(path, problems)
    document = _read(path)
    table = tomlkit.table()
    for name, value in {**given, **correction.values}.items():
        table.add(name, value.replace(tzinfo=UTC) if isinstance(value, datetime) else value)
    entries: Any = document.get("correction")
    if not isinstance(entries, AoT):
        entries = tomlkit.aot()
        document["correction"] = entries
    entries.append(table)
    _write(path, tomlkit.dumps(document))
    return correction


def undo(path: str | Path, number: int | None = None) -> Correction:
    """Take one correction out of `path` and return it: the one made last, or the `number`-th that `load` returns.

    Numbers begin with 1.  Errors: ConfigError when there is none of that number.
    """
    path = Path(path)
    found = load(path)
    number = len(found) if number is None else number
    if not 1 <= number <= len(found):
        said = f"there is no correction {number}; there are {len(found)}" if found else "there is nothing to take back"
        raise ConfigError(path, [said])
    document = _read(path)
    tables, _ = _tables(document)
    places = sorted(range(len(tables)), key=lambda place: _moment(tables[place]["made_at"]))
    entries: Any = document["correction"]
    entries.pop(places[number - 1])
    if not entries:
        document.remove("correction")
    _write(path, tomlkit.dumps(document))
    return found[number - 1]


def _read(path: Path) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(path.read_text("utf-8"))
    except FileNotFoundError:
        return tomlkit.document()
    except (TOMLKitError, UnicodeDecodeError) as problem:
        raise ConfigError(path, [f"not TOML: {problem}"]) from problem
    except OSError as problem:
        raise ConfigError(path, [f"cannot be read: {problem.strerror}"]) from problem


def _tables(document: tomlkit.TOMLDocument) -> tuple[list[dict[str, Any]], list[str]]:
    problems = [
        f"{name!r} is no setting here; each correction begins with [[correction]]"
        for name in document
        if name != "correction"
    ]
    entries = document.unwrap().get("correction", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return [], [*problems, "'correction' must be written as [[correction]]"]
    return entries, problems


def _correction(number: int | None, table: Mapping[str, Any], problems: list[str]) -> Correction | None:
    """Return the checked correction; None with its problems added."""
    place = "correction" if number is None else f"correction {number}"
    kind = str(table.get("kind"))
    if kind not in VALUES:
        problems.append(f"{place}: kind = {table.get('kind')!r}: must be {' or '.join(map(repr, VALUES))}")
        return None
    allowed = {**COMMON, **VALUES[kind]}
    found = [f"{place}: {name!r} is missing" for name in COMMON if name not in table]
    for name, value in table.items():
        found += _wrong(place, name, value, allowed)
    given = {name: value for name, value in table.items() if name in VALUES[kind]}
    if not given:
        found.append(f"{place}: corrects nothing; set one of {', '.join(VALUES[kind])}")
    if given.get("result", "success") not in RESULTS:
        found.append(f"{place}: result = {given['result']!r}: must be {' or '.join(map(repr, RESULTS))}")
    problems += found
    if found:
        return None
    clean: dict[str, Any] = {
        name: _moment(value) if isinstance(value, datetime) else value for name, value in table.items()
    }
    return Correction(**{name: clean[name] for name in COMMON}, values={name: clean[name] for name in given})


def _wrong(place: str, name: str, value: Any, allowed: Mapping[str, type]) -> list[str]:
    if name not in allowed:
        return [f"{place}: {name!r} is no setting here; there are {', '.join(allowed)}"]
    if not isinstance(value, allowed[name]) or (value == "" and name != "reason"):
        return [f"{place}: {name} = {value!r}: must be {_WANTED[allowed[name]]}"]
    return []


def _moment(moment: datetime) -> datetime:
    return moment if moment.tzinfo is None else moment.astimezone(UTC).replace(tzinfo=None)


def _write(path: Path, text: str) -> None:
    """Write the file whole or not at all."""
    try:
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            file.write(text)
        written = Path(file.name)
        written.chmod(mode)
        written.replace(path)
    except OSError as problem:
        raise ConfigError(path, [f"cannot be written: {problem.strerror}"]) from problem
