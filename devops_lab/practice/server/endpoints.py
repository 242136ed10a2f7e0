"""The practice server's endpoints below a repository and at the root: from a request to an answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from devops_lab.practice.server import (
    actions,
    alerts,
    artifacts,
    check_runs,
    comments,
    commits,
    contents,
    deploying,
    dispatch,
    downloads,
    driving,
    issues,
    logs,
    plan,
    pulls,
    releases,
    troubles,
)
from devops_lab.practice.server.access import Access, can_push, check_allowed, check_seen, check_writable
from devops_lab.practice.server.answers import JSON_HEADERS, Answer, Download, Item, encoded, missing, rendered, said
from devops_lab.practice.server.bodies import parsed
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.root import RootRead, missed
from devops_lab.practice.server.state import State
from devops_lab.practice.server.view import View
from devops_lab.practice.server.writing import Command, Done, Write

Answering = Callable[[Request, Access | None], Answer]


def repository(ask: Question) -> Item:
    """Return the repository itself."""
    return Item(ask.view.repository, ask.view.repository.get("updated_at"))


# what is fixed in a path comes before what is variable: /issues/comments before /issues/{number}
READS: tuple[Read, ...] = (
    Read("", "metadata", repository),
    *comments.READS,
    *plan.READS,
    *pulls.READS,
    *commits.READS,
    *logs.READS,
    *check_runs.READS,
    *artifacts.READS,
    *driving.READS,
    *actions.READS,
    *releases.READS,
    *contents.READS,
    *alerts.READS,
)
WRITES: tuple[Write, ...] = (
    *dispatch.WRITES,
    *driving.WRITES,
    *comments.WRITES,
    *issues.WRITES,
    *deploying.WRITES,
)


def reading(state: State, read: Read) -> Answering:
    """Return what answers a read below a repository."""

    def answering(request: Request, access: Access | None) -> Answer:
        view = _repository_of(state, request)
        check_seen(access, view.repository)
        troubles.meet(state.troubles, view.name)
        if _is_moved(state, request):
            return _moved(state, request, view)
        if access is None and read.refusal is not None:
            raise HTTPException(*read.refusal)
        check_allowed(access, view.repository, read.permission)
        found = read.answer(_question(state, request, view, access))
        if isinstance(found, Download):
            return _elsewhere(state, request, view, found)
        return rendered(
            found, _base(state, request), _by_id(state, request, view), request.query_params, request.headers
        )

    return answering


def writing(state: State, write: Write) -> Answering:
    """Return what answers a write below a repository; one at a time, and none into the past."""

    def answering(request: Request, access: Access | None) -> Answer:
        view = _repository_of(state, request)
        check_seen(access, view.repository)
        troubles.meet(state.troubles, view.name)
        if _is_moved(state, request):
            return _moved(state, request, view)
        writer = check_writable(access, view.repository, write.permission)
        if state.as_of is not None:
            raise HTTPException(
                409, f"This server shows the past ({state.as_of.isoformat()}): nothing is written there."
            )
        refusal = state.limits.content_refusal(access) if write.creates and not state.options.enterprise else None
        if refusal is not None:
            return refusal
        body = parsed(request.state.body, write.schema, write.resource, write.optional)
        with state.writing:
            done = write.answer(
                Command(
                    _question(state, request, view, access), body, writer, state.now(), state.fresh,
                    state.options.pipelines,
                )
            )  # fmt: skip
        return _done(done, _base(state, request))

    return answering


def at_root(state: State, read: RootRead) -> Answering:
    """Return what answers a read that belongs to no repository."""

    def answering(request: Request, access: Access | None) -> Answer:
        path = quote(request.scope["path"]).removeprefix(state.options.prefix)
        found = read.answer(state, access, request.path_params)
        answer = rendered(found, _base(state, request), path, request.query_params, request.headers)
        answer.headers.update(missed(state, access, request.path_params))
        return answer

    return answering


def installing(state: State) -> Callable[[Request], Awaitable[Response]]:
    """Return what answers an app that asks for its installation's token; it signs with its key, not with a token."""

    async def answering(request: Request) -> Response:
        number = request.path_params["installation"]
        try:
            if not (number.isascii() and number.isdigit() and len(number) < 20):
                raise missing()
            made = state.apps.token(request.headers.get("authorization", ""), int(number))
        except HTTPException as problem:
            answer = said(problem.status_code, problem.detail)
        else:
            answer = Answer(201, encoded(made, ""), dict(JSON_HEADERS))
        return Response(answer.body, answer.status, answer.headers)

    return answering


def downloading(state: State) -> Answering:
    """Return what answers a signed address: a log or an archive."""

    def answering(request: Request, access: Access | None) -> Answer:
        state.signatures.check(request.scope["path"], request.query_params)
        view = state.view_by_id(int(request.path_params["repository_id"]))
        found = downloads.content(view, request.path_params["file"])
        return Answer(200, found.data, {"Content-Type": found.media})

    return answering


def nowhere(request: Request, access: Access | None) -> Answer:
    """Raise GitHub's 404 for an address that is none."""
    raise missing()


def _repository_of(state: State, request: Request) -> View:
    parts = request.path_params
    if "repository_id" in parts:
        number = parts["repository_id"]
        return state.view_by_id(int(number) if number.isascii() and number.isdigit() and len(number) < 20 else -1)
    name = f"{parts['owner']}/{parts['repository']}"
    return state.view(state.moved_to(name) or name)


def _is_moved(state: State, request: Request) -> bool:
    parts = request.path_params
    return "owner" in parts and state.moved_to(f"{parts['owner']}/{parts['repository']}") is not None


def _question(state: State, request: Request, view: View, access: Access | None) -> Question:
    accept = request.headers.get("accept", "")
    return Question(view, request.path_params, request.query_params, state.options.limits, can_push(access), accept)


def _base(state: State, request: Request) -> str:
    return f"{request.url.scheme}://{request.url.netloc}{state.options.prefix}"


def _by_id(state: State, request: Request, view: View) -> str:
    """Return the path asked for as GitHub's Link headers name it: the repository by its id."""
    path = quote(request.scope["path"]).removeprefix(state.options.prefix)
    below = 3 if path.startswith("/repositories/") else 4
    return "/".join(["", "repositories", str(view.repository["id"]), *path.split("/")[below:]])


def _moved(state: State, request: Request, view: View) -> Answer:
    """Return where a repository is now; 307 keeps the method of a write."""
    query = f"?{request.url.query}" if request.url.query else ""
    address = _base(state, request) + _by_id(state, request, view) + query
    status, words = (301, "Moved Permanently") if request.method in ("GET", "HEAD") else (307, "Temporary Redirect")
    answer = said(status, words, {"Location": address})
    answer.body = json.dumps({**json.loads(answer.body), "url": address}).encode()
    return answer


def _elsewhere(state: State, request: Request, view: View, found: Download) -> Answer:
    path = f"{downloads.PATH}/{view.repository['id']}/{found.file}"
    address = f"{request.url.scheme}://{request.url.netloc}{path}?{state.signatures.query(path)}"
    return Answer(302, b"", {"Location": address, "Content-Type": "text/html; charset=utf-8"})


def _done(done: Done, base: str) -> Answer:
    if done.body is None:
        return Answer(done.status)
    headers = {**JSON_HEADERS, "Cache-Control": "private, max-age=60, s-maxage=60", "Vary": "Accept, Authorization"}
    if done.location:
        headers["Location"] = encoded(done.location, base).decode().strip('"')
    return Answer(done.status, encoded(done.body, base), headers)
