"""Fetching commits: the default branch, then whatever a tag, a deployment or a run names, down to what is known.

Commits are listed newest first, a hundred a request, and written page by page.  A sync that was killed leaves commits
whose parents are not there; those parents are where the next one goes on.

The files a commit changed cost a request each (one more for every hundred files beyond the first).  For a service that
is a part of its repository those of all commits are asked for.  Where the files of changes are wanted for the whole of
a repository, pull requests tell theirs, and only commits that were pushed without one are asked one by one:
`MOST_PUSHED` requests in a sync at most, so a team that merges everything by pull request pays nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from devops_lab.sources.github_code import commit_row, file_row, parents
from devops_lab.sources.github_fields import Raw, Row, groups, instant, sha_of
from devops_lab.sources.github_pull import EPOCH, Batch, Pull

Held = dict[tuple[Any, ...], tuple[Any, ...]]
MOST_FILES = 3000
MOST_PUSHED = 1000  # a fifth of the requests that GitHub grants a token in an hour


def commits(pull: Pull) -> Iterator[Batch]:
    """Yield commits, of a group the changed files before the commits.

    The list ends at the first page that is older than the window, so that one wrong clock cuts no hole.  What a merge
    in the window brought in from before it is asked for by the merge's two parents.
    """
    start = pull.start("commits")
    walk = _Walk(pull, start)
    if pull.default_branch:
        yield from walk.from_here(pull.default_branch, is_branch=True)
    for sha in (*walk.where_it_stood(), *pull.heads):
        if sha not in walk.seen:
            yield from walk.from_here(sha)
    yield from walk.older_sides()
    yield from walk.files_never_asked_for()
    if pull.wants_pushed_files:
        yield from walk.files_of_pushed_commits()
    yield from pull.ledger(start, "commits", "commit_files")


class _Walk:
    """The commits seen so far, and the side branches whose merge was seen but not themselves: {sha: first parent}."""

    def __init__(self, pull: Pull, start: datetime) -> None:
        self.pull, self.start = pull, start
        self.known = pull.known("commits", "parents", "committed_at", "fetched_at")
        self.seen: set[str] = {sha for (sha,) in self.known}
        self.sides: dict[str, str] = {}
        self.with_files: set[str] = set()
        if pull.wants("commit_files"):
            self.with_files = {sha for sha, _ in pull.known("commit_files")}

    def where_it_stood(self) -> list[str]:
        """Return the parents that a killed sync did not come to, those of the newest commits first."""
        complete = self.pull.recorded.get("commits", EPOCH)
        open_ends = []
        for own, committed, fetched in self.known.values():
            if fetched <= complete or committed < self.start or not own:
                continue
            first, *others = own.split()
            self.sides |= {sha: first for sha in others if sha not in self.seen}
            if first not in self.seen:
                open_ends.append((committed, first))
        return list(dict.fromkeys(sha for _, sha in sorted(open_ends, reverse=True)))

    def from_here(self, start: str, is_branch: bool = False) -> Iterator[Batch]:
        """Yield the commits that lead to `start`, until all that is open is known or the window is left."""
        wanted: set[str] = set() if is_branch else {start}
        for page in self.pull.pages("commits", "/commits", detail=not is_branch, sha=start):
            fresh = [raw for raw in page if sha_of(raw) not in self.seen]
            yield from self._batches([*fresh])
            wanted |= {parent for raw in fresh for parent in parents(raw)}
            moments = [instant(raw, "commit", "committer", "date") for raw in page]
            if wanted <= self.seen or all(moment is not None and moment < self.start for moment in moments):
                break

    def older_sides(self) -> Iterator[Batch]:
        """Yield what merges in the window brought in from before it: from their pull requests, else by comparing."""
        for sha, onto in self.sides.items():
            if sha in self.seen:
                continue
            found = self._spare(sha) or self.pull.details("commits", f"/compare/{onto}...{sha}", "commits")
            yield from self._batches([raw for raw in found if sha_of(raw) not in self.seen])

    def _spare(self, sha: str) -> list[Raw]:
        found, waiting = [], [sha]
        while waiting:
            raw = self.pull.spare_commits.pop(waiting.pop(), None)
            if raw is not None:
                found.append(raw)
                waiting += parents(raw)
        return found

    def files_never_asked_for(self) -> Iterator[Batch]:
        """Yield the files of commits that were stored before files were wanted."""
        if not self.pull.wants("commit_files") or "commit_files" in self.pull.recorded:
            return
        lacking = [
            sha
            for (sha,), (own, committed, _) in self.known.items()
            if sha not in self.with_files and committed >= self.start and len((own or "").split()) < 2
        ]
        for group in groups(lacking):
            yield from self.pull.batch("commit_files", [row for sha in group for row in self._files(sha)])

    def files_of_pushed_commits(self) -> Iterator[Batch]:
        """Yield the files of commits that no pull request brought, newest first, at most `MOST_PUSHED` of them.

        What is left out is counted as capped and shown as progress that does not reach its total; the next sync goes on
        with it.  The ledger gets no row of ``commit_files``: who wants the files of all commits later is still asked.
        A commit without any file leaves no row, and is asked again each time.  Where pull requests are refused nobody
        knows which commits were pushed, and none is asked for.
        """
        if self.pull.tally("pull_requests").refused:
            return
        start, held = self._files_start(), self.pull.held("commits")
        brought, with_files = _of_pull_requests(self.pull, held), {sha for sha, _ in self.pull.known("commit_files")}
        lacking = [
            (committed, sha)
            for (sha,), (own, committed, *_) in held.items()
            if committed >= start and len((own or "").split()) < 2 and sha not in brought and sha not in with_files
        ]
        asked = [sha for _, sha in sorted(lacking, reverse=True)[:MOST_PUSHED]]
        tally, done = self.pull.tally("commit_files"), 0
        tally.capped += len(lacking) - len(asked)
        for group in groups(asked):
            rows = [row for sha in group for row in self._files(sha)]
            if rows:
                yield "commit_files", rows
            if tally.refused:
                return
            done += len(group)
            self.pull.progress("commit_files", done, len(lacking))

    def _files_start(self) -> datetime:
        """Return from when on the files of pull requests were asked for, by this sync or an earlier one."""
        ledger = self.pull.known("sync_ledger", "source", "table_name", "window_start")
        asked = [
            start for source, table, start in ledger.values() if (source, table) == ("github", "pull_request_files")
        ]
        return min([self.start, *asked])

    def _batches(self, raws: list[Raw]) -> Iterator[Batch]:
        for group in groups(raws, costly=self.pull.wants("commit_files")):
            rows = [row for raw in group if (row := self.pull.row("commits", commit_row, raw)) is not None]
            files: list[Row] = []
            for row in rows:
                self.seen.add(row["sha"])
                first, *others = row["parents"].split() or [""]
                if row["committed_at"] >= self.start:
                    self.sides |= {sha: first for sha in others if sha not in self.seen}
                if not others and self.pull.wants("commit_files") and row["sha"] not in self.with_files:
                    files += self._files(row["sha"])
            yield from self.pull.batch("commit_files", files)
            yield from self.pull.batch("commits", rows)
            self.pull.progress("commits", self.pull.tally("commits").fetched, None)

    def _files(self, sha: str) -> list[Row]:
        """Return the files one commit changed; merges have none of their own, and GitHub lists 3,000 at most."""
        found = self.pull.details("commit_files", f"/commits/{sha}", "files")
        self.pull.tally("commit_files").capped += len(found) >= MOST_FILES
        rows = (self.pull.row("commit_files", file_row, raw, sha) for raw in found)
        return [row for row in rows if row is not None]


def _of_pull_requests(pull: Pull, commits: Held) -> set[str]:
    """Return the shas that merged pull requests brought: their own commits, and what their merge made of these.

    GitHub names the result of a merge.  Of a rebase the commits below the result are made anew: they have the author
    date and subject of the pull request's own.  Where the result is not there, "(#12)" in a subject names it.
    """
    merged = {key: result for (key,), (moment, result) in pull.held("pull_requests").items() if moment is not None}
    found, works = set(merged.values()), defaultdict[int, set[tuple[Any, ...]]](set)
    for (key, sha), work in pull.held("pull_request_commits").items():
        if key in merged:
            found.add(sha)
            works[key].add(work)
    for key, result in merged.items():
        sha = result
        while (sha,) in commits:
            parent, _, authored, subject, _ = commits[sha,]
            if (authored, subject) not in works[key] or len((parent or "").split()) != 1:
                break
            found.add(sha)
            sha = parent
    lost = {key for key, result in merged.items() if (result,) not in commits}
    return found | {sha for (sha,), (*_, named) in commits.items() if named in lost}
