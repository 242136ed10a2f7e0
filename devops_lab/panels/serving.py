"""``devops-lab panel``: a panel's notebook as a web page on this machine, for one person or behind a proxy.

::

    serving          what is served where: the address, the notebook with its parameters, start and end
    serving_gate     who may ask: known hosts, the page's own requests, its key or a trusted proxy's word
    serving_voila    Voilà with the addresses the page needs and no others
    serving_kernels  a kernel for each visit
    person           whom the proxy named, for the notebook in the kernel
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devops_lab.config import Panel
from devops_lab.errors import UserError
from devops_lab.panels.serving_gate import Gate

if TYPE_CHECKING:
    from nbformat import NotebookNode

HOST, PORT = "127.0.0.1", 8866
PARAMETERS = "parameters"  # the tag of the cell whose values are replaced
EVERYWHERE = ("", "0.0.0.0", "::")


@dataclass
class Serving:
    """A page that is served: `notebook` with `values` in the place of its parameters, to be reached at `url`.

    `sockets` are bound already, so that a port in use is known before anything else is started.
    """

    notebook: Path
    values: dict[str, str]
    gate: Gate
    sockets: list[socket.socket] = field(repr=False)
    host: str = HOST
    title: str = "DevOps Lab"
    debug: bool = False
    kernels: dict[str, float] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The address to open; it holds the key, unless a proxy says who comes."""
        if self.gate.shared:
            hosts = self.gate.panel.hosts
            return f"https://{hosts[0]}/" if hosts else self._address
        return f"{self._address}?token={self.gate.key}"

    @property
    def warning(self) -> str:
        """What somebody should know before the page is reached from other machines; "" where it is not."""
        if _only_here(self.host) or self.gate.shared:
            return ""
        return (
            f"{self.host} is reached from other machines, over plain HTTP: who listens there reads the key; "
            "docs/panel.md shows it behind a proxy"
        )

    @property
    def _address(self) -> str:
        name = HOST if self.host in EVERYWHERE else f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{name}:{self.gate.port}/"

    def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Serve until Ctrl-C or SIGTERM; then the page and all its kernels end.  `ready` is called when it answers."""
        asyncio.run(self._until_told(ready))

    async def _until_told(self, ready: Callable[[], None]) -> None:
        server = self._server()
        loop = asyncio.get_running_loop()
        task = asyncio.create_task(server.serve())
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        loop.call_soon(ready)
        try:
            await task
        except asyncio.CancelledError:
            return

    def _server(self) -> Any:
        from traitlets.config import Config

        from devops_lab.panels.serving_kernels import OwnKernels, OwnSpecs
        from devops_lab.panels.serving_voila import FOLDER, PanelServer, Visitors

        settings = Config()
        settings.VoilaConfiguration = Config(
            allow_template_override="NO",
            allow_theme_override="NO",
            file_allowlist=[],
            kernel_spec_manager_class=OwnSpecs,
            multi_kernel_manager_class=OwnKernels,
            prelaunch_hook=lambda handler, notebook, cwd: with_values(notebook, self.values),
            resources={"title": self.title},
            extension_allowlist=["@jupyter-widgets/jupyterlab-manager", "@voila-dashboards/widgets-manager8"],
        )
        settings.VoilaExecutor.cell_error_instruction = "What went wrong stands in the terminal of devops-lab panel."
        if not self.debug:
            logging.getLogger("tornado.general").setLevel(logging.ERROR)
        settings.OwnKernels = Config(transport_encryption="auto", **self.kernels)
        server = PanelServer(
            config=settings, gate=self.gate, sockets=self.sockets, title=self.title, notebook_path=str(self.notebook),
            identity_provider_class=Visitors,
            config_file_paths=[], port=self.gate.port, log_level=logging.DEBUG if self.debug else logging.ERROR,
        )  # fmt: skip
        server.initialize([])
        server.template_paths = [str(FOLDER), *server.template_paths]
        return server


def serving(
    notebook: Path, values: dict[str, str], panel: Panel, *, host: str = HOST, port: int = PORT, **options: Any
) -> Serving:
    """Return a page bound to `host` and `port` (0: a free one), to be served with `Serving.run`.

    Errors: UserError where the port is taken, or the host is not this machine's.
    """
    from tornado.netutil import bind_sockets

    try:
        sockets = bind_sockets(port, host or None)
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            raise UserError(
                f"port {port} of {host} is in use, perhaps by another panel; end that one, or take --port 0 for a "
                "free port"
            ) from problem
        raise UserError(f"{host}:{port} cannot be listened on: {problem.strerror or problem}") from problem
    number = sockets[0].getsockname()[1]
    names = (socket.gethostname().casefold(),) if host in EVERYWHERE else (host.casefold(),)
    return Serving(notebook, values, Gate(number, panel, names), sockets, host=host, **options)


def with_values(notebook: NotebookNode, values: dict[str, str]) -> NotebookNode:
    """Return the notebook with `values` set after its cell tagged "parameters"."""
    import nbformat

    text = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    tags = [cell.metadata.get("tags", []) for cell in notebook.cells]
    place = next((number for number, own in enumerate(tags, 1) if PARAMETERS in own), 0)
    notebook.cells.insert(place, nbformat.v4.new_code_cell(text))
    return notebook


def _only_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.casefold() == "localhost"
