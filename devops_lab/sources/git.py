"""A local clone or bare repository: its commits, changed files, tags and branches as rows.

The whole history is read each time, in a constant number of git processes: a second for twenty thousand commits.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from devops_lab.sources import git_command
from devops_lab.sources.git_references import References, Remote, read_references, read_remote
from devops_lab.sources.messages import is_bot, read_message
from devops_lab.sources.values import EPOCH

Row = dict[str, Any]
Batch = tuple[str, list[Row]]

BATCH = 5_000
LAST_SECOND = 253_370_764_800  # 9999-01-01
# A clone fetched less than this ago counts as fresh: what is younger than a day is reported as unfinished anyway.
FRESH = timedelta(days=1)

# Every reference and every HEAD, except what is nobody's work: stashes, notes, replacements, GitHub's trial merges.
EVERYTHING = (
    "--exclude=refs/stash",
    "--exclude=refs/notes/*",
    "--exclude=refs/replace/*",
    "--exclude=refs/pull/*/merge",
    "--all",
)
FIELDS = ("%H", "%P", "%at", "%ct", "%aN", "%aE", "%B")
PLAIN = (
    "--no-color",
    "--no-notes",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--no-relative",
    "--no-show-signature",
)


def repository_of(path: Path) -> str:
    """Return "owner/name" as the remote "origin" of the clone at `path` says, else the folder's name.

    Errors: AccessError when `path` is no repository; SourceError when git is missing.
    """
    return read_remote(path).repository or _folder_name(path)


class Git:
    """The git source: `pull` reads the clone or bare repository at `path` as the repository `repository`.

    Changed files are read only `with_files`: they cost as much as everything else together.  After `pull`, `notes`
    says what a reader should know: a shallow or stale clone and the way out.
    """

    name = "git"

    def __init__(self, path: Path, repository: str, with_files: bool = False) -> None:
        self.path, self.repository, self.with_files = Path(path), repository, with_files
        self.notes: list[str] = []

    def pull(self, since: datetime | None, until: datetime) -> Iterator[Batch]:
        """Yield (table name, rows) of repositories, commits, commit_files, tags and branches, then of the ledger.

        `since` changes nothing: a clone is read whole, which costs less than asking which part of it is new.  The
        ledger's window starts in 1970 (before the first commit nothing happened), in a shallow clone at the youngest
        commit whose parents are cut off (`missing` counts those parents); it ends `until`, or where the clone was last
        fetched if that is more than a day ago: what a stale clone lacks is a gap, not a zero.

        Errors: AccessError when there is no repository or it may not be read; SourceError when git is missing or fails.
        """
        self.notes = []
        remote = read_remote(self.path)
        references = read_references(self.path)
        yield "repositories", [self._repository(remote, references)]
        counts = {"repositories": 1, "commits": 0}
        dates: dict[str, datetime] = {}
        for rows in self._commits(remote, references):
            dates.update((row["sha"], row["committed_at"]) for row in rows)
            counts["commits"] += len(rows)
            yield "commits", rows
        if self.with_files:
            counts["commit_files"] = 0
            for rows in self._files(remote.partial):
                counts["commit_files"] += len(rows)
                yield "commit_files", rows
        tags = [self._tag(name, sha, tagged, dates) for name, (sha, tagged) in references.tags.items()]
        branches = [
            {"repository": self.repository, "branch": branch, "sha": sha} for branch, sha in references.branches.items()
        ]
        counts |= {"tags": len(tags), "branches": len(branches)}
        yield "tags", tags
        yield "branches", branches
        yield "sync_ledger", self._ledger(counts, dates, remote, references, until)

    def _repository(self, remote: Remote, references: References) -> Row:
        return {"repository": self.repository, "default_branch": references.default_branch, "url": remote.url}

    def _commits(self, remote: Remote, references: References) -> Iterator[list[Row]]:
        web = f"{remote.url}/commit/" if remote.url else None
        fields = git_command.tokens(
            self.path, "log", "-z", f"--format={'%x00'.join(FIELDS)}", "--no-patch", *PLAIN, *EVERYTHING
        )
        rows: list[Row] = []
        for sha in fields:
            row = self._commit(sha.decode(), *(next(fields).decode("utf-8", "replace") for _ in FIELDS[1:]))
            row["parents"] = references.cut_parents.get(row["sha"], row["parents"])
            row["url"] = web + row["sha"] if web else None
            rows.append(row)
            if len(rows) == BATCH:
                yield rows
                rows = []
        yield rows

    def _commit(self, sha: str, parents: str, authored: str, committed: str, name: str, email: str, body: str) -> Row:
        message = read_message(body, self.repository)
        return {
            "repository": self.repository,
            "sha": sha,
            "parents": parents,
            "authored_at": instant(authored or committed),
            "committed_at": instant(committed or authored),
            "author": email.strip().lower() or name.strip() or None,
            "is_bot": is_bot(name, email),
            "subject": message.subject,
            "pull_request": message.pull_request,
            "head_ref": message.head_ref,
            "reverts": message.reverts,
            "closes": message.closes,
        }

    def _files(self, partial: bool) -> Iterator[list[Row]]:
        """Yield the changed files of every commit; a clone without file contents knows names, but no line counts.

        Merge commits have none: what they bring was changed by the commits they merge.
        """
        how = "--raw" if partial else "--numstat"
        rows: list[Row] = []
        sha, words = (
            "",
            git_command.tokens(
                self.path, "log", "-z", "--format=commit %H", how, "--diff-merges=off", *PLAIN, *EVERYTHING
            ),
        )
        for word in words:
            text = word.decode("utf-8", "replace").removeprefix("\n")
            if text.startswith("commit "):
                sha = text.removeprefix("commit ")
                if len(rows) >= BATCH:
                    yield rows
                    rows = []
            elif text.startswith(":"):
                rows.append(self._file(sha, next(words).decode("utf-8", "replace"), "-", "-"))
            elif text:
                added, deleted, path = text.split("\t", 2)
                rows.append(self._file(sha, path, added, deleted))
        yield rows

    def _file(self, sha: str, path: str, added: str, deleted: str) -> Row:
        return {
            "repository": self.repository,
            "sha": sha,
            "path": path,
            "additions": None if added == "-" else int(added),
            "deletions": None if deleted == "-" else int(deleted),
        }

    def _tag(self, name: str, sha: str, tagged: str | None, dates: dict[str, datetime]) -> Row:
        return {
            "repository": self.repository,
            "tag": name,
            "sha": sha,
            "annotated": tagged is not None,
            "tagged_at": instant(tagged) if tagged else dates.get(sha),
        }

    def _ledger(
        self,
        counts: dict[str, int],
        dates: dict[str, datetime],
        remote: Remote,
        references: References,
        until: datetime,
    ) -> list[Row]:
        lacking = {
            sha: set(text.split()) - dates.keys() for sha, text in references.cut_parents.items() if sha in dates
        }
        missing = len(set().union(*lacking.values()))
        cut = [dates[sha] for sha, parents in lacking.items() if parents]
        start = max(cut) if cut else EPOCH if dates else until
        end = until
        if not dates:
            self.notes.append(f"{self.path} has no commits yet; commit something, or name another clone")
        elif remote.fetched_at and max(remote.fetched_at, *dates.values()) < until - FRESH:
            end = max(remote.fetched_at, *dates.values())
            self.notes.append(
                f"{self.path} was last fetched at {end:%Y-%m-%d %H:%M} UTC; what came later is not known: "
                f"git -C '{self.path}' fetch --tags"
            )
        if missing:
            self.notes.append(
                f"{self.path} is a shallow clone: {missing} parent commits are not there, and nothing before "
                f"{start:%Y-%m-%d %H:%M} UTC is whole; deepen it: git -C '{self.path}' fetch --unshallow --tags"
            )
        return [
            {
                "repository": self.repository,
                "source": self.name,
                "table_name": table,
                "window_start": min(start, end),
                "window_end": end,
                "asked": count,
                "fetched": count,
                "capped": 0,
                "missing": missing if table == "commits" else 0,
                "refused": None,
            }
            for table, count in counts.items()
        ]


def instant(seconds: str) -> datetime:
    """Return git's seconds since 1970 as naive UTC; what is no date in any calendar is 1970-01-01, as git shows it."""
    number = int(seconds) if seconds.lstrip("-").isdecimal() else 0
    return EPOCH + timedelta(seconds=number if 0 <= number < LAST_SECOND else 0)


def _folder_name(path: Path) -> str:
    folder = path.resolve()
    return (folder.parent if folder.name == ".git" else folder).name.removesuffix(".git")
