"""The practice server's dispatches: a workflow is started on a branch or tag with inputs that its own file declares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

from devops_lab.practice.server.actions import workflow_of
from devops_lab.practice.server.answers import Json
from devops_lab.practice.server.commits import refs, resolved
from devops_lab.practice.server.pipelines import NO_PIPELINES
from devops_lab.practice.server.view import View
from devops_lab.practice.server.workflow_file import dispatch_inputs, document
from devops_lab.practice.server.writing import Command, Done, Write

NO_TRIGGER = "Workflow does not have 'workflow_dispatch' trigger"
DISABLED = "Cannot trigger a 'workflow_dispatch' on a disabled workflow"
MOST_INPUTS = 25
TRUE = ("true", "false")


def dispatch(command: Command) -> Done:
    """Start a workflow; 204, or 200 with the run's addresses where ``return_run_details`` is asked for."""
    ask = command.ask
    own = workflow_of(ask)
    ref, sha = _target(ask.view, command.body["ref"])
    if own.get("state", "active") != "active":
        raise HTTPException(422, DISABLED)
    if command.pipelines is None:
        raise HTTPException(422, NO_PIPELINES)
    declared = dispatch_inputs(document(ask.view, sha, own["path"]))
    if declared is None:
        raise HTTPException(422, NO_TRIGGER)
    inputs = chosen(declared, command.body.get("inputs") or {})
    number = command.drive(lambda pipelines: pipelines.dispatch(ask.view.name, own, ref, sha, inputs, command.actor))
    if not (command.body.get("return_run_details") or ask.query.get("return_run_details") == "true"):
        return Done(204)
    details = {
        "workflow_run_id": number,
        "run_url": f"{command.url}/actions/runs/{number}",
        "html_url": f"{command.web}/actions/runs/{number}",
    }
    return Done(200, details)


def _target(view: View, name: str) -> tuple[str, str]:
    """Return the whole name and the sha of a branch or tag; 422 for anything else."""
    known = refs(view)
    tags = {f"refs/tags/{raw['name']}" for raw in view.items("tags")}
    for whole in (name, f"refs/heads/{name}", f"refs/tags/{name}"):
        if whole.startswith("refs/") and (whole in known or whole in tags):
            sha = resolved(view, whole)
            if sha is not None:
                return whole, sha
    raise HTTPException(422, f"No ref found for: {name[:200]}")


def chosen(declared: Mapping[str, Json], given: Mapping[str, Any]) -> dict[str, str]:
    """Return the inputs of a run as text, completed with their defaults; 422 in GitHub's words where they do not fit.

    A boolean without default is "false", all else that is neither given nor has a default is "".
    """
    unknown = [name for name in given if name not in declared]
    if unknown:
        raise HTTPException(422, f"Unexpected inputs provided: {json.dumps(unknown, ensure_ascii=False)}")
    found = {}
    for name, value in given.items():
        if not isinstance(value, str | bool | int | float):
            text = "nil" if value is None else json.dumps(value, ensure_ascii=False)[:200]
            raise HTTPException(422, f"Invalid request.\n\nFor 'inputs/{name}', {text} is not a string.")
    for name, own in declared.items():
        default = own.get("default")
        if name not in given and default is None and own.get("required"):
            raise HTTPException(422, f"Required input '{name}' not provided")
        value = _text(given.get(name, default))
        if name in given:
            _check(name, own, value)
        found[name] = "false" if not value and own.get("type") == "boolean" else value
    return found


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check(name: str, own: Json, value: str) -> None:
    kind = own.get("type", "string")
    if own.get("required") and value == "":
        raise HTTPException(422, f"Required input '{name}' not provided")
    options = [_text(one) for one in own.get("options") or []] if kind == "choice" else None
    if options is not None and value not in options:
        raise HTTPException(422, f"Provided value '{value}' for input '{name}' not in the list of allowed values")
    if kind == "boolean" and value not in TRUE:
        raise HTTPException(422, f"Provided value '{value}' for input '{name}' is not a boolean")
    if kind == "number" and not _is_number(value):
        raise HTTPException(422, f"Provided value '{value}' for input '{name}' is not a number")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


SCHEMA: Json = {
    "type": "object",
    "required": ["ref"],
    "additionalProperties": False,
    "properties": {
        "ref": {"type": "string"},
        "inputs": {"type": "object", "maxProperties": MOST_INPUTS},
        "return_run_details": {"type": "boolean"},
    },
}
WRITES = (
    Write(
        "POST", "/actions/workflows/{workflow}/dispatches", "actions", dispatch, 204, SCHEMA, "WorkflowRun",
        statuses=(200,), query=("return_run_details",), creates=True,
    ),
)  # fmt: skip
