"""A rollout: one sha brought to one or more environments, however many jobs or regions it took.

Parts (a GitHub deployment, a deploy job, a run attempt, a reported row) become one `Rollout`, and a rollout a row of
``deployments``.  Started at the earliest start, finished when the last part succeeds, failed if any part failed
(three regions, one red: one failed).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

Row = dict[str, Any]

SUCCESS, FAILURE, CANCELLED = "success", "failure", "cancelled"
RUNNING, WAITING = "running", "waiting"
FAILED_CONCLUSIONS = frozenset({"failure", "error", "timed_out", "startup_failure"})
PRODUCTION = "production"


class Ancestry(Protocol):
    """What is needed of the commit graph: which commits it has, their parents, and who is whose ancestor."""

    def __contains__(self, sha: object) -> bool: ...

    def parents(self, sha: str) -> list[str]:
        """Return the commits that `sha` leads to directly."""
        ...

    def is_ancestor(self, ancestor: str, descendant: str) -> bool:
        """Say whether `ancestor` can be reached from `descendant`."""
        ...


@dataclass(frozen=True)
class Part:
    """One piece of a rollout; `state` is success, failure, cancelled, running or waiting (nothing was started yet)."""

    id: str
    state: str
    started_at: datetime
    ended_at: datetime | None = None
    environment: str = PRODUCTION
    sha: str | None = None
    ref: str | None = None
    url: str | None = None


@dataclass
class Rollout:
    """One rollout; `names` are all the ids that people may call it by ("deployment:12", "run:55", "v1.2.0")."""

    id: str
    environments: tuple[str, ...]
    sha: str | None
    ref: str | None
    started_at: datetime
    finished_at: datetime | None
    result: str | None
    url: str | None = None
    names: tuple[str, ...] = ()
    replaces_id: str | None = None
    is_rollback: bool = False
    excluded: str | None = None

    @property
    def counts(self) -> bool:
        """True for a successful rollout that nobody excluded: what the five metrics call a deployment."""
        return self.result == SUCCESS and self.finished_at is not None and self.excluded is None

    def row(self, service: str, repository: str, rule: str) -> Row:
        """Return the row of ``deployments``; whether it was unplanned is known later."""
        return {
            "service": service,
            "repository": repository,
            "id": self.id,
            "environment": ", ".join(self.environments),
            "sha": self.sha,
            "ref": self.ref,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "result": self.result,
            "rule": rule,
            "unplanned": None if self.result is None else False,
            "unplanned_reason": None,
            "replaces_id": self.replaces_id,
            "is_rollback": self.is_rollback if self.result else None,
            "excluded": self.excluded,
            "url": self.url,
        }


def outcome(conclusion: str | None, status: str | None) -> str | None:
    """Return the state of a job or run attempt; None where nothing was deployed (skipped, neutral, stale, …).

    ``timed_out`` and ``startup_failure`` are failures; cancelled is neither failure nor success.
    """
    if conclusion == "success":
        return SUCCESS
    if conclusion in FAILED_CONCLUSIONS:
        return FAILURE
    if conclusion == "cancelled":
        return CANCELLED
    if conclusion is None:
        return RUNNING if status == "in_progress" else WAITING
    return None


def join(id: str, parts: Sequence[Part], names: Iterable[str] = (), going: bool = False) -> Rollout | None:
    """Return the rollout that `parts` make up; None where nothing of it has started.

    While its run is `going`, or a part waits (for an approval, say) beside one that has started, neither end nor result
    is known: the next job may be one more part.  Without a failure, one cancelled part makes it cancelled: it did not
    get everywhere.
    """
    started = [part for part in parts if part.state != WAITING]
    if not started:
        return None
    ordered = sorted(started, key=lambda part: (part.started_at, part.id))
    first = ordered[0]
    environments = {part.environment.casefold(): part.environment for part in reversed(ordered)}
    states = {part.state for part in parts}
    if going or states & {RUNNING, WAITING}:
        result = None
    else:
        result = FAILURE if FAILURE in states else CANCELLED if CANCELLED in states else SUCCESS
    ends = [part.ended_at for part in started if part.ended_at is not None]
    return Rollout(
        id=id,
        environments=tuple(environments[key] for key in sorted(environments)),
        sha=first.sha,
        ref=first.ref,
        started_at=first.started_at,
        finished_at=max(ends, default=first.started_at) if result else None,
        result=result,
        url=first.url,
        names=tuple(dict.fromkeys([id, *names, *(part.id for part in ordered)])),
    )


def in_order(rollouts: Iterable[Rollout]) -> list[Rollout]:
    """Return the rollouts that count, as they reached production: by (finished_at, id)."""
    return sorted((r for r in rollouts if r.counts), key=lambda r: (r.finished_at or r.started_at, r.id))


def link(rollouts: Iterable[Rollout], graph: Ancestry, rollbacks: bool) -> None:
    """Say of each rollout that counts which one it took over from, and whether it is a rollback.

    It replaces the latest earlier one in any of its environments.  It is a rollback when its sha differs from the one
    it replaces there and either was in that environment before or is a strict ancestor of it.  Going forward again to
    what was rolled back (the replaced sha leads to the new one) is no rollback, though the sha was there before.
    """
    latest: dict[str, Rollout] = {}
    seen: dict[str, set[str]] = {}
    reached: set[str] = set()
    for rollout in in_order(rollouts):
        old = rollout.sha in reached
        rollout.replaces_id, rollout.is_rollback = None, False
        replaced = []
        for environment in map(str.casefold, rollout.environments):
            before, shas = latest.get(environment), seen.setdefault(environment, set())
            if before is not None:
                replaced.append(before)
                returns = rollout.sha in shas
                if rollbacks and (returns or old) and _goes_back(rollout.sha, before.sha, returns, graph):
                    rollout.is_rollback = True
            latest[environment] = rollout
            if rollout.sha:
                shas.add(rollout.sha)
        if replaced:
            rollout.replaces_id = max(replaced, key=lambda r: (r.finished_at or r.started_at, r.id)).id
        if rollbacks:
            _reach(rollout.sha, graph, reached)


def _goes_back(new: str | None, old: str | None, returns: bool, graph: Ancestry) -> bool:
    if new is None or new == old:
        return False
    if old is None:
        return returns
    if graph.is_ancestor(new, old):
        return True
    return returns and not graph.is_ancestor(old, new)


def _reach(sha: str | None, graph: Ancestry, reached: set[str]) -> None:
    """Mark all that `sha` leads to; each commit once over all calls, so only shas seen before ask for ancestry."""
    todo = [sha] if sha else []
    while todo:
        commit = todo.pop()
        if commit in reached:
            continue
        reached.add(commit)
        if commit in graph:
            todo.extend(graph.parents(commit))
