"""The practice server's own addresses beside the API: its switches, its log, its description."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from devops_lab.practice.server.bodies import read
from devops_lab.practice.server.description import described
from devops_lab.practice.server.state import State


class Control:
    """The switches and the log over HTTP; JSON only, so that no web page's form can throw a switch."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def answer(self, request: Request) -> Response:
        """Throw switches (POST) and tell how they are set."""
        if request.method == "POST":
            if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
                raise HTTPException(415, "send switches as application/json")
            self.state.throw(read(await request.body()))
        return JSONResponse(self.state.switches())

    async def requests(self, request: Request) -> Response:
        """Count what was asked, or forget it (DELETE)."""
        if request.method == "DELETE":
            self.state.log.clear()
        return JSONResponse(self.state.log.counted(request.query_params))

    async def description(self, request: Request) -> Response:
        """Describe the API in OpenAPI's words."""
        base = f"{request.url.scheme}://{request.url.netloc}{self.state.options.prefix}"
        return JSONResponse(described(base))
