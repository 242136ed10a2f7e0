"""A workflow file: which jobs it has, and the copy of it that one attempt of a run runs.

In the copy a job whose environment is protected needs one more job, a gate, which waits for a decision in a file.
A job that a re-run keeps says again what it had put out, and does nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from devops_lab.errors import UserError

Json = dict[str, Any]
GATE = "lab-gate-"
APPROVED, REJECTED = "approved", "rejected"
INPUT = re.compile(r"\$\{\{\s*(?:inputs|github\.event\.inputs)\.([A-Za-z_][\w-]*)\s*\}\}")
STATUS_CHECK = re.compile(r"\b(?:always|failure|cancelled)\s*\(")
WAITING = """\
until [ -e "$LAB_DECISION" ]; do sleep 0.1; done
grep -qx approved "$LAB_DECISION"
"""


@dataclass(frozen=True)
class PlannedJob:
    """A job as the file has it; `steps` are (id or place, name), `condition` the text of its ``if``."""

    key: str
    name: str
    needs: tuple[str, ...]
    environment: str | None
    condition: str
    steps: tuple[tuple[str, str], ...]

    @property
    def runs_after_failure(self) -> bool:
        """Whether it may run although a job that it needs did not succeed."""
        return bool(STATUS_CHECK.search(self.condition))


@dataclass(frozen=True)
class Planned:
    """A workflow as one run sees it; `group` is its concurrency group, None where runs go side by side."""

    name: str
    jobs: Mapping[str, PlannedJob]
    group: str | None


def parsed(text: str) -> Json:
    """Return a workflow file's content; UserError where it is no workflow."""
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as problem:
        raise UserError(f"the workflow is no YAML: {problem}") from None
    if not isinstance(found, dict) or not isinstance(found.get("jobs"), dict):
        raise UserError("the workflow has no jobs")
    if True in found:
        found["on"] = found.pop(True)  # YAML 1.1 reads "on" as a truth
    return found


def read(text: str, inputs: Mapping[str, str]) -> Planned:
    """Return what a run with these inputs will do."""
    found = parsed(text)
    jobs = {key: _job(key, raw, inputs) for key, raw in found["jobs"].items()}
    concurrency = found.get("concurrency")
    group = concurrency.get("group") if isinstance(concurrency, dict) else concurrency
    return Planned(str(found.get("name") or "workflow"), jobs, _filled(str(group), inputs) if group else None)


def _job(key: str, raw: Json, inputs: Mapping[str, str]) -> PlannedJob:
    environment = raw.get("environment")
    if isinstance(environment, dict):
        environment = environment.get("name")
    steps = [
        (str(step.get("id") or place), str(step.get("name") or f"Run {step.get('uses') or _first_line(step)}"))
        for place, step in enumerate(raw.get("steps") or [])
    ]
    return PlannedJob(
        key,
        str(raw.get("name") or key),
        _needs(raw),
        _filled(str(environment), inputs) if environment else None,
        str(raw.get("if") or ""),
        tuple(steps),
    )


def _first_line(step: Json) -> str:
    return (str(step.get("run") or "").strip().splitlines() or [""])[0]


def _needs(raw: Json) -> tuple[str, ...]:
    needs = raw.get("needs") or ()
    return (needs,) if isinstance(needs, str) else tuple(needs)


def _filled(text: str, inputs: Mapping[str, str]) -> str:
    return INPUT.sub(lambda found: inputs.get(found[1], ""), text)


def again(plan: Planned, names: Collection[str]) -> set[str]:
    """Return the keys of the jobs of these names and of all that need them."""
    keys = {key for key, job in plan.jobs.items() if job.name in names or key in names}
    while True:
        more = {key for key, job in plan.jobs.items() if key not in keys and keys & set(job.needs)}
        if not more:
            return keys
        keys |= more


def prepared(text: str, gates: Mapping[str, Path], kept: Mapping[str, Mapping[str, Path]]) -> str:
    """Return the copy to run.

    `gates` are job → file of the decision; `kept` are job → step → file with what the step had put out.
    """
    found = parsed(text)
    jobs: Json = {}
    for key, raw in found["jobs"].items():
        if key in kept:
            jobs[key] = _said_again(raw, kept[key])
        elif key in gates:
            jobs[GATE + key] = _gate(raw, gates[key])
            jobs[key] = _gated(raw, GATE + key)
        else:
            jobs[key] = raw
    found["jobs"] = jobs
    found.pop("concurrency", None)
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=True)


def _said_again(raw: Json, said: Mapping[str, Path]) -> Json:
    steps = [
        {"id": step, "shell": "bash", "env": {"LAB_SAID": str(file)}, "run": 'cat "$LAB_SAID" >> "$GITHUB_OUTPUT"'}
        for step, file in said.items()
    ]
    shown: Json = {name: raw[name] for name in ("name", "needs", "outputs") if name in raw}
    return {**shown, "runs-on": "ubuntu-latest", "steps": steps or [{"shell": "bash", "run": "true"}]}


def _gate(raw: Json, file: Path) -> Json:
    shown: Json = {name: raw[name] for name in ("needs", "if") if name in raw}
    step = {"name": "Wait for a review", "shell": "bash", "env": {"LAB_DECISION": str(file)}, "run": WAITING}
    return {**shown, "runs-on": "ubuntu-latest", "steps": [step]}


def _gated(raw: Json, gate: str) -> Json:
    changed = {**raw, "needs": [*_needs(raw), gate]}
    if raw.get("if"):
        own = str(raw["if"]).strip().removeprefix("${{").removesuffix("}}").strip()
        changed["if"] = f"${{{{ ({own}) && needs.{gate}.result == 'success' }}}}"
    return changed
