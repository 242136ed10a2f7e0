"""The practice server's own description in OpenAPI 3.0, made from the lists of its endpoints."""

from __future__ import annotations

import re
from collections.abc import Iterable
from http import HTTPStatus

from devops_lab.practice.server.answers import LARGEST_PAGE, Json
from devops_lab.practice.server.endpoints import READS, WRITES
from devops_lab.practice.server.question import Read
from devops_lab.practice.server.root import ROOT_READS
from devops_lab.practice.server.writing import Write

REPOSITORY = "/repos/{owner}/{repository}"
WHOLE_NUMBERS = frozenset({"id", "number", "run", "attempt", "job", "artifact", "status"})
PART = re.compile(r"\{(\w+)(?::path)?\}")
REFUSALS = (401, 403, 404, 422, 429)
ERROR = {"$ref": "#/components/schemas/error"}
ENUMS = {"direction": ["asc", "desc"], "filter": ["latest", "all"], "return_run_details": ["true", "false"]}


def described(base: str) -> Json:
    """Return the description of a server whose API lies at `base`."""
    paths: dict[str, Json] = {}
    for one in ROOT_READS:
        paths.setdefault(_plain(one.path), {})["get"] = _read(_plain(one.path), one.answer, (), ())
    for read in READS:
        path = _plain(REPOSITORY + read.path)
        paths.setdefault(path, {})["get"] = _read(path, read.answer, read.query, _statuses(read))
    for write in WRITES:
        path = _plain(REPOSITORY + write.path)
        paths.setdefault(path, {})[write.verb.lower()] = _write(path, write)
    return {
        "openapi": "3.0.3",
        "info": {"title": "The practice organisation's GitHub", "version": "2022-11-28"},
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                "error": {
                    "type": "object",
                    "required": ["message", "documentation_url", "status"],
                    "properties": {
                        **{name: {"type": "string"} for name in ("message", "documentation_url", "status")},
                        "errors": {"type": "array", "items": {"type": "object", "required": ["code"]}},
                    },
                }
            },
        },
    }


def _plain(path: str) -> str:
    return PART.sub(r"{\1}", path)


def _statuses(read: Read) -> tuple[int, ...]:
    return (*read.statuses, *((read.refusal[0],) if read.refusal else ()))


def _read(path: str, answer: object, query: Iterable[str], more: tuple[int, ...]) -> Json:
    """Return the description of a read; a list has pages (or cursors), what is a download redirects."""
    kind = str(getattr(answer, "__annotations__", {}).get("return", ""))
    parameters = [*_parts(path), *(_of_query(name) for name in query)]
    page = {"type": "integer", "minimum": 1}
    if "Listing" in kind:
        parameters.append({"name": "page", "in": "query", "schema": page})
    if "Listing" in kind or kind == "Cursored":
        parameters.append({"name": "per_page", "in": "query", "schema": {**page, "maximum": LARGEST_PAGE}})
    if kind == "Download":
        good: Json = {"302": {"description": "Found", "headers": {"Location": {"schema": {"type": "string"}}}}}
    else:
        body: Json = {"description": "OK", "content": {"application/json": {"schema": {}}}}
        if "Raw" in kind:
            body["content"]["application/vnd.github.raw+json"] = {"schema": {"type": "string", "format": "binary"}}
        good = {"200": body, "304": {"description": "Not Modified"}}
    return {
        "operationId": f"get {path}",
        "summary": _summary(answer),
        "parameters": parameters,
        "responses": {**good, "301": _error(301), **{str(status): _error(status) for status in {*REFUSALS, *more}}},
    }


def _write(path: str, write: Write) -> Json:
    status = write.status
    responses = {str(status): _success(status)}
    responses |= {str(one): _success(one) if one < 300 else _error(one) for one in write.statuses}
    responses |= {str(one): _error(one) for one in (307, 400, 409, *REFUSALS)}
    found: Json = {
        "operationId": f"{write.verb.lower()} {path}",
        "summary": _summary(write.answer),
        "parameters": [*_parts(path), *(_of_query(name) for name in write.query)],
        "responses": responses,
    }
    if write.schema.get("properties") or "anyOf" in write.schema:
        body = {"content": {"application/json": {"schema": write.schema}}, "required": not write.optional}
        found["requestBody"] = body
    return found


def _summary(answer: object) -> str:
    return str(getattr(answer, "__doc__", "") or "").split("\n")[0]


def _parts(path: str) -> list[Json]:
    return [{"name": name, "in": "path", "required": True, "schema": _part(name)} for name in PART.findall(path)]


def _part(name: str) -> Json:
    return {"type": "integer", "minimum": 1} if name in WHOLE_NUMBERS else {"type": "string", "minLength": 1}


def _of_query(name: str) -> Json:
    return {
        "name": name,
        "in": "query",
        "schema": {"type": "string", **({"enum": ENUMS[name]} if name in ENUMS else {})},
    }


def _success(status: int) -> Json:
    found: Json = {"description": HTTPStatus(status).phrase}
    return found if status == 204 else {**found, "content": {"application/json": {"schema": {}}}}


def _error(status: int) -> Json:
    return {"description": HTTPStatus(status).phrase, "content": {"application/json": {"schema": ERROR}}}
