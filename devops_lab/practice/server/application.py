"""A server shaped like GitHub's REST API over given objects, for learning and for tests.

One request goes through faults, the token, limits, the endpoint, pages and ETags, the charge and the log.  Beside the
API: ``POST /_practice/control`` throws switches (`State.throw`), ``GET /_practice/requests`` counts what was asked and
``DELETE`` forgets it, ``GET /_practice/openapi.json`` describes the API, below ``/_practice/downloads`` lie logs and
archives at signed addresses; ``POST /graphql`` (`graphql`) answers by itself.  It listens on this machine only.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from devops_lab.errors import SourceError
from devops_lab.practice.server import downloads, graphql
from devops_lab.practice.server.access import Access
from devops_lab.practice.server.answers import Answer, Invalid, said
from devops_lab.practice.server.control import Control
from devops_lab.practice.server.endpoints import (
    READS,
    WRITES,
    Answering,
    at_root,
    downloading,
    installing,
    nowhere,
    reading,
    writing,
)
from devops_lab.practice.server.faults import fault_answer, late_answer
from devops_lab.practice.server.log import Asked
from devops_lab.practice.server.root import INSTALLATION_TOKEN, ROOT_READS
from devops_lab.practice.server.state import Options, State
from devops_lab.practice.server.view import Organisation

HOST = "127.0.0.1"
STARTUP_SECONDS = 10.0
API_VERSION = "2022-11-28"
ENTERPRISE_VERSION = "3.17.0"
NOT_CHARGED = frozenset({304, 401})
READING = ("GET", "HEAD")
STARTS = ("/repos/{owner}/{repository}", "/repositories/{repository_id}")


def app(organisation: Organisation, options: Options | None = None) -> Starlette:
    """Return the server of `organisation` as an ASGI application; its `State` is ``app.state.practice``."""
    state = State(organisation, options or Options())
    prefix = state.options.prefix
    control = Control(state)
    routes = [
        Route("/_practice/control", control.answer, methods=["GET", "POST"]),
        Route("/_practice/requests", control.requests, methods=["GET", "DELETE"]),
        Route("/_practice/openapi.json", control.description),
        Route(
            f"{downloads.PATH}/{{repository_id:int}}/{{file:path}}",
            _endpoint(state, downloading(state), "download", True),
        ),
        Route(graphql.path(state), graphql.endpoint(state, _Sent), methods=["POST"]),
    ]
    for root_read in ROOT_READS:
        free = root_read.path == "/rate_limit"
        routes.append(Route(prefix + root_read.path, _endpoint(state, at_root(state, root_read), root_read.path, free)))
    routes.append(Route(prefix + INSTALLATION_TOKEN, installing(state), methods=["POST"]))
    for verb, path, answering in (
        *(("GET", read.path, reading(state, read)) for read in READS),
        *((write.verb, write.path, writing(state, write)) for write in WRITES),
    ):
        endpoint = _endpoint(state, answering, path or "/")
        routes += [Route(prefix + start + path, endpoint, methods=[verb]) for start in STARTS]
    routes.append(Route("/{path:path}", _endpoint(state, nowhere, "?")))
    application = Starlette(routes=routes, exception_handlers={HTTPException: _unusual})
    application.router.redirect_slashes = False
    application.state.practice = state
    return application


@contextmanager
def serve(organisation: Organisation, port: int = 0, options: Options | None = None) -> Iterator[str]:
    """Serve `organisation` in a thread and yield the API's base URL; port 0 takes a free one.

    Errors: SourceError when the port is in use or the server does not start.
    """
    options = options or Options()
    # asyncio turns Nagle's delay (44 ms an answer) off only for sockets that name their protocol
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as problem:
        listening.close()
        raise SourceError(f"port {port} of {HOST} cannot be used ({problem.strerror}); choose another") from problem
    settings = uvicorn.Config(
        app(organisation, options), log_config=None, log_level="critical", access_log=False, lifespan="off",
        http="h11", ws="none", timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(settings)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        patience = time.monotonic() + STARTUP_SECONDS
        while not server.started:
            if not thread.is_alive() or time.monotonic() > patience:
                raise SourceError(f"the practice server on port {port} did not start; try again")
            time.sleep(0.005)
        yield f"http://{HOST}:{listening.getsockname()[1]}{options.prefix}"
    finally:
        server.should_exit = True
        thread.join(STARTUP_SECONDS)
        listening.close()


# ---------------------------------------------------------------------- one request


def _endpoint(state: State, answering: Answering, route: str, free: bool = False) -> Callable[..., object]:
    """Return the endpoint that sends what `answering` says; a `free` one is neither limited nor charged."""

    async def endpoint(request: Request) -> Response:
        path = quote(request.scope["path"])
        url = path + (f"?{request.url.query}" if request.url.query and not path.startswith(downloads.PATH) else "")
        drawn = url if request.method in READING else f"{request.method} {url}"
        fault, seconds, variant = state.draw.draw(state.faults, drawn)
        if seconds:
            await asyncio.sleep(seconds)
        access: Access | None = None
        charged = False
        answer = fault_answer(fault, variant)
        if answer is None:
            try:
                access = state.apps.who(request.headers.get("authorization", ""), state.options.tokens)
                answer = None if free or state.options.enterprise else state.limits.refusal(access)
                if answer is None:
                    charged = not free
                    answer = await _answered(request, access, answering)
            except HTTPException as problem:
                errors = problem.errors if isinstance(problem, Invalid) else ()
                answer = said(problem.status_code, problem.detail, problem.headers, errors)
            charged = charged and not state.options.enterprise and answer.status not in NOT_CHARGED
            if charged:
                state.limits.charge(access)
        answer = late_answer(fault, answer)
        login = access.login if access else None
        status = answer.status
        state.log.add(Asked(time.time(), request.method, url, route, login, status, charged, fault))
        return _Sent(answer, {**_common(state, access), **answer.headers}, fault)

    return endpoint


async def _answered(request: Request, access: Access | None, answering: Answering) -> Answer:
    """Return the answer; a write's is made in a thread of its own, since pipelines take their time."""
    if request.method in READING:
        return answering(request, access)
    request.state.body = await request.body()
    return await run_in_threadpool(answering, request, access)


def _common(state: State, access: Access | None) -> dict[str, str]:
    headers = {"X-GitHub-Media-Type": "github.v3; format=json", "X-GitHub-Api-Version-Selected": API_VERSION}
    headers |= access.headers() if access else {}
    if state.options.enterprise:
        return {**headers, "X-GitHub-Enterprise-Version": ENTERPRISE_VERSION}
    return {**headers, **state.limits.headers(access)}


async def _unusual(request: Request, problem: Exception) -> Response:
    """Answer what no endpoint did: GitHub says 404 to a method it does not know."""
    status = getattr(problem, "status_code", 404)
    answer = said(404, "Not Found") if status == 405 else said(status, str(getattr(problem, "detail", "")))
    return Response(answer.body, answer.status, answer.headers)


class _Sent(Response):
    """An answer on its way: truncated, or dropped in the middle, where a fault says so."""

    def __init__(self, answer: Answer, headers: dict[str, str], fault: str | None) -> None:
        whole = answer.body
        super().__init__(whole[: len(whole) // 2] if fault == "truncate" else whole, answer.status, headers)
        self._dropped = fault == "drop" and len(whole) > 1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._dropped:
            await super().__call__(scope, receive, send)
            return
        # an application that ends in the middle of a body makes the server cut the connection
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2], "more_body": True})
