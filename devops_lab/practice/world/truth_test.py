"""The truth of test: what each case came to in each test job.

A test job belongs to each service of its repository.  What a job was cancelled or timed out in has no results.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from devops_lab.practice.world.testing import Results, results
from devops_lab.practice.world.truth_build import jobs
from devops_lab.practice.world.truth_window import MINUTE, Answer, Metrics, Window, middle


def test_pass_rate(window: Window) -> Answer:
    """Share of passed among the cases that ran (were not skipped) in test jobs that ended in the window."""
    passed, ran = 0, 0
    for _, found in _results(window):
        if window.has(found.job.completed_at):
            ran += len(found.cases) - len(found.skipped)
            passed += len(found.cases) - len(found.skipped) - len(found.failed)
    return Answer(passed / ran if ran else None, ran)


def flaky_rate(window: Window) -> Answer:
    """Share of tests on one sha that failed and passed there, of those whose last result there is in the window.

    A test is a case in a job of one name: a case that fails with one version of Python and passes with another is not
    flaky.  All attempts and runs of the sha that are known count.
    """
    by_sha: dict[tuple[str, str], list[Results]] = defaultdict(list)
    for sha, found in _results(window):
        if window.known(found.job.completed_at):
            by_sha[found.job.name, sha].append(found)
    flaky, tests = 0, 0
    for every in by_sha.values():
        if window.has(max(one.job.completed_at for one in every)):
            tests += len(every[0].cases) - len(every[0].skipped)
            failed = frozenset[int]().union(*(one.failed for one in every))
            flaky += sum(any(place not in one.failed for one in every) for place in failed)
    return Answer(flaky / tests if tests else None, tests)


def test_duration(window: Window) -> Answer:
    """Minutes that the cases of a test job took, one after the other, of those that ended in the window."""
    return middle(found.whole() / MINUTE for _, found in _results(window) if window.has(found.job.completed_at))


def _results(window: Window) -> Iterator[tuple[str, Results]]:
    """Yield sha and results of each test job."""
    for run, attempt, job in jobs(window):
        found = results(window.site, run, attempt, job)
        if found is not None:
            yield run.sha, found


METRICS: Metrics = {function.__name__: function for function in (test_pass_rate, flaky_rate, test_duration)}
