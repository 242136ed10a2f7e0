"""The source ``security``: alerts of Dependabot and code scanning.

A repository without the feature, or a token without the permission, is said in the ledger, and ends nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import EmptyError, LimitError, MissingError, RefusedError
from devops_lab.sources.github_fields import IncompleteError, Raw, Row, instant, need, number, text, word
from devops_lab.sources.values import EPOCH

Batch = tuple[str, list[Row]]

LISTS = {
    "dependabot": ("/dependabot/alerts", "Dependabot alerts"),
    "code_scanning": ("/code-scanning/alerts", "Code scanning alerts"),
}


class GitHubSecurity:
    """The security alerts of one repository ("owner/name")."""

    name = "security"
    tables = frozenset(("security_alerts",))

    def __init__(self, client: GitHubClient, repository: str) -> None:
        self.client, self.repository = client, repository
        self.notes: list[str] = []

    def pull(self, since: datetime | None, until: datetime) -> Iterator[Batch]:
        """Yield all alerts, open and closed, then the ledger; `since` changes nothing: the lists are short.

        Where one of the two is refused the ledger says so in its warnings; where both are, in `refused`.
        """
        fetched = missing = capped = 0
        refused: list[str] = []
        for kind, (path, permission) in LISTS.items():
            try:
                for page in self.client.pages(f"/repos/{self.repository}{path}", guess=False):
                    rows = [row for raw in page if (row := _row(kind, raw, self.repository)) is not None]
                    missing += len(page) - len(rows)
                    fetched += len(rows)
                    yield "security_alerts", rows
            except EmptyError:
                continue
            except LimitError:
                capped += 1
            except (MissingError, RefusedError) as problem:
                refused.append(f"{problem}; the feature is off, or the token lacks the permission {permission}: read")
        self.notes = refused
        yield (
            "sync_ledger",
            [
                {
                    "table_name": "security_alerts",
                    "window_start": EPOCH,
                    "window_end": until,
                    "asked": fetched + missing + capped,
                    "fetched": fetched,
                    "capped": capped,
                    "missing": missing,
                    "refused": "; ".join(refused) if len(refused) == len(LISTS) else None,
                    "warnings": "; ".join(refused) or None,
                }
            ],
        )


def _row(kind: str, raw: Raw, repository: str) -> Row | None:
    try:
        return (dependabot_row if kind == "dependabot" else code_scanning_row)(raw, repository)
    except IncompleteError:
        return None


def dependabot_row(raw: Raw, repository: str) -> Row:
    """Return the row of a Dependabot alert."""
    advisory, dependency = _part(raw, "security_advisory"), _part(raw, "dependency")
    flaw = _part(raw, "security_vulnerability")
    return {
        **_common("dependabot", raw, repository),
        "severity": word(advisory, "severity") or word(flaw, "severity"),
        "name": text(_part(dependency, "package"), "name"),
        "summary": text(advisory, "summary"),
        "identifier": text(advisory, "cve_id") or text(advisory, "ghsa_id"),
        "path": text(dependency, "manifest_path"),
        "fixed_at": instant(raw, "fixed_at"),
        "dismissed_at": instant(raw, "dismissed_at") or instant(raw, "auto_dismissed_at"),
        "dismissed_reason": text(raw, "dismissed_reason"),
    }


def code_scanning_row(raw: Raw, repository: str) -> Row:
    """Return the row of a code scanning alert."""
    rule, latest = _part(raw, "rule"), _part(raw, "most_recent_instance")
    return {
        **_common("code_scanning", raw, repository),
        "severity": word(rule, "security_severity_level") or word(rule, "severity"),
        "name": text(rule, "name") or text(rule, "id"),
        "summary": text(rule, "description"),
        "identifier": text(rule, "id"),
        "path": text(_part(latest, "location"), "path"),
        "fixed_at": instant(raw, "fixed_at"),
        "dismissed_at": instant(raw, "dismissed_at"),
        "dismissed_reason": text(raw, "dismissed_reason"),
    }


def _common(kind: str, raw: Raw, repository: str) -> Row:
    return {
        "repository": repository,
        "kind": kind,
        "number": need(number(raw, "number"), "security alert", "number", raw),
        "state": word(raw, "state") or "open",
        "created_at": need(instant(raw, "created_at"), "security alert", "created_at", raw),
        "updated_at": instant(raw, "updated_at"),
        "url": text(raw, "html_url"),
    }


def _part(raw: Mapping[str, Any], name: str) -> Raw:
    found = raw.get(name)
    return found if isinstance(found, dict) else {}
