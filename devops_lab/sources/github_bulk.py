"""Many pull requests with their details in one GraphQL query: what costs three or four requests each by REST.

A query asks for pull requests by number, which the REST list named, and only for the details that are wanted.  What
comes is given back shaped as REST's objects, so that both ways end in the same rows.  Where GraphQL does not answer (no
token, an old server, a refusal) nothing is said: the other way is taken for the rest of the pull, as it is for what is
too much for one query (more than a hundred commits, thirty reviews or threads).

GitHub counts points, 5,000 an hour: a query of 25 pull requests costs 9 where 75 requests would be counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from devops_lab.errors import AccessError
from devops_lab.github_api.answers import MissingError, RefusedError
from devops_lab.github_api.graphql import HeavyError
from devops_lab.sources.github_fields import Raw, at, flag, items, number, text
from devops_lab.sources.github_pull import Pull

MOST_A_QUERY = 25
MOST_FILES = 3000
PARTS = {
    "pull_request_commits": "commits",
    "reviews": "reviews",
    "review_comments": "reviewThreads",
    "pull_request_files": "files",
}

DETAILS = """
fragment details on PullRequest {
  number additions deletions changedFiles
  commits(first: 100) @include(if: $commits) {
    pageInfo { hasNextPage }
    nodes { commit { oid message authoredDate committedDate author { name email user { login } } } }
  }
  reviews(first: 30) @include(if: $reviews) {
    pageInfo { hasNextPage }
    nodes { fullDatabaseId state submittedAt url author { __typename login } commit { oid } }
  }
  reviewThreads(first: 30) @include(if: $reviewThreads) {
    pageInfo { hasNextPage }
    nodes { comments(first: 30) {
      pageInfo { hasNextPage }
      nodes {
        fullDatabaseId createdAt updatedAt url author { __typename login }
        pullRequestReview { fullDatabaseId state }
      }
    } }
  }
  files(first: 100) @include(if: $files) {
    pageInfo { hasNextPage endCursor }
    nodes { path additions deletions }
  }
}
"""
FILES = """
query files($owner: String!, $name: String!, $number: Int!, $after: String!) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      files(first: 100, after: $after) {
        pageInfo { hasNextPage endCursor }
        nodes { path additions deletions }
      }
    }
  }
}
"""


def details_query(numbers: Iterable[int]) -> str:
    """Return the query for the pull requests of these numbers; its variables are the switches of the parts."""
    named = "\n".join(f"    p{one}: pullRequest(number: {one}) {{ ...details }}" for one in numbers)
    switches = ", ".join(f"${part}: Boolean!" for part in PARTS.values())
    return (
        f"query details($owner: String!, $name: String!, {switches}) {{\n"
        f"  repository(owner: $owner, name: $name) {{\n{named}\n  }}\n}}\n{DETAILS}"
    )


@dataclass
class Found:
    """What GraphQL said of one pull request; `raws` lacks a table that was not asked for or did not come whole."""

    additions: int | None = None
    deletions: int | None = None
    changed_files: int | None = None
    raws: dict[str, list[Raw]] = field(default_factory=dict)
    capped_files: int = 0


class Bulk:
    """Asks for the details of many pull requests at once; `answers` is False once GraphQL is known not to answer."""

    def __init__(self, pull: Pull) -> None:
        self.pull = pull
        self.answers = pull.client.has_token
        self.size = MOST_A_QUERY
        self.owner, _, self.name = pull.root.removeprefix("/repos/").partition("/")

    def fetch(self, numbers: list[int], tables: Iterable[str]) -> dict[int, Found]:
        """Return what came of the pull requests of these numbers: those that are missing are to be asked for by REST.

        A query that is too heavy is halved, and so are all that follow.  Errors: SourceError.
        """
        found: dict[int, Found] = {}
        waiting, wanted = list(numbers), tuple(tables)
        while waiting and self.answers:
            some = waiting[: self.size]
            try:
                found |= self._ask(some, wanted)
            except HeavyError:
                self.size = max(self.size // 2, 1)
                if len(some) > 1:
                    continue
            except (MissingError, RefusedError, AccessError):
                self.answers = False
            del waiting[: len(some)]
        return found

    def _ask(self, numbers: list[int], tables: tuple[str, ...]) -> dict[int, Found]:
        switches = {part: table in tables for table, part in PARTS.items()}
        data = self.pull.client.graphql(details_query(numbers), owner=self.owner, name=self.name, **switches)
        came = {one: at(data, "repository", f"p{one}") for one in numbers}
        return {one: self._found(raw, tables) for one, raw in came.items() if isinstance(raw, dict)}

    def _found(self, raw: Raw, tables: tuple[str, ...]) -> Found:
        found = Found(number(raw, "additions"), number(raw, "deletions"), number(raw, "changedFiles"))
        for table in tables:
            nodes: list[Raw] | None
            if table == "pull_request_files":
                nodes = self._files(raw, found)
            elif table == "review_comments":
                nodes = _comments(raw)
            else:
                nodes = _whole(raw, PARTS[table])
            if nodes is not None:
                found.raws[table] = [shaped for node in nodes if (shaped := SHAPES[table](node)) is not None]
        return found

    def _files(self, raw: Raw, found: Found) -> list[Raw] | None:
        """Return the files of a pull request, page after page; GitHub lists 3,000 at most."""
        page = at(raw, "files")
        nodes = [one for one in items(page, "nodes") if isinstance(one, dict)]
        while isinstance(page, dict) and flag(page, "pageInfo", "hasNextPage") and len(nodes) < MOST_FILES:
            data = self.pull.client.graphql(
                FILES, owner=self.owner, name=self.name, number=raw["number"], after=text(page, "pageInfo", "endCursor")
            )
            page = at(data, "repository", "pullRequest", "files")
            nodes += [one for one in items(page, "nodes") if isinstance(one, dict)]
        if not isinstance(page, dict):
            return None
        found.capped_files = max((found.changed_files or 0) - len(nodes), 0)
        return nodes


def _whole(raw: Raw, part: str) -> list[Raw] | None:
    """Return the nodes of a connection that came whole, else None."""
    connection = at(raw, part)
    if not isinstance(connection, dict) or flag(connection, "pageInfo", "hasNextPage") is not False:
        return None
    nodes = items(connection, "nodes")
    return nodes if all(isinstance(one, dict) for one in nodes) else None


def _comments(raw: Raw) -> list[Raw] | None:
    """Return the comments of all threads where all came whole, else None."""
    threads = _whole(raw, PARTS["review_comments"])
    parts = [_whole(thread, "comments") for thread in threads or []]
    if threads is None or None in parts:
        return None
    return [node for part in parts for node in part or []]


# ---------------------------------------------------------------------- as REST has it


def account_of(actor: Any) -> Raw | None:
    """Return an account as REST has it: there a bot's login ends in "[bot]"; a deleted account is None."""
    login, kind = text(actor, "login"), text(actor, "__typename")
    if login is None:
        return None
    if kind == "Bot" and not login.endswith("[bot]"):
        login += "[bot]"
    return {"login": login, "type": kind}


