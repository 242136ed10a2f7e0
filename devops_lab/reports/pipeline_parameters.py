"""The parameters of ``20_pipeline_run``: texts of a notebook → what is wanted, checked before anything is started.

All are texts, and an empty one means "not given".  papermill's own command line guesses types, and ``-p ref 007``
arrives as 7: a number where a name is wanted is refused, because another branch may be called that; lengths of time and
yes or no are taken in any type.  ``-r`` keeps texts.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from devops_lab import config
from devops_lab.actions.masking import MASK, masked
from devops_lab.config import Service, Settings
from devops_lab.errors import QuestionError
from devops_lab.patterns import SPECIAL
from devops_lab.reports.parameters import SECRET_NAME, SECRET_VALUE

LONGEST = 24 * 60  # minutes
MINUTES = 60.0  # watched at most where no timeout is given
_TRUE, _FALSE = ("true", "yes", "1", "on"), ("", "false", "no", "0", "off")
_BETWEEN = re.compile(r"\n|,\s*(?=[\w.-]+\s*=)")
PASS, FAIL = "pass", "fail"


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a run: `timeout` and `gate` in seconds (gate 0: none), `service` where one is known."""

    settings: Settings
    repository: str
    workflow: str
    ref: str
    inputs: dict[str, str] = field(default_factory=dict)
    service: Service | None = None
    confirm: str | None = None
    timeout: float = MINUTES * 60
    gate: float = 0.0
    too_little: str = FAIL
    rollback: bool = False
    version_query: str = ""


def wanted(
    config_file: Any, service: Any, repository: Any, workflow: Any, ref: Any, inputs: Any, confirm: Any, timeout: Any,
    gate_minutes: Any, too_little: Any, rollback: Any, version_query: Any,
) -> Wanted:  # fmt: skip
    """Return what the parameters want.

    Errors: QuestionError for a value that does not fit, an input that looks like a secret, a gate without service
    levels; ConfigError for a lab.toml with problems.
    """
    texts = {"config": config_file, "service": service, "repository": repository, "workflow": workflow, "ref": ref}
    texts |= {"confirm": confirm, "too_little": too_little, "version_query": version_query}
    for name, value in texts.items():
        if not isinstance(value, str):
            raise QuestionError(
                f"{name} = {value!r} must be text: papermill's -p has guessed its type; use -r {name} and the text"
            )
    settings = config.load(config_file or "lab.toml")
    own = _service(settings, service, repository)
    found = Wanted(
        settings,
        repository or (own.repository if own else _only_repository(settings)),
        workflow or _workflow(own),
        ref or "main",
        inputs_of(inputs),
        own,
        confirm or None,
        _minutes("timeout", timeout, MINUTES) * 60,
        _minutes("gate_minutes", gate_minutes, 0.0) * 60,
        _choice("too_little", too_little or FAIL, (PASS, FAIL)),
        _yes("rollback", rollback),
        version_query.strip(),
    )
    _check(found)
    return found


def inputs_of(given: Any) -> dict[str, str]:
    """Return inputs from JSON, from "key=value" (one a line, or with commas between), or from a mapping.

    Values stay as they are written: 007 and 1e5 are texts; dates are written as ISO does, true and false in small
    letters, as GitHub does.

    Errors: QuestionError for what cannot be read, and for what looks like a secret: a notebook keeps its parameters.
    """
    found = {str(name).strip(): _said(str(name), value) for name, value in _pairs(given).items()}
    secret = [
        name
        for name, value in found.items()
        if masked({name: value})[name] == MASK or SECRET_NAME.search(name) or SECRET_VALUE.search(value)
    ]
    if secret:
        raise QuestionError(
            f"input {secret[0]!r} looks like a secret; nothing was started. A notebook keeps its parameters: take the "
            "secret out of this file, make a new one, and let the workflow read it from GitHub's own secrets"
        )
    return found


