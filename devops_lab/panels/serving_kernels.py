"""The kernels behind the panel's page: one for each visit, of this very interpreter, ended when the page is gone.

A kernel inherits the server's environment (the tokens are in it, and nowhere else) and the name of whom the proxy
named.  It says what it says on encrypted sockets, where zmq can, so that other people on the machine cannot listen.
"""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar
from logging import CRITICAL
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.ioloop import IOLoop
from traitlets import Float

from devops_lab.panels.person import NAMED
from devops_lab.panels.serving_gate import Visitor

NAME = "python3"
MOST = 20  # pages open at once
WIDGETS_ALONE = ["comm_open", "comm_close", "comm_msg", "comm_info_request", "kernel_info_request"]
visiting: ContextVar[Visitor] = ContextVar("visiting")


class OwnSpecs(KernelSpecManager):
    """The one kernel there is, whatever kernels are installed."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return how to start it."""
        start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        return KernelSpec(
            argv=[*start, "--HistoryManager.enabled=False", f"--log-level={CRITICAL}"],
            display_name="Python 3",
            language="python",
            metadata={"supported_encryption": ["curve"]},
            env={"PYDEVD_DISABLE_FILE_VALIDATION": "1"},
        )

    def get_all_specs(self) -> dict[str, Any]:
        """Return it as the only one."""
        return {NAME: {"resource_dir": "", "spec": self.get_kernel_spec(NAME).to_dict()}}


class OwnKernels(AsyncMappingKernelManager):
    """Kernels by visit: who each belongs to, and an end for each whose page is gone."""

    coming = Float(120.0, config=True, help="Seconds that a page may take to come to its kernel.")
    away = Float(30.0, config=True, help="Seconds that a page may be away: a line that broke, a short sleep.")

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.visitors: dict[str, Visitor] = {}

    async def start_kernel(self, **options: Any) -> str:  # type: ignore[override]  # Jupyter's own is async too
        """Start the kernel of the visitor whose request is answered, in the folder that the server runs in."""
        visitor = visiting.get()
        environment = {name: value for name, value in (options.pop("env", None) or os.environ).items() if name != NAMED}
        if visitor.person is not None:
            environment[NAMED] = visitor.person
        options.pop("path", None)
        number = str(await super().start_kernel(env=environment, cwd=str(Path.cwd()), **options))
        self.visitors[number] = visitor
        IOLoop.current().call_later(self.coming, self._end_unless_used, number)
        return number

    def notify_disconnect(self, kernel_id: str) -> None:
        """Take note that a page went; end its kernel unless it comes back."""
        super().notify_disconnect(kernel_id)
        IOLoop.current().call_later(self.away, self._end_unless_used, kernel_id)

    @property
    def full(self) -> bool:
        """Whether no more pages can be opened."""
        return len(self.list_kernel_ids()) >= MOST

    def belongs(self, kernel_id: str, visitor: Visitor) -> bool:
        """Say whether a kernel is there and the visitor's own."""
        return kernel_id in self and self.visitors.get(kernel_id) == visitor

    async def _end_unless_used(self, kernel_id: str) -> None:
        if kernel_id in self and not self._kernel_connections.get(kernel_id):
            self.log.info("The page of kernel %s is gone; the kernel ends.", kernel_id)
            await self.shutdown_kernel(kernel_id, now=True)
        if kernel_id not in self:
            self.visitors.pop(kernel_id, None)
