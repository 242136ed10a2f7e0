"""What one answer of GitHub's REST API means: rows, a pause and another try, or one of a few plain signals.

::

    SourceError
    ├── MissingError      404 or 410: it is not there (any more)
    ├── RefusedError      403 or 451: this token may not read it; not a limit, so asking again is no use
    ├── EmptyError        409: the repository has no commits yet
    └── LimitError        422: the server does not list that many

Sources turn the signals into the ledger's words; whatever nobody turns ends as a SourceError.  A 401 is an AccessError.

GitHub says "slow down" in many ways: 403 or 429, with ``x-ratelimit-remaining: 0``, with Retry-After, with a sentence
or with nothing at all.  Decided here: a 403 without limit headers, Retry-After or such a sentence is a refusal, one
without any body is tried again a few times first.  Limit headers that say "0 of 0" (an Enterprise server without
limits) say nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

from devops_lab.errors import SourceError

ATTEMPTS = 12
ATTEMPTS_WITHOUT_WORDS = 4
ATTEMPTS_ON_A_WEB_PAGE = 3
LONGEST_LIMIT = 3600.0 + 120.0
SECONDS_AFTER_RESET = 1.0
FAULT_BACK_OFF = 0.5
LIMIT_BACK_OFF = 60.0
WORDLESS_BACK_OFF = 10.0
LIMIT_WORDS = ("rate limit", "abuse detection", "retry your request again later", "wait a few minutes before you try")
SHOWN_CHARACTERS = 200


class MissingError(SourceError):
    """GitHub does not have it, or no longer."""


class RefusedError(SourceError):
    """This token may not read it."""


class EmptyError(SourceError):
    """The repository has no commits yet."""


class LimitError(SourceError):
    """The server does not list that many, or not that far."""


@dataclass(frozen=True)
class Answer:
    """One answer: status, headers in lower case, text; or, with status 0, the `problem` why none came.

    `sent` is off where it is certain that the request never arrived.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    problem: str = ""
    sent: bool = True

    @property
    def message(self) -> str:
        """What the server said, in one line; the title of a web page, not its markup."""
        text = self.text.strip()
        if text.startswith("<"):
            low = text.casefold()
            start, end = low.find("<title>"), low.find("</title>")
            text = text[start + len("<title>") : end] if 0 <= start < end else "a web page"
        elif text.startswith("{"):
            try:
                found = json.loads(text)
            except ValueError:
                found = {}
            text = str(found.get("message") or "") if isinstance(found, dict) else ""
        return " ".join(text.split())[:SHOWN_CHARACTERS]

    def number(self, header: str) -> float | None:
        """Return a header that should be a number, None where it is not there or is none."""
        try:
            value = float(self.headers.get(header, ""))
        except ValueError:
            return None
        return value if value == value and abs(value) != float("inf") else None


@dataclass(frozen=True)
class Pause:
    """Ask again: after `seconds` where the server named them, else after a back-off that starts at `base` seconds."""

    reason: str
    seconds: float | None = None
    base: float = FAULT_BACK_OFF
    attempts: int = ATTEMPTS
    final: type[SourceError] = SourceError
    limit: bool = False


def read(answer: Answer, now: float) -> Any:
    """Return the JSON of a good answer, or a `Pause`; raise the signal of a final one.  `now` is in epoch seconds.

    Errors: MissingError, RefusedError, EmptyError, LimitError, SourceError; a 401 is the caller's to word.
    """
    status = answer.status
    if status == 0:
        return Pause(answer.problem)
    if 200 <= status < 300:
        return _json(answer)
    said = f"HTTP {status}" + (f" {answer.message}" if answer.message else "")
    if status == 408 or status >= 500:
        return Pause(said, seconds=_retry_after(answer, now))
    if status in (403, 429):
        pause = limited(answer, now, said)
        if pause is not None:
            return pause
    kind = {
        403: RefusedError,
        404: MissingError,
        409: EmptyError,
        410: MissingError,
        422: LimitError,
        451: RefusedError,
    }
    raise kind.get(status, SourceError)(said + lacking(answer))


def lacking(answer: Answer) -> str:
    """Return what GitHub says that the token lacks, as the end of a sentence; "" where it says nothing."""
    found = []
    url = re.search(r"required;\s*url=(https?://\S+)", answer.headers.get("x-github-sso", ""))
    if url:
        found.append(f"single sign-on: let the organisation authorise this token at {url[1]}")
    wanted = answer.headers.get("x-accepted-github-permissions", "").strip()
    if wanted and answer.status in (403, 404):
        found.append(f"it needs {permissions(wanted)}")
    return "".join(f"; {one}" for one in found)


def permissions(header: str) -> str:
    """Return ``X-Accepted-GitHub-Permissions`` in words: "issues: read, or pull_requests: read"."""
    ways = [way.strip().replace("=", ": ").replace(",", " and ") for way in header.split(";") if way.strip()]
    return ", or ".join(ways)


def left_out(answer: Answer) -> set[str]:
    """Return the numbers of the organisations whose things a list left out: single sign-on has not let the token in."""
    found = re.search(r"partial-results;\s*organizations=([\d,]+)", answer.headers.get("x-github-sso", ""))
    return {one for one in found[1].split(",") if one} if found else set()


def _json(answer: Answer) -> Any:
    if not answer.text.strip():
        return None
    try:
        return json.loads(answer.text)
    except ValueError:
        if answer.text.lstrip().startswith("<"):
            reason = f"it answered with a web page ({answer.message}) where JSON was expected"
            return Pause(reason, attempts=ATTEMPTS_ON_A_WEB_PAGE)
        return Pause("the answer was cut off")


def limited(answer: Answer, now: float, said: str) -> Pause | None:
    """Return how long a limit lasts, None where the answer is no limit; `said` is the answer in words."""
    retry_after = _retry_after(answer, now)
    if retry_after is not None:
        return Pause(f"a rate limit ({said})", seconds=retry_after, limit=True)
    allowed = answer.number("x-ratelimit-limit")
    if answer.number("x-ratelimit-remaining") == 0 and (allowed is None or allowed > 0):
        of = f" of {allowed:.0f} requests" if allowed else ""
        return Pause(f"the rate limit{of} is used up", _until_reset(answer, now), LIMIT_BACK_OFF, limit=True)
    if answer.status == 429 or any(words in answer.text.casefold() for words in LIMIT_WORDS):
        return Pause(f"a rate limit ({said})", base=LIMIT_BACK_OFF, limit=True)
    if not answer.text.strip():
        return Pause(
            f"{said} without a word", base=WORDLESS_BACK_OFF, attempts=ATTEMPTS_WITHOUT_WORDS, final=RefusedError
        )
    return None


def _retry_after(answer: Answer, now: float) -> float | None:
    text = answer.headers.get("retry-after", "").strip()
    seconds = answer.number("retry-after")
    if seconds is None and text:
        try:
            seconds = parsedate_to_datetime(text).timestamp() - _server_time(answer, now)
        except (ValueError, TypeError, OverflowError):
            return None
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_LIMIT)


def _until_reset(answer: Answer, now: float) -> float | None:
    """Seconds until the limit is over by the server's own clock, None where it does not say a usable instant."""
    reset = answer.number("x-ratelimit-reset")
    if reset is None or reset <= 0:
        return None
    return min(max(reset - _server_time(answer, now), 0.0) + SECONDS_AFTER_RESET, LONGEST_LIMIT)


def _server_time(answer: Answer, now: float) -> float:
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except (ValueError, TypeError, OverflowError):
        return now
