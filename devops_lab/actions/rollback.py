"""Which version was good before, by the store, and how the workflow that deploys takes it: an input, or a tag."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from devops_lab.actions import reading
from devops_lab.actions.connection import Server
from devops_lab.actions.declaration import Declaration, says_where
from devops_lab.config import Service, Settings, Workflow
from devops_lab.errors import QuestionError, UserError
from devops_lab.patterns import SPECIAL
from devops_lab.store import Store

OF_COMMIT = ("sha", "commit", "commit_sha", "git_sha", "revision", "ref", "git_ref")
GOOD = """
select d.id, d.sha, d.ref, d.finished_at
from deployments d
where d.service = $service and lower(d.environment) = lower($environment) and d.result = 'success'
and d.excluded is null and d.sha is not null
order by d.finished_at desc, d.id desc
"""
BAD = """
select distinct deployment_id from failures
where service = $service and deployment_id is not null and excluded is null
"""
LAST = """
select r.path, count(*) as n from workflow_runs r
where r.repository = $repository and r.sha = $sha and r.event = 'workflow_dispatch' and r.path is not null
group by r.path order by n desc, r.path
"""
TAGS = """
select tag from tags where repository = $repository and sha = $sha
order by coalesce(tagged_at <= $then, false) desc, tagged_at desc nulls last, tag
"""


@dataclass(frozen=True)
class Back:
    """What a rollback starts: the workflow on `ref` with `inputs` brings `sha` back in the place of `from_sha`."""

    repository: str
    workflow: str
    ref: str
    inputs: dict[str, Any] = field(default_factory=dict)
    sha: str = ""
    from_sha: str = ""
    deployment_id: str = ""


def previous_good(
    settings: Settings, store: Store, server: Server, service: str, environment: str, workflow: str | None = None
) -> Back:
    """Return how to go back to the latest earlier deployment of another sha with no failure to its name.

    The workflow is the rule's, else the one dispatched most for the version that is there now.  It takes a version by
    an input for a commit, else it runs on that commit's tag.

    Errors: QuestionError where the store knows no such version or workflow, or the workflow cannot take it.
    """
    own = next((one for one in settings.service if one.name == service), None)
    if own is None:
        raise QuestionError(f"there is no service {service!r}; services: {', '.join(s.name for s in settings.service)}")
    rows = store.rows(GOOD, service=service, environment=environment)
    failed = {row["deployment_id"] for row in store.rows(BAD, service=service)}
    if not rows:
        raise QuestionError(f"the store knows no successful deployment of {service} to {environment}; sync first")
    now = rows[0]
    before = next((row for row in rows if row["sha"] != now["sha"] and row["id"] not in failed), None)
    if before is None:
        raise QuestionError(f"the store knows no good version of {service} in {environment} before {now['sha'][:9]}")
    name = workflow or _workflow(own, store, str(now["sha"]))
    found = reading.workflow_of(server, own.repository, name)
    main = str(server.get(f"/repos/{own.repository}")["default_branch"])
    path = str(found["path"])
    declared = reading.declaration_of(server, own.repository, path, main)
    inputs: dict[str, Any] = _environment(declared, environment)
    ref = main
    taken = next((one for one in OF_COMMIT if one in declared.inputs), None)
    if taken is not None:
        inputs[taken] = before["sha"]
    else:
        ref = _tag(store, own, before)
    return Back(own.repository, path, ref, inputs, str(before["sha"]), str(now["sha"]), str(before["id"]))


def _workflow(service: Service, store: Store, sha: str) -> str:
    rule = service.deployment
    if isinstance(rule, Workflow) and not set(rule.workflow) & SPECIAL:
        return rule.workflow
    rows = store.rows(LAST, repository=service.repository, sha=sha)
    if not rows:
        raise QuestionError(
            f"it cannot be told which workflow deploys {service.name}: no dispatched run of {sha[:9]} is known; name it"
        )
    return str(rows[0]["path"])


def _environment(declared: Declaration, environment: str) -> dict[str, Any]:
    """Return the input that says where to, where the workflow has one."""
    for name, own in declared.inputs.items():
        if says_where(own):
            like = [one for one in own.options if one.casefold() == environment.casefold()]
            return {name: like[0] if like else environment}
    return {}


def _tag(store: Store, service: Service, before: dict[str, Any]) -> str:
    """Return the tag of what was deployed before: the newest that was there then, else any of that commit."""
    rows = store.rows(TAGS, repository=service.repository, sha=before["sha"], then=before["finished_at"])
    if not rows:
        raise UserError(
            f"the workflow has no input for a commit ({', '.join(OF_COMMIT)}) and {str(before['sha'])[:9]} has no tag "
            "to start it on; give it one of these"
        )
    return str(rows[0]["tag"])
