"""The source ``github``: a repository's facts as GitHub's REST API tells them, newest first, ready to be resumed.

`GitHub.pull` yields batches of rows.  Details (reviews, commits, jobs, statuses) come before the rows they belong to;
so a stored row with the same last change proves that its details are stored, and a sync that was killed goes on where
it stood.  What GitHub refuses or no longer has goes to the ledger, and the other tables go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from devops_lab.github_api import GitHubClient
from devops_lab.sources import github_lists
from devops_lab.sources.github_commits import commits
from devops_lab.sources.github_fields import Row, instant, text
from devops_lab.sources.github_plan import repository_row
from devops_lab.sources.github_pull import EPOCH, Batch, Known, Progress, Pull
from devops_lab.sources.github_pull_requests import pull_requests
from devops_lab.sources.github_rollouts import github_deployments, tags
from devops_lab.sources.github_runs import workflow_runs

# Each step with the tables it yields.  What names commits (tags, deployments, runs) comes before the commits, and the
# pull requests do because the commits of merged ones need not be asked for twice.
STEPS: tuple[tuple[Callable[[Pull], Iterator[Batch]], tuple[str, ...]], ...] = (
    (github_lists.branches, ("branches",)),
    (github_lists.workflows, ("workflows",)),
    (github_lists.milestones, ("milestones",)),
    (github_lists.releases, ("releases",)),
    (tags, ("tags",)),
    (github_deployments, ("github_deployments", "deployment_statuses")),
    (workflow_runs, ("workflow_runs", "workflow_jobs", "workflow_steps")),
    (pull_requests, ("pull_requests", "pull_request_commits", "reviews", "review_comments", "pull_request_files")),
    (commits, ("commits", "commit_files")),
    (github_lists.issues, ("issues",)),
    (github_lists.issue_events, ("issue_events",)),
)
WITH_LABELS = (github_lists.issues, pull_requests)
TABLES_READ = ("repositories", "issue_labels", *(table for _, tables in STEPS for table in tables))


class GitHub:
    """The facts of one repository ("owner/name").

    `tables` are the stored tables wanted (None: all of `TABLES_READ`); wanted details bring their parents along.
    `known(table, columns)` tells what the store holds of this repository: {key without repository: values of the
    columns}, each a tuple in the order of the table's key or of `columns`; {} of an empty store.  It is asked for
    ``sync_ledger`` too.  `progress(table, done, total)` hears of each page; total is None where nobody knows it.

    After `pull`, `gone` holds the keys of rows that the server has no longer (tags, releases, milestones, branches,
    workflows, labels taken off), by table: the sync takes them out of the store.
    """

    name = "github"

    def __init__(
        self,
        client: GitHubClient,
        repository: str,
        tables: Iterable[str] | None,
        known: Known,
        progress: Progress = lambda table, done, total: None,
        notify: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.client, self.repository, self.known, self.progress = client, repository, known, progress
        self.tables = None if tables is None else with_parents(tables)
        self.notify = notify
        self.gone: dict[str, list[Row]] = {}

    def pull(self, since: datetime | None, until: datetime) -> Iterator[Batch]:
        """Yield (table, rows) of what happened or changed in [`since`, `until`); None: since ever.

        `until` is the instant before the first request: what changes meanwhile belongs to the next pull.  After the
        rows of a table comes its row of ``sync_ledger`` (without recorded_at).  Lists that cannot be asked for by time
        are read whole, and the ledger says so by its window.  Errors: AccessError, SourceError.
        """
        start = None if since is None or _naive(since) <= EPOCH else _naive(since)
        pull = Pull(
            self.client,
            self.repository,
            self.tables,
            self.known,
            start,
            _naive(until),
            self.progress,
        )
        self.gone = pull.gone
        yield from self._repository(pull)
        labelled = False
        for step, tables in STEPS:
            if pull.wants(*tables):
                labelled = labelled or step in WITH_LABELS
                yield from step(pull)
        if labelled:
            yield from pull.ledger(pull.since or EPOCH, "issue_labels")

    def _repository(self, pull: Pull) -> Iterator[Batch]:
        raw = self.client.repository(self.repository)
        pull.default_branch = text(raw, "default_branch")
        pull.created_at = instant(raw, "created_at")
        name = text(raw, "full_name") or self.repository
        if name.casefold() != self.repository.casefold():
            self.notify(f"{self.repository} has moved to {name}; name it so in lab.toml")
            pull.root = f"/repos/{name}"
        yield from pull.batch("repositories", pull.rows("repositories", repository_row, [raw]))
        yield from pull.ledger(EPOCH, "repositories")


def with_parents(tables: Iterable[str]) -> frozenset[str]:
    """Return `tables` with the tables their rows hang on: reviews hang on pull requests, jobs on runs."""
    wanted = frozenset(tables)
    parents = {group[0] for _, group in STEPS if wanted & set(group)}
    return wanted | parents | ({"issues"} if "issue_labels" in wanted and not wanted & {"pull_requests"} else set())


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
