"""Which stored tables a service's rules are made from: what the sync must fetch, and what coverage is measured by."""

from __future__ import annotations

import json
from collections.abc import Iterable

from pydantic import BaseModel

from devops_lab import config
from devops_lab.delivery.rollouts import PRODUCTION, Row


def on_github(service: config.Service) -> bool:
    """Say whether GitHub is asked about the service: "owner/name" is on GitHub, a lone clone's folder name is not."""
    return "/" in service.repository


def deployment_tables(service: config.Service) -> list[str]:
    """Return the stored tables whose rows are, or date, the service's deployments."""
    rule = service.deployment
    if isinstance(rule, config.Workflow):
        return ["workflow_runs", *(["workflow_jobs"] if rule.jobs else [])]
    if isinstance(rule, config.Releases):
        return ["releases", "tags"]
    return {
        "deployments": ["github_deployments", "deployment_statuses"],
        "tags": ["tags"],
        "merges": ["commits"],
        "file": ["reported_deployments"],
    }[rule.kind]


def change_tables(service: config.Service) -> list[str]:
    """Return the stored tables that the service's changes are made from; from git alone, commits tell all there is."""
    found = ["commits"]
    if service.paths:
        found.append("commit_files")
    if on_github(service):
        found += ["pull_requests", "pull_request_commits"]
    return found


def failure_tables(service: config.Service) -> list[str]:
    """Return the stored tables that the service's failures are made from besides."""
    found: list[str] = []
    for rule in service.incident:
        if isinstance(rule, config.Impact):
            found += level_tables(service)
        else:
            found += ["incidents"] if isinstance(rule, config.File) else ["issues", "issue_labels"]
    if service.rework.labels and on_github(service):
        found.append("issue_labels")
    return list(dict.fromkeys(found))


def level_tables(service: config.Service) -> list[str]:
    """Return the stored tables that the impact of the service's deployments is told from; Prometheus fills them."""
    return [*(["service_levels"] if service.slo else []), *(["latency_buckets"] if service.latency else [])]


def needed_tables(service: config.Service) -> set[str]:
    """Return every stored table that GitHub, a clone or files must fill for the service.

    It is what its rules read (but for what Prometheus knows), and where they look things up.  Looked up only, so no gap
    in them makes a number partial: the default branch, tags by name, the attempts of runs that made GitHub deployments,
    and the closing events of issues.
    """
    rule = service.deployment
    found = {*deployment_tables(service), *change_tables(service), *failure_tables(service), "branches", "repositories"}
    if isinstance(rule, config.Deployments):
        found.add("workflow_runs")
    if isinstance(rule, config.File):
        found.add("tags")
    if any(isinstance(one, config.Issues) for one in service.incident):
        found.add("issue_events")
    return found - set(level_tables(service))


PHASE_TABLES = {
    "plan": ("issues", "issue_events", "milestones", "pull_requests"),
    "code": ("pull_requests", "pull_request_commits", "pull_request_files", "reviews", "issue_events"),
    "build": ("workflow_runs", "workflow_jobs", "repositories"),
    "test": ("workflow_runs", "workflow_jobs"),
    "release": ("releases", "tags"),
    "deploy": ("github_deployments", "deployment_statuses"),
    "operate": ("pull_request_files",),
    "monitor": (),
}


def phase_tables(service: config.Service, phases: Iterable[str]) -> set[str]:
    """Return the tables of git and GitHub that the metrics of `phases` read, as far as a clone has them."""
    if not on_github(service):
        return {"tags", "commits"}
    return {table for phase in phases for table in PHASE_TABLES[phase]}


def file_rules(service: config.Service) -> list[tuple[str, config.File]]:
    """Return (stored table, rule) for each of the service's rules that reads files."""
    found = [("reported_deployments", service.deployment)] if isinstance(service.deployment, config.File) else []
    return found + [("incidents", rule) for rule in service.incident if isinstance(rule, config.File)]


def environments(service: config.Service) -> list[str]:
    """Return the environments that the service's rule calls production."""
    rule = service.deployment
    if isinstance(rule, config.Deployments | config.File):
        return list(rule.environments)
    return [rule.environment if isinstance(rule, config.Workflow) else PRODUCTION]


def describe(settings: config.Settings) -> list[Row]:
    """Return the rows of the stored table ``services``: what is measured, who owns it, which tables its rules read."""
    return [
        {
            "service": service.name,
            "team": service.team,
            "owners": _json(service.owners) if service.owners else None,
            "repository": service.repository,
            "paths": " ".join(service.paths) or None,
            "environments": " ".join(environments(service)),
            "deployment_rule": _json([service.deployment])[1:-1],
            "incident_rule": _json(service.incident),
            "rework_rule": _json([service.rework])[1:-1],
            "deployment_tables": " ".join(deployment_tables(service)),
            "change_tables": " ".join(change_tables(service)),
            "failure_tables": " ".join(failure_tables(service)) or None,
        }
        for service in settings.service
    ]


def _json(rules: Iterable[BaseModel]) -> str:
    return json.dumps([rule.model_dump(mode="json", by_alias=True) for rule in rules], ensure_ascii=False)
