"""Incidents and deployments that other systems know, from CSV, JSON and Parquet files; the same reader serves imports.

Dates are ISO 8601 with or without an offset (without one they are UTC), or seconds since 1970, unless the rule says
otherwise.  Nothing is half read: every wrong value is named with its file, row, column and what would be right, ten at
a time.
"""

from __future__ import annotations

import difflib
import glob
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from devops_lab import patterns
from devops_lab.config import File
from devops_lab.errors import AccessError, RowError
from devops_lab.sources.files_reading import open_file
from devops_lab.sources.files_words import OWN, Words, misnamed, texts
from devops_lab.sources.values import EPOCH, Unfit
from devops_lab.tables import TABLES, Table

Row = dict[str, Any]
Known = Callable[[str, tuple[str, ...]], Mapping[tuple[Any, ...], tuple[Any, ...]]]
SHOWN = 5  # names of a note
NOBODY = "(no name)"


@dataclass
class Reading:
    """What files gave: our `rows`, the ids that were `left` out, and how many rows each of the `others` has there."""

    rows: list[Row] = field(default_factory=list)
    left: set[str] = field(default_factory=set)
    others: Counter[str] = field(default_factory=Counter)


class Files:
    """The file source of one service and one stored table, "incidents" or "reported_deployments".

    Each of the `rules` names files relative to `folder` (where lab.toml lies) and says how their words become ours.
    Rows with one id are one: the later row of the later file stays, and takes the stored row's place.

    A row that is no longer in any file stays in the store: exports are windows (the last 90 days, the last ten syncs
    of an application), and what happened did not un-happen.  What was wrong is said by `devops-lab correct`, or by the
    row itself.  But a row that *is* there and is not this service's (any more), because the rule or the row changed, is
    taken out; `known` tells which rows are stored.

    `elsewhere` are the names that other services have there: whoever is neither is told in `notes`, so that no incident
    is lost between two systems' names; None tells nothing (another service of the same files does).
    """

    name = "file"

    def __init__(
        self,
        folder: Path,
        service: str,
        table: str,
        rules: Sequence[File],
        known: Known | None = None,
        elsewhere: Sequence[str] | None = None,
    ) -> None:
        self.folder, self.service, self.table, self.rules = Path(folder), service, TABLES[table], list(rules)
        self._known, self._elsewhere = known, elsewhere
        self.notes: list[str] = []
        self.gone: dict[str, list[Row]] = {}

    def pull(self, since: datetime | None, until: datetime) -> Iterator[tuple[str, list[Row]]]:
        """Yield (table name, rows) of all files, then of the ledger, whose `repository` is the service's name.

        `since` changes nothing: a file is read whole.  A file of incidents speaks for all time until `until`: no row
        means no incident.  A file of deployments speaks from its earliest row on, since nobody knows what came before.

        Errors: AccessError when no file matches or one cannot be read; RowError for values that do not fit.
        """
        rows: dict[str, Row] = {}
        left: set[str] = set()
        for rule in self.rules:
            names = rule.services.get(self.service, [self.service])
            for path in paths(self.folder, rule.path, self.service):
                found = read(path, self.table, rule, {"service": self.service}, names)
                rows |= {row["id"]: row for row in found.rows}
                left |= found.left
                self._tell(path, found.others)
        self._take_out(left - rows.keys())
        yield self.table.name, list(rows.values())
        yield "sync_ledger", [self._ledger(list(rows.values()), until)]

    def _tell(self, path: Path, others: Counter[str]) -> None:
        if self._elsewhere is None:
            return
        strange = {name: n for name, n in others.items() if not patterns.matches(name, self._elsewhere, True)}
        if strange:
            shown = [f"{name!r} ({n})" for name, n in Counter(strange).most_common(SHOWN)]
            more = f" and {len(strange) - SHOWN} more" if len(strange) > SHOWN else ""
            count = sum(strange.values())
            self.notes.append(
                f"{path.name}: {count} {'row is' if count == 1 else 'rows are'} of no service of lab.toml: "
                f"{', '.join(shown)}{more}; the rule's setting services says what a service is called there"
            )

    def _take_out(self, left: set[str]) -> None:
        stored = self._known(self.table.name, ("source",)) if left and self._known else {}
        gone = sorted(id for (id,), (source,) in stored.items() if id in left and source == self.name)
        if gone:
            self.gone = {self.table.name: [{"service": self.service, "id": id} for id in gone]}

    def _ledger(self, rows: list[Row], until: datetime) -> Row:
        start = EPOCH
        if self.table.name != "incidents":
            instants = (row.get("started_at") or row["finished_at"] for row in rows)
            start = min(instants, default=until)
        return {
            "repository": self.service,
            "source": self.name,
            "table_name": self.table.name,
            "window_start": min(start, until),
            "window_end": until,
            "asked": len(rows),
            "fetched": len(rows),
            "capped": 0,
            "missing": 0,
            "refused": None,
        }


