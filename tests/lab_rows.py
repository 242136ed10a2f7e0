"""Rows for tests of metrics: defaults for what a test does not care about, and stores made of them.

`filled` writes a real store; `Facts` answers the same questions from memory, fast enough for property tests.
"""

import csv
from datetime import UTC, datetime, timedelta

from devops_lab import engines
from devops_lab.rows import checked
from devops_lab.tables import TABLES

NOW = datetime(2026, 11, 1)
MADE_FROM = {"deployment_tables": "tags", "change_tables": "commits", "failure_tables": "issues"}
EVER = datetime(2000, 1, 1)


def deployment(service: str, id: object, finished_at: datetime | None, **more) -> dict:
    started = finished_at or more["started_at"]
    return {
        "service": service, "repository": f"acme/{service}", "id": str(id), "environment": "production",
        "started_at": started - timedelta(minutes=10), "finished_at": finished_at, "rule": "file",
        "result": "success" if finished_at else None, "unplanned": False if finished_at else None,
    } | more  # fmt: skip


def change(service: str, id: str, first_commit_at: datetime | None, deployed_at: datetime | None, **more) -> dict:
    committed = more.get("committed_at") or more.get("merged_at") or deployed_at or first_commit_at
    return {
        "service": service, "repository": f"acme/{service}", "sha": f"sha-{id}", "change_id": id, "is_result": True,
        "is_merge": False, "is_bot": False, "first_commit_at": first_commit_at, "committed_at": committed,
        "merged_at": committed, "deployed_at": deployed_at,
        "deployment_id": f"{deployed_at:%m%d%H%M}" if deployed_at else None,
    } | more  # fmt: skip


def failure(service: str, id: str, deployment_id: object, started_at: datetime, recovered_at=None, **more) -> dict:
    return {
        "service": service, "repository": f"acme/{service}", "failure_id": f"incident:{id}", "source_kind": "incident",
        "incident_id": str(id), "deployment_id": None if deployment_id is None else str(deployment_id), "grade": "link",
        "started_at": started_at, "recovered_at": recovered_at,
    } | more  # fmt: skip


def service_rows(tables: dict, teams: dict | None = None) -> list[dict]:
    """One row of `services` per service that the rows name."""
    found = {}
    for rows in tables.values():
        for row in rows:
            if "service" in row:
                found[row["service"]] = row.get("repository") or f"acme/{row['service']}"
    return [
        {"service": name, "repository": repository, "team": (teams or {}).get(name), **MADE_FROM}
        for name, repository in sorted(found.items())
    ]


def ledger_rows(services: list[dict], start: datetime = EVER, end: datetime = NOW) -> list[dict]:
    """The sync asked for everything between `start` and `end`."""
    return [
        {
            "repository": repository, "source": "test", "table_name": table, "window_start": start, "window_end": end,
            "asked": 1, "fetched": 1, "missing": 0, "recorded_at": end,
        }
        for repository in sorted({row["repository"] for row in services})
        for table in sorted(name for name, table in TABLES.items() if not table.derived)
    ]  # fmt: skip


def complete(tables: dict, covered: tuple[datetime, datetime] | None = (EVER, NOW), teams: dict | None = None) -> dict:
    """`tables` with the services they name and a ledger that covers them (None: nothing was ever asked)."""
    whole = dict(tables)
    whole.setdefault("services", service_rows(tables, teams))
    if covered:
        whole.setdefault("sync_ledger", ledger_rows(whole["services"], *covered))
    return whole


def filled(store, tables: dict):
    """Write `tables` to a store."""
    for name, rows in tables.items():
        store.write(name, rows, source="test")
    return store


class Facts:
    """A store in memory: what metrics ask of one, `query`, `as_of` and `snapshot_name`."""

    snapshot_name = "in memory"

    def __init__(self, tables: dict, as_of: datetime = NOW) -> None:
        self.as_of = as_of
        self.given = {name: checked(TABLES[name], rows, NOW, "test") for name, rows in tables.items() if rows}

    def query(self, sql, as_of=None, frames=None, **parameters):
        relations, given = {}, dict(frames or {})
        for name in engines.names_in(sql) & TABLES.keys():
            relations[name] = engines.stored(TABLES[name], [])
            if name in self.given:
                given[f"{name}_rows"] = self.given[name]
                relations[name] = f'select * from "{name}_rows"'
            if as_of is not None:
                relations[name] = engines.known_at(TABLES[name], relations[name], as_of)
        return engines.run(sql, relations, given, {"as_of": as_of, **parameters}).to_pandas()


def read_csv(path) -> list[dict]:
    """Rows of a stored table from CSV by the types of tables.py; an empty cell is null."""
    kinds = {column.name: column.type for column in TABLES[path.stem].columns}
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: _value(kinds[name], text) for name, text in row.items()} for row in csv.DictReader(file)]


def _value(kind: str, text: str):
    if text == "":
        return None
    if kind == "instant":
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return {"integer": int, "number": float, "boolean": lambda word: word == "true"}.get(kind, str)(text)
