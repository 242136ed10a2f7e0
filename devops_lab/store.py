"""`Store`: a folder of Delta tables; write rows, pin a snapshot, run SQL on it.

Writing goes through ``deltalake`` (merge by key, atomic), reading through DuckDB over the active Parquet files, so
readers hold no lock: any number of notebooks and reports read the last complete snapshot while a sync writes.
The store is an archive, not a cache: nothing is deleted because a server forgot it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
from filelock import FileLock, Timeout

from devops_lab import engines
from devops_lab.delta import Folder
from devops_lab.errors import QuestionError, StoreError
from devops_lab.privacy import People, people_in
from devops_lab.rows import ARROW_TYPES, checked, fitted
from devops_lab.tables import FORMAT, TABLES, Table

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession

NOBODY = People("none", None)


@dataclass
class Watch:
    """Handles that are opened while `watched` lasts, and the snapshots that those of certain stores are held to."""

    pinned: Mapping[str, str]
    handles: list[Store]


_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(pinned: Mapping[str, str] | None = None) -> Iterator[list[Store]]:
    """Yield the list of handles opened meanwhile; one on a store that `pinned` names (path → snapshot) reads that one.

    So a sealed report learns what it read, and reads the same again.
    """
    watch = Watch(pinned or {}, [])
    before = _WATCH.set(watch)
    try:
        yield watch.handles
    finally:
        _WATCH.reset(before)


@dataclass(frozen=True)
class Written:
    """How many rows a write put in, changed, and found as they were."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def __add__(self, other: Written) -> Written:
        return Written(self.inserted + other.inserted, self.updated + other.updated, self.unchanged + other.unchanged)


class LazyTable:
    """One stored table of a handle; nothing is read before ``df()``, ``rows()`` or ``arrow()`` is called."""

    def __init__(self, store: Store, table: Table) -> None:
        self.store, self.table = store, table

    def arrow(self) -> pa.Table:
        """Return the whole table as Arrow."""
        return self.store.arrow(f'select * from "{self.table.name}"')  # noqa: S608 - the name comes from tables.py

    def df(self) -> pd.DataFrame:
        """Return the whole table as a pandas frame."""
        return self.arrow().to_pandas()

    def rows(self) -> list[dict[str, Any]]:
        """Return the whole table as row dicts."""
        return self.arrow().to_pylist()

    def __repr__(self) -> str:
        return f"<{self.table.name}: {self.table.text} .df() reads it>"


