"""The truth of plan: issues and milestones, from what people did and when.

Issues are issues only, never pull requests; incidents are issues too.  Each belongs to every service of its repository.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time

from devops_lab.practice.world.records_plan import Issue
from devops_lab.practice.world.truth_window import DAY, HOUR, Answer, Metrics, Window, amount, middle


def issue_lead_time(window: Window) -> Answer:
    """Hours from created to closed, of issues closed as completed in the window."""
    return middle((closed - issue.created_at) / HOUR for issue, closed in _completed(window))


def issue_cycle_time(window: Window) -> Answer:
    """Hours from the first sign of work to closed, of issues closed as completed in the window.

    Without any sign it is unknown and does not count.
    """
    found = [(_begun(window, issue), closed) for issue, closed in _completed(window)]
    return middle((closed - begun) / HOUR for begun, closed in found if begun is not None)


def issue_throughput(window: Window) -> Answer:
    """Count issues closed as completed; what was closed as not planned or as a duplicate is no throughput."""
    return amount(sum(1 for _ in _completed(window)))


def work_in_progress(window: Window) -> Answer:
    """Count issues with a sign of work that are open just before the window's end."""
    return amount(len(_going(window)))


def work_item_age(window: Window) -> Answer:
    """Hours since the first sign of work, of issues in progress just before the window's end; median and p85."""
    return middle(((window.end - begun) / HOUR for begun in _going(window)), p85=0.85)


def backlog_growth(window: Window) -> Answer:
    """Count issues opened minus issues closed, for whatever reason; `n` is their sum."""
    opened = sum(window.has(one.created_at) for one in window.site.issues)
    closed = sum(window.has(one.closed_at) for one in window.site.issues)
    return amount(opened - closed, opened + closed)


def milestone_completion(window: Window) -> Answer:
    """Of the issues of milestones due in the window, the share closed (for whatever reason) by their due date.

    The whole due day counts (UTC), and must be over.  `n` is the number of those milestones that have an issue; pull
    requests in a milestone are not counted.
    """
    planned, kept, milestones = 0, 0, 0
    for milestone in window.site.milestones:
        over = datetime.combine(milestone.due_on.date(), time()) + DAY
        if not window.has(milestone.due_on) or not window.known(over):
            continue
        own = [one for one in window.site.issues if one.milestone is milestone and window.known(one.created_at)]
        planned += len(own)
        kept += sum(one.closed_at is not None and one.closed_at < over for one in own)
        milestones += bool(own)
    return Answer(kept / planned if planned else None, milestones)


def _completed(window: Window) -> Iterator[tuple[Issue, datetime]]:
    for issue in window.site.issues:
        if issue.closed_at is not None and issue.reason == "completed" and window.has(issue.closed_at):
            yield issue, issue.closed_at


def _begun(window: Window, issue: Issue) -> datetime | None:
    """Return the first sign of work that was known.

    That is the assignment, the opening of a pull request that says it closes the issue, or the author date of the
    commit that says so (known only once it was pushed; never later than the closing).
    """
    signs = [began for known, began in issue.works if window.known(known)]
    if issue.assigned is not None and window.known(issue.assigned[0]):
        signs.append(issue.assigned[0])
    return min(signs, default=None)


def _going(window: Window) -> list[datetime]:
    """Return since when each issue is in progress that is so just before the window's end."""
    found = []
    for issue in window.site.issues:
        begun = _begun(window, issue)
        is_open = issue.created_at < window.end and (issue.closed_at is None or issue.closed_at >= window.end)
        if is_open and begun is not None and begun < window.end:
            found.append(begun)
    return found


METRICS: Metrics = {
    function.__name__: function
    for function in (
        issue_lead_time,
        issue_cycle_time,
        issue_throughput,
        work_in_progress,
        work_item_age,
        backlog_growth,
        milestone_completion,
    )
}