def commit_of(node: Raw) -> Raw | None:
    """Return a pull request's commit as REST has it."""
    raw = node.get("commit")
    login = text(raw, "author", "user", "login")
    return {
        "sha": text(raw, "oid"),
        "commit": {
            "message": text(raw, "message"),
            "author": {
                "name": text(raw, "author", "name"),
                "email": text(raw, "author", "email"),
                "date": text(raw, "authoredDate"),
            },
            "committer": {"date": text(raw, "committedDate")},
        },
        "author": None if login is None else {"login": login},
    }


def review_of(node: Raw) -> Raw | None:
    """Return a review as REST has it."""
    return {
        "id": _id(node),
        "state": text(node, "state"),
        "submitted_at": text(node, "submittedAt"),
        "user": account_of(node.get("author")),
        "commit_id": text(node, "commit", "oid"),
        "html_url": text(node, "url"),
    }


def comment_of(node: Raw) -> Raw | None:
    """Return a review comment as REST has it, None for one that is not submitted yet."""
    review = node.get("pullRequestReview")
    if text(review, "state") == "PENDING":
        return None
    return {
        "id": _id(node),
        "pull_request_review_id": _id(review),
        "user": account_of(node.get("author")),
        "created_at": text(node, "createdAt"),
        "updated_at": text(node, "updatedAt"),
        "html_url": text(node, "url"),
    }


def file_of(node: Raw) -> Raw | None:
    """Return a changed file as REST has it."""
    return {"filename": text(node, "path"), "additions": node.get("additions"), "deletions": node.get("deletions")}


def _id(raw: Any) -> int | None:
    """Return GitHub's number; GraphQL writes those that may pass 32 bits as text."""
    value = text(raw, "fullDatabaseId") or ""
    return int(value) if value.isascii() and value.isdigit() else number(raw, "fullDatabaseId")


SHAPES = {
    "pull_request_commits": commit_of,
    "reviews": review_of,
    "review_comments": comment_of,
    "pull_request_files": file_of,
}
