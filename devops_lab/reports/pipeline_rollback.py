"""The way back of a pipeline run: the store hears of the deployment, the version before is brought back and looked for.

Which version was good before is known by the store, so it is synced first; nothing is rolled back where what is live by
the store is not this run's own version.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from devops_lab import sync
from devops_lab.actions import Progress, Run
from devops_lab.errors import LabError, QuestionError, StoreError
from devops_lab.reports import pipeline_gate, pipeline_pieces
from devops_lab.reports.pipeline_pieces import Shown
from devops_lab.reports.pipeline_words import DONE, Rolled

if TYPE_CHECKING:
    from devops_lab.reports.pipeline import Pipeline

SLOWEST = 3.0  # seconds between two looks at a run
PATIENCE, PAUSE = 600.0, 5.0  # seconds that another sync may hold the store


def rolled_back(pipeline: Pipeline, clock: Callable[[], datetime], sleep: Callable[[float], None]) -> Rolled:
    """Bring the version before back through the same workflow, watch that run, and say how it went.

    Errors: those of `Actions.rollback` and of a sync; nothing was rolled back then.
    """
    service, own = pipeline.asked.service, pipeline.sha
    if service is None:
        raise QuestionError("no service is named, so nobody knows which version was live before")
    _sync(pipeline, service.name, sleep)
    back = pipeline.actions.back(service.name, pipeline.environment)
    if back.from_sha != own:
        return Rolled(
            why=f"what is live in {pipeline.environment} by the store is {back.from_sha[:9]}, not this run's "
            f"{own[:9]}: another version was deployed since, or this one is not recorded as a deployment"
        )
    _note_versions(pipeline, clock())
    run = pipeline.actions.rollback(service.name, pipeline.environment, confirm=pipeline.asked.confirm)
    try:
        last = _watched(run, pipeline.asked.timeout, f"to {back.sha[:9]}")
    except LabError as problem:
        return Rolled(why=f"its run was started and could not be watched: {problem}", page=run.page, sha=back.sha)
    why = ""
    if not last.over:
        why = "the rollback's run is not over yet"
    elif last.conclusion not in DONE:
        why = f"the rollback's run ended in {last.conclusion}"
    elif still := _still_there(pipeline, clock, sleep):
        why = f"the rollback's run succeeded, but {still}"
    return Rolled(not why, back.sha, why, run.page)


def waited_for(run: Run, progress: Progress) -> str:
    """Return which environments' approval a run waits for; a server that does not say so now is no trouble."""
    if progress.status != "waiting":
        return ""
    try:
        return ", ".join(run.waiting())
    except LabError:
        return "an environment"


def _watched(run: Run, timeout: float, where: str) -> Progress:
    shown, last = Shown(), Progress()
    for last in run.changes(timeout, slowest=SLOWEST):
        shown(pipeline_pieces.jobs_now(last, waited_for(run, last), f"Rolling back {where}"))
    shown(pipeline_pieces.ended(last, f"The rollback {where}"))
    return last


def _sync(pipeline: Pipeline, service: str, sleep: Callable[[float], None]) -> None:
    """Let the store hear of the deployment; another sync that holds the store is waited for."""
    patience = time.monotonic() + PATIENCE
    while True:
        try:
            sync.sync(pipeline.store, pipeline.asked.settings, service=service)
            return
        except StoreError:
            if time.monotonic() >= patience:
                raise
        sleep(PAUSE)


def _note_versions(pipeline: Pipeline, moment: datetime) -> None:
    """Remember what runs before the rollback; where Prometheus does not say, nothing is compared after it."""
    if pipeline.watched is None:
        return
    try:
        pipeline.watched.versions_before = pipeline.watched.versions(moment)
    except LabError:
        pipeline.watched.versions_before = frozenset()


def _still_there(pipeline: Pipeline, clock: Callable[[], datetime], sleep: Callable[[float], None]) -> str:
    """Return why the version that was rolled back is still there by Prometheus' word; "" where it does not say."""
    watched, rollout = pipeline.watched, pipeline.gate.rollout
    if watched is None or rollout is None or not watched.versions_before:
        return ""
    found = pipeline_gate.arrival(watched, rollout, clock, sleep)
    return found.trouble if found.at is None and found.answered else ""
