"""One source into the store: from where the last sync ended, in batches, with what it could not give."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

import pyarrow as pa

from devops_lab.errors import LabError, SourceError, UserError
from devops_lab.privacy import People
from devops_lab.sources import Source
from devops_lab.sources.github import GitHub
from devops_lab.store import Store, Written
from devops_lab.sync.asked import Progress

FIRST_DAYS = 91  # 90 days of any time zone's calendar, its changing clocks included
HELD_ROWS, HELD_TABLE_ROWS, HELD_SECONDS = 5000, 100_000, 5.0
Rows: TypeAlias = list[dict[str, Any]] | pa.Table


@dataclass
class Outcome:
    """What one source of one repository gave: rows per table, or the problem that ended it."""

    repository: str
    source: str
    tables: dict[str, Written] = field(default_factory=dict)
    missing: int = 0
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: LabError | None = None

    @property
    def rows(self) -> Written:
        """Rows of all tables but the ledger, summed."""
        return sum((count for name, count in self.tables.items() if name != "sync_ledger"), Written())


def pull(
    writer: Store,
    source: Source,
    repository: str,
    people: People,
    since: datetime | None,
    until: datetime,
    progress: Progress | None,
) -> Outcome:
    """Write what `source` gives of `since` (or the last sync's end) to `until`; its problem is part of the outcome."""
    outcome = Outcome(repository, source.name)
    wanted: frozenset[str] | None = getattr(source, "tables", None)
    start = since
    if start is None and not getattr(source, "fills_gaps", False):
        start = _last(writer, repository, source.name, wanted) or until - timedelta(days=FIRST_DAYS)
    held = Held(writer, source.name, people, outcome)
    try:
        for table, rows in source.pull(start, until):
            if table == "sync_ledger":
                rows = [{**row, "repository": repository, "recorded_at": until} for row in rows]
                outcome.missing += sum(row.get("missing") or 0 for row in rows)
                outcome.refused += [f"{row['table_name']}: {row['refused']}" for row in rows if row.get("refused")]
            held.add(table, rows)
            if progress is not None and not isinstance(source, GitHub):
                progress(f"{repository} {table}", len(rows), len(rows))
        for table, keys in getattr(source, "gone", {}).items():
            writer.remove(table, keys)
    except (SourceError, UserError) as problem:
        outcome.problem = problem
        held.add("sync_ledger", [_failed(repository, start or until, until, problem)])
    held.write()
    outcome.notes = list(getattr(source, "notes", []))
    return outcome


def _failed(repository: str, since: datetime, until: datetime, problem: LabError) -> dict[str, Any]:
    """Return the ledger's row of a source that did not come to its end: numbers of that time may lack anything."""
    return {
        "repository": repository,
        "table_name": "repositories",
        "window_start": since,
        "window_end": until,
        "recorded_at": until,
        "refused": str(problem),
    }


def _last(writer: Store, repository: str, source: str, wanted: frozenset[str] | None) -> datetime | None:
    """Return from when on a sync must go on: the earliest end of the wanted tables' last windows.

    None when one of them was never asked for, or refused: it is taken from the start.
    """
    ends = writer.rows(
        "select table_name, max(window_end) as until from sync_ledger "
        "where repository = $repository and source = $source and refused is null group by table_name",
        repository=repository,
        source=source,
    )
    known = {row["table_name"]: row["until"] for row in ends}
    if not known or (wanted is not None and not wanted <= known.keys()):
        return None
    return min(until for table, until in known.items() if wanted is None or table in wanted)


class Held:
    """Batches on their way to the store: written together every few seconds, which costs a fraction of one by one.

    Tables are written in the order they first came, so details stay before their parents, and the ledger last.
    """

    def __init__(self, writer: Store, source: str, people: People, outcome: Outcome) -> None:
        self._writer, self._source, self._people, self._outcome = writer, source, people, outcome
        self._tables: dict[str, list[Rows]] = {}
        self._since = time.monotonic()

    def add(self, table: str, rows: Rows) -> None:
        """Take a batch; write all when they are many, or the last write was long ago."""
        held = self._tables.get(table)
        if held and isinstance(held[-1], list) != isinstance(rows, list):
            self.write()
        self._tables.setdefault(table, []).append(rows)
        if self._weight() >= 1 or time.monotonic() - self._since > HELD_SECONDS:
            self.write()

    def _weight(self) -> float:
        """Return how much is held, as a share of what may be; rows of Arrow tables weigh a twentieth of row dicts."""
        held = [rows for batches in self._tables.values() for rows in batches]
        return sum(len(rows) / (HELD_ROWS if isinstance(rows, list) else HELD_TABLE_ROWS) for rows in held)

    def write(self) -> None:
        """Write what is held."""
        for table, batches in sorted(self._tables.items(), key=lambda item: item[0] == "sync_ledger"):
            rows = (
                list(itertools.chain.from_iterable(batches))
                if isinstance(batches[0], list)
                else pa.concat_tables(batches)
            )
            written = self._writer.write(table, rows, source=self._source, people=self._people)
            self._outcome.tables[table] = self._outcome.tables.get(table, Written()) + written
        self._tables.clear()
        self._since = time.monotonic()
