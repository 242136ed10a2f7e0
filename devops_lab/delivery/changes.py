"""Changes: what was made, and the first deployment that carries it.

A change is a pull request, from its first commit by author date to the first deployment that carries its merged result,
or a commit without one.  So squash, rebase and merge commit give one observation with one clock, and trunk-based work
counts.  The stored table has a row for every commit that the default branch or a deployment reaches (work on unmerged
branches is no change yet); metrics look at the rows with ``is_result``, one for each service and change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from devops_lab import patterns
from devops_lab.delivery import pull_requests
from devops_lab.delivery.graph import Graph
from devops_lab.delivery.pull_requests import MERGE, REBASE, SQUASH, PullRequests, Row

MERGE_COMMIT = "merge commit"
BEFORE_RECORDS = "deployed before records"
UNKNOWN = "deployment unknown"
PROMOTION = "promotion"
SQUASHED = "squashed: only the squash's author date is known"
AUTHORED_LATE = "clock: author date after commit date"
COMMITTED_LATE = "clock: commit after deployment"
USUAL_BRANCHES = ("main", "master", "trunk")


class Service(Protocol):
    """What `changes` needs of a service: name, repository, and the patterns of its paths (none: all)."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def repository(self) -> str: ...  # noqa: D102
    @property
    def paths(self) -> Sequence[str]: ...  # noqa: D102


class Store(Protocol):
    """What `load` needs of a store: SQL in, Arrow out."""

    def arrow(self, sql: str, **parameters: Any) -> pa.Table: ...  # noqa: D102
