"""CSV, JSON and Parquet files as rows of named values, as they stand there."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from devops_lab.errors import AccessError, RowError
from devops_lab.rows import restored
from devops_lab.tables import Table

DELIMITERS = ",;\t|"
Values = Mapping[str, Any]


class Raw(NamedTuple):
    """A file's rows as they stand there: `names` of the columns, and (place, values by name) of each row.

    `certain` says that the file lists its columns; JSON objects leave out what they do not have.
    """

    names: list[str]
    rows: list[tuple[str, Values]]
    certain: bool = True


def open_file(path: Path, table: Table, inside: str | None = None) -> Raw:
    """Read a file whole; `inside` is where the list of rows lies in a JSON document ("data", "status.history").

    Of a column that a CSV file has several times (Jira's labels) the values are a list of those that are not empty.

    Errors: AccessError when the file is not there or of another kind; RowError, named by `table`, for broken ones.
    """
    kinds = {".csv": _csv, ".tsv": _csv, ".json": _json, ".jsonl": _json, ".ndjson": _json, ".parquet": _parquet}
    reader = kinds.get(path.suffix.lower())
    if reader is None:
        raise AccessError(f"{path} is no file the lab can read; it reads {', '.join(kinds)}")
    if inside is not None and path.suffix.lower() != ".json":
        raise AccessError(f"{path}: rows = {inside!r} says where the list lies in a .json document; leave it out here")
    try:
        return reader(path) if inside is None else _inside(path, inside)
    except FileNotFoundError as problem:
        raise AccessError(f"{path} is not there") from problem
    except (PermissionError, IsADirectoryError) as problem:
        raise AccessError(f"{path} cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise RowError(
            table.name, [f"{path.name}: byte {problem.start} is no UTF-8; save the file as UTF-8"]
        ) from problem
    except (json.JSONDecodeError, csv.Error, pa.ArrowInvalid) as problem:
        raise RowError(table.name, [f"{path.name}: {problem}"]) from problem
    except RecursionError as problem:
        raise RowError(table.name, [f"{path.name}: its objects lie too deep in each other"]) from problem


def _csv(path: Path) -> Raw:
    text = path.read_text("utf-8-sig")
    header = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    names = [name.strip() for name in next(lines, [])]
    several = {name for name in names if names.count(name) > 1}
    rows: list[tuple[str, Values]] = []
    for number, cells in enumerate(filter(None, lines), 1):
        pairs = list(zip(names, map(restored, cells), strict=False))
        values: dict[str, Any] = dict(pairs)
        for name in several:
            values[name] = [cell for one, cell in pairs if one == name and cell.strip()]
        rows.append((f"row {number} (line {lines.line_num})", values))
    return Raw(names, rows)


def _json(path: Path) -> Raw:
    text = path.read_text("utf-8-sig")
    if path.suffix.lower() == ".json":
        rows = json.loads(text or "[]")
    else:
        rows = [json.loads(line) for line in text.split("\n") if line.strip()]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        deeper = [name for name, value in rows.items() if isinstance(value, list)] if isinstance(rows, dict) else []
        hint = f"; if it lies deeper, say rows = {deeper[0]!r}" if deeper else ""
        raise json.JSONDecodeError(f"a list of objects is needed, one object a row{hint}", text[:1], 0)
    return _objects([flat(row) for row in rows])


def _inside(path: Path, inside: str) -> Raw:
    """Read the rows that lie deeper in a document; what encloses a row has its names too, where no row has them."""
    text = path.read_text("utf-8-sig")
    document = json.loads(text or "[]")
    found = list(_reached(document, inside.split("."), {}))
    if not found and document:
        there = ", ".join(_first(document)) or "none"
        raise json.JSONDecodeError(f"there is no {inside!r} in it; there are {there}", text[:1], 0)
    rows = [(around, row) for around, several in found for row in several]
    own = {name for _, row in rows for name in row}
    return _objects([{**{name: one for name, one in around.items() if name not in own}, **row} for around, row in rows])


def _reached(
    value: Any, steps: list[str], around: dict[str, Any], item: bool = True
) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    """Yield (what encloses them, rows) for each place that `steps` lead to; `item`: `value` has names of its own."""
    if not steps:
        rows = value if isinstance(value, list) else [value]
        if not all(isinstance(row, dict) for row in rows):
            raise json.JSONDecodeError("a list of objects is needed, one object a row", str(value)[:1], 0)
        yield around, [flat(row) for row in rows]
    elif isinstance(value, list):
        for one in value:
            yield from _reached(one, steps, around)
    elif isinstance(value, dict) and steps[0] in value:
        outer = {**around, **flat(value)} if item else around
        yield from _reached(value[steps[0]], steps[1:], outer, item=False)


def _first(document: Any) -> list[str]:
    one = document[0] if isinstance(document, list) else document
    return list(one) if isinstance(one, dict) else []


def flat(value: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return an object with what lies in its objects beside it, by names with points: {"meta": …, "meta.sha": …}."""
    found: dict[str, Any] = {}
    for name, one in value.items():
        found[before + name] = one
        if isinstance(one, dict):
            found |= flat(one, f"{before}{name}.")
    return found


def _objects(rows: list[dict[str, Any]]) -> Raw:
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Raw(names, [(f"row {number}", row) for number, row in enumerate(rows, 1)], certain=False)


def _parquet(path: Path) -> Raw:
    table = pq.read_table(path)
    fields = [
        pa.field(field.name, pa.timestamp("us", field.type.tz)) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    rows = table.cast(pa.schema(fields), safe=False).to_pylist()
    return Raw(table.column_names, [(f"row {number}", row) for number, row in enumerate(rows, 1)])
