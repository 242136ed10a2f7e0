"""Work done ahead: the server answers the next questions while the last answer is turned into rows and written."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

AT_ONCE = 2  # questions a server is asked at the same time
MOST_POINTS = 1_000_000  # larger answers are fetched one by one, as they fill the memory

Result = TypeVar("Result")


@contextmanager
def ahead(work: Sequence[Callable[[], Result]], points: Callable[[Result], int]) -> Iterator[Iterator[Result]]:
    """Give an iterator over what each piece of `work` returns, in order; what one raises is raised in its turn.

    The first is done alone: when it fails, nothing else was asked.  Then `AT_ONCE` are under way, in threads, unless
    the first had more than `MOST_POINTS` points.  What is not begun when the block ends never begins.
    """
    pool = ThreadPoolExecutor(AT_ONCE, "prometheus")
    try:
        yield _results(pool, work, points)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _results(
    pool: ThreadPoolExecutor, work: Sequence[Callable[[], Result]], points: Callable[[Result], int]
) -> Iterator[Result]:
    if not work:
        return
    first = work[0]()
    rest = deque(work[1:])
    under_way: deque[Future[Result]] = deque()
    many = AT_ONCE if points(first) <= MOST_POINTS else 0
    while len(under_way) < many and rest:
        under_way.append(pool.submit(rest.popleft()))
    yield first
    del first
    while under_way or rest:
        if not many:
            yield rest.popleft()()
            continue
        result = under_way.popleft().result()
        if rest:
            under_way.append(pool.submit(rest.popleft()))
        yield result
