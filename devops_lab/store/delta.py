"""A folder of Delta tables, one for each stored table: opened, made, migrated, merged, tidied.

The only importer of deltalake; what is wrong with a folder or a table is said here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, Schema, write_deltalake
from deltalake.exceptions import DeltaError, TableNotFoundError

from devops_lab import engines
from devops_lab.errors import StoreError, UserError
from devops_lab.rows import ARROW_TYPES, schema
from devops_lab.tables import TABLES, Column, Table

KEEP_HOURS = 24 * 30
LOG_KEPT = "30 days"
MANY_FILES = 40
WHOLE = ".whole"  # lies in a migrated copy whose rows were counted
Months = list[tuple[str, str, Any]] | None


class Folder:
    """The tables in `path`, a local folder or ``s3://…``, ``az://…``, ``gs://…``; a table nobody made yet is None."""

    def __init__(self, path: str | Path) -> None:
        self.remote = "://" in str(path)
        self.path = str(path) if self.remote else str(Path(path).absolute())
        if set(self.path) & set("[]"):  # deltalake cannot address such a folder: it panics
            raise UserError(f"the store {self.path} cannot lie in a folder whose name has [ or ]; name another folder")
        if not self.remote:
            self._settle(Path(self.path))

    @staticmethod
    def _settle(here: Path) -> None:
        """End what a migration that was killed between its two last steps began: the copy is whole, the place free."""
        aside, before = here.with_name(f"{here.name}.migrating"), here.with_name(f"{here.name}.before")
        if not here.exists() and (aside / WHOLE).is_file() and before.is_dir():
            with suppress(FileNotFoundError, FileExistsError):  # another process was quicker
                aside.rename(here)

    def open(self, name: str, version: int | None = None, must: bool = False) -> DeltaTable | None:
        """Return a table, the newest version or an older one; StoreError when it is there and cannot be read.

        A folder without a first commit is no table yet: the sync that began it was killed.  `must`: a snapshot names
        the table, so it has to be there.
        """
        if not self.remote and not must and not any(Path(self._uri(name), "_delta_log").glob("[0-9]*.*[!p]")):
            return None
        try:
            return DeltaTable(self._uri(name), version=version)
        except TableNotFoundError as problem:
            if self.remote:
                return None
            raise self._damaged(name, problem) from problem
        except (DeltaError, OSError, ValueError) as problem:
            raise self._damaged(name, problem) from problem

    def select_for(self, table: Table, delta: DeltaTable, rows: pa.Table) -> str:
        """Return the SELECT over the stored rows that `rows` may write over; others may be there, none lacks.

        Where the key has the instant that months are made of, only the files of those months are read.
        """
        months = _months(table, rows)
        filters = None if months is None else [("month", "in", months)]
        select = engines.stored(table, self._files(delta, filters))
        if months is None or table.month is None:
            return select
        first, last = (engines.literal(moment.as_py()) for moment in pc.min_max(rows[table.month]).values())
        return f'select * from ({select}) where "{table.month}" between {first} and {last}'  # noqa: S608

    def select(self, name: str, version: int | None = None, must: bool = False) -> str:
        """Return the SELECT over a table's active files; over no rows where nobody made it."""
        return engines.stored(TABLES[name], self.files(name, version, must))

    def files(self, name: str, version: int | None = None, must: bool = False) -> list[str]:
        """Return a table's active Parquet files; none where nobody made it."""
        delta = self.open(name, version, must)
        return [] if delta is None else self._files(delta)

    def create(self, table: Table, rows: pa.Table) -> None:
        """Make a table of its first rows, partitioned by month where it has one."""
        partition = ["month"] if table.month else None
        with self._writing(table.name):
            write_deltalake(self._uri(table.name), rows, partition_by=partition, description=table.text)

    def append(self, table: Table, delta: DeltaTable, rows: pa.Table) -> None:
        """Add rows whose keys are known not to be there (a fifth of a merge's cost); atomically."""
        with self._writing(table.name):
            write_deltalake(delta, rows.cast(schema(table)), mode="append")

    def merge(self, table: Table, delta: DeltaTable, rows: pa.Table) -> None:
        """Put rows in by key: those that are there are written over, the others added; atomically.

        Files of months that no row can lie in are left alone.
        """
        predicate, months = _same(table.key), _months(table, rows)
        if months is not None:
            predicate += f" and t.month in ({', '.join(map(engines.literal, months))})"
        with self._writing(table.name):
            merge = delta.merge(rows, predicate, source_alias="s", target_alias="t")
            merge.when_matched_update_all().when_not_matched_insert_all().execute()

    def remove(self, table: Table, delta: DeltaTable, keys: pa.Table) -> int:
        """Take rows out by key; return how many."""
        with self._writing(table.name):
            merge = delta.merge(keys, _same(table.key), source_alias="s", target_alias="t").when_matched_delete()
            return int(merge.execute()["num_target_rows_deleted"])

    def overwrite(self, delta: DeltaTable, rows: pa.Table, source: str | None) -> None:
        """Put rows in the place of a whole table, or of the rows of one `source`."""
        predicate = None if source is None else f"source = {engines.literal(source)}"
        with self._writing(delta.table_uri.rstrip("/").rpartition("/")[2]):
            write_deltalake(delta, rows, mode="overwrite", predicate=predicate)

    def lacking(self) -> dict[str, list[str]]:
        """Return table → columns that this lab knows and the table lacks; StoreError for a newer lab's table."""
        found: dict[str, list[str]] = {}
        for name, table in TABLES.items():
            delta = self.open(name)
            if delta is not None and (columns := self._lacking(table, delta)):
                found[name] = [column.name for column in columns]
        return found

    def migrate(self, table: Table, delta: DeltaTable) -> None:
        """Add the columns this lab knows and the table lacks, as one more version; refuse a newer lab's table."""
        lacking = self._lacking(table, delta)
        if lacking:
            fields = pa.schema([pa.field(column.name, ARROW_TYPES[column.type]) for column in lacking])
            with self._writing(table.name):
                delta.alter.add_columns(list(Schema.from_arrow(fields).fields))

    def _lacking(self, table: Table, delta: DeltaTable) -> list[Column]:
        present = {field.name for field in delta.schema().fields}
        newer = sorted(present - set(table.names) - {"month"})
        if newer:
            raise StoreError(
                f"the table {table.name} in {self.path} has columns this lab does not know ({', '.join(newer)}): "
                "a newer lab wrote it; update this one (`pip install --upgrade devops-lab`)"
            )
        return [column for column in table.columns if column.name not in present]

    def versions(self) -> dict[str, int]:
        """Return the version that each table has now."""
        found: dict[str, int] = {}
        for name in TABLES:
            delta = self.open(name)
            if delta is not None:
                found[name] = delta.version()
        return found

    def tidy(self) -> None:
        """Put small files together and let go of versions older than 30 days."""
        for name in TABLES:
            delta = self.open(name)
            if delta is not None and len(delta.file_uris()) > MANY_FILES:
                delta.optimize.compact()
                delta.vacuum(retention_hours=KEEP_HOURS, dry_run=False)

    def vacuum(self) -> None:
        """Let go of the files that no version of the last 30 days names."""
        for name in TABLES:
            delta = self.open(name)
            if delta is not None:
                delta.vacuum(retention_hours=KEEP_HOURS, dry_run=False)

    def purge(self) -> None:
        """Let go of all versions but the newest of each table at once, the log's old entries included."""
        for name in TABLES:
            delta = self.open(name)
            if delta is None:
                continue
            for length in ("0 seconds", LOG_KEPT):
                delta.alter.set_table_properties({"delta.logRetentionDuration": f"interval {length}"})
                delta = DeltaTable(self._uri(name))
                if length != LOG_KEPT:
                    delta.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
                    delta = DeltaTable(self._uri(name))
                    delta.create_checkpoint()
                    delta.cleanup_metadata()

    def _uri(self, name: str) -> str:
        return f"{self.path}/{name}"

    def _files(self, delta: DeltaTable, filters: Months = None) -> list[str]:
        """Return the active files; deltalake quotes local names as in a URL, and DuckDB reads ``[*?`` as a pattern."""
        uris = delta.file_uris(file_pruning_predicate=filters)
        return uris if self.remote else [re.sub(r"([\[*?])", r"[\1]", unquote(uri)) for uri in uris]

    @contextmanager
    def _writing(self, name: str) -> Iterator[None]:
        """Say what hinders a write (a full disk, a refused permission); a reader sees nothing of it then."""
        try:
            yield
        except (DeltaError, OSError) as problem:
            said = str(problem).split("\n", 1)[0][-200:]
            raise StoreError(
                f"the table {name} in {self.path} cannot be written: {said}; what was there is as it was"
            ) from problem

    def _damaged(self, name: str, problem: Exception) -> StoreError:
        said = str(problem).split("\n", 1)[0][:200]
        return StoreError(
            f"the table {name} in {self.path} cannot be read: {said}; move the store's folder away and sync again, "
            "or bring back a copy of it (`devops-lab import` reads what `devops-lab export` wrote)"
        )


def _same(key: Iterable[str]) -> str:
    return " and ".join(f's."{name}" = t."{name}"' for name in key)


def _months(table: Table, rows: pa.Table) -> list[str] | None:
    """Return the months that rows with the keys of `rows` lie in; None where the key does not tell."""
    if table.month is None or table.month not in table.key:
        return None
    return sorted(pc.unique(rows["month"]).to_pylist())
