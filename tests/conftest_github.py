"""What the tests of the GitHub source share: a small GitHub of given answers, a store in memory."""

from __future__ import annotations

import json
import threading
from collections import Counter, defaultdict
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from devops_lab.rows import checked
from devops_lab.tables import TABLES

TOKEN = "ghp_secretsecretsecret"


class Memory:
    """A store in memory: rows by key, checked as the store checks them, with what changed counted."""

    def __init__(self) -> None:
        self.tables: dict[str, dict[tuple, dict]] = defaultdict(dict)
        self.changed: Counter[str] = Counter()
        self.order: list[str] = []

    def write(self, name: str, rows: list[dict]) -> None:
        table = TABLES[name]
        now = datetime.now(UTC).replace(tzinfo=None)
        if name == "sync_ledger":
            rows = [{**row, "recorded_at": now} for row in rows]
        self.order.append(name)
        for row in checked(table, rows, now, "github").to_pylist():
            key = tuple(row[column] for column in table.key if column != "repository")
            before = self.tables[name].get(key)
            content = {column: value for column, value in row.items() if column != "fetched_at"}
            if before is None or content != {column: before[column] for column in content}:
                self.tables[name][key] = row
                self.changed[name] += name != "sync_ledger"

    def known(self, name: str, columns: tuple[str, ...]) -> dict[tuple, tuple]:
        return {key: tuple(row[column] for column in columns) for key, row in self.tables[name].items()}

    def rows(self, name: str) -> list[dict]:
        return list(self.tables[name].values())

    def content(self) -> dict[str, list[dict]]:
        """All rows without when they were fetched, in a fixed order."""
        return {
            name: sorted(
                ({column: value for column, value in row.items() if column != "fetched_at"} for row in rows.values()),
                key=str,
            )
            for name, rows in self.tables.items()
            if name != "sync_ledger" and rows
        }

    def ledger(self, name: str) -> dict:
        """The newest ledger row of a table."""
        rows = [row for row in self.rows("sync_ledger") if row["table_name"] == name]
        return max(rows, key=lambda row: row["recorded_at"])

    def take(self, source: Any, since: datetime | None, until: datetime, stop_after: int | None = None) -> None:
        """Write what `source` yields; `stop_after` batches the sync is killed."""
        for number, (name, rows) in enumerate(source.pull(since, until)):
            if stop_after is not None and number >= stop_after:
                return
            self.write(name, rows)


class Server:
    """A GitHub of given answers.

    `routes` maps a path (or a path with its query) to JSON, to (status, body, headers), to a list of such answers
    given one after the other, or to a callable(query) that returns one of them.  Lists of dicts are paged.
    """

    def __init__(self, routes: dict[str, Any], link: bool = True) -> None:
        self.routes, self.link = routes, link
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *arguments: Any) -> None:
                pass

            def do_GET(self) -> None:
                outer.asked.append(self.path)
                outer.headers.append(dict(self.headers))
                status, body, headers = outer.answer(self.path)
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                if "Content-Length" in headers:
                    self.close_connection = True

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.http.shutdown()
        self.http.server_close()

    def answer(self, address: str) -> tuple[int, Any, dict[str, str]]:
        parts = urlsplit(address)
        query = dict(parse_qsl(parts.query))
        found = self.routes.get(address, self.routes.get(parts.path, (404, {"message": "Not Found"})))
        if isinstance(found, list) and found and isinstance(found[0], tuple):
            found = found.pop(0) if len(found) > 1 else found[0]
        if callable(found):
            found = found(query)
        if isinstance(found, tuple):
            status, body, headers = (*found, {})[:3]
            return status, body, headers
        envelope = next(
            (
                key
                for key in ("workflow_runs", "jobs", "workflows", "commits", "files")
                if isinstance(found, dict) and isinstance(found.get(key), list)
            ),
            None,
        )
        items = found[envelope] if envelope else found
        if not isinstance(items, list):
            return 200, found, {}
        page, size = int(query.get("page", 1)), int(query.get("per_page", 30))
        shown = items[(page - 1) * size : page * size]
        headers = {}
        if self.link and page * size < len(items):
            following = "&".join(f"{key}={value}" for key, value in {**query, "page": str(page + 1)}.items())
            headers["Link"] = f'<https://elsewhere.example/repositories/1{parts.path}?{following}>; rel="next"'
        return 200, {"total_count": len(items), **found, envelope: shown} if envelope else shown, headers
