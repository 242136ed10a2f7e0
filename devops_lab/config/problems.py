"""Problems of ``lab.toml`` as sentences: the place, the value, and what would be right."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

DEPLOYMENT_RULES = ("deployments", "workflow", "releases", "tags", "merges", "file")
INCIDENT_RULES = ("issues", "file", "impact")
NAMED = ("service", "discover", "schedule", "recipient", "alert", "event")
SECTIONS = {
    "event",
    "prices",
    "store",
    "actions",
    "alert",
    "recipient",
    "schedule",
    "lab",
    "github",
    "prometheus",
    "privacy",
    "practice",
    "service",
    "defaults",
    "profile",
    "discover",
}


def sentences(error: ValidationError, document: dict[str, Any], origins: Sequence[Mapping[str, str]] = ()) -> list[str]:
    """Return one sentence per problem of `error` about `document`.

    `origins` says of each service which keys it inherited from where, so that one mistake in ``[defaults]`` is one
    problem, told there.
    """
    found = [_sentence(problem, document, origins) for problem in error.errors(include_url=False)]
    return list(dict.fromkeys(found))


def _sentence(problem: Any, document: dict[str, Any], origins: Sequence[Mapping[str, str]]) -> str:
    location = problem["loc"]
    place, value = _place(location, document, origins)
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        name = str(location[-1])
        return f"{place}: {name!r} is no setting here{_meant(name, _known(location))}"
    if kind == "missing":
        other = '; write "owner/name", or the path of a clone as `clone`' if location[-1] == "repository" else ""
        return f"{place}: {location[-1]!r} is missing{other}"
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        tag = context.get("tag")
        allowed = INCIDENT_RULES if "incident" in location else DEPLOYMENT_RULES
        said = f"from = {tag!r} is no rule" if tag else "says no `from`"
        return f"{place}: {said}; one of {', '.join(allowed)}{_like(str(tag), allowed) if tag else ''}"
    if kind == "literal_error":
        return f"{place} = {value!r}: must be {context.get('expected', '')}"
    if kind == "value_error":
        return f"{place}: {context.get('error')}" if place else str(context.get("error"))
    return f"{place} = {_shown(location, value)}: {_wanted(location, problem)}"


def _wanted(location: tuple[Any, ...], problem: Any) -> str:
    if location[-1] == "url":
        like = "http://localhost:9090" if location[0] == "prometheus" else "https://api.github.com"
        return f"must be an address such as {like}, without user or password"
    if problem["type"] == "path_type":
        return "must be a path"
    if problem["type"] in ("list_type", "dict_type", "model_type", "model_attributes_type"):
        if len(location) == 1 and location[0] in NAMED:
            return f"must be written as [[{location[0]}]]"
        return "must be a list" if problem["type"] == "list_type" else "must be a table"
    message: str = problem["msg"]
    return message.replace("Input should", "should").replace("String should", "should")


def _shown(location: tuple[Any, ...], value: Any) -> str:
    """Return the value as it may be shown: an address may hold a password."""
    if location[-1] == "url" and isinstance(value, str) and "@" in value:
        scheme, found, _ = value.rpartition("://")
        return repr(f"{scheme}{found}…@{value.rpartition('@')[2]}")
    return repr(value)


def _place(location: tuple[Any, ...], document: Any, origins: Sequence[Mapping[str, str]]) -> tuple[str, Any]:
    """Return the place in words and the value there."""
    words: list[str] = []
    value: Any = document
    rules: list[int] = []
    for step in location:
        if isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
            words[-1] = _item(words, value, step)
        elif isinstance(value, dict) and value.get("from") == step and id(value) not in rules:
            rules.append(id(value))
        elif isinstance(value, dict) and step in value:
            value = value[step]
            words.append(str(step))
        elif words != ["prometheus"]:  # the keys of [prometheus] itself are the server "default"
            break
    if len(location) > 2 and location[0] == "service" and location[1] < len(origins):
        words[0] = origins[location[1]].get(location[2], words[0])
    return ".".join(words), value


def _item(words: list[str], value: Any, step: int) -> str:
    if len(words) == 1 and words[0] in NAMED:
        return f"{words[0]} {value.get('name', step + 1)!r}" if isinstance(value, dict) else f"{words[0]} {step + 1}"
    return f"{words[-1]}[{step + 1}]"


def _known(location: tuple[Any, ...]) -> list[str]:
    from devops_lab import config

    names = [step for step in location[:-1] if isinstance(step, str)]
    if not names:
        return sorted(SECTIONS)
    models: dict[str, type[BaseModel]] = {
        "lab": config.Lab,
        "github": config.GitHub,
        "privacy": config.Privacy,
        "rework": config.Rework,
        "deployments": config.Deployments,
        "workflow": config.Workflow,
        "releases": config.Releases,
        "tags": config.Tags,
        "merges": config.Merges,
        "file": config.File,
        "issues": config.Issues,
        "impact": config.Impact,
        "prometheus": config.Prometheus,
        "slo": config.Slo,
        "junit": config.JUnit,
        "discover": config.Discover,
        "actions": config.Actions,
        "allow": config.Allowed,
        "freeze": config.Freeze,
        "event": config.Event,
        "prices": config.Prices,
        "store": config.Keeping,
        "panel": config.Panel,
        "schedule": config.Schedule,
        "recipient": config.Recipient,
        "alert": config.Alert,
    }
    model = models.get(names[0] if names[0] == "prometheus" else names[-1], config.Service)
    return [field.alias or name for name, field in model.model_fields.items()] + ["profile"] * (model is config.Service)


def _meant(name: str, known: Sequence[str]) -> str:
    return _like(name, known) or (f"; there are {', '.join(sorted(known))}" if known else "")


def _like(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, 1, 0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""
