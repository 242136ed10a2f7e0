"""A list's pages: what one holds, and which comes next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from devops_lab.errors import SourceError


class Page(list[dict[str, Any]]):
    """One page of a list; `total` is the server's count of the whole list where it gives one."""

    total: int | None = None


def page_of(data: Any, key: str | None, place: str) -> Page:
    """Return the objects of a list's answer (in an envelope's `key`); SourceError where `place` gave no list."""
    items = data[key] if key and isinstance(data, dict) and key in data else data
    if items is None:
        return Page()
    if not isinstance(items, list):
        raise SourceError(f"{place}: a list was expected, {type(items).__name__} came")
    page = Page(item for item in items if isinstance(item, dict))
    total = data.get("total_count") if isinstance(data, dict) else None
    page.total = total if isinstance(total, int) else None
    return page


def following(headers: Mapping[str, str], parameters: Mapping[str, Any], page: Page) -> dict[str, Any] | None:
    """Return the parameters of the next page, None after the last."""
    link = headers.get("link")
    if link is not None:
        found = re.search(r"<([^<>]*)>\s*;[^<]*\brel=\"?next\b", link)
        return dict(parse_qsl(urlsplit(found.group(1)).query, keep_blank_values=True)) if found else None
    number, size = int(parameters.get("page", 1)), int(parameters["per_page"])
    if len(page) != size or (page.total is not None and number * size >= page.total):
        return None
    return {**parameters, "page": number + 1}
