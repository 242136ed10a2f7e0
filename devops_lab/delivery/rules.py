"""A service's deployment rule, applied to the stored rows: candidate rollouts, in no particular order.

GitHub deployments and workflow runs have modules of their own; releases, tags, merges and reported files are here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from devops_lab import config, patterns
from devops_lab.delivery import github_deployments, workflows
from devops_lab.delivery.rollouts import (
    CANCELLED,
    FAILURE,
    PRODUCTION,
    SUCCESS,
    Part,
    Rollout,
    Row,
    join,
)
from devops_lab.store import Store

Tables = Mapping[str, Sequence[Row]]

MAINLINES = ("main", "master", "trunk")
_RUNS = (
    "select id, run_attempt, workflow, path, event, status, conclusion, branch, sha, triggered_by_sha, created_at, "
    "started_at, updated_at, url from workflow_runs where repository = $repository"
)
_JOBS = (
    "select id, run_id, run_attempt, name, status, conclusion, created_at, started_at, completed_at from workflow_jobs "
    "where repository = $repository"
)
_FILES = "select sha, path from commit_files where repository = $repository"


def read(store: Store, service: config.Service) -> dict[str, list[Row]]:
    """Return the stored rows that the service's deployment rule looks at, by table; commits are not among them."""
    rule, repository = service.deployment, service.repository

    def rows(table: str) -> list[Row]:
        return store.rows(f"select * from {table} where repository = $repository", repository=repository)  # noqa: S608

    if isinstance(rule, config.Deployments):
        runs = store.rows(
            f"{_RUNS} and id in (select run_id from github_deployments where repository = $repository)",
            repository=repository,
        )
        return {
            "github_deployments": rows("github_deployments"),
            "deployment_statuses": rows("deployment_statuses"),
            "workflow_runs": runs,
        }
    if isinstance(rule, config.Workflow):
        jobs = _matched_jobs(store.arrow(_JOBS, repository=repository), rule) if rule.jobs else []
        return {"workflow_runs": store.rows(_RUNS, repository=repository), "workflow_jobs": jobs}
    if isinstance(rule, config.Merges):
        files = store.rows(_FILES, repository=repository) if service.paths else []
        return {"branches": rows("branches"), "repositories": rows("repositories"), "commit_files": files}
    if isinstance(rule, config.File):
        reported = store.rows("select * from reported_deployments where service = $service", service=service.name)
        return {"reported_deployments": reported, "tags": rows("tags")}
    return {"tags": rows("tags"), "releases": rows("releases") if isinstance(rule, config.Releases) else []}


def _matched_jobs(jobs: pa.Table, rule: config.Workflow) -> list[Row]:
    """Return the jobs the rule names; names are few, so each is matched once however many jobs there are."""
    names = [name for name in pc.unique(jobs["name"]).to_pylist() if patterns.job_matches(name, rule.jobs)]
    return jobs.filter(pc.is_in(jobs["name"], value_set=pa.array(names, pa.string()))).to_pylist()


def rollouts(service: config.Service, tables: Tables, commits: Mapping[str, Row]) -> list[Rollout]:
    """Return the candidate rollouts of the service's rule.

    `tables` holds the rows that `read` returns; `commits` the repository's commits by sha (parents, committed_at).
    """
    rule = service.deployment
    if isinstance(rule, config.Deployments):
        return github_deployments.rollouts(
            rule, tables["github_deployments"], tables["deployment_statuses"], tables["workflow_runs"]
        )
    if isinstance(rule, config.Workflow):
        return workflows.rollouts(rule, tables["workflow_runs"], tables["workflow_jobs"])
    if isinstance(rule, config.Releases):
        return _releases(rule, tables["releases"], tables["tags"])
    if isinstance(rule, config.Tags):
        return _tags(rule, tables["tags"])
    if isinstance(rule, config.Merges):
        return _merges(service, rule, tables, commits)
    return _reported(rule, tables["reported_deployments"], tables["tags"])


