"""The lists of the practice server's GraphQL: what is in each connection, filtered and in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from graphql import GraphQLResolveInfo

from devops_lab.practice.server.answers import Json, moment
from devops_lab.practice.server.graphql_pages import Connection, page, problem
from devops_lab.practice.server.graphql_things import Asking, Thing, node_id

FILTERS = frozenset({"states", "labels", "since", "createdBy"})
Found = Connection[Thing]


def state_of(pull: Json) -> str:
    """Return the state of a pull request, which is MERGED where REST has two fields."""
    return "MERGED" if pull.get("merged_at") else str(pull["state"]).upper()


def files_of(pull: Thing) -> list[Json]:
    """Return the files of a pull request: those given with it, else its commits', each as the last one left it."""
    given = pull.inside.under("pull_files", pull.raw["number"])
    if given:
        return sorted(given, key=lambda file: file["filename"])
    known, found = pull.inside.commits(), dict[str, Json]()
    for commit in pull.inside.under("pull_commits", pull.raw["number"]):
        for file in (known.get(commit["sha"]) or commit).get("files") or []:
            found[file["filename"]] = file
    return [found[path] for path in sorted(found)]


def _threads(ask: Asking, pull: Thing) -> list[Thing]:
    threads: dict[int, list[Json]] = defaultdict(list)
    for raw in ask.comments(pull):
        threads[raw.get("in_reply_to_id") or raw["id"]].append(raw)
    return [
        Thing(
            "PullRequestReviewThread", {"id": first, "path": raws[0]["path"], "comments": raws, "pull": pull}, pull.view
        )
        for first, raws in threads.items()
    ]


def _connected(
    kind: str, raws: Callable[[Asking, Thing, Mapping[str, Any]], list[Any]], key: str = "id"
) -> Callable[..., Found]:
    """Return the resolver of a connection of things of `kind`; `raws` are REST objects, or things already."""

    def resolve(ask: Asking, thing: Thing, info: GraphQLResolveInfo, given: Mapping[str, Any]) -> Found:
        things = [raw if isinstance(raw, Thing) else Thing(kind, raw, thing.view) for raw in raws(ask, thing, given)]
        return page(things, lambda one: one.raw.get(key) or node_id(one), given, info)

    return resolve


def _pulls(ask: Asking, thing: Thing, given: Mapping[str, Any]) -> list[Thing]:
    found = _labelled(ask.items(thing.inside, "PullRequest"), given.get("labels"))
    if given.get("states") is not None:
        found = [one for one in found if state_of(one.raw) in given["states"]]
    for name, end in (("baseRefName", "base"), ("headRefName", "head")):
        if given.get(name) is not None:
            found = [one for one in found if one.raw[end]["ref"] == given[name]]
    return _ordered(found, given.get("orderBy"))


def _issues(ask: Asking, thing: Thing, given: Mapping[str, Any]) -> list[Thing]:
    wanted = {key: value for key, value in (given.get("filterBy") or {}).items() if value is not None}
    if not set(wanted) <= FILTERS:
        raise problem("UNPROCESSABLE", f"the practice server filters issues by {', '.join(sorted(FILTERS))}")
    found = _labelled(ask.items(thing.inside, "Issue"), given.get("labels"))
    found = _labelled(found, wanted.get("labels"))
    for states in (given.get("states"), wanted.get("states")):
        if states is not None:
            found = [one for one in found if str(one.raw["state"]).upper() in states]
    if "since" in wanted:
        try:
            since = moment(str(wanted["since"]))
        except ValueError:
            raise problem("UNPROCESSABLE", "since is no instant") from None
        found = [one for one in found if moment(one.raw["updated_at"]) >= since]
    if "createdBy" in wanted:
        found = [one for one in found if (one.raw.get("user") or {}).get("login") == wanted["createdBy"]]
    return _ordered(found, given.get("orderBy"))


def _labelled(things: list[Thing], labels: list[str] | None) -> list[Thing]:
    if not labels:
        return things
    wanted = {label.casefold() for label in labels}
    return [one for one in things if wanted & {label["name"].casefold() for label in one.raw.get("labels") or []}]


def _ordered(things: list[Thing], order: Mapping[str, str] | None) -> list[Thing]:
    order = order or {"field": "CREATED_AT", "direction": "ASC"}
    key = {"UPDATED_AT": "updated_at", "CREATED_AT": "created_at"}.get(order["field"])

    def rank(one: Thing) -> tuple[Any, int]:
        return (moment(one.raw[key]) if key else one.raw.get("comments") or 0), one.raw["number"]

    return sorted(things, key=rank, reverse=order["direction"] == "DESC")


def _labels(ask: Asking, thing: Thing, given: Mapping[str, Any]) -> list[Any]:
    raws = list(thing.raw.get("labels") or [])
    order = given.get("orderBy")
    if order and order["field"] == "NAME":
        return sorted(raws, key=lambda raw: raw["name"], reverse=order["direction"] == "DESC")
    return raws


def _reviews(ask: Asking, thing: Thing, given: Mapping[str, Any]) -> list[Any]:
    number, states, author = thing.raw["number"], given.get("states"), given.get("author")
    return [
        {**raw, "number": number}
        for raw in thing.inside.under("pull_reviews", number)
        if (states is None or raw["state"] in states)
        and (author is None or (raw.get("user") or {}).get("login") == author)
    ]


def _parents(ask: Asking, thing: Thing, given: Mapping[str, Any]) -> list[Any]:
    known = thing.inside.commits()
    return [known[one["sha"]] for one in thing.raw.get("parents") or [] if one["sha"] in known]


def _review_comments(ask: Asking, thing: Thing, given: Mapping[str, Any]) -> list[Any]:
    whole = Thing("PullRequest", {"number": thing.raw["number"]}, thing.view)
    return [raw for raw in ask.comments(whole) if raw.get("pull_request_review_id") == thing.raw["id"]]


CONNECTIONS: dict[tuple[str, str], Callable[..., Found]] = {
    ("Repository", "pullRequests"): _connected("PullRequest", _pulls, "number"),
    ("Repository", "issues"): _connected("Issue", _issues, "number"),
    ("Issue", "labels"): _connected("Label", _labels, "name"),
    ("PullRequest", "labels"): _connected("Label", _labels, "name"),
    ("PullRequest", "commits"): _connected(
        "PullRequestCommit",
        lambda ask, thing, given: thing.inside.under("pull_commits", thing.raw["number"]),
        "sha",
    ),
    ("PullRequest", "reviews"): _connected("PullRequestReview", _reviews),
    ("PullRequest", "reviewThreads"): _connected(
        "PullRequestReviewThread", lambda ask, thing, given: list(_threads(ask, thing))
    ),
    ("PullRequest", "files"): _connected(
        "PullRequestChangedFile", lambda ask, thing, given: list(files_of(thing)), "filename"
    ),
    ("PullRequestReview", "comments"): _connected("PullRequestReviewComment", _review_comments),
    ("PullRequestReviewThread", "comments"): _connected(
        "PullRequestReviewComment",
        lambda ask, thing, given: list(thing.raw["comments"])[max(given.get("skip") or 0, 0) :],
    ),
    ("Commit", "parents"): _connected("Commit", _parents, "sha"),
}
