"""Voilà as the panel needs it: one notebook, its widgets, and nothing else.

Of Voilà's addresses only those are there that the page uses: the page itself, its scripts and styles, the socket of its
own kernel, the end of that kernel.  There are no files of the notebook's folder, no contents, no terminals, no way to
start a kernel or to run code in it: on the socket only messages of widgets reach the kernel.  Each request passes
`devops_lab.panels.serving_gate` first.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from html import escape
from pathlib import Path
from typing import Any

import tornado.web
from jupyter_core.utils import ensure_async
from jupyter_server.auth.identity import IdentityProvider, User
from jupyter_server.base.handlers import FileFindHandler
from jupyter_server.services.kernels.handlers import KernelHandler
from jupyterlab_server.themes_handler import ThemesHandler
from tornado.httpserver import HTTPServer
from traitlets import Any as AnyTrait
from traitlets import Unicode
from voila.app import Voila
from voila.shutdown_kernel_handler import VoilaShutdownKernelHandler
from voila.static_file_handler import MultiStaticFileHandler
from voila.tornado.handler import TornadoVoilaHandler
from voila.tornado.kernel_websocket_handler import VoilaKernelWebsocketHandler

from devops_lab.panels.serving_gate import Gate, RefusedError
from devops_lab.panels.serving_kernels import WIDGETS_ALONE, visiting

FOLDER = Path(__file__).with_name("serving_page")
PING = 10_000  # milliseconds: a page that does not answer three times is gone
KERNEL = r"(?P<kernel_id>\w+-\w+-\w+-\w+-\w+)"
COME_IN = (
    '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">'
    '<meta http-equiv="refresh" content="0;url=/"><a href="/">The panel</a>'
)
REFUSED = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    '<title>{status}</title><link rel="stylesheet" href="/panel/page.css"><p class="lab-refused">{why}</p></html>'
)


class Visitors(IdentityProvider):
    """Tells Jupyter whom the gate let in."""

    def get_user(self, handler: tornado.web.RequestHandler) -> User | None:
        """Return who asks."""
        visitor = getattr(handler, "visitor", None)
        return None if visitor is None else User(visitor.person or "panel")

    def get_handlers(self) -> list[tuple[str, object]]:
        """Return none: nobody logs in here."""
        return []


class Guarded(tornado.web.RequestHandler):
    """What every address of the page has in front of it: the gate, and the headers of every answer."""

    SUPPORTED_METHODS = ("GET", "HEAD", "POST")
    visitor: Any = None

    @property
    def gate(self) -> Gate:
        """The gate of this page."""
        found: Gate = self.settings["gate"]
        return found

    def prepare(self) -> Any:
        """Let the request in, or refuse it in words."""
        try:
            self.visitor = self.gate.visitor(self.request)
        except RefusedError as problem:
            raise tornado.web.HTTPError(problem.status, problem.why.replace("%", "%%"), reason="Refused") from None
        return super().prepare()

    def set_default_headers(self) -> None:
        """Set the headers of every answer, also of a refusal."""
        super().set_default_headers()
        self.clear_header("Server")
        for name, value in self.gate.headers(self.request.host).items():
            self.set_header(name, value)

    def check_origin(self, origin: str = "") -> bool:
        """Say yes: the gate has asked that before, more strictly."""
        return True

    def write_error(self, status_code: int, **options: Any) -> None:
        """Say what is wrong in a sentence, never with a traceback."""
        problem = (options.get("exc_info") or (None, None))[1]
        said = isinstance(problem, tornado.web.HTTPError) and problem.reason == "Refused" and problem.log_message
        why = str(said or "There is nothing here.").replace("%%", "%")
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.finish(REFUSED.format(status=status_code, why=escape(why)))

    def _request_summary(self) -> str:
        """Return what the log may say of a request: never its query, which may hold the key."""
        return f"{self.request.method} {self.request.path} ({self.request.remote_ip})"


class Page(Guarded, TornadoVoilaHandler):
    """The page: a kernel is started, the notebook runs in it, and its widgets are shown."""

    async def get(self, path: str | None = None) -> None:
        """Answer with the page; who brings the key in the address gets a cookie and comes again without it."""
        if self.gate.brings_key(self.request):
            secure = self.request.protocol == "https"
            self.set_cookie(self.gate.cookie, self.gate.signed(), httponly=True, samesite="Strict", secure=secure)
            self.set_header("Content-Type", "text/html; charset=utf-8")
            self.set_header("Cache-Control", "no-store")
            self.finish(COME_IN)
            return
        if self.kernel_manager.full:
            raise tornado.web.HTTPError(503, "Too many panels are open; close one of them.", reason="Refused")
        visiting.set(self.visitor)
        _ = self.xsrf_token  # its cookie must be set before the first piece is sent
        async for piece in self.get_generator():
            self.write(piece)
            self.flush()


class OwnKernel:
    """Before a kernel is touched: it must be there, and the visitor's own."""

    visitor: Any
    kernel_manager: Any

    def owned(self, kernel_id: str) -> None:
        """Refuse a kernel that is somebody else's as one that is not there."""
        if not self.kernel_manager.belongs(kernel_id, self.visitor):
            raise tornado.web.HTTPError(404)


