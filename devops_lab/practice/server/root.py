"""The practice server's endpoints that belong to no repository: the root, who I am, my limits, an owner's list."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException

from devops_lab.practice.server.access import Access, check_seen, person
from devops_lab.practice.server.answers import API, Item, Json, Listing, missing
from devops_lab.practice.server.state import State

Answers = Callable[[State, Access | None, Mapping[str, str]], Item | Listing]

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
    found, owner = [], parts["owner"].casefold()
    for name in sorted(state.organisation.repositories):
        if name.partition("/")[0].casefold() != owner:
            continue
        raw = state.view(name).repository
        try:
            check_seen(access, raw)
        except HTTPException:
            continue
        found.append({name: value for name, value in raw.items() if name != "temp_clone_token"})
    if not found:
        raise missing()
    return Listing(found)


ROOT_READS = (
    RootRead("/", root),
    RootRead("/user", user),
    RootRead("/rate_limit", rate_limit),
    RootRead("/orgs/{owner}/repos", repositories),
    RootRead("/users/{owner}/repos", repositories),
)
