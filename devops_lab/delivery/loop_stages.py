"""The stages of one change: pure arithmetic on the instants it passed, nothing read.

A change passes points (the issue was opened, its first commit was written, a review came, …).  Between two points lies
a stage: somebody works, or the change waits.  The stages of a change add up to its total exactly, because each ends
where the next begins:

* The line begins at the first point that is known; where the work is older than the issue, with the work.
* A point that lies before its forerunner counts as if both were at once.
* A point that nobody knows makes no stage; its time is in the next one, which then says so in `bridged`.  The same
  holds for what the change did not wait for: a release that was published after its deployment had begun, and what
  began only after the deployment had finished.  What began before, and ended after, is cut off there.
* What was ready only when it was merged (a commit without a pull request) waited for no review and no merge.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

Row = dict[str, Any]

WORKING, WAITING = "working", "waiting"


@dataclass(frozen=True)
class Stage:
    """What ends at the point `until`: the phase it belongs to, what it is called, and whether anybody works."""

    until: str
    phase: str
    name: str
    kind: str


START = "opened_at"
STAGES: tuple[Stage, ...] = (
    Stage("begun_at", "plan", "in the backlog", WAITING),
    Stage("first_commit_at", "plan", "begun, nothing written", WORKING),
    Stage("ready_at", "code", "coding", WORKING),
    Stage("reviewed_at", "code", "waiting for a first review", WAITING),
    Stage("approved_at", "code", "in review", WORKING),
    Stage("merged_at", "code", "waiting for the merge", WAITING),
    Stage("build_started_at", "build", "waiting for a runner", WAITING),
    Stage("build_ended_at", "build", "building", WORKING),
    Stage("test_started_at", "test", "waiting for the tests", WAITING),
    Stage("test_ended_at", "test", "testing", WORKING),
    Stage("released_at", "release", "waiting for a release", WAITING),
    Stage("deployment_started_at", "deploy", "waiting for a deployment", WAITING),
    Stage("deployed_at", "deploy", "deploying", WORKING),
)
REVIEW = ("reviewed_at", "approved_at", "merged_at")
POINTS = (START, *(stage.until for stage in STAGES))
LINKS = {  # a link of the chain → what a change has where the link is there
    "issue": START,
    "pull request": "pull_request",
    "review": "reviewed_at",
    "build": "build_ended_at",
    "test": "test_ended_at",
    "release": "released_at",
    "deployment": "deployed_at",
    "service level": "watched_at",
}


def stages_of(change: Mapping[str, Any]) -> list[Row]:
    """Return the stages of one deployed change, in order; their microseconds add up to the total exactly.

    `change` has the instants of `POINTS` (None: not known), ``deployed_at`` always.  One row per stage: `phase, stage,
    kind, started_at, ended_at, microseconds, bridged` (the stages before it whose time is in this one, with commas).
    """
    here = begin_of(change)
    end: datetime = change["deployed_at"]
    found: list[Row] = []
    bridged: list[str] = []
    begun = change.get(START) is not None
    for stage, follows in zip(STAGES, POINTS, strict=False):
        point = change.get(stage.until)
        if not begun:
            begun = point is not None
            continue
        if stage.until in REVIEW and _nothing_to_review(change):
            continue
        if point is None or not _on_the_way(change, stage, follows):
            bridged.append(stage.name)
            continue
        ended = min(max(point, here), end)
        found.append(
            {
                "phase": stage.phase,
                "stage": stage.name,
                "kind": stage.kind,
                "started_at": here,
                "ended_at": ended,
                "microseconds": (ended - here) // timedelta(microseconds=1),
                "bridged": ", ".join(bridged),
            }
        )
        here, bridged = ended, []
    return found


def begin_of(change: Mapping[str, Any]) -> datetime:
    """Return the instant a change's line begins: its first known point, or its work where that is older."""
    end: datetime = change["deployed_at"]
    known = [change[name] for name in POINTS if change.get(name) is not None]
    work = [change[name] for name in POINTS[1:3] if change.get(name) is not None]
    return min([known[0], *work, end])


def _nothing_to_review(change: Mapping[str, Any]) -> bool:
    """Say whether a change was ready only when it was merged: a commit that nobody asked to look at."""
    ready, merged = change.get("ready_at"), change.get("merged_at")
    return change.get("reviewed_at") is None and ready is not None and merged is not None and ready >= merged


def _on_the_way(change: Mapping[str, Any], stage: Stage, follows: str) -> bool:
    """Say whether the change passed the stage's end before it was out, or was cut off in the middle of the stage."""
    point, end = change[stage.until], change["deployed_at"]
    if stage.until == "released_at":
        began = change.get("deployment_started_at")
        return bool(point <= (end if began is None else min(began, end)))
    before = change.get(follows)
    return bool(point <= end or (stage.kind == WORKING and before is not None and before <= end))


def broken_links(change: Mapping[str, Any], expected: Iterable[str] = tuple(LINKS)) -> list[str]:
    """Return the links of the chain that a change lacks, of those `expected`: issue, pull request, review, …"""
    return [name for name in expected if change.get(LINKS[name]) is None]
