"""A comment on a GitHub issue or pull request: sent once; signed by ``DEVOPS_LAB_ACTIONS_TOKEN``."""

from __future__ import annotations

import re
from typing import Any

from devops_lab.actions.connection import Server, data_of, may_have_worked, refusal
from devops_lab.actions.outcomes import RefusedActionError, UnknownOutcomeError
from devops_lab.config import Settings

LONGEST = 65_000  # GitHub takes 65,536 characters
_ISSUE = re.compile(r"([\w.-]+/[\w.-]+)#(\d+)")


def comment(settings: Settings, issue: str, text: str) -> str:
    """Write a comment on an issue ("owner/name#12") and return its address.

    Errors: RefusedActionError (read-only, or no such form of an issue; nothing was sent), AccessError and
    SentActionError (the server refused), UnknownOutcomeError (it may have been written).
    """
    found = _ISSUE.fullmatch(issue)
    what = f"the comment on {issue}"
    if found is None:
        raise RefusedActionError(what, [f"{issue!r} is no issue; write owner/name#12"])
    if settings.actions.read_only:
        raise RefusedActionError(what, ["[actions] read_only = true in lab.toml"])
    body = text if len(text) <= LONGEST else f"{text[:LONGEST]}\n\n…"
    answer = Server(settings).post(f"/repos/{found[1]}/issues/{found[2]}/comments", {"body": body})
    if may_have_worked(answer):
        raise UnknownOutcomeError(f"{what}: no answer says whether it was written ({answer.status or answer.problem})")
    if answer.status != 201:
        raise refusal(answer, what)
    written: dict[str, Any] = data_of(answer)
    return str(written.get("html_url") or "")
