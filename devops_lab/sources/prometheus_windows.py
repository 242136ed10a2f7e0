"""Which steps are asked for, newest first, and which of them a ledger row may call covered.

All numbers are seconds since 1970 at multiples of the step; a window (first, last] holds the steps that end in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from devops_lab.sources.prometheus_rows import Ends, instant, seconds
from devops_lab.sources.prometheus_server import MOST_POINTS

OVERLAP = 2  # steps that are read again: their last scrapes may have come late
RAW_WINDOW = 7 * 86_400


class Slice(NamedTuple):
    """What one query asks for: the steps that end in (first, last]."""

    first: int
    last: int


def down(moment: datetime, step: int) -> int:
    """Return the last multiple of `step` that is not after `moment`."""
    return int(seconds(moment) // step) * step


def lacking(ledger: Iterable[Mapping[str, Any]], since: datetime, until: datetime, step: int) -> list[Slice]:
    """Return what of (`since`, `until`] no row of the ledger covers, newest first; covered ends are read again."""
    spans: list[list[int]] = []
    for row in sorted(ledger, key=lambda row: row["window_start"]):
        start, end = down(row["window_start"], step), down(row["window_end"], step)
        if spans and start <= spans[-1][1]:
            spans[-1][1] = max(spans[-1][1], end)
        else:
            spans.append([start, end])
    position, found = down(since, step), []
    for start, end in spans:
        if start > position:
            found.append(Slice(position, min(start, down(until, step))))
        position = max(position, end - OVERLAP * step)
    found.append(Slice(position, down(until, step)))
    return [one for one in reversed(found) if one.first < one.last]


def sliced(windows: Iterable[Slice], longest: int) -> Iterator[Slice]:
    """Yield `windows` cut into slices of at most `longest` seconds, newest first."""
    for first, last in windows:
        end = last
        while end > first:
            start = max(first, end - longest)
            yield Slice(start, end)
            end = start


def longest(step: int, raw: bool) -> int:
    """Return how many seconds one query may ask for."""
    return max(RAW_WINDOW // step, 1) * step if raw else MOST_POINTS * step


def runs(ends: Collection[int] | Ends, asked: Slice, step: int, tolerance: int) -> list[tuple[Slice, int]]:
    """Return (window, steps missing in it) of each run of known steps; gaps over `tolerance` seconds are in none.

    A run that begins or ends near the slice's edge reaches to it, so that neighbouring slices make one window.
    """
    known = np.unique(np.fromiter(ends, np.int64, len(ends)))
    parts = np.split(known, np.flatnonzero(np.diff(known) > tolerance + step) + 1) if len(known) else []
    found = [[int(part[0]) - step, int(part[-1]), len(part)] for part in parts]
    if found and found[0][0] - asked.first <= tolerance:
        found[0][0] = asked.first
    if found and asked.last - found[-1][1] <= tolerance:
        found[-1][1] = asked.last
    return [(Slice(start, end), (end - start) // step - count) for start, end, count in found]


def ledger_row(table: str, window: Slice, until: datetime, step: int, **more: Any) -> dict[str, Any]:
    """Return a row of the ledger; the window that reaches the last whole step reaches `until`."""
    last = until if window.last >= down(until, step) else instant(window.last)
    return {
        "table_name": table,
        "window_start": instant(window.first),
        "window_end": last,
        "asked": 0,
        "fetched": 0,
        "capped": 0,
        "missing": 0,
        "refused": None,
        **more,
    }
