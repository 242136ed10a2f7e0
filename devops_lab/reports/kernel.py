"""Run one notebook in a process of its own, as papermill would; see ``cells`` for how its cells run there."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

from devops_lab.errors import ReportError
from devops_lab.reports.workers import Workers

Progress = Callable[[int, int], None]


def run(
    notebook: Path, output: Path, parameters: dict[str, Any], *, kept: Path, progress: Progress | None = None
) -> Any:
    """Execute `notebook` with `parameters` and write it to `output`; return the executed notebook.

    Relative paths in the notebook start from the current folder.

    Errors: ReportError names the notebook, the cell, what it said, and `kept`, where the caller puts what was done so
    far.  Where the cell met an error of the lab, the exit status is that error's.
    """
    with tempfile.TemporaryDirectory(prefix="devops-lab-") as folder, Workers(1) as workers:
        job = {
            "call": "run",
            "notebook": str(notebook),
            "output": str(output),
            "parameters": parameters,
            "kept": str(kept),
            "journal": str(Path(folder) / "cells.jsonl"),
        }
        (found,) = workers.run([job], cells=lambda number, done, total: progress and progress(done, total))
    if isinstance(found, ReportError):
        raise found
    return nbformat.read(output, as_version=4)
