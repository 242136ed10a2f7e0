"""One server with Prometheus' API (Prometheus, Thanos, Mimir, VictoriaMetrics, Loki's): asked through one session.

The session and address are prometheus-api-client's; what comes back is read by `devops_lab.sources.prometheus_answers`.
Proxies come from the environment.  Thanos is told to answer wholly or not at all, and to put replicas together;
other servers do not mind.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import requests
from requests.auth import AuthBase
from urllib3.util.retry import Retry

from devops_lab.config import DEFAULT_SERVER, Prometheus
from devops_lab.errors import AccessError, SourceError
from devops_lab.github_api.connection import words
from devops_lab.sources.prometheus_answers import Answer, read

MOST_POINTS = 10_000  # a server answers 11,000 at most per series
MOST_BYTES = 512 * 2**20
CONNECT_SECONDS = 10
GRACE = 5  # seconds beyond the timeout, in which the server itself says that a query took too long
WHOLE_ANSWER = 5  # times the timeout, for all bytes of one answer
CHUNK = 2**20
WHOLE = {"partial_response": "false", "dedup": "true"}
SHOWN = 400


class DownError(SourceError):
    """The server cannot be reached, or refuses everything: further queries are of no use."""


class QueryError(SourceError):
    """The server was reached and refused this query; others may do."""


class PrometheusServer:
    """A server as ``[prometheus]`` describes it; relative paths start from `folder`.

    Secrets are read anew for each request and stand in no message and no repr.
    """

    def __init__(
        self,
        settings: Prometheus,
        folder: Path = Path(),
        name: str = DEFAULT_SERVER,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        from prometheus_api_client import PrometheusConnect

        self.settings, self.name, self.step = settings, name, settings.step
        self._signed = _Signed(settings, folder, environment)
        retry = Retry(
            total=2,
            read=False,
            backoff_factor=0.5,
            status_forcelist=(429, 502, 504),
            raise_on_status=False,
            respect_retry_after_header=False,
        )
        self._connect = PrometheusConnect(settings.url.rstrip("/"), retry=retry, timeout=settings.timeout)
        if settings.certificate_authority is not None:
            self._connect._session.verify = str(folder / settings.certificate_authority)

    def __repr__(self) -> str:
        return f"PrometheusServer({self.settings.url!r})"

    @property
    def place(self) -> str:
        """The server's section in lab.toml."""
        return "[prometheus]" if self.name == DEFAULT_SERVER else f"[prometheus.{self.name}]"

    def at(self, query: str, moment: float) -> Answer:
        """Return an instant query's answer at `moment` (seconds since 1970); errors as `steps`."""
        return self._ask("query", query, {"time": f"{moment:.3f}"})

    def steps(self, query: str, first: int, last: int, step: int) -> Answer:
        """Return a range query's answer at `first`, `first` + `step` … `last`, at most `MOST_POINTS` of them.

        Errors: DownError, QueryError; AccessError when the secret that signs requests is not there.
        """
        return self._ask("query_range", query, {"start": str(first), "end": str(last), "step": str(step)})

    def raw(self, selector: str, first: int, last: int) -> Answer:
        """Return the samples that `selector` finds in (`first`, `last`] as they were scraped; errors as `steps`."""
        return self._ask("query", f"{selector}[{last - first}s]", {"time": str(last)})

    def _ask(self, path: str, query: str, parameters: dict[str, str]) -> Answer:
        """Send one GET; what ``requests`` raises holds the secret, so it is worded here and raised outside."""
        asked = {"query": query, "timeout": f"{self.settings.timeout}s", **WHOLE, **parameters}
        problem, content, status, slow = "", b"", 0, False
        try:
            status, content = self._got(f"{self._connect.url}/api/v1/{path}", asked)
        except requests.exceptions.ReadTimeout:
            slow = True
        except requests.exceptions.RequestException as failure:
            problem = words(failure)[0]
        except OSError as failure:  # the certificate authority's file is not there
            problem = str(failure)
        if slow:
            waited = self.settings.timeout + GRACE
            raise QueryError(f"no answer within {waited} s; narrow the query, or raise timeout of {self.place}")
        if problem:
            raise DownError(
                f"{self.settings.url} cannot be asked: {self._signed.redact(problem)}; check url, network and "
                f"certificates of {self.place}"
            )
        if status != 200:
            raise self._failure(status, content, query)
        return read(content, self.settings.series)

    def _got(self, url: str, parameters: dict[str, str]) -> tuple[int, bytes]:
        session = self._connect._session
        waits = (CONNECT_SECONDS, self.settings.timeout + GRACE)
        ends = time.monotonic() + WHOLE_ANSWER * self.settings.timeout
        certificates = {} if session.verify is True else {"verify": session.verify}
        with session.get(
            url,
            params=parameters,
            auth=self._signed,
            timeout=waits,
            stream=True,
            allow_redirects=False,
            **certificates,
        ) as response:
            return response.status_code, b"".join(self._chunks(response, ends))

    def _chunks(self, response: requests.Response, ends: float) -> Iterator[bytes]:
        size = 0
        for chunk in response.iter_content(CHUNK):
            size += len(chunk)
            if size > MOST_BYTES:
                raise QueryError(f"the answer has more than {MOST_BYTES >> 20} MB; sum the series up in the query")
            if time.monotonic() > ends:
                allowed = WHOLE_ANSWER * self.settings.timeout
                raise QueryError(f"the answer took more than {allowed} s; narrow the query")
            yield chunk

    def _failure(self, status: int, content: bytes, query: str) -> SourceError:
        said = self._signed.redact(_said(content))
        if status in (401, 403):
            return DownError(
                f"{self.settings.url} refuses the lab (HTTP {status}: {said}); check token and headers of {self.place}"
            )
        if 300 <= status < 400:
            return DownError(f"{self.settings.url} sends the lab on (HTTP {status}); correct the url of {self.place}")
        if status == 404:
            return DownError(
                f"{self.settings.url} has no /api/v1 (HTTP 404); a base path may be missing in the url of {self.place}"
            )
        if status in (400, 422):
            return QueryError(f"the query was refused: {said}{_pointed(said, query)}")
        if status == 503 and "timed out" in said:
            return QueryError(f"the query took too long ({said}); narrow it, or raise timeout of {self.place}")
        return QueryError(f"{self.settings.url} failed (HTTP {status}: {said})")


