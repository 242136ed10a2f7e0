"""Facts that a pipeline or a person knows, put into a CSV file that a rule ``{ from = "file" }`` reads.

A deploy job has an empty machine: no store, no lab.toml, perhaps no network.  So it needs neither; the file is
committed, kept as an artifact or copied to where the lab reads it.  One row per service and id: said again, it is
updated, so that a job may be repeated, and an incident closed by its id.
"""

from __future__ import annotations

import csv
import io
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from devops_lab.errors import AccessError, SourceError, UserError
from devops_lab.rows import defused
from devops_lab.sources.files import read_rows
from devops_lab.sources.files_reading import open_file
from devops_lab.sources.files_words import OWN
from devops_lab.sources.values import VALUES, Unfit
from devops_lab.tables import TABLES, Column, Table

Row = dict[str, Any]

DEPLOYMENT, INCIDENT = "deployment", "incident"
KINDS = {DEPLOYMENT: "reported_deployments", INCIDENT: "incidents"}
RESULTS = ("success", "failure", "cancelled")
NOW = "now"
_SHA = re.compile(r"[0-9a-f]{7,64}")
PATIENCE = 30.0  # seconds until another writer must be done


class Recorded(NamedTuple):
    """The row as it stands in the file now, and whether it is new or was changed."""

    row: Row
    new: bool
    changed: bool


def record(kind: str, id: str, path: str | Path, said: Mapping[str, Any], now: datetime | None = None) -> Recorded:
    """Put one fact into the CSV file `path`, atomically; other jobs may write to it at the same time.

    `kind` is "deployment" or "incident"; `said` holds values by column, as text or typed; instants may be "now", an
    empty text takes a value back.  Columns that are not said stay as they are.  A new deployment ended now unless
    `said` knows better, one whose result changes as well; a new incident that is not over began now.  Without a
    service the id must be in the file already, for one service.

    Errors: UserError names the value and the way out, nothing is written then; AccessError where the file cannot be
    written; SourceError where another job does not let go of it.
    """
    path, table = Path(path), TABLES[KINDS[kind]]
    moment = (now or datetime.now(UTC).replace(tzinfo=None)).replace(microsecond=0)
    if path.suffix.lower() != ".csv":
        raise UserError(f"--file {str(path)!r}: facts are recorded as CSV; name a file that ends in .csv")
    given = {"id": _plain("ID", id)} | {name: _typed(table.column(name), one, moment) for name, one in said.items()}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.parent / f".{path.name}.lock", timeout=PATIENCE):
            rows = _there(path, table)
            old = _same(rows, kind, given, path)
            row = _complete(kind, old or {}, given, moment)
            if row != old:
                _write(path, table, [row if one is old else one for one in rows] + ([] if old else [row]))
    except Timeout as problem:
        raise SourceError(f"another job has been writing to {path} for {PATIENCE:.0f} seconds; try again") from problem
    except OSError as problem:
        raise AccessError(f"{path} cannot be written: {problem.strerror or problem}; name another --file") from problem
    return Recorded(row, old is None, row != old)


def _typed(column: Column, value: Any, moment: datetime) -> Any:
    """Return what was said in the column's type; an empty text takes it back."""
    option = f"--{column.name.replace('_', '-')}"
    if isinstance(value, str):
        value = value.strip()
    if (column.required and column.type == "text") or (isinstance(value, str) and value and not column.free):
        _plain(option, value)
    if value is None or value == "":
        return None
    if column.name == "sha" and not _SHA.fullmatch(value.lower()):
        raise UserError(f"{option} = {value!r:.80}: must be 7 to 64 of 0-9 and a-f; a tag or version is said by --tag")
    if column.type == "instant" and value == NOW:
        return moment
    try:
        return VALUES[column.type].read(value)
    except Unfit as unfit:
        hint = ", or now" if column.type == "instant" else ""
        raise UserError(f"{option}: {unfit}{hint}") from unfit


