"""Fetching what is released and deployed: tags with their dates, GitHub deployments with their statuses."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import quote

from devops_lab.sources.github_fields import Raw, Row, groups, instant, number, text
from devops_lab.sources.github_pull import EPOCH, OVERLAP, Batch, Pull
from devops_lab.sources.github_release import deployment_row, status_row, tag_row

LOOK_BACK = timedelta(days=31)
FINAL = frozenset({"success", "failure", "error", "inactive"})
DEEPEST_TAG = 5


def tags(pull: Pull) -> Iterator[Batch]:
    """Yield all tags; an annotated tag dates from its tagger, another from its commit.

    Each new or moved tag costs one request.  The list of tags says which moved, the list of refs which are annotated.
    """
    commits = {text(raw, "name"): text(raw, "commit", "sha") for raw in pull.details("tags", "/tags")}
    reader = _Tags(pull, commits)
    seen = set()
    dated: list[tuple[datetime, str]] = []
    for page in pull.pages("tags", "/git/matching-refs/tags/"):
        for group in groups(page):
            rows = [row for raw in group if (row := reader.read(raw)) is not None]
            seen |= {(row["tag"],) for row in rows}
            dated += [(row["tagged_at"], row["sha"]) for row in rows if row["tagged_at"]]
            yield from pull.batch("tags", rows)
        pull.progress("tags", pull.tally("tags").fetched, None)
    before = max((tag for tag in dated if pull.since and tag[0] < pull.since), default=None)
    for tag in dated:
        pull.deployed(tag[1], tag[0], replaced=tag == before)
    tally = pull.tally("tags")
    if not (tally.refused or tally.capped or tally.missing):
        lost = sorted(pull.known("tags").keys() - seen)
        pull.forget("tags", (key for key in lost if pull.is_gone(f"/git/ref/tags/{quote(key[0])}")))
    yield from pull.ledger(EPOCH, "tags")


class _Tags:
    """Reads refs of tags, with what the store and the list of tags say about them."""

    def __init__(self, pull: Pull, commits: dict[str | None, str | None]) -> None:
        self.pull, self.commits = pull, commits
        self.known = pull.known("tags", "sha", "annotated", "tagged_at")
        self.dates = {sha: committed for (sha,), (committed,) in pull.known("commits", "committed_at").items()}

    def read(self, raw: Raw) -> Row | None:
        """Return the row of a tag, None for one that names no commit (a tree or a file)."""
        name = (text(raw, "ref") or "").removeprefix("refs/tags/")
        sha, kind = text(raw, "object", "sha"), text(raw, "object", "type")
        if not name or not sha or kind not in ("commit", "tag"):
            return None
        stored = self.known.get((name,))
        if stored and stored[2] is not None and stored[0] == self.commits.get(name) and stored[1] == (kind == "tag"):
            row: Row | None = tag_row(name, self.pull.repository, *stored)
        elif kind == "tag":
            row = self._annotated(name, sha)
        else:
            row = tag_row(name, self.pull.repository, sha, False, self._committed(sha))
        self.pull.tally("tags").fetched += row is not None
        return row

    def _annotated(self, name: str, sha: str) -> Row | None:
        """Follow a tag object, and tags of tags, to the commit; the outermost tagger's date is the tag's."""
        tagged: datetime | None = None
        for _ in range(DEEPEST_TAG):
            found = self.pull.detail("tags", f"/git/tags/{sha}")
            tagged = tagged or instant(found, "tagger", "date")
            sha, kind = text(found, "object", "sha") or "", text(found, "object", "type")
            if kind != "tag":
                break
        if not sha:
            sha = self.commits.get(name) or ""
        elif kind != "commit":
            return None
        if not sha:
            return None
        return tag_row(name, self.pull.repository, sha, True, tagged or self._committed(sha))

    def _committed(self, sha: str) -> datetime | None:
        if sha not in self.dates:
            found = self.pull.detail("tags", f"/git/commits/{sha}")
            self.dates[sha] = instant(found, "committer", "date") or instant(found, "author", "date")
        return self.dates[sha]


def github_deployments(pull: Pull) -> Iterator[Batch]:
    """Yield deployments newest first, of a group the statuses before the deployments.

    One that the store holds unchanged and with a final status is not asked for again; one of the last 31 days that
    still waits is.  The newest before the window of each environment is taken along: it is what the first one replaces.
    """
    start = pull.start("github_deployments")
    deployments = _Deployments(pull, start)
    oldest = start - OVERLAP
    if deployments.waiting_since(oldest - LOOK_BACK):
        oldest -= LOOK_BACK
    for page in pull.pages("github_deployments", "/deployments"):
        for group in groups([raw for raw in page if deployments.wanted(raw)]):
            yield from deployments.batches(group)
        pull.progress("github_deployments", pull.tally("github_deployments").fetched, None)
        if all((instant(raw, "created_at") or start) < oldest for raw in page):
            break
    yield from pull.ledger(start, "github_deployments", "deployment_statuses")


class _Deployments:
    def __init__(self, pull: Pull, start: datetime) -> None:
        self.pull, self.start = pull, start
        self.known = pull.known("github_deployments", "updated_at", "created_at")
        self.states: dict[int, set[str]] = defaultdict(set)
        if pull.wants("deployment_statuses"):
            for deployment, state in pull.known("deployment_statuses", "deployment_id", "state").values():
                self.states[deployment].add(state)
        self.proven = not pull.unproven("github_deployments", "deployment_statuses")
        self.replacing: set[str | None] = set()

    def waiting_since(self, oldest: datetime) -> bool:
        """Say whether the store holds a deployment from before the window that is not over yet."""
        return any(
            oldest <= created < self.start and not self.states[key[0]] & FINAL
            for key, (_, created) in self.known.items()
        )

    def wanted(self, raw: Raw) -> bool:
        """Say whether a deployment is of the window, is stored, or is the one that the window's first replaces."""
        created = instant(raw, "created_at")
        if created is None or created >= self.start:
            self.replacing.add(text(raw, "environment"))
            return True
        if self._is_replaced(raw):
            self.pull.deployed(text(raw, "sha"), created, replaced=True)
            return True
        return created >= self.start - OVERLAP or (number(raw, "id"),) in self.known

    def _is_replaced(self, raw: Raw) -> bool:
        """Say whether it is the newest of its environment before the window, in which there is another."""
        environment = text(raw, "environment")
        if environment not in self.replacing:
            return False
        self.replacing.remove(environment)
        return True

    def batches(self, group: list[Raw]) -> Iterator[Batch]:
        """Yield the statuses and the deployments of a group that are not stored as they are."""
        statuses: list[Row] = []
        deployments: list[Row] = []
        for raw in group:
            self.pull.deployed(text(raw, "sha"), instant(raw, "created_at"))
            own = number(raw, "id")
            if own is None:
                self.pull.tally("github_deployments").missing += 1
                continue
            if not self._changed(raw, own):
                self.pull.tally("github_deployments").fetched += 1
                continue
            found: list[Raw] = []
            if self.pull.wants("deployment_statuses"):
                found = self.pull.details("deployment_statuses", f"/deployments/{own}/statuses")
                statuses += self.pull.rows("deployment_statuses", status_row, found, own)
            row = self.pull.row("github_deployments", deployment_row, raw, found)
            deployments += [] if row is None else [row]
        yield from self.pull.batch("deployment_statuses", statuses)
        yield from self.pull.batch("github_deployments", deployments)

    def _changed(self, raw: Raw, own: int) -> bool:
        updated = instant(raw, "updated_at")
        stored = self.known.get((own,))
        if stored is None or updated is None or stored[0] != updated or not self.proven:
            return True
        return self.pull.wants("deployment_statuses") and not self.states[own] & FINAL
