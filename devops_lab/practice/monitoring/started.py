"""Start and stop the practice organisation's Prometheus and Alertmanager."""

from __future__ import annotations

import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from devops_lab.errors import UserError
from devops_lab.practice.monitoring import alertmanager, prometheus
from devops_lab.practice.monitoring.backfill import backfill
from devops_lab.practice.monitoring.processes import Program, start_server, stop_left
from devops_lab.practice.world.organisation import Organisation

PROMETHEUS, PROMTOOL, ALERTMANAGER = "prometheus", "promtool", "alertmanager"
PROGRAMS = {
    PROMETHEUS: (PROMETHEUS,),
    PROMTOOL: (PROMTOOL,),
    ALERTMANAGER: ("prometheus-alertmanager", ALERTMANAGER),
}
AGAIN = "`devops-lab practice down` and `devops-lab practice up` start it afresh"
Say = Callable[[str], None]


class Monitoring:
    """A Prometheus with the organisation's history and an Alertmanager, both running in subfolders of `folder`."""

    def __init__(self, folder: Path, programs: Mapping[str, tuple[Program, int]]) -> None:
        self.folder, self._programs = folder, dict(programs)
        self.prometheus_url = f"http://127.0.0.1:{programs[PROMETHEUS][1]}"
        self.alertmanager_url = f"http://127.0.0.1:{programs[ALERTMANAGER][1]}"

    @property
    def processes(self) -> list[tuple[str, int]]:
        """Name and process id of each."""
        return [(program.name, program.process) for program, _ in self._programs.values()]

    def check(self) -> list[str]:
        """Return a sentence about each part that has crashed: its exit status, its last words, and the way out."""
        return [
            f"{program.name} has stopped (exit status {program.ended}); it said last: {program.said()}; {AGAIN}"
            for program, _ in self._programs.values()
            if program.ended is not None
        ]

    def close(self) -> None:
        """Stop both and take their folders away; a second call does nothing."""
        for program, _ in self._programs.values():
            program.stop()
        remove(self.folder)


def missing() -> str | None:
    """Return what is not installed and how to install it; None where all is there."""
    absent = [name for name in PROGRAMS if _program(name) is None]
    if not absent:
        return None
    if sys.platform == "darwin":
        how = "`brew install prometheus alertmanager`"
    elif sys.platform == "win32":
        how = "download them from https://prometheus.io/download/ and put them on the PATH"
    else:
        how = "`apt-get install prometheus prometheus-alertmanager` (Debian, Ubuntu)"
    return f"operate and monitor need {', '.join(absent)}, not found on the PATH; {how}"


def start(
    folder: Path,
    organisation: Organisation,
    targets: Mapping[str, str],
    say: Say,
    webhook: str | None = None,
) -> Monitoring:
    """Start both, with the organisation's history backfilled, scraping `targets` (job → host:port) each second.

    `folder` is made where needed and only its subfolders prometheus and alertmanager are touched; what an earlier start
    left there is stopped and replaced.  The organisation's `until` must not lie in the future: Prometheus takes nothing
    live that is older than its history.  `say` hears what is done and how long it took; `webhook` is told each alert.
    Errors: UserError where something is not installed; SourceError where one does not start or the history fails.
    """
    absent = missing()
    if absent is not None:
        raise UserError(absent)
    folder = folder.absolute()
    stop_left(folder)
    remove(folder)
    started: dict[str, tuple[Program, int]] = {}
    try:
        with ThreadPoolExecutor(1) as beside:
            other = beside.submit(_start_alertmanager, folder / ALERTMANAGER, webhook)
            try:
                _tell_history(folder / PROMETHEUS, organisation, say)
            finally:
                started[ALERTMANAGER] = other.result()
        started[PROMETHEUS] = _start_prometheus(folder / PROMETHEUS, targets, started[ALERTMANAGER][1], say)
    finally:
        if PROMETHEUS not in started:
            for program, _ in started.values():
                program.stop()
            remove(folder)
    return Monitoring(folder, started)


def remove(folder: Path) -> None:
    """Take the folders of Prometheus and Alertmanager away, where they are."""
    for name in (PROMETHEUS, ALERTMANAGER):
        if (folder / name).exists():
            shutil.rmtree(folder / name)


def _program(name: str) -> str | None:
    return next((found for found in map(shutil.which, PROGRAMS[name]) if found is not None), None)


def _tell_history(folder: Path, organisation: Organisation, say: Say) -> None:
    began = time.monotonic()
    watch = organisation.watch
    told = time.monotonic()
    say(f"telemetry of {len(watch.telemetry)} services told in {told - began:.1f} s")
    count = backfill(watch, str(_program(PROMTOOL)), folder / prometheus.DATA, folder)
    say(f"{count:,} samples backfilled in {time.monotonic() - told:.1f} s")


def _start_alertmanager(folder: Path, webhook: str | None) -> tuple[Program, int]:
    alertmanager.configure(folder, webhook)
    program = str(_program(ALERTMANAGER))
    return start_server("Alertmanager", folder, lambda port: alertmanager.command(program, folder, port), _ready)


def _start_prometheus(folder: Path, targets: Mapping[str, str], receiver: int, say: Say) -> tuple[Program, int]:
    began = time.monotonic()
    prometheus.configure(folder, targets, f"127.0.0.1:{receiver}")
    program = str(_program(PROMETHEUS))
    found = start_server("Prometheus", folder, lambda port: prometheus.command(program, folder, port), _ready)
    say(f"Prometheus ready in {time.monotonic() - began:.1f} s")
    return found


def _ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=2) as answer:
            return int(answer.status) == 200
    except (urllib.error.URLError, OSError):
        return False
