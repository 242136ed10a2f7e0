"""A workflow run as lines of a terminal: its jobs with their times, the usual ones beside them, what goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from devops_lab.actions.texts import plain_line
from devops_lab.actions.usual import remaining

if TYPE_CHECKING:
    from rich.console import RenderableType

    from devops_lab.actions import Job, Progress
    from devops_lab.actions.declaration import JobPlan

MARKS = {"success": "✓", "failure": "✗", "cancelled": "⊘", "skipped": "–", "timed_out": "✗", "startup_failure": "✗"}
GOING = {"in_progress": "●", "waiting": "‖"}
COLOURS = {"✓": "green", "✗": "red", "●": "cyan", "‖": "yellow", "⊘": "dim", "–": "dim", "·": "dim"}
REFRESHES = 2.0  # a second
Show = Callable[["Progress"], None]


@dataclass(frozen=True)
class Known:
    """What is known of a workflow before it runs: `usual` seconds by job, and the `jobs` its file declares."""

    usual: Mapping[str, float] = field(default_factory=dict)
    jobs: Sequence[JobPlan] = ()


def clock(seconds: float) -> str:
    """Return a duration as a stopwatch shows it: 72 → "1:12"."""
    minutes, rest = divmod(max(int(seconds), 0), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def mark_of(job: Job) -> str:
    """Return a job's state as a shape."""
    return MARKS.get(job.conclusion or "", "✗" if job.conclusion else GOING.get(job.status, "·"))


def word_of(job: Job) -> str:
    """Return a job's state as a word."""
    if job.status == "waiting":
        return "waits for an approval"
    return (job.conclusion or job.status).replace("_", " ")


def took(job: Job, now: datetime) -> float | None:
    """Return the seconds a job has taken (until `now`, naive UTC); None before it began, or where it never ran."""
    if (
        job.started_at is None
        or job.conclusion == "skipped"
        or (job.conclusion is None and job.status != "in_progress")
    ):
        return None
    return ((job.completed_at or now) - job.started_at).total_seconds()


def lines(progress: Progress) -> list[str]:
    """Return a run line by line for a log: a line is said anew only where its job has moved."""
    found = []
    for job in progress.jobs:
        time = "" if job.conclusion is None or not (seconds := took(job, _now())) else f", {clock(seconds)}"
        found.append(f"{mark_of(job)} {plain_line(job.name)}: {word_of(job)}{time}")
    head = (progress.conclusion or progress.status).replace("_", " ")
    trouble = [f"! {plain_line(progress.trouble)}; watching goes on"] if progress.trouble else []
    return [f"run: {head}", *found, *trouble]


def drawn(progress: Progress, known: Known, now: datetime) -> RenderableType:
    """Return a run as a live table: one line a job, and how long it still takes where that can be told."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    for job in progress.jobs:
        mark, seconds = mark_of(job), took(job, now)
        usual = known.usual.get(job.name)
        beside = f"usually {clock(usual)}" if usual and job.conclusion is None else ""
        step = next((one.name for one in job.steps if one.status == "in_progress"), "")
        table.add_row(
            Text(mark, COLOURS[mark]), Text(plain_line(job.name)), Text(word_of(job), COLOURS[mark]),
            Text("" if seconds is None else clock(seconds), justify="right"), Text(beside, "dim"),
            Text(plain_line(step), "dim", no_wrap=True, overflow="ellipsis"),
        )  # fmt: skip
    parts: list[RenderableType] = [table] if progress.jobs else []
    left = None if progress.over else remaining(progress, known.usual, known.jobs, now)
    if left:
        parts.append(Text(f"about {clock(left)} left", "dim"))
    if not progress.jobs and not progress.over:
        parts.append(Text(f"· {progress.status.replace('_', ' ')}; no job has been listed yet", "dim"))
    if progress.trouble:
        parts.append(Text(f"! {plain_line(progress.trouble)}; watching goes on", "yellow"))
    return Group(*parts)


@contextmanager
def shown(known: Known) -> Iterator[Show]:
    """Yield what shows a run: in its place with running times on a terminal, elsewhere what is new, line by line."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        said: set[str] = set()

        def tell(progress: Progress) -> None:
            for line in lines(progress):
                if line not in said:
                    said.add(line)
                    console.print(Text(line), soft_wrap=True)

        yield tell
        return
    last: list[Progress] = []
    ready = threading.Lock()

    def render() -> RenderableType:
        with ready:
            return drawn(last[-1], known, _now()) if last else Text("· asking for the run", "dim")

    with Live(
        get_renderable=render, console=console, refresh_per_second=REFRESHES, redirect_stdout=False,
        redirect_stderr=False, vertical_overflow="visible",
    ) as live:  # fmt: skip

        def draw(progress: Progress) -> None:
            with ready:
                last[:] = [progress]
            live.refresh()

        yield draw


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
