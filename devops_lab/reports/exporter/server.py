"""The endpoint: the text of one scrape, and a server that keeps it fresh."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from devops_lab.errors import LabError, UserError
from devops_lab.reports.exporter.collector import Collector

LOOK = 15.0  # seconds between two looks for a new snapshot


def text(collector: Collector) -> str:
    """Return what a scrape gets now, in Prometheus' text format; the newest snapshot is computed first."""
    collector.refresh()
    return generate_latest(_registry(collector)).decode("utf-8")


@contextmanager
def serve(
    collector: Collector, host: str, port: int, say: Callable[[str], None], every: float = LOOK
) -> Iterator[tuple[int, threading.Thread]]:
    """Serve ``/metrics`` on `host` and `port` (0: any that is free); yield the port and the thread that serves.

    The newest snapshot is computed before the first scrape can come, later ones beside scrapes; a damaged store is
    told to `say`, and what was known is served on.  Errors: StoreError at the start; UserError for a port in use.
    """
    collector.refresh()
    try:
        server, thread = start_http_server(port, addr=host, registry=_registry(collector))
    except OSError as problem:
        raise UserError(f"{host}:{port} cannot be listened on ({problem.strerror}); name another --port") from problem
    stop = threading.Event()
    looking = threading.Thread(target=_look, args=(collector, stop, say, every), daemon=True)
    looking.start()
    try:
        yield server.server_port, thread
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        looking.join(timeout=60)


def _look(collector: Collector, stop: threading.Event, say: Callable[[str], None], every: float) -> None:
    while not stop.wait(every):
        try:
            if collector.refresh():
                say("a new snapshot is served")
        except LabError as problem:
            say(str(problem))


def _registry(collector: Collector) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return registry
