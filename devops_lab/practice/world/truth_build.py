"""The truth of build: what ran, how long it waited, and when main was red.

Every workflow counts, those that deploy too; runs and jobs belong to each service of their repository.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from math import ceil

from devops_lab.practice.world.records import FAILURE, SUCCESS, Attempt, Job, Run
from devops_lab.practice.world.site import MAIN
from devops_lab.practice.world.truth_window import HOUR, MINUTE, SECOND, Answer, Metrics, Window, lasting, middle, share

RED = (FAILURE, "timed_out", "startup_failure")
WEIGHTS = {"ubuntu-latest": 1, "windows-latest": 2, "macos-latest": 10}


def build_duration(window: Window) -> Answer:
    """Minutes of a run attempt that ended in the window in success or failure, from its start; median and p95.

    It ends when its last job ends, startup failures when GitHub says so.
    """
    return middle(
        ((one.over_at - one.started_at) / MINUTE for _, one in _ended(window) if one.conclusion in (SUCCESS, FAILURE)),
        p95=0.95,
    )


def queue_time(window: Window) -> Answer:
    """Seconds a job that started in the window had waited since it was created; median and p95.

    What a re-run only lists once more, because it was green before, counts once.
    """
    return middle(
        ((job.started_at - job.created_at) / SECOND for _, _, job in jobs(window) if window.has(job.started_at)),
        p95=0.95,
    )


def build_success_rate(window: Window) -> Answer:
    """Share of success among the attempts that ended in success or were red; cancelled ones are neither."""
    return share(one.conclusion == SUCCESS for _, one in _ended(window) if one.conclusion in (SUCCESS, *RED))


def rerun_rate(window: Window) -> Answer:
    """Share of runs created in the window of which a second attempt has begun by now; the first must be over."""
    return share(
        any(one.number > 1 and window.known(one.started_at) for one in run.attempts)
        for run in window.site.runs
        if window.has(run.created_at) and window.known(run.attempts[0].ended_at)
    )


def time_to_green(window: Window) -> Answer:
    """Hours that a workflow was red on main: from the end of the first red attempt to the end of the next green one.

    Each workflow by itself, runs of pull requests left out; it counts in the window in which it turned red.  What is
    still red is censored; cancelled attempts change nothing.  Before its first green attempt nothing turned red.
    """
    ended: dict[int, list[Attempt]] = defaultdict(list)
    for run in window.site.runs:
        if run.branch == MAIN and run.pull is None:
            ended[run.workflow.id] += [one for one in run.attempts if window.known(one.ended_at)]
    found = []
    for attempts in ended.values():
        red_since, was_green = None, False
        for one in sorted(attempts, key=lambda one: one.over_at):
            if one.conclusion in RED and red_since is None and was_green:
                red_since = one.over_at
            elif one.conclusion == SUCCESS:
                was_green = True
                if red_since is not None:
                    found.append((red_since, one.over_at, True))
                    red_since = None
        if red_since is not None:
            found.append((red_since, window.as_of, False))
    return lasting(((end - start) / HOUR, over) for start, end, over in found if window.has(start))


def runner_minutes(window: Window) -> Answer:
    """Sum of the minutes of jobs that ended in the window, each rounded up; Windows counts twice, macOS ten times."""
    found = [
        ceil((job.completed_at - job.started_at) / MINUTE) * WEIGHTS[job.label]
        for _, _, job in jobs(window)
        if window.has(job.completed_at)
    ]
    return Answer(float(sum(found)), len(found))


def jobs(window: Window) -> Iterator[tuple[Run, Attempt, Job]]:
    """Yield each job once, with the attempt in which it ran."""
    for run in window.site.runs:
        for attempt in run.attempts:
            for job in attempt.ran():
                yield run, attempt, job


def _ended(window: Window) -> Iterator[tuple[Run, Attempt]]:
    for run in window.site.runs:
        for attempt in run.attempts:
            if window.has(attempt.over_at) and window.known(attempt.ended_at):
                yield run, attempt


METRICS: Metrics = {
    function.__name__: function
    for function in (build_duration, queue_time, build_success_rate, rerun_rate, time_to_green, runner_minutes)
}
