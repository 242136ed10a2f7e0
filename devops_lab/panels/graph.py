"""A run's jobs as a graph: nodes in columns by what they need, and the lines between them.

What a job needs is read from the workflow's file.  Where that cannot be read, jobs that ran at the same time stand in
one column, and no lines are drawn: nobody knows them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup

from devops_lab.actions import Job
from devops_lab.actions.declaration import JobPlan
from devops_lab.actions.usual import EXPRESSION, plan_of
from devops_lab.panels.texts import html, joined

WIDTH, HEIGHT, ACROSS, BETWEEN = 208, 76, 44, 12  # pixels of a node, and of the room beside and below it
LATEST = datetime.fromisoformat("9999-01-01")


@dataclass(frozen=True)
class Node:
    """One box of the graph: a job as it runs, or one that has not begun (`job` is None); `needs` are keys of nodes."""

    key: str
    name: str
    needs: tuple[str, ...] = ()
    job: Job | None = None


def nodes(declared: Sequence[JobPlan], jobs: Sequence[Job]) -> list[Node]:
    """Return the graph's nodes, each after those it needs; a matrix or a called workflow gives several."""
    plans = _ordered(declared)
    of: dict[str, list[Job]] = {one.key: [] for one in plans}
    strangers: list[Job] = []
    for job in jobs:
        own = plan_of(job.name, plans)
        (strangers if own is None else of[own.key]).append(job)
    keys: dict[str, list[str]] = {}
    found = []
    for one in plans:
        needs = tuple(key for need in one.needs for key in keys.get(need, ()))
        boxes = [Node(f"{one.key}:{job.name}", job.name, needs, job) for job in of[one.key]] or [
            Node(one.key, EXPRESSION.sub("…", one.name), needs)
        ]
        keys[one.key] = [node.key for node in boxes]
        found += boxes
    return found + _by_start(strangers)


def _ordered(declared: Sequence[JobPlan]) -> list[JobPlan]:
    """Return declared jobs, each after those it needs; a circle (which GitHub would not run) is cut where it closes."""
    found: list[JobPlan] = []
    rest = list(declared)
    while rest:
        open_keys = {one.key for one in rest}
        ready = [one for one in rest if not open_keys & set(one.needs)] or rest[:1]
        found += ready
        rest = [one for one in rest if one not in ready]
    return found


def columns(found: Sequence[Node]) -> list[list[Node]]:
    """Return the nodes by columns: each stands right of all it needs."""
    place: dict[str, int] = {}
    for node in found:
        place[node.key] = 1 + max((place.get(key, 0) for key in node.needs), default=-1)
    return [
        [node for node in found if place[node.key] == column] for column in range(max(place.values(), default=-1) + 1)
    ]


def lines(placed: Sequence[Sequence[Node]]) -> Markup:
    """Return the lines between the columns as inline SVG; what a line says already through another is left out."""
    where = {node.key: (x, y, node) for x, column in enumerate(placed) for y, node in enumerate(column)}
    through = {key: _reached(node, where) for key, (_, _, node) in where.items()}
    paths = []
    for x, y, node in where.values():
        for key in node.needs:
            if key in where and not any(key in through[other] for other in node.needs if other in where):
                paths.append(_path(where[key][0], where[key][1], x, y))
    width = max(len(placed) * (WIDTH + ACROSS) - ACROSS, 0)
    height = rows(placed) * (HEIGHT + BETWEEN)
    return html('<svg width="{}" height="{}" aria-hidden="true">{}</svg>', width, height, joined(paths))


def rows(placed: Sequence[Sequence[Node]]) -> int:
    """Return how many nodes the highest column has."""
    return max((len(column) for column in placed), default=0)


def _reached(node: Node, where: dict[str, tuple[int, int, Node]]) -> set[str]:
    found: set[str] = set()
    ahead = list(node.needs)
    while ahead:
        key = ahead.pop()
        if key in where and key not in found:
            found.add(key)
            ahead += where[key][2].needs
    return found


def _path(x1: int, y1: int, x2: int, y2: int) -> Markup:
    left, right = x1 * (WIDTH + ACROSS) + WIDTH, x2 * (WIDTH + ACROSS)
    top, bottom = (y * (HEIGHT + BETWEEN) + HEIGHT // 2 for y in (y1, y2))
    half = right - ACROSS // 2
    return html(
        '<path d="M{} {}H{}C{} {} {} {} {} {}"/>', left, top, right - ACROSS, half, top, half, bottom, right, bottom
    )


def _by_start(jobs: Sequence[Job]) -> list[Node]:
    """Return nodes of jobs whose needs nobody knows: one that began after another ended stands right of it."""
    found: list[Node] = []
    for job in sorted(jobs, key=lambda job: (job.started_at or LATEST, job.id)):
        before = [
            node.key
            for node in found
            if node.job is not None
            and job.started_at is not None
            and (node.job.completed_at or LATEST) <= job.started_at
        ]
        found.append(Node(f"{job.id}:{job.name}", job.name, tuple(before), job))
    return found
