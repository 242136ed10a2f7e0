"""What a Prometheus API answers, read fast: the arrays of numbers by Arrow, only the rest by the JSON parser.

Some million points a second (tests/prometheus_bench.py); the JSON parser alone reads seven hundred thousand.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from devops_lab.errors import SourceError

Numbers = NDArray[np.float64]

_OPEN, _CLOSE = b'"values":[[', b"]]"
_METRIC = b'"metric":{'
_QUOTE, _COMMA = ord('"'), ord(",")
_BETWEEN = np.frombuffer(b"],[", np.uint8)


@dataclass(frozen=True)
class Series:
    """One series: its labels, the instants in seconds since 1970 and the values, which may be NaN or infinite.

    `histograms` are native ones, as (instant, {"count", "sum", "buckets"}) in Prometheus' own words.
    """

    labels: dict[str, str]
    times: Numbers
    values: Numbers
    histograms: tuple[tuple[float, dict[str, Any]], ...] = ()


@dataclass(frozen=True)
class Answer:
    """The series of one answer, and what the server warned of (``warnings`` and ``infos``)."""

    series: list[Series]
    warnings: list[str] = field(default_factory=list)

    @property
    def points(self) -> int:
        """How many points the series have together."""
        return sum(len(one.times) + len(one.histograms) for one in self.series)


def read(content: bytes, most_series: int) -> Answer:
    """Read the body of an answer to a query.

    Errors: SourceError when it is no answer of Prometheus' API, or has more than `most_series` series.
    """
    count = content.count(_METRIC)
    if count > most_series:
        raise SourceError(
            f"the query found {count:,} series, and {most_series:,} are the limit; sum them up in the query (sum, sum "
            "by), name labels that narrow it, or raise `series` of this server in lab.toml"
        )
    rest, arrays = _taken_out(content)
    try:
        document = json.loads(rest)
        data = document["data"]
        series = [_series(one, arrays) for one in _result(data)]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as problem:
        raise SourceError(f"this is no answer of Prometheus' API: {content[:80]!r}") from problem
    said = [*(document.get("warnings") or ()), *(document.get("infos") or ())]
    return Answer(series, [str(one) for one in said])


def _taken_out(content: bytes) -> tuple[bytes, list[bytes]]:
    """Return the JSON with each series' array of points replaced by its number, and the arrays.

    The opening cannot stand inside a label's value: quotes are escaped there.
    """
    parts: list[bytes] = []
    arrays: list[bytes] = []
    position = 0
    while (start := content.find(_OPEN, position)) >= 0:
        end = content.find(_CLOSE, start)
        if end < 0:
            break
        parts += [content[position:start], b'"values":', str(len(arrays)).encode()]
        arrays.append(content[start + len(_OPEN) : end])
        position = end + len(_CLOSE)
    return b"".join([*parts, content[position:]]), arrays


def _result(data: dict[str, Any]) -> list[dict[str, Any]]:
    if data["resultType"] == "scalar":
        return [{"metric": {}, "value": data["result"]}]
    result: list[dict[str, Any]] = data["result"]
    return result


def _series(one: dict[str, Any], arrays: list[bytes]) -> Series:
    values = one.get("values")
    if isinstance(values, int):
        times, numbers = _points(arrays[values])
    else:
        pairs = [one["value"]] if "value" in one else values or []
        times, numbers = (np.array([float(pair[place]) for pair in pairs]) for place in (0, 1))
    native = [one["histogram"]] if "histogram" in one else one.get("histograms", ())
    return Series(one["metric"], times, numbers, tuple((float(moment), found) for moment, found in native))


def _points(array: bytes) -> tuple[Numbers, Numbers]:
    """Return instants and values of ``1700000000,"0.5"],[1700000300,"NaN"``; ValueError where it is not like that.

    The quotes say where each number lies, so both columns are strings over the answer's own bytes, and are cast whole.
    """
    raw = np.frombuffer(array, np.uint8)
    quotes = np.flatnonzero(raw == _QUOTE)
    opens, closes = quotes[0::2], quotes[1::2]
    if not len(opens) or len(opens) != len(closes) or closes[-1] != len(raw) - 1:
        raise ValueError("points that are no pairs of a number and a text")
    between = closes[:-1, None] + np.arange(1, 4)
    begins = np.concatenate(([0], closes[:-1] + 4))
    if (raw[between] != _BETWEEN).any() or (raw[opens - 1] != _COMMA).any() or (begins >= opens).any():
        raise ValueError("points that are no pairs of a number and a text")
    return _numbers(array, begins, opens - 1), _numbers(array, opens + 1, closes)


def _numbers(array: bytes, begins: NDArray[np.int64], ends: NDArray[np.int64]) -> Numbers:
    """Return the numbers that stand in `array` from `begins` to `ends`: strings, and what is between them, cast."""
    offsets = np.empty(2 * len(begins), np.int32)
    offsets[0::2], offsets[1::2] = begins, ends
    texts = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(array))
    own = texts.take(pa.array(np.arange(0, len(offsets) - 1, 2)))
    return np.asarray(own.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
