"""A metric's definition: one SQL file whose first comment says what it is and how to sum it up.

::

    -- deployment_frequency
    -- Successful production deployments: how often …              the docstring: unit and what first
    -- unit: count | statistic: count | window: per week           the specification
    -- reference: https://…
    select service, repository, finished_at as occurred_at, 1 as value, …

The specification begins at the first line that starts with one of its keys:

===========  =========================================================================================================
unit         what the values are: hours, share, count, …
statistic    one or several of median, p1 … p99, share, count, sum, ratio, highest, lowest (commas between)
better       lower or higher (left out: neither)
kind         event (default) or state: the query joins ``periods`` and returns ``period_start`` with each row
parameters   ``name = default`` with commas between; further allowed values after ``or``: ``clock = 'a' or 'b'``
window       the statistic over a whole window where it differs: ``per week`` or ``per day``
resample     the column whose equal values come together (``ended_at``: one deployment); see statistics.resampled
once         the column that, with the repository, names a thing that counts once above services
covered_by   the tables without which nothing can be said, commas between (default: all that the query reads)
reference    where the definition comes from
changed      the lab's version since which it counts otherwise, and how: ``0.2.0 reopened issues count``
===========  =========================================================================================================
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from devops_lab.errors import ConfigError, QuestionError
from devops_lab.metrics import statistics
from devops_lab.tables import TABLES

CANONICAL = (
    "service", "team", "repository", "occurred_at", "value", "id", "url",
    "started_at", "ended_at", "denominator", "censored", "excluded",
)  # fmt: skip
KEYS = ("unit", "statistic", "better", "kind", "parameters", "window", "resample", "once", "covered_by", "reference",
        "changed")  # fmt: skip
_KEY = re.compile(rf"({'|'.join(KEYS)})\s*:")
_FIELD = re.compile(r"\s*([a-z_]+)\s*:\s*(\S.*?)\s*")
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_PARAMETER = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")
_TEXT_OR_COMMENT = re.compile(r"('(?:[^']|'')*')|--[^\n]*|/\*.*?\*/", re.DOTALL)
D = TypeVar("D", bound="Definition")


@dataclass(frozen=True)
class Definition:
    """What a metric's file says; `text` is its docstring, `sql` the whole file."""

    name: str
    text: str
    unit: str
    statistics: tuple[str, ...]
    sql: str
    path: Path
    better: str | None = None
    kind: str = "event"
    parameters: dict[str, Any] = field(default_factory=dict, hash=False)
    choices: dict[str, tuple[Any, ...]] = field(default_factory=dict, hash=False)
    window_statistic: str | None = None
    resample: str | None = None
    once: str | None = None
    covered_by: tuple[str, ...] = ()
    reference: str | None = None
    changed: tuple[str, str] | None = None

    @property
    def phase(self) -> str:
        """The folder it lies in: dora, plan, code, …"""
        return self.path.parent.name

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that the query reads."""
        words = _words(self.sql)
        return tuple(name for name in TABLES if name in words)

    @property
    def query(self) -> str:
        """The query without its comments, whose words would look like tables."""
        return _query(self.sql)

    def bound(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the parameters with their defaults; QuestionError for an unknown name or a value that does not fit."""
        for name, value in given.items():
            if name not in self.parameters:
                known = ", ".join(self.parameters) or "none"
                raise QuestionError(f"{self.name} has no parameter {name!r}; parameters: {known}")
            allowed, default = self.choices.get(name), self.parameters[name]
            if allowed and value not in allowed:
                raise QuestionError(f"{self.name}: {name} = {value!r}; must be one of {', '.join(map(repr, allowed))}")
            if default is not None and not _fits(value, default):
                raise QuestionError(f"{self.name}: {name} = {value!r}; must be like its default, {default!r}")
        return {**self.parameters, **given}


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    return isinstance(value, (int, float) if isinstance(default, (int, float)) else type(default))


def read(path: Path, kind: type[D]) -> D:
    """Read a metric's file into `kind` (a Definition); ConfigError names the file, the line and all problems."""
    try:
        sql = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ConfigError(path, [f"cannot be read: {problem}"]) from problem
    header = _header(sql)
    problems: list[str] = []
    start = next((place for place, (_, line) in enumerate(header) if _KEY.match(line)), len(header))
    fields = _fields(header[start:], problems)
    text = _docstring(path.stem, header[:start], problems)
    found = _specification(fields, len(header), problems)
    defaults, choices = found.pop("parameters"), found.pop("choices")
    _used(sql, defaults, fields.get("parameters", (len(header), ""))[0], problems)
    if found["kind"] == "state" and "periods" not in _words(sql):
        line = fields["kind"][0]
        problems.append(f"line {line}: kind = 'state', but the query does not join periods(period_start, period_end)")
    if not _query(sql):
        problems.append(f"line {len(header) + 1}: there is no query below the header")
    if problems:
        raise ConfigError(path, problems)
    return kind(name=path.stem, text=text, sql=sql, path=path, parameters=defaults, choices=choices, **found)


def _words(sql: str) -> set[str]:
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", _TEXT_OR_COMMENT.sub(" ", sql)))


def _query(sql: str) -> str:
    return _TEXT_OR_COMMENT.sub(lambda match: match.group(1) or " ", sql).strip()


