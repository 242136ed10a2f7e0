"""GitHub Apps of the practice server: a signed assertion is exchanged for an installation's token, which expires."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import jwt
from starlette.exceptions import HTTPException

from devops_lab.practice.server.access import Access, bearer, who
from devops_lab.practice.server.answers import Json, missing

UNREADABLE = "A JSON web token could not be decoded"
LONGEST_ASSERTION = 660.0
LIFETIME = 3600.0
PREFIX = "ghs_"


@dataclass(frozen=True)
class App:
    """An app: its `number`, its public key (PEM), its `installation` and what that may read; `lifetime` in seconds."""

    number: int
    key: str
    installation: int
    access: Access
    lifetime: float = LIFETIME


@dataclass
class Apps:
    """The apps of a server, and the tokens that their installations hold."""

    known: Mapping[int, App]
    clock: Callable[[], float]
    minted: dict[str, tuple[Access, float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def who(self, authorization: str, tokens: Mapping[str, Access] | None) -> Access | None:
        """Return who asks: an installation by its token, else a person; 401 where the token is unknown or expired."""
        token = bearer(authorization)
        with self.lock:
            found = self.minted.get(token)
        if found is not None and self.clock() < found[1]:
            return found[0]
        if token.startswith(PREFIX):
            raise HTTPException(401, "Bad credentials")
        return who(authorization, tokens)

    def token(self, authorization: str, installation: int) -> Json:
        """Return a new token of an installation; 401 where the assertion is none of its app's, 404 for another's."""
        app = self._asserted(bearer(authorization))
        if app.installation != installation:
            raise missing()
        token = PREFIX + secrets.token_urlsafe(27)
        expires = self.clock() + app.lifetime
        with self.lock:
            self.minted[token] = (replace(app.access, installation=installation), expires)
        return {
            "token": token,
            "expires_at": datetime.fromtimestamp(expires, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "permissions": dict(app.access.permissions or {}),
            "repository_selection": "all" if app.access.repositories is None else "selected",
        }

    def revoke(self) -> None:
        """Let every token be expired at once."""
        with self.lock:
            self.minted.clear()

    def _asserted(self, assertion: str) -> App:
        """Return the app that signed an assertion; its times are judged by this server's own clock."""
        try:
            told: dict[str, Any] = jwt.decode(assertion, options={"verify_signature": False})
            app = self.known[int(told["iss"])]
            jwt.decode(assertion, app.key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False})
            begun, ended = float(told["iat"]), float(told["exp"])
        except (jwt.InvalidTokenError, KeyError, TypeError, ValueError):
            raise HTTPException(401, UNREADABLE) from None
        if ended < self.clock():
            raise HTTPException(401, "'Expiration time' claim ('exp') must be a numeric value representing the future")
        if ended - begun > LONGEST_ASSERTION:
            raise HTTPException(401, "'Expiration time' claim ('exp') is too far in the future")
        return app
