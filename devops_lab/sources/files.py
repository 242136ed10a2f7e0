"""Incidents and deployments that other systems know, from CSV, JSON and Parquet files; the same reader serves imports.

Dates are ISO 8601 with or without an offset (without one they are UTC), or seconds since 1970.  Nothing is half read:
every wrong value is named with its file, row, column and what would be right, ten at a time.
"""

from __future__ import annotations

import csv
import difflib
import glob
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from devops_lab.errors import AccessError, RowError
from devops_lab.rows import restored
from devops_lab.sources.values import EPOCH, VALUES, Unfit
from devops_lab.tables import TABLES, Column, Table

Row = dict[str, Any]

OWN = ("source", "fetched_at")  # the store fills them
DELIMITERS = ",;\t|"


class Raw(NamedTuple):
    """A file's rows as they stand there: `names` of the columns, and (place, values by name) of each row."""

    names: list[str]
    rows: Iterator[tuple[str, Mapping[str, Any]]]


class Files:
    """The file source of one service and one stored table, "incidents" or "reported_deployments".

    `pattern` is a path or glob relative to `folder` (where lab.toml lies); `columns` maps our column names to the
    file's.  Rows with one id are one: the later row of the later file stays.
    """

    name = "file"

    def __init__(
        self, folder: Path, service: str, table: str, pattern: str, columns: Mapping[str, str] | None = None
    ) -> None:
        self.folder, self.service, self.pattern = Path(folder), service, pattern
        self.table, self.columns = TABLES[table], dict(columns or {})

    def pull(self, since: datetime | None, until: datetime) -> Iterator[tuple[str, list[Row]]]:
        """Yield (table name, rows) of all files, then of the ledger, whose `repository` is the service's name.

        `since` changes nothing: a file is read whole.  A file of incidents speaks for all time until `until`: no row
        means no incident.  A file of deployments speaks from its earliest row on, since nobody knows what came before.

        Errors: AccessError when no file matches or one cannot be read; RowError for values that do not fit.
        """
        rows: dict[Any, Row] = {}
        for path in self.paths():
            for row in read_rows(path, self.table, self.columns, {"service": self.service}):
                row.pop("source", None)  # a tracker's own column of that name says something else
                rows[row["id"]] = row
        yield self.table.name, list(rows.values())
        yield "sync_ledger", [self._ledger(list(rows.values()), until)]

    def paths(self) -> list[Path]:
        """Return the files that the pattern means, by name; AccessError with the nearest names when there is none."""
        escaped = Path(glob.escape(str(self.folder)), self.pattern)
        names = glob.glob(str(escaped), recursive=True)  # noqa: PTH207 - Path.glob refuses absolute patterns
        found = sorted(path for path in map(Path, names) if path.is_file())
        if found:
            return found
        place = self.folder / self.pattern
        beside = [file.name for file in place.parent.iterdir() if file.is_file()] if place.parent.is_dir() else []
        near = difflib.get_close_matches(place.name, beside, 3, 0.3)
        hint = f"nearest there: {', '.join(near)}" if near else f"{place.parent} holds no file like it"
        raise AccessError(
            f"service {self.service!r}: no file matches {self.pattern!r} in {self.folder} ({hint}); "
            "paths are relative to lab.toml"
        )

    def _ledger(self, rows: list[Row], until: datetime) -> Row:
        start = EPOCH
        if self.table.name != "incidents":
            instants = (row.get("started_at") or row["finished_at"] for row in rows)
            start = min(instants, default=until)
        return {
            "repository": self.service,
            "source": self.name,
            "table_name": self.table.name,
            "window_start": min(start, until),
            "window_end": until,
            "asked": len(rows),
            "fetched": len(rows),
            "capped": 0,
            "missing": 0,
            "refused": None,
        }