def paths(folder: Path, pattern: str, service: str) -> list[Path]:
    """Return the files that a pattern means, by name; AccessError with the nearest names when there is none."""
    escaped = Path(glob.escape(str(folder)), pattern)
    names = glob.glob(str(escaped), recursive=True)  # noqa: PTH207 - Path.glob refuses absolute patterns
    found = sorted(path for path in map(Path, names) if path.is_file())
    if found:
        return found
    place = folder / pattern
    beside = [file.name for file in place.parent.iterdir() if file.is_file()] if place.parent.is_dir() else []
    near = difflib.get_close_matches(place.name, beside, 3, 0.3)
    hint = f"nearest there: {', '.join(near)}" if near else f"{place.parent} holds no file like it"
    raise AccessError(
        f"service {service!r}: no file matches {pattern!r} in {folder} ({hint}); paths are relative to lab.toml"
    )


def read_rows(
    path: Path | str,
    table: Table,
    columns: Mapping[str, str] | None = None,
    constants: Mapping[str, Any] | None = None,
) -> list[Row]:
    """Read a CSV, JSON (a list of objects, or one object a line) or Parquet file as typed rows of `table`.

    `columns` maps our names to the file's; other columns of the file that the table does not know are left out.
    `constants` are put into every row and need not be in the file.  ``source`` and ``fetched_at`` are the store's own
    and may be missing.  Rows count from 1; in CSV the file's line is named too.

    Errors: RowError names each problem's file, row, column, value and what would be right, ten of them; AccessError
    when the file is not there or of another kind.
    """
    rule = File.model_validate({"from": "file", "path": str(path), "columns": dict(columns or {})})
    return read(Path(path), table, rule, constants or {}).rows


def read(
    path: Path, table: Table, rule: File, constants: Mapping[str, Any], service: Sequence[str] | None = None
) -> Reading:
    """Read one file as `rule` says; `service` are the names that it has for the service whose rows are wanted.

    Rows of others are left out before their values are looked at: what is wrong there is nobody's trouble here.
    """
    raw = open_file(path, table, rule.rows)
    words, found = Words(table, rule, raw, service), Reading()
    problems = misnamed(words, path.name, constants, raw.names) if raw.rows or raw.certain else []
    if problems:
        raise RowError(table.name, problems)
    own = OWN if service is not None else ("fetched_at",)  # an export's own column source says something else
    taken = [
        column
        for column in table.columns
        if column.name not in constants and column.name not in own and words.known(column.name)
    ]
    for place, values in raw.rows:
        row, wrong = dict(constants), len(problems)
        try:
            if not _is_ours(words, values, found):
                continue
        except Unfit as unfit:
            problems.append(f"{path.name}, {place}: whose row it is cannot be told: {unfit}")
            continue
        for column in taken:
            try:
                row[column.name] = words.value(values, column)
            except Unfit as unfit:
                problems.append(f"{path.name}, {place}, {_column_name(words, column.name)}: {unfit}")
        if len(problems) == wrong:
            found.rows.append(row)
    if problems:
        raise RowError(table.name, problems)
    return found


def _is_ours(words: Words, values: Mapping[str, Any], found: Reading) -> bool:
    """Say whether a row is wanted and our service's; what is not goes to what `found` has left."""
    wanted = words.is_wanted(values)
    if wanted and words.is_ours(values):
        return True
    found.left.update(texts(words.cell(values, "id")))
    if wanted:
        found.others.update(words.services(values) or [NOBODY])
    return False


def _column_name(words: Words, ours: str) -> str:
    theirs = " or ".join(words.theirs(ours))
    return f"column {ours}" if ours == theirs else f"column {theirs} ({ours})"
