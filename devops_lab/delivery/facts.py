"""What is known of one repository's commits and pull requests, read once and used for each of its services."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from devops_lab import patterns
from devops_lab.delivery import pull_requests
from devops_lab.delivery.graph import Graph
from devops_lab.delivery.pull_requests import PullRequests, Row

USUAL_BRANCHES = ("main", "master", "trunk")
FILE_SCHEMA = pa.schema([("sha", pa.string()), ("path", pa.string())])

_COMMITS = (
    "select sha, parents, authored_at, committed_at, is_bot, subject, pull_request, head_ref, reverts, closes, url "
    "from commits where repository = $repository"
)
_PULLS = "select * exclude (source, fetched_at) from pull_requests where repository = $repository"
_PULL_COMMITS = (
    "select number, sha, authored_at, subject, is_bot, reverts from pull_request_commits "
    "where repository = $repository order by number, position"
)
_BRANCHES = "select branch, sha from branches where repository = $repository"
_DEFAULT = "select default_branch from repositories where repository = $repository"
_ISSUES = "select number from issues where repository = $repository"
_FILES = "select sha, path from commit_files where repository = $repository"


class Store(Protocol):
    """What `load` needs of a store: SQL in, Arrow out."""

    def arrow(self, sql: str, **parameters: Any) -> pa.Table:
        """Run a SELECT over the stored tables."""


def _no_files() -> pa.Table:
    return FILE_SCHEMA.empty_table()


@dataclass
class Facts:
    """One repository: `commits` sha → row, `pulls` number → row (GitHub's, and those that only git knows), `branches`.

    `pull_commits` number → rows of the pull request's own commits in order.  `graph` also knows what squashed
    promotions carry.  `merged` says which commit is which pull request's result.  `read_files` is called only for
    services that are a part of the repository.
    """

    repository: str
    commits: dict[str, Row]
    pull_commits: dict[int, list[Row]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    default_branch: str | None = None
    known_pulls: Sequence[Row] = ()
    issues: frozenset[int] = frozenset()
    read_files: Callable[[], pa.Table] = _no_files

    @cached_property
    def graph(self) -> Graph:
        """The commit graph, with the edges of squashed promotions."""
        return self._graph(self.merged.carried) if self.merged.carried else self._plain

    @cached_property
    def merged(self) -> PullRequests:
        """The merged pull requests: results, kinds and promotions."""
        return pull_requests.find(
            self.commits, self.known_pulls, self.pull_commits, self._plain, self.default_tip, self.issues
        )

    @property
    def pulls(self) -> dict[int, Row]:
        """Pull requests by number; what git alone says has the columns its merge or squash commit tells."""
        return self.merged.rows

    @cached_property
    def default_tip(self) -> str | None:
        """The default branch's last commit: the named branch's, else main's, else the youngest without children."""
        names = [name for name in (self.default_branch, *USUAL_BRANCHES) if name in self.branches]
        tip = self.branches[names[0]] if names else None
        if tip in self.commits or not self.commits:
            return tip if tip in self.commits else None
        parents = {parent for row in self.commits.values() for parent in (row["parents"] or "").split()}
        ends = (sha for sha in self.commits if sha not in parents)
        return max(ends, key=lambda sha: (self.commits[sha]["committed_at"], sha), default=None)

    def touching(self, paths: Sequence[str]) -> set[str]:
        """Return the shas of commits that changed a file which `paths` (GitHub's filter patterns) mean."""
        files = self._files
        meant = pa.array([patterns.matches(path, paths) for path in files["path"].dictionary.to_pylist()], pa.bool_())
        if not len(meant):
            return set()
        return set(pc.unique(files["sha"].filter(meant.take(files["path"].indices))).to_pylist())

    @cached_property
    def _files(self) -> dict[str, Any]:
        table = self.read_files().combine_chunks()
        columns = {name: table[name].combine_chunks() for name in ("sha", "path")}
        return {"sha": columns["sha"], "path": columns["path"].dictionary_encode()}

    @cached_property
    def _plain(self) -> Graph:
        return self._graph({})

    def _graph(self, carried: dict[str, list[str]]) -> Graph:
        return Graph(list(self.commits), [row["parents"] for row in self.commits.values()], carried)


def load(store: Store, repository: str) -> Facts:
    """Read the `Facts` of one repository from the stored tables; changed files only when they are asked for."""

    def read(sql: str) -> pa.Table:
        return store.arrow(sql, repository=repository)

    default = read(_DEFAULT)["default_branch"].to_pylist()
    return of_rows(
        repository,
        _dicts(read(_COMMITS)),
        _dicts(read(_PULLS)),
        _dicts(read(_PULL_COMMITS)),
        _dicts(read(_BRANCHES)),
        default[0] if default else None,
        read(_ISSUES)["number"].to_pylist(),
        lambda: read(_FILES),
    )


def of_rows(
    repository: str,
    commits: Iterable[Row],
    pulls: Iterable[Row] = (),
    pull_commits: Iterable[Row] = (),
    branches: Iterable[Row] = (),
    default_branch: str | None = None,
    issues: Iterable[int] = (),
    read_files: Callable[[], pa.Table] = _no_files,
) -> Facts:
    """Return the `Facts` of row dicts as the stored tables have them; `pull_commits` by number and place."""
    by_number: dict[int, list[Row]] = defaultdict(list)
    for row in pull_commits:
        by_number[row["number"]].append(row)
    return Facts(
        repository,
        {row["sha"]: row for row in commits},
        dict(by_number),
        {row["branch"]: row["sha"] for row in branches},
        default_branch,
        list(pulls),
        frozenset(issues),
        read_files,
    )


def _dicts(table: pa.Table) -> list[Row]:
    """Return row dicts column by column, which is several times faster than row by row."""
    names = table.column_names
    columns = [_values(table[name]) for name in names]
    return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]


def _values(column: pa.ChunkedArray) -> list[Any]:
    if pa.types.is_timestamp(column.type) and not column.null_count:
        return column.to_numpy().astype("datetime64[us]").tolist()
    return column.to_pylist()
