"""One pull from GitHub: what is wanted, what the store knows already, what came, what is missing and what was refused.

The fetchers share one `Pull`.  It turns the client's signals into the ledger's words, so that a table that is refused
or a detail that is gone never ends the sync: the others go on.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import EmptyError, LimitError, MissingError, RefusedError
from devops_lab.github_api.paging import Page
from devops_lab.sources.github_fields import IncompleteError, Raw, Row
from devops_lab.tables import TABLES

Batch = tuple[str, list[Row]]
Known = Callable[[str, tuple[str, ...]], dict[tuple[Any, ...], tuple[Any, ...]]]
Progress = Callable[[str, int, int | None], None]

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants are naive UTC in the store
OVERLAP = timedelta(hours=1)

PERMISSIONS = {
    "issues": "Issues", "issue_events": "Issues", "milestones": "Issues",
    "pull_requests": "Pull requests", "pull_request_commits": "Pull requests", "reviews": "Pull requests",
    "review_comments": "Pull requests", "pull_request_files": "Pull requests",
    "workflows": "Actions", "workflow_runs": "Actions", "workflow_jobs": "Actions",
    "github_deployments": "Deployments", "deployment_statuses": "Deployments",
}  # fmt: skip
# What a pull remembers of the rows it read, to tell which commits no pull request brought.
REMEMBERED = {
    "commits": ("parents", "committed_at", "authored_at", "subject", "pull_request"),
    "pull_requests": ("merged_at", "merge_commit_sha"),
    "pull_request_commits": ("authored_at", "subject"),
}


@dataclass
class Tally:
    """How much of one table came, lies beyond a limit, is gone; and why nothing came, where it was refused."""

    fetched: int = 0
    capped: int = 0
    missing: int = 0
    refused: str | None = None


class Pull:
    """What one pull knows; `since` None asks for everything.

    `known(table, columns)` returns what the store holds of this repository: {key without repository: values}.
    """

    def __init__(
        self,
        client: GitHubClient,
        repository: str,
        tables: Iterable[str] | None,
        known: Known,
        since: datetime | None,
        until: datetime,
        progress: Progress,
    ) -> None:
        self.client, self.repository, self.until, self.progress = client, repository, until, progress
        self.tables = None if tables is None else frozenset(tables)
        self.since = since
        self.root = f"/repos/{repository}"
        self.default_branch: str | None = None
        self.created_at: datetime | None = None
        self.workflow_names: dict[int, str] = {}
        self._heads: dict[str, datetime] = {}
        self.spare_commits: dict[str, Raw] = {}
        self.gone: dict[str, list[Row]] = defaultdict(list)
        self._before: datetime | None = None
        self._known = known
        self._read: dict[str, dict[tuple[Any, ...], tuple[Any, ...]]] = {table: {} for table in REMEMBERED}
        self._tallies: dict[str, Tally] = defaultdict(Tally)
        self.recorded = self._complete(known("sync_ledger", ("source", "table_name", "refused", "fetched_at")))

    @staticmethod
    def _complete(ledger: dict[tuple[Any, ...], tuple[Any, ...]]) -> dict[str, datetime]:
        """Return when each table was last complete: the store's own clock when it wrote the ledger's row."""
        found: dict[str, datetime] = {}
        for source, table, refused, written in ledger.values():
            if source == "github" and refused is None:
                found[table] = max(written, found.get(table, EPOCH))
        return found

    # ------------------------------------------------------------------ what to ask for

    def wants(self, *tables: str) -> bool:
        """Say whether one of `tables` is wanted."""
        return self.tables is None or any(table in self.tables for table in tables)

    def known(self, table: str, *columns: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Return what the store holds of `table`: {key without the repository: values of `columns`}."""
        return self._known(table, columns)

    @property
    def wants_pushed_files(self) -> bool:
        """Whether the files of changes are wanted, but not of every commit: then those of pushed commits are."""
        return self.wants("pull_request_files") and not self.wants("commit_files")

    def held(self, table: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        """Return {key: values of `REMEMBERED`} of what the store holds and what this pull read: it may wait unwritten.

        Only where `wants_pushed_files` does a pull remember what it read.
        """
        return self._known(table, REMEMBERED[table]) | self._read[table]

    def unproven(self, parent: str, *details: str) -> list[str]:
        """Return those wanted `details` whose rows a stored row of `parent` does not prove to be stored too.

        Details are written before their parent, so it proves all of them; but those that were never asked for (or were
        refused) when the parents were last complete.
        """
        if parent not in self.recorded:
            return []
        return [table for table in details if self.wants(table) and table not in self.recorded]

    def start(self, table: str) -> datetime:
        """Return from when on rows of `table` are asked for.

        The first deployment in the window carries what was written since the one before it.  So commits and pull
        requests that were never asked for are taken from that deployment on, at most one more window back.
        """
        if self.since is None:
            return EPOCH
        if self._before is None or table in self.recorded:
            return self.since
        return max(min(self.since, self._before), self.since - (self.until - self.since))

    def deployed(self, sha: str | None, moment: datetime | None, replaced: bool = False) -> None:
        """Take note of a commit that a tag, a deployment or a run of the window names: `commits` must hold it.

        `replaced`: it lies before the window, and what the window's first deployment carries begins there.
        """
        if sha is None or moment is None:
            return
        if self.since is None or moment >= self.since or replaced:
            self._heads[sha] = max(moment, self._heads.get(sha, moment))
        if self.since is not None and replaced:
            self._before = moment if self._before is None else min(moment, self._before)

    @property
    def heads(self) -> list[str]:
        """The shas noted by `deployed`, newest first."""
        return sorted(self._heads, key=lambda sha: self._heads[sha], reverse=True)

    # ------------------------------------------------------------------ asking

    def pages(
        self, table: str, path: str, key: str | None = None, detail: bool = False, **parameters: Any
    ) -> Iterator[Page]:
        """Yield the pages of a list below the repository; what is refused or gone goes to the tally of `table`.

        A list that is not there (404) is refused: the repository is seen, so the token lacks a permission or the
        feature is off.  A `detail` that is not there is missing.
        """
        tally = self._tallies[table]
        if detail and tally.refused:
            return
        try:
            yield from self.client.pages(self.root + path, key, **parameters)
        except EmptyError:
            return
        except RefusedError as problem:
            self._refuse(table, problem)
        except MissingError as problem:
            if detail:
                tally.missing += 1
            else:
                self._refuse(table, problem)
        except LimitError:
            if detail:
                tally.missing += 1
            else:
                tally.capped += 1

    def details(self, table: str, path: str, key: str | None = None, **parameters: Any) -> list[Raw]:
        """Return a whole list of details; nothing where they are gone or refused, as the tally says."""
        return [raw for page in self.pages(table, path, key, True, **parameters) for raw in page]

    def detail(self, table: str, path: str) -> Raw | None:
        """Return one object, None where it is gone or refused, as the tally says."""
        tally = self._tallies[table]
        if tally.refused:
            return None
        try:
            found = self.client.get(self.root + path)
        except RefusedError as problem:
            self._refuse(table, problem)
        except (MissingError, LimitError, EmptyError):
            tally.missing += 1
        else:
            return found if isinstance(found, dict) else None
        return None

    def is_gone(self, path: str) -> bool:
        """Say whether the server says plainly that something is not there: a gap in a list is no proof."""
        try:
            self.client.get(self.root + path)
        except MissingError:
            return True
        except (RefusedError, LimitError, EmptyError):
            return False
        return False

    def _refuse(self, table: str, problem: Exception) -> None:
        permission = PERMISSIONS.get(table, "Contents")
        self._tallies[table].refused = f"{problem}; the token may lack the permission {permission}: read"

    # ------------------------------------------------------------------ what came

    def tally(self, table: str) -> Tally:
        """Return the tally of `table`."""
        return self._tallies[table]

    def row(self, table: str, read: Callable[..., Row | None], raw: Raw, *more: Any) -> Row | None:
        """Return one row read from `raw`, and count it; None (and missing) where the object lacks what it needs."""
        tally = self._tallies[table]
        try:
            row = read(raw, self.repository, *more)
        except IncompleteError:
            tally.missing += 1
            return None
        tally.fetched += row is not None
        if row is not None and table in REMEMBERED and self.wants_pushed_files:
            self._read[table][key_of(table, row)] = tuple(row[name] for name in REMEMBERED[table])
        return row

    def rows(self, table: str, read: Callable[..., Row | None], raws: Iterable[Raw], *more: Any) -> list[Row]:
        """Return the rows of many objects, see `row`; an empty list when `table` is not wanted."""
        if not self.wants(table):
            return []
        found = (self.row(table, read, raw, *more) for raw in raws)
        return [row for row in found if row is not None]

    def batch(self, table: str, rows: list[Row]) -> Iterator[Batch]:
        """Yield `rows` of `table` when it is wanted and there are any."""
        if rows and self.wants(table):
            yield table, rows

    def forget(self, table: str, keys: Iterable[tuple[Any, ...]]) -> None:
        """Take note of rows that the store holds and the server has no longer."""
        names = [name for name in TABLES[table].key if name != "repository"]
        self.gone[table] += [{"repository": self.repository, **dict(zip(names, key, strict=True))} for key in keys]

    def ledger(self, start: datetime, *tables: str) -> Iterator[Batch]:
        """Yield the ledger's rows of those of `tables` that are wanted, asked for from `start` until the pull began."""
        rows: list[Row] = []
        for table in tables:
            if not self.wants(table):
                continue
            tally = self._tallies[table]
            rows.append(
                {
                    "repository": self.repository,
                    "table_name": table,
                    "window_start": start,
                    "window_end": self.until,
                    "asked": tally.fetched + tally.capped + tally.missing,
                    "fetched": tally.fetched,
                    "capped": tally.capped,
                    "missing": tally.missing,
                    "refused": tally.refused,
                }
            )
            self.progress(table, tally.fetched, tally.fetched)
        if rows:
            yield "sync_ledger", rows


def key_of(table: str, row: Row) -> tuple[Any, ...]:
    """Return the key of a row without its repository."""
    return tuple(row[name] for name in TABLES[table].key if name != "repository")
