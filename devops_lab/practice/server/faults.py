"""Faults on request: what goes wrong with real servers and networks.

A fault is drawn from the URL and how often it was asked, so that the same questions fail the same way and who tries
again gets through.  Each is a share of requests from 0 to 1.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from starlette.exceptions import HTTPException

from devops_lab.practice.server.answers import Answer, said
from devops_lab.practice.server.limits import SECONDARY

UNICORN = b"<!DOCTYPE html><html><head><title>Unicorn! &middot; GitHub</title></head><body>Try again</body></html>"
HTML = {"Content-Type": "text/html; charset=utf-8"}
SLOW_DOWN: tuple[tuple[int, str, dict[str, str]], ...] = (
    (403, SECONDARY, {"Retry-After": "1"}),
    (403, SECONDARY, {}),
    (429, SECONDARY, {"Retry-After": "1"}),
    (403, "", {}),
    (429, "", {}),
)
WORDLESS_403 = 3  # only the first time a URL is asked: who meets it again and again is refused, not limited
SHARES = ("fail_rate", "late", "secondary", "forbidden", "truncate", "drop", "slow")


@dataclass(frozen=True)
class Faults:
    """What goes wrong: `fail_rate` 500, 502, 503 before anything is done; `late` 502 after all was done;
    `secondary` 403 and 429 with and without Retry-After or a body; `forbidden` 403 that is no limit; `truncate` a whole
    answer of half a body; `drop` a connection cut in the body; `slow` answers that take `slow_seconds`.
    """

    fail_rate: float = 0.0
    late: float = 0.0
    secondary: float = 0.0
    forbidden: float = 0.0
    truncate: float = 0.0
    drop: float = 0.0
    slow: float = 0.0
    slow_seconds: float = 0.2
    seed: int = 0


def faults_of(raw: Mapping[str, Any]) -> Faults:
    """Return faults as ``/_practice/control`` names them; 422 where a name or a value is wrong."""
    known = {field.name for field in fields(Faults)}
    for name, value in raw.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if name not in known or not number or value < 0 or (name in SHARES and value > 1):
            raise HTTPException(422, f"faults: {name} = {value!r} is none of {', '.join(sorted(known))}, 0 to 1")
    return Faults(**raw)


class FaultDraw:
    """Draws faults; one per server, since it counts how often each URL was asked."""

    def __init__(self) -> None:
        self._asked: Counter[str] = Counter()

    def draw(self, faults: Faults, url: str) -> tuple[str | None, float, int]:
        """Return the fault that a request meets (None: none), the seconds it takes, and a number to vary it by."""
        self._asked[url] += 1
        text = f"{faults.seed} {self._asked[url]} {url}"
        number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        place, slow, variant = (number >> 40) / 2**24, (number >> 16 & 0xFFFFFF) / 2**24, number & 0xFFFF
        seconds = faults.slow_seconds if slow < faults.slow else 0.0
        if self._asked[url] > 1 and variant % len(SLOW_DOWN) == WORDLESS_403:
            variant += 1
        for name in ("fail_rate", "late", "secondary", "forbidden", "truncate", "drop"):
            place -= getattr(faults, name)
            if place < 0:
                return name, seconds, variant
        return None, seconds, variant


def late_answer(fault: str | None, answer: Answer) -> Answer:
    """Return what is said of a request that was answered well: a fault that comes late says nothing of it."""
    return Answer(502, UNICORN, HTML) if fault == "late" and answer.status < 400 else answer


def fault_answer(fault: str | None, variant: int) -> Answer | None:
    """Return the answer of a fault that needs no true one."""
    if fault == "fail_rate":
        return (
            said(500, "Server Error"),
            Answer(502, UNICORN, HTML),
            said(503, "Service unavailable", {"Retry-After": "0"}),
        )[variant % 3]
    if fault == "secondary":
        status, text, headers = SLOW_DOWN[variant % len(SLOW_DOWN)]
        return said(status, text, headers) if text else Answer(status)
    if fault == "forbidden":
        return said(403, "Forbidden")
    return None
