"""A service's deployment rule, applied to the stored rows: candidate rollouts, in no particular order.

GitHub deployments and workflow runs have modules of their own; releases, tags, merges and reported files are here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

import pyarrow as pa
import pyarrow.compute as pc

from devops_lab import config, patterns
from devops_lab.delivery import github_deployments, workflows
from devops_lab.delivery.commit_names import Commits
from devops_lab.delivery.facts import Facts
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

_RUNS = (
    "select id, run_attempt, workflow, path, event, status, conclusion, branch, sha, triggered_by_sha, created_at, "
    "started_at, updated_at, url from workflow_runs where repository = $repository"
)
_RUNS_OF_DEPLOYMENTS = f"{_RUNS} and id in (select run_id from github_deployments where repository = $repository)"  # noqa: S608
_JOBS = (
    "select id, run_id, run_attempt, name, status, conclusion, created_at, started_at, completed_at from workflow_jobs "
    "where repository = $repository"
)


def read(store: Store, service: config.Service) -> dict[str, list[Row]]:
    """Return the stored rows that the service's deployment rule looks at, by table; merges need the facts alone."""
    rule, repository = service.deployment, service.repository

    def rows(table: str) -> list[Row]:
        return store.rows(f"select * from {table} where repository = $repository", repository=repository)  # noqa: S608

    if isinstance(rule, config.Deployments):
        return {
            "github_deployments": rows("github_deployments"),
            "deployment_statuses": rows("deployment_statuses"),
            "workflow_runs": store.rows(_RUNS_OF_DEPLOYMENTS, repository=repository),
        }
    if isinstance(rule, config.Workflow):
        jobs = _matched_jobs(store.arrow(_JOBS, repository=repository), rule) if rule.jobs else []
        return {"workflow_runs": store.rows(_RUNS, repository=repository), "workflow_jobs": jobs}
    if isinstance(rule, config.Merges):
        return {}
    if isinstance(rule, config.File):
        reported = store.rows("select * from reported_deployments where service = $service", service=service.name)
        return {"reported_deployments": reported, "tags": rows("tags"), "releases": rows("releases")}
    return {"tags": rows("tags"), "releases": rows("releases") if isinstance(rule, config.Releases) else []}


def _matched_jobs(jobs: pa.Table, rule: config.Workflow) -> list[Row]:
    """Return the jobs the rule names; names are few, so each is matched once however many jobs there are."""
    names = [name for name in pc.unique(jobs["name"]).to_pylist() if patterns.job_matches(name, rule.jobs)]
    return jobs.filter(pc.is_in(jobs["name"], value_set=pa.array(names, pa.string()))).to_pylist()


def rollouts(service: config.Service, tables: Tables, facts: Facts) -> list[Rollout]:
    """Return the candidate rollouts of the service's rule; `tables` holds the rows that `read` returns."""
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
        return _merges(service, rule, facts)
    commits = Commits(service, facts.commits, tables["tags"], tables["releases"])
    return _reported(rule, tables["reported_deployments"], commits)


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


def _merges(service: config.Service, rule: config.Merges, facts: Facts) -> list[Rollout]:
    """First-parent commits of the branches, dated by their committer; in a monorepo those that bring files in paths.

    A branch only ever goes forward here, so none of them is a rollback.
    """
    touching = facts.touching(service.paths) if service.paths else None
    found, seen, brought = [], set[str](), set[str]()
    for branch, tip in branch_tips(rule, facts).items():
        chain = list(takewhile(lambda sha: sha not in seen, facts.graph.first_parents(tip)))
        seen.update(chain)
        for sha in reversed(chain):
            if touching is not None and touching.isdisjoint(_brings(sha, facts, brought)):
                continue
            commit = facts.commits[sha]
            moment = commit["committed_at"]
            part = Part(f"merge:{sha}", SUCCESS, moment, moment, PRODUCTION, sha, branch, commit.get("url"))
            found.append(join(part.id, [part]))
    return [rollout for rollout in found if rollout is not None]


def branch_tips(rule: config.Merges, facts: Facts) -> dict[str | None, str]:
    """Return name → sha of the branches that the rule means; none named: the default branch."""
    if rule.branches:
        return {name: sha for name, sha in sorted(facts.branches.items()) if patterns.matches(name, rule.branches)}
    if facts.default_tip is None:
        return {}
    names = [name for name in (facts.default_branch, *sorted(facts.branches)) if name and name in facts.branches]
    return {next((name for name in names if facts.branches[name] == facts.default_tip), None): facts.default_tip}


def _brings(tip: str, facts: Facts, brought: set[str]) -> set[str]:
    """Return the commits that `tip` leads to and nothing before it did; each commit is met once over all calls."""
    new: set[str] = set()
    todo = [tip]
    while todo:
        sha = todo.pop()
        if sha not in brought:
            brought.add(sha)
            new.add(sha)
            todo.extend(facts.graph.parents(sha))
    return new


def _reported(rule: config.File, reported: Iterable[Row], commits: Commits) -> list[Rollout]:
    """Rows that files or deploy jobs reported, one deployment each, of the commit that their sha, tag or version means.

    What means no commit keeps the sha it named, which is unknown here then; `unresolved` tells of it.
    """
    found = []
    for row in reported:
        environment = row.get("environment") or PRODUCTION
        if not patterns.matches(environment, rule.environments, ignore_case=True):
            continue
        tag = row.get("tag")
        state = row["result"] if row["result"] in (SUCCESS, CANCELLED) else FAILURE
        sha, tags = commits.of(row)
        started = row.get("started_at") or row["finished_at"]
        part = Part(
            row["id"], state, started, row["finished_at"], environment, sha or row.get("sha"), tag, row.get("url")
        )
        names = [f"deployment:{part.id}", *([tag] if tag else []), *tags]
        found.append(join(part.id, [part], names))
    return [rollout for rollout in found if rollout is not None]
