"""A store of an older lab gets this lab's tables: on a copy, which is counted and then takes the store's place.

::

    PATH              the store
    PATH.migrating    the copy while it is worked on; a killed migration leaves it, the next one begins anew
    PATH.before       the store as it was, kept until the next migration

Nothing is taken out: columns that an older lab did not know are added, and empty.  Files of rows are linked, not
copied, so the copy costs next to nothing.  Readers of the old folder keep what they read: the same files are in the
new one.  In a bucket, where folders cannot change places, each table gets its columns as one more version of its own.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from devops_lab.errors import StoreError
from devops_lab.store import Store
from devops_lab.store.delta import WHOLE, Folder
from devops_lab.tables import TABLES

TRIES = 5


@dataclass(frozen=True)
class Migrated:
    """What a migration did: the columns that each table got, its rows, and where the store as it was lies."""

    columns: dict[str, list[str]]
    rows: int
    before: str | None

    def __str__(self) -> str:
        count = sum(map(len, self.columns.values()))
        kept = f"; the store as it was is {self.before}" if self.before else ""
        return (
            f"the store was of an older lab: {count} columns were added to {len(self.columns)} tables, all {self.rows} "
            f"rows are there{kept}"
        )


def migrate(path: str) -> Migrated | None:
    """Bring the store at `path` to this lab's tables and return what was done; None where there is nothing to do.

    Errors: StoreError where a newer lab wrote the store, another sync holds it, the disk is full, or a row is missing
    afterwards; the store is then as it was.
    """
    store = Store(path, latest=True)
    lacking = Folder(path).lacking()
    if not lacking:
        return None
    with store.lock():
        if "://" in path:
            rows = sum(counted(path).values())
            _add_columns(path)
            return Migrated(lacking, rows, None)
        here = Path(store.path)
        aside, before = here.with_name(f"{here.name}.migrating"), here.with_name(f"{here.name}.before")
        for _ in range(TRIES):
            versions = Folder(here).versions()
            try:
                rows = _copied(here, aside)
            except OSError as problem:
                shutil.rmtree(aside, ignore_errors=True)
                said = problem.args[0][0][2] if isinstance(problem, shutil.Error) else problem.strerror or problem
                raise StoreError(f"the store {here} cannot be migrated: {said}; it is as it was") from problem
            if Folder(here).versions() == versions:  # an action may have been written down meanwhile
                _change_places(here, aside, before)
                return Migrated(lacking, rows, str(before))
        shutil.rmtree(aside, ignore_errors=True)
        raise StoreError(f"the store {here} is written to all the time; close what writes to it, and sync again")


def counted(path: str | Path) -> dict[str, int]:
    """Return how many rows each table of a store has now."""
    store = Store(path, latest=True)
    return {name: store.rows(f'select count(*) as n from "{name}"')[0]["n"] for name in store.tables}  # noqa: S608


def _copied(here: Path, aside: Path) -> int:
    """Make the migrated copy and return its rows; StoreError where one is missing."""
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(here, aside, copy_function=_linked, ignore=shutil.ignore_patterns(WHOLE))
    _add_columns(aside)
    old, new = counted(here), counted(aside)
    wrong = [f"{name} has {new.get(name, 0)} of {rows} rows" for name, rows in old.items() if new.get(name) != rows]
    if wrong:
        shutil.rmtree(aside, ignore_errors=True)
        raise StoreError(f"the store {here} cannot be migrated: {'; '.join(wrong)}; it is as it was")
    (aside / WHOLE).touch()
    return sum(new.values())


def _linked(source: str, target: str) -> str:
    """Link a file of rows, which nobody ever changes; copy everything else, and where links cannot be made."""
    if source.endswith(".parquet") and "_delta_log" not in Path(source).parts:
        try:
            os.link(source, target)
            return target
        except OSError:
            pass
    return str(shutil.copy2(source, target))


def _add_columns(path: str | Path) -> None:
    folder = Folder(path)
    for name, table in TABLES.items():
        delta = folder.open(name)
        if delta is not None:
            folder.migrate(table, delta)


def _change_places(here: Path, aside: Path, before: Path) -> None:
    """Put the copy in the store's place; killed between the two steps, `Folder` finds the copy and ends the second."""
    shutil.rmtree(before, ignore_errors=True)
    here.rename(before)
    aside.rename(here)
