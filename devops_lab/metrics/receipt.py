"""The receipt of one number: from its JSON alone an outsider recomputes value, n, low and high.

It holds the rows that count (with the ends each duration was taken from), the rows left out and why, what the sync
asked and got, the query, and in ``interval`` how the 95 % limits came about, seed included.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from devops_lab.config.context import Event, chosen
from devops_lab.metrics import answers, statistics
from devops_lab.metrics.answers import plain
from devops_lab.metrics.definition import Definition
from devops_lab.periods import Moment
from devops_lab.store import Store

ROW = ("id", "occurred_at", "started_at", "ended_at", "value", "denominator", "censored", "url")
MANY_ROWS = 5000
_PACKAGES = ("devops-lab", "duckdb", "numpy", "pandas", "scipy")


def receipt(
    metric: Definition,
    store: Store,
    service: str | None = None,
    team: str | None = None,
    last: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    as_of: Moment | None = None,
    statistic: str | None = None,
    timezone: str = "UTC",
    events: Sequence[Event] = (),
    **parameters: Any,
) -> dict[str, Any]:
    """Return the evidence of one metric over one window, ready for JSON.

    `events` are those of lab.toml (``load("lab.toml").event``); the receipt lists the ones about its services and time.

    Keys: metric, definition, reference, unit, statistic, parameters (the metric's own, and timezone, service and team
    of the question), window_start, window_end, as_of, snapshot, value, n, low, high, interval (how value and limits
    came about), rows (id, occurred_at, started_at, ended_at, value, denominator, censored, url), excluded (id,
    reason), events (from, until, text: what happened meanwhile), coverage (table_name, asked, fetched, missing), sql,
    versions.  Instants are ISO 8601 in UTC, missing values null.  `interval` begins with "missing:" where the sync
    covered too little to say anything.
    """
    question = answers.ask(metric, store, service, team, last, since, until, as_of, timezone, parameters)
    name = statistic or metric.window_statistic or metric.statistics[0]
    rows = answers.held(metric, question)
    found = answers.window(metric, question, None, name, keep_empty=True)
    nothing: dict[str, Any] = {"n": 0, "coverage": 0.0, "unit": metric.unit}
    answer: dict[str, Any] = {str(key): value for key, value in found.iloc[0].items()} if len(found) else nothing
    counted = rows[rows["excluded"].isna()]
    asked = {"timezone": timezone, "service": service, "team": team}
    services = sorted({*rows["service"], *([service] if service else _services(question, team))})
    return {
        "metric": metric.name,
        "definition": metric.text,
        "reference": metric.reference,
        "unit": answer["unit"],
        "statistic": name,
        "parameters": question.parameters | {key: value for key, value in asked.items() if value is not None},
        "window_start": plain(question.window.start),
        "window_end": plain(question.window.end),
        "as_of": plain(question.as_of),
        "snapshot": store.snapshot_name,
        "value": plain(answer.get("value")),
        "n": int(answer["n"]),
        "low": plain(answer.get("low")),
        "high": plain(answer.get("high")),
        "interval": _interval(metric, question, rows, name, answer),
        "rows": answers.records(counted[list(ROW)]),
        "excluded": [{"id": row["id"], "reason": row["excluded"]} for row in _left_out(rows)],
        "events": _events(events, services, question),
        "coverage": question.coverage.ledger(services, question.window.start, question.window.end),
        "sql": metric.sql,
        "versions": {"python": platform.python_version()} | {package: version(package) for package in _PACKAGES},
    }


def _services(question: answers.Question, team: str | None) -> list[str]:
    stored = question.coverage.services
    return list(stored["service"] if team is None else stored.loc[stored["team"] == team, "service"])


def _events(events: Sequence[Event], services: list[str], question: answers.Question) -> list[dict[str, Any]]:
    zone = question.timezone
    spans = [
        (*one.span(zone), one.text)
        for one in chosen(events, services, question.window.start, question.window.end, zone)
    ]
    return [{"from": plain(start), "until": plain(end), "text": text} for start, end, text in spans]


def _interval(
    metric: Definition, question: answers.Question, rows: pd.DataFrame, statistic: str, answer: dict[str, Any]
) -> str:
    if answer["coverage"] == 0 or (answer["n"] == 0 and answer["coverage"] < 1):
        return f"missing: the sync covered {answer['coverage']:.0%} of the window"
    return statistics.explain(statistic, answers.sample(metric, question, rows), metric.resample)


def _left_out(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return rows.loc[rows["excluded"].notna(), ["id", "excluded"]].to_dict("records")


def to_json(found: dict[str, Any]) -> str:
    """Return a receipt as JSON text."""
    return json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False)


def write(found: dict[str, Any], folder: str | Path) -> Path:
    """Write a receipt as ``receipt_<metric>.json`` and return its path.

    Above 5,000 rows they lie in a Parquet file beside it, named with its sha256, and ``rows`` becomes
    ``{file, sha256, count}``.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if len(found["rows"]) > MANY_ROWS:
        sink = pa.BufferOutputStream()
        pyarrow.parquet.write_table(pa.Table.from_pylist(found["rows"]), sink)
        content = sink.getvalue().to_pybytes()
        digest = hashlib.sha256(content).hexdigest()
        name = f"receipt_{found['metric']}_{digest}.parquet"
        _replace(folder / name, content)
        found = found | {"rows": {"file": name, "sha256": digest, "count": len(found["rows"])}}
    path = folder / f"receipt_{found['metric']}.json"
    _replace(path, to_json(found).encode("utf-8"))
    return path


def _replace(path: Path, content: bytes) -> None:
    unfinished = path.with_name(f".{path.name}.unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)
