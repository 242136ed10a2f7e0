"""A server shaped like GitHub's REST API over given objects, for learning and for tests: the read endpoints.

One request goes through faults, the token, limits, the endpoint, pages and ETags, the charge and the log.  Beside the
API: ``POST /_practice/control`` throws switches (`State.throw`), ``GET /_practice/requests`` counts what was asked and
``DELETE`` forgets it.  It listens on this machine only.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from devops_lab.errors import SourceError
from devops_lab.practice.server import actions, commits, plan, pulls, releases
from devops_lab.practice.server.access import Access, can_push, check_allowed, check_seen, who
from devops_lab.practice.server.answers import Answer, Item, Listing, missing, rendered, said
from devops_lab.practice.server.faults import fault_answer
from devops_lab.practice.server.log import Asked
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.root import ROOT_READS, RootRead
from devops_lab.practice.server.state import Options, State
from devops_lab.practice.server.view import Organisation, View

HOST = "127.0.0.1"
STARTUP_SECONDS = 10.0
API_VERSION = "2022-11-28"
ENTERPRISE_VERSION = "3.17.0"
NOT_CHARGED = frozenset({304, 401})
READS: tuple[Read, ...] = (
    Read("", "metadata", lambda ask: Item(ask.view.repository, ask.view.repository.get("updated_at"))),
    *plan.READS,
    *pulls.READS,
    *commits.READS,
    *actions.READS,
    *releases.READS,
)
Answering = Callable[[Request, Access | None], Answer]


def app(organisation: Organisation, options: Options | None = None) -> Starlette:
    """Return the server of `organisation` as an ASGI application; its `State` is ``app.state.practice``."""
    state = State(organisation, options or Options())
    prefix = state.options.prefix
    routes = [
        Route("/_practice/control", _Control(state).answer, methods=["GET", "POST"]),
        Route("/_practice/requests", _Control(state).requests, methods=["GET", "DELETE"]),
    ]
    for root_read in ROOT_READS:
        free = root_read.path == "/rate_limit"
        routes.append(
            Route(prefix + root_read.path, _endpoint(state, _at_root(state, root_read), root_read.path, free))
        )
    for read in READS:
        answering = _below_repository(state, read)
        for start in ("/repos/{owner}/{repository}", "/repositories/{repository_id}"):
            routes.append(Route(prefix + start + read.path, _endpoint(state, answering, read.path or "/")))
    routes.append(Route("/{path:path}", _endpoint(state, _nowhere, "?")))
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
        url = quote(request.scope["path"]) + (f"?{request.url.query}" if request.url.query else "")
        fault, seconds, variant = state.draw.draw(state.faults, url)
        if seconds:
            await asyncio.sleep(seconds)
        access: Access | None = None
        charged = False
        answer = fault_answer(fault, variant)
        if answer is None:
            try:
                access = who(request.headers.get("authorization", ""), state.options.tokens)
                answer = None if free or state.options.enterprise else state.limits.refusal(access)
                if answer is None:
                    charged = not free
                    answer = answering(request, access)
            except HTTPException as problem:
                answer = said(problem.status_code, problem.detail, problem.headers)
            charged = charged and not state.options.enterprise and answer.status not in NOT_CHARGED
            if charged:
                state.limits.charge(access)
        login = access.login if access else None
        status = answer.status
        state.log.add(Asked(time.time(), request.method, url, route, login, status, charged, fault))
        return _Sent(answer, {**_common(state, access), **answer.headers}, fault)

    return endpoint


def _common(state: State, access: Access | None) -> dict[str, str]:
    headers = {"X-GitHub-Media-Type": "github.v3; format=json", "X-GitHub-Api-Version-Selected": API_VERSION}
    headers |= access.headers() if access else {}
    if state.options.enterprise:
        return {**headers, "X-GitHub-Enterprise-Version": ENTERPRISE_VERSION}
    return {**headers, **state.limits.headers(access)}


def _base(state: State, request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{state.options.prefix}"


def _below_repository(state: State, read: Read) -> Answering:
    def answering(request: Request, access: Access | None) -> Answer:
        parts, base = request.path_params, _base(state, request)
        if "repository_id" in parts:
            number = parts["repository_id"]
            view = state.view_by_id(int(number) if number.isascii() and number.isdigit() else -1)
        else:
            name = f"{parts['owner']}/{parts['repository']}"
            moved = state.moved_to(name)
            if moved is not None:
                view = state.view(moved)
                check_seen(access, view.repository)
                return _moved(state, request, view)
            view = state.view(name)
        check_seen(access, view.repository)
        check_allowed(access, view.repository, read.permission)
        ask = Question(view, parts, request.query_params, state.options.limits, can_push(access))
        return rendered(read.answer(ask), base, _by_id(state, request, view), request.query_params, request.headers)

    return answering


def _by_id(state: State, request: Request, view: View) -> str:
    """Return the path asked for as GitHub's Link headers name it: the repository by its id."""
    path = quote(request.scope["path"]).removeprefix(state.options.prefix)
    below = 3 if path.startswith("/repositories/") else 4
    return "/".join(["", "repositories", str(view.repository["id"]), *path.split("/")[below:]])


def _moved(state: State, request: Request, view: View) -> Answer:
    query = f"?{request.url.query}" if request.url.query else ""
    address = _base(state, request) + _by_id(state, request, view) + query
    answer = said(301, "Moved Permanently", {"Location": address})
    answer.body = json.dumps({**json.loads(answer.body), "url": address}).encode()
    return answer


def _at_root(state: State, read: RootRead) -> Answering:
    def answering(request: Request, access: Access | None) -> Answer:
        base = _base(state, request)
        path = quote(request.scope["path"]).removeprefix(state.options.prefix)
        found: Item | Listing = read.answer(state, access, request.path_params)
        return rendered(found, base, path, request.query_params, request.headers)

    return answering


def _nowhere(request: Request, access: Access | None) -> Answer:
    raise missing()


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


class _Control:
    """The switches and the log over HTTP; JSON only, so that no web page's form can throw a switch."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def answer(self, request: Request) -> Response:
        if request.method == "POST":
            if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                raise HTTPException(415, "send switches as application/json")
            try:
                wanted = json.loads(await request.body())
            except ValueError:
                raise HTTPException(400, "Problems parsing JSON") from None
            self.state.throw(wanted)
        return JSONResponse(self.state.switches())

    async def requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.state.log.clear()
        return JSONResponse(self.state.log.counted(request.query_params))
