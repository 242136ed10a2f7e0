"""What each rule of a service matches in the store, and the nearest misses of one that matches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from devops_lab import config, patterns
from devops_lab.delivery.rollouts import PRODUCTION
from devops_lab.delivery.workflows import PULL_REQUEST_EVENTS
from devops_lab.store import Store


@dataclass(frozen=True)
class Hit:
    """One list of patterns of a rule: things `matched` among things `seen`; `nearest` names when nothing matched."""

    rule: str
    matched: int
    seen: int
    nearest: list[str]

    def __str__(self) -> str:
        if self.matched:
            return f"{self.rule}: {self.matched} of {self.seen}"
        if not self.seen:
            return f"{self.rule}: nothing to match; the store has none yet"
        near = f"; nearest: {', '.join(map(repr, self.nearest))}" if self.nearest else "; no name is like it"
        return f"{self.rule}: matches none of {self.seen}{near}"


Counts = dict[str, int]


def hits(store: Store, service: config.Service) -> list[Hit]:
    """Return one `Hit` per list of patterns in the service's rules, in the order of lab.toml.

    Things are counted, not names: 300 deployments to one environment are 300.
    """
    look = _Look(store, service)
    found = look.of_deployments(service.deployment)
    if service.paths:
        found.append(look.count("paths", service.paths, _FILES))
    for rule in service.incident:
        if isinstance(rule, config.Issues):
            found.append(look.count("incident: labels", rule.labels, _ISSUE_LABELS, ignore_case=True))
        elif isinstance(rule, config.Impact):
            found.append(look.of_impacts())
        else:
            seen = store.rows(
                "select count(*) as n from incidents where service = $service "
                "and source not in ('delivery', 'inferred')",
                service=service.name,
            )[0]["n"]
            found.append(Hit(f"incident: file {rule.path}", seen, seen, []))
    if service.rework.labels:
        found.append(look.count("rework: labels", service.rework.labels, _PULL_LABELS, ignore_case=True))
    if service.rework.branches:
        found.append(look.count("rework: branches", service.rework.branches, _HEADS))
    return found


_FILES = "select path as name, count(*) as n from commit_files where repository = $repository group by path"
_ISSUE_LABELS = (
    "select label as name, count(*) as n from issue_labels where repository = $repository and not is_pull_request "
    "group by label"
)
_PULL_LABELS = (
    "select label as name, count(*) as n from issue_labels where repository = $repository and is_pull_request "
    "group by label"
)
_HEADS = (
    "select head_ref as name, count(*) as n from (select head_ref from pull_requests where repository = $repository "
    "union all select head_ref from commits where repository = $repository) where head_ref is not null "
    "group by head_ref"
)
_ENVIRONMENTS = (
    "select environment as name, count(*) as n from github_deployments where repository = $repository "
    "group by environment"
)
_REPORTED = (
    "select coalesce(environment, $production) as name, count(*) as n from reported_deployments "
    "where service = $service group by coalesce(environment, $production)"
)
_RELEASES = (
    "select tag as name, count(*) as n from releases where repository = $repository and published_at is not null "
    "and coalesce(draft, false) = false and (coalesce(prerelease, false) = false or $prereleases) group by tag"
)
_TAGS = "select tag as name, count(*) as n from tags where repository = $repository group by tag"
_BRANCHES = "select branch as name, count(*) as n from branches where repository = $repository group by branch"
_RUNS = (
    "select workflow, path, branch, event, count(*) as n from workflow_runs where repository = $repository "
    "group by workflow, path, branch, event"
)
_JOBS = "select name, count(*) as n from workflow_jobs where repository = $repository group by name"


class _Look:
    def __init__(self, store: Store, service: config.Service) -> None:
        self.store, self.service = store, service

    def names(self, sql: str, **parameters: object) -> Counts:
        rows = self.store.rows(
            sql,
            repository=self.service.repository,
            service=self.service.name,
            production=PRODUCTION,
            **parameters,
        )
        return {row["name"]: row["n"] for row in rows}

    def count(self, rule: str, wanted: Sequence[str], sql: str, ignore_case: bool = False, **parameters: object) -> Hit:
        names = self.names(sql, **parameters)
        matched = [name for name in names if patterns.matches(name, wanted, ignore_case)]
        return _hit(rule, wanted, names, matched)

    def of_impacts(self) -> Hit:
        """Return how many deployments that could be judged were worse."""
        judged = "select verdict as name, count(*) as n from impacts where service = $service and verdict is not null "
        names = self.names(f"{judged} group by verdict")
        return Hit("incident: impact", names.get("worse", 0), sum(names.values()), [])

    def of_deployments(self, rule: config.DeploymentRule) -> list[Hit]:
        if isinstance(rule, config.Deployments):
            return [self.count("deployment: environments", rule.environments, _ENVIRONMENTS, ignore_case=True)]
        if isinstance(rule, config.File):
            return [self.count("deployment: environments", rule.environments, _REPORTED, ignore_case=True)]
        if isinstance(rule, config.Releases):
            return [self.count("deployment: tags of releases", rule.tags, _RELEASES, prereleases=rule.prereleases)]
        if isinstance(rule, config.Tags):
            return [self.count("deployment: tags", rule.tags, _TAGS)]
        if isinstance(rule, config.Workflow):
            return self._of_workflow(rule)
        names = self.names(_BRANCHES)
        if rule.branches:
            return [self.count("deployment: branches", rule.branches, _BRANCHES)]
        return [Hit("deployment: the default branch", min(len(names), 1), len(names), [])]

    def _of_workflow(self, rule: config.Workflow) -> list[Hit]:
        rows = self.store.rows(_RUNS, repository=self.service.repository)
        workflows: Counts = {}
        matched: set[str] = set()
        branches: Counts = {}
        for row in rows:
            file = (row["path"] or "").rsplit("/", 1)[-1]
            name = file or row["workflow"] or ""
            workflows[name] = workflows.get(name, 0) + row["n"]
            if any(patterns.matches(one, [rule.workflow]) for one in (row["workflow"], row["path"], file)):
                matched.add(name)
                if not (row["event"] or "").startswith(PULL_REQUEST_EVENTS):
                    branch = row["branch"] or ""
                    branches[branch] = branches.get(branch, 0) + row["n"]
        also = {row["workflow"] for row in rows if row["workflow"]} - workflows.keys()
        found = [_hit("deployment: workflow", [rule.workflow], workflows, matched, also)]
        if rule.branches:
            fitting = [name for name in branches if patterns.matches(name, rule.branches)]
            found.append(_hit("deployment: branches", rule.branches, branches, fitting))
        if rule.jobs:
            jobs = self.names(_JOBS)
            found.append(
                _hit("deployment: jobs", rule.jobs, jobs, [n for n in jobs if patterns.job_matches(n, rule.jobs)])
            )
        return found


def _hit(rule: str, wanted: Sequence[str], names: Counts, matched: Iterable[str], also: Iterable[str] = ()) -> Hit:
    count = sum(names[name] for name in matched)
    near = [] if count else patterns.nearest(wanted, [*names, *also])
    return Hit(f"{rule} {', '.join(wanted)}", count, sum(names.values()), near)
