"""The practice server's endpoints of planning: issues, their events, milestones, labels."""

from __future__ import annotations

from typing import Any

from devops_lab.practice.server.answers import Item, Json, Listing, missing, moment
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.view import instant_of, newest_first, ordered


def by_state(items: list[Json], state: str | None) -> list[Json]:
    """Return the objects of a state; "open" where none is named, as GitHub does."""
    return items if state == "all" else [raw for raw in items if raw["state"] == (state or "open")]


def issues(ask: Question) -> Listing:
    """List issues, and pull requests as issues."""
    query, since = ask.query, ask.instant("since")
    wanted = {name.strip().casefold() for name in query.get("labels", "").split(",") if name.strip()}
    found = [
        raw
        for raw in by_state(ask.view.items("issues"), query.get("state"))
        if (since is None or moment(raw["updated_at"]) >= since)
        and wanted <= {label["name"].casefold() for label in raw.get("labels") or []}
        and _of_milestone(raw, query.get("milestone"))
        and _of_person(raw.get("user"), query.get("creator"))
    ]
    key = {"updated": "updated_at", "comments": "comments"}.get(query.get("sort", ""), "created_at")
    return Listing(_sorted(found, key, query.get("direction")), most=ask.limits.items, refuse=True)


def _sorted(found: list[Json], key: str, direction: str | None) -> list[Json]:
    def rank(raw: Json) -> tuple[Any, int]:
        return (raw.get(key) or 0 if key == "comments" else instant_of(raw, key)), raw["number"]

    return ordered(found, rank, direction, "desc")


def _of_milestone(raw: Json, wanted: str | None) -> bool:
    if wanted is None:
        return True
    own = raw.get("milestone")
    if wanted in ("*", "none"):
        return (own is None) == (wanted == "none")
    return own is not None and str(own["number"]) == wanted


def _of_person(person: Json | None, wanted: str | None) -> bool:
    return wanted is None or (person or {}).get("login", "").casefold() == wanted.casefold()


def issue(ask: Question) -> Item:
    """Return one issue or pull request."""
    raw = ask.view.one("issues", "number", ask.number("number"))
    return Item(raw, raw["updated_at"])


def issue_labels(ask: Question) -> Listing:
    """List the labels of an issue."""
    return Listing(ask.view.one("issues", "number", ask.number("number")).get("labels") or [])


def events(ask: Question) -> Listing:
    """List the events of all issues and pull requests, newest first."""
    return Listing(newest_first(ask.view.items("issue_events")), most=ask.limits.items, refuse=True)


def events_of_issue(ask: Question) -> Listing:
    """List the events of one issue, oldest first."""
    number = ask.view.one("issues", "number", ask.number("number"))["number"]
    own = [raw for raw in ask.view.items("issue_events") if (raw.get("issue") or {}).get("number") == number]
    return Listing(
        [{key: value for key, value in raw.items() if key != "issue"} for raw in reversed(newest_first(own))]
    )


def event(ask: Question) -> Item:
    """Return one event."""
    return Item(ask.view.one("issue_events", "id", ask.number("id")))


def milestones(ask: Question) -> Listing:
    """List milestones; open ones, the next due first, where nothing else is asked for."""
    found = by_state(ask.view.items("milestones"), ask.query.get("state"))

    def rank(raw: Json) -> tuple[float, int]:
        if ask.query.get("sort") == "completeness":
            done, left = raw.get("closed_issues") or 0, raw.get("open_issues") or 0
            return done / max(done + left, 1), raw["number"]
        return instant_of(raw, "due_on"), raw["number"]

    return Listing(ordered(found, rank, ask.query.get("direction"), "asc"))


def milestone(ask: Question) -> Item:
    """Return one milestone."""
    raw = ask.view.one("milestones", "number", ask.number("number"))
    return Item(raw, raw.get("updated_at"))


def labels(ask: Question) -> Listing:
    """List the repository's labels."""
    return Listing(ask.view.items("labels"))


def label(ask: Question) -> Item:
    """Return one label; names are the same in any case."""
    for raw in ask.view.items("labels"):
        if raw["name"].casefold() == ask.parts["name"].casefold():
            return Item(raw)
    raise missing()


READS = (
    Read("/issues", "issues", issues, ("state", "labels", "milestone", "creator", "since", "sort", "direction")),
    Read("/issues/events", "issues", events),
    Read("/issues/events/{id}", "issues", event),
    Read("/issues/{number}", "issues", issue),
    Read("/issues/{number}/labels", "issues", issue_labels),
    Read("/issues/{number}/events", "issues", events_of_issue),
    Read("/milestones", "issues", milestones, ("state", "sort", "direction")),
    Read("/milestones/{number}", "issues", milestone),
    Read("/labels", "issues", labels),
    Read("/labels/{name:path}", "issues", label),
)