def _releases(rule: config.Releases, releases: Iterable[Row], tags: Iterable[Row]) -> list[Rollout]:
    """Published releases, dated ``published_at`` (``created_at`` is the commit's date); drafts never are."""
    shas = {tag["tag"]: tag["sha"] for tag in tags}
    found = []
    for release in releases:
        tag, published = release["tag"], release.get("published_at")
        if published is None or release.get("draft") or (release.get("prerelease") and not rule.prereleases):
            continue
        if patterns.matches(tag, rule.tags):
            part = Part(
                f"release:{tag}", SUCCESS, published, published, PRODUCTION, shas.get(tag), tag, release.get("url")
            )
            found.append(join(part.id, [part], [tag]))
    return [rollout for rollout in found if rollout is not None]


def _tags(rule: config.Tags, tags: Iterable[Row]) -> list[Rollout]:
    """Tags, dated by their tagger or else their commit.

    Two matching tags on one commit are two deployments: the patterns say which tags are.
    """
    found = []
    for row in tags:
        tag, tagged = row["tag"], row.get("tagged_at")
        if tagged is not None and patterns.matches(tag, rule.tags):
            part = Part(f"tag:{tag}", SUCCESS, tagged, tagged, PRODUCTION, row["sha"], tag)
            found.append(join(part.id, [part], [tag]))
    return [rollout for rollout in found if rollout is not None]


def branch_tips(service: config.Service, rule: config.Merges, tables: Tables) -> dict[str, str]:
    """Return name → sha of the branches that the rule means; none named: the default branch."""
    tips = {row["branch"]: row["sha"] for row in tables["branches"]}
    if rule.branches:
        return {name: tips[name] for name in sorted(tips) if patterns.matches(name, rule.branches)}
    default = next((row.get("default_branch") for row in tables["repositories"]), None)
    for name in (default, *MAINLINES, *(tips if len(tips) == 1 else ())):
        if name in tips:
            return {str(name): tips[str(name)]}
    return {}


def _merges(service: config.Service, rule: config.Merges, tables: Tables, commits: Mapping[str, Row]) -> list[Rollout]:
    """First-parent commits of the branches, dated by their committer; in a monorepo those that bring files in paths."""
    touching = {row["sha"] for row in tables["commit_files"] if patterns.matches(row["path"], service.paths)}
    found, seen = [], set[str]()
    brought = set[str]()
    for branch, tip in branch_tips(service, rule, tables).items():
        chain: list[str] = []
        sha: str | None = tip
        while sha in commits and sha not in seen:
            seen.add(sha)
            chain.append(sha)
            sha = next(iter((commits[sha]["parents"] or "").split()), None)
        for sha in reversed(chain):
            if service.paths and not _brings(sha, commits, brought) & touching:
                continue
            commit = commits[sha]
            moment = commit["committed_at"]
            part = Part(f"merge:{sha}", SUCCESS, moment, moment, PRODUCTION, sha, branch, commit.get("url"))
            found.append(join(part.id, [part]))
    return [rollout for rollout in found if rollout is not None]


def _brings(tip: str, commits: Mapping[str, Row], brought: set[str]) -> set[str]:
    """Return the commits that `tip` leads to and nothing before it did; each commit is met once over all calls."""
    new: set[str] = set()
    todo = [tip]
    while todo:
        sha = todo.pop()
        if sha in commits and sha not in brought:
            brought.add(sha)
            new.add(sha)
            todo.extend((commits[sha]["parents"] or "").split())
    return new


def _reported(rule: config.File, reported: Iterable[Row], tags: Iterable[Row]) -> list[Rollout]:
    """Rows that files or deploy jobs reported, one deployment each; a tag stands for the sha it names."""
    shas = {tag["tag"]: tag["sha"] for tag in tags}
    found = []
    for row in reported:
        environment = row.get("environment") or PRODUCTION
        if not patterns.matches(environment, rule.environments, ignore_case=True):
            continue
        tag = row.get("tag")
        state = row["result"] if row["result"] in (SUCCESS, CANCELLED) else FAILURE
        sha, started = row.get("sha") or shas.get(tag), row.get("started_at") or row["finished_at"]
        part = Part(row["id"], state, started, row["finished_at"], environment, sha, tag, row.get("url"))
        found.append(join(part.id, [part], [f"deployment:{part.id}", *([tag] if tag else [])]))
    return [rollout for rollout in found if rollout is not None]
