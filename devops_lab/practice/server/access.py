"""Who asks the practice server, and what that token may read."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException

from devops_lab.practice.server.answers import Json, missing

REFUSED = "Resource not accessible by personal access token"
FULL_SCOPES = ("repo", "workflow", "read:org")


@dataclass(frozen=True)
class Access:
    """What one token stands for: a person, and either classic scopes or a fine-grained token's permissions.

    `permissions` are GitHub's ({"issues": "read", "actions": "write"}), for the `repositories` named (None: all); the
    metadata of those can always be read, and public repositories need no permission.
    """

    login: str = "student"
    id: int = 1001
    scopes: tuple[str, ...] = FULL_SCOPES
    permissions: Mapping[str, str] | None = None
    repositories: Collection[str] | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers that tell a classic token its scopes."""
        return {} if self.permissions is not None else {"X-OAuth-Scopes": ", ".join(self.scopes)}


def who(authorization: str, tokens: Mapping[str, Access] | None) -> Access | None:
    """Return who asks, None for nobody; 401 where the token is unknown.

    Without known `tokens` each one is a student's who may read everything.
    """
    token = _token(authorization)
    if not token:
        return None
    if tokens is None:
        return Access()
    if token not in tokens:
        raise HTTPException(401, "Bad credentials")
    return tokens[token]


def _token(authorization: str) -> str:
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
    """Raise GitHub's 403 where a fine-grained token lacks the permission to read."""
    if access is None or access.permissions is None or not repository.get("private") or permission == "metadata":
        return
    if access.permissions.get(permission) not in ("read", "write"):
        raise HTTPException(403, REFUSED, {"X-Accepted-GitHub-Permissions": f"{permission}=read"})


def can_push(access: Access | None) -> bool:
    """Say whether who asks may write contents, and so see drafts."""
    if access is None:
        return False
    if access.permissions is None:
        return bool({"repo", "public_repo"} & set(access.scopes))
    return access.permissions.get("contents") == "write"
