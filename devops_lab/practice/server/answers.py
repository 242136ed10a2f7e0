"""What an endpoint of the practice server says, and how it becomes GitHub's answer: pages, Link headers, ETags."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

from devops_lab.practice.server.cursors import Cursored, cursor_page

Json = dict[str, Any]

API = "@@API@@"
DOCUMENTATION = "https://docs.github.com/rest"
PAGE_SIZE = 30
LARGEST_PAGE = 100
TOO_FAR = (
    "In order to keep the API fast for everyone, pagination is limited for this resource. Check the rel=last link "
    "relation in the Link response header to see how far back you can traverse."
)


@dataclass(frozen=True)
class Item:
    """One object; `modified` is an ISO instant for Last-Modified."""

    body: Any
    modified: str | None = None


@dataclass(frozen=True)
class Listing:
    """A list to be paged; in an envelope under `key` with total_count where one is given.

    `most` is how far one can page (a filtered list of runs ends at 1,000), `refuse` whether beyond it is a 422 or
    nothing; where it is, the last page still names a next one, so that who follows it learns that there is more.
    `around` are the envelope's other fields; `counted` is False where it has no total_count.
    """

    items: Sequence[Any]
    key: str | None = None
    most: int | None = None
    refuse: bool = False
    around: Mapping[str, Any] = field(default_factory=dict)
    counted: bool = True
    largest: int = LARGEST_PAGE
    default: int = PAGE_SIZE


@dataclass(frozen=True)
class Raw:
    """Content that is no JSON: a file as it is, a log, an archive."""

    data: bytes
    media: str


@dataclass(frozen=True)
class Download:
    """A file to be fetched elsewhere: GitHub answers 302 to an address that is good for a minute and needs no token."""

    file: str


@dataclass
class Answer:
    """One answer, ready to be sent."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Invalid(HTTPException):
    """GitHub's 422 about a body: a message and the list of what is wrong."""

    def __init__(self, errors: Sequence[Json], message: str = "Validation Failed") -> None:
        super().__init__(422, message)
        self.errors = list(errors)


def missing() -> HTTPException:
    """Return GitHub's 404: not there, or not to be seen."""
    return HTTPException(404, "Not Found")


def moment(text: str) -> datetime:
    """Return the instant that GitHub's text names; ValueError where it is none."""
    found = datetime.fromisoformat(text.replace(" ", "+"))  # a "+" in a query that was not escaped reads as a space
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def said(status: int, message: str, headers: Mapping[str, str] | None = None, errors: Sequence[Json] = ()) -> Answer:
    """Return an error as GitHub words it."""
    body: Json = {"message": message, **({"errors": list(errors)} if errors else {})}
    body |= {"documentation_url": DOCUMENTATION, "status": str(status)}
    return Answer(status, encoded(body, ""), {**JSON_HEADERS, **(headers or {})})


def encoded(body: Any, base: str) -> bytes:
    """Return JSON with the API's address filled in."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).replace(API, base).encode()


JSON_HEADERS = {"Content-Type": "application/json; charset=utf-8"}


def rendered(
    found: Item | Listing | Cursored | Raw,
    base: str,
    link_path: str,
    query: Mapping[str, str],
    asked: Mapping[str, str],
) -> Answer:
    """Return the answer to what was `found`; a 304 where the headers `asked` with hold it already.

    `link_path` is what Link headers name, below `base`: GitHub names repositories there by their id.
    """
    headers = {**JSON_HEADERS, "Cache-Control": "private, max-age=60, s-maxage=60", "Vary": "Accept, Authorization"}
    if isinstance(found, Listing | Cursored):
        body, link = _page(found, base + link_path, query)
        if link:
            headers["Link"] = link
    elif isinstance(found, Item):
        body = found.body
    if isinstance(found, Raw):
        headers["Content-Type"], data = found.media, found.data
    else:
        data = encoded(body, base)
    headers["ETag"] = f'"{hashlib.sha256(data + headers.get("Link", "").encode()).hexdigest()}"'
    modified = moment(found.modified) if isinstance(found, Item) and found.modified else None
    if modified is not None:
        headers["Last-Modified"] = format_datetime(modified.astimezone(UTC), usegmt=True)
    if _is_held(headers["ETag"], modified, asked):
        return Answer(304, b"", {name: text for name, text in headers.items() if name != "Content-Type"})
    return Answer(200, data, headers)


def _is_held(etag: str, modified: datetime | None, asked: Mapping[str, str]) -> bool:
    named = asked.get("if-none-match")
    if named is not None:
        return any(one.strip().removeprefix("W/") in (etag, "*") for one in named.split(","))
    since = asked.get("if-modified-since")
    if since is None or modified is None:
        return False
    try:
        return modified.replace(microsecond=0) <= parsedate_to_datetime(since)
    except (ValueError, TypeError):
        return False


def _page(found: Listing | Cursored, address: str, query: Mapping[str, str]) -> tuple[Any, str]:
    """Return one page of a list and its Link header."""
    size = _positive(query.get("per_page"))
    if isinstance(found, Cursored):
        return cursor_page(found, min(size or PAGE_SIZE, LARGEST_PAGE), address, query)
    size = min(size or found.default, found.largest)
    page = _positive(query.get("page")) or 1
    reach = len(found.items) if found.most is None else min(len(found.items), found.most)
    start = (page - 1) * size
    if found.refuse and found.most is not None and start >= found.most:
        raise HTTPException(422, TOO_FAR)
    shown = list(found.items[start : min(start + size, reach)])
    more = found.refuse and len(found.items) > reach
    link = _link(address, query, page, max(-(-reach // size), 1), more)
    if found.key is None:
        return shown, link
    total = {"total_count": len(found.items)} if found.counted else {}
    return {**total, **found.around, found.key: shown}, link


def _link(address: str, query: Mapping[str, str], page: int, last: int, more: bool) -> str:
    targets: list[tuple[str, int]] = []
    if page > 1:
        targets.append(("prev", min(page - 1, last)))
    if page < last:
        targets += [("next", page + 1), ("last", last)]
    elif page == last and more:
        targets.append(("next", page + 1))
    if page > 1:
        targets.append(("first", 1))
    own = {name: text for name, text in query.items() if name != "page"}
    return ", ".join(f'<{address}?{urlencode({**own, "page": number})}>; rel="{name}"' for name, number in targets)


def _positive(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 and int(text) > 0 else None
