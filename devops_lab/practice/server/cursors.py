"""Lists that are paged by cursors: a cursor names a place in the order, so what comes in between shifts no page."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

NO_NUMBERS = "Pagination using the `page` parameter is not supported."
NO_CURSOR = "The cursor is none that a Link header named."
Place = tuple[float, int]


@dataclass(frozen=True)
class Cursored:
    """A list by the places of its objects, the least first; `before` and `after` in the query take a part."""

    items: Sequence[Any]
    place: Callable[[Any], Place]


def cursor_page(found: Cursored, size: int, address: str, query: Mapping[str, str]) -> tuple[list[Any], str]:
    """Return one page of at most `size` and its Link header; 400 for a page number, 422 for a cursor that is none."""
    if "page" in query:
        raise HTTPException(400, NO_NUMBERS)
    whole = sorted(found.items, key=found.place)
    after, before = _place(query.get("after")), _place(query.get("before"))
    between = [
        raw
        for raw in whole
        if (after is None or found.place(raw) > after) and (before is None or found.place(raw) < before)
    ]
    shown = between[-size:] if after is None and before is not None else between[:size]
    if not shown:
        return [], ""
    first, last = found.place(shown[0]), found.place(shown[-1])
    targets = []
    if found.place(whole[-1]) > last:
        targets.append(("next", "after", last))
    if found.place(whole[0]) < first:
        targets.append(("prev", "before", first))
    own = {name: text for name, text in query.items() if name not in ("before", "after")}
    return shown, ", ".join(
        f'<{address}?{urlencode({**own, name: _cursor(place)})}>; rel="{relation}"' for relation, name, place in targets
    )


def _cursor(place: Place) -> str:
    instant, number = place
    return base64.urlsafe_b64encode(f"cursor:v2:{instant!r}:{number}".encode()).decode()


def _place(cursor: str | None) -> Place | None:
    if not cursor:
        return None
    try:
        name, version, instant, number = base64.urlsafe_b64decode(cursor).decode().split(":")
        place = float(instant), int(number)
    except ValueError:
        raise HTTPException(422, NO_CURSOR) from None
    if (name, version) != ("cursor", "v2"):
        raise HTTPException(422, NO_CURSOR)
    return place
