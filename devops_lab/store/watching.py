"""Which handles were opened meanwhile, and the snapshots that they are held to: what a sealed report read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devops_lab.store.handle import Store


@dataclass
class Watch:
    """Handles that are opened while `watched` lasts, and the snapshots that those of certain stores are held to."""

    pinned: Mapping[str, str]
    handles: list[Store]


_WATCH: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(pinned: Mapping[str, str] | None = None) -> Iterator[list[Store]]:
    """Yield the list of handles opened meanwhile; one on a store that `pinned` names (path → snapshot) reads that one.

    So a sealed report learns what it read, and reads the same again.
    """
    watch = Watch(pinned or {}, [])
    before = _WATCH.set(watch)
    try:
        yield watch.handles
    finally:
        _WATCH.reset(before)


def current() -> Watch | None:
    """Return the watch that is kept now, None where nobody watches."""
    return _WATCH.get()