def _plain(option: str, value: Any) -> str:
    text = str(value or "").strip()
    if not text or not text.isprintable():
        raise UserError(f"{option} = {value!r:.80}: must be one line of text that is not empty")
    return text


def _there(path: Path, table: Table) -> list[Row]:
    """Return the rows of the file; a file of somebody else's columns is not written over."""
    if not path.exists() or not path.stat().st_size:
        return []
    strange = [name for name in open_file(path, table).names if name not in table.names]
    if strange:
        raise UserError(
            f"{path} has columns that would be lost ({', '.join(map(repr, strange))}); record into a file of its own"
        )
    return [{name: row.get(name) for name in _names(table)} for row in read_rows(path, table)]


def _same(rows: Sequence[Row], kind: str, given: Row, path: Path) -> Row | None:
    """Return the row that is meant; UserError where nothing says which service's it is."""
    service = given.get("service")
    found = [row for row in rows if row["id"] == given["id"] and service in (None, row["service"])]
    if service is None and not found:
        raise UserError(
            f"{path} has no {kind} {given['id']!r}; say --service to record a new one, or --file where it stands"
        )
    if service is None and len(found) > 1:
        services = ", ".join(row["service"] for row in found)
        raise UserError(f"{kind} {given['id']!r} is one of several services ({services}); say --service")
    return found[-1] if found else None


def _complete(kind: str, old: Row, given: Row, moment: datetime) -> Row:
    """Return the row with what was said, and what that implies; UserError where it cannot be true."""
    row: Row = dict.fromkeys(_names(TABLES[KINDS[kind]])) | old | {name: value or None for name, value in given.items()}
    if kind == DEPLOYMENT:
        begin, end, needed = "started_at", "finished_at", "finished_at"
        _deployment(row, old, given, moment)
    else:
        begin, end, needed = "started_at", "resolved_at", "started_at"
        if not old and row[begin] is None:
            if row[end] is not None:
                raise UserError(f"incident {row['id']!r} is new here and over already; say --started-at too")
            row[begin] = moment
    if row[needed] is None:
        raise UserError(f"--{needed.replace('_', '-')} cannot be taken back: every {kind} has one")
    if row[begin] is not None and row[end] is not None and row[end] < row[begin]:
        raise UserError(
            f"{kind} {row['id']!r} would end ({row[end]:%Y-%m-%dT%H:%M:%SZ}) before it starts "
            f"({row[begin]:%Y-%m-%dT%H:%M:%SZ}); dates without an offset are UTC"
        )
    return row


def _deployment(row: Row, old: Row, given: Row, moment: datetime) -> None:
    """Check a deployment's row, and let it end now where it is new or went another way than before."""
    if row["result"] not in RESULTS:
        said = "is needed" if row["result"] is None else f"= {row['result']!r}"
        raise UserError(f"--result {said}: one of {', '.join(RESULTS)}")
    if not (row["sha"] or row["tag"]):
        raise UserError("say what was deployed: --sha, or --tag with a tag or version")
    if "finished_at" not in given and row["result"] != old.get("result"):
        row["finished_at"] = moment


def _names(table: Table) -> list[str]:
    return [name for name in table.names if name not in OWN]


def _write(path: Path, table: Table, rows: Sequence[Row]) -> None:
    """Write the file whole or not at all."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_MINIMAL)
    writer.writerow(_names(table))
    writer.writerows([_cell(row[name]) for name in _names(table)] for row in rows)
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", newline="", dir=path.parent, prefix=f".{path.name}.", suffix=".partial", delete=False
    ) as file:
        partial = Path(file.name)
        try:
            file.write(text.getvalue())
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            partial.unlink()
            raise
    partial.chmod(mode)
    partial.replace(path)


def _cell(value: Any) -> str:
    if isinstance(value, datetime):
        return f"{value.isoformat()}Z"
    if isinstance(value, bool):
        return str(value).lower()
    return defused(value) if value else ""