def _pairs(given: Any) -> Mapping[Any, Any]:
    if isinstance(given, Mapping):
        return given
    if not isinstance(given, str):
        raise QuestionError(f"inputs = {given!r}: should be JSON, or key=value; with papermill's own command use -r")
    text = given.strip()
    if text.startswith("{"):
        return _document(text)
    found: dict[str, str] = {}
    for part in _BETWEEN.split(text):
        name, sign, value = part.partition("=")
        if part.strip() and not (sign and name.strip()):
            raise QuestionError(f"inputs: {part.strip()!r} is no key=value; write one a line, or JSON")
        if name.strip() in found:
            raise QuestionError(f"inputs: {name.strip()!r} is given twice")
        if part.strip():
            found[name.strip()] = value.strip()
    return found


def _document(text: str) -> Mapping[Any, Any]:
    try:
        found = json.loads(text, parse_int=str, parse_float=str)
    except ValueError as problem:
        try:
            found = ast.literal_eval(text)  # a dict that became text on its way
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            raise QuestionError(f"inputs are no JSON: {problem}") from None
    if not isinstance(found, Mapping):
        raise QuestionError("inputs: should be an object of names and values")
    return found


def _said(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date | datetime):
        return value.isoformat()
    if value is None or isinstance(value, dict | list | tuple | set):
        raise QuestionError(f"input {name!r} = {value!r}: an input is one text, number, or true or false")
    return str(value)


def _minutes(name: str, given: Any, default: float) -> float:
    if given == "" or given is None:
        return default
    try:
        found = float(given)
    except (TypeError, ValueError):
        found = -1.0
    if isinstance(given, bool) or not 0 <= found <= LONGEST:
        raise QuestionError(f"{name} = {given!r}: should be minutes: 10, or 0.5")
    return found


def _yes(name: str, given: Any) -> bool:
    text = str(given).strip().lower()
    if text not in _TRUE + _FALSE:
        raise QuestionError(f"{name} = {given!r}: should be true or false")
    return text in _TRUE


def _choice(name: str, given: str, known: tuple[str, ...]) -> str:
    if given not in known:
        raise QuestionError(f"{name} = {given!r}: should be {' or '.join(known)}")
    return given


def _service(settings: Settings, name: str, repository: str) -> Service | None:
    """Return the service that is named, else the only one of the repository (or of the lab)."""
    if name:
        named = next((one for one in settings.service if one.name == name), None)
        if named is None:
            known = ", ".join(one.name for one in settings.service) or "none"
            raise QuestionError(f"there is no service {name!r}; services: {known}")
        if repository and named.repository.casefold() != repository.casefold():
            raise QuestionError(f"service {name!r} lives in {named.repository}, not in {repository}")
        return named
    fitting = [one for one in settings.service if not repository or one.repository.casefold() == repository.casefold()]
    return fitting[0] if len(fitting) == 1 else None


def _only_repository(settings: Settings) -> str:
    names = sorted({one.repository for one in settings.service})
    if len(names) != 1:
        raise QuestionError(f"which repository? name it, or a service: {', '.join(names) or 'lab.toml names none'}")
    return names[0]


def _workflow(service: Service | None) -> str:
    rule = service.deployment if service else None
    if isinstance(rule, config.Workflow) and not set(rule.workflow) & SPECIAL:
        return rule.workflow
    raise QuestionError("which workflow? name its file: workflow = 'deploy.yml'")


def _check(found: Wanted) -> None:
    """Refuse a gate that has nothing to judge by, and a rollback that nothing decides."""
    if found.rollback and not found.gate:
        raise QuestionError("rollback = true needs a gate that decides: gate_minutes = '10'")
    if not found.gate:
        return
    if found.service is None:
        names = ", ".join(one.name for one in found.settings.service) or "none"
        raise QuestionError(f"which service does the gate watch? services: {names}")
    if found.service.slo is None and found.service.latency is None:
        raise QuestionError(
            f"the gate has nothing to judge {found.service.name} by: it has neither slo nor latency in lab.toml"
        )
    if found.service.prometheus not in found.settings.prometheus:
        raise QuestionError("the gate needs [prometheus] with a url in lab.toml")
