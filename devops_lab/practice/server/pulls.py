"""The practice server's endpoints of pull requests: their commits, files, reviews and review comments."""

from __future__ import annotations

from typing import Any

from devops_lab.practice.server.answers import Item, Json, Listing, moment
from devops_lab.practice.server.commits import without_files
from devops_lab.practice.server.plan import by_state
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.view import instant_of, ordered

MOST_COMMITS, MOST_FILES = 250, 3000
NOT_IN_LISTS = frozenset(
    {"merged", "mergeable", "rebaseable", "mergeable_state", "merged_by", "comments", "review_comments"}
    | {"maintainer_can_modify", "commits", "additions", "deletions", "changed_files"}
)


def pulls(ask: Question) -> Listing:
    """List pull requests, without the fields that only a single one has."""
    query = ask.query
    found = [
        raw
        for raw in by_state(ask.view.items("pulls"), query.get("state"))
        if query.get("base") in (None, raw["base"]["ref"]) and query.get("head") in (None, raw["head"].get("label"))
    ]
    key = query.get("sort", "created")

    def rank(raw: Json) -> tuple[Any, int]:
        if key == "popularity":
            return raw.get("comments") or 0, raw["number"]
        return instant_of(raw, "updated_at" if key == "updated" else "created_at"), raw["number"]

    found = ordered(found, rank, query.get("direction"), "desc" if key == "created" else "asc")
    slim = [{name: value for name, value in raw.items() if name not in NOT_IN_LISTS} for raw in found]
    return Listing(slim, most=ask.limits.items, refuse=True)


def pull(ask: Question) -> Item:
    """Return one pull request."""
    raw = _one(ask)
    return Item(raw, raw["updated_at"])


def commits(ask: Question) -> Listing:
    """List the commits of a pull request, oldest first; GitHub lists 250 at most."""
    found = ask.view.under("pull_commits", _one(ask)["number"])
    return Listing([without_files(raw) for raw in found[:MOST_COMMITS]])


def files(ask: Question) -> Listing:
    """List the files that a pull request changes; GitHub lists 3,000 at most."""
    return Listing(ask.view.under("pull_files", _one(ask)["number"])[:MOST_FILES])


def reviews(ask: Question) -> Listing:
    """List the reviews of a pull request, oldest first."""
    return Listing(ask.view.under("pull_reviews", _one(ask)["number"]))


def comments(ask: Question) -> Listing:
    """List the review comments of a pull request."""
    end = f"/pulls/{_one(ask)['number']}"
    return _comments(ask, [raw for raw in ask.view.items("pull_comments") if raw["pull_request_url"].endswith(end)])


def all_comments(ask: Question) -> Listing:
    """List the review comments of all pull requests."""
    return _comments(ask, ask.view.items("pull_comments"))


def _comments(ask: Question, found: list[Json]) -> Listing:
    since, query = ask.instant("since"), ask.query
    if since is not None:
        found = [raw for raw in found if moment(raw["updated_at"]) >= since]
    key = "updated_at" if query.get("sort") == "updated" else "created_at"
    direction = query.get("direction") if "sort" in query else "asc"
    return Listing(ordered(found, lambda raw: (instant_of(raw, key), raw["id"]), direction, "desc"))


def comment(ask: Question) -> Item:
    """Return one review comment."""
    raw = ask.view.one("pull_comments", "id", ask.number("id"))
    return Item(raw, raw["updated_at"])


def _one(ask: Question) -> Json:
    return ask.view.one("pulls", "number", ask.number("number"))


READS = (
    Read("/pulls", "pull_requests", pulls, ("state", "base", "head", "sort", "direction")),
    Read("/pulls/comments", "pull_requests", all_comments, ("since", "sort", "direction")),
    Read("/pulls/comments/{id}", "pull_requests", comment),
    Read("/pulls/{number}", "pull_requests", pull),
    Read("/pulls/{number}/commits", "pull_requests", commits),
    Read("/pulls/{number}/files", "pull_requests", files),
    Read("/pulls/{number}/reviews", "pull_requests", reviews),
    Read("/pulls/{number}/comments", "pull_requests", comments, ("since", "sort", "direction")),
)
