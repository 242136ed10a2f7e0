"""The `actions` table: what is asked for is written before it is sent; what cannot be written is not sent.

The row is the proof of what was done and the memory that makes a double click one run.  Rows are written one at a time
(a lock beside the table), so that of two equal requests at once the second sees the first.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from devops_lab.actions.masking import without
from devops_lab.actions.outcomes import FAILED, REFUSED, SENDING
from devops_lab.actions.texts import plain_line
from devops_lab.errors import LabError, StoreError
from devops_lab.store import Store

PATIENCE = 20.0
UNSETTLED = 3600.0  # seconds for which an outcome that nobody knows stands in the way of the same again
OURS = "actions"
STARTS = ("dispatch", "rollback", "rerun", "rerun_failed")
Row = dict[str, Any]


def key_of(*parts: Any) -> str:
    """Return one text for a request: equal parts give equal keys, and no part can be read from it."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:32]


class Record:
    """The record of one store; no row ever holds `token`, whatever text it was typed into by mistake."""

    def __init__(self, store: Store, token: str = "") -> None:
        self._path, self._token = store.path, token
        self._store = Store(store.path, latest=True)

    def begin(self, row: Mapping[str, Any], within: float, unsettled: float = UNSETTLED) -> tuple[Row, bool]:
        """Write a row before its request is sent; return it, or the equal one of the last `within` seconds, and which.

        One of which nobody knows what came counts for `unsettled` seconds, unless a person told.

        Errors: StoreError, RowError: it cannot be recorded, so it must not be sent.
        """
        with self._lock():
            before = self._recent(str(row["request_key"]), within, max(within, unsettled))
            if before is not None:
                return before, False
            return self._put({"id": uuid.uuid4().hex, "asked_at": _now(), "outcome": SENDING, **row}), True

    def note(self, row: Mapping[str, Any], outcome: str, message: str | None = None, **more: Any) -> Row:
        """Write what came of a row (or a row whole, where it was refused before it was sent) and return it."""
        with self._lock("what came of the action cannot be recorded"):
            given = {"id": uuid.uuid4().hex, "asked_at": _now(), **row, **more}
            return self._put({**given, "outcome": outcome, "message": message, "settled_at": _now()})

    @contextmanager
    def refusals(self, row: Row, login: Callable[[], str]) -> Iterator[None]:
        """Record an error inside as a refusal of what `row` asks for: it was asked, and nothing was sent.

        The `login` is asked for first; where that fails, nothing else is asked, and the row has none.
        """
        try:
            row = {**row, "login": login()}
            yield
        except LabError as problem:
            self.note({"request_key": key_of(uuid.uuid4().hex), **row}, REFUSED, plain_line(str(problem)))
            raise

    def row(self, number: str) -> Row:
        """Return the row of an action as it is now."""
        found = self.find(number)
        if found is None:
            raise StoreError(f"the row {number} of the actions table is gone")
        return found

    def find(self, number: str) -> Row | None:
        """Return the row of an action, None where there is none."""
        rows = self._store.rows("select * from actions where id = $id", id=number)
        return rows[0] if rows else None

    def of_run(self, repository: str, run: int) -> list[Row]:
        """Return the rows about one run, the oldest first."""
        return self._store.rows(
            "select * from actions where repository = $repository and run_id = $run order by asked_at",
            repository=repository,
            run=run,
        )

    def started_by(self, repository: str, run: int) -> set[str | None]:
        """Return the persons who started a run, None for one nobody named; empty where no row tells of a start."""
        rows = self.of_run(repository, run)
        return {row["person"] for row in rows if row["verb"] in STARTS and row["outcome"] not in (REFUSED, FAILED)}

    def last(self, who: str, repository: str | None = None, most: int = 20) -> list[Row]:
        """Return the latest rows of starts asked for by `who` (person or login) that were sent, the newest first."""
        return self._store.rows(
            "select * from actions where lower(coalesce(person, login)) = lower($who) "
            "and verb in ('dispatch', 'rollback') and outcome in ('sending', 'done', 'unknown') "
            "and (repository = $repository or $repository is null) order by asked_at desc limit $most",
            who=who,
            repository=repository,
            most=most,
        )

    def _recent(self, key: str, within: float, unsettled: float) -> Row | None:
        rows = self._store.rows(
            "select * from actions where request_key = $key and (outcome = 'done' and asked_at >= $since "
            "or outcome in ('sending', 'unknown') and asked_at >= $open) order by asked_at desc limit 1",
            key=key,
            since=_now() - timedelta(seconds=within),
            open=_now() - timedelta(seconds=unsettled),
        )
        return rows[0] if rows else None

    def _put(self, row: Mapping[str, Any]) -> Row:
        own = {
            name: without(value, self._token) if isinstance(value, str) else value
            for name, value in row.items()
            if name not in ("source", "fetched_at")
        }
        self._store.write("actions", [own], source=OURS)
        return own

    @contextmanager
    def _lock(self, failed: str = "the action cannot be recorded, so it is not sent") -> Iterator[None]:
        if "://" in self._path:  # a bucket: Delta's own commits keep the order
            yield
            return
        try:
            Path(self._path).mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._path}/.actions.lock", timeout=PATIENCE):
                yield
        except Timeout as problem:
            raise StoreError(f"{failed}: {self._path} is held by another action for {PATIENCE:.0f} s") from problem
        except OSError as problem:
            raise StoreError(f"{failed}: {self._path}: {problem}") from problem


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def plain(inputs: Mapping[str, str]) -> str | None:
    """Return inputs as one text, None where there are none."""
    return json.dumps(dict(inputs), ensure_ascii=False, sort_keys=True) if inputs else None
