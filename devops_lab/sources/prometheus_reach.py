"""Since when a server knows anything: of a query, for `doctor` and for "all"; and at which steps it knew anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

import numpy as np

from devops_lab.errors import AccessError, SourceError
from devops_lab.sources.prometheus_questions import Question
from devops_lab.sources.prometheus_rows import Ends, instant, summed
from devops_lab.sources.prometheus_server import PrometheusServer, QueryError
from devops_lab.sources.prometheus_windows import Slice, down, longest, sliced

DAY = 86_400
REACH_DAYS = 3650


class Seen(NamedTuple):
    """What `doctor` says of a query: how many series it finds now, and since when there is data; or the problem."""

    table: str
    query: str
    series: int
    since: datetime | None
    problem: str | None


def seen(server: PrometheusServer, question: Question, until: datetime) -> Iterator[Seen]:
    """Yield for each query what it finds now and how far back its data goes; what fails is told, not raised."""
    for query in question.queries:
        try:
            now = _series(server, question, query, until)
            yield Seen(question.table, query, now, _first_day(server, question, query, until), None)
        except (SourceError, AccessError) as problem:
            yield Seen(question.table, query, 0, None, str(problem))


def reach(server: PrometheusServer, question: Question, until: datetime) -> datetime | None:
    """Return the first day on which one of the queries finds anything; None when there is none in ten years.

    Errors: DownError, QueryError, AccessError.
    """
    days = (_first_day(server, question, query, until) for query in question.queries)
    return min((day for day in days if day is not None), default=None)


def alive(server: PrometheusServer, queries: Iterable[str], whole: Slice) -> Ends:
    """Return the ends of the steps in `whole` at which the first of `queries` that finds anything found something.

    A query that is refused finds nothing.  Errors: DownError, AccessError.
    """
    step = server.step
    for query in queries:
        slices = sliced([whole], longest(step, False))
        try:
            found = [summed(server.steps(query, one.first + step, one.last, step)).ends for one in slices]
        except QueryError:
            continue
        if any(map(len, found)):
            return np.concatenate(found)
    return np.empty(0, np.int64)


def _series(server: PrometheusServer, question: Question, query: str, until: datetime) -> int:
    last = down(until, server.step)
    return len((server.raw(query, last - DAY, last) if question.raw else server.at(query, last)).series)


def _first_day(server: PrometheusServer, question: Question, query: str, until: datetime) -> datetime | None:
    counted = f"count_over_time({query}[1d])" if question.raw else f"count_over_time(({query})[1d:1h])"
    last = down(until, DAY) + DAY
    found = summed(server.steps(f"max({counted})", last - REACH_DAYS * DAY, last, DAY))
    days = found.ends[found.values > 0]
    return instant(int(days[0]) - DAY) if len(days) else None