class _Signed(AuthBase):
    """Puts the token and headers on each request; as an ``auth`` of its own it keeps ~/.netrc out."""

    def __init__(self, settings: Prometheus, folder: Path, environment: Mapping[str, str]) -> None:
        self._settings, self._folder, self._environment = settings, folder, environment
        self._secrets: set[str] = set()

    def __call__(self, request: Any) -> Any:
        for name, text in self._settings.headers.items():
            request.headers[name] = self._secret(text)
        if self._settings.token:
            request.headers["Authorization"] = f"Bearer {self._secret(self._settings.token)}"
        return request

    def redact(self, text: str) -> str:
        """Return `text` without the secrets that were sent so far, and without passwords of proxies."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return re.sub(r"://[^/@\s]+@", "://***@", text)

    def _secret(self, text: str) -> str:
        kind, _, where = text.partition(":")
        if kind == "env" and where:
            value = self._environment.get(where, "").strip()
            if not value:
                raise AccessError(f"the environment variable {where} is not set, and {text!r} in lab.toml needs it")
        elif kind == "file" and where:
            try:
                value = (self._folder / where).read_text("utf-8").strip()
            except (OSError, UnicodeDecodeError) as problem:
                raise AccessError(f"{where} cannot be read, and {text!r} in lab.toml needs it: {problem}") from problem
        else:
            return text
        if not re.fullmatch(r"[\x20-\x7e]+", value):
            raise AccessError(f"{text!r} in lab.toml names a secret that is empty, or that no header can hold")
        self._secrets.add(value)
        return value


def _said(content: bytes) -> str:
    """Return what a server said of a failure, in one line."""
    try:
        document = json.loads(content)
        text = str(document["error"])
    except (ValueError, KeyError, TypeError):
        text = content[:SHOWN].decode("utf-8", "replace")
        if "<html" in text.lower() or "<!doctype" in text.lower():
            text = "a web page"
    return " ".join(text.split())[:SHOWN] or "no words"


def _pointed(said: str, query: str) -> str:
    """Return the query with a mark where the server's "1:23: parse error" points, else the query as it was."""
    place = re.search(r"\b(\d{1,6}):(\d{1,6}): parse error", said)
    if not place:
        return f"; the query is {query}"
    lines = query.split("\n")
    row, column = min(int(place[1]), len(lines)) - 1, int(place[2]) - 1
    column = max(0, min(column, len(lines[row])))
    return f"; here: {lines[row][:column]} >>> {lines[row][column:]}"
