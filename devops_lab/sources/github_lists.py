"""Fetching GitHub's plain lists: branches, workflows, milestones, releases, issues with their labels, issue events."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

from devops_lab.sources.github_actions import workflow_row
from devops_lab.sources.github_code import branch_row
from devops_lab.sources.github_fields import Raw, Row, instant, number, stamp
from devops_lab.sources.github_plan import event_row, is_pull_request, issue_row, label_rows, milestone_row
from devops_lab.sources.github_pull import EPOCH, OVERLAP, Batch, Pull, key_of
from devops_lab.sources.github_release import release_row


def whole_list(
    pull: Pull,
    table: str,
    path: str,
    read: Callable[[Raw, str], Row],
    key: str | None = None,
    one: str | None = None,
    **parameters: Any,
) -> Iterator[Batch]:
    """Yield all of a list that cannot be asked for by time, and take note of what is no longer in it.

    Where `one` says how a single thing is asked for ("/milestones/{}"), the server is asked before a row is forgotten.
    """
    seen = set()
    for page in pull.pages(table, path, key, **parameters):
        rows = pull.rows(table, read, page)
        seen |= {key_of(table, row) for row in rows}
        pull.progress(table, len(seen), page.total)
        yield from pull.batch(table, rows)
    tally = pull.tally(table)
    if not (tally.refused or tally.capped or tally.missing):
        lost = pull.known(table).keys() - seen
        pull.forget(table, (key for key in sorted(lost) if one is None or pull.is_gone(one.format(quote(str(key[0]))))))
    yield from pull.ledger(EPOCH, table)


def branches(pull: Pull) -> Iterator[Batch]:
    """Yield the branches."""
    yield from whole_list(pull, "branches", "/branches", branch_row)


def workflows(pull: Pull) -> Iterator[Batch]:
    """Yield the workflows, and keep their names for the runs."""
    for table, rows in whole_list(
        pull, "workflows", "/actions/workflows", workflow_row, "workflows", "/actions/workflows/{}"
    ):
        if table == "workflows":
            pull.workflow_names |= {row["id"]: row["name"] for row in rows}
        yield table, rows


def milestones(pull: Pull) -> Iterator[Batch]:
    """Yield the milestones, open and closed."""
    yield from whole_list(pull, "milestones", "/milestones", milestone_row, one="/milestones/{}", state="all")


def releases(pull: Pull) -> Iterator[Batch]:
    """Yield the releases; drafts too where the token may see them."""
    yield from whole_list(pull, "releases", "/releases", release_row, one="/releases/{}")


def issues(pull: Pull) -> Iterator[Batch]:
    """Yield issues by their last change, newest first, each page's labels before them."""
    start = pull.start("issues")
    parameters: dict[str, Any] = {"state": "all", "sort": "updated", "direction": "desc"}
    if start != EPOCH:
        parameters["since"] = stamp(start - OVERLAP)
    labels = Labels(pull)
    for page in pull.pages("issues", "/issues", **parameters):
        found = [raw for raw in page if not is_pull_request(raw)]
        yield from labels.batch(found, pull_request=False)
        yield from pull.batch("issues", pull.rows("issues", issue_row, found))
        pull.progress("issues", pull.tally("issues").fetched, None)
    yield from pull.ledger(start, "issues")


def issue_events(pull: Pull) -> Iterator[Batch]:
    """Yield the events of all issues and pull requests, newest first."""
    start = pull.start("issue_events")
    for page in pull.pages("issue_events", "/issues/events"):
        rows = pull.rows("issue_events", event_row, page)
        yield from pull.batch("issue_events", [row for row in rows if row["created_at"] >= start - OVERLAP])
        pull.progress("issue_events", pull.tally("issue_events").fetched, None)
        moments = [instant(raw, "created_at") for raw in page]
        if all(moment is not None and moment < start - OVERLAP for moment in moments):
            break
    yield from pull.ledger(start, "issue_events")


class Labels:
    """The labels of issues and pull requests as they are now; one that was taken off is forgotten."""

    def __init__(self, pull: Pull) -> None:
        self.pull = pull
        self.before: dict[int, set[str]] = defaultdict(set)
        if pull.wants("issue_labels"):
            for labelled, label in pull.known("issue_labels"):
                self.before[labelled].add(label)

    def batch(self, raws: list[Raw], pull_request: bool) -> Iterator[Batch]:
        """Yield the labels of issues or pull requests."""
        if not self.pull.wants("issue_labels"):
            return
        rows: list[Row] = []
        for raw in raws:
            labelled = number(raw, "number")
            if labelled is None or not isinstance(raw.get("labels"), list):
                continue
            own = label_rows(raw, self.pull.repository, pull_request)
            gone = self.before[labelled] - {row["label"] for row in own}
            self.pull.forget("issue_labels", ((labelled, label) for label in sorted(gone)))
            rows += own
        self.pull.tally("issue_labels").fetched += len(rows)
        yield from self.pull.batch("issue_labels", rows)
