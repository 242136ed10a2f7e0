"""One service from its stored rows to its deployments, their impacts, changes, incidents and failures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from devops_lab import config
from devops_lab.delivery import changes, released, rules
from devops_lab.delivery.attribution import BY_CORRECTION, Court, rework
from devops_lab.delivery.commit_names import unresolved
from devops_lab.delivery.corrections import Correction
from devops_lab.delivery.impact import impacts
from devops_lab.delivery.impact_incidents import from_impacts
from devops_lab.delivery.impact_steps import Levels
from devops_lab.delivery.incidents import from_issues
from devops_lab.delivery.references import History, by_run, words
from devops_lab.delivery.remedies import Finder, said
from devops_lab.delivery.rollouts import Rollout, Row, in_order, link
from devops_lab.store import Store

_READ = {
    "issues": "select * from issues where repository = $repository",
    "issue_labels": "select number, label, is_pull_request from issue_labels where repository = $repository",
    "closings": "select number, event, created_at from issue_events "
    "where repository = $repository and event = 'closed'",
    "published": "select tag, published_at, draft, prerelease from releases where repository = $repository",
    "tagged": "select tag, sha, tagged_at from tags where repository = $repository",
    "incidents": "select * from incidents where service = $service and source not in ('delivery', 'inferred')",
}


@dataclass
class Derived:
    """The derived rows of one service, and what people should be told; `inferred` are incidents nobody reported."""

    deployments: list[Row] = field(default_factory=list)
    changes: list[Row] = field(default_factory=list)
    incidents: list[Row] = field(default_factory=list)
    impacts: list[Row] = field(default_factory=list)
    inferred: list[Row] = field(default_factory=list)
    failures: list[Row] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def read(store: Store, service: config.Service) -> dict[str, list[Row]]:
    """Return the stored rows that `derived` needs besides the repository's facts, by name."""
    found = {name: store.rows(sql, repository=service.repository, service=service.name) for name, sql in _READ.items()}
    return {**found, **rules.read(store, service)}


def derived(
    service: config.Service,
    facts: changes.Facts,
    tables: rules.Tables,
    corrections: Sequence[Correction] = (),
    levels: Levels | None = None,
    reach: datetime | None = None,
) -> Derived:
    """Return what the service's rules make of the stored rows; the same rows in another order give the same answer.

    `corrections` in the order they were made; those of other services are passed over.  `levels` are the service's
    stored levels, `reach` how far any service's go; without them there are no impacts.
    """
    answer = Derived()
    rollouts = sorted(rules.rollouts(service, tables, facts), key=lambda rollout: rollout.id)
    answer.warnings += unresolved(service, rollouts, facts, tables.get("tags", ()))
    planned = _correct_rollouts(service, rollouts, corrections, answer.warnings)
    link(rollouts, facts.graph, getattr(service.deployment, "rollbacks", False))
    kind = service.deployment.kind
    answer.deployments = [rollout.row(service.name, service.repository, kind) for rollout in rollouts]
    answer.changes = changes.changes(service, facts, answer.deployments)
    released.land(facts, answer.changes)
    shipped = released.releases(service, tables.get("published", ()), tables.get("tagged", ()))
    released.mark(facts, answer.changes, shipped)
    pulled = {row["sha"]: number for number, rows in facts.pull_commits.items() for row in rows}
    history = History(service.repository, answer.deployments, answer.changes, _names(rollouts), pulled)

    issues = _issues(service, tables)
    stored = {row["id"]: dict(row) for row in tables["incidents"]}
    incidents = {**{row["id"]: row for row in issues}, **stored}
    inferred = _infer(service, answer, levels, reach, incidents)
    charged = _correct_incidents(service, incidents, history, corrections, answer.warnings)
    answer.incidents = [incidents[row["id"]] for row in issues if row["id"] not in stored]
    answer.inferred = [incidents[row["id"]] for row in inferred.values()]
    accused = {row["id"]: deployment for deployment, row in inferred.items()}
    _failures(service, facts, tables, history, incidents, (charged, accused), planned, answer)
    answer.warnings = list(dict.fromkeys(answer.warnings))
    return answer


def _names(rollouts: Sequence[Rollout]) -> dict[str, str]:
    places = {rollout.id: place for place, rollout in enumerate(in_order(rollouts))}
    return by_run(((rollout.id, rollout.names) for rollout in rollouts), places)


def _issues(service: config.Service, tables: rules.Tables) -> list[Row]:
    found: dict[str, Row] = {}
    for rule in service.incident:
        if isinstance(rule, config.Issues):
            made = from_issues(service, rule, tables["issues"], tables["issue_labels"], tables["closings"])
            found |= {row["id"]: row for row in made if row["id"] not in found}
    return [found[id] for id in sorted(found)]


