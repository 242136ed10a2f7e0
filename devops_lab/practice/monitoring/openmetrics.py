"""OpenMetrics: a year of telemetry as the text that promtool reads, a hundred megabytes a second.

Every line of a series is equally long (numbers are filled up with zeros in front, which any reader takes), so that a
whole series is written as one matrix of characters.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from devops_lab.practice.world.watching import Series, Watch
from devops_lab.practice.world.watching_alerts import Episode, minutes

ZERO, DOT, SPACE, NEWLINE = b"0. \n"
STAMP_DIGITS = 10
Characters = NDArray[np.uint8]


def write(out: BinaryIO, watch: Watch, told: Iterable[Series], since: int, until: int) -> int:
    """Write the samples of `told` and of the alerts in [`since`, `until`), epoch seconds; return how many."""
    begin, step = seconds(watch.start), int(watch.step.total_seconds())
    first = max(-((begin - since) // step), 0)
    last = min(-((begin - until) // step), watch.steps + 1)
    stamps = digits(begin + step * np.arange(first, max(first, last)), STAMP_DIGITS)
    count = 0
    for series in told:
        low, high = max(series.first, first), min(series.first + len(series.values), last)
        if low < high:
            values = series.values[low - series.first : high - series.first]
            out.write(lines(series, values, stamps[low - first : high - first]).tobytes())
            count += high - low
    for episode in watch.alerts:
        fired = [seconds(at) for at in minutes(episode, watch.end)]
        chosen = [at for at in fired if since <= at < until]
        out.write(_firing(episode, chosen))
        count += len(chosen)
    out.write(b"# EOF\n")
    return count


def seconds(moment: datetime) -> int:
    """Return the epoch seconds of a naive UTC instant."""
    return int(moment.replace(tzinfo=UTC).timestamp())


def head(name: str, labels: dict[str, str]) -> str:
    """Return a series as it is written: ``name{label="value"}``."""
    inside = ",".join(f'{label}="{_escaped(value)}"' for label, value in labels.items())
    return f"{name}{{{inside}}}"


def lines(series: Series, values: NDArray[np.int64], stamps: Characters) -> Characters:
    """Return the lines of a series: (samples, characters of a line)."""
    before = np.frombuffer(f"{head(series.name, series.labels)} ".encode(), np.uint8)
    width = max(len(str(int(values.max()))), series.decimals + 1)
    number = digits(values, width)
    whole = width - series.decimals
    parts = [number] if not series.decimals else [number[:, :whole], _all(DOT, values), number[:, whole:]]
    return np.hstack(
        [
            np.broadcast_to(before, (len(values), len(before))),
            *parts,
            _all(SPACE, values),
            stamps,
            _all(NEWLINE, values),
        ]
    )


def digits(values: NDArray[np.int64], width: int) -> Characters:
    """Return whole numbers, none negative, as characters: (numbers, `width`), filled up with zeros in front."""
    found = np.empty((len(values), width), np.uint8)
    rest = values
    for place in range(width - 1, -1, -1):
        tens = rest // 10
        found[:, place] = rest - tens * 10 + ZERO
        rest = tens
    return found


def _all(character: int, values: NDArray[np.int64]) -> Characters:
    return np.full((len(values), 1), character, np.uint8)


def _firing(episode: Episode, at: list[int]) -> bytes:
    labels = {
        "alertname": episode.name,
        "alertstate": "firing",
        "service": episode.service,
        "severity": episode.severity,
    }
    series = head("ALERTS", labels)
    return "".join(f"{series} 1 {moment}\n" for moment in at).encode()


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
