"""What a workflow's file says of a dispatch: inputs and their types, environments it may change, marks it shows."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from devops_lab.actions.masking import shown
from devops_lab.errors import UserError

INPUT = re.compile(r"\$\{\{\s*(?:github\.event\.)?inputs\.([\w-]+)\s*\}\}")
TYPES = ("string", "choice", "boolean", "number", "environment")
MOST_INPUTS = 25
LONGEST = 65_535
UNTOLD = "?"
OF_ENVIRONMENT = ("environment", "env", "target")


@dataclass(frozen=True)
class Input:
    """One declared input; `default` is text, None where there is none."""

    name: str
    type: str = "string"
    description: str = ""
    required: bool = False
    default: str | None = None
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class JobPlan:
    """One job as the file declares it: its key, its name (expressions and all), the keys of the jobs it needs."""

    key: str
    name: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Declaration:
    """A workflow's ``workflow_dispatch``: `inputs` by name, `environments` as its `jobs` name them, `shown` inputs."""

    inputs: Mapping[str, Input] = field(default_factory=dict)
    environments: tuple[str, ...] = ()
    shown: frozenset[str] = frozenset()
    jobs: tuple[JobPlan, ...] = ()

    def complete(self, given: Mapping[str, Any]) -> tuple[dict[str, str], list[str]]:
        """Return the inputs of a run as text with their defaults, and every problem of what was `given`."""
        problems = [self._unknown(name) for name in given if name not in self.inputs]
        if len(self.inputs.keys() & given.keys()) > MOST_INPUTS:
            problems.append(f"{len(given)} inputs: a dispatch takes at most {MOST_INPUTS}")
        found: dict[str, str] = {}
        for name, own in self.inputs.items():
            value = _text(given[name]) if given.get(name) is not None else own.default
            problem = _problem(own, value, name in given)
            if problem:
                problems.append(f"input {name!r}: {problem}")
            elif value is not None:
                found[name] = value
        if sum(map(len, found.values())) > LONGEST:
            problems.append(f"the inputs are longer than {LONGEST:,} characters together")
        return found, problems

    def changed(self, inputs: Mapping[str, str]) -> tuple[str, ...]:
        """Return the environments a run with these inputs may change; "?" for one that only the run itself can tell."""
        found = []
        for text in self.environments:
            told = INPUT.sub(lambda match: inputs.get(match[1], ""), text)
            found.append(UNTOLD if "${{" in told else told.strip())
        found += [inputs.get(name, "") for name, own in self.inputs.items() if says_where(own)]
        return tuple(dict.fromkeys(one for one in found if one))

    def _unknown(self, name: str) -> str:
        if not self.inputs:
            return f"input {name!r}: the workflow declares no inputs"
        close = difflib.get_close_matches(name, self.inputs, 1, 0.6)
        meant = f" (did you mean {close[0]!r}?)" if close else f"; inputs: {', '.join(self.inputs)}"
        return f"input {name!r} is not declared{meant}"


def declared(text: str, what: str) -> Declaration:
    """Read a workflow's file; UserError where it is no workflow or has no ``workflow_dispatch``."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise UserError(f"{what} cannot be read: {' '.join(str(problem).split())[:200]}") from problem
    if not isinstance(raw, dict):
        raise UserError(f"{what} is no workflow")
    triggers = raw.get("on", raw.get(True))  # YAML 1.1 reads the key on as true
    names = {triggers: None} if isinstance(triggers, str) else triggers
    if isinstance(names, list):
        names = dict.fromkeys(map(str, names))
    if not isinstance(names, dict) or "workflow_dispatch" not in names:
        raise UserError(
            f"{what} has no workflow_dispatch trigger, so nobody can start it; add `workflow_dispatch:` under `on:`"
        )
    own = names["workflow_dispatch"]
    inputs = own.get("inputs") if isinstance(own, dict) else None
    jobs = [job for job in (raw.get("jobs") or {}).values() if isinstance(job, dict)]
    return Declaration(
        {str(name): _input(str(name), one) for name, one in (inputs if isinstance(inputs, dict) else {}).items()},
        tuple(dict.fromkeys(name for job in jobs for name in _environment(job))),
        frozenset(name for text in _titles(raw, jobs) for name in INPUT.findall(text)),
        tuple(_planned(str(key), job) for key, job in (raw.get("jobs") or {}).items() if isinstance(job, dict)),
    )


def says_where(own: Input) -> bool:
    """Say whether an input names an environment, by its type or as people call it."""
    return own.type == "environment" or own.name.casefold() in OF_ENVIRONMENT


def environments_in(text: str) -> tuple[str, ...]:
    """Return the environments that the jobs of a workflow's file name, whatever starts it; "?" where inputs decide."""
    try:
        raw = yaml.safe_load(text)
    except yaml.YAMLError:
        return (UNTOLD,)
    jobs = (raw.get("jobs") or {}).values() if isinstance(raw, dict) else ()
    found = [name for job in jobs if isinstance(job, dict) for name in _environment(job)]
    return tuple(dict.fromkeys(UNTOLD if "${{" in name else name for name in found))


def _input(name: str, raw: Any) -> Input:
    own = raw if isinstance(raw, dict) else {}
    options = own.get("options")
    return Input(
        name,
        str(own.get("type") or "string"),
        str(own.get("description") or ""),
        own.get("required") is True,
        None if own.get("default") is None else _text(own["default"]),
        tuple(map(_text, options)) if isinstance(options, list) else (),
    )


def _planned(key: str, job: Mapping[str, Any]) -> JobPlan:
    needs = job.get("needs")
    wanted = [needs] if isinstance(needs, str) else needs if isinstance(needs, list) else []
    return JobPlan(key, str(job.get("name") or key), tuple(map(str, wanted)))


def _environment(job: Mapping[str, Any]) -> list[str]:
    own = job.get("environment")
    name = own.get("name") if isinstance(own, dict) else own
    return [] if name is None else [str(name)]


def _titles(raw: Mapping[str, Any], jobs: list[dict[str, Any]]) -> list[str]:
    """Return the names that a run shows to who lists it: its own, its jobs', their steps'."""
    steps = [step for job in jobs for step in (job.get("steps") or []) if isinstance(step, dict)]
    return [str(raw.get("run-name") or ""), *(str(one.get("name") or "") for one in [*jobs, *steps])]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _problem(own: Input, value: str | None, given: bool) -> str | None:
    """Say what is wrong with a value; None where it fits.  A default that nobody gave is the workflow's own affair."""
    if own.required and not value:
        choices = f"; one of {', '.join(own.options)}" if own.options else ""
        return f"is required{choices}"
    if not given or value is None or (value == "" and own.type != "choice"):
        return None
    told = shown(own.name, value)
    if own.type == "choice" and value not in own.options:
        return f"{told!r} is none of {', '.join(own.options)}"
    if own.type == "boolean" and value not in ("true", "false"):
        return f"{told!r} is neither true nor false"
    if own.type == "number" and not _is_number(value):
        return f"{told!r} is no number"
    return None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
