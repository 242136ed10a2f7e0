"""Rows into a store: checked, merged, put in the place of a table, taken out; snapshots named; one sync at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock, Timeout

from devops_lab import engines
from devops_lab.errors import QuestionError, StoreError
from devops_lab.privacy import People, people_in
from devops_lab.rows import ARROW_TYPES, checked, fitted
from devops_lab.store.delta import Folder
from devops_lab.tables import FORMAT, TABLES, Table

NOBODY = People("none", None)


@dataclass(frozen=True)
class Written:
    """How many rows a write put in, changed, and found as they were."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(self.inserted + other.inserted, self.updated + other.updated, self.unchanged + other.unchanged)


class Writing:
    """What a handle can do to its store."""

    path: str
    latest: bool
    _folder: Folder
    _versions: dict[str, int]
    _relations: dict[str, str]

    def write(
        self, name: str, rows: pa.Table | Iterable[Mapping[str, Any]], source: str, people: People = NOBODY
    ) -> Written:
        """Merge `rows` into a table by its key and return what changed; rows that are as they were are not touched.

        Personal columns are stored as `people` says; without it they stay empty.  An Arrow table is taken as it is,
        many times faster than row dicts, unless its columns tell of people.  Errors: RowError.
        """
        table = _table(name)
        if isinstance(rows, pa.Table) and (people_in(table) & set(rows.column_names)):
            rows = rows.to_pylist()
        if isinstance(rows, pa.Table):
            given = fitted(table, rows, _now(), source)
        else:
            given = checked(table, (people.apply(table, row) for row in rows), _now(), source)
        if not given.num_rows:
            return Written()
        delta = self._folder.open(name, must=name in self._versions)
        if delta is None:
            self._folder.create(table, given)
            return Written(inserted=given.num_rows)
        self._folder.migrate(table, delta)
        changed = self._changed(table, given, self._folder.select_for(table, delta, given))
        new = pc.sum(changed["is_new"]).as_py() or 0
        if changed.num_rows:
            put = self._folder.append if new == changed.num_rows else self._folder.merge
            put(table, delta, changed.drop_columns(["is_new"]))
        return Written(new, changed.num_rows - new, given.num_rows - changed.num_rows)

    def replace(
        self, name: str, rows: Iterable[Mapping[str, Any]], source: str = "delivery", only_source: bool = False
    ) -> bool:
        """Put `rows` in the place of a whole table (or of one source's rows); say whether anything changed.

        Rows whose content stays keep their ``fetched_at``; when all stay, nothing is written.
        """
        table = _table(name)
        given = checked(table, rows, _now(), source)
        delta = self._folder.open(name, must=name in self._versions)
        if delta is None:
            self._folder.create(table, given)
            return bool(given.num_rows)
        self._folder.migrate(table, delta)
        changed = self._changed(table, given, self._relation(name, newest=True))
        there = f"where source = {engines.literal(source)}" if only_source else ""
        before = self._newest(f'select count(*) as n from "{name}" {there}', name).to_pylist()[0]["n"]  # noqa: S608
        if not changed.num_rows and before == given.num_rows:
            return False
        content = ", ".join(f'e."{column}"' for column in table.names if column != "fetched_at")
        kept = self._newest(
            f"select g.* exclude (fetched_at), coalesce(e.fetched_at, g.fetched_at) as fetched_at "  # noqa: S608
            f'from given g left join "{name}" e on {_same("g", "e", table.key)} '
            f"and ({content}) is not distinct from ({content.replace('e.', 'g.')})",
            name,
            {"given": given},
        )
        rows = kept.select(given.column_names).cast(given.schema)
        self._folder.overwrite(delta, rows, source if only_source else None)
        return True

    def restore(self, name: str, rows: pa.Table) -> int:
        """Make a table of rows that were exported: as they are, ``source`` and ``fetched_at`` too; return how many."""
        table = _table(name)
        given = fitted(table, rows, _now(), source="import")
        if given.num_rows == rows.num_rows:
            when = rows["fetched_at"].cast(ARROW_TYPES["instant"])
            given = given.set_column(given.schema.get_field_index("fetched_at"), "fetched_at", when)
        if given.num_rows:
            self._folder.create(table, given)
        return given.num_rows

    def remove(self, name: str, keys: Iterable[Mapping[str, Any]]) -> int:
        """Take rows out of a table by their keys: things that were deleted where they came from; return how many."""
        table, delta = _table(name), self._folder.open(name, must=name in self._versions)
        wanted = [{column: row[column] for column in table.key} for row in keys]
        if not wanted or delta is None:
            return 0
        types = {column: ARROW_TYPES[table.column(column).type] for column in table.key}
        gone = pa.Table.from_pylist(wanted, schema=pa.schema(list(types.items())))
        return self._folder.remove(table, delta, gone)

    def drop(self, name: str, sql: str, frames: Mapping[str, Any] | None = None, **parameters: Any) -> int:
        """Take out of a table the rows whose keys a SELECT over what was written last finds; return how many."""
        table, delta = _table(name), self._folder.open(name, must=name in self._versions)
        relations = {one: self._relation(one, newest=True) for one in engines.names_in(sql) & TABLES.keys()}
        gone = engines.run(sql, relations, frames, parameters)
        if delta is None or not gone.num_rows:
            return 0
        types = {column: ARROW_TYPES[table.column(column).type] for column in table.key}
        return self._folder.remove(table, delta, gone.select(table.key).cast(pa.schema(list(types.items()))))

    def _changed(self, table: Table, given: pa.Table, stored: str) -> pa.Table:
        """Return the rows of `given` that are new or differ from those that the SELECT `stored` finds; ``is_new``."""
        content = [name for name in table.names if name != "fetched_at"]
        left, right = (", ".join(f'{side}."{name}"' for name in content) for side in "ge")
        return engines.run(
            f'select g.*, e."{table.key[0]}" is null as is_new from given g '  # noqa: S608 - names of tables.py
            f'left join "{table.name}" e on {_same("g", "e", table.key)} '
            f'where e."{table.key[0]}" is null or ({left}) is distinct from ({right})',
            {table.name: stored},
            {"given": given},
        )

    def _newest(self, sql: str, name: str, frames: Mapping[str, Any] | None = None) -> pa.Table:
        return engines.run(sql, {name: self._relation(name, newest=True)}, frames)

    # ------------------------------------------------------------------ snapshots and order

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store for one sync; a crash lets go of it.  StoreError when another sync holds it."""
        if self._folder.remote:
            yield
            return
        Path(self.path).mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(f"{self.path}/.lock", timeout=0):
                yield
        except Timeout as problem:
            raise StoreError(f"another sync is writing to {self.path}; wait until it is done") from problem

    def commit_snapshot(self, as_of: datetime, name: str | None = None) -> str:
        """Name the versions that all tables have now as the snapshot that stands for `as_of`; return its name.

        It is named after this instant, unless it has a `name` already: an archive's.
        """
        name = name or _now().isoformat(timespec="microseconds")
        lab = installed_version("devops-lab")
        rows = [
            {
                "snapshot": name, "as_of": as_of, "table_name": table, "version": version, "lab_version": lab,
                "format": FORMAT,
            }
            for table, version in self._folder.versions().items()
            if table != "snapshots"
        ]  # fmt: skip
        self.write("snapshots", rows, source="delivery")
        return name

    def vacuum(self) -> None:
        """Let go of what was taken out of the tables more than 30 days ago."""
        self._folder.vacuum()

    def purge(self) -> None:
        """Let go of every older version at once; the snapshots that named them are no more, readers must refresh.

        Nothing is read here but what was written last, so it comes before the snapshot that stands for it.
        """
        self.drop("snapshots", "select snapshot, table_name from snapshots")
        self._folder.purge()
        self._versions.clear()
        self._relations.clear()

    def tidy(self) -> None:
        """Put small files together and let go of versions older than 30 days; the sync does this before a snapshot."""
        self._folder.tidy()

    def _relation(self, name: str, newest: bool = False) -> str:
        if newest or self.latest:
            return self._folder.select(name, must=name in self._versions)
        if name not in self._relations:
            if name in self._versions:
                self._relations[name] = self._folder.select(name, self._versions[name], must=True)
            else:
                self._relations[name] = engines.stored(TABLES[name], [])
        return self._relations[name]


def _table(name: str) -> Table:
    if name not in TABLES:
        raise QuestionError(f"there is no table {name!r}; tables: {', '.join(TABLES)}")
    return TABLES[name]


def _same(left: str, right: str, key: Iterable[str]) -> str:
    return " and ".join(f'{left}."{name}" = {right}."{name}"' for name in key)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
