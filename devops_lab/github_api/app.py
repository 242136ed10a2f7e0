"""A GitHub App signs in: its key makes an assertion, GitHub gives its installation a token that is good for an hour.

The token is renewed before it expires, and once more when GitHub refuses it all the same (`Installation.renewed`), so a
sync that takes hours, or was in the middle of a list, goes on.  Key, assertions and tokens are in no message and no
repr.  Exchanging the assertion is the one POST that signing in needs; it changes nothing.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import jwt
import requests

from devops_lab.config import GitHub
from devops_lab.errors import AccessError, SourceError
from devops_lab.github_api.answers import Answer
from devops_lab.github_api.connection import PASSING, Connection, api_url, words

EARLY = 300.0
ASSERTION_SECONDS = 540
EARLIER = 60  # the server's clock may be a little behind
ATTEMPTS = 4
BACK_OFF = 1.0


class Installation:
    """One installation of an app on a server; `token` is good for some minutes at least, a new one where it must be.

    `number` is the app's id (or its client id), `key` its private key in PEM.
    """

    def __init__(
        self,
        url: str,
        number: int | str,
        installation: int,
        key: str,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = api_url(url)
        self.number, self.installation = number, installation
        self.renewals = 0
        self._key, self._clock, self._sleep = key, clock, sleep
        self._connection = Connection(self.url)
        self._token, self._until = "", 0.0
        self._secrets: list[str] = []
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Installation({self.installation} of app {self.number})"

    @property
    def token(self) -> str:
        """The token to sign the next request with.

        Errors: AccessError where the app, its key or its installation is wrong; SourceError where GitHub cannot say.
        """
        with self._lock:
            if self._clock() > self._until - EARLY:
                self._renew()
            return self._token

    def renewed(self, refused: str) -> bool:
        """Make sure that the next token is another one than was `refused`, and say so."""
        with self._lock:
            if refused == self._token:
                self._renew()
            return True

    def redacted(self, text: str) -> str:
        """Return `text` without this installation's secrets."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text

    def _renew(self) -> None:
        answer = self._asked()
        if answer.status != 201:
            raise AccessError(self._refused(answer))
        try:
            found = json.loads(answer.text)
            token, until = str(found["token"]), datetime.fromisoformat(found["expires_at"]).timestamp()
        except (ValueError, KeyError, TypeError):
            raise SourceError(
                f"{self._host} gave the app no token that can be read; is {self.url} GitHub's API?"
            ) from None
        self._secrets.append(token)
        self._token, self._until = token, until
        self.renewals += 1

    def _asked(self) -> Answer:
        """Ask for a token, again where it makes sense; what came last is returned."""
        path = f"/app/installations/{self.installation}/access_tokens"
        answer = Answer(0)
        for attempt in range(ATTEMPTS):
            if attempt:
                self._sleep(BACK_OFF * 2 ** (attempt - 1))
            headers = {"Accept": "application/vnd.github+json", "Authorization": f"Bearer {self._assertion()}"}
            problem, final = "", False
            try:
                response = self._connection.once("POST", self.url + path, None, headers)
            except requests.exceptions.RequestException as failure:
                problem, final = words(failure)[0], not isinstance(failure, PASSING)
            except OSError as failure:  # REQUESTS_CA_BUNDLE names a file that is not there
                problem, final = str(failure), True
            if not problem:
                answer = Answer(response.status_code, {}, response.text)
                if answer.status not in (408, 429) and answer.status < 500:
                    return answer
                problem = f"HTTP {answer.status}"
            if final:
                break
        raise SourceError(f"{self._host} gave the app no token: {self.redacted(problem)}; try again later")

    def _assertion(self) -> str:
        now = int(self._clock())
        try:
            claims = {"iss": str(self.number), "iat": now - EARLIER, "exp": now + ASSERTION_SECONDS}
            made = jwt.encode(claims, self._key, algorithm="RS256")
        except (ValueError, TypeError, jwt.exceptions.PyJWTError):
            raise AccessError(
                "the private key of the GitHub App cannot be read; it is a PEM file that begins with "
                "-----BEGIN RSA PRIVATE KEY-----"
            ) from None
        self._secrets.append(made)
        return made

    @property
    def _host(self) -> str:
        return urlsplit(self.url).hostname or self.url

    def _refused(self, answer: Answer) -> str:
        said = self.redacted(answer.message) or f"HTTP {answer.status}"
        if answer.status == 401:
            return (
                f"{self._host} does not know app {self.number} by this key ({said}): compare app_id with the app's "
                "page, make a new private key there, and look at this machine's clock"
            )
        if answer.status in (403, 404):
            return (
                f"app {self.number} has no installation {self.installation} on {self._host} ({said}): its number is at "
                "the end of the address of the installation's page; a suspended one must be let in again"
            )
        return f"{self._host} gave the app no token ({said})"


def installation_of(settings: GitHub, folder: Path) -> Installation | None:
    """Return the installation that ``[github]`` names, None where it names no app.

    Errors: AccessError where its private key is not there.
    """
    if settings.app_id is None or settings.installation_id is None:
        return None
    kind, _, place = settings.private_key.partition(":")
    if kind == "env":
        key, said = os.environ.get(place, ""), f"the environment variable {place} is not set"
        key = key.replace("\\n", "\n")  # as secrets managers write it in one line
    else:
        try:
            key, said = (folder / place).expanduser().read_text("utf-8"), f"{place} is empty"
        except (OSError, UnicodeDecodeError) as problem:
            key, said = "", f"{place} cannot be read ({type(problem).__name__})"
    if not key.strip():
        raise AccessError(
            f"the private key of GitHub App {settings.app_id} is missing: {said}; see [github] private_key"
        )
    return Installation(settings.url, settings.app_id, settings.installation_id, key)
