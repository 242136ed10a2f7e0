"""The handle on a store: reads one snapshot, or what was written last, and runs SQL on it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from devops_lab import engines
from devops_lab.errors import QuestionError, StoreError
from devops_lab.store.delta import Folder
from devops_lab.store.watching import current
from devops_lab.store.writing import Writing
from devops_lab.tables import FORMAT, TABLES, Table

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession


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


class Store(Writing):
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
        if (watch := current()) is not None:
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
