"""What GraphQL's fields say of the practice server's objects, which are REST's JSON as its endpoints read them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo

from devops_lab.practice.server.commits import resolved
from devops_lab.practice.server.graphql_lists import CONNECTIONS, files_of, state_of
from devops_lab.practice.server.graphql_pages import Connection
from devops_lab.practice.server.graphql_things import Asking, Thing, account, node_id

WEB = "https://github.example"
NOBODY_KNOWS = "1970-01-01T00:00:00Z"
LARGEST_INT = 2**31 - 1
CHANGES = {"added": "ADDED", "removed": "DELETED", "renamed": "RENAMED", "copied": "COPIED", "changed": "CHANGED"}

# what most types say in the same way, then what one type says in its own
PLAIN: dict[str, str] = {
    "name": "name", "number": "number", "title": "title", "description": "description", "color": "color",
    "path": "path", "closedAt": "closed_at", "mergedAt": "merged_at", "submittedAt": "submitted_at",
    "pushedAt": "pushed_at", "isPrivate": "private", "isFork": "fork", "nameWithOwner": "full_name",
    "login": "login", "additions": "additions", "deletions": "deletions", "email": "email", "date": "date",
}  # fmt: skip
SHARED: dict[str, Callable[[Asking, Thing, Mapping[str, Any]], Any]] = {
    "id": lambda ask, thing, given: node_id(thing),
    "databaseId": lambda ask, thing, given: _small(thing.raw.get("id")),
    "fullDatabaseId": lambda ask, thing, given: str(thing.raw["id"]),
    "url": lambda ask, thing, given: _url(thing),
    "body": lambda ask, thing, given: thing.raw.get("body") or "",
    "author": lambda ask, thing, given: account(thing.raw.get("user")),
    "createdAt": lambda ask, thing, given: thing.raw.get("created_at") or thing.raw.get("submitted_at") or NOBODY_KNOWS,
    "updatedAt": lambda ask, thing, given: thing.raw.get("updated_at") or thing.raw.get("submitted_at") or NOBODY_KNOWS,
    "state": lambda ask, thing, given: str(thing.raw["state"]).upper(),
    "commit": lambda ask, thing, given: _commit(thing, thing.raw.get("commit_id")),
    "repository": lambda ask, thing, given: Thing("Repository", thing.inside.repository, thing.view),
}
OWN: dict[tuple[str, str], Callable[[Asking, Thing, Mapping[str, Any]], Any]] = {
    ("Query", "id"): lambda ask, thing, given: "query",
    ("Query", "viewer"): lambda ask, thing, given: Thing("User", {"login": ask.access.login, "id": ask.access.id}),
    ("Query", "rateLimit"): lambda ask, thing, given: None if ask.rate is None else Thing("RateLimit", ask.rate),
    ("Query", "repository"): lambda ask, thing, given: ask.repository(f"{given['owner']}/{given['name']}"),
    ("Query", "repositoryOwner"): lambda ask, thing, given: ask.owner(given["login"]),
    ("Query", "node"): lambda ask, thing, given: ask.node(given["id"]),
    ("User", "name"): lambda ask, thing, given: thing.raw["login"],
    ("User", "repository"): lambda ask, thing, given: ask.repository(f"{thing.raw['login']}/{given['name']}"),
    ("Organization", "repository"): lambda ask, thing, given: ask.repository(f"{thing.raw['login']}/{given['name']}"),
    ("Repository", "owner"): lambda ask, thing, given: account(thing.raw["owner"]),
    ("Repository", "isArchived"): lambda ask, thing, given: bool(thing.raw.get("archived")),
    ("Repository", "defaultBranchRef"): lambda ask, thing, given: (
        thing.of("Ref", {"name": thing.raw["default_branch"]}) if _main(thing) else None
    ),
    ("Repository", "issue"): lambda ask, thing, given: ask.numbered(thing.inside, "Issue", given["number"]),
    ("Repository", "pullRequest"): lambda ask, thing, given: ask.numbered(thing.inside, "PullRequest", given["number"]),
    ("Ref", "target"): lambda ask, thing, given: _target(thing),
    ("Issue", "stateReason"): lambda ask, thing, given: str(thing.raw.get("state_reason") or "").upper() or None,
    ("PullRequest", "state"): lambda ask, thing, given: state_of(thing.raw),
    ("PullRequest", "isDraft"): lambda ask, thing, given: bool(thing.raw.get("draft")),
    ("PullRequest", "merged"): lambda ask, thing, given: bool(thing.raw.get("merged_at")),
    ("PullRequest", "mergeCommit"): lambda ask, thing, given: (
        _commit(thing, thing.raw.get("merge_commit_sha")) if thing.raw.get("merged_at") else None
    ),
    ("PullRequest", "additions"): lambda ask, thing, given: _size(thing, "additions"),
    ("PullRequest", "deletions"): lambda ask, thing, given: _size(thing, "deletions"),
    ("PullRequest", "changedFiles"): lambda ask, thing, given: _size(thing, "changed_files"),
    ("PullRequest", "baseRefName"): lambda ask, thing, given: thing.raw["base"]["ref"],
    ("PullRequest", "baseRefOid"): lambda ask, thing, given: thing.raw["base"]["sha"],
    ("PullRequest", "headRefName"): lambda ask, thing, given: thing.raw["head"]["ref"],
    ("PullRequest", "headRefOid"): lambda ask, thing, given: thing.raw["head"]["sha"],
    ("PullRequest", "isCrossRepository"): lambda ask, thing, given: (
        (thing.raw["head"].get("repo") or {}).get("full_name") != thing.inside.name
    ),
    ("PullRequestCommit", "commit"): lambda ask, thing, given: thing.of("Commit", thing.raw),
    ("PullRequestCommit", "id"): lambda ask, thing, given: f"PURC_{node_id(thing)}",
    ("PullRequestReviewThread", "id"): lambda ask, thing, given: f"PRRT_{thing.raw['id']}",
    ("PullRequestReviewComment", "pullRequestReview"): lambda ask, thing, given: _review_of(ask, thing),
    ("PullRequestChangedFile", "path"): lambda ask, thing, given: thing.raw["filename"],
    ("PullRequestChangedFile", "changeType"): lambda ask, thing, given: CHANGES.get(
        thing.raw.get("status", ""), "MODIFIED"
    ),
    ("Commit", "oid"): lambda ask, thing, given: thing.raw["sha"],
    ("Commit", "message"): lambda ask, thing, given: thing.raw["commit"]["message"],
    ("Commit", "messageHeadline"): lambda ask, thing, given: thing.raw["commit"]["message"].partition("\n")[0],
    ("Commit", "authoredDate"): lambda ask, thing, given: thing.raw["commit"]["author"]["date"],
    ("Commit", "committedDate"): lambda ask, thing, given: thing.raw["commit"]["committer"]["date"],
    ("Commit", "author"): lambda ask, thing, given: _actor(thing, "author"),
    ("Commit", "committer"): lambda ask, thing, given: _actor(thing, "committer"),
    ("Commit", "additions"): lambda ask, thing, given: _stat(thing, "additions"),
    ("Commit", "deletions"): lambda ask, thing, given: _stat(thing, "deletions"),
    ("GitActor", "user"): lambda ask, thing, given: thing.of("User", thing.raw["user"]),
}


def _actor(commit: Thing, role: str) -> Thing:
    return Thing("GitActor", {**commit.raw["commit"][role], "user": commit.raw.get(role)}, commit.view)


def _main(thing: Thing) -> bool:
    return resolved(thing.inside, thing.raw["default_branch"]) is not None


def resolve(source: Any, info: GraphQLResolveInfo, **given: Any) -> Any:
    """Return the value of one field; errors carry GitHub's word for their type."""
    ask: Asking = info.context
    kind, field = info.parent_type.name, info.field_name
    if kind == "Query" and field == "nodes":
        return [_node(ask, one) for one in given["ids"]]
    if isinstance(source, Connection):
        return _connection_field(source, field)
    if kind == "PageInfo":
        return source[field]
    if isinstance(source, tuple):
        return source[0 if field == "cursor" else 1]
    thing: Thing = source
    if (kind, field) in CONNECTIONS:
        return CONNECTIONS[kind, field](ask, thing, info, given)
    if kind == "RateLimit":
        return thing.raw[field]
    reading = OWN.get((kind, field)) or (None if field in PLAIN else SHARED[field])
    return thing.raw.get(PLAIN[field]) if reading is None else reading(ask, thing, given)


