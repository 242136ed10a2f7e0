"""What one answer of GitHub's GraphQL API means: data, a pause and another try, or one of the plain signals.

::

    SourceError
    ├── MissingError      nothing answers GraphQL here, or not to this query, or all that it named is gone
    ├── RefusedError      this token may not ask
    └── HeavyError        too much at once: the server gave up; half of it may be answered

GraphQL says most of this with HTTP 200 and a list of errors.  Where some of the data came, the errors only explain its
holes: the data is returned, and who asked sees null where something is gone or refused.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from devops_lab.errors import SourceError
from devops_lab.github_api import answers
from devops_lab.github_api.answers import LIMIT_BACK_OFF, LIMIT_WORDS, Answer, MissingError, Pause, RefusedError

ATTEMPTS_ON_FAULTS = 6
ATTEMPTS_ON_TOO_MUCH = 3
NOBODY_ANSWERS = (400, 404, 405, 406, 410, 415, 501)
GAVE_UP = (502, 504)
TOO_MUCH = ("MAX_NODE_LIMIT_EXCEEDED", "RESOURCE_LIMITS_EXCEEDED", "EXCESSIVE_PAGINATION")
TOO_MUCH_WORDS = ("something went wrong while executing", "timeout", "timed out")
REFUSED = ("FORBIDDEN", "INSUFFICIENT_SCOPES")


class HeavyError(SourceError):
    """The server gave up over so much at once."""


def read(answer: Answer, now: float) -> Any:
    """Return the `data` of a good answer (a dict), or a `Pause`; raise the signal of a final one; `now` as elsewhere.

    Errors: MissingError, RefusedError, HeavyError, SourceError; a 401 is the caller's to word.
    """
    said = f"HTTP {answer.status}" + (f" {answer.message}" if answer.message else "")
    if answer.status in NOBODY_ANSWERS:
        raise MissingError(said)
    if answer.status in GAVE_UP:
        return Pause(said, attempts=ATTEMPTS_ON_TOO_MUCH, final=HeavyError)
    found = answers.read(answer, now)
    if isinstance(found, Pause):
        # no limit and no network: this address never answers well, and who asks has another way
        if answer.status == 0 or found.limit:
            return found
        return replace(found, attempts=min(found.attempts, ATTEMPTS_ON_FAULTS), final=MissingError)
    if not isinstance(found, dict) or ("data" not in found and "errors" not in found):
        raise MissingError("it answers, but not to GraphQL")
    errors = [one for one in found.get("errors") or [] if isinstance(one, dict)]
    return _data(found.get("data"), errors, answer, now)


def _data(data: Any, errors: list[dict[str, Any]], answer: Answer, now: float) -> Any:
    kinds = [str(one.get("type") or "") for one in errors]
    words = "; ".join(dict.fromkeys(str(one.get("message") or "an error without words") for one in errors))
    words = " ".join(words.split())[: answers.SHOWN_CHARACTERS]
    low = words.casefold()
    if "RATE_LIMITED" in kinds or any(word in low for word in LIMIT_WORDS):
        return answers.limited(answer, now, words) or Pause(words, base=LIMIT_BACK_OFF, limit=True)
    if any(kind in TOO_MUCH for kind in kinds):
        raise HeavyError(words)
    if any(word in low for word in TOO_MUCH_WORDS):
        return Pause(words, attempts=ATTEMPTS_ON_TOO_MUCH, final=HeavyError)
    if isinstance(data, dict) and any(value is not None for value in data.values()):
        return data
    if any(kind in REFUSED for kind in kinds):
        raise RefusedError(words)
    raise MissingError(words or "it answered without data")


def body(query: str, variables: dict[str, Any]) -> dict[str, Any]:
    """Return what is sent: the query and its variables; TypeError where a variable is no JSON."""
    json.dumps(variables)
    return {"query": query, "variables": variables}
