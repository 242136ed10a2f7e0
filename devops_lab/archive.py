"""A whole store out to files and in again: every table with its sources and dates, the ledger, the snapshot's name.

``export`` writes a file for each table and, last of all, ``archive.json``, which names the rows and the sha256 of each;
without it an export was cut off.  ``import`` reads that folder into a store that holds nothing yet: on the side, and it
takes the store's place when every row is there.  Equal tables and an equal snapshot give equal receipts.

A cell of a CSV file that a spreadsheet would run as a formula gets an apostrophe in front; reading takes it off again.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from devops_lab.errors import QuestionError, StoreError, UserError
from devops_lab.rows import ARROW_TYPES, defused, restored
from devops_lab.store import Store
from devops_lab.tables import FORMAT, TABLES, Table

FORMATS = ("parquet", "csv")
MANIFEST = "archive.json"
NEWEST = ("actions", "schedule_history", "deliveries", "alert_episodes")  # written between syncs, by no snapshot
LEFT = ("snapshots", "leases")


def export_tables(store: Store, folder: str | Path, form: str = "parquet") -> dict[str, int]:
    """Write every table of the handle's snapshot to ``FOLDER/TABLE.parquet`` or ``.csv``; return rows per table.

    What is written between syncs (actions, the schedule's history) is taken as it is now.  People stand there as they
    are stored; the key of their pseudonyms does not.

    Errors: QuestionError on an unknown format; UserError when the folder cannot be written.
    """
    if form not in FORMATS:
        raise QuestionError(f"format {form!r} is not there; formats: {', '.join(FORMATS)}")
    target, newest = Path(folder), Store(store.path, latest=True)
    try:
        target.mkdir(parents=True, exist_ok=True)
        (target / MANIFEST).unlink(missing_ok=True)
        told = {
            name: _export(newest if name in NEWEST else store, name, target / f"{name}.{form}")
            for name in TABLES
            if name not in LEFT
        }
        _write_manifest(store, target, told)
    except OSError as problem:
        raise UserError(f"{target} cannot be written: {problem.strerror or problem}; name another folder") from problem
    return {name: one["rows"] for name, one in told.items()}


def _write_manifest(store: Store, target: Path, told: dict[str, dict[str, Any]]) -> None:
    manifest = {
        "format": FORMAT,
        "lab_version": version("devops-lab"),
        "snapshot": store.snapshot_name,
        "as_of": None if store.as_of is None else store.as_of.isoformat(),
        "tables": told,
    }
    partial = target / f"{MANIFEST}.partial"
    partial.write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
    partial.replace(target / MANIFEST)


def _export(store: Store, name: str, path: Path) -> dict[str, Any]:
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
    return {"file": path.name, "rows": rows.num_rows, "sha256": _sha256(path)}


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, bool):
        return "true" if value else "false"
    return defused(value) if isinstance(value, str) else value


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ---------------------------------------------------------------------- in again


def import_archive(store: Store, folder: str | Path) -> dict[str, int]:
    """Read what `export_tables` wrote into a store that holds nothing yet; return rows per table.

    All of it or nothing: it is read on the side, counted, and takes the store's place at once.

    Errors: UserError where the store holds something, the export was cut off, or a file is not the one it names;
    StoreError for an archive of a newer lab.
    """
    source = Path(folder)
    manifest = _manifest(source)
    if store.snapshot_name or (store.tables and not Path(_aside(store)).exists()):
        raise UserError(f"the store {store.path} holds facts already; name an empty one in lab.toml: [lab] store")
    _check_files(source, manifest)
    with store.lock():
        aside = store if "://" in store.path else Store(_aside(store))
        if aside is not store:
            shutil.rmtree(aside.path, ignore_errors=True)
        counts = {name: aside.restore(name, _read(source, name, one)) for name, one in manifest["tables"].items()}
        wrong = [name for name, one in manifest["tables"].items() if counts[name] != one["rows"]]
        if wrong:
            raise UserError(f"{source}: {', '.join(wrong)} held fewer rows than {MANIFEST} says; nothing was imported")
        if manifest["as_of"]:
            aside.commit_snapshot(datetime.fromisoformat(manifest["as_of"]), manifest["snapshot"])
        if aside is not store:
            _take_place(Path(aside.path), Path(store.path))
    store.refresh()
    return counts


def _aside(store: Store) -> str:
    """Return where an archive is read on the side; while it is there, an import was killed and nothing else came."""
    return f"{store.path}.importing"


def _manifest(source: Path) -> dict[str, Any]:
    path = source / MANIFEST
    try:
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        known = {"format", "tables", "snapshot", "as_of"} <= found.keys()
    except FileNotFoundError as problem:
        raise UserError(
            f"{source} has no {MANIFEST}: the export was cut off, or this is another folder; export once more"
        ) from problem
    except (OSError, ValueError, AttributeError) as problem:
        raise UserError(f"{path} cannot be read: {problem}") from problem
    if not known:
        raise UserError(f"{path} is no archive's: format, tables, snapshot or as_of is not in it")
    if found["format"] > FORMAT or found["tables"].keys() - TABLES.keys():
        raise StoreError(
            f"{path} was written by a newer devops-lab ({found.get('lab_version')}); update this one "
            "(`pip install --upgrade devops-lab`)"
        )
    return found


def _check_files(source: Path, manifest: dict[str, Any]) -> None:
    problems = []
    for one in manifest["tables"].values():
        path = source / Path(one["file"]).name
        if not path.is_file():
            problems.append(f"{path.name} is not there")
        elif _sha256(path) != one["sha256"]:
            problems.append(f"{path.name} is not the file that was exported")
    if problems:
        raise UserError(f"{source}: {'; '.join(problems)}; export once more")


def _read(source: Path, name: str, told: dict[str, Any]) -> pa.Table:
    path, table = source / Path(told["file"]).name, TABLES[name]
    return parquet.read_table(path) if path.suffix == ".parquet" else _from_csv(path, table)


def _from_csv(path: Path, table: Table) -> pa.Table:
    """Return a CSV file's rows in the declared types; an empty cell is null, or "" where null may not be."""
    convert = arrow_csv.ConvertOptions(
        column_types={column.name: ARROW_TYPES[column.type] for column in table.columns},
        null_values=[""],
        strings_can_be_null=True,
        true_values=["true"],
        false_values=["false"],
        timestamp_parsers=[arrow_csv.ISO8601],
    )
    parse = arrow_csv.ParseOptions(newlines_in_values=True)
    read = arrow_csv.ReadOptions(block_size=64 << 20)
    rows = arrow_csv.read_csv(path, read_options=read, parse_options=parse, convert_options=convert)
    for place, column in enumerate(table.columns):
        if column.type != "text" or column.name not in rows.column_names:
            continue
        values = rows[column.name]
        if pc.any(pc.starts_with(values, "'")).as_py():
            values = pa.array([value and restored(value) for value in values.to_pylist()], pa.string())
        if column.required:
            values = pc.fill_null(values, "")
        rows = rows.set_column(place, column.name, values)
    return rows


def _take_place(aside: Path, path: Path) -> None:
    """Put the folder `aside` in the place of an empty store; its lock file is all that may lie there."""
    for left in path.iterdir():
        if left.is_dir():
            shutil.rmtree(left)  # of an import that was killed, or a table that a killed sync began: no snapshot saw it
    for one in aside.iterdir():
        if one.name != "snapshots":
            one.rename(path / one.name)
    if (aside / "snapshots").is_dir():
        (aside / "snapshots").rename(path / "snapshots")  # last: only with it readers see anything
    shutil.rmtree(aside)
