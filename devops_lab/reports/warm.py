"""A process that has imported everything a report needs, and forks a child for each job: ``python -m …warm FD``.

Jobs come as lines of JSON on its standard input, ``{"id": …, "call": "run" | "make", …}``; what happens goes as lines
of JSON to the file descriptor FD: ``{"id", "cells": [done, all]}``, ``{"id", "result": {…}}`` and, when the child is
gone, ``{"id", "ended": status}``.  When standard input ends (the process that asked is gone, however it went), the
children are ended too.  The only thread is the one that forks.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import sys
import tempfile
import traceback
from typing import Any

import pandas as pd

from devops_lab import charts, metrics
from devops_lab.errors import LabError
from devops_lab.reports import cells, export, making

# what notebooks of the lab import; a child finds it there
_AHEAD = (
    "evidence", "loop", "overview", "overview_changes", "overview_receipts", "phase_build", "phase_code",
    "phase_deploy", "phase_monitor", "phase_operate", "phase_plan", "phase_release", "phase_test", "phases",
    "receipts", "tiles", "verdicts",
)  # fmt: skip
_BIGGEST = 3000  # characters of an error: a line of JSON stays shorter than what a pipe takes in one piece


def main(descriptor: int) -> None:
    """Serve jobs until standard input ends."""
    for name in _AHEAD:
        importlib.import_module(f"devops_lab.reports.{name}")
    _draw()
    export.rehearse()
    cells.shell()
    gc.collect()
    gc.freeze()
    _Server(descriptor).serve()


def _draw() -> None:
    """Draw a chart that nobody sees: drawing the first one imports half of plotly."""
    weeks = pd.date_range("2026-01-05", periods=8, freq="7D")
    rows = {
        "metric": "deployment_frequency", "unit": "count", "group_name": "all", "statistic": "count", "value": 1.0,
        "period_start": weeks, "period_end": weeks + pd.Timedelta(days=7), "n": 1, "low": 0.1, "high": 4.0,
        "too_few": False, "coverage": 1.0, "partial": False,
    }  # fmt: skip
    charts.trend(pd.DataFrame(rows), metrics.find("deployment_frequency")).to_json()


class _Server:
    def __init__(self, descriptor: int) -> None:
        self.out, self.children = descriptor, dict[int, Any]()
        self._woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        waiting = b""
        while True:
            ready, _, _ = select.select([0, self._woken], [], [])
            if self._woken in ready:
                os.read(self._woken, 4096)
                self._reap()
            if 0 in ready:
                given = os.read(0, 65536)
                if not given:
                    return self._end()
                *lines, waiting = (waiting + given).split(b"\n")
                for line in lines:
                    self._take(json.loads(line))

    def _take(self, job: dict[str, Any]) -> None:
        child = os.fork()
        if child == 0:
            _work(job, self.out)
        self.children[child] = job["id"]

    def _reap(self) -> None:
        for child, job in list(self.children.items()):
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                del self.children[child]
                _tell(self.out, {"id": job, "ended": os.waitstatus_to_exitcode(status)})

    def _end(self) -> None:
        for child in self.children:
            try:
                os.killpg(child, signal.SIGKILL)
            except ProcessLookupError:  # it has ended just now, or has not come as far as its own group
                continue
        os._exit(0)


def _work(job: dict[str, Any], out: int) -> None:
    """Do one job in a child, tell what came of it, and end; nothing of the parent is torn down."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setpgid(0, 0)
        _apart()
        _tell(
            out,
            {
                "id": job["id"],
                "result": making.CALLS[job["call"]](job, lambda *at: _tell(out, {"id": job["id"], "cells": at})),
            },
        )
        status = 0
    except LabError as problem:
        told = {"error": str(problem)[:_BIGGEST], "exit_status": problem.exit_status}
        _tell(out, {"id": job["id"], "result": told})
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)


def _apart() -> None:
    """Give the child its own standard streams: nothing to read, a file of its own to print to."""
    with open(os.devnull, "rb") as nothing, tempfile.TemporaryFile() as printed:  # noqa: PTH123
        os.dup2(nothing.fileno(), 0)
        os.dup2(printed.fileno(), 1)
    sys.path.insert(0, "")


def _tell(out: int, message: dict[str, Any]) -> None:
    os.write(out, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
