"""Incidents of a service: made from its issues here, or stored from files by the sync."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from devops_lab import config, patterns
from devops_lab.delivery.rollouts import Row

UNKNOWN_ORIGINAL = "unknown"
_NUMBER = re.compile(r"#?(\d{1,15})")


def from_issues(
    service: config.Service,
    rule: config.Issues,
    issues: Iterable[Row],
    labels: Iterable[Row],
    events: Iterable[Row] = (),
) -> list[Row]:
    """Return rows of ``incidents`` for the issues that carry one of the rule's labels (compared without case).

    An incident lasts from the issue's opening to its closing.  Where a closed issue says no time (imports do that), the
    last ``closed`` event in `events` tells, else the issue's last update.  A duplicate that does not say of what has
    ``duplicate_of`` "unknown".
    """
    put: dict[int, list[str]] = defaultdict(list)
    for row in labels:
        if not row.get("is_pull_request"):
            put[row["number"]].append(row["label"])
    closed: dict[int, datetime] = {}
    for event in events:
        if event["event"] == "closed" and event.get("number") is not None:
            closed[event["number"]] = max(event["created_at"], closed.get(event["number"], event["created_at"]))
    return [
        _incident(service, rule, issue, put[issue["number"]], closed)
        for issue in issues
        if _any(put.get(issue["number"], []), rule.labels)
    ]


def _incident(
    service: config.Service, rule: config.Issues, issue: Row, labels: list[str], closed: dict[int, datetime]
) -> Row:
    number = issue["number"]
    resolved = None
    if issue["state"] == "closed":
        resolved = issue.get("closed_at") or closed.get(number) or issue.get("updated_at")
    return {
        "service": service.name,
        "id": f"{service.repository}#{number}",
        "title": issue.get("title"),
        "severity": None,
        "started_at": issue["created_at"],
        "resolved_at": resolved,
        "caused_by": issue.get("caused_by"),
        "fixed_by": issue.get("fixed_by"),
        "duplicate_of": _duplicate_of(service, issue, _any(labels, rule.duplicates)),
        "not_a_change": _any(labels, rule.not_a_change),
        "url": issue.get("url"),
    }


def _duplicate_of(service: config.Service, issue: Row, labelled: bool) -> str | None:
    said = (issue.get("duplicate_of") or "").strip()
    number = _NUMBER.fullmatch(said.removeprefix(service.repository))
    if number:
        return f"{service.repository}#{number[1]}"
    if said:
        return said
    return UNKNOWN_ORIGINAL if labelled or issue.get("state_reason") == "duplicate" else None


def _any(labels: Iterable[str], wanted: list[str]) -> bool:
    return any(patterns.matches(label, wanted, ignore_case=True) for label in labels)
