"""The practice server's log of requests, to be counted: it holds no token."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

KEPT = 100_000
SHOWN = 1000


@dataclass(frozen=True)
class Asked:
    """One request: when (epoch seconds), what, by whom, how it was answered, and whether it was charged."""

    at: float
    method: str
    url: str
    route: str
    login: str | None
    status: int
    charged: bool
    fault: str | None


class RequestLog:
    """The last 100,000 requests."""

    def __init__(self) -> None:
        self._asked: deque[Asked] = deque(maxlen=KEPT)

    def add(self, asked: Asked) -> None:
        """Write one request down."""
        self._asked.append(asked)

    def clear(self) -> None:
        """Forget all."""
        self._asked.clear()

    def counted(self, query: Mapping[str, str]) -> dict[str, Any]:
        """Return counts and the last 1,000 requests; `query` may name a (part of a) path, status, method, fault."""
        found = [
            one
            for one in self._asked
            if query.get("path", "") in one.url
            and query.get("status") in (None, str(one.status))
            and query.get("method") in (None, one.method)
            and query.get("fault") in (None, one.fault)
        ]
        return {
            "total_count": len(found),
            "charged": sum(one.charged for one in found),
            "by_status": dict(sorted(Counter(str(one.status) for one in found).items())),
            "by_route": dict(sorted(Counter(one.route for one in found).items())),
            "by_fault": dict(sorted(Counter(one.fault for one in found if one.fault).items())),
            "requests": [asdict(one) for one in found[-SHOWN:]],
        }
