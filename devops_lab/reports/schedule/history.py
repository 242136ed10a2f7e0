"""The history of schedules: a row per report that was due, written before it is rendered and after."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from devops_lab.reports.schedule.due import Due
from devops_lab.store import Store

OURS = "schedule"
Row = dict[str, Any]
Key = tuple[str, str, datetime]


class History:
    """The rows of ``schedule_history`` of a store, read once; for one run, which holds the schedule's lock."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[Key, Row] = {}
        known = "select * exclude (source, fetched_at) from schedule_history order by period_start, schedule, subject"
        for row in store.rows(known):
            self._rows[(row["schedule"], row["subject"], row["period_start"])] = row

    def of(self, schedule: str) -> list[Row]:
        """Return a schedule's rows, the earliest period first."""
        return [row for (name, _, _), row in self._rows.items() if name == schedule]

    def row(self, due: Due) -> Row:
        """Return the row of a report that was due."""
        return self._rows[_key(due)]

    def put(self, dues: Iterable[Due], **values: Any) -> None:
        """Write the rows of some reports, with these values besides what is there; all of them or none."""
        rows = []
        for due in dues:
            rows.append({**self._rows.get(_key(due), _first(due)), **values})
        self.write(rows)

    def write(self, rows: list[Row]) -> None:
        """Write rows as they are; all of them or none."""
        if rows:
            self._store.write("schedule_history", rows, source=OURS)
        self._rows |= {(row["schedule"], row["subject"], row["period_start"]): row for row in rows}


def _key(due: Due) -> Key:
    return (due.schedule.name, due.subject, due.span.start)


def _first(due: Due) -> Row:
    return {
        "schedule": due.schedule.name, "subject": due.subject, "period_start": due.span.start,
        "period_end": due.span.end, "period": due.span.label, "report": due.schedule.report, "due_at": due.due_at,
        "started_at": None, "finished_at": None, "attempts": 0, "outcome": "due", "message": None, "path": None,
        "recipients": "\n".join(due.schedule.recipients) or None,
    }  # fmt: skip
