"""GitHub deployments and their statuses become rollouts.

A deployment finishes at its *first* success status: a later ``inactive`` (a newer deployment took over) or a second
success moves nothing.  Queued, pending and waiting ones are no deployments yet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from devops_lab import config, patterns
from devops_lab.delivery.rollouts import (
    CANCELLED,
    FAILURE,
    RUNNING,
    SUCCESS,
    WAITING,
    Part,
    Rollout,
    Row,
    join,
    outcome,
)

TOGETHER = timedelta(minutes=10)
FAILED_STATES = ("failure", "error")
WAITING_STATES = ("queued", "pending", "waiting")


def rollouts(
    rule: config.Deployments, deployments: Iterable[Row], statuses: Iterable[Row], runs: Iterable[Row]
) -> list[Rollout]:
    """Return the rollouts that the GitHub `deployments` to the rule's environments make up.

    Deployments of one sha, run and attempt are one rollout.  Which attempt made a deployment is read from the starts
    of the run's attempts in `runs`; where those are not known, a deployment made after one to the same environment had
    failed begins a new attempt.  Deployments that name no run are one rollout when they have the same sha, the later
    one was made within ten minutes of the earlier one's start or end, and none to its own environment had ended:
    regions and steps belong together, two dispatches of one sha stay two.
    """
    said: dict[int, list[Row]] = defaultdict(list)
    for status in statuses:
        said[status["deployment_id"]].append(status)
    attempts = _attempts(runs)
    groups: dict[tuple[Any, ...], list[tuple[Row, Part]]] = defaultdict(list)
    going = set[tuple[object, ...]]()
    for row in sorted(deployments, key=lambda row: (row["created_at"], row["id"])):
        if not patterns.matches(row["environment"], rule.environments, ignore_case=True):
            continue
        attempt = _attempt(row, attempts)
        part = _part(row, said[row["id"]], attempt)
        if part is not None:
            key: tuple[Any, ...] = (row.get("sha"), row.get("run_id"), attempt["run_attempt"] if attempt else None)
            groups[key].append((row, part))
            if attempt is not None and attempt.get("conclusion") is None:
                going.add(key)
    found = []
    for (sha, run, number), members in groups.items():
        for together in _apart(members, sha, run, number):
            parts = [part for _, part in together]
            found.append(
                join(f"deployment:{together[0][0]['id']}", parts, _names(run, number), (sha, run, number) in going)
            )
    return [rollout for rollout in found if rollout is not None]


def _attempts(runs: Iterable[Row]) -> dict[int, list[Row]]:
    attempts: dict[int, list[Row]] = defaultdict(list)
    for run in runs:
        attempts[run["id"]].append(run)
    for rows in attempts.values():
        rows.sort(key=lambda run: run["run_attempt"])
    return attempts


def _attempt(row: Row, attempts: dict[int, list[Row]]) -> Row | None:
    """Return the attempt that was running when the deployment was made; None where it is not known."""
    rows = [run for run in attempts.get(row.get("run_id") or 0, []) if _start(run) is not None]
    place = bisect_right(rows, row["created_at"], key=_start)
    return rows[place - 1] if place else None


def _start(run: Row) -> datetime | None:
    return run.get("started_at") or run.get("created_at")


def _names(run: object, number: object) -> list[str]:
    if run is None:
        return []
    return [f"run:{run}"] if number is None else [f"run:{run}/{number}", f"run:{run}"]


def _part(row: Row, statuses: Sequence[Row], attempt: Row | None) -> Part | None:
    """Return the deployment as a part; None where it was never started, or its run ended without starting it."""
    first: dict[str, datetime] = {}
    for status in sorted(statuses, key=lambda status: (status["created_at"], status["id"])):
        first.setdefault(status["state"], status["created_at"])
    state, ended = _state(first, attempt)
    if state is None or (state == WAITING and (attempt is None or attempt.get("conclusion") is not None)):
        return None
    made: datetime = row["created_at"]
    started = first.get("in_progress", made)
    if ended is not None and ended < started:
        started = ended
    name = f"deployment:{row['id']}"
    return Part(name, state, started, ended, row["environment"], row.get("sha"), row.get("ref"), row.get("url"))


def _state(first: dict[str, datetime], attempt: Row | None) -> tuple[str | None, datetime | None]:
    """Return state and end from the first instant of each status; an ended attempt ends what it left in progress."""
    failures = [first[state] for state in FAILED_STATES if state in first]
    if "success" in first:
        return SUCCESS, first["success"]
    if failures:
        return FAILURE, min(failures)
    if "in_progress" in first:
        if "inactive" in first:
            return CANCELLED, first["inactive"]
        if attempt is not None and attempt.get("conclusion") is not None:
            failed = outcome(attempt["conclusion"], None) == FAILURE
            return FAILURE if failed else CANCELLED, attempt.get("updated_at") or first["in_progress"]
        return RUNNING, None
    waiting = any(state in first for state in WAITING_STATES)
    return (WAITING if waiting and "inactive" not in first else None), None


def _apart(members: list[tuple[Row, Part]], sha: object, run: object, number: object) -> list[list[tuple[Row, Part]]]:
    """Split deployments of one sha (and run) into rollouts; they come in the order they were made."""
    if number is not None:
        return [members]
    if run is None and sha is None:
        return [[member] for member in members]
    groups: list[list[tuple[Row, Part]]] = []
    for row, part in members:
        group = groups[-1] if groups else None
        if group is not None and (_same_attempt if run is not None else _same_dispatch)(row, part, group):
            group.append((row, part))
        else:
            groups.append([(row, part)])
    return groups


def _same_attempt(row: Row, part: Part, group: list[tuple[Row, Part]]) -> bool:
    return not any(
        other.state == FAILURE
        and _same_environment(other, part)
        and other.ended_at
        and other.ended_at <= row["created_at"]
        for _, other in group
    )


def _same_dispatch(row: Row, part: Part, group: list[tuple[Row, Part]]) -> bool:
    latest = max(
        moment for made, other in group for moment in (made["created_at"], other.started_at, other.ended_at) if moment
    )
    ended = any(
        _same_environment(other, part) and other.ended_at and other.ended_at <= row["created_at"] for _, other in group
    )
    return row["created_at"] <= latest + TOGETHER and not ended


def _same_environment(one: Part, other: Part) -> bool:
    return one.environment.casefold() == other.environment.casefold()
