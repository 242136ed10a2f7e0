"""Jobs side by side: a warm process forks a child for each, at most so many at once.

`Workers` is the near side of ``warm``.  A child that dies takes nothing with it: the cells it had done are put
together from its journal.  When this process goes, however it goes, the warm process and its children go too.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import nbformat

from devops_lab.errors import ReportError

Job = dict[str, Any]
Cells = Callable[[int, int, int], object]
Ended = Callable[[int], object]
Found = dict[str, Any] | ReportError


class Workers:
    """A warm process and up to `count` children at work (as many as there are processors); use it in a ``with``.

    Errors: ReportError where the process does not start or ends before its work does.
    """

    def __init__(self, count: int | None = None) -> None:
        self.count = count or _processors()

    def __enter__(self) -> Workers:
        if not hasattr(os, "fork"):
            raise ReportError("reports need a system that forks processes: Linux, macOS, or Windows' own Linux (WSL)")
        reading, writing = os.pipe()
        start = [sys.executable, "-P", "-m", "devops_lab.reports.warm", str(writing)]
        self._process = subprocess.Popen(
            start,
            stdin=subprocess.PIPE,
            pass_fds=(writing,),
            start_new_session=True,  # Ctrl-C is for this process, which then ends the others
            env=os.environ | {"PLOTLY_RENDERER": "plotly_mimetype"},
        )
        os.close(writing)
        self._answers = os.fdopen(reading, encoding="utf-8")
        return self

    def __exit__(self, *_: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self._answers.close()

    def run(self, jobs: Sequence[Job], cells: Cells | None = None, ended: Ended | None = None) -> list[Found]:
        """Do the jobs and return what each came to, in their order: its result, or the ReportError.

        `cells(number, done, all)` is called after each cell of a job, `ended(number)` when a job is done.
        """
        waiting, busy = deque(enumerate(jobs)), 0
        found: list[Found | None] = [None] * len(jobs)
        while waiting or busy:
            while waiting and busy < self.count:
                number, job = waiting.popleft()
                self._send({"id": number, **job})
                busy += 1
            message = self._heard()
            number = message["id"]
            if "result" in message:
                found[number] = _judged(message["result"])
            elif "ended" in message:
                busy -= 1
                found[number] = found[number] or _died(jobs[number], message["ended"])
                if ended is not None:
                    ended(number)
            elif cells is not None:
                cells(number, *message["cells"])
        return [one for one in found if one is not None]

    def _heard(self) -> dict[str, Any]:
        line = self._answers.readline()
        if not line:
            raise ReportError("the process that renders reports has ended; why stands above")
        message: dict[str, Any] = json.loads(line)
        return message

    def _send(self, job: Job) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(job).encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError as problem:
            raise ReportError("the process that renders reports did not start; why stands above") from problem


def _processors() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _judged(result: dict[str, Any]) -> Found:
    if "error" not in result:
        return result | {"done": True}
    problem = ReportError(result["error"])
    problem.exit_status = result["exit_status"]
    return problem


def _died(job: Job, status: int) -> ReportError:
    """Return the error of a child that went without a word, and write the cells it had done to ``job["output"]``."""
    said = f"signal {-status}" if status < 0 else f"status {status}"
    kept = f"; what was done so far lies in {job['kept']}" if _salvage(Path(job["journal"]), job["output"]) else ""
    return ReportError(f"{Path(job['notebook']).name}: the kernel stopped: it ended with {said}{kept}")


def _salvage(journal: Path, output: str) -> bool:
    """Write the notebook as far as its journal tells; False where it had not begun."""
    lines = journal.read_text("utf-8").splitlines() if journal.is_file() else []
    if not lines:
        return False
    try:
        notebook = nbformat.from_dict(json.loads(lines[0]))
        for line in lines[1:]:
            noted = json.loads(line)
            notebook.cells[noted["index"]] = nbformat.from_dict(noted["cell"])
    except json.JSONDecodeError:  # the line at which the process ended
        if not lines[1:]:
            return False
    nbformat.write(notebook, output)
    return True
