"""Rows of one table into a store from a file that somebody wrote; a whole store goes out and in by `archive`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from devops_lab.config import Settings
from devops_lab.errors import QuestionError
from devops_lab.sources.files import read_rows
from devops_lab.store import Store, Written
from devops_lab.sync import derive, people_of
from devops_lab.tables import TABLES


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
