"""How a GitHub server is reached: its address, one session that PyGithub speaks through, failures in words.

``requests`` reads proxies and certificate authorities from the environment (HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE).
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests

from devops_lab.errors import AccessError, SourceError

PUBLIC = "https://api.github.com"
TIMEOUT = (15.0, 90.0)
KEPT_ALIVE = {"Accept-Encoding": "gzip, deflate", "Connection": "keep-alive"}
REDIRECTS = 5
REDIRECTED = (301, 302, 307, 308)
SHOWN = 300
PASSING = (
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)


def api_url(url: str) -> str:
    """Return the REST API's address of what people write: github.com and ``*.ghe.com`` have it on a host of its own.

    Errors: AccessError when it is no http(s) address, or holds a password.
    """
    parts = urlsplit(url.strip())
    host = parts.hostname
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        shown = re.sub(r"//[^/]*@", "//***@", url)
        raise AccessError(f"{shown!r} is no address of GitHub; it looks like {PUBLIC} or https://HOST/api/v3")
    if host in ("github.com", "www.github.com"):
        return PUBLIC
    if host.endswith(".ghe.com") and not host.startswith("api."):
        return f"https://api.{host}"
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def checked_token(token: str | None) -> str | None:
    """Return a token as it can be sent, None where there is none; AccessError where it cannot be one."""
    token = (token or "").strip()
    if token and not re.fullmatch(r"[\x21-\x7e]+", token):
        raise AccessError("GITHUB_TOKEN holds spaces or characters that no token has; copy it again")
    return token or None


class Connection:
    """What PyGithub's requester speaks through; keeps the headers of the last answer.

    PyGithub's own connection follows a 301 without its query, so that each page of a renamed repository's list would
    be the first.
    """

    host = ""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self.session = requests.Session()
        self._environment: Any = None
        self.headers: dict[str, str] = {}
        self._call: tuple[str, str, Any, dict[str, str]] = ("GET", "/", None, {})

    def request(self, verb: str, url: str, body: Any, headers: dict[str, str], stream: bool = False) -> None:
        """Keep the request; PyGithub asks for its answer next."""
        self._call = (verb, url, body, headers)

    def getresponse(self) -> Response:
        """Send the request kept, follow moves within the server, and return the answer."""
        verb, path, body, headers = self._call
        url = self.origin + path
        for _ in range(REDIRECTS + 1):
            response = self._send(verb, url, body, headers)
            self.headers = {name.lower(): value for name, value in response.headers.items()}
            if response.status_code == 202:  # PyGithub would ask again for ever
                raise requests.exceptions.ConnectionError("it is still preparing the answer")
            location = self.headers.get("location")
            if response.status_code not in REDIRECTED or not location:
                return Response(response)
            target = urljoin(url, location)
            there = urlsplit(target)
            if _origin(target) != _origin(self.origin):  # the token is for one server
                raise SourceError(
                    f"{self.origin} sends the lab on to {there.scheme}://{there.hostname}; correct the "
                    "url under [github] in lab.toml"
                )
            query = urlsplit(url).query
            url = target if there.query or not query else f"{target}?{query}"
        raise SourceError(f"{self.origin} sends the lab round in circles at {urlsplit(url).path}")

    def _send(self, verb: str, url: str, body: Any, headers: dict[str, str]) -> requests.Response:
        """Send one request by the session's adapter.

        The session itself would read the environment anew for each request, which costs as much as the rest, and let
        ~/.netrc replace the token.
        """
        if self._environment is None:
            self._environment = self.session.merge_environment_settings(self.origin, {}, False, None, None)
        request = requests.PreparedRequest()
        request.prepare(verb, url, {**KEPT_ALIVE, **headers}, data=body)
        response = self.session.get_adapter(url).send(request, timeout=TIMEOUT, **self._environment)
        response.content  # noqa: B018 - read here, where a dropped connection is told from a bad answer
        return response

    def once(self, verb: str, url: str, body: bytes | None, headers: dict[str, str]) -> requests.Response:
        """Send one request exactly once and return its answer as it is: moves are not followed, 202 and 304 stay."""
        return self._send(verb, url, body, headers)

    def close(self) -> None:
        """Let go of the sockets."""
        self.session.close()


class Response:
    """One answer as PyGithub reads it; without limit headers, which it would read as numbers whatever they say."""

    def __init__(self, response: requests.Response) -> None:
        response.encoding = "utf-8"  # JSON is; guessing it from the text costs more than reading it
        self.status = response.status_code
        self.text = response.text

    def getheaders(self) -> list[tuple[str, str]]:
        """Return no headers: the connection keeps them for the client."""
        return []

    def read(self) -> str:
        """Return the body."""
        return self.text


def words(failure: requests.exceptions.RequestException) -> tuple[str, bool]:
    """Return a failure in one line, and whether another try is of no use."""
    cause: Any = failure
    for _ in range(REDIRECTS):
        inner = getattr(cause, "reason", None) or next(
            (part for part in cause.args if isinstance(part, Exception)), None
        )
        if not isinstance(inner, Exception):
            break
        cause = inner
    text = f"{type(cause).__name__}: {cause}"[:SHOWN]
    lasting = "CERTIFICATE_VERIFY_FAILED" in str(failure)
    return text, lasting or not isinstance(failure, PASSING)


def never_sent(failure: requests.exceptions.RequestException) -> bool:
    """Say whether no byte of the request can have arrived: there was no connection."""
    if isinstance(failure, requests.exceptions.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    return "NewConnectionError" in repr(failure) or isinstance(failure, requests.exceptions.SSLError)


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
