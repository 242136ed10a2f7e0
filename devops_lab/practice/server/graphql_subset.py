"""The part of GitHub's published GraphQL schema that the practice server answers, cut out of the whole.

``python -m devops_lab.practice.server.graphql_subset schema.graphql > devops_lab/practice/server/github.graphql`` makes
the part anew from a newer publication (npm ``@octokit/graphql-schema``).
"""

from __future__ import annotations

import sys
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    ast_from_value,
    build_schema,
    get_named_type,
    is_specified_scalar_type,
    print_ast,
)

CONNECTION = "edges nodes pageInfo totalCount"
EDGE = "cursor node"
DATED = "createdAt updatedAt"
CONNECTED = (
    "Commit", "Issue", "Label", "PullRequest", "PullRequestChangedFile", "PullRequestCommit", "PullRequestReview",
    "PullRequestReviewComment", "PullRequestReviewThread",
)  # fmt: skip
KEPT: dict[str, str] = {
    "Query": "id node nodes rateLimit repository repositoryOwner viewer",
    "RateLimit": "cost limit nodeCount remaining resetAt used",
    "PageInfo": "endCursor hasNextPage hasPreviousPage startCursor",
    "Node": "id",
    "Actor": "login url",
    "RepositoryOwner": "id login url repository",
    "GitObject": "id oid",
    "Repository": f"id databaseId name nameWithOwner owner url description isPrivate isFork isArchived {DATED} "
    "pushedAt defaultBranchRef issue issues pullRequest pullRequests",
    "Ref": "id name target",
    "User": f"id databaseId login name url repository {DATED}",
    "Bot": f"id databaseId login url {DATED}",
    "Organization": f"id databaseId login name url repository {DATED}",
    "Issue": f"id fullDatabaseId number title body state stateReason author {DATED} closedAt url labels",
    "Label": "id name color url",
    "PullRequest": f"id fullDatabaseId number title body state isDraft author {DATED} closedAt mergedAt merged "
    "mergeCommit url additions deletions changedFiles baseRefName baseRefOid headRefName headRefOid isCrossRepository "
    "repository labels commits reviews reviewThreads files",
    "PullRequestCommit": "id commit url",
    "Commit": "id oid message messageHeadline authoredDate committedDate author committer url additions deletions "
    "parents",
    "GitActor": "name email date user",
    "PullRequestReview": f"id fullDatabaseId state submittedAt author body url commit comments {DATED}",
    "PullRequestReviewThread": "id path comments",
    "PullRequestReviewComment": f"id fullDatabaseId author body {DATED} url path pullRequestReview",
    "PullRequestChangedFile": "path additions deletions changeType",
    **{f"{name}Connection": CONNECTION for name in CONNECTED},
    **{f"{name}Edge": EDGE for name in CONNECTED},
}


def subset(published: GraphQLSchema) -> str:
    """Return, as a schema's text, the types and fields of `KEPT`, and all that their arguments need, unchanged."""
    waiting, printed = sorted(KEPT), dict[str, str]()
    while waiting:
        name = waiting.pop()
        if name not in printed:
            kind = published.type_map[name]
            printed[name] = "" if is_specified_scalar_type(kind) else _printed(kind)
            waiting += _needed(kind)
    return "\n".join(printed[name] for name in sorted(printed) if printed[name])


def published_schema(path: Path) -> GraphQLSchema:
    """Return GitHub's published schema read from a file; OSError where it is not there."""
    return build_schema(path.read_text(), assume_valid=True, assume_valid_sdl=True)


def _fields(kind: GraphQLObjectType | GraphQLInterfaceType) -> dict[str, GraphQLField]:
    if kind.name not in KEPT:
        raise KeyError(f"{kind.name} is reachable, but KEPT does not say which of its fields")
    return {name: kind.fields[name] for name in KEPT[kind.name].split() if name in kind.fields}


def _needed(kind: GraphQLNamedType) -> list[str]:
    if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        fields = _fields(kind).values()
        types = [one.type for one in fields] + [given.type for one in fields for given in one.args.values()]
    elif isinstance(kind, GraphQLInputObjectType):
        types = [one.type for one in kind.fields.values()]
    else:
        types = []
    return [get_named_type(one).name for one in types]


def _printed(kind: GraphQLNamedType) -> str:
    if isinstance(kind, GraphQLScalarType):
        return f"scalar {kind.name}\n"
    if isinstance(kind, GraphQLEnumType):
        return f"enum {kind.name} {{\n" + "".join(f"  {value}\n" for value in sorted(kind.values)) + "}\n"
    if isinstance(kind, GraphQLInputObjectType):
        lines = [f"  {_input(name, one)}\n" for name, one in sorted(kind.fields.items())]
        return f"input {kind.name} {{\n" + "".join(lines) + "}\n"
    if not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
        raise KeyError(f"{kind.name} is a union; none is kept")
    word = "type" if isinstance(kind, GraphQLObjectType) else "interface"
    kept = sorted(one.name for one in kind.interfaces if one.name in KEPT)
    head = f"{word} {kind.name}" + (f" implements {' & '.join(kept)}" if kept else "")
    lines = []
    for name, one in sorted(_fields(kind).items()):
        given = ", ".join(_input(key, value) for key, value in sorted(one.args.items()))
        lines.append(f"  {name}{f'({given})' if given else ''}: {one.type}\n")
    return f"{head} {{\n" + "".join(lines) + "}\n"


def _input(name: str, one) -> str:  # type: ignore[no-untyped-def]
    default = ast_from_value(one.default_value, one.type)
    return f"{name}: {one.type}" + (f" = {print_ast(default)}" if default is not None else "")


if __name__ == "__main__":
    sys.stdout.write(subset(published_schema(Path(sys.argv[1]))))
