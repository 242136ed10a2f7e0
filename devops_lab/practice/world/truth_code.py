"""The truth of code: pull requests from the first commit to the merge, reviews, and what was taken back.

Times are those of pull requests merged in the window, bots' too, into whatever branch; they belong to the services
whose paths they touch.  A review counts when a person other than the author gave it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import datetime, time

from devops_lab.practice.world.records import Pull, Review
from devops_lab.practice.world.truth_window import DAY, HOUR, Answer, Metrics, Window, middle, share
from devops_lab.practice.world.work import is_generated

FEWEST_PEOPLE = 5


@dataclass(frozen=True)
class Way:
    """The instants of a merged pull request; None where there was no such thing."""

    first_commit_at: datetime
    ready_at: datetime
    first_review_at: datetime | None
    approved_at: datetime | None
    merged_at: datetime


def way(pull: Pull, merged: datetime) -> Way:
    """Return a pull request's way; what never was a draft was ready when it was opened."""
    looks = [one for one in by_others(pull) if one.submitted_at <= merged]
    approvals = [one.submitted_at for one in looks if one.state == "APPROVED"]
    return Way(
        min(one.authored_at for one in pull.commits),
        max(pull.ready_at or pull.created_at, pull.created_at),
        min((one.submitted_at for one in looks), default=None),
        max(approvals, default=None),
        merged,
    )


def by_others(pull: Pull) -> list[Review]:
    """Return the reviews by people other than the author."""
    return [one for one in pull.reviews if one.author.type == "User" and one.author.login != pull.author.login]


def coding_time(window: Window) -> Answer:
    """Hours from the first commit's author date to ready for review."""
    return middle((one.ready_at - one.first_commit_at) / HOUR for one in _ways(window))


def pickup_time(window: Window) -> Answer:
    """Hours from ready for review to the first review; unknown where nobody reviewed before the merge."""
    return middle((one.first_review_at - one.ready_at) / HOUR for one in _ways(window) if one.first_review_at)


def review_time(window: Window) -> Answer:
    """Hours from the first review to the last approval before the merge; unknown without an approval."""
    return middle(
        (one.approved_at - one.first_review_at) / HOUR
        for one in _ways(window)
        if one.first_review_at and one.approved_at
    )


def merge_time(window: Window) -> Answer:
    """Hours from the last approval before the merge to the merge."""
    return middle((one.merged_at - one.approved_at) / HOUR for one in _ways(window) if one.approved_at)


def pull_request_cycle_time(window: Window) -> Answer:
    """Hours from the first commit's author date to the merge; known for each, reviewed or not."""
    return middle((one.merged_at - one.first_commit_at) / HOUR for one in _ways(window))


def pull_request_size(window: Window) -> Answer:
    """Lines added and deleted by all commits together; lock files and generated code left out (0 where all is)."""
    return middle(
        float(sum(more + less for path, (more, less) in pull.files().items() if not is_generated(path)))
        for pull, _ in window.merged()
    )


def review_coverage(window: Window) -> Answer:
    """Share of merged pull requests that a person other than the author had approved before the merge."""
    return share(one.approved_at is not None for one in _ways(window))


def review_load(window: Window) -> Answer:
    """Reviews submitted by one person in one week (from Monday, UTC): median and highest.

    A week counts where it begins in the window, is over, and at least five people reviewed in it.  Reviews of pull
    requests that were not merged count too, but not in the monorepo, where only a merge says which service it was.
    People are known by login here; the lab shows none.
    """
    weeks: dict[datetime, Counter[str]] = defaultdict(Counter)
    alone = len(window.site.plan.services) == 1
    for pull in window.site.pulls:
        if window.service in pull.services and (alone or window.known(pull.merged_at)):
            for one in by_others(pull):
                day = datetime.combine(one.submitted_at.date(), time())
                weeks[day - one.submitted_at.weekday() * DAY][one.author.login] += 1
    return middle(
        (
            float(count)
            for monday, people in weeks.items()
            if window.has(monday) and window.known(monday + 7 * DAY) and len(people) >= FEWEST_PEOPLE
            for count in people.values()
        ),
        highest=1.0,
    )


def revert_rate(window: Window) -> Answer:
    """Share of changes landed on main in the window that were reverted by a change that has landed by now.

    A revert is a change too.  What never landed on main (cherry-picks, backports) is not counted.
    """
    undone = {one.reverts for one in window.site.changes if one.reverts is not None and window.known(one.landed_at)}
    return share(one in undone for one in window.changes(main_only=True))


def _ways(window: Window) -> list[Way]:
    return [way(pull, merged) for pull, merged in window.merged()]


METRICS: Metrics = {
    function.__name__: function
    for function in (
        coding_time,
        pickup_time,
        review_time,
        merge_time,
        pull_request_cycle_time,
        pull_request_size,
        review_coverage,
        review_load,
        revert_rate,
    )
}
