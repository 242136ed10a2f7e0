"""Rows in and out of a store: ``export`` writes every table to files, ``import`` reads one back.

A cell of a CSV file that a spreadsheet would run as a formula gets an apostrophe in front; reading takes it off again,
so that what was exported comes back as it was.
"""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as parquet

from devops_lab.config import Settings
from devops_lab.errors import QuestionError, UserError
from devops_lab.rows import defused
from devops_lab.sources.files import read_rows
from devops_lab.store import Store, Written
from devops_lab.sync import derive, people_of
from devops_lab.tables import TABLES

FORMATS = ("parquet", "csv")


def export_tables(store: Store, folder: str | Path, form: str = "parquet") -> dict[str, int]:
    """Write every table of the handle's snapshot to ``FOLDER/TABLE.parquet`` or ``.csv``; return rows per table.

    Errors: QuestionError on an unknown format; UserError when the folder cannot be written.
    """
    if form not in FORMATS:
        raise QuestionError(f"format {form!r} is not there; formats: {', '.join(FORMATS)}")
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        return {name: _export(store, name, target / f"{name}.{form}") for name in TABLES if name != "snapshots"}
    except OSError as problem:
        raise UserError(f"{target} cannot be written: {problem.strerror or problem}; name another folder") from problem


def _export(store: Store, name: str, path: Path) -> int:
    rows = store.arrow(f'select * from "{name}" order by {", ".join(TABLES[name].key)}')  # noqa: S608 - tables.py
    partial = path.with_suffix(path.suffix + ".partial")
    if path.suffix == ".parquet":
        parquet.write_table(rows, partial)
    else:
        with partial.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(rows.column_names)
            columns = [rows[column].to_pylist() for column in rows.column_names]
            writer.writerows([_cell(value) for value in row] for row in zip(*columns, strict=True))
    partial.replace(path)
    return rows.num_rows


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return defused(value) if isinstance(value, str) else value


def import_rows(store: Store, settings: Settings, table: str, path: str | Path) -> Written:
    """Merge the rows of a CSV, JSON or Parquet file into a stored table, link the facts anew, and name a snapshot.

    Nothing is written unless every row fits.  Errors: RowError names row, column and value; QuestionError for a table
    that is not there or that delivery makes itself.
    """
    known = [name for name, one in TABLES.items() if not one.derived and name not in ("snapshots", "services")]
    if table not in known:
        raise QuestionError(f"rows cannot be imported into {table!r}; tables: {', '.join(known)}")
    writer = Store(store.path, latest=True)
    with writer.lock():
        rows = read_rows(Path(path), TABLES[table])
        written = writer.write(table, rows, source="file", people=people_of(settings))
        derive(writer, settings, writer.as_of or datetime.now(UTC).replace(tzinfo=None))
    store.refresh()
    return written
