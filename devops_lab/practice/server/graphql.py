"""The practice server's ``POST /graphql``: GitHub's GraphQL API, as far as `graphql_subset` keeps it, by graphql-core.

One request goes through faults, the token, limits (in points, which are not REST's), the query's own limits, and the
log, and is answered with HTTP 200 whatever is wrong with the query.  It reads the objects that the REST endpoints read.
On an Enterprise server it lies at ``/api/graphql`` and has no limit.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
    validate,
)
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from devops_lab.practice.server.access import Access
from devops_lab.practice.server.answers import JSON_HEADERS, Answer, Json, encoded, said
from devops_lab.practice.server.faults import fault_answer
from devops_lab.practice.server.graphql_fields import resolve
from devops_lab.practice.server.graphql_pages import MOST_NODES, Cost, cost_of
from devops_lab.practice.server.graphql_things import Asking, Thing
from devops_lab.practice.server.limits import RateLimits
from devops_lab.practice.server.log import Asked
from devops_lab.practice.server.state import State

PATH, ENTERPRISE_PATH = "/graphql", "/api/graphql"
MOST_TOKENS = 20_000
LONGEST_BODY = 1_000_000
WANTS_TOKEN = "This endpoint requires you to be authenticated."
Send = Callable[[Answer, dict[str, str], str | None], Response]


@cache
def schema() -> GraphQLSchema:
    """Return the schema that is answered, read when it is first asked for."""
    text = files("devops_lab.practice.server").joinpath("github.graphql").read_text()
    return build_schema(text, assume_valid=True)


def path(state: State) -> str:
    """Return where a server answers GraphQL."""
    return ENTERPRISE_PATH if state.options.enterprise else PATH


def endpoint(state: State, send: Send) -> Callable[[Request], Awaitable[Response]]:
    """Return the endpoint for a route of ``POST`` at `path`; `send` makes the response (answer, headers, fault)."""
    limits = RateLimits(state.options.clock)
    route = path(state)

    async def answered(request: Request) -> Response:
        fault, seconds, variant = state.draw.draw(state.faults, route)
        if seconds:
            await asyncio.sleep(seconds)
        for name in ("hourly", "window", "status", "per_minute"):
            setattr(limits, name, getattr(state.limits, name))
        body = await request.body()
        access: Access | None = None
        points = 0
        answer = fault_answer(fault, variant)
        if answer is None:
            try:
                access = state.apps.who(request.headers.get("authorization", ""), state.options.tokens)
                base = f"{request.url.scheme}://{request.url.netloc}{state.options.prefix}"
                answer, points = _answer(state, limits, access, body, base)
            except HTTPException as wrong:
                answer = said(wrong.status_code, wrong.detail, wrong.headers)
        login = access.login if access else None
        state.log.add(Asked(time.time(), request.method, route, route, login, answer.status, points > 0, fault))
        return send(answer, {**_headers(state, limits, access), **answer.headers}, fault)

    return answered


def _headers(state: State, limits: RateLimits, access: Access | None) -> dict[str, str]:
    headers = {"X-GitHub-Media-Type": "github.v4; format=json"} | (access.headers() if access else {})
    if state.options.enterprise:
        return headers
    return {**headers, **limits.headers(access), "X-RateLimit-Resource": "graphql"}


def _answer(state: State, limits: RateLimits, access: Access | None, body: bytes, base: str) -> tuple[Answer, int]:
    """Return the answer, and the points that were charged."""
    if access is None:
        raise HTTPException(401, WANTS_TOKEN)
    limited = not state.options.enterprise
    if limited and limits.of(access).used >= limits.limit(access):
        message = f"API rate limit already exceeded for user ID {access.id}."
        return _json({"errors": [{"type": "RATE_LIMITED", "message": message}]}, base), 0
    refusal = limits.refusal(access) if limited else None
    if refusal is not None:
        return refusal, 0
    query, variables, name = _read(body)
    try:
        document = parse(query, max_tokens=MOST_TOKENS)
        wrong: list[GraphQLError] = validate(schema(), document)
        operation = None if wrong else get_operation_ast(document, name)
        if wrong or operation is None:
            wrong = wrong or [GraphQLError(f"No operation named {str(name)[:100]!r}; name one of the query's")]
            return _json({"errors": [_error(one) for one in wrong]}, base), _charge(limits, access, limited, Cost())
        cost = cost_of(schema(), document, operation, variables)
    except GraphQLError as one:
        return _json({"errors": [_error(one)]}, base), _charge(limits, access, limited, Cost())
    except RecursionError:
        return _json({"errors": [{"message": "The query is nested too deeply."}]}, base), 0
    if cost.nodes > MOST_NODES:
        message = f"This query requests up to {cost.nodes:,} possible nodes which exceeds the maximum limit of 500,000."
        return _json({"errors": [{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": message}]}, base), 0
    points = _charge(limits, access, limited, cost)
    asking = Asking(state, access, _rate(limits, access, cost) if limited else None)
    return _json(_executed(asking, document, operation, variables), base), points


def _read(body: bytes) -> tuple[str, dict[str, Any], str | None]:
    """Return query, variables and operation's name; 400 where the body holds none."""
    if len(body) > LONGEST_BODY:
        raise HTTPException(413, "Payload too large")
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "Problems parsing JSON") from None
    query = asked.get("query") if isinstance(asked, dict) else None
    if not isinstance(query, str):
        raise HTTPException(400, "A query attribute must be specified and must be a string.")
    variables, name = asked.get("variables") or {}, asked.get("operationName")
    if not isinstance(variables, dict) or not isinstance(name, str | None):
        raise HTTPException(400, "Variables must be an object, and operationName a string.")
    return query, variables, name or None


def _executed(asking: Asking, document: Any, operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> Json:
    result = execute_sync(
        schema(),
        document,
        context_value=asking,
        variable_values=dict(variables),
        operation_name=operation.name.value if operation.name else None,
        field_resolver=resolve,
        type_resolver=_type_of,
    )
    found: Json = {} if result.data is None and result.errors and not result.errors[0].path else {"data": result.data}
    if result.errors:
        found["errors"] = [_error(one) for one in result.errors]
    return found


def _type_of(thing: Thing, info: Any, kind: Any) -> str:
    return thing.kind


def _error(error: GraphQLError) -> Json:
    """Return an error as GitHub writes it: the type beside the message."""
    whole = {name: value for name, value in error.formatted.items() if name != "extensions"}
    kind = (error.extensions or {}).get("type")
    return {**({"type": kind} if kind else {}), **whole}


def _charge(limits: RateLimits, access: Access, limited: bool, cost: Cost) -> int:
    if not limited:
        return 0
    limits.of(access).used += cost.points
    return cost.points


def _rate(limits: RateLimits, access: Access, cost: Cost) -> Json:
    state = limits.state(access)
    reset = datetime.fromtimestamp(state["reset"], UTC)
    return {
        "cost": cost.points,
        "nodeCount": cost.nodes,
        "limit": state["limit"],
        "used": state["used"],
        "remaining": state["remaining"],
        "resetAt": f"{reset:%Y-%m-%dT%H:%M:%SZ}",
    }


def _json(body: Json, base: str) -> Answer:
    return Answer(200, encoded(body, base), dict(JSON_HEADERS))