def _infer(
    service: config.Service, answer: Derived, levels: Levels | None, reach: datetime | None, incidents: dict[str, Row]
) -> dict[str, Row]:
    """Judge the deployments; put what is inferred from that among the incidents, and return it by deployment."""
    if levels is not None:
        answer.impacts = impacts(service.name, service.repository, answer.deployments, levels, reach)
    if not any(isinstance(rule, config.Impact) for rule in service.incident):
        return {}
    inferred = from_impacts(answer.impacts, incidents.values())
    incidents |= {row["id"]: row for row in inferred.values()}
    return inferred


def _failures(
    service: config.Service,
    facts: changes.Facts,
    tables: rules.Tables,
    history: History,
    incidents: Mapping[str, Row],
    charges: tuple[Mapping[str, str], Mapping[str, str]],
    planned: Mapping[str, bool],
    answer: Derived,
) -> None:
    ordered = [incidents[id] for id in sorted(incidents)]
    labels = [row for row in tables["issue_labels"] if row["is_pull_request"]]
    finder = Finder(
        service.rework,
        history,
        said(history, facts.commits, facts.pulls, facts.pull_commits, labels),
        {row["id"]: row for row in ordered if not row.get("not_a_change")},
        _fixed_by(history, ordered),
        {*facts.commits, *(f"#{number}" for number in facts.pulls)},
    )
    remedies = [one for one in finder.remedies() if not (one.id == one.deployment_id and planned.get(one.id) is False)]
    answer.failures = Court(service, history, charges[0], answer.warnings, charges[1]).failures(ordered, remedies)
    unplanned = rework(service, history, remedies, planned)
    for row in answer.deployments:
        if row["id"] in unplanned:
            row["unplanned"], row["unplanned_reason"] = unplanned[row["id"]]


def _fixed_by(history: History, incidents: Iterable[Row]) -> dict[str, set[str]]:
    """Return change or deployment id → the incidents that name it as their remedy."""
    found: dict[str, set[str]] = defaultdict(set)
    for incident in incidents:
        for text in words(incident.get("fixed_by")):
            row = history.change(text)
            if row is not None and row["change_id"] in history.result:
                found[row["change_id"]].add(incident["id"])
                continue
            _, deployment = history.named(text)
            if deployment is not None:
                found[deployment].add(incident["id"])
    return found


def _correct_rollouts(
    service: config.Service,
    rollouts: Sequence[Rollout],
    corrections: Iterable[Correction],
    warnings: list[str],
) -> dict[str, bool]:
    """Put people's corrections on the rollouts; return deployment id → unplanned where they said so."""
    by_id, names = {rollout.id: rollout for rollout in rollouts}, _names(rollouts)
    planned: dict[str, bool] = {}
    for one in corrections:
        if (one.service, one.kind) != (service.name, "deployment"):
            continue
        rollout = by_id.get(names.get(one.id, one.id))
        if rollout is None:
            warnings.append(
                f"corrections.toml: service {one.service!r} has no deployment {one.id!r}; it corrects nothing"
            )
            continue
        if "excluded" in one.values:
            rollout.excluded = BY_CORRECTION if one.values["excluded"] else None
        if "unplanned" in one.values:
            planned[rollout.id] = one.values["unplanned"]
        if "result" in one.values and rollout.finished_at is not None:
            rollout.result = one.values["result"]
        elif "result" in one.values:
            warnings.append(
                f"corrections.toml: deployment {one.id!r} has not ended; its result cannot be corrected yet"
            )
    return planned


def _correct_incidents(
    service: config.Service,
    incidents: dict[str, Row],
    history: History,
    corrections: Iterable[Correction],
    warnings: list[str],
) -> dict[str, str]:
    """Put people's corrections on the incidents; return incident id → the deployment they charged."""
    charged: dict[str, str] = {}
    for one in corrections:
        if (one.service, one.kind) != (service.name, "incident"):
            continue
        id = one.id if one.id in incidents else f"{service.repository}{one.id}"
        if id not in incidents:
            warnings.append(
                f"corrections.toml: service {one.service!r} has no incident {one.id!r}; it corrects nothing"
            )
            continue
        values: dict[str, Any] = dict(one.values)
        deployment = values.pop("deployment", None)
        if deployment is not None:
            _, found = history.named(deployment)
            if found is None:
                warnings.append(
                    f"corrections.toml: incident {one.id!r} is charged to {deployment!r}, which is no deployment of "
                    f"service {one.service!r}"
                )
            else:
                charged[id] = found
        incidents[id] = {**incidents[id], **values}
    return charged


def strangers(corrections: Iterable[Correction], services: Collection[str]) -> list[str]:
    """Return a warning for each correction of a service that lab.toml does not have."""
    return [
        f"corrections.toml: there is no service {one.service!r} (it corrects {one.kind} {one.id!r}); "
        f"services: {', '.join(sorted(services)) or 'none'}"
        for one in corrections
        if one.service not in services
    ]
