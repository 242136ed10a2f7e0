"""GitHub's objects of planning as rows: repository, milestones, issues, their labels and events."""

from __future__ import annotations

from devops_lab.sources.github_fields import Raw, Row, at, flag, instant, is_bot, items, login, need, number, text, word
from devops_lab.sources.messages import read_issue


def repository_row(raw: Raw, repository: str) -> Row:
    """Return the row of a repository under the name it has in lab.toml, which a move does not change."""
    return {
        "repository": repository,
        "id": number(raw, "id"),
        "default_branch": text(raw, "default_branch"),
        "created_at": instant(raw, "created_at"),
        "pushed_at": instant(raw, "pushed_at"),
        "archived": flag(raw, "archived"),
        "private": flag(raw, "private"),
        "fork": flag(raw, "fork"),
        "url": text(raw, "html_url"),
    }


def milestone_row(raw: Raw, repository: str) -> Row:
    """Return the row of a milestone."""
    return {
        "repository": repository,
        "number": need(number(raw, "number"), "milestone", "number", raw),
        "title": text(raw, "title"),
        "state": need(word(raw, "state"), "milestone", "state", raw),
        "created_at": instant(raw, "created_at"),
        "updated_at": instant(raw, "updated_at"),
        "due_on": instant(raw, "due_on"),
        "closed_at": instant(raw, "closed_at"),
        "open_issues": number(raw, "open_issues"),
        "closed_issues": number(raw, "closed_issues"),
        "url": text(raw, "html_url"),
    }


def is_pull_request(raw: Raw) -> bool:
    """Say whether an item of the list of issues is a pull request: its `pull_request` key has an address.

    In data of 2012 every issue has the key, with null addresses.
    """
    return text(raw, "pull_request", "url") is not None


def issue_row(raw: Raw, repository: str) -> Row:
    """Return the row of an issue; what its text names as cause, remedy or duplicate is read here, its body not kept.

    `closed_at` stays null for issues that were closed by an import: delivery knows what to take instead.
    """
    names = read_issue(text(raw, "body"), repository)
    return {
        "repository": repository,
        "number": need(number(raw, "number"), "issue", "number", raw),
        "title": text(raw, "title"),
        "state": need(word(raw, "state"), "issue", "state", raw),
        "state_reason": word(raw, "state_reason"),
        "author": login(raw),
        "is_bot": is_bot(raw),
        "created_at": need(instant(raw, "created_at"), "issue", "created_at", raw),
        "updated_at": instant(raw, "updated_at"),
        "closed_at": instant(raw, "closed_at"),
        "milestone": number(raw, "milestone", "number"),
        "caused_by": names.caused_by,
        "fixed_by": names.fixed_by,
        "duplicate_of": names.duplicate_of,
        "url": text(raw, "html_url"),
    }


def label_rows(raw: Raw, repository: str, pull_request: bool) -> list[Row]:
    """Return one row per label of an issue or pull request; labels are objects, in old data plain names."""
    labelled = need(number(raw, "number"), "pull request" if pull_request else "issue", "number", raw)
    names = (label if isinstance(label, str) else text(label, "name") for label in items(raw, "labels"))
    return [
        {"repository": repository, "number": labelled, "label": name, "is_pull_request": pull_request}
        for name in dict.fromkeys(names)
        if name
    ]


def event_row(raw: Raw, repository: str) -> Row:
    """Return the row of an event of the repository's list of issue events; it names issue or pull request by number."""
    return {
        "repository": repository,
        "id": need(number(raw, "id"), "issue event", "id", raw),
        "number": number(raw, "issue", "number"),
        "event": need(text(raw, "event"), "issue event", "event", raw),
        "actor": login(raw, "actor"),
        "created_at": need(instant(raw, "created_at"), "issue event", "created_at", raw),
        "label": text(raw, "label", "name"),
        "assignee": login(raw, "assignee"),
        "milestone": text(at(raw, "milestone"), "title"),
        "sha": text(raw, "commit_id"),
    }
