"""GitHub's objects of code as rows: branches, commits and their files, pull requests, reviews and review comments."""

from __future__ import annotations

import re

from devops_lab.sources.github_fields import (
    Raw,
    Row,
    commit_author,
    flag,
    instant,
    is_bot,
    items,
    login,
    need,
    number,
    same_login,
    text,
    word,
)
from devops_lab.sources.messages import read_message

REVERT_BRANCH = re.compile(r"revert-(\d{1,9})-")


def branch_row(raw: Raw, repository: str) -> Row:
    """Return the row of a branch."""
    return {
        "repository": repository,
        "branch": need(text(raw, "name"), "branch", "name", raw),
        "sha": need(text(raw, "commit", "sha"), "branch", "sha", raw),
    }


def commit_row(raw: Raw, repository: str) -> Row:
    """Return the row of a commit; an author date that cannot be read is the committer's, and the other way round."""
    authored, committed = instant(raw, "commit", "author", "date"), instant(raw, "commit", "committer", "date")
    message = read_message(text(raw, "commit", "message"), repository)
    author, bot = commit_author(raw)
    return {
        "repository": repository,
        "sha": need(text(raw, "sha"), "commit", "sha", raw),
        "parents": " ".join(parents(raw)),
        "authored_at": need(authored or committed, "commit", "date", raw),
        "committed_at": need(committed or authored, "commit", "date", raw),
        "author": author,
        "is_bot": bot,
        "subject": message.subject,
        "pull_request": message.pull_request,
        "head_ref": message.head_ref,
        "reverts": message.reverts,
        "closes": message.closes,
        "url": text(raw, "html_url"),
    }


def parents(raw: Raw) -> list[str]:
    """Return the shas of a commit's parents, the first parent first."""
    return [sha for parent in items(raw, "parents") if (sha := text(parent, "sha"))]


def file_row(raw: Raw, repository: str, sha: str) -> Row:
    """Return the row of a file that a commit changed."""
    return {
        "repository": repository,
        "sha": sha,
        "path": need(text(raw, "filename"), "file of a commit", "name", raw),
        "additions": number(raw, "additions"),
        "deletions": number(raw, "deletions"),
    }


def pull_request_row(raw: Raw, repository: str) -> Row:
    """Return the row of a pull request.

    GitHub gives open and unmerged pull requests a `merge_commit_sha` (a trial merge): it is kept only where
    `merged_at` says that there was a merge.  A head repository that is gone was a fork, unless the owner is the same.
    GitHub's revert button names what it reverts in the branch ("revert-12-…") when its body was emptied.
    """
    merged = instant(raw, "merged_at")
    head_ref = text(raw, "head", "ref") or (text(raw, "head", "label") or "").rpartition(":")[2] or None
    said = read_message(f"{text(raw, 'title') or ''}\n\n{text(raw, 'body') or ''}", repository)
    button = REVERT_BRANCH.match(head_ref or "")
    return {
        "repository": repository,
        "number": need(number(raw, "number"), "pull request", "number", raw),
        "title": text(raw, "title"),
        "state": need(word(raw, "state"), "pull request", "state", raw),
        "draft": flag(raw, "draft"),
        "author": login(raw),
        "is_bot": is_bot(raw),
        "base_ref": text(raw, "base", "ref"),
        "head_ref": head_ref,
        "head_sha": text(raw, "head", "sha"),
        "is_fork": _is_fork(raw),
        "created_at": need(instant(raw, "created_at"), "pull request", "created_at", raw),
        "updated_at": instant(raw, "updated_at"),
        "closed_at": instant(raw, "closed_at"),
        "merged_at": merged,
        "merge_commit_sha": text(raw, "merge_commit_sha") if merged else None,
        "reverts": said.reverts or (f"#{int(button.group(1))}" if button else None),
        "closes": said.closes,
        "milestone": number(raw, "milestone", "number"),
        "additions": number(raw, "additions"),
        "deletions": number(raw, "deletions"),
        "changed_files": number(raw, "changed_files"),
        "url": text(raw, "html_url"),
    }


def _is_fork(raw: Raw) -> bool | None:
    head, base = text(raw, "head", "repo", "full_name"), text(raw, "base", "repo", "full_name")
    if head and base:
        return head.casefold() != base.casefold()
    same = same_login(text(raw, "head", "user", "login"), text(raw, "base", "user", "login"))
    return None if same is None else not same


def pull_request_commit_row(raw: Raw, repository: str, pull_request: int, position: int) -> Row:
    """Return the row of the commit at `position` (from 1) of a pull request."""
    message = read_message(text(raw, "commit", "message"), repository)
    author, bot = commit_author(raw)
    return {
        "repository": repository,
        "number": pull_request,
        "sha": need(text(raw, "sha"), "commit of a pull request", "sha", raw),
        "position": position,
        "authored_at": instant(raw, "commit", "author", "date"),
        "committed_at": instant(raw, "commit", "committer", "date"),
        "author": author,
        "is_bot": bot,
        "subject": message.subject,
        "reverts": message.reverts,
    }


def pull_request_file_row(raw: Raw, repository: str, pull_request: int) -> Row:
    """Return the row of a file that a pull request changes."""
    return {
        "repository": repository,
        "number": pull_request,
        "path": need(text(raw, "filename"), "file of a pull request", "name", raw),
        "additions": number(raw, "additions"),
        "deletions": number(raw, "deletions"),
    }


def review_row(raw: Raw, repository: str, pull_request: int, author: str | None) -> Row | None:
    """Return the row of a review of `author`'s pull request, None for one that is not submitted yet."""
    submitted, state = instant(raw, "submitted_at"), text(raw, "state")
    if submitted is None or state is None or state.upper() == "PENDING":
        return None
    return {
        "repository": repository,
        "id": need(number(raw, "id"), "review", "id", raw),
        "number": pull_request,
        "state": state.upper(),
        "author": login(raw),
        "is_bot": is_bot(raw),
        "is_author": same_login(login(raw), author),
        "submitted_at": submitted,
        "sha": text(raw, "commit_id"),
        "url": text(raw, "html_url"),
    }


def review_comment_row(raw: Raw, repository: str, pull_request: int, author: str | None) -> Row:
    """Return the row of a comment on a line of `author`'s pull request; it may be older than the pull request."""
    return {
        "repository": repository,
        "id": need(number(raw, "id"), "review comment", "id", raw),
        "number": pull_request,
        "review_id": number(raw, "pull_request_review_id"),
        "author": login(raw),
        "is_bot": is_bot(raw),
        "is_author": same_login(login(raw), author),
        "created_at": need(instant(raw, "created_at"), "review comment", "created_at", raw),
        "updated_at": instant(raw, "updated_at"),
        "url": text(raw, "html_url"),
    }
