"""Troubles that stay with one repository: it cannot be answered, may not be read, or lies behind single sign-on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

from devops_lab.practice.server.access import REFUSED
from devops_lab.practice.server.answers import Json

FAILING, FORBIDDEN, SIGN_ON = "failing", "forbidden", "sign-on"
KINDS = (FAILING, FORBIDDEN, SIGN_ON)
UNAUTHORISED = (
    "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this "
    "organization."
)


def troubles_of(raw: Any) -> dict[str, str]:
    """Return repository → trouble as ``/_practice/control`` names them; 422 where it is none."""
    if not isinstance(raw, Mapping) or not all(kind in KINDS for kind in raw.values()):
        raise HTTPException(422, f"troubles: full names with one of {', '.join(KINDS)}")
    return {str(name).casefold(): kind for name, kind in raw.items()}


def meet(troubles: Mapping[str, str], name: str) -> None:
    """Raise what GitHub says of a repository in trouble."""
    kind = troubles.get(name.casefold())
    if kind == FAILING:
        raise HTTPException(502, "Server Error")
    if kind == FORBIDDEN:
        raise HTTPException(403, REFUSED, {"X-Accepted-GitHub-Permissions": "metadata=read"})
    if kind == SIGN_ON:
        owner = name.partition("/")[0]
        address = f"https://github.example/orgs/{owner}/sso?authorization_request=practice"
        raise HTTPException(403, UNAUTHORISED, {"X-GitHub-SSO": f"required; url={address}"})


def hidden(troubles: Mapping[str, str], raw: Json) -> bool:
    """Say whether a list leaves a repository out, because nobody signed on for it."""
    return troubles.get(str(raw["full_name"]).casefold()) == SIGN_ON


def partial(troubles: Mapping[str, str], raws: list[Json]) -> dict[str, str]:
    """Return the header of a list of repositories that left some of `raws` out; {} where none was."""
    owners = {str(raw["owner"]["id"]) for raw in raws if hidden(troubles, raw)}
    return {"X-GitHub-SSO": f"partial-results; organizations={','.join(sorted(owners))}"} if owners else {}