def read_rows(
    path: Path | str,
    table: Table,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
) -> list[Row]:
    """Read a CSV, JSON (a list of objects, or one object a line) or Parquet file as typed rows of `table`.

    `columns` maps our names to the file's; other columns of the file that the table does not know are left out.
    `constants` are put into every row and need not be in the file.  ``source`` and ``fetched_at`` are the store's own
    and may be missing.  Rows count from 1; in CSV the file's line is named too.

    Errors: RowError names each problem's file, row, column, value and what would be right, ten of them; AccessError
    when the file is not there or of another kind.
    """
    path, columns, constants = Path(path), dict(columns or {}), dict(constants or {})
    raw = _open(path, table)
    wanted = {column.name: columns.get(column.name, column.name) for column in table.columns}
    problems = _missing(path, table, columns, constants, raw.names, wanted)
    if problems:
        raise RowError(table.name, problems)
    taken = [
        column
        for column in table.columns
        if column.name not in constants and wanted[column.name] in raw.names and column.name != "fetched_at"
    ]
    rows = []
    for place, values in raw.rows:
        row = dict(constants)
        for column in taken:
            try:
                row[column.name] = _value(column, values.get(wanted[column.name]))
            except Unfit as unfit:
                shown = _column_name(column.name, wanted[column.name])
                problems.append(f"{path.name}, {place}, {shown}: {unfit}")
        rows.append(row)
    if problems:
        raise RowError(table.name, problems)
    return rows


def _value(column: Column, value: Any) -> Any:
    if isinstance(value, str) and not column.free:
        value = value.strip()
    if value is None or value == "" or value != value:
        if column.required and column.name not in OWN:
            raise Unfit(f"is empty; {VALUES[column.type].wanted} is needed")
        return None
    return VALUES[column.type].read(value)


def _column_name(ours: str, theirs: str) -> str:
    return f"column {ours}" if ours == theirs else f"column {theirs} ({ours})"


def _missing(
    path: Path,
    table: Table,
    columns: Mapping[str, str],
    constants: Mapping[str, Any],
    names: list[str],
    wanted: Mapping[str, str],
) -> list[str]:
    known = ", ".join(name for name in table.names if name not in OWN)
    problems = [
        f"{path.name}: the setting columns names {name!r}, which {table.name} does not have; it has {known}"
        for name in columns
        if name not in table.names
    ]
    there = ", ".join(names) or "none"
    for column in table.columns:
        if column.name in constants or column.name in OWN or wanted[column.name] in names:
            continue
        if column.name in columns:
            problems.append(
                f"{path.name}: there is no column {wanted[column.name]!r} for {column.name}; columns: {there}"
            )
        elif column.required:
            problems.append(
                f"{path.name}: the column {column.name!r} is missing ({column.text.rstrip('.')}); columns: {there}; "
                f'if it is called otherwise, say columns = {{ {column.name} = "…" }}'
            )
    return problems


def _open(path: Path, table: Table) -> Raw:
    kinds = {".csv": _csv, ".tsv": _csv, ".json": _json, ".jsonl": _json, ".ndjson": _json, ".parquet": _parquet}
    reader = kinds.get(path.suffix.lower())
    if reader is None:
        raise AccessError(f"{path} is no file the lab can read; it reads {', '.join(kinds)}")
    try:
        return reader(path)
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


def _csv(path: Path) -> Raw:
    text = path.read_text("utf-8-sig")
    header = text.partition("\n")[0]
    delimiter = max(DELIMITERS, key=header.count)
    lines = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    names = [name.strip() for name in next(lines, [])]
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for number, values in enumerate(filter(None, lines), 1):
        rows.append((f"row {number} (line {lines.line_num})", dict(zip(names, map(restored, values), strict=False))))
    return Raw(names, iter(rows))


def _json(path: Path) -> Raw:
    text = path.read_text("utf-8-sig")
    if path.suffix.lower() == ".json":
        rows = json.loads(text or "[]")
    else:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise json.JSONDecodeError("a list of objects is needed, one object a row", text[:1], 0)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return Raw(names, ((f"row {number}", row) for number, row in enumerate(rows, 1)))


def _parquet(path: Path) -> Raw:
    table = pq.read_table(path)
    fields = [
        pa.field(field.name, pa.timestamp("us", field.type.tz)) if pa.types.is_timestamp(field.type) else field
        for field in table.schema
    ]
    rows = table.cast(pa.schema(fields), safe=False).to_pylist()
    return Raw(table.column_names, ((f"row {number}", row) for number, row in enumerate(rows, 1)))
