"""What the practice server's GraphQL speaks of: objects with their types, and who asks for them."""

from __future__ import annotations

import base64
from collections import defaultdict
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from starlette.exceptions import HTTPException

from devops_lab.practice.server import troubles
from devops_lab.practice.server.access import REFUSED, Access, check_allowed, check_seen
from devops_lab.practice.server.answers import Json
from devops_lab.practice.server.graphql_pages import problem
from devops_lab.practice.server.state import State
from devops_lab.practice.server.view import View

NOUNS = {"Issue": "issues", "PullRequest": "pulls"}
PERMISSIONS = {"Issue": "issues", "PullRequest": "pull_requests"}


@dataclass(frozen=True)
class Thing:
    """One object: its GraphQL type, its REST JSON, and the repository's view it lies in, where it lies in one."""

    kind: str
    raw: Json
    view: View | None = None

    @property
    def inside(self) -> View:
        """The view; LookupError for what lies in no repository."""
        if self.view is None:
            raise LookupError(f"{self.kind} lies in no repository")
        return self.view

    def of(self, kind: str, raw: Any) -> Thing | None:
        """Return another object of the same repository, None where there is none."""
        return Thing(kind, raw, self.view) if isinstance(raw, dict) else None


class Asking:
    """Who asks, and what one query looks up more than once; `rate` is what the field rateLimit says."""

    def __init__(self, state: State, access: Access, rate: Json | None) -> None:
        self.state, self.access, self.rate = state, access, rate
        self._comments: dict[str, dict[str, list[Json]]] = {}

    def repository(self, name: str) -> Thing | None:
        """Return the repository of that full name, which may be a former one; an error where it is not to be seen."""
        try:
            view = self.state.view(self.state.moved_to(name) or name)
            check_seen(self.access, view.repository)
            troubles.meet(self.state.troubles, view.name)
        except HTTPException:
            message = f"Could not resolve to a Repository with the name '{name}'."
            raise problem("NOT_FOUND", message) from None
        return Thing("Repository", view.repository, view)

    def allow(self, view: View, kind: str) -> None:
        """Raise GitHub's error where the token may not read things of that kind."""
        try:
            check_allowed(self.access, view.repository, PERMISSIONS[kind])
        except HTTPException:
            raise problem("FORBIDDEN", REFUSED) from None

    def items(self, view: View, kind: str) -> list[Thing]:
        """Return the issues (without pull requests) or the pull requests of a repository."""
        self.allow(view, kind)
        raws = view.items(NOUNS[kind])
        return [Thing(kind, raw, view) for raw in raws if kind == "PullRequest" or not raw.get("pull_request")]

    def numbered(self, view: View, kind: str, number: int) -> Thing:
        """Return one issue or pull request; an error where there is none."""
        self.allow(view, kind)
        for raw in view.items(NOUNS[kind]):
            if raw.get("number") == number and (kind == "PullRequest" or not raw.get("pull_request")):
                return Thing(kind, raw, view)
        raise problem("NOT_FOUND", f"Could not resolve to {_article(kind)} with the number of {number}.")

    def comments(self, pull: Thing) -> list[Json]:
        """Return the review comments of a pull request by time."""
        view = pull.inside
        if view.name not in self._comments:
            found = self._comments[view.name] = defaultdict(list)
            for raw in view.items("pull_comments"):
                found[raw["pull_request_url"].rpartition("/")[2]].append(raw)
        own = self._comments[view.name].get(str(pull.raw["number"]), [])
        return sorted(own, key=lambda raw: (raw["created_at"], raw["id"]))

    @cached_property
    def by_node(self) -> dict[str, Thing]:
        """Repositories, pull requests and issues that may be seen, by their global id."""
        found: dict[str, Thing] = {}
        for name in self.state.organisation.repositories:
            view = self.state.view(name)
            try:
                check_seen(self.access, view.repository)
            except HTTPException:
                continue
            things = [Thing("Repository", view.repository, view)]
            for kind, noun in NOUNS.items():
                things += [Thing(kind, raw, view) for raw in view.items(noun) if not raw.get("pull_request")]
            found |= {node_id(thing): thing for thing in things}
        return found

    def node(self, given: str) -> Thing:
        """Return what a global id names; an error where nothing is named so."""
        thing = self.by_node.get(given)
        if thing is None:
            raise problem("NOT_FOUND", f"Could not resolve to a node with the global id of '{given[:100]}'")
        if thing.kind in PERMISSIONS:
            self.allow(thing.inside, thing.kind)
        return thing

    def owner(self, login: str) -> Thing:
        """Return the owner of repositories that may be seen; an error where there is none."""
        for view in map(self.state.view, self.state.organisation.repositories):
            raw = view.repository.get("owner") or {}
            if str(raw.get("login", "")).casefold() == login.casefold():
                return account(raw)
        raise problem("NOT_FOUND", f"Could not resolve to a RepositoryOwner with the login of '{login[:100]}'.")


def _article(kind: str) -> str:
    return "an Issue" if kind == "Issue" else f"a {kind}"


def node_id(thing: Thing) -> str:
    """Return a thing's global id, as REST has it where it does."""
    raw = thing.raw
    own = raw.get("node_id")
    if own:
        return str(own)
    key = raw.get("id") or raw.get("sha") or raw.get("ref") or raw.get("name")
    where = thing.view.name if thing.view else ""
    return f"{thing.kind}_{base64.urlsafe_b64encode(f'{where}:{key}'.encode()).decode().rstrip('=')}"


def account(raw: Any) -> Any:
    """Return an account as GraphQL has it, None for a deleted one: there a bot's login has no "[bot]"."""
    if not isinstance(raw, dict):
        return None
    kind = raw.get("type") or "User"
    kind = kind if kind in ("Bot", "Organization") else "User"
    login = raw["login"].removesuffix("[bot]") if kind == "Bot" else raw["login"]
    return Thing(kind, {**raw, "login": login})
