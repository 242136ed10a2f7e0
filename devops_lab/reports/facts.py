"""What a report said, as data: its numbers, its window, and the fingerprint of each receipt.

A notebook puts its question with ``question.ask`` (or ``phases.ask``); what that question was asked for is taken from
the notebook's names when its last cell has run.  A notebook without such a question has no numbers to keep.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devops_lab import metrics
from devops_lab.metrics.answers import plain
from devops_lab.metrics.receipt import to_json
from devops_lab.reports.question import Question

_MOVING = ("versions", "snapshot")  # of a receipt: what may differ though every row and number is the same


@dataclass
class Facts:
    """What a report said.  `rows` are those of the long frame, the five of DORA first; instants are ISO 8601, UTC.

    `receipts`: per receipt that the report shows ``{metric, statistic, value, n, low, high, rows, excluded, sha256}``.
    """

    service: str = ""
    team: str = ""
    services: list[str] = field(default_factory=list)
    window_start: str = ""
    window_end: str = ""
    as_of: str = ""
    rows: list[dict[str, Any]] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the facts ready for JSON."""
        return dict(vars(self))


def said(names: Mapping[str, Any]) -> Facts:
    """Return what the questions among a notebook's `names` were asked for; the first one says what it is about."""
    asked = list({id(value): value for value in names.values() if isinstance(value, Question)}.values())
    if not asked:
        return Facts()
    start, end = asked[0].window
    rows = [row for one in asked for row in one.answered()]
    first = {name: place for place, name in enumerate(metrics.DORA)}
    rows.sort(key=lambda row: first.get(row["metric"], len(first)))
    words = asked[0].words
    services = sorted(asked[0].services["service"])
    return Facts(
        service=words.get("service", "") or (services[0] if len(services) == 1 else ""),
        team=words.get("team", ""),
        services=services,
        window_start=plain(start),
        window_end=plain(end),
        as_of=plain(asked[0].as_of),
        rows=rows,
        receipts=[_fingerprint(found) for one in asked for found in one.receipts()],
    )


def _fingerprint(found: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in found.items() if key not in _MOVING}
    numbers = {key: found[key] for key in ("metric", "statistic", "value", "n", "low", "high")}
    digest = hashlib.sha256(to_json(kept).encode()).hexdigest()
    return numbers | {"rows": len(found["rows"]), "excluded": len(found["excluded"]), "sha256": digest}


def text(value: Any) -> str:
    """Return JSON for people to read and machines to compare; the same value is the same text."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
