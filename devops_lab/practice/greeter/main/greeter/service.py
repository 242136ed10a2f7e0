"""The web application: greet, say how one is, be measured."""

import html
import logging
import pkgutil
import time

from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from greeter.measures import Measures  # type: ignore[import-not-found]
from greeter.phrases import phrase  # type: ignore[import-not-found]

UNMEASURED = ("/health", "/metrics")
LONGEST_NAME = 100
log = logging.getLogger("greeter")


def version() -> str:
    """Return the version that was built; "0.0.0" where nothing was."""
    try:
        found = pkgutil.get_data("greeter", "VERSION")
    except OSError:
        return "0.0.0"
    return (found or b"0.0.0").decode().strip()


async def greet(request: Request) -> Response:
    """Greet by name."""
    name = request.query_params.get("name", "")[:LONGEST_NAME] or "world"
    text = html.escape(await phrase(name))
    return HTMLResponse(f"<!doctype html><title>greeter</title><p>{text}</p>\n")


async def health(request: Request) -> Response:
    """Say that all is well, and in which version."""
    return JSONResponse({"status": "ok", "version": version()})


async def metrics(request: Request) -> Response:
    """Tell Prometheus."""
    measures: Measures = request.app.state.measures
    return Response(generate_latest(measures.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


async def answered(request: Request, respond):  # type: ignore[no-untyped-def]
    """Measure a request; what fails is logged and answered with a 500."""
    measures: Measures = request.app.state.measures
    if request.url.path in UNMEASURED:
        return await respond(request)
    begun = time.perf_counter()
    try:
        response = await respond(request)
    except (LookupError, ValueError, OSError):
        log.exception("no answer to %s", request.url.path)
        response = PlainTextResponse("Internal Server Error\n", 500)
    measures.answered(response.status_code, time.perf_counter() - begun)
    log.info("%s %s", response.status_code, request.url.path)
    return response


def application() -> Starlette:
    """Return the service with numbers of its own."""
    routes = [Route("/", greet), Route("/health", health), Route("/metrics", metrics)]
    made = Starlette(routes=routes, middleware=[Middleware(BaseHTTPMiddleware, dispatch=answered)])
    made.state.measures = Measures(version())
    log.setLevel(logging.INFO)
    log.handlers = [handler for handler in log.handlers if not isinstance(handler, Measures)]
    log.addHandler(made.state.measures)
    return made
