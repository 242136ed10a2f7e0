"""A store goes out to files and comes back: every table, the ledger, every receipt; all of it or nothing."""

import json
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import pytest
from click.testing import CliRunner
from made_lab import lab

from devops_lab import archive, metrics
from devops_lab.archive import MANIFEST, export_tables, import_archive
from devops_lab.cli import cli
from devops_lab.errors import StoreError, UserError
from devops_lab.metrics.receipt import receipt
from devops_lab.store import Store
from devops_lab.tables import TABLES

STORED = [name for name in TABLES if name not in ("snapshots", "leases")]


def content(store: Store) -> dict[str, list[dict]]:
    return {
        name: store.arrow(f'select * from "{name}" order by {", ".join(TABLES[name].key)}').to_pylist()
        for name in STORED
    }


def receipts(store: Store) -> dict[str, dict]:
    return {name: receipt(metrics.find(name), store, last="120 days") for name in metrics.DORA}


@pytest.fixture
def store(tmp_path) -> Store:
    return lab(tmp_path)


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_what_goes_out_comes_back_to_the_last_receipt(tmp_path, store, form):
    counts = export_tables(store, tmp_path / "out", form)
    again = Store(tmp_path / "elsewhere" / "lab")
    assert import_archive(again, tmp_path / "out") == counts
    assert content(again) == content(store)
    assert (again.snapshot_name, again.as_of) == (store.snapshot_name, store.as_of)
    assert receipts(again) == receipts(store)
    assert counts["changes"] > 100 and counts["sync_ledger"] > 10
    assert sorted(p.name for p in (tmp_path / "elsewhere").iterdir()) == ["lab"]


def test_what_was_written_between_syncs_goes_along(tmp_path, store):
    row = {
        "id": "a1",
        "asked_at": store.as_of,
        "verb": "dispatch",
        "repository": "acme/checkout",
        "request_key": "k",
        "outcome": "done",
    }
    store.write("actions", [row], source="actions")  # after the snapshot
    export_tables(Store(store.path), tmp_path / "out")
    import_archive(Store(tmp_path / "new"), tmp_path / "out")
    assert [one["id"] for one in Store(tmp_path / "new").actions.rows()] == ["a1"]


def test_the_commands_do_the_same(tmp_path, store, monkeypatch):
    run = CliRunner()
    assert run.invoke(cli, ["export", str(tmp_path / "out"), "--config", str(tmp_path / "lab.toml")]).exit_code == 0
    (tmp_path / "two").mkdir()
    shutil.copy(tmp_path / "lab.toml", tmp_path / "two")
    done = run.invoke(cli, ["import", str(tmp_path / "out"), "--config", str(tmp_path / "two" / "lab.toml")])
    assert done.exit_code == 0 and "rows of" in done.output
    assert content(Store(tmp_path / "two" / "lab")) == content(store)


def test_a_store_that_holds_something_is_left_alone(tmp_path, store):
    export_tables(store, tmp_path / "out")
    before = content(store)
    with pytest.raises(UserError, match="holds facts already"):
        import_archive(store, tmp_path / "out")
    assert content(Store(store.path)) == before


def spoil_row(folder: Path) -> None:
    (folder / "changes.csv").write_text((folder / "changes.csv").read_text() + "\n")


def newer(folder: Path) -> None:
    told = json.loads((folder / MANIFEST).read_text()) | {"format": 99}
    (folder / MANIFEST).write_text(json.dumps(told))


@pytest.mark.parametrize(
    ("spoil", "problem", "words"),
    [
        (lambda folder: (folder / MANIFEST).unlink(), UserError, "the export was cut off"),
        (lambda folder: (folder / MANIFEST).write_text("{"), UserError, "cannot be read"),
        (lambda folder: (folder / MANIFEST).write_text("{}"), UserError, "is no archive's"),
        (lambda folder: (folder / "changes.csv").unlink(), UserError, "changes.csv is not there"),
        (spoil_row, UserError, "changes.csv is not the file that was exported"),
        (newer, StoreError, "newer devops-lab"),
    ],
)
def test_a_folder_that_is_not_whole_is_refused(tmp_path, store, spoil, problem, words):
    export_tables(store, tmp_path / "out", "csv")
    spoil(tmp_path / "out")
    again = Store(tmp_path / "new")
    with pytest.raises(problem, match=words):
        import_archive(again, tmp_path / "out")
    assert again.snapshot_name is None and not again.tables


def test_an_export_that_was_cut_off_says_so(tmp_path, store, monkeypatch):
    export_tables(store, tmp_path / "out")

    def full(*told):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_write_manifest", full)
    with pytest.raises(UserError, match="cannot be written"):
        export_tables(store, tmp_path / "out")
    with pytest.raises(UserError, match="the export was cut off"):  # the old manifest does not speak for new files
        import_archive(Store(tmp_path / "new"), tmp_path / "out")


def import_in_a_child(target: str, source: str) -> None:
    import_archive(Store(target), source)


def test_an_import_killed_at_any_moment_can_be_done_again(tmp_path, store):
    export_tables(store, tmp_path / "out")
    target, context = str(tmp_path / "new"), multiprocessing.get_context("spawn")
    for wait in (0.0, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8):
        child = context.Process(target=import_in_a_child, args=(target, str(tmp_path / "out")))
        child.start()
        while child.is_alive() and not Path(f"{target}.importing").exists() and not Store(target).snapshot_name:
            time.sleep(0.005)
        child.join(wait)
        if child.is_alive():
            os.kill(child.pid, signal.SIGKILL)
            child.join()
        found = Store(target)
        if found.snapshot_name:
            assert content(found) == content(store)
            break
    else:
        import_archive(Store(target), tmp_path / "out")
    assert content(Store(target)) == content(store)
