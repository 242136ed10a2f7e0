"""Parameters of a notebook: found in its ``parameters`` cell, typed by their defaults, free of secrets.

papermill's own command line guesses types, so that ``-p service 007`` becomes 7.  Here a parameter keeps the type of
its default: text stays text, ``a, b`` becomes a list where the default is a list.
"""

from __future__ import annotations

import ast
import difflib
import json
import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from devops_lab.errors import QuestionError

TAG = "parameters"
SECRET_NAME = re.compile(
    r"(?:^|_)(token|password|passwd|secret|credentials?|api_?key|private_key)(?:$|_)", re.IGNORECASE
)
SECRET_VALUE = re.compile(r"gh[pousr]_\w{20,}|github_pat_\w{20,}|://[^/\s:@]+:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY")
_TRUE, _FALSE = {"true", "yes", "1", "on"}, {"false", "no", "0", "off"}


def defaults(notebook: Any) -> dict[str, Any]:
    """Return names and default values of the cell tagged ``parameters``; {} where there is none."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and TAG in cell.metadata.get("tags", []):
            try:
                return _assigned(cell.source)
            except SyntaxError as problem:
                raise QuestionError(f"the cell tagged 'parameters' is no Python: {problem}") from problem
    return {}


def typed(notebook: Any, name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the given parameters with the types of their defaults.

    Errors: QuestionError names an unknown parameter and the nearest known one, a value that does not fit, and a
    parameter that would write a secret into the notebook.
    """
    known = defaults(notebook)
    found: dict[str, Any] = {}
    for parameter, value in given.items():
        if SECRET_NAME.search(parameter) or SECRET_VALUE.search(str(value)):
            raise QuestionError(
                f"{name}: parameter {parameter!r} looks like a secret; a report keeps its parameters, so tokens come "
                "from the environment (GITHUB_TOKEN)"
            )
        if parameter not in known:
            raise QuestionError(f"{name}: {parameter!r} is no parameter{_meant(parameter, list(known))}")
        found[parameter] = _as(known[parameter], value, parameter)
    return found


def _meant(parameter: str, known: list[str]) -> str:
    close = difflib.get_close_matches(parameter, known, 1)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f"; there are {', '.join(known)}" if known else "; the notebook has no cell tagged 'parameters'"


def _as(default: Any, value: Any, parameter: str) -> Any:
    if value is None:
        return default
    try:
        if isinstance(default, str):
            return _text(value)
        found = _read(default, value.strip()) if isinstance(value, str) else _same_kind(default, value)
        json.dumps(found, allow_nan=False)  # a notebook and a seal keep it
    except (ValueError, TypeError) as problem:
        kind = type(default).__name__
        raise QuestionError(
            f"parameter {parameter} = {value!r}: should be {_KINDS.get(kind, 'plain JSON')}"
        ) from problem
    return found


def _text(value: Any) -> str:
    """Return a value as text: a ref ``007`` that TOML or JSON took for a number, a date; a list is none."""
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return str(value)
    raise TypeError(value)


_KINDS = {
    "str": "text",
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "list": "a list: a, b",
    "dict": "JSON",
}


def _same_kind(default: Any, value: Any) -> Any:
    """Return a value that is no text as its default has it; ValueError or TypeError where it is something else."""
    if isinstance(default, list):
        return list(value)
    if isinstance(default, bool | dict) and not isinstance(value, type(default)):
        raise TypeError(value)
    if isinstance(default, int | float) and not isinstance(default, bool):
        if isinstance(value, bool) or type(default)(value) != value:
            raise TypeError(value)
        return type(default)(value)
    return value


def _read(default: Any, text: str) -> Any:
    if isinstance(default, bool):
        if text.lower() not in _TRUE | _FALSE:
            raise ValueError(text)
        return text.lower() in _TRUE
    if isinstance(default, int | float):
        return type(default)(text)
    if isinstance(default, list):
        return json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]
    return _same_kind(default, json.loads(text)) if isinstance(default, dict) else text


def _assigned(source: str) -> dict[str, Any]:
    found = {}
    for statement in ast.parse(source).body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            found[statement.targets[0].id] = _literal(statement.value)
        elif isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value:
            found[statement.target.id] = _literal(statement.value)
    return found


def _literal(value: ast.expr) -> Any:
    """Return a default; one that only running the cell would tell (``date.today()``) is taken for text."""
    try:
        return ast.literal_eval(value)
    except ValueError:
        return ""
