"""A workflow's own file: what starts it, the inputs it declares, and which jobs need which."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Any

import yaml
from starlette.exceptions import HTTPException

from devops_lab.practice.server.answers import Json
from devops_lab.practice.server.contents import file_of
from devops_lab.practice.server.view import View

EXPRESSION = re.compile(r"\$\{\{.*?\}\}", re.DOTALL)


def document(view: View, sha: str, path: str) -> Json:
    """Return the file at a commit as a mapping, {} where there is none; 422 where it is no YAML."""
    data = file_of(view, sha, path)
    if not isinstance(data, bytes):
        return {}
    try:
        found = yaml.safe_load(data)
    except (yaml.YAMLError, UnicodeDecodeError) as problem:
        raise HTTPException(422, f"failed to parse workflow: {' '.join(str(problem).split())[:300]}") from problem
    return found if isinstance(found, dict) else {}


def triggers(raw: Json) -> dict[str, Any]:
    """Return what starts the workflow, by event; YAML 1.1 reads the key ``on`` as true."""
    found: Any = raw.get("on", raw.get(True))  # type: ignore[call-overload]
    if isinstance(found, str):
        return {found: None}
    if isinstance(found, list):
        return {str(name): None for name in found}
    return {str(name): own for name, own in found.items()} if isinstance(found, dict) else {}


def dispatch_inputs(raw: Json) -> dict[str, Json] | None:
    """Return the inputs of ``workflow_dispatch`` by name, None where the workflow cannot be dispatched."""
    found = triggers(raw)
    if "workflow_dispatch" not in found:
        return None
    own = found["workflow_dispatch"]
    declared = own.get("inputs") if isinstance(own, dict) else None
    if not isinstance(declared, dict):
        return {}
    return {str(name): one if isinstance(one, dict) else {} for name, one in declared.items()}


def with_those_that_need_them(raw: Json, names: Iterable[str], known: Collection[str]) -> set[str]:
    """Return `names` and the `known` jobs (by the names that runs show) that need them, directly or not."""
    jobs = {str(key): own for key, own in (raw.get("jobs") or {}).items() if isinstance(own, dict)}
    key_of = {name: key for name in known if (key := _key(name, jobs)) is not None}
    found = set(names)
    while True:
        keys = {key_of[name] for name in found if name in key_of}
        more = {name for name, key in key_of.items() if keys & set(_needs(jobs[key]))} - found
        if not more:
            return found
        found |= more


def _needs(job: Json) -> list[str]:
    needs = job.get("needs") or []
    return [needs] if isinstance(needs, str) else [str(one) for one in needs]


def _key(name: str, jobs: dict[str, Json]) -> str | None:
    """Return the key of the job that a run shows under `name`: alone, with a matrix's values, or as its caller."""
    for key, own in jobs.items():
        title = EXPRESSION.split(str(own.get("name") or key))
        if re.fullmatch(".*?".join(map(re.escape, title)) + r"(?: \(.*\))?(?: / .*)?", name, re.DOTALL):
            return key
    return None
