"""The practice server's writes of deployments: a job records that something is deployed, and how it went."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException

from devops_lab.practice.server.answers import Json
from devops_lab.practice.server.commits import history, resolved
from devops_lab.practice.server.view import instant_of, newest_first
from devops_lab.practice.server.writing import Command, Done, Write, invalid

LONGEST_DESCRIPTION = 140
STATES = ["error", "failure", "inactive", "in_progress", "queued", "pending", "success"]
CREATE: Json = {
    "type": "object",
    "required": ["ref"],
    "properties": {
        "ref": {"type": "string"},
        "task": {"type": "string"},
        "auto_merge": {"type": "boolean"},
        "required_contexts": {"type": "array", "nullable": True, "items": {"type": "string"}},
        "payload": {"anyOf": [{"type": "object"}, {"type": "string"}]},
        "environment": {"type": "string"},
        "description": {"type": "string", "nullable": True},
        "transient_environment": {"type": "boolean"},
        "production_environment": {"type": "boolean"},
    },
}
STATUS: Json = {
    "type": "object",
    "required": ["state"],
    "properties": {
        "state": {"type": "string", "enum": STATES},
        **{name: {"type": "string"} for name in ("target_url", "log_url", "description", "environment")},
        "environment_url": {"type": "string"},
        "auto_inactive": {"type": "boolean"},
    },
}


def create(command: Command) -> Done:
    """Record a deployment of a branch, tag or sha.

    409 where ``auto_merge`` (GitHub's default) would have to merge the default branch into the one named: nothing is
    merged here.  Commit statuses are not asked for.
    """
    body, ref = command.body, command.body["ref"]
    sha = resolved(command.ask.view, ref)
    if sha is None:
        raise HTTPException(422, f"No ref found for: {ref[:200]}")
    if body.get("auto_merge", True):
        _check_merged(command, ref, sha)
    name = body.get("environment") or "production"
    number, environment = command.fresh("deployments"), _environment(command, name)
    url = f"{command.url}/deployments/{number}"
    raw = {
        "url": url,
        "id": number,
        "node_id": f"DE_{number}",
        "sha": sha,
        "ref": ref,
        "task": body.get("task") or "deploy",
        "payload": body.get("payload", {}),
        "original_environment": environment,
        "environment": environment,
        "description": body.get("description") or None,
        "creator": command.actor,
        "created_at": command.at,
        "updated_at": command.at,
        "statuses_url": f"{url}/statuses",
        "repository_url": command.url,
        "transient_environment": body.get("transient_environment", False),
        "production_environment": body.get("production_environment", environment == "production"),
        "performed_via_github_app": None,
    }
    return Done(201, command.add("deployments", raw), url)


def _check_merged(command: Command, ref: str, sha: str) -> None:
    """Raise 409 where a branch lacks commits of the default branch."""
    view = command.ask.view
    main = str(view.repository["default_branch"])
    head = resolved(view, f"refs/heads/{main}")
    branches = {raw["name"] for raw in view.items("branches")}
    if head is None or ref.removeprefix("refs/heads/") not in branches - {main}:
        return
    if head not in {raw["sha"] for raw in history(view, sha)}:
        raise HTTPException(409, f"Conflict merging {main} into {ref}.")


def _environment(command: Command, name: str) -> str:
    """Return an environment's name as it is known; one that is new is made."""
    for raw in command.ask.view.items("environments"):
        if raw["name"].casefold() == name.casefold():
            return str(raw["name"])
    number = command.fresh("environments")
    raw = {
        "id": number, "node_id": f"EN_{number}", "name": name, "url": f"{command.url}/environments/{name}",
        "html_url": f"{command.web}/deployments/activity_log?environments_filter={name}", "created_at": command.at,
        "updated_at": command.at, "protection_rules": [], "deployment_branch_policy": None,
    }  # fmt: skip
    command.objects["environments"] = [*(command.objects.get("environments") or []), raw]
    return name


def add_status(command: Command) -> Done:
    """Record how a deployment goes.

    A success turns those before it in the same environment inactive, where their last state was a success and they are
    not transient; ``auto_inactive: false`` leaves them.
    """
    body = command.body
    own = command.ask.view.one("deployments", "id", command.ask.number("id"))
    if len(body.get("description") or "") > LONGEST_DESCRIPTION:
        words = f"description is too long (maximum is {LONGEST_DESCRIPTION} characters)"
        raise invalid("DeploymentStatus", "description", "custom", words)
    if body["state"] == "success" and body.get("auto_inactive", True):
        for raw in command.ask.view.items("deployments"):
            if _is_replaced(command, raw, own, body.get("environment") or own["environment"]):
                _record(command, raw, {"state": "inactive"})
    raw = _record(command, own, body)
    return Done(201, raw, raw["url"])


def _is_replaced(command: Command, raw: Json, by: Json, environment: str) -> bool:
    if raw["environment"] != environment or raw.get("transient_environment"):
        return False
    if (instant_of(raw, "created_at"), raw["id"]) >= (instant_of(by, "created_at"), by["id"]):
        return False
    statuses = newest_first(command.ask.view.under("deployment_statuses", raw["id"]))
    return bool(statuses) and statuses[0]["state"] == "success"


def _record(command: Command, deployment: Json, body: Any) -> Json:
    number = command.fresh("deployment_statuses")
    url, log = deployment["url"], body.get("log_url") or body.get("target_url") or ""
    raw: Json = {
        "url": f"{url}/statuses/{number}",
        "id": number,
        "node_id": f"DES_{number}",
        "state": body["state"],
        "creator": command.actor,
        "description": body.get("description") or "",
        "environment": body.get("environment") or deployment["environment"],
        "target_url": log,
        "created_at": command.at,
        "updated_at": command.at,
        "deployment_url": url,
        "repository_url": command.url,
        "environment_url": body.get("environment_url") or "",
        "log_url": log,
        "performed_via_github_app": None,
    }
    command.add_under("deployment_statuses", deployment["id"], raw)
    command.replace("deployments", {**deployment, "environment": raw["environment"], "updated_at": command.at})
    return raw


WRITES = (
    Write("POST", "/deployments", "deployments", create, 201, CREATE, "Deployment", statuses=(409,), creates=True),
    Write(
        "POST", "/deployments/{id}/statuses", "deployments", add_status, 201, STATUS, "DeploymentStatus", creates=True
    ),
)
