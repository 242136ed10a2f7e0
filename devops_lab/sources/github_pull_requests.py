"""Fetching pull requests with their sizes, commits, reviews, review comments, files and labels.

The list comes by REST, a hundred a request.  Details come by GraphQL, many pull requests a query; by REST, some
requests for each, where GraphQL does not answer.  Sizes and files come by GraphQL alone: they are not worth a request
each.  When a draft was made ready is an event (`issue_events`), and not asked for here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from devops_lab.sources.github_bulk import Bulk, Found
from devops_lab.sources.github_code import (
    pull_request_commit_row,
    pull_request_file_row,
    pull_request_row,
    review_comment_row,
    review_row,
)
from devops_lab.sources.github_fields import Raw, Row, groups, instant, number, sha_of
from devops_lab.sources.github_lists import Labels
from devops_lab.sources.github_pull import OVERLAP, Batch, Pull

FILES = "pull_request_files"
DETAILS = ("pull_request_commits", "reviews", "review_comments", FILES)
SIZES = ("additions", "deletions", "changed_files")
MOST_COMMITS = 250
NO_FILES = "files of pull requests are read by GraphQL, which wants a token that may use it, and a server that has it"


def pull_requests(pull: Pull) -> Iterator[Batch]:
    """Yield pull requests by their last change, newest first; of a group the details come first, then the group.

    A pull request that the store holds with the same last change keeps its details: they are not asked for again.
    """
    start = pull.start("pull_requests")
    known = pull.known("pull_requests", "updated_at", *SIZES)
    wanted = [table for table in DETAILS if pull.wants(table)]
    unproven = pull.unproven("pull_requests", *DETAILS)
    labels, details = Labels(pull), _Details(pull)
    tally = pull.tally("pull_requests")
    for page in pull.pages("pull_requests", "/pulls", state="all", sort="updated", direction="desc"):
        inside = [raw for raw in page if (instant(raw, "updated_at") or start) >= start - OVERLAP]
        for group in groups(inside, costly=bool(wanted)):
            read = [(raw, pull.row("pull_requests", pull_request_row, raw)) for raw in group]
            rows = [row for _, row in read if row is not None]
            for row in rows:
                updated_at, *sizes = known.get((row["number"],), (None, None, None, None))
                same = row["updated_at"] is not None and updated_at == row["updated_at"]
                if same:
                    row |= {name: size for name, size in zip(SIZES, sizes, strict=True) if row[name] is None}
                details.want(row, unproven if same else wanted)
            details.fetch()
            yield from details.batches()
            yield from labels.batch([raw for raw, row in read if row is not None], pull_request=True)
            yield from pull.batch("pull_requests", rows)
            pull.progress("pull_requests", tally.fetched, None)
        if len(inside) < len(page):
            break
    if not details.bulk.answers:
        pull.tally(FILES).refused = NO_FILES
    yield from pull.ledger(start, "pull_requests", *DETAILS)


class _Details:
    """Gathers the details of a group of pull requests."""

    def __init__(self, pull: Pull) -> None:
        self.pull, self.bulk = pull, Bulk(pull)
        self.asked: list[tuple[Row, list[str]]] = []
        self.found: dict[str, list[Row]] = {table: [] for table in DETAILS}
        self.paths: dict[int, set[str]] = defaultdict(set)
        if pull.wants(FILES):
            for numbered, path in pull.known(FILES):
                self.paths[numbered].add(path)

    def want(self, row: Row, tables: list[str]) -> None:
        """Take note that the rows of `tables` that hang on the pull request of `row` are needed, and its size."""
        if tables or any(row[name] is None for name in SIZES):
            self.asked.append((row, tables))

    def fetch(self) -> None:
        """Fetch what was asked for, and write sizes into the rows: many at once, the rest one by one."""
        alike: dict[tuple[str, ...], list[Row]] = defaultdict(list)
        for row, tables in self.asked:
            alike[tuple(tables)].append(row)
        self.asked = []
        for wanted, rows in alike.items():
            tables = list(wanted)
            came = self.bulk.fetch([row["number"] for row in rows], tables)
            for row in rows:
                found = came.get(row["number"], Found())
                row |= {name: getattr(found, name) for name in SIZES if getattr(found, name) is not None}
                for table in tables:
                    self._add(table, row, found)

    def _add(self, table: str, row: Row, found: Found) -> None:
        raws = found.raws.get(table)
        if table == FILES:
            self._add_files(row, found)
        elif table == "pull_request_commits":
            self.found[table] += self._commits(row, raws)
        else:
            read, last = (review_row, "reviews") if table == "reviews" else (review_comment_row, "comments")
            if raws is None:
                raws = self.pull.details(table, f"/pulls/{row['number']}/{last}")
            self.found[table] += self.pull.rows(table, read, raws, row["number"], row["author"])

    def _add_files(self, row: Row, found: Found) -> None:
        """Add the files of a pull request; those that a later push took out of it are forgotten."""
        raws, tally = found.raws.get(FILES), self.pull.tally(FILES)
        if raws is None:
            tally.missing += self.bulk.answers
            return
        tally.capped += found.capped_files
        rows = self.pull.rows(FILES, pull_request_file_row, raws, row["number"])
        gone = self.paths[row["number"]] - {one["path"] for one in rows}
        self.pull.forget(FILES, ((row["number"], path) for path in sorted(gone)))
        self.found[FILES] += rows

    def batches(self) -> Iterator[Batch]:
        """Yield what was gathered, once."""
        for table, rows in self.found.items():
            yield from self.pull.batch(table, rows)
            self.found[table] = []

    def _commits(self, row: Row, came: list[Raw] | None) -> list[Row]:
        """Return the commits of one pull request; GitHub lists 250 at most, what lies beyond is counted as capped.

        Those that `came` have no parents, and are of no use to `commits`.
        """
        table, path = "pull_request_commits", f"/pulls/{row['number']}"
        found = self.pull.details(table, f"{path}/commits") if came is None else came
        if came is None and row["merged_at"] and self.pull.wants("commits"):
            self.pull.spare_commits |= {sha_of(raw): raw for raw in found}
        if len(found) >= MOST_COMMITS:
            whole = self.pull.detail(table, path)
            self.pull.tally(table).capped += max((number(whole, "commits") or 0) - len(found), 0)
        read = (
            self.pull.row(table, pull_request_commit_row, raw, row["number"], position)
            for position, raw in enumerate(found, 1)
        )
        return [commit for commit in read if commit is not None]
