"""The source ``prometheus``: one service's levels, latencies, alerts, resources, restarts and log errors, step by step.

Each query is asked in slices, newest first, and each slice's ledger row says what it covers: a sync that was killed,
or that met a server that was down, asks later for exactly what is lacking.  What has no value in Prometheus has no row
and is not covered: unknown is never 0.

Rows travel as Arrow tables, and the server answers further slices while the store writes the last one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from devops_lab.config import Service
from devops_lab.errors import AccessError, SourceError
from devops_lab.sources import prometheus_rows as rows_of
from devops_lab.sources.prometheus_ahead import ahead
from devops_lab.sources.prometheus_alerts import Known, Stored, episodes
from devops_lab.sources.prometheus_answers import Answer
from devops_lab.sources.prometheus_query import bind
from devops_lab.sources.prometheus_questions import PROBE_TOLERANCE, TOLERANCE, Question, questions
from devops_lab.sources.prometheus_reach import Seen, alive, reach, seen
from devops_lab.sources.prometheus_rows import Ends, instant, seconds
from devops_lab.sources.prometheus_server import DownError, PrometheusServer
from devops_lab.sources.prometheus_windows import Slice, down, lacking, ledger_row, longest, runs, sliced
from devops_lab.sources.values import EPOCH

Row = dict[str, Any]
Batch = tuple[str, list[Row] | pa.Table]

FIRST = timedelta(days=91)
NOTHING = "the query found nothing; `devops-lab doctor` shows how far back its data goes"


class Prometheus:
    """The queries of one service to one server.

    `known(table, columns)` tells what the store holds of this service: {key without service: values}; it is asked for
    ``sync_ledger`` and ``alerts``.  After `pull`, `gone` holds the keys of stored episodes that are parts of others.
    """

    name = "prometheus"
    fills_gaps = True

    def __init__(self, server: PrometheusServer, service: Service, repository: str, known: Known) -> None:
        self.server, self.service, self.step, self._known = server, service, server.step, known
        self._names = {"service": service.name, "team": service.team or "", "repository": repository, **service.labels}
        self.gone: dict[str, list[Row]] = {}

    @property
    def tables(self) -> frozenset[str]:
        """The stored tables that the service's settings ask for."""
        return frozenset(question.table for question in self._questions())

    def pull(self, since: datetime | None, until: datetime) -> Iterator[Batch]:
        """Yield batches of rows, each followed by its ledger row.

        Without `since`: what of the last 91 days is not covered yet, and the last steps once more.  With it: all since
        then, covered or not; 1970 means as far back as data goes.

        A server that is down and a query that is refused end no sync: the ledger has the gap and the reason.

        Errors: UserError when a query names something that is not there.
        """
        questions = self._questions()
        ledger = self._covered()
        for place, question in enumerate(questions):
            try:
                yield from self._answered(question, self._windows(question, ledger, since, until), until)
            except (DownError, AccessError) as problem:
                refused = [self._refused(one, ledger, since, until, str(problem)) for one in questions[place:]]
                yield "sync_ledger", refused
                return

    def seen(self, until: datetime) -> Iterator[Seen]:
        """Yield for each query what it finds now and how far back its data goes; nothing is raised but UserError."""
        for question in self._questions():
            yield from seen(self.server, question, until)

    # ------------------------------------------------------------------ asking

    def _questions(self) -> list[Question]:
        return questions(self.service, self.step, self._names)

    def _answered(self, question: Question, windows: list[Slice], until: datetime) -> Iterator[Batch]:
        if not windows:
            return
        if question.table == "alerts":
            yield from self._alerts(question, windows, until)
            return
        came = False
        asked = None
        slices = list(sliced(windows, longest(self.step, question.raw)))
        work: list[Callable[[], list[Answer]]] = [
            lambda one=one: [self._asked(question, query, one) for query in question.queries]  # type: ignore[misc]
            for one in slices
        ]
        with ahead(work, _points) as answered:
            for asked in slices:
                try:
                    answers = next(answered)
                    rows = question.read(answers)
                except DownError:
                    raise
                except SourceError as problem:
                    yield "sync_ledger", [self._row(question, asked, until, refused=str(problem))]
                    return
                came = came or bool(len(rows))
                yield from self._batch(question, rows, asked, until, _warnings(answers))
        if not came:
            whole = Slice(windows[-1].first, windows[0].last)
            yield "sync_ledger", [self._row(question, whole, until, refused=NOTHING)]

    def _asked(self, question: Question, query: str, asked: Slice) -> Answer:
        if not question.raw:
            return self.server.steps(query, asked.first + self.step, asked.last, self.step)
        return _after(self.server.raw(query, asked.first, asked.last), asked.first)

    def _batch(
        self, question: Question, rows: pa.Table, asked: Slice, until: datetime, warnings: str | None
    ) -> Iterator[Batch]:
        ends = np.empty(0, np.int64)
        if len(rows):
            yield question.table, rows.add_column(0, "service", rows_of.same(self.service.name, pa.string(), len(rows)))
            ends = _ends(rows)
        ledger = []
        for window, missing in runs(ends, asked, self.step, question.tolerance):
            fetched = int(np.count_nonzero((ends > window.first) & (ends <= window.last)))
            lost = 0 if question.raw else missing
            more = {"asked": fetched + lost, "fetched": fetched, "missing": lost, "warnings": warnings}
            ledger.append(self._row(question, window, until, **more))
        if not ledger and warnings:
            ledger.append(self._row(question, asked, until, refused=NOTHING, warnings=warnings))
        if ledger:
            yield "sync_ledger", ledger

    def _alerts(self, question: Question, windows: list[Slice], until: datetime) -> Iterator[Batch]:
        """Yield the episodes of alerts; they are read in one piece, as slices would cut them in two.

        No alert is covered time only where the server knows something: before its data begins nobody knows.
        """
        stored = Stored(self._known, self.step)
        whole = Slice(stored.first_open(windows[-1].first), windows[0].last)
        asked = list(sliced([whole], longest(60, True)))
        asked[0] = asked[0]._replace(last=int(seconds(until)))
        try:
            answers = [self._asked(question, question.queries[0], one) for one in asked]
            known = alive(self.server, self._signs_of_life(), whole)
        except DownError:
            raise
        except SourceError as problem:
            yield "sync_ledger", [self._row(question, whole, until, refused=str(problem))]
            return
        together = Answer([series for answer in answers for series in answer.series])
        rows = [{"service": self.service.name, **row} for row in episodes(together, self.step, seconds(until))]
        if rows:
            yield "alerts", rows
        warnings = _warnings(answers)
        found = runs(known, whole, self.step, TOLERANCE)
        parts = stored.parts([window for window, _ in found], {row["id"] for row in rows})
        if parts:
            self.gone["alerts"] = [{"service": self.service.name, "id": key} for key in parts]
        ledger = [
            self._row(question, window, until, missing=missing, asked=missing, warnings=warnings)
            for window, missing in found
        ]
        if ledger:
            ledger[0].update(asked=len(rows) + ledger[0]["missing"], fetched=len(rows))
        yield "sync_ledger", ledger or [self._row(question, whole, until, refused=NOTHING, warnings=warnings)]

    def _signs_of_life(self) -> list[str]:
        """Return the queries that tell at which steps the server knew anything, or at least anything of the service."""
        slo = self.service.slo
        tried = ["count(up) or count(ALERTS)"]
        if slo and slo.probe:
            tried.append(f"count(last_over_time({bind(slo.probe, self.step, self._names)}[{PROBE_TOLERANCE}s]))")
        elif slo and slo.total:  # where this is refused, the service levels say so
            tried.append(f"count({bind(slo.total, self.step, self._names)})")
        return tried

    # ------------------------------------------------------------------ windows and ledger

    def _covered(self) -> list[Row]:
        """Return the stored ledger's rows of windows that were answered."""
        columns = ("source", "table_name", "window_start", "window_end", "refused")
        told = (dict(zip(columns, values, strict=True)) for values in self._known("sync_ledger", columns).values())
        return [row for row in told if row["source"] == self.name and row["refused"] is None]

    def _windows(self, question: Question, ledger: list[Row], since: datetime | None, until: datetime) -> list[Slice]:
        if since is not None and since <= EPOCH:
            since = reach(self.server, question, until)
            if since is None:
                return lacking([], until - FIRST, until, self.step)
        if since is not None:
            return lacking([], since, until, self.step)
        own = [row for row in ledger if row["table_name"] == question.table]
        return lacking(own, until - FIRST, until, self.step)

    def _refused(
        self, question: Question, ledger: list[Row], since: datetime | None, until: datetime, reason: str
    ) -> Row:
        start = until - FIRST if since is None or since <= EPOCH else since
        if since is None:
            windows = self._windows(question, ledger, None, until)
            start = instant(windows[0].first) if windows else start
        window = Slice(down(start, self.step), down(until, self.step))
        return self._row(question, window, until, refused=reason)

    def _row(self, question: Question, window: Slice, until: datetime, **more: Any) -> Row:
        return ledger_row(question.table, window, until, self.step, **more)


def _ends(rows: pa.Table) -> Ends:
    """Return the ends of the steps that rows lie in, in seconds since 1970, each once."""
    column = rows.column("ended_at" if "ended_at" in rows.column_names else "occurred_at")
    moments = pc.unique(column).to_numpy().astype("datetime64[us]").astype(np.int64)
    return np.unique(np.rint(moments / rows_of.MICROSECONDS).astype(np.int64))


def _points(answers: list[Answer]) -> int:
    return sum(answer.points for answer in answers)


def _after(answer: Answer, first: int) -> Answer:
    """Return the samples after `first`: servers differ in whether a range includes its left end."""
    kept = []
    for one in answer.series:
        later = one.times > first
        kept.append(type(one)(one.labels, one.times[later], one.values[later], one.histograms))
    return Answer(kept, answer.warnings)


def _warnings(answers: Iterable[Answer]) -> str | None:
    said = dict.fromkeys(text for answer in answers for text in answer.warnings)
    return "; ".join(said) or None
