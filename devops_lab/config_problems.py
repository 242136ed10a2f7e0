"""Problems of ``lab.toml`` as sentences: the place, the value, and what would be right."""

from __future__ import annotations

import difflib
from typing import Any

from pydantic import ValidationError

RULES = {"deployments", "workflow", "releases", "tags", "merges", "file", "issues"}
SECTIONS = {"lab", "github", "privacy", "service", "defaults", "profile"}


def sentences(error: ValidationError, document: dict[str, Any]) -> list[str]:
    """Return one sentence per problem of `error` about `document`."""
    return [_sentence(problem, document) for problem in error.errors(include_url=False)]


def _sentence(problem: Any, document: dict[str, Any]) -> str:
    place, value, keys = _place(problem["loc"], document)
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(problem["loc"][-1])
        return f"{place}: {name!r} is no setting here{_meant(name, keys)}"
    if kind == "missing":
        return f"{place}: {problem['loc'][-1]!r} is missing"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag = context.get("tag")
        allowed = context.get("expected_tags", "one of the rules").replace("'", "")
        said = f"from = {tag!r} is no rule" if tag else "says no `from`"
        return f"{place}: {said}; one of {allowed}{_meant(str(tag), allowed.split(', ')) if tag else ''}"
    if kind == "literal_error":
        allowed = context.get("expected", "")
        return f"{place} = {value!r}: must be {allowed}"
    if kind == "value_error":
        return f"{place}: {context.get('error')}" if place else str(context.get("error"))
    wanted = problem["msg"].replace("Input should", "should").replace("String should", "should")
    return f"{place} = {value!r}: {wanted}"


def _place(location: tuple[Any, ...], document: Any) -> tuple[str, Any, list[str]]:
    """Return the place in words, the value there, and the keys that stand beside it."""
    words: list[str] = []
    value: Any = document
    keys: list[str] = []
    for step in location:
        if isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
            if words and words[-1] == "service" and isinstance(value, dict):
                words[-1] = f"service {value.get('name', step + 1)!r}"
            else:
                words[-1] = f"{words[-1]}[{step + 1}]" if words else f"[{step + 1}]"
        elif isinstance(value, dict) and step in value:
            keys = list(value)
            value = value[step]
            words.append(str(step))
        elif isinstance(value, dict) and step in RULES and value.get("from") == step:
            continue
        else:
            break
    return ".".join(words), value, _known(location)


def _known(location: tuple[Any, ...]) -> list[str]:
    from devops_lab import config

    names = [step for step in location[:-1] if isinstance(step, str)]
    if not names:
        return sorted(SECTIONS)
    rules = {
        "deployments": config.Deployments,
        "workflow": config.Workflow,
        "releases": config.Releases,
        "tags": config.Tags,
        "merges": config.Merges,
        "file": config.File,
        "issues": config.Issues,
    }
    models = {"lab": config.Lab, "github": config.GitHub, "privacy": config.Privacy, "rework": config.Rework, **rules}
    model = models.get(names[-1], config.Service)
    return [field.alias or name for name, field in model.model_fields.items()] + ["profile"] * (model is config.Service)


def _meant(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.6)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f"; there are {', '.join(sorted(known))}" if known else ""