class Store:
    """A handle on a store: reads the last complete snapshot, or with ``latest=True`` what was written last.

    A folder that is not there, or a table nobody wrote yet, reads as empty.  `refresh` moves the handle to the newest
    snapshot; nothing else does.  A `snapshot` by name is read for as long as its files are kept.  With a `spark`
    session its questions run there, over the same files.

    Errors: StoreError when the store is damaged, locked or of a newer lab; QuestionError for an unknown snapshot.
    """

    def __init__(
        self,
        path: str | Path = "lab",
        *,
        latest: bool = False,
        spark: SparkSession | None = None,
        snapshot: str | None = None,
    ) -> None:
        self._folder = Folder(path)
        self.path = self._folder.path
        self.latest, self._spark, self._wanted = latest, spark, snapshot
        if (watch := _WATCH.get()) is not None:
            watch.handles.append(self)
            self._wanted = snapshot or watch.pinned.get(
                self.path if "://" in self.path else os.path.normpath(self.path)
            )
        self._relations: dict[str, str] = {}
        self.refresh()

    def __repr__(self) -> str:
        return f"Store({self.path!r}, snapshot {self.snapshot_name or 'none yet'})"

    def __getattr__(self, name: str) -> LazyTable:
        if name in TABLES:
            return LazyTable(self, TABLES[name])
        raise AttributeError(f"Store has no {name!r}; tables: {', '.join(TABLES)}")

    def refresh(self) -> None:
        """Read the newest complete snapshot from now on (a handle on a snapshot by name stays there)."""
        self._versions: dict[str, int] = {}
        self.snapshot_name: str | None = None
        self.as_of: datetime | None = None
        self._relations.clear()
        snapshots = self._relation("snapshots", newest=True)
        newest = engines.run(
            "select snapshot, as_of, table_name, version, lab_version, format from snapshots "
            "where snapshot = coalesce($wanted, snapshot) qualify dense_rank() over (order by snapshot desc) = 1",
            {"snapshots": snapshots},
            parameters={"wanted": self._wanted},
        ).to_pylist()
        if self._wanted is not None and not newest:
            raise QuestionError(f"{self.path} has no snapshot {self._wanted}")
        self._refuse_newer(newest)
        for row in newest:
            self.snapshot_name, self.as_of = row["snapshot"], row["as_of"]
            self._versions[row["table_name"]] = row["version"]

    def _refuse_newer(self, snapshot: list[dict[str, Any]]) -> None:
        newer = [row for row in snapshot if (row["format"] or FORMAT) > FORMAT]
        if newer:
            raise StoreError(
                f"the store {self.path} is of format {newer[0]['format']}, written by devops-lab "
                f"{newer[0]['lab_version']}; this one knows format {FORMAT}: update it "
                "(`pip install --upgrade devops-lab`)"
            )

    @property
    def tables(self) -> list[str]:
        """The tables that somebody wrote."""
        return list(self._folder.versions())

    @property
    def versions(self) -> dict[str, int]:
        """The version of each table that this handle reads; empty where nothing was synced."""
        return dict(self._versions)

    @property
    def labs(self) -> list[tuple[datetime, str]]:
        """When each version of the lab first completed a snapshot here (naive UTC), the earliest first."""
        rows = engines.run(
            "select min(snapshot) as snapshot, lab_version from snapshots where lab_version is not null "
            "group by lab_version order by snapshot",
            {"snapshots": self._relation("snapshots", newest=True)},
        ).to_pylist()
        return [(datetime.fromisoformat(row["snapshot"]), row["lab_version"]) for row in rows]

    # ------------------------------------------------------------------ reading

    def sql(self, sql: str, **parameters: Any) -> pd.DataFrame:
        """Run a SELECT over the stored tables and return a pandas frame; ``$name`` is bound from the keywords."""
        return self.arrow(sql, **parameters).to_pandas()

    def rows(self, sql: str, **parameters: Any) -> list[dict[str, Any]]:
        """Run a SELECT over the stored tables and return row dicts."""
        return self.arrow(sql, **parameters).to_pylist()

    def arrow(self, sql: str, **parameters: Any) -> pa.Table:
        """Run a SELECT over the stored tables and return an Arrow table."""
        return self._run(sql, None, None, parameters)

    def query(
        self, sql: str, as_of: datetime | None = None, frames: Mapping[str, Any] | None = None, **parameters: Any
    ) -> pd.DataFrame:
        """Run a SELECT as the facts were known at `as_of`, with `frames` as further relations."""
        return self._run(sql, as_of, frames, {"as_of": as_of, **parameters}).to_pandas()

    def _run(
        self, sql: str, as_of: datetime | None, frames: Mapping[str, Any] | None, parameters: Mapping[str, Any]
    ) -> pa.Table:
        names = sorted(engines.names_in(sql) & TABLES.keys())
        if self._spark is not None:
            from devops_lab import spark

            return spark.run(self._spark, sql, {name: self._files(name) for name in names}, as_of, frames, parameters)
        relations = {name: self._relation(name) for name in names}
        if as_of is not None:
            relations = {name: engines.known_at(TABLES[name], select, as_of) for name, select in relations.items()}
        return engines.run(sql, relations, frames, parameters)

    def _files(self, name: str) -> list[str]:
        known = name in self._versions
        if self.latest:
            return self._folder.files(name, must=known)
        return self._folder.files(name, self._versions[name], must=True) if known else []

    def _relation(self, name: str, newest: bool = False) -> str:
        if newest or self.latest:
            return self._folder.select(name, must=name in self._versions)
        if name not in self._relations:
            if name in self._versions:
                self._relations[name] = self._folder.select(name, self._versions[name], must=True)
            else:
                self._relations[name] = engines.stored(TABLES[name], [])
        return self._relations[name]

    # ------------------------------------------------------------------ writing

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


def _table(name: str) -> Table:
    if name not in TABLES:
        raise QuestionError(f"there is no table {name!r}; tables: {', '.join(TABLES)}")
    return TABLES[name]


def _same(left: str, right: str, key: Iterable[str]) -> str:
    return " and ".join(f'{left}."{name}" = {right}."{name}"' for name in key)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
