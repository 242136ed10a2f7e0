"""The bodies of writes: JSON checked against a schema, and GitHub's words for what is wrong with it.

A schema is OpenAPI's: type, enum, properties, required, items, maxProperties, additionalProperties, nullable, anyOf.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from starlette.exceptions import HTTPException

from devops_lab.practice.server.answers import Invalid, Json

UNREADABLE = "Problems parsing JSON"
KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,), "object": (dict,)
}  # fmt: skip


def parsed(data: bytes, schema: Json, resource: str, optional: bool = False) -> Any:
    """Return a request's JSON; {} for an empty body where it is `optional`.

    Errors: 400 where it is no JSON; 422 with GitHub's list where it does not fit `schema`.
    """
    if optional and not data.strip():
        return {}
    found = read(data)
    wrong = list(problems(found, schema, "links/0/schema"))
    if wrong:
        raise Invalid(
            [{"resource": resource, "field": field, "code": code, "message": text} for field, code, text in wrong],
            "Invalid request.\n\n" + "\n".join(text for _, _, text in wrong),
        )
    return found


def read(data: bytes) -> Any:
    """Return what JSON says; 400 where it is none (NaN and halves of a character are none)."""
    try:
        found = json.loads(data, parse_constant=_refused)
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise HTTPException(400, UNREADABLE) from None
    return found


def _refused(text: str) -> None:
    raise ValueError(text)


def problems(value: Any, schema: Json, where: str) -> Iterator[tuple[str, str, str]]:
    """Yield what does not fit: the field, GitHub's code (invalid, missing_field), the sentence."""
    field = where.rsplit("/", 1)[-1]
    if value is None and schema.get("nullable"):
        return
    if "anyOf" in schema:
        every = [list(problems(value, one, where)) for one in schema["anyOf"]]
        if all(every):
            yield min(every, key=len)[0]
        return
    kind = schema.get("type")
    if kind and (not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind != "boolean")):
        yield field, "invalid", f"For '{where}', {_shown(value)} is not {'an' if kind[0] in 'aio' else 'a'} {kind}."
        return
    if "enum" in schema and value not in schema["enum"]:
        yield field, "invalid", f"For '{where}', {_shown(value)} is not a member of {json.dumps(schema['enum'])}."
    if isinstance(value, list) and "items" in schema:
        for place, one in enumerate(value):
            yield from problems(one, schema["items"], f"{where}/{place}")
    if isinstance(value, dict):
        yield from _of_object(value, schema, where)


def _of_object(value: Json, schema: Json, where: str) -> Iterator[tuple[str, str, str]]:
    most, properties = schema.get("maxProperties"), schema.get("properties") or {}
    if most is not None and len(value) > most:
        text = f"No more than {most} properties are allowed; {len(value)} were supplied."
        yield where.rsplit("/", 1)[-1], "invalid", text
    for name in schema.get("required") or ():
        if name not in value:
            yield name, "missing_field", f'"{name}" wasn\'t supplied.'
    for name, one in value.items():
        if name in properties:
            yield from problems(one, properties[name], f"properties/{name}")
        elif schema.get("additionalProperties") is False:
            yield name, "invalid", f'"{name}" is not a permitted key.'


def _shown(value: Any) -> str:
    return "nil" if value is None else json.dumps(value, ensure_ascii=False)[:200]
