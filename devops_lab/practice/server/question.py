"""What an endpoint is asked: the repository's view, the names in the path, the query; and what an endpoint is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from starlette.exceptions import HTTPException

from devops_lab.practice.server.answers import Download, Item, Listing, Raw, missing, moment
from devops_lab.practice.server.cursors import Cursored
from devops_lab.practice.server.view import View


@dataclass(frozen=True)
class Limits:
    """How far lists go: `filtered_runs` is where a filtered list of runs ends, `items` what answers 422 beyond."""

    filtered_runs: int = 1000
    items: int = 40_000


@dataclass(frozen=True)
class Question:
    """One request for something of a repository; `can_push` says whether drafts may be seen, `accept` is the header."""

    view: View
    parts: Mapping[str, str]
    query: Mapping[str, str]
    limits: Limits
    can_push: bool = True
    accept: str = ""

    def number(self, part: str) -> int:
        """Return a number in the path; 404 where it is none."""
        text = self.parts[part]
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise missing()
        return int(text)

    def instant(self, name: str) -> datetime | None:
        """Return an instant of the query, None where it is not there; 422 where it is none."""
        text = self.query.get(name)
        if not text:
            return None
        try:
            return moment(text)
        except ValueError:
            raise HTTPException(422, f"Invalid value for parameter '{name}': {text[:100]}") from None


@dataclass(frozen=True)
class Read:
    """A readable address below a repository, the permission it needs, and the function that answers.

    `query` names what the function reads of the query beside pages, `statuses` the errors that only it has.  `refusal`
    is what somebody without a token hears, None where anybody may read what is public.
    """

    path: str
    permission: str
    answer: Callable[[Question], Item | Listing | Cursored | Raw | Download]
    query: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    refusal: tuple[int, str] | None = None
