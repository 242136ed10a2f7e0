"""Fetching pull requests with their commits, reviews, review comments and labels."""

from __future__ import annotations

from collections.abc import Iterator

from devops_lab.sources.github_code import (
    pull_request_commit_row,
    pull_request_row,
    review_comment_row,
    review_row,
)
from devops_lab.sources.github_fields import Raw, Row, groups, instant, number, sha_of
from devops_lab.sources.github_lists import Labels
from devops_lab.sources.github_pull import OVERLAP, Batch, Pull

DETAILS = ("pull_request_commits", "reviews", "review_comments")
MOST_COMMITS = 250


def pull_requests(pull: Pull) -> Iterator[Batch]:
    """Yield pull requests by their last change, newest first; of a group the details come first, then the group.

    A pull request that the store holds with the same last change keeps its details: they are not asked for again.
    """
    start = pull.start("pull_requests")
    known = pull.known("pull_requests", "updated_at") if pull.trusts("pull_requests", *DETAILS) else {}
    labels = Labels(pull)
    tally = pull.tally("pull_requests")
    for page in pull.pages("pull_requests", "/pulls", state="all", sort="updated", direction="desc"):
        inside = [raw for raw in page if (instant(raw, "updated_at") or start) >= start - OVERLAP]
        for group in groups(inside):
            read = [(raw, pull.row("pull_requests", pull_request_row, raw)) for raw in group]
            rows = [row for _, row in read if row is not None]
            changed = [
                (raw, row)
                for raw, row in read
                if row is not None
                and (row["updated_at"] is None or known.get((row["number"],)) != (row["updated_at"],))
            ]
            yield from _details(pull, changed)
            yield from labels.batch([raw for raw, row in read if row is not None], pull_request=True)
            yield from pull.batch("pull_requests", rows)
            pull.progress("pull_requests", tally.fetched, None)
        if len(inside) < len(page):
            break
    yield from pull.ledger(start, "pull_requests", *DETAILS)


def _details(pull: Pull, changed: list[tuple[Raw, Row]]) -> Iterator[Batch]:
    commits: list[Row] = []
    reviews: list[Row] = []
    comments: list[Row] = []
    for _, row in changed:
        path, author = f"/pulls/{row['number']}", row["author"]
        if pull.wants("pull_request_commits"):
            commits += _commits(pull, row)
        if pull.wants("reviews"):
            found = pull.details("reviews", f"{path}/reviews")
            reviews += pull.rows("reviews", review_row, found, row["number"], author)
        if pull.wants("review_comments"):
            found = pull.details("review_comments", f"{path}/comments")
            comments += pull.rows("review_comments", review_comment_row, found, row["number"], author)
    yield from pull.batch("pull_request_commits", commits)
    yield from pull.batch("reviews", reviews)
    yield from pull.batch("review_comments", comments)


def _commits(pull: Pull, row: Row) -> list[Row]:
    """Return the commits of one pull request; GitHub lists 250 at most, what lies beyond is counted as capped."""
    path = f"/pulls/{row['number']}"
    found = pull.details("pull_request_commits", f"{path}/commits")
    if row["merged_at"] and pull.wants("commits"):
        pull.spare_commits |= {sha_of(raw): raw for raw in found}
    if len(found) >= MOST_COMMITS:
        whole = pull.detail("pull_request_commits", path)
        pull.tally("pull_request_commits").capped += max((number(whole, "commits") or 0) - len(found), 0)
    read = (
        pull.row("pull_request_commits", pull_request_commit_row, raw, row["number"], position)
        for position, raw in enumerate(found, 1)
    )
    return [commit for commit in read if commit is not None]
