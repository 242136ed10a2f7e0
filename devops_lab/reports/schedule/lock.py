"""One run at a time: a lock on a folder that a crash lets go of; on a bucket a lease that runs out.

The folder's lock is the system's own.  On a bucket several machines may run: each writes its number into the store's
table ``leases``, waits a little, and goes on only if its number still stands there.  That is as far as a bucket
without locks goes: two machines whose clocks or writes are further apart than the wait could both go on.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from devops_lab.errors import LabError, StoreError
from devops_lab.store import Store

NAME = "schedule"
LEASE = timedelta(hours=1)
SETTLE_SECONDS = 10.0
LOOK_SECONDS = 15.0


class BusyError(LabError):
    """Another run is at work; nothing was done."""

    exit_status = 0


@contextmanager
def one_at_a_time(
    store: Store,
    now: Callable[[], datetime],
    wait: float = 0.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Callable[[], None]]:
    """Hold the schedule of a store; yield what says "still at work", to be called now and then.

    Errors: BusyError when another run holds it for longer than `wait` seconds; StoreError when the lock cannot be
    written, or was lost to another machine.
    """
    if "://" in store.path:
        with _leased(store, now, wait, sleep) as keep:
            yield keep
        return
    lock = FileLock(f"{store.path}/.schedule.lock", timeout=wait)
    try:
        Path(store.path).mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as problem:
        raise BusyError(f"another run is at work on {store.path}; nothing to do here") from problem
    except OSError as problem:
        raise StoreError(f"the schedule of {store.path} cannot be locked: {problem.strerror}") from problem
    try:
        yield _nothing
    finally:
        lock.release()


@contextmanager
def _leased(
    store: Store, now: Callable[[], datetime], wait: float, sleep: Callable[[float], None]
) -> Iterator[Callable[[], None]]:
    own = uuid.uuid4().hex
    waited = 0.0
    while not _taken(store, own, now, sleep):
        if waited >= wait:
            raise BusyError(f"another machine is at work on {store.path}; nothing to do here")
        sleep(LOOK_SECONDS)
        waited += LOOK_SECONDS + SETTLE_SECONDS

    def keep() -> None:
        if _holder(store, now) not in (own, None):
            raise StoreError(f"another machine took the schedule of {store.path} over; this run stops here")
        _write(store, own, now() + LEASE)

    try:
        yield keep
    finally:
        if _holder(store, now) == own:
            _write(store, own, now())


def _taken(store: Store, own: str, now: Callable[[], datetime], sleep: Callable[[float], None]) -> bool:
    if _holder(store, now) not in (own, None):
        return False
    _write(store, own, now() + LEASE)
    sleep(SETTLE_SECONDS)
    return _holder(store, now) == own


def _holder(store: Store, now: Callable[[], datetime]) -> str | None:
    rows = store.rows("select holder, until from leases where name = $name", name=NAME)
    return str(rows[0]["holder"]) if rows and rows[0]["until"] > now() else None


def _write(store: Store, own: str, until: datetime) -> None:
    store.write("leases", [{"name": NAME, "holder": own, "until": until}], source="schedule")


def _nothing() -> None:
    """Say nothing: the system's lock needs no word."""
