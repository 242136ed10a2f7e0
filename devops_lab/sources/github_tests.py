"""The source ``tests``: JUnit XML from the artifacts of a repository's workflow runs, newest first.

It follows the runs that the store holds, so it comes after the source ``github``; an artifact that was read is not
downloaded again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import IO, Any

from devops_lab import patterns
from devops_lab.config import JUnit
from devops_lab.errors import SourceError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import LimitError, MissingError, RefusedError
from devops_lab.sources.github_fields import instant, number, text
from devops_lab.sources.junit import Batch, Row, ledger_rows, read_zip, rows_of
from devops_lab.sources.junit_parser import JUnitError
from devops_lab.sources.values import EPOCH

Known = Callable[[str, tuple[str, ...]], dict[tuple[Any, ...], tuple[Any, ...]]]
Download = Callable[[str, int], IO[bytes]]

RUN = ("sha", "status", "workflow", "path", "started_at", "created_at", "updated_at", "url")
GONE = "GitHub has deleted it: artifacts expire"


class GitHubTests:
    """The test results of one repository ("owner/name"); `download(repository, artifact)` returns an open zip.

    `known(table, columns)` tells what the store holds of this repository; it is asked for ``workflow_runs`` and
    ``test_runs``.
    """

    name = "tests"

    def __init__(self, client: GitHubClient, download: Download, repository: str, rule: JUnit, known: Known) -> None:
        self.client, self.repository, self.rule = client, repository, rule
        self._download, self._known = download, known
        self.tables = frozenset(("test_runs", "test_cases"))
        self.notes: list[str] = []

    def pull(self, since: datetime | None, until: datetime) -> Iterator[Batch]:
        """Yield test_cases and test_runs of each artifact of the runs that changed since `since`, then the ledger.

        An artifact that is gone, damaged or too large is a row that says so; a permission that is lacking ends the
        source, and the ledger says so.
        """
        fetched = missing = 0
        refused = None
        stored = self._known("test_runs", ())
        for attempts in self._runs(since or EPOCH):
            try:
                for artifact in self._artifacts(attempts[-1]["id"]):
                    if (f"artifact:{artifact['id']}",) in stored:
                        continue
                    run, cases = self._read(artifact, attempts)
                    missing += run["refused"] is not None
                    fetched += run["refused"] is None
                    yield "test_cases", cases
                    yield "test_runs", [run]
            except MissingError:
                missing += 1
            except RefusedError as problem:
                refused = f"{problem}; the token may lack the permission Actions: read"
                break
            except LimitError as problem:
                refused = str(problem)
                break
        yield "sync_ledger", ledger_rows(since or EPOCH, until, fetched, missing, refused)

    def _runs(self, since: datetime) -> Iterator[list[Row]]:
        """Yield the completed attempts of each run that the rule means, in order, the newest run first."""
        runs: dict[int, list[Row]] = {}
        for (run, attempt), values in self._known("workflow_runs", RUN).items():
            row = {"id": run, "run_attempt": attempt, **dict(zip(RUN, values, strict=True))}
            runs.setdefault(run, []).append(row)
        for attempts in sorted(runs.values(), key=lambda rows: rows[0]["created_at"], reverse=True):
            attempts.sort(key=lambda row: row["run_attempt"])
            last = attempts[-1]
            changed = last["updated_at"] or last["created_at"]
            if last["status"] == "completed" and changed >= since and self._meant(last):
                yield attempts

    def _meant(self, run: Row) -> bool:
        names = [run["workflow"] or "", (run["path"] or "").rpartition("/")[2]]
        return any(patterns.matches(name, self.rule.workflows) for name in names)

    def _artifacts(self, run: int) -> Iterator[Row]:
        for page in self.client.pages(f"/repos/{self.repository}/actions/runs/{run}/artifacts", "artifacts"):
            for raw in page:
                name, found = text(raw, "name") or "", number(raw, "id")
                if found is not None and patterns.matches(name, self.rule.artifacts):
                    made = instant(raw, "created_at")
                    yield {"id": found, "name": name, "created_at": made, "expired": raw.get("expired") is True}

    def _read(self, artifact: Row, attempts: list[Row]) -> tuple[Row, list[Row]]:
        made = artifact["created_at"] or attempts[-1]["updated_at"] or attempts[-1]["created_at"]
        own = next((row for row in reversed(attempts) if (row["started_at"] or EPOCH) <= made), attempts[0])
        head = {
            "repository": self.repository,
            "id": f"artifact:{artifact['id']}",
            "name": artifact["name"],
            "run_id": own["id"],
            "run_attempt": own["run_attempt"],
            "sha": own["sha"],
            "created_at": made,
            "url": own["url"],
        }
        if artifact["expired"]:
            return rows_of(head, [], GONE)
        try:
            with self._download(self.repository, artifact["id"]) as file:
                return rows_of(head, read_zip(file, artifact["name"]))
        except MissingError:
            return rows_of(head, [], GONE)
        except JUnitError as problem:
            return rows_of(head, [], str(problem))
        except RefusedError:
            raise
        except SourceError as problem:
            self.notes.append(str(problem))
            return rows_of(head, [], str(problem))
