"""The source ``prometheus``: one service's levels, latencies, alerts, resources, restarts and log errors, step by step.

Each query is asked in slices, newest first, and each slice's ledger row says what it covers: a sync that was killed,
or that met a server that was down, asks later for exactly what is lacking.  What has no value in Prometheus has no row
and is not covered: unknown is never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from devops_lab.config import Service
from devops_lab.errors import AccessError, SourceError
from devops_lab.sources import prometheus_rows as rows_of
from devops_lab.sources.prometheus_answers import Answer
from devops_lab.sources.prometheus_query import bind
from devops_lab.sources.prometheus_rows import Row, instant, seconds
from devops_lab.sources.prometheus_server import DownError, PrometheusServer, QueryError
from devops_lab.sources.prometheus_windows import Slice, down, lacking, ledger_row, longest, runs, sliced
from devops_lab.sources.values import EPOCH

Batch = tuple[str, list[Row]]
Known = Callable[[str, tuple[str, ...]], dict[tuple[Any, ...], tuple[Any, ...]]]

FIRST = timedelta(days=91)
DAY = 86_400
TOLERANCE = 3600  # seconds: a shorter gap is counted as missing steps, a longer one is not covered
PROBE_TOLERANCE = 2 * DAY  # probes are sparse
REACH_DAYS = 3650
NOTHING = "the query found nothing; `devops-lab doctor` shows how far back its data goes"


@dataclass(frozen=True)
class Question:
    """What one stored table is made from: queries with names bound, and how their answers become rows."""

    table: str
    queries: tuple[str, ...]
    read: Callable[[list[Answer]], list[Row]]
    raw: bool = False
    tolerance: int = TOLERANCE


class Seen(NamedTuple):
    """What `doctor` says of a query: how many series it finds now, and since when there is data; or the problem."""

    table: str
    query: str
    series: int
    since: datetime | None
    problem: str | None


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
        for place, question in enumerate(questions):
            try:
                yield from self._answered(question, since, until)
            except (DownError, AccessError) as problem:
                yield "sync_ledger", [self._refused(one, since, until, str(problem)) for one in questions[place:]]
                return

    def seen(self, until: datetime) -> Iterator[Seen]:
        """Yield for each query what it finds now and how far back its data goes; nothing is raised but UserError."""
        for question in self._questions():
            for query in question.queries:
                try:
                    now = self._now(question, query, until)
                    yield Seen(question.table, query, now, self._reach(question, query, until), None)
                except (SourceError, AccessError) as problem:
                    yield Seen(question.table, query, 0, None, str(problem))

    # ------------------------------------------------------------------ what is asked

    def _questions(self) -> list[Question]:
        one = self.service
        found = []
        if one.slo and one.slo.probe:
            found.append(self._question("service_levels", [one.slo.probe], self._probed, True, PROBE_TOLERANCE))
        elif one.slo:
            found.append(self._question("service_levels", [one.slo.good or "", one.slo.total or ""], self._levels))
        if one.latency:
            found.append(self._question("latency_buckets", [one.latency], self._buckets))
        if one.alerts:
            found.append(self._question("alerts", [one.alerts], lambda given: [], True))
        if one.saturation:
            found.append(self._question("resource_usage", list(one.saturation.values()), self._shares))
        for table, column, query in (("restarts", "restarts", one.restarts), ("log_errors", "lines", one.log_errors)):
            if query:
                found.append(self._question(table, [query], self._counted(column)))
        return found

    def _question(
        self,
        table: str,
        queries: list[str],
        read: Callable[[list[Answer]], list[Row]],
        raw: bool = False,
        tolerance: int = TOLERANCE,
    ) -> Question:
        bound = tuple(bind(query, self.step, self._names) for query in queries)
        return Question(table, bound, read, raw, tolerance)

    def _levels(self, given: list[Answer]) -> list[Row]:
        objective = self.service.slo.objective if self.service.slo else None
        return [{**row, "objective": objective} for row in rows_of.levels(given[0], given[1], self.step)]

    def _probed(self, given: list[Answer]) -> list[Row]:
        objective = self.service.slo.objective if self.service.slo else None
        return [{**row, "objective": objective} for row in rows_of.probed(given[0], self.step)]

    def _buckets(self, given: list[Answer]) -> list[Row]:
        return rows_of.buckets(given[0], self.step)

    def _shares(self, given: list[Answer]) -> list[Row]:
        named = zip(self.service.saturation, given, strict=True)
        return [row for resource, answer in named for row in rows_of.shares(answer, resource)]

    def _counted(self, column: str) -> Callable[[list[Answer]], list[Row]]:
        return lambda given: rows_of.counts(given[0], column, self.step)

    # ------------------------------------------------------------------ asking

    def _answered(self, question: Question, since: datetime | None, until: datetime) -> Iterator[Batch]:
        windows = self._windows(question, since, until)
        if not windows:
            return
        if question.table == "alerts":
            yield from self._alerts(question, windows, until)
            return
        came = False
        for asked in sliced(windows, longest(self.step, question.raw)):
            try:
                answers = [self._asked(question, query, asked) for query in question.queries]
                rows = question.read(answers)
            except DownError:
                raise
            except SourceError as problem:
                yield "sync_ledger", [self._row(question, asked, until, refused=str(problem))]
                return
            came = came or bool(rows)
            yield from self._batch(question, rows, asked, until, _warnings(answers))
        if not came:
            whole = Slice(windows[-1].first, windows[0].last)
            yield "sync_ledger", [self._row(question, whole, until, refused=NOTHING)]

    def _asked(self, question: Question, query: str, asked: Slice) -> Answer:
        if not question.raw:
            return self.server.steps(query, asked.first + self.step, asked.last, self.step)
        return _after(self.server.raw(query, asked.first, asked.last), asked.first)

    def _batch(
        self, question: Question, rows: list[Row], asked: Slice, until: datetime, warnings: str | None
    ) -> Iterator[Batch]:
        rows = [{"service": self.service.name, **row} for row in rows]
        if rows:
            yield question.table, rows
        ends = {round(seconds(row.get("ended_at") or row["occurred_at"])) for row in rows}
        ledger = []
        for window, missing in runs(ends, asked, self.step, question.tolerance):
            fetched = sum(window.first < end <= window.last for end in ends)
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
        whole = Slice(self._first_open(windows[-1].first), windows[0].last)
        edge = int(seconds(until))
        asked = list(sliced([whole], longest(60, True)))
        asked[0] = asked[0]._replace(last=edge)
        try:
            answers = [self._asked(question, question.queries[0], one) for one in asked]
            alive = self._alive(whole)
        except DownError:
            raise
        except SourceError as problem:
            yield "sync_ledger", [self._row(question, whole, until, refused=str(problem))]
            return
        together = Answer([series for answer in answers for series in answer.series])
        rows = rows_of.episodes(together, self.step, seconds(until))
        if rows:
            yield "alerts", [{"service": self.service.name, **row} for row in rows]
        warnings = _warnings(answers)
        found = runs(alive, whole, self.step, TOLERANCE)
        self._forget([window for window, _ in found], {row["id"] for row in rows})
        ledger = [
            self._row(question, window, until, missing=missing, asked=missing, warnings=warnings)
            for window, missing in found
        ]
        if ledger:
            ledger[0].update(asked=len(rows) + ledger[0]["missing"], fetched=len(rows))
        yield "sync_ledger", ledger or [self._row(question, whole, until, refused=NOTHING, warnings=warnings)]

    def _first_open(self, first: int) -> int:
        """Return `first`, or where the earliest stored episode begins that `first` would cut, or that is still open."""
        stored = sorted(
            self._known("alerts", ("started_at", "ended_at")).values(), key=lambda row: row[0], reverse=True
        )
        for start, end in stored:
            if end is None or (down(start, self.step) <= first and seconds(end) >= first - self.step):
                first = min(first, down(start, self.step) - self.step)
        return first

    def _forget(self, windows: list[Slice], seen: set[str]) -> None:
        """Take note of stored episodes that a longer look shows to be parts of others."""
        for (key,), (start,) in self._known("alerts", ("started_at",)).items():
            if key not in seen and any(window.first < seconds(start) <= window.last for window in windows):
                self.gone.setdefault("alerts", []).append({"service": self.service.name, "id": key})

    def _alive(self, whole: Slice) -> set[int]:
        """Return the ends of the steps at which the server knew anything, or at least anything of the service."""
        slo = self.service.slo
        tried = ["count(up) or count(ALERTS)"]
        if slo and slo.probe:
            tried.append(f"count(last_over_time({bind(slo.probe, self.step, self._names)}[{PROBE_TOLERANCE}s]))")
        elif slo and slo.total:
            tried.append(f"count({bind(slo.total, self.step, self._names)})")
        for query in tried:
            ends: set[int] = set()
            try:
                for one in sliced([whole], longest(self.step, False)):
                    ends.update(rows_of.summed(self.server.steps(query, one.first + self.step, one.last, self.step)))
            except QueryError:  # the query of the service levels is refused there, in its own words
                continue
            if ends:
                return ends
        return set()

    # ------------------------------------------------------------------ windows and ledger

    def _windows(self, question: Question, since: datetime | None, until: datetime) -> list[Slice]:
        if since is not None and since <= EPOCH:
            since = min(filter(None, (self._reach(question, query, until) for query in question.queries)), default=None)
            if since is None:
                return lacking([], until - FIRST, until, self.step)
        if since is not None:
            return lacking([], since, until, self.step)
        columns = ("source", "table_name", "window_start", "window_end", "refused")
        told = (dict(zip(columns, values, strict=True)) for values in self._known("sync_ledger", columns).values())
        own = [
            row
            for row in told
            if row["source"] == self.name and row["table_name"] == question.table and row["refused"] is None
        ]
        return lacking(own, until - FIRST, until, self.step)

    def _refused(self, question: Question, since: datetime | None, until: datetime, reason: str) -> Row:
        start = until - FIRST if since is None or since <= EPOCH else since
        if since is None:
            try:
                windows = self._windows(question, None, until)
            except SourceError:
                windows = []
            start = instant(windows[0].first) if windows else start
        window = Slice(down(start, self.step), down(until, self.step))
        return self._row(question, window, until, refused=reason)

    def _row(self, question: Question, window: Slice, until: datetime, **more: Any) -> Row:
        return ledger_row(question.table, window, until, self.step, **more)

    # ------------------------------------------------------------------ for doctor

    def _now(self, question: Question, query: str, until: datetime) -> int:
        last = down(until, self.step)
        if question.raw:
            return len(self.server.raw(query, last - DAY, last).series)
        return len(self.server.at(query, last).series)

    def _reach(self, question: Question, query: str, until: datetime) -> datetime | None:
        """Return the first day on which the query finds anything; None when there is none in ten years."""
        counted = f"count_over_time({query}[1d])" if question.raw else f"count_over_time(({query})[1d:1h])"
        last = down(until, DAY) + DAY
        answer = self.server.steps(f"max({counted})", last - REACH_DAYS * DAY, last, DAY)
        found = [end for end, number in rows_of.summed(answer).items() if number > 0]
        return instant(min(found) - DAY) if found else None


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
