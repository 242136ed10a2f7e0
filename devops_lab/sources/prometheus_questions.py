"""Which queries a service's settings ask of a server, and how their answers become rows of which table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from devops_lab.config import Service
from devops_lab.sources import prometheus_rows as rows_of
from devops_lab.sources.prometheus_answers import Answer
from devops_lab.sources.prometheus_query import bind

Read = Callable[[list[Answer]], pa.Table]

TOLERANCE = 3600  # seconds: a shorter gap is counted as missing steps, a longer one is not covered
PROBE_TOLERANCE = 2 * 86_400  # probes are sparse


@dataclass(frozen=True)
class Question:
    """What one stored table is made from: queries with names bound, and how their answers become rows."""

    table: str
    queries: tuple[str, ...]
    read: Read
    raw: bool = False
    tolerance: int = TOLERANCE


def questions(service: Service, step: int, names: Mapping[str, str]) -> list[Question]:
    """Return what `service` asks, in the order it is asked, with `names` bound; the alerts are read elsewhere.

    Errors: UserError when a query names something that is not there.
    """
    asked: list[tuple[str, list[str], Read]] = []
    if service.slo and not service.slo.probe:
        asked.append(("service_levels", [service.slo.good or "", service.slo.total or ""], _levels(service, step)))
    if service.latency:
        asked.append(("latency_buckets", [service.latency], lambda given: rows_of.buckets(given[0], step)))
    if service.alerts:
        asked.append(("alerts", [service.alerts], _nothing))
    if service.saturation:
        asked.append(("resource_usage", list(service.saturation.values()), _shares(service)))
    if service.restarts:
        asked.append(("restarts", [service.restarts], lambda given: rows_of.counts(given[0], "restarts", step)))
    if service.log_errors:
        asked.append(("log_errors", [service.log_errors], lambda given: rows_of.counts(given[0], "lines", step)))
    found = [
        Question(table, tuple(bind(query, step, names) for query in queries), read, raw=table == "alerts")
        for table, queries, read in asked
    ]
    if service.slo and service.slo.probe:
        probe = (bind(service.slo.probe, step, names),)
        found.insert(0, Question("service_levels", probe, _levels(service, step), True, PROBE_TOLERANCE))
    return found


def _levels(service: Service, step: int) -> Read:
    objective = service.slo.objective if service.slo else None

    def read(given: list[Answer]) -> pa.Table:
        rows = rows_of.levels(given[0], given[1], step) if len(given) > 1 else rows_of.probed(given[0], step)
        return rows.append_column("objective", rows_of.same(objective, pa.float64(), len(rows)))

    return read


def _shares(service: Service) -> Read:
    def read(given: list[Answer]) -> pa.Table:
        named = zip(service.saturation, given, strict=True)
        parts = [rows_of.shares(answer, resource) for resource, answer in named]
        return pa.concat_tables([part for part in parts if len(part)] or parts[:1])

    return read


def _nothing(given: list[Answer]) -> pa.Table:
    return pa.table({})
