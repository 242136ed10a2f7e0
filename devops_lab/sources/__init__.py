"""Sources: outside facts → rows of stored tables.

`SOURCES` lists the modules that read one kind of system each; the others beside them are their parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Protocol

import pyarrow as pa

SOURCES = ("git", "github", "github_tests", "github_security", "prometheus", "junit", "files")


class Source(Protocol):
    """What a source must supply: batches of rows of stored tables, newest first, each followed by its ledger row.

    ``pull`` yields ``(table_name, rows)``: row dicts or, where they are many and of nobody, an Arrow table; details
    come before the rows they belong to, so that a stored parent means that its details are stored.  After a table, one
    ``("sync_ledger", rows)`` of row dicts says what was asked and what came.
    """

    name: str

    def pull(self, since: datetime | None, until: datetime) -> Iterator[tuple[str, list[dict[str, Any]] | pa.Table]]:
        """Yield the batches of everything that changed between `since` and `until`."""
        ...