def _header(sql: str) -> list[tuple[int, str]]:
    lines = []
    for number, line in enumerate(sql.splitlines(), 1):
        if not line.startswith("--"):
            break
        lines.append((number, line[2:].strip()))
    return lines


def _docstring(name: str, lines: list[tuple[int, str]], problems: list[str]) -> str:
    if not _NAME.fullmatch(name):
        problems.append(f"the file's name {name!r} is no metric's name: lower case letters, digits and _ only")
    if not lines or lines[0][1] != name:
        problems.append(f"line 1: must be the metric's name, -- {name}")
    text = "\n".join(line for _, line in lines[1:]).strip()
    if not text:
        problems.append("line 2: says nothing; the unit and what is measured must stand there")
    return text


def _fields(lines: list[tuple[int, str]], problems: list[str]) -> dict[str, tuple[int, str]]:
    fields: dict[str, tuple[int, str]] = {}
    for number, line in lines:
        for part in filter(None, (part.strip() for part in line.split("|"))):
            match = _FIELD.fullmatch(part)
            if not match:
                problems.append(f"line {number}: {part!r} is not `key: value`")
            elif match.group(1) not in KEYS:
                problems.append(f"line {number}: {match.group(1)!r} is no key; keys: {', '.join(KEYS)}")
            elif match.group(1) in fields:
                problems.append(f"line {number}: {match.group(1)!r} stands there twice")
            else:
                fields[match.group(1)] = (number, match.group(2))
    return fields


def _specification(fields: dict[str, tuple[int, str]], last: int, problems: list[str]) -> dict[str, Any]:
    plain = {key: value for key, (_, value) in fields.items()}
    for key in ("unit", "statistic"):
        if key not in fields:
            problems.append(f"line {last}: the header says no `{key}:`")
    names = tuple(name.strip() for name in plain.get("statistic", "count").split(","))
    for key, given in (("statistic", names), ("window", (plain["window"],) if "window" in plain else ())):
        for name in given:
            try:
                statistics.check(name)
            except QuestionError as problem:
                problems.append(f"line {fields[key][0]}: {problem}")
    allowed = {
        "better": ("lower", "higher"),
        "kind": ("event", "state"),
        "resample": CANONICAL,
        "once": CANONICAL,
    }
    for key, values in allowed.items():
        if key in plain and plain[key] not in values:
            problems.append(f"line {fields[key][0]}: {key} = {plain[key]!r}; must be one of {', '.join(values)}")
    covered_by = tuple(name.strip() for name in plain["covered_by"].split(",")) if "covered_by" in plain else ()
    for name in covered_by:
        if name not in TABLES:
            problems.append(f"line {fields['covered_by'][0]}: covered_by names {name!r}, which is no stored table")
    defaults, choices = _parameters(*fields.get("parameters", (0, "")), problems)
    return {
        "unit": plain.get("unit", ""),
        "statistics": names,
        "better": plain.get("better"),
        "kind": plain.get("kind", "event"),
        "window_statistic": plain.get("window"),
        "resample": plain.get("resample"),
        "once": plain.get("once"),
        "covered_by": covered_by,
        "reference": plain.get("reference"),
        "changed": _changed(*fields["changed"], problems) if "changed" in fields else None,
        "parameters": defaults,
        "choices": choices,
    }


def _changed(line: int, text: str, problems: list[str]) -> tuple[str, str] | None:
    version, _, what = text.partition(" ")
    if not re.fullmatch(r"\d+(\.\d+)*", version) or not what.strip():
        problems.append(
            f"line {line}: changed = {text!r}; write the version and what changed: 0.2.0 reopened issues count"
        )
        return None
    return version, what.strip()


def _parameters(line: int, text: str, problems: list[str]) -> tuple[dict[str, Any], dict[str, tuple[Any, ...]]]:
    defaults: dict[str, Any] = {}
    choices: dict[str, tuple[Any, ...]] = {}
    for part in re.findall(r"(?:'[^']*'|[^,'])+", text):
        name, equals, values = (piece.strip() for piece in part.partition("="))
        try:
            read_values = tuple(_literal(value) for value in re.split(r"\s+or\s+", values))
        except (ValueError, SyntaxError):
            read_values = ()
        if not (equals and _NAME.fullmatch(name) and read_values):
            way_out = "write name = 'text', 24, 0.5, true or null"
            problems.append(f"line {line}: {part.strip()!r} is no parameter; {way_out}")
            continue
        defaults[name] = read_values[0]
        if len(read_values) > 1:
            choices[name] = read_values
    return defaults, choices


def _literal(text: str) -> Any:
    words = {"true": True, "false": False, "null": None}
    if text in words:
        return words[text]
    value = ast.literal_eval(text)
    if not isinstance(value, (str, int, float)) or isinstance(value, bool):
        raise ValueError(text)
    return value


def _used(sql: str, defaults: dict[str, Any], line: int, problems: list[str]) -> None:
    used = set(_PARAMETER.findall(_TEXT_OR_COMMENT.sub(" ", sql))) - {"as_of"}
    for name in sorted(used - defaults.keys()):
        problems.append(f"line {line}: the query uses ${name}, which `parameters:` does not name")
    for name in sorted(defaults.keys() - used):
        problems.append(f"line {line}: the query does not use the parameter {name!r}")
