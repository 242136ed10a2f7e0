"""The practice server's endpoints of releasing: releases, tags, deployments with their statuses, environments."""

from __future__ import annotations

from devops_lab.practice.server.answers import Item, Json, Listing, missing
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.view import newest_first


def _releases(ask: Question) -> list[Json]:
    found = newest_first(ask.view.items("releases"))
    return found if ask.can_push else [raw for raw in found if not raw.get("draft")]


def releases(ask: Question) -> Listing:
    """List releases, newest first; drafts for those who may push."""
    return Listing(_releases(ask))


def release(ask: Question) -> Item:
    """Return one release."""
    return _first([raw for raw in _releases(ask) if raw["id"] == ask.number("id")])


def latest_release(ask: Question) -> Item:
    """Return the newest release that is neither draft nor pre-release."""
    return _first([raw for raw in _releases(ask) if not raw.get("draft") and not raw.get("prerelease")])


def release_of_tag(ask: Question) -> Item:
    """Return the published release of a tag."""
    return _first([raw for raw in _releases(ask) if raw["tag_name"] == ask.parts["tag"] and not raw.get("draft")])


def _first(found: list[Json]) -> Item:
    if not found:
        raise missing()
    return Item(found[0], found[0].get("published_at"))


def tags(ask: Question) -> Listing:
    """List tags, the last name first."""
    return Listing(sorted(ask.view.items("tags"), key=lambda raw: raw["name"], reverse=True))


def deployments(ask: Question) -> Listing:
    """List deployments, newest first."""
    found = ask.view.items("deployments")
    for name in ("sha", "ref", "task", "environment"):
        wanted = ask.query.get(name, "none")
        if wanted != "none":
            found = [raw for raw in found if raw.get(name) == wanted]
    return Listing(newest_first(found))


def deployment(ask: Question) -> Item:
    """Return one deployment."""
    raw = ask.view.one("deployments", "id", ask.number("id"))
    return Item(raw, raw.get("updated_at"))


def statuses(ask: Question) -> Listing:
    """List the statuses of a deployment, newest first."""
    return Listing(newest_first(ask.view.under("deployment_statuses", _deployment(ask))))


def status(ask: Question) -> Item:
    """Return one status of a deployment."""
    wanted = ask.number("status")
    for raw in ask.view.under("deployment_statuses", _deployment(ask)):
        if raw["id"] == wanted:
            return Item(raw)
    raise missing()


def _deployment(ask: Question) -> int:
    return ask.view.one("deployments", "id", ask.number("id"))["id"]


def environments(ask: Question) -> Listing:
    """List environments."""
    return Listing(ask.view.items("environments"), "environments")


def environment(ask: Question) -> Item:
    """Return one environment."""
    return Item(ask.view.one("environments", "name", ask.parts["name"]))


READS = (
    Read("/releases", "contents", releases),
    Read("/releases/latest", "contents", latest_release),
    Read("/releases/tags/{tag:path}", "contents", release_of_tag),
    Read("/releases/{id}", "contents", release),
    Read("/tags", "contents", tags),
    Read("/deployments", "deployments", deployments, ("sha", "ref", "task", "environment")),
    Read("/deployments/{id}", "deployments", deployment),
    Read("/deployments/{id}/statuses", "deployments", statuses),
    Read("/deployments/{id}/statuses/{status}", "deployments", status),
    Read("/environments", "actions", environments),
    Read("/environments/{name:path}", "actions", environment),
)
