"""What is read before something is started: the workflow, its file at the ref, what lab.toml says it deploys."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import quote, urlsplit

from devops_lab.actions.connection import Server
from devops_lab.actions.declaration import UNTOLD, Declaration, declared, environments_in
from devops_lab.actions.texts import plain_line
from devops_lab.config import Settings, Workflow
from devops_lab.errors import AccessError, UserError
from devops_lab.github_api.answers import MissingError
from devops_lab.github_api.connection import PUBLIC
from devops_lab.patterns import matches, nearest

Json = dict[str, Any]


def workflow_of(server: Server, repository: str, name: str) -> Json:
    """Return a workflow by its file ("deploy.yml"), its id or its name; AccessError names those there are."""
    file = name.rsplit("/", 1)[-1]
    found = server.exists(f"/repos/{address(repository)}/actions/workflows/{quote(file, safe='')}")
    if isinstance(found, dict) and "id" in found:
        return found
    listed = server.exists(f"/repos/{repository}/actions/workflows", per_page=100)
    if listed is None:
        raise unseen(repository)
    every = listed.get("workflows") or []
    named = [raw for raw in every if raw.get("name") == name]
    if len(named) == 1:
        return dict(named[0])
    files = [str(raw["path"]).rsplit("/", 1)[-1] for raw in every]
    like = nearest([name], files, 1)
    there = f"did you mean {like[0]}?" if like else f"there are {', '.join(files) or 'none'}"
    raise AccessError(plain_line(f"{repository} has no workflow {name!r}; {there}"))


def unseen(repository: str) -> AccessError:
    """Return the error for a repository that is not there, or that the token may not see."""
    return AccessError(f"the repository {repository} is not there, or the token for actions may not see it")


def disabled(raw: Json, repository: str) -> str:
    """Say that a workflow is disabled, and the way out."""
    return f"{raw['path']} of {repository} is {str(raw['state']).replace('_', ' ')}; enable it on its page first"


def declaration_of(server: Server, repository: str, path: str, ref: str) -> Declaration:
    """Read a workflow's file at a branch or tag; UserError where there is no ref, no file or no trigger."""
    short = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    try:
        raw = server.get(f"/repos/{address(repository)}/contents/{quote(path)}", ref=ref)
    except MissingError as problem:
        if "no commit" in str(problem).casefold():
            raise UserError(f"{repository} has no branch or tag {short!r} (any more)") from problem
        raise UserError(f"{path} is not there on {short}") from problem
    if not isinstance(raw, dict) or raw.get("encoding") != "base64":
        raise UserError(f"{path} on {short} is no file that can be read")
    text = base64.b64decode(str(raw.get("content") or "")).decode("utf-8", "replace")
    return declared(text, f"{path} on {short}")


def environments_of_run(server: Server, repository: str, run: Json) -> tuple[str, ...]:
    """Return the environments a run may change, by its workflow's file at the run's commit; "?" where inputs decide."""
    path = str(run.get("path") or "").partition("@")[0]
    raw = server.exists(f"/repos/{address(repository)}/contents/{quote(path)}", ref=str(run.get("head_sha")))
    if not isinstance(raw, dict) or raw.get("encoding") != "base64":
        return (UNTOLD,)
    return environments_in(base64.b64decode(str(raw.get("content") or "")).decode("utf-8", "replace"))


def environments_by_rule(settings: Settings, repository: str, workflow: Json) -> tuple[str, ...]:
    """Return what lab.toml says a workflow deploys to, where the workflow itself names no environment."""
    file = str(workflow["path"]).rsplit("/", 1)[-1]
    rules = [one.deployment for one in settings.service if one.repository.casefold() == repository.casefold()]
    found = [
        rule.environment
        for rule in rules
        if isinstance(rule, Workflow)
        and any(matches(name, [rule.workflow]) for name in (file, workflow["path"], workflow.get("name")))
    ]
    return tuple(dict.fromkeys(found))


def page(server: Server, path: str) -> str:
    """Return the address of a page for people: GitHub's own, or that of the server the API belongs to."""
    if server.client.url == PUBLIC:
        return f"https://github.com/{path}"
    parts = urlsplit(server.client.url)
    return f"{parts.scheme}://{parts.netloc.removeprefix('api.')}/{path}"


def address(name: str) -> str:
    """Return "owner/name" as it is written into an address; AccessError where it is no such name."""
    owner, _, own = name.partition("/")
    if not owner or not own or "/" in own or {owner, own} & {".", ".."}:
        raise AccessError(f'the repository {name!r} is no "owner/name"')
    return f"{quote(owner)}/{quote(own)}"
