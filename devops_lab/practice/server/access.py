"""Who asks the practice server, and what that token may read."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException

from devops_lab.practice.server.answers import API, Json, missing

REFUSED = "Resource not accessible by personal access token"
UNAUTHENTICATED = "Requires authentication"
NO_RIGHTS = "Must have admin rights to Repository."
ARCHIVED = "Repository was archived so is read-only."
DEPENDABOT, CODE_SCANNING = "vulnerability_alerts", "security_events"
UNAUTHORIZED = {
    DEPENDABOT: "You are not authorized to perform this operation.",
    CODE_SCANNING: "You are not authorized to read code scanning alerts.",
}
FULL_SCOPES = ("repo", "workflow", "read:org")
LINKS_OF_PEOPLE = {
    "followers": "followers", "following": "following{/other_user}", "gists": "gists{/gist_id}",
    "starred": "starred{/owner}{/repo}", "subscriptions": "subscriptions", "organizations": "orgs", "repos": "repos",
    "events": "events{/privacy}", "received_events": "received_events",
}  # fmt: skip


@dataclass(frozen=True)
class Access:
    """What one token stands for: a person, and either classic scopes or a fine-grained token's permissions.

    `permissions` are GitHub's ({"issues": "read", "actions": "write"}), for the `repositories` named (None: all); the
    metadata of those can always be read, and public repositories need no permission.  `installation` is the number of
    an app's installation, None for a person.
    """

    login: str = "student"
    id: int = 1001
    scopes: tuple[str, ...] = FULL_SCOPES
    permissions: Mapping[str, str] | None = None
    repositories: Collection[str] | None = None
    installation: int | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that tell a classic token its scopes."""
        return {} if self.permissions is not None else {"X-OAuth-Scopes": ", ".join(self.scopes)}


def who(authorization: str, tokens: Mapping[str, Access] | None) -> Access | None:
    """Return who asks, None for nobody; 401 where the token is unknown.

    Without known `tokens` each one is a student's who may read everything.
    """
    token = bearer(authorization)
    if not token:
        return None
    if tokens is None:
        return Access()
    if token not in tokens:
        raise HTTPException(401, "Bad credentials")
    return tokens[token]


def bearer(authorization: str) -> str:
    """Return the token that a request is signed with, "" where it is not; 401 where it cannot be read."""
    kind, _, token = authorization.strip().partition(" ")
    if kind.casefold() != "basic":
        return token.strip()
    try:
        return base64.b64decode(token, validate=True).decode().rpartition(":")[2]
    except ValueError:
        raise HTTPException(401, "Bad credentials") from None


def check_seen(access: Access | None, repository: Json) -> None:
    """Raise GitHub's 404 where a private repository is hidden from who asks."""
    if not repository.get("private"):
        return
    if access is None or (access.permissions is None and "repo" not in access.scopes):
        raise missing()
    if access.permissions is not None and access.repositories is not None:
        named = {name.casefold() for name in access.repositories}
        if repository["full_name"].casefold() not in named:
            raise missing()


def check_allowed(access: Access | None, repository: Json, permission: str) -> None:
    """Raise GitHub's 403 where a fine-grained token lacks the permission to read; alerts also a classic one's scope.

    What is public needs no permission, but for the security alerts: those are told to members only.
    """
    if permission in UNAUTHORIZED:
        _check_alerts(access, repository, permission)
        return
    if access is None or access.permissions is None or not repository.get("private") or permission == "metadata":
        return
    if access.permissions.get(permission) not in ("read", "write"):
        raise HTTPException(403, REFUSED, {"X-Accepted-GitHub-Permissions": f"{permission}=read"})


def _check_alerts(access: Access | None, repository: Json, permission: str) -> None:
    if access is not None and access.permissions is not None:
        if access.permissions.get(permission) not in ("read", "write"):
            raise HTTPException(403, REFUSED, {"X-Accepted-GitHub-Permissions": f"{permission}=read"})
        return
    scopes = {"repo", "security_events"} | (set() if repository.get("private") else {"public_repo"})
    if access is None or not scopes & set(access.scopes):
        raise HTTPException(403, UNAUTHORIZED[permission])


def check_writable(access: Access | None, repository: Json, permission: str) -> Access:
    """Return who asks where they may write; GitHub's 401 for nobody, 403 (404) where the token or repository refuses.

    A classic token needs `repo` (`public_repo` for what is public; `repo_deployment` for deployments); a fine-grained
    one the permission to write.  Everybody with a token is a member of the practice organisation.
    """
    if access is None:
        raise HTTPException(401, UNAUTHENTICATED)
    if access.permissions is None:
        scopes = {"repo"} | ({"repo_deployment"} if permission == "deployments" else set())
        if not (scopes | (set() if repository.get("private") else {"public_repo"})) & set(access.scopes):
            raise HTTPException(403, NO_RIGHTS) if permission == "actions" else missing()
    else:
        named = access.repositories is None or repository["full_name"].casefold() in {
            name.casefold() for name in access.repositories
        }
        if not named or access.permissions.get(permission) != "write":
            raise HTTPException(403, REFUSED, {"X-Accepted-GitHub-Permissions": f"{permission}=write"})
    if repository.get("archived"):
        raise HTTPException(403, ARCHIVED)
    return access


def person(login: str, number: int) -> Json:
    """Return a simple user as GitHub tells of people."""
    address = f"{API}/users/{login}"
    return {
        "login": login, "id": number, "node_id": f"U_{number}", "avatar_url": "", "gravatar_id": "", "url": address,
        "html_url": address, **{f"{name}_url": f"{address}/{path}" for name, path in LINKS_OF_PEOPLE.items()},
        "type": "User", "user_view_type": "public", "site_admin": False,
    }  # fmt: skip


def can_push(access: Access | None) -> bool:
    """Say whether who asks may write contents, and so see drafts."""
    if access is None:
        return False
    if access.permissions is None:
        return bool({"repo", "public_repo"} & set(access.scopes))
    return access.permissions.get("contents") == "write"
