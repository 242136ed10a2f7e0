"""What each feature asks of a token: the endpoint that proves it, and the least permission that GitHub wants for it.

`FEATURES` is the one list: `devops-lab doctor` asks each endpoint that a service needs, ``docs/access.md`` shows it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import Answer, limited, permissions

WELL, LACKS, HIDDEN, OFF, SILENT = "well", "lacks", "hidden", "off", "silent"
TURNED_OFF = ("disabled", "not enabled", "not available", "must be enabled", "no analysis found", "has been archived")
ENTERPRISE = "x-github-enterprise-version"


@dataclass(frozen=True)
class Feature:
    """One thing the lab can do: what it is for, the endpoint below a repository that proves it, and what that needs.

    `permission` is what a fine-grained token or an app needs at least; `scope` what a classic token does; `tables` are
    the stored tables that come from there; `path` is None for what is never asked only to see whether it may be.
    """

    name: str
    purpose: str
    path: str | None
    permission: str
    scope: str
    tables: frozenset[str] = frozenset()


def _feature(
    name: str, purpose: str, path: str | None, permission: str, tables: str = "", scope: str = "repo"
) -> Feature:
    return Feature(name, purpose, path, permission, scope, frozenset(tables.split()))


FEATURES = (
    _feature("repository", "each repository's name, branch and age", "", "Metadata: read", "repositories"),
    _feature("code", "commits, tags, branches; folders of a monorepo", "/commits", "Contents: read",
             "commits commit_files branches tags"),
    _feature("releases", "published releases", "/releases", "Contents: read", "releases"),
    _feature("pull requests", "changes, reviews, sizes", "/pulls", "Pull requests: read",
             "pull_requests pull_request_commits pull_request_files reviews review_comments"),
    _feature("issues", "incidents, plans, labels, milestones", "/issues", "Issues: read",
             "issues issue_labels issue_events milestones"),
    _feature("runs", "workflow runs, jobs, steps, logs", "/actions/runs", "Actions: read",
             "workflows workflow_runs workflow_jobs workflow_steps"),
    _feature("test results", "JUnit files in artifacts", "/actions/artifacts", "Actions: read", "test_runs test_cases"),
    _feature("deployments", "GitHub deployments and their statuses", "/deployments", "Deployments: read",
             "github_deployments deployment_statuses"),
    _feature("dependency alerts", "age of alerts, time to patch", "/dependabot/alerts", "Dependabot alerts: read",
             "security_alerts", "security_events"),
    _feature("code alerts", "the same of what code scanning finds", "/code-scanning/alerts",
             "Code scanning alerts: read", "security_alerts", "security_events"),
)  # fmt: skip
ORGANISATION = (
    _feature("discovery", "[[discover]]: an organisation's repositories and topics", None, "Metadata: read"),
    _feature("properties", "[[discover]]: custom properties, teams by property", None,
             "Organization custom properties: read", scope="read:org"),
)  # fmt: skip
ACTING = (
    _feature("starting runs", "`devops-lab run`, the panel: start, cancel, re-run, approve", None, "Actions: write",
             scope="repo, workflow"),
    _feature("deploying", "the panel: deployments and statuses", None, "Deployments: write", scope="repo_deployment"),
    _feature("commenting", "the panel and reports: issues, comments, labels", None, "Issues: write"),
)  # fmt: skip


@dataclass(frozen=True)
class Probe:
    """What asking one endpoint said: a `verdict` (`WELL`, `LACKS`, `HIDDEN`, `OFF`, `SILENT`) and why."""

    feature: Feature
    verdict: str
    why: str = ""


def wanted(tables: Iterable[str], features: Iterable[Feature] = FEATURES) -> list[Feature]:
    """Return the features that a service needs whose facts lie in `tables`."""
    named = {*tables, "repositories"}
    return [feature for feature in features if feature.tables & named]


def probed(client: GitHubClient, repository: str, features: Iterable[Feature]) -> tuple[str, list[Probe]]:
    """Ask each feature's endpoint once; return the name that the repository has now, and what was said.

    Where the repository itself cannot be read nothing else is asked.
    """
    root, name = f"/repos/{repository}", repository
    first = client.probe(root)
    if first.status in (301, 302, 307, 308):
        root = _moved(first, root)
        first = client.probe(root)
    found = [_verdict(FEATURES[0], first, True)]
    if found[0].verdict != WELL:
        return name, found
    name = str(_full_name(first) or repository)
    for feature in features:
        if feature.path:
            found.append(_verdict(feature, client.probe(root + feature.path, per_page=1), False))
    return name, found


def _full_name(answer: Answer) -> str | None:
    try:
        found = json.loads(answer.text)
    except ValueError:
        return None
    return found.get("full_name") if isinstance(found, dict) else None


def _moved(answer: Answer, root: str) -> str:
    """Return the path that GitHub names a moved repository by."""
    path = answer.headers.get("location", "")
    start = path.find("/repositories/")
    return path[start:].partition("?")[0] if start >= 0 else root


def _verdict(feature: Feature, answer: Answer, whole: bool) -> Probe:
    """Return what an answer means; `whole`: it is about the repository itself."""
    said = answer.message or f"HTTP {answer.status}"
    sign_on = answer.headers.get("x-github-sso", "")
    if 200 <= answer.status < 300 or answer.status in (304, 409):  # 409: no commits yet
        return Probe(feature, WELL)
    if answer.status == 401:
        return Probe(feature, LACKS, f"the token is refused ({said})")
    if "required" in sign_on:
        where = sign_on.partition("url=")[2]
        return Probe(feature, LACKS, f"single sign-on has not let this token in; authorise it at {where}")
    if answer.status in (403, 451):
        if limited(answer, 0.0, said) is not None and answer.text.strip():
            return Probe(feature, SILENT, said)
        if any(word in said.casefold() for word in TURNED_OFF):
            return Probe(feature, OFF, said)
        needed = permissions(answer.headers.get("x-accepted-github-permissions", ""))
        named = f"GitHub names {needed}" if needed else said
        return Probe(feature, LACKS, f"needs {feature.permission} ({named})")
    if answer.status in (404, 410):
        if whole:
            return Probe(feature, HIDDEN, "it does not exist, or this token does not include it")
        if answer.status == 410 or any(word in said.casefold() for word in TURNED_OFF):
            return Probe(feature, OFF, said)
        why = f"not there (HTTP 404): turned off, an older server, or the token lacks {feature.permission}"
        return Probe(feature, HIDDEN, why)
    return Probe(feature, SILENT, answer.problem or said)


def table() -> list[tuple[str, str, str, str]]:
    """Return the rows of the table for people: feature, what for, least permission, classic scope."""
    every = (*FEATURES, *ORGANISATION, *ACTING)
    return [(one.name, one.purpose, one.permission, one.scope) for one in every]
