"""The one client of GitHub's REST and GraphQL APIs: signing in, proxies, retries, limits, pages.  Raw JSON only.

::

    connection    one address: TLS, proxies, what a failure means
    answers       what an answer means: data, a limit to wait out, an error
    paging        a list's pages: which comes next
    refusals      what to do where a server does not let in, or does not answer
    graphql       the same for GraphQL's answers
    app           a GitHub App's installation: its token, renewed
    access        which permission each feature needs, and whether the token has it
    organisation  an organisation's repositories and custom properties

PyGithub's requester signs, addresses and sends the requests; nothing else in the lab imports it, and none of its lazy
objects is used: they ask the server once more for each field an old object lacks.  Proxies and private certificate
authorities come from the environment as in any program that uses ``requests`` (HTTPS_PROXY, NO_PROXY,
REQUESTS_CA_BUNDLE).  What an answer means is decided in `answers` and `graphql`.

The sources send nothing but GET, and GraphQL's queries, which only read too: they have no other verb than POST.
`GitHubClient.once` sends one request of any verb exactly once; it is there for `devops_lab.actions` alone.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import github
import requests

from devops_lab.errors import AccessError, SourceError
from devops_lab.github_api import graphql, refusals
from devops_lab.github_api.answers import Answer, MissingError, Pause, RefusedError, left_out, read
from devops_lab.github_api.app import Installation
from devops_lab.github_api.connection import PUBLIC, Connection, api_url, checked_token, never_sent, words
from devops_lab.github_api.paging import Page, following, page_of

PER_PAGE = 100
LONGEST_BACK_OFF = 60.0
LONGEST_LIMIT_BACK_OFF = 300.0
ATTEMPTS_BEFORE_FIRST_ANSWER = 4
SHARE_OF_BACK_OFF = 0.1  # a wait the server named is never shorter: its clock may be wrong
WORTH_A_WORD = 5.0
MOST_RENEWALS = 2


class GitHubClient:
    """A client of one GitHub server; `notify` is told of each wait in a sentence, `sleep` waits (tests replace it).

    `url` may be GitHub's API, GitHub itself, a ``*.ghe.com`` host or an Enterprise Server's ``https://HOST/api/v3``.
    Without `token` only public repositories are seen, 60 requests an hour.  The token appears in no message and no
    repr.  With `app` a GitHub App's installation signs instead.  `requests` counts the requests sent so far; `partial`
    holds the organisations whose things single sign-on left out of answers.
    """

    def __init__(
        self,
        url: str = PUBLIC,
        token: str | None = None,
        notify: Callable[[str], None] = lambda message: None,
        sleep: Callable[[float], None] = time.sleep,
        per_page: int = PER_PAGE,
        app: Installation | None = None,
    ) -> None:
        self.url = api_url(url)
        self.host = urlsplit(self.url).hostname or self.url
        self.per_page = per_page
        self.requests = 0
        self._fixed, self._app, self._used = checked_token(token), app, ""
        self.partial: set[str] = set()
        self._notify, self._sleep = notify, sleep
        self._answered = False
        auth = _Signature(self) if self.has_token else None
        self._connection = Connection(self.url)
        self._requester = github.Github(
            base_url=self.url, auth=auth, per_page=per_page, retry=None, seconds_between_requests=0
        ).requester

    def __repr__(self) -> str:
        return f"GitHubClient({self.url!r}, {'with' if self.has_token else 'without'} a token)"

    def get(self, path: str, **parameters: Any) -> Any:
        """Return the JSON of one GET of `path` ("/repos/…"), asked again as often as it makes sense.

        Errors: MissingError, RefusedError, EmptyError, LimitError, SourceError, AccessError (the token is refused).
        """
        return self._ask(path, parameters)[1]

    @property
    def has_token(self) -> bool:
        """Whether requests are signed; GraphQL answers to nobody else."""
        return self._app is not None or self._fixed is not None

    def signature(self) -> str | None:
        """Return the token that signs the next request, None where none does; an app's is renewed where it must be.

        Errors: AccessError and SourceError where an app gets no token.
        """
        self._used = self._app.token if self._app is not None else self._fixed or ""
        return self._used or None

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """Return the data of one GraphQL query (never a mutation); null in it is what is gone or refused.

        Errors: MissingError (also where nothing answers GraphQL), RefusedError, HeavyError (ask for less at once),
        SourceError, AccessError (the token is refused).
        """
        if not query.lstrip().startswith(("query", "fragment", "{")):
            raise ValueError("only queries are sent by GraphQL")
        address, content = self._requester.graphql_url, graphql.body(query, variables)
        return self._settled("/graphql", lambda: self._send("POST", address, {}, content), graphql.read)[1]

    def once(self, verb: str, path: str, body: Any = None, held: str | None = None) -> Answer:
        """Send one request exactly once: never repeated, never sent on; what came is returned whatever it is.

        With `held` (an ETag) an unchanged answer is a 304.  No answer is status 0: `problem` says why, and `sent`
        whether the request may have arrived all the same.
        """
        self.requests += 1
        headers = {"Accept": "application/vnd.github+json", "User-Agent": "devops-lab"}
        token = self.signature()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if held:
            headers["If-None-Match"] = held
        content = None
        if body is not None:
            headers["Content-Type"], content = "application/json", json.dumps(body).encode()
        problem, sent = "", True
        try:
            response = self._connection.once(verb, self.url + path, content, headers)
        except requests.exceptions.RequestException as failure:
            problem, sent = words(failure)[0], not never_sent(failure)
        except OSError as failure:  # REQUESTS_CA_BUNDLE names a file that is not there
            problem, sent = str(failure), False
        if problem:
            return Answer(0, problem=self._redact(problem), sent=sent)
        response.encoding = "utf-8"
        found = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, found, response.text)

    def probe(self, path: str, **parameters: Any) -> Answer:
        """Return the answer to one GET as it is, whatever it is: what a token may and what it lacks stands in it."""
        question = f"{path}?{urlencode(parameters)}" if parameters else path
        answer = self.once("GET", question)
        return self.once("GET", question) if answer.status == 401 and self._renewed() else answer

    def pages(self, path: str, key: str | None = None, guess: bool = True, **parameters: Any) -> Iterator[Page]:
        """Yield the pages of a list (in an envelope's `key`), none of them empty; errors as `get`.

        A next page is known by the Link header, of which only the query is used: its host and path may be another
        name of the same thing.  A server without Link headers is asked until a page is not full, unless `guess` is
        off: a list with cursors knows no page numbers.
        """
        parameters = {"per_page": self.per_page, **parameters}
        before: Page | None = None
        while True:
            headers, data = self._ask(path, parameters)
            page = page_of(data, key, self.host + path)
            if not page or page == before:  # a server that ignores page numbers says the same for ever
                return
            yield page
            further = following(headers, parameters, page) if guess or "link" in headers else None
            if further is None:
                return
            before, parameters = page, further

    def repository(self, name: str) -> dict[str, Any]:
        """Return the repository "owner/name"; AccessError when it is not there or may not be seen."""
        if not re.fullmatch(r"[A-Za-z0-9][\w-]*/(?!\.\.?$)[\w.-]+", name, re.ASCII):
            raise AccessError(f'the repository {name!r} is no "owner/name"')
        try:
            found = self.get(f"/repos/{name}")
        except (MissingError, RefusedError) as problem:
            raise AccessError(refusals.of_repository(self.host, name, problem, self.has_token, self._app)) from problem
        if not isinstance(found, dict):
            raise SourceError(f"{self.host} did not describe the repository {name}; is {self.url} GitHub's REST API?")
        return found

    # ------------------------------------------------------------------ one request

    def _ask(self, path: str, parameters: Mapping[str, Any]) -> tuple[Mapping[str, str], Any]:
        return self._settled(path, lambda: self._send("GET", path, parameters), read)

    def _settled(
        self, path: str, send: Callable[[], Answer], meaning: Callable[[Answer, float], Any]
    ) -> tuple[Mapping[str, str], Any]:
        """Send one request until it has a final answer; the last failure is raised when the attempts are used up."""
        attempt = renewals = 0
        while True:
            attempt += 1
            answer = send()
            self._answered = self._answered or answer.status > 0
            if answer.status == 401 and renewals < MOST_RENEWALS and self._renewed():
                renewals += 1
                continue
            if answer.status == 401:
                raise AccessError(self._redact(refusals.of_token(self.host, answer.message, self.has_token, self._app)))
            signal: SourceError | None = None
            data: Any = None
            try:
                data = meaning(answer, time.time())
            except SourceError as final:
                signal = type(final)(self._redact(f"{self.host}{path}: {final}"))
            if signal is not None:  # raised here, so that no chain leads to the words before they were redacted
                raise signal
            if not isinstance(data, Pause):
                self.partial |= left_out(answer)
                return answer.headers, data
            attempts = data.attempts if self._answered else min(data.attempts, ATTEMPTS_BEFORE_FIRST_ANSWER)
            if attempt >= attempts:
                raise data.final(self._redact(refusals.gave_up(self.host + path, data.reason, attempt, self._answered)))
            self._wait(data, attempt)

    def _renewed(self) -> bool:
        """Say whether an app's token that was refused has been replaced by a new one."""
        return self._app is not None and self._app.renewed(self._used)

    def _send(self, verb: str, path: str, parameters: Mapping[str, Any], content: Any = None) -> Answer:
        """Send one request; a failure that another try may mend is an Answer with status 0, all others are raised.

        The failures are worded here and raised outside of the handlers: what ``requests`` raises holds the request
        with its Authorization header, and no error of ours shall lead there.
        """
        self.requests += 1
        problem = ""
        final = False
        try:
            status, _, text = self._requester.requestJson(
                verb,
                path,
                dict(parameters),
                {"Accept": "application/vnd.github+json"},
                content,
                self._connection,  # type: ignore[arg-type]
            )
        except requests.exceptions.RequestException as failure:
            problem, final = words(failure)
        except OSError as failure:  # REQUESTS_CA_BUNDLE names a file that is not there
            problem, final = str(failure), True
        if not problem:
            return Answer(status, self._connection.headers, text)
        problem = self._redact(problem)
        if final:
            raise SourceError(
                f"{self.host} cannot be asked: {problem}; proxies and certificates come from HTTPS_PROXY "
                "and REQUESTS_CA_BUNDLE"
            )
        return Answer(0, problem=problem)

    def _wait(self, pause: Pause, attempt: int) -> None:
        longest = LONGEST_LIMIT_BACK_OFF if pause.limit else LONGEST_BACK_OFF
        back_off = min(pause.base * 2 ** (attempt - 1), longest) * random.uniform(0.8, 1.2)
        seconds = back_off if pause.seconds is None else max(pause.seconds, SHARE_OF_BACK_OFF * back_off)
        if seconds >= WORTH_A_WORD:
            until = datetime.now(UTC) + timedelta(seconds=seconds)
            hint = "" if self.has_token or not pause.limit else "; with GITHUB_TOKEN set there are far more"
            self._notify(
                self._redact(
                    f"{self.host}: {pause.reason}; waiting {_spoken(seconds)}, until {until:%H:%M:%S} UTC "
                    f"(attempt {attempt + 1} of {pause.attempts}){hint}"
                )
            )
        self._sleep(seconds)

    # ------------------------------------------------------------------ words

    def _redact(self, text: str) -> str:
        if self._app is not None:
            text = self._app.redacted(text)
        if self._fixed:
            text = text.replace(self._fixed, "***")
        return re.sub(r"://[^/@\s]+@", "://***@", text)


class _Signature(github.Auth.Auth):
    """Signs each request with the client's token of that moment."""

    def __init__(self, client: GitHubClient) -> None:
        self._client = client

    @property
    def token_type(self) -> str:
        """How the token is announced."""
        return "token"

    @property
    def token(self) -> str:
        """The token."""
        return self._client.signature() or ""


def _spoken(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min"
