"""A pipeline run driven from a notebook: start, watch, gate, roll back, and a page that says how it went.

``20_pipeline_run`` calls these in order; each shows what happens while it happens and leaves what is known, also when
something fails, so that the page is whole before `Pipeline.conclude` raises.  What is wrong with the question (a
parameter, a rule of lab.toml, no token, a Prometheus that a gate would need) is raised before anything is started.

The token for actions comes from ``DEVOPS_LAB_ACTIONS_TOKEN``, the one for reading from ``GITHUB_TOKEN``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from devops_lab import sync
from devops_lab.actions import Actions, Progress, RefusedActionError, Run
from devops_lab.delivery.needs import environments
from devops_lab.errors import LabError, QuestionError, UserError
from devops_lab.patterns import matches
from devops_lab.reports import (
    pipeline_gate,
    pipeline_gates,
    pipeline_pieces,
    pipeline_rollback,
    pipeline_runs,
    pipeline_tiles,
    pipeline_words,
)
from devops_lab.reports.pipeline_gate import FAILED, LITTLE, Gate, Watched
from devops_lab.reports.pipeline_parameters import FAIL, Wanted, wanted
from devops_lab.reports.pipeline_pieces import Shown
from devops_lab.reports.pipeline_runs import Facts, Past, Tests
from devops_lab.reports.pipeline_words import DONE, Rolled, Said
from devops_lab.store import Store

UNTOLD, PRODUCTION = "?", "production"


class PipelineError(LabError):
    """The pipeline failed, or its gate did not pass; the message says what, and where to look."""

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]  # the page above says the rest


def prepare(
    config: Any = "lab.toml", service: Any = "", repository: Any = "", workflow: Any = "", ref: Any = "",
    inputs: Any = "", confirm: Any = "", timeout: Any = "", gate_minutes: Any = "", too_little: Any = "",
    rollback: Any = "", version_query: Any = "",
) -> Pipeline:  # fmt: skip
    """Return the pipeline run that the parameters want, checked; nothing is started.

    Errors: QuestionError, ConfigError, AccessError, SourceError (of a Prometheus that the gate would need, too).
    """
    asked = wanted(
        config, service, repository, workflow, ref, inputs, confirm, timeout, gate_minutes, too_little, rollback,
        version_query,
    )  # fmt: skip
    return Pipeline(asked)


class Pipeline:
    """One run from start to verdict; what is known of it so far is in its attributes."""

    def __init__(
        self, asked: Wanted, *, clock: Callable[[], datetime] = pipeline_gate.now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self.asked, self._clock, self._sleep = asked, clock, sleep
        self.store = Store(asked.settings.store)
        self.actions = Actions(asked.settings, self.store)
        self.client = sync.client_of(asked.settings)
        self.plan = self.actions.plan(asked.repository, asked.workflow, asked.ref, asked.inputs, confirm=asked.confirm)
        self.run: Run | None = None
        self.progress, self.facts, self.tests, self.past = Progress(), Facts(), Tests(), Past()
        self.gate = Gate()
        self.rolled: Rolled | None = None
        self.problem = self.waits_for = ""
        self.troubles: list[str] = []  # what could not be had
        self.left = False  # no longer watched, though it is not over
        self.watched: Watched | None = None
        self._board = Shown()
        if asked.gate and asked.service is not None:
            self._check_place()
            self.watched = Watched(asked.settings, asked.service, asked.gate, asked.version_query)
            self.watched.prepare(self._clock())

    # ------------------------------------------------------------------ what it is about

    @property
    def environment(self) -> str:
        """The environment that the run changes: what its plan says, else what the service's rule says."""
        told = [one for one in self.plan.wish.environments if one != UNTOLD]
        ruled = environments(self.asked.service) if self.asked.service is not None else []
        return next(iter(told + [one for one in ruled if "*" not in one]), PRODUCTION)

    @property
    def sha(self) -> str:
        """The commit that the run is of; empty until it is known."""
        return str(self.facts.run.get("sha") or "")

    @property
    def succeeded(self) -> bool:
        """Whether the pipeline itself went well; its gate may not have."""
        return self.progress.over and self.progress.conclusion in DONE and not self.problem

    def said(self) -> Said:
        """Return how it stands, in words."""
        if self.run is None:
            return Said("Not started yet", over=False)
        if not self.progress.over and not self.problem and not self.left:
            return Said(self._going(), over=False)
        if not self.succeeded:
            failed = [job.name for job in self.progress.jobs if job.conclusion in ("failure", "timed_out")]
            return pipeline_words.of_run(self.progress.conclusion, failed, self.asked.timeout, self.problem)
        if not self.asked.gate:
            return pipeline_words.of_run(self.progress.conclusion, [], self.asked.timeout, "")
        if not self.gate.outcome:
            return Said("The pipeline succeeded; the gate watches the new version", over=False)
        return pipeline_words.of_gate(self.gate, self.asked.too_little, self.rolled, self.environment)

    # ------------------------------------------------------------------ the steps, in order

    def board(self) -> None:
        """Show the answer first: it is brought up to date in its place until all is known."""
        self._board(pipeline_tiles.board(self))

    def start(self) -> None:
        """Start the workflow and watch it to its end (or as long as `timeout` allows), its jobs shown as they move.

        Errors: UserError names every reason why it was not sent; else those of `Actions.dispatch`: it was not started,
        or nobody knows.
        """
        asked, shown = self.asked, Shown()
        try:
            self.run = self.actions.dispatch(
                asked.repository, asked.workflow, asked.ref, asked.inputs, confirm=asked.confirm
            )
        except RefusedActionError as problem:  # on one line: a notebook's error is known by its last
            raise UserError(f"nothing was started: {'; '.join(problem.problems)}") from problem
        self.board()

        def show() -> None:
            shown(pipeline_pieces.going(self))
            self.board()

        self._watch(self.run, asked.timeout, show)
        shown(pipeline_pieces.ended(self.progress, self.plan.path))
        self.board()

    def collect(self) -> None:
        """Read what the run left: jobs, steps, test results; and how its workflow ran before."""
        if self.run is None:
            return
        asked = self.asked
        try:
            self.past = pipeline_runs.past(self.store, asked.repository, self.plan.path, self.run.id)
        except LabError as problem:  # the gate must not wait for a store that cannot be read
            self.troubles.append(f"the runs before: {problem}")
        self.facts = pipeline_runs.facts(self.client, asked.repository, self.run.id)
        self.tests = pipeline_runs.tests(self.client, asked.settings, asked.service, self.facts.run)
        self.troubles += self.facts.troubles
        self.board()

    def watch_gate(self) -> None:
        """Watch the service's levels for the time of the gate; do nothing without a gate, or after a failed run."""
        if self.watched is None or not self.succeeded:
            return
        shown = Shown()

        def on_change(gate: Gate) -> None:
            self.gate = gate
            shown(pipeline_gates.going(self))

        self.gate = self._gated(on_change)
        self.board()

    def roll_back(self) -> None:
        """Bring the version before back where the gate failed and `rollback` is true, and watch that run, too."""
        told = self.gate.outcome == FAILED or (self.gate.outcome == LITTLE and self.asked.too_little == FAIL)
        if not (self.asked.rollback and told):
            return
        try:
            self.rolled = pipeline_rollback.rolled_back(self, self._clock, self._sleep)
        except LabError as problem:
            self.rolled = Rolled(why=str(problem))
        self.board()

    def conclude(self) -> None:
        """End the notebook: quietly where all is well.

        Errors: PipelineError: the pipeline failed, the gate did not pass, or a rollback failed.
        """
        said = self.said()
        if not said.well:
            page = f" {self.run.page}" if self.run is not None else ""
            raise PipelineError(" ".join(f"{said.headline}. {said.more}{page}".split()))

    # ------------------------------------------------------------------ how

    def _watch(self, run: Run, timeout: float, show: Callable[[], None]) -> None:
        try:
            for self.progress in run.changes(timeout, slowest=pipeline_rollback.SLOWEST):
                self.waits_for = pipeline_rollback.waited_for(run, self.progress)
                show()
        except LabError as problem:
            self.problem = str(problem)
        self.left = not self.progress.over

    def _going(self) -> str:
        jobs = self.progress.jobs
        done = sum(job.status == "completed" for job in jobs)
        if self.waits_for:
            return f"The run waits for an approval of {self.waits_for}"
        return f"The run is going on: {done} of {len(jobs)} jobs are over" if jobs else "The run has been started"

    def _gated(self, on_change: Callable[[Gate], None]) -> Gate:
        assert self.watched is not None
        if not self.facts.run:
            return Gate(pipeline_gate.UNKNOWN, trouble="; ".join(self.troubles))
        try:
            rollout = pipeline_runs.rollout(self.client, self.facts, [self.environment])
        except LabError as problem:
            return Gate(pipeline_gate.UNKNOWN, trouble=f"when it was deployed could not be read: {problem}")
        if rollout is None:
            return Gate(pipeline_gate.UNKNOWN, trouble="the run says nowhere that it deployed anything")
        return pipeline_gate.watch(self.watched, rollout, on_change, self._clock, self._sleep)

    def _check_place(self) -> None:
        """Refuse a gate that would watch another environment than the run changes."""
        assert self.asked.service is not None
        ruled = environments(self.asked.service)
        told = [one for one in self.plan.wish.environments if one != UNTOLD]
        if ruled and told and not any(matches(one, ruled, ignore_case=True) for one in told):
            raise QuestionError(
                f"the gate watches {self.asked.service.name} in {', '.join(ruled)}, and this run goes to "
                f"{', '.join(told)}; leave gate_minutes empty"
            )
