"""The gate of a pipeline run: a service's levels in Prometheus, watched for a set time after a deployment.

What is asked is what a sync asks (``slo`` and ``latency`` of lab.toml), in shorter steps: the shortest in which
Prometheus knows nearly as much of the time before as in long ones, so that a scrape every minute is no trouble.  The
time before is a quarter of an hour, or as long as the gate, and begins where the version before was live.

A gate that cannot ask Prometheus says so and has not passed; when Prometheus is back in time, it judges what it has.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from devops_lab.config import Service, Settings
from devops_lab.delivery.gate import Judgement, judge, levels_of
from devops_lab.delivery.impact_measures import TOO_LITTLE
from devops_lab.delivery.impact_steps import Levels, Span
from devops_lab.errors import AccessError, QuestionError, SourceError
from devops_lab.sources.prometheus_query import bind
from devops_lab.sources.prometheus_questions import Question, questions
from devops_lab.sources.prometheus_rows import seconds
from devops_lab.sources.prometheus_server import PrometheusServer
from devops_lab.sources.prometheus_windows import down

PASSED, FAILED, LITTLE, UNKNOWN = "passed", "failed", "too little traffic", "not judged"
STEPS = (2, 5, 10, 15, 30, 60, 120, 300)
FEWEST = 5  # steps of a gate
MOST = 5_000  # steps of one question
NEARLY = 0.8
SHORTEST_BEFORE = timedelta(minutes=15)
LAG = 5.0  # seconds until Prometheus surely has what was scraped
ARRIVES = 120.0  # seconds in which a version that is deployed must be seen
GRACE = 60.0  # seconds that a gate waits for a Prometheus that was down at its end
TABLES = ("service_levels", "latency_buckets")
VERSION = "version"


def now() -> datetime:
    """Return the present instant, naive UTC."""
    return datetime.now(UTC).replace(tzinfo=None)


@dataclass(frozen=True)
class Rollout:
    """When a version was rolled out, and since when the one before it had been live (None: nobody knows)."""

    started_at: datetime
    finished_at: datetime
    before_since: datetime | None = None
    seen_by: str = "the deployment's own record"


@dataclass(frozen=True)
class Arrival:
    """Since when a version is there; else why not, and whether Prometheus `answered` at all."""

    at: datetime | None = None
    trouble: str = ""
    answered: bool = True


@dataclass(frozen=True)
class Gate:
    """How a gate stands: `outcome` ("" while it goes on), what was judged, over which spans, and why."""

    outcome: str = ""
    judgement: Judgement = field(default_factory=Judgement)
    before: Span | None = None
    after: Span | None = None
    until: datetime | None = None
    levels: Levels = field(default_factory=Levels)
    rollout: Rollout | None = None
    trouble: str = ""

    @property
    def early(self) -> bool:
        """Whether it was decided before its time was up."""
        return bool(self.outcome and self.after and self.until and self.after[1] < self.until)


class Watched:
    """One service's levels and versions in its Prometheus; `gate` is the gate's length in seconds.

    Errors of the questions: SourceError (DownError, QueryError), AccessError, UserError (a query's names).
    """

    def __init__(self, settings: Settings, service: Service, gate: float, version_query: str = "") -> None:
        self.service, self.length, self.version_query = service, timedelta(seconds=gate), version_query
        self.server = PrometheusServer(settings.prometheus[service.prometheus], settings.folder, service.prometheus)
        self._names = {"service": service.name, "team": service.team or "", "repository": service.repository}
        self._names |= service.labels
        self.step = 0
        self.versions_before: frozenset[str] = frozenset()

    @property
    def objective(self) -> float | None:
        """The objective of the service's levels."""
        return self.service.slo.objective if self.service.slo else None

    @property
    def baseline(self) -> timedelta:
        """How long the time before is at most."""
        return max(self.length, SHORTEST_BEFORE)

    def prepare(self, moment: datetime) -> None:
        """Ask for the time before and choose the step; what is wrong is raised here, before anything is started."""
        fitting = [step for step in STEPS if self.length / timedelta(seconds=step) >= FEWEST and self._fits(step)]
        fitting = fitting or [max(int(self.length.total_seconds() // FEWEST), 1)]
        known = {step: self._known(step, moment) for step in fitting}
        most = max(known.values())
        self.step = next((step for step in fitting if known[step] >= NEARLY * most), fitting[-1])
        if not most:
            self.step = max([step for step in fitting if step <= self.server.step], default=fitting[0])
        self.versions_before = self.versions(moment)

    def levels(self, since: datetime, until: datetime, step: int = 0) -> Levels:
        """Return the service's levels between two instants, in steps of `step` seconds (0: those chosen)."""
        step = step or self.step
        first, last = down(since, step), down(until, step)
        if first >= last:
            return Levels()
        asked = {one.table: one for one in questions(self.service, step, self._names) if one.table in TABLES}
        found = {name: one.read([self._asked(one, query, first, last, step) for query in one.queries])
                 for name, one in asked.items()}  # fmt: skip
        return levels_of(found.get(TABLES[0]), found.get(TABLES[1]))

    def versions(self, moment: datetime) -> frozenset[str]:
        """Return the versions that Prometheus sees running; none without a query for them."""
        if not self.version_query:
            return frozenset()
        query = bind(self.version_query, self.step or self.server.step, self._names)
        series = [one for one in self.server.at(query, seconds(moment)).series if len(one.values) and one.values[-1]]
        if any(VERSION not in one.labels for one in series):
            raise QuestionError(f"version_query = {self.version_query!r}: its series have no label {VERSION!r}")
        return frozenset(one.labels[VERSION] for one in series)

    def arrived(self, moment: datetime) -> bool:
        """Say whether the versions from before are gone and another one is there."""
        there = self.versions(moment)
        return bool(there) and not there & self.versions_before

    def _asked(self, question: Question, query: str, first: int, last: int, step: int):  # type: ignore[no-untyped-def]
        if question.raw:
            return self.server.raw(query, first, last)
        return self.server.steps(query, first + step, last, step)

    def _fits(self, step: int) -> bool:
        return (self.baseline + self.length) / timedelta(seconds=step) <= MOST

    def _known(self, step: int, moment: datetime) -> float:
        found = self.levels(moment - self.baseline, moment, step)
        return float(max(len(found.events.ended), len(found.answers.ended)) * step)


def watch(
    watched: Watched,
    rollout: Rollout,
    on_change: Callable[[Gate], None] = lambda gate: None,
    clock: Callable[[], datetime] = now,
    sleep: Callable[[float], None] = time.sleep,
) -> Gate:
    """Watch the service from the rollout's end on, and return what the gate says; a clear failure ends it early."""
    there = arrival(watched, rollout, clock, sleep)
    if there.at is None:
        return Gate(UNKNOWN, rollout=rollout, trouble=there.trouble)
    begun = there.at
    began = max(rollout.started_at - watched.baseline, rollout.before_since or datetime.min)  # noqa: DTZ901 - naive UTC
    before, end = (min(began, rollout.started_at), rollout.started_at), begun + watched.length
    found = Gate(before=before, after=(begun, begun), until=end, rollout=rollout)
    whole, lag = True, timedelta(seconds=min(LAG, watched.step))
    while True:
        moment = clock() - lag
        over, reach = moment >= end, min(moment, end)
        try:
            levels = watched.levels(before[0], reach)
            said = judge(
                levels, before, (begun, max(reach, begun)), objective=watched.objective, over=over, whole=whole
            )
            outcome = _outcome(said, over)
            found = Gate(outcome, said, before, (begun, max(reach, begun)), end, levels, rollout)
        except (SourceError, AccessError) as problem:
            whole = False
            outcome = UNKNOWN if moment >= end + timedelta(seconds=GRACE) else ""
            found = Gate(outcome, found.judgement, before, found.after, end, found.levels, rollout, str(problem))
        on_change(found)
        if found.outcome:
            return found
        sleep(max(watched.step, 1.0))


def _outcome(said: Judgement, over: bool) -> str:
    if said.failed:
        return FAILED
    if not over:
        return ""
    return LITTLE if said.verdict == TOO_LITTLE else PASSED


def arrival(
    watched: Watched, rollout: Rollout, clock: Callable[[], datetime] = now, sleep: Callable[[float], None] = time.sleep
) -> Arrival:
    """Wait until Prometheus sees another version than before; without a query for versions the rollout's end counts."""
    if not watched.version_query:
        return Arrival(rollout.finished_at)
    patience = clock() + timedelta(seconds=ARRIVES)
    there = ", ".join(sorted(watched.versions_before)) or "none"
    while True:
        found = Arrival(
            trouble=f"{ARRIVES:.0f} s after the deployment Prometheus sees no other version than before ({there})"
        )
        try:
            if watched.arrived(clock()):
                return Arrival(max(rollout.finished_at, clock()))
        except (SourceError, AccessError) as problem:
            found = Arrival(trouble=str(problem), answered=False)
        if clock() >= patience:
            return found
        sleep(1.0)
