"""Reading GitHub's JSON objects: any field may be absent, null or of another type, and none of that may raise.

Only what a row cannot be without is asked for with `need`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from devops_lab.errors import SourceError
from devops_lab.privacy import login_of
from devops_lab.sources import messages

Raw = dict[str, Any]
Row = dict[str, Any]
Value = TypeVar("Value")
Item = TypeVar("Item")

FIRST_YEAR = 1970
GROUP = 25
RUN_ADDRESS = re.compile(r"/actions/runs/(\d{1,19})(?!\d)")


class IncompleteError(SourceError):
    """An object of the server lacks what its row cannot be without; sources count it as missing."""


def at(raw: Any, *path: str) -> Any:
    """Return the value at `path` in nested objects, None where any step is not there."""
    for key in path:
        if not isinstance(raw, Mapping):
            return None
        raw = raw.get(key)
    return raw


def text(raw: Any, *path: str) -> str | None:
    """Return a text that says something, else None."""
    value = at(raw, *path)
    return value if isinstance(value, str) and value else None


def number(raw: Any, *path: str) -> int | None:
    """Return a whole number that 64 bits hold, else None."""
    value = at(raw, *path)
    fits = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    return value if fits else None


def flag(raw: Any, *path: str) -> bool | None:
    """Return a truth value, else None."""
    value = at(raw, *path)
    return value if isinstance(value, bool) else None


def word(raw: Any, *path: str) -> str | None:
    """Return a status, conclusion or state in lower case: old exports have GraphQL's capitals."""
    value = text(raw, *path)
    return value.lower() if value else None


def address(raw: Any, *path: str) -> str | None:
    """Return a web address; anything else that people put where one belongs ("javascript:…") is None."""
    value = text(raw, *path)
    return value if value and value.lower().startswith(("https://", "http://")) else None


def instant(raw: Any, *path: str) -> datetime | None:
    """Return an instant as naive UTC; None where it cannot be read, or is a program's zero (the year 1)."""
    value = at(raw, *path)
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo not in (None, UTC):
            found = found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return found.replace(tzinfo=None) if found.year >= FIRST_YEAR else None


def items(raw: Any, *path: str) -> list[Any]:
    """Return a list, empty where it is none."""
    value = at(raw, *path)
    return value if isinstance(value, list) else []


def need(value: Value | None, thing: str, field: str, raw: Any) -> Value:
    """Return `value`; IncompleteError names what the server sent without it."""
    if value is None:
        given = text(raw, "html_url") or text(raw, "url") or number(raw, "id") or number(raw, "number")
        raise IncompleteError(f"the server sent a {thing} without its {field} ({given or 'nothing else names it'})")
    return value


def login(raw: Any, key: str = "user") -> str | None:
    """Return the login of an account; a deleted account ("ghost") is None as GitHub has it."""
    return text(raw, key, "login")


def is_bot(raw: Any, key: str = "user") -> bool:
    """Say whether an account is a program: GitHub's type says so, or its name does (`messages.is_bot`)."""
    return at(raw, key, "type") == "Bot" or messages.is_bot(login(raw, key))


def same_login(one: str | None, other: str | None) -> bool | None:
    """Say whether two logins are one account; None where either is not known."""
    return None if one is None or other is None else one.casefold() == other.casefold()


def commit_author(raw: Any) -> tuple[str | None, bool]:
    """Return who wrote a commit, and whether that is a bot: login, else the login in a no-reply address, else e-mail.

    An e-mail leaves this stage only as a pseudonym; it joins what a clone knows of the same person.
    """
    account = login(raw, "author")
    name, email = text(raw, "commit", "author", "name"), text(raw, "commit", "author", "email")
    bot = is_bot(raw, "author") or messages.is_bot(name, email)
    return account or login_of(email) or (email.strip().lower() if email else None) or name, bot


def named_run(*addresses: str | None) -> int | None:
    """Return the workflow run that one of the addresses names, the first that does."""
    for address in addresses:
        found = RUN_ADDRESS.search(address) if address else None
        if found and int(found.group(1)) < 2**63:
            return int(found.group(1))
    return None


def groups(items: list[Item], costly: bool = True) -> Iterator[list[Item]]:
    """Yield `items` in groups: so much is fetched, details and all, before it is written and survives a crash.

    A page whose items need no requests of their own (not `costly`) is one group.
    """
    size = GROUP if costly else max(len(items), 1)
    for first in range(0, len(items), size):
        yield items[first : first + size]


def stamp(moment: datetime) -> str:
    """Return an instant as GitHub's parameters want it."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def sha_of(raw: Raw) -> str:
    """Return an object's sha, empty where it has none."""
    return text(raw, "sha") or ""
