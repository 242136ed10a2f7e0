"""Downloading a workflow's artifact: GitHub answers with a storage address, which must not see the token."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import IO
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase

from devops_lab.errors import SourceError
from devops_lab.github_api.answers import MissingError, RefusedError
from devops_lab.github_api.connection import TIMEOUT, api_url, checked_token, words

MOST_BYTES = 512 * 2**20
CHUNK = 2**18
IN_MEMORY = 16 * 2**20


class Downloads:
    """Downloads from one GitHub server; the token is sent to it alone, and appears in no message and no repr.

    `token` may be a question that returns the token of the moment.
    """

    def __init__(self, url: str, token: str | Callable[[], str | None] | None) -> None:
        self.url = api_url(url)
        self._signature = token if callable(token) else None
        self._token = None if callable(token) else checked_token(token)
        self._session = requests.Session()

    def __repr__(self) -> str:
        return f"Downloads({self.url!r})"

    def zip(self, repository: str, artifact: int) -> IO[bytes]:
        """Return an artifact's zip as an open file; what is large lies on the disk and goes away when it is closed.

        Errors: MissingError when it is gone, RefusedError when the token may not see it, SourceError for all else.
        """
        path = f"/repos/{repository}/actions/artifacts/{artifact}/zip"
        problem = ""
        try:
            return self._fetched(path)
        except requests.exceptions.RequestException as failure:  # it holds the token: worded here, raised outside
            problem = words(failure)[0]
        raise SourceError(f"{urlsplit(self.url).hostname}{path}: {self._redacted(problem)}")

    def _fetched(self, path: str) -> IO[bytes]:
        place = f"{urlsplit(self.url).hostname}{path}"
        if self._signature is not None:
            self._token = self._signature()
        with self._get(self.url + path, _Token(self._token)) as first:
            if first.status_code == 200:
                return self._saved(first, place)
            target = urljoin(self.url + path, first.headers.get("location", ""))
            if first.status_code not in (301, 302, 303, 307, 308) or "location" not in first.headers:
                raise _meaning(first.status_code, place)
        there = urlsplit(target)
        if there.scheme != "https" and there.scheme != urlsplit(self.url).scheme:
            raise SourceError(f"{place}: sends the lab on to {there.scheme}://{there.hostname}, which is not safe")
        with self._get(target, _Token(None), follow=True) as second:
            if second.status_code != 200:
                raise _meaning(second.status_code, f"{there.hostname}")
            return self._saved(second, place)

    def _get(self, url: str, auth: AuthBase, follow: bool = False) -> requests.Response:
        return self._session.get(url, auth=auth, timeout=TIMEOUT, stream=True, allow_redirects=follow)

    def _saved(self, response: requests.Response, place: str) -> IO[bytes]:
        file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - the caller closes it
        size = 0
        for chunk in response.iter_content(CHUNK):
            size += len(chunk)
            if size > MOST_BYTES:
                file.close()
                raise SourceError(
                    f"{place}: more than {MOST_BYTES >> 20} MB; upload test results as an artifact of their own"
                )
            file.write(chunk)
        file.seek(0)
        return file

    def _redacted(self, text: str) -> str:
        return text.replace(self._token, "***") if self._token else text


class _Token(AuthBase):
    """Signs a request, or leaves it unsigned; as an ``auth`` of its own it keeps ~/.netrc out."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _meaning(status: int, place: str) -> SourceError:
    if status in (404, 410):
        return MissingError(f"{place}: it is gone (HTTP {status})")
    if status in (401, 403):
        return RefusedError(f"{place}: HTTP {status}")
    return SourceError(f"{place}: HTTP {status}")
