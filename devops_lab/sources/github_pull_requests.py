"""Fetching pull requests with their commits, reviews, review comments and labels."""

from __future__ import annotations

from collections.abc import Iterator

from devops_lab.sources.github_code import (
    pull_request_commit_row,
    pull_request_row,
    review_comment_row,
    review_row,
)
from devops_lab.sources.github_fields import Row, groups, instant, number, sha_of
from devops_lab.sources.github_lists import Labels
from devops_lab.sources.github_pull import OVERLAP, Batch, Pull

DETAILS = ("pull_request_commits", "reviews", "review_comments")
MOST_COMMITS = 250


def pull_requests(pull: Pull) -> Iterator[Batch]:
    """Yield pull requests by their last change, newest first; of a group the details come first, then the group.

    A pull request that the store holds with the same last change keeps its details: they are not asked for again.
    """
    start = pull.start("pull_requests")
    known = pull.known("pull_requests", "updated_at")
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
                same = row["updated_at"] is not None and known.get((row["number"],)) == (row["updated_at"],)
                details.add(row, unproven if same else wanted)
            yield from details.batches()
            yield from labels.batch([raw for raw, row in read if row is not None], pull_request=True)
            yield from pull.batch("pull_requests", rows)
            pull.progress("pull_requests", tally.fetched, None)
        if len(inside) < len(page):
            break
    yield from pull.ledger(start, "pull_requests", *DETAILS)


class _Details:
    """Gathers the details of a group of pull requests."""

    def __init__(self, pull: Pull) -> None:
        self.pull = pull
        self.found: dict[str, list[Row]] = {table: [] for table in DETAILS}

    def add(self, row: Row, tables: list[str]) -> None:
        """Fetch the rows of `tables` that hang on the pull request of `row`."""
        path, author = f"/pulls/{row['number']}", row["author"]
        if "pull_request_commits" in tables:
            self.found["pull_request_commits"] += self._commits(row)
        if "reviews" in tables:
            reviews = self.pull.details("reviews", f"{path}/reviews")
            self.found["reviews"] += self.pull.rows("reviews", review_row, reviews, row["number"], author)
        if "review_comments" in tables:
            comments = self.pull.details("review_comments", f"{path}/comments")
            self.found["review_comments"] += self.pull.rows(
                "review_comments", review_comment_row, comments, row["number"], author
            )

    def batches(self) -> Iterator[Batch]:
        """Yield what was gathered, once."""
        for table, rows in self.found.items():
            yield from self.pull.batch(table, rows)
            self.found[table] = []

    def _commits(self, row: Row) -> list[Row]:
        """Return the commits of one pull request; GitHub lists 250 at most, what lies beyond is counted as capped."""
        table, path = "pull_request_commits", f"/pulls/{row['number']}"
        found = self.pull.details(table, f"{path}/commits")
        if row["merged_at"] and self.pull.wants("commits"):
            self.pull.spare_commits |= {sha_of(raw): raw for raw in found}
        if len(found) >= MOST_COMMITS:
            whole = self.pull.detail(table, path)
            self.pull.tally(table).capped += max((number(whole, "commits") or 0) - len(found), 0)
        read = (
            self.pull.row(table, pull_request_commit_row, raw, row["number"], position)
            for position, raw in enumerate(found, 1)
        )
        return [commit for commit in read if commit is not None]
