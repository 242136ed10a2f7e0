"""A store of an older lab is migrated on a copy: counted, and at every moment either as it was or whole."""

import dataclasses
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from made_lab import NOW, lab

from devops_lab import migration, sync
from devops_lab.config import load
from devops_lab.errors import StoreError
from devops_lab.migration import counted, migrate
from devops_lab.store import Store
from devops_lab.store.delta import Folder
from devops_lab.tables import FORMAT, TABLES

LACKING = {"services": ["owners"], "deployments": ["url"]}


def older(path: str | Path) -> None:
    """Make the store's tables those of a lab that did not know some columns."""
    folder = Folder(path)
    for name, columns in LACKING.items():
        kept = tuple(column for column in TABLES[name].columns if column.name not in columns)
        rows = Store(path).arrow(f'select * exclude ({", ".join(columns)}) from "{name}"')
        assert TABLES[name].month is None and len(kept) == len(rows.column_names)
        shutil.rmtree(Path(path, name))
        folder.create(dataclasses.replace(TABLES[name], columns=kept), rows)
    Store(path, latest=True).commit_snapshot(NOW)


@pytest.fixture
def store(tmp_path) -> Store:
    made = lab(tmp_path)
    older(made.path)
    return Store(made.path)


def rows_of(store: Store) -> dict[str, list[dict]]:
    return {name: store.rows(f'select * from "{name}" order by {", ".join(TABLES[name].key)}') for name in TABLES
            if name != "snapshots"}  # fmt: skip


def test_columns_are_added_and_every_row_is_there(tmp_path, store):
    before, counts = rows_of(store), counted(store.path)
    done = migrate(store.path)
    assert done is not None and done.columns == LACKING and done.rows == sum(counts.values())
    assert "2 columns were added to 2 tables" in str(done)
    after = Store(store.path)
    assert rows_of(after) == before and counted(after.path) == counts
    assert not Folder(after.path).lacking() and migrate(after.path) is None
    assert rows_of(Store(f"{store.path}.before")) == before


def test_readers_keep_what_they_read(store):
    reader = Store(store.path)
    before = reader.sql("select count(*) as n, max(finished_at) as last from deployments")
    migrate(store.path)
    assert reader.sql("select count(*) as n, max(finished_at) as last from deployments").equals(before)


def test_the_sync_migrates_first_and_says_so(tmp_path, store, monkeypatch):
    monkeypatch.setattr("devops_lab.sync.sources", lambda *asked: iter(()))
    said = []
    sync(store, load(tmp_path / "lab.toml"), say=said.append)
    assert "the store was of an older lab: 2 columns" in said[0] and Path(f"{store.path}.before").is_dir()


def test_a_row_that_is_missing_afterwards_leaves_the_store_as_it_was(store, monkeypatch):
    before, real = rows_of(store), migration._add_columns

    def losing(path):
        real(path)
        writer = Store(path, latest=True)
        writer.drop("deployments", "select service, id from deployments limit 1")

    monkeypatch.setattr(migration, "_add_columns", losing)
    with pytest.raises(StoreError, match=r"deployments has 25 of 26 rows; it is as it was"):
        migrate(store.path)
    assert rows_of(Store(store.path)) == before and not Path(f"{store.path}.migrating").exists()


def test_a_full_disk_leaves_the_store_as_it_was(store, monkeypatch):
    before = rows_of(store)

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(migration, "_linked", full)
    with pytest.raises(StoreError, match="No space left on device; it is as it was"):
        migrate(store.path)
    assert rows_of(Store(store.path)) == before and not Path(f"{store.path}.migrating").exists()


def test_what_is_written_down_meanwhile_is_not_lost(store, monkeypatch):
    row = {
        "id": "a1",
        "asked_at": NOW,
        "verb": "dispatch",
        "repository": "acme/checkout",
        "request_key": "k",
        "outcome": "sending",
    }
    real, times = migration._copied, []

    def slow(here, aside):
        found = real(here, aside)
        if not times:
            Store(here, latest=True).write("actions", [row], source="actions")
        times.append(1)
        return found

    monkeypatch.setattr(migration, "_copied", slow)
    migrate(store.path)
    assert len(times) == 2
    assert [one["id"] for one in Store(store.path, latest=True).rows("select id from actions")] == ["a1"]


def test_killed_between_the_last_two_steps_the_next_reader_ends_it(store):
    before = rows_of(store)
    here = Path(store.path)
    migration._copied(here, here.with_name("lab.migrating"))
    here.rename(here.with_name("lab.before"))  # and here it was killed
    assert rows_of(Store(here)) == before
    assert not Folder(here).lacking()


def test_a_part_of_a_copy_never_takes_the_store_s_place(store):
    here = Path(store.path)
    migration._copied(here, here.with_name("lab.migrating"))
    here.with_name("lab.migrating").joinpath(".whole").unlink()  # killed before all was counted
    here.rename(here.with_name("lab.before"))
    assert Store(here).snapshot_name is None and not here.exists()


def migrate_in_a_child(path: str) -> None:
    migrate(path)


def test_killed_at_any_moment_nothing_is_lost(store):
    before, context = rows_of(store), multiprocessing.get_context("spawn")
    for wait in (0.0, 0.01, 0.03, 0.06, 0.1, 0.2, 0.4, 0.8):
        child = context.Process(target=migrate_in_a_child, args=(store.path,))
        child.start()
        while child.is_alive() and not Path(f"{store.path}.migrating").exists():
            time.sleep(0.002)
        child.join(wait)
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
            child.join()
        assert rows_of(Store(store.path)) == before
        if not Folder(store.path).lacking():
            break
    migrate(store.path)
    assert rows_of(Store(store.path)) == before and not Folder(store.path).lacking()


def test_a_newer_labs_store_is_refused_for_reading_and_writing(store, monkeypatch):
    monkeypatch.setattr("devops_lab.store.writing.FORMAT", FORMAT + 1)
    Store(store.path, latest=True).commit_snapshot(NOW)
    monkeypatch.undo()
    for latest in (False, True):
        with pytest.raises(StoreError, match=rf"format {FORMAT + 1}, written by devops-lab .*this one knows format"):
            Store(store.path, latest=latest)


def test_a_newer_labs_column_is_refused(store):
    known = tuple(column for column in TABLES["tags"].columns if column.name != "sha")
    trimmed = dataclasses.replace(TABLES["tags"], columns=known)
    row = {"repository": "a/b", "tag": "v1", "annotated": False, "sha": "1" * 40}
    Store(store.path, latest=True).write("tags", [row], source="git")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(TABLES, "tags", trimmed)
        with pytest.raises(StoreError, match="a newer lab wrote it"):
            migrate(store.path)