def _node(ask: Asking, given: str) -> Any:
    try:
        return ask.node(given)
    except GraphQLError as error:
        return error  # one hole in the list; graphql-core writes the error down with its path


def _connection_field(source: Connection[Thing], field: str) -> Any:
    if field == "totalCount":
        return source.total
    if field == "nodes":
        return [thing for _, thing in source.edges]
    if field == "edges":
        return list(source.edges)
    ends = (source.edges[0][0], source.edges[-1][0]) if source.edges else (None, None)
    return {
        "startCursor": ends[0],
        "endCursor": ends[1],
        "hasNextPage": source.has_next,
        "hasPreviousPage": source.has_previous,
    }


def _url(thing: Thing) -> str:
    raw = thing.raw
    return str(raw.get("html_url") or raw.get("url") or f"{WEB}/{raw.get('login') or node_id(thing)}")


def _small(value: Any) -> int | None:
    return value if isinstance(value, int) and value <= LARGEST_INT else None


def _size(pull: Thing, key: str) -> int:
    files = files_of(pull)
    counted = len(files) if key == "changed_files" else sum(file[key] for file in files)
    return int(pull.raw.get(key, counted))


def _review_of(ask: Asking, comment: Thing) -> Thing | None:
    number = int(comment.raw["pull_request_url"].rpartition("/")[2])
    wanted = comment.raw.get("pull_request_review_id")
    found = [raw for raw in comment.inside.under("pull_reviews", number) if wanted and raw["id"] == wanted]
    return Thing("PullRequestReview", {**found[0], "number": number}, comment.view) if found else None


def _commit(thing: Thing, sha: Any) -> Thing | None:
    known = thing.inside.commits().get(str(sha)) if sha else None
    return thing.of("Commit", known)


def _stat(commit: Thing, key: str) -> int:
    return int(((commit.inside.commits().get(commit.raw["sha"]) or commit.raw).get("stats") or {}).get(key, 0))


def _target(thing: Thing) -> Thing | None:
    return _commit(thing, resolved(thing.inside, thing.raw["name"]))