class Socket(Guarded, OwnKernel, VoilaKernelWebsocketHandler):
    """The page's line to its own kernel."""

    def set_default_headers(self) -> None:
        """Set none: a socket has no page."""

    async def get(self, kernel_id: str) -> None:
        """Open the line."""
        self.owned(kernel_id)
        await ensure_async(super().get(kernel_id=kernel_id))


class Kernel(Guarded, OwnKernel, KernelHandler):  # type: ignore[misc]
    """What the page's kernel is called and whether it is there."""

    async def get(self, kernel_id: str) -> None:
        """Answer with the kernel's state."""
        self.owned(kernel_id)
        await ensure_async(super().get(kernel_id))

    async def delete(self, kernel_id: str) -> None:
        """Refuse: a kernel ends when its page does."""
        raise tornado.web.HTTPError(405)


class Closed(Guarded, OwnKernel, VoilaShutdownKernelHandler):
    """The end of a page's kernel, told by the page when it is left."""

    async def post(self, kernel_id: str) -> None:
        """End the kernel."""
        self.owned(kernel_id)
        await ensure_async(super().post(kernel_id))


class Scripts(Guarded, MultiStaticFileHandler):
    """Voilà's own scripts and styles."""


class Themes(Guarded, ThemesHandler):  # type: ignore[misc]
    """The styles of JupyterLab's themes."""


class Extensions(Guarded, FileFindHandler):  # type: ignore[misc]
    """The scripts of the widgets."""


class Own(Guarded, tornado.web.StaticFileHandler):
    """The page's own script and style."""


class Nothing(Guarded, tornado.web.ErrorHandler):
    """Every other address."""


class PanelServer(Voila):
    """Voilà with one notebook behind the gate; `title` is the page's, `cells` go before the notebook's own."""

    gate = AnyTrait()
    title = Unicode("DevOps Lab")
    sockets = AnyTrait()

    def init_settings(self) -> dict[str, Any]:
        """Return the settings of the web application."""
        settings = dict(super().init_settings())
        self.kernel_manager.allowed_message_types = WIDGETS_ALONE
        settings.update(
            gate=self.gate,
            cookie_secret=self.gate.secret,
            identity_provider=self.identity_provider,
            xsrf_cookies=True,
            xsrf_cookie_kwargs={"samesite": "Strict", "path": "/"},
            log_function=self._log_request,
            default_handler_class=Nothing,
            default_handler_args={"status_code": 404},
            mathjax_url="",
            ws_ping_interval=PING,
            ws_ping_timeout=3 * PING,
        )
        return settings

    def init_handlers(self) -> list[Any]:
        """Return the addresses there are."""
        page = {
            "notebook_path": Path(self.notebook_path).name,
            "template_paths": self.template_paths,
            "config": self.config,
            "voila_configuration": self.voila_configuration,
        }
        extensions = self.labextensions_path
        themes = {"themes_url": "/voila/api/themes", "path": self.themes_dir, "labextensions_path": extensions}
        return [
            (r"/()", Page, page),
            (rf"/api/kernels/{KERNEL}", Kernel),
            (rf"/api/kernels/{KERNEL}/channels", Socket),
            (rf"/voila/api/shutdown/{KERNEL}", Closed),
            (r"/voila/api/themes/(.*)", Themes, themes),
            (r"/voila/labextensions/(.*)", Extensions, {"path": extensions}),
            (r"/voila/static/(.*)", Scripts, {"paths": self.static_paths}),
            (r"/panel/(page\.(?:css|js))", Own, {"path": str(FOLDER)}),
        ]

    def start(self) -> None:
        """Serve until the loop is stopped; then end every kernel."""
        asyncio.run(self.serve())

    async def serve(self) -> None:
        """Serve on the sockets until the task is cancelled; then end every kernel."""
        self.connection_dir = tempfile.mkdtemp(prefix="devops-lab-panel-")
        settings = self.init_settings()
        self.app = tornado.web.Application(self.init_handlers(), **settings)
        server = HTTPServer(self.app)
        server.add_sockets(self.sockets)
        try:
            await asyncio.Event().wait()
        finally:
            server.stop()
            await self.kernel_manager.shutdown_all(now=True)
            shutil.rmtree(self.connection_dir, ignore_errors=True)

    def _log_request(self, handler: Any) -> None:
        status, summary = handler.get_status(), handler._request_summary()
        level = logging.DEBUG if status < 400 else logging.INFO if status < 500 else logging.WARNING
        self.log.log(level, "%d %s", status, summary)
