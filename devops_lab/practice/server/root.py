"""The practice server's endpoints that belong to no repository: the root, who I am, my limits, lists of repositories.

An organisation's custom properties and an app's installation are among them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException

from devops_lab.practice.server import troubles
from devops_lab.practice.server.access import REFUSED, Access, check_seen, person
from devops_lab.practice.server.answers import API, Item, Json, Listing, missing
from devops_lab.practice.server.state import State

Answers = Callable[[State, Access | None, Mapping[str, str]], Item | Listing]

INSTALLATION_TOKEN = "/app/installations/{installation}/access_tokens"
PROPERTIES = "organization_custom_properties"
NO_INSTALLATION = (
    "You must authenticate with an installation access token in order to list repositories for an installation."
)
JOINED = "2020-01-01T00:00:00Z"
UNSAID_OF_PEOPLE = ("company", "blog", "location", "email", "hireable", "bio")
COUNTED_OF_PEOPLE = ("public_repos", "public_gists", "followers", "following")


@dataclass(frozen=True)
class RootRead:
    """A readable address below no repository, and the function that answers."""

    path: str
    answer: Answers


def root(state: State, access: Access | None, parts: Mapping[str, str]) -> Item:
    """Return where things are."""
    return Item(
        {
            "current_user_url": f"{API}/user",
            "rate_limit_url": f"{API}/rate_limit",
            "repository_url": f"{API}/repos/{{owner}}/{{repo}}",
            "organization_repositories_url": f"{API}/orgs/{{org}}/repos{{?type,page,per_page,sort}}",
        }
    )


def user(state: State, access: Access | None, parts: Mapping[str, str]) -> Item:
    """Return who asks; 401 for nobody."""
    if access is None:
        raise HTTPException(401, "Requires authentication")
    known = {**person(access.login, access.id), "name": access.login, "created_at": JOINED, "updated_at": JOINED}
    return Item({**known, **dict.fromkeys(UNSAID_OF_PEOPLE), **dict.fromkeys(COUNTED_OF_PEOPLE, 0)})


def rate_limit(state: State, access: Access | None, parts: Mapping[str, str]) -> Item:
    """Return the limit, which costs nothing; 404 on an Enterprise server, which has none."""
    if state.options.enterprise:
        raise HTTPException(404, "Rate limiting is not enabled.")
    core = state.limits.state(access)
    others: Json = {"limit": 30, "used": 0, "remaining": 30, "reset": core["reset"]}
    return Item({"resources": {"core": core, "search": others}, "rate": core})


def repositories(state: State, access: Access | None, parts: Mapping[str, str]) -> Listing:
    """List the repositories of an owner that who asks may see."""
    found = _owned(state, access, parts["owner"])
    return Listing([_listed(raw) for raw in found if not troubles.hidden(state.troubles, raw)])


def properties(state: State, access: Access | None, parts: Mapping[str, str]) -> Listing:
    """List the custom properties of an organisation's repositories; 403 without the permission to read them."""
    owned = _owned(state, access, parts["owner"])
    named = access.permissions if access is not None else {}
    if named is not None and named.get(PROPERTIES) not in ("read", "write", "admin"):
        raise HTTPException(403, REFUSED, {"X-Accepted-GitHub-Permissions": f"{PROPERTIES}=read"})
    found = [
        {
            "repository_id": raw["id"],
            "repository_name": raw["name"],
            "repository_full_name": raw["full_name"],
            "properties": state.view(raw["full_name"]).objects.get("properties") or [],
        }
        for raw in owned
        if not troubles.hidden(state.troubles, raw)
    ]
    return Listing(found)


def installed(state: State, access: Access | None, parts: Mapping[str, str]) -> Listing:
    """List the repositories of an app's installation; 403 for a person."""
    if access is None or access.installation is None:
        raise HTTPException(403, NO_INSTALLATION)
    named = None if access.repositories is None else {name.casefold() for name in access.repositories}
    found = [
        _listed(raw)
        for name in sorted(state.organisation.repositories)
        if named is None or name.casefold() in named
        for raw in [state.view(name).repository]
    ]
    return Listing(found, key="repositories", around={"repository_selection": "all" if named is None else "selected"})


def missed(state: State, access: Access | None, parts: Mapping[str, str]) -> dict[str, str]:
    """Return the header of a list of an owner's repositories that single sign-on made shorter; {} where it is whole."""
    return troubles.partial(state.troubles, _owned(state, access, parts["owner"])) if "owner" in parts else {}


def _owned(state: State, access: Access | None, owner: str) -> list[Json]:
    """Return the repositories of an owner that who asks may see; 404 where there are none."""
    found = []
    for name in sorted(state.organisation.repositories):
        if name.partition("/")[0].casefold() != owner.casefold():
            continue
        raw = state.view(name).repository
        try:
            check_seen(access, raw)
        except HTTPException:
            continue
        found.append(raw)
    if not found:
        raise missing()
    return found


def _listed(raw: Json) -> Json:
    return {name: value for name, value in raw.items() if name != "temp_clone_token"}


ROOT_READS = (
    RootRead("/", root),
    RootRead("/user", user),
    RootRead("/rate_limit", rate_limit),
    RootRead("/orgs/{owner}/repos", repositories),
    RootRead("/users/{owner}/repos", repositories),
    RootRead("/orgs/{owner}/properties/values", properties),
    RootRead("/installation/repositories", installed),
)
