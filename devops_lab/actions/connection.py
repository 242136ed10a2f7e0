"""One GitHub server with the token for actions: who it is, and one answer at a time.

The token is ``DEVOPS_LAB_ACTIONS_TOKEN``.  ``GITHUB_TOKEN``, which only reads, is never taken in its place.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from devops_lab.actions.outcomes import SentActionError
from devops_lab.actions.texts import plain_line
from devops_lab.config import Settings
from devops_lab.errors import AccessError, SourceError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import Answer, MissingError, RefusedError, limited
from devops_lab.github_api.connection import PUBLIC

TOKEN = "DEVOPS_LAB_ACTIONS_TOKEN"
PRACTICE_TOKEN = "practice"
NEEDS = (
    "for runs a fine-grained token needs Actions: write, to approve Deployments: write; a classic one the scope repo"
)


def token_of(settings: Settings) -> str:
    """Return the token that signs actions; a made-up company gets a made-up one.  AccessError where there is none."""
    if settings.practice is not None:
        return PRACTICE_TOKEN
    token = os.environ.get(TOKEN, "").strip()
    if not token:
        there = (
            " (GITHUB_TOKEN is set, but it is for reading and is not taken)" if os.environ.get("GITHUB_TOKEN") else ""
        )
        raise AccessError(f"{TOKEN} is not set{there}; actions want a token of their own: {NEEDS}")
    return token


class Server:
    """A server that actions are sent to; nothing is asked before the first question."""

    def __init__(self, settings: Settings, sleep: Callable[[float], None] = time.sleep) -> None:
        if settings.practice is not None and settings.github.url == PUBLIC:
            raise AccessError(
                f"{settings.path} is of a made-up company whose GitHub is not up; `devops-lab practice up` starts it"
            )
        self.token = token_of(settings)
        self.sleep = sleep
        self.client = GitHubClient(settings.github.url, self.token, sleep=sleep)

    def __repr__(self) -> str:
        return f"Server({self.client.url!r})"

    @cached_property
    def login(self) -> str:
        """Whose token it is, by the server's own word."""
        return str(self.get("/user").get("login") or "")

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON of a GET, asked again as often as it makes sense; the token's troubles are worded here.

        Errors: MissingError, AccessError, SourceError.
        """
        with self._worded():
            return self.client.get(path, **parameters)

    def listed(self, path: str, key: str | None = None, most: int = 500, **parameters: Any) -> tuple[list[Any], bool]:
        """Return a list's first items (in an envelope's `key`), at most about `most`, and whether they are all.

        Errors: as `get`.
        """
        found: list[Any] = []
        with self._worded():
            for page in self.client.pages(path, key, **parameters):
                if len(found) >= most:
                    return found, False
                found += page
        return found, True

    @contextmanager
    def _worded(self) -> Iterator[None]:
        try:
            yield
        except RefusedError as problem:
            raise AccessError(f"{TOKEN} may not read this ({problem}); {NEEDS}") from problem
        except AccessError as problem:
            raise AccessError(str(problem).replace("GITHUB_TOKEN", TOKEN)) from None

    def exists(self, path: str, **parameters: Any) -> Any:
        """Return the JSON of a GET, None where it is not there."""
        try:
            return self.get(path, **parameters)
        except MissingError:
            return None

    def look(self, path: str, held: str | None = None, **parameters: Any) -> Answer:
        """Ask once, whatever comes; with `held` (an ETag) an unchanged answer is a 304."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return self.client.once("GET", path + query, held=held)

    def post(self, path: str, body: Any = None) -> Answer:
        """Send a POST exactly once; what came is returned whatever it is."""
        return self.client.once("POST", path, {} if body is None else body)


def data_of(answer: Answer) -> Any:
    """Return an answer's JSON, an empty dict where there is none."""
    try:
        return json.loads(answer.text) if answer.text.strip() else {}
    except ValueError:
        return {}


def may_have_worked(answer: Answer) -> bool:
    """Say whether a request without a good answer may have had its effect: no answer, a fault, a proxy's page."""
    if answer.status == 0:
        return answer.sent
    return answer.status == 408 or answer.status >= 500


def refusal(answer: Answer, what: str) -> SentActionError | SourceError | AccessError:
    """Return the error for an answer that says that nothing was done."""
    said = plain_line(answer.message) or (f"HTTP {answer.status}" if answer.status else answer.problem)
    if answer.status == 401:
        return AccessError(f"{what}: {TOKEN} was refused ({said}): it is wrong, expired, revoked or of another server")
    if answer.status in (403, 429):
        pause = limited(answer, time.time(), said) if answer.text.strip() or answer.status == 429 else None
        if pause is not None:
            wait = f"; again in {pause.seconds:.0f} s" if pause.seconds else "; wait a minute"
            return SentActionError(f"{what}: {pause.reason}; nothing was started{wait}")
        if answer.headers.get("x-accepted-github-permissions") or "admin rights" in said or "not accessible" in said:
            wanted = answer.headers.get("x-accepted-github-permissions", "")
            lacks = f" (it wants {wanted})" if wanted else ""
            return AccessError(f"{what}: {TOKEN} may not do this{lacks}: {said}; {NEEDS}")
    if 300 <= answer.status < 400:
        return SentActionError(f"{what}: the repository has moved, so nothing was started; use its new name")
    if answer.status == 0:
        return SourceError(f"{what}: the server was not reached, so nothing was started: {said}")
    return SentActionError(f"{what}: the server refused it: {said}")
