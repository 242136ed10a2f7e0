"""Run a notebook with papermill, in a kernel of the interpreter that runs this.

An installed "python3" kernel may belong to another environment or be missing; the kernel started here is always
``sys.executable``.  Its plotly writes figures as data (no script per figure), and it keeps no history, so that
parallel reports share no file.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from logging import CRITICAL
from pathlib import Path
from typing import Any

import papermill
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import write_ipynb

from devops_lab import errors
from devops_lab.errors import LabError, ReportError

Progress = Callable[[int, int], None]
ENGINE = "devops_lab"
START_SECONDS = 120  # a cold disk may need long to import the kernel


class OwnKernel(AsyncKernelManager):
    """A kernel of this very interpreter, whatever kernels are installed; what it says is encrypted where zmq can."""

    transport_encryption = "auto"

    @property
    def kernel_spec(self) -> KernelSpec:
        """Return how to start it."""
        start = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        start += ["--HistoryManager.enabled=False", f"--log-level={CRITICAL}"]  # it would call its own stop an error
        return KernelSpec(
            argv=start,
            display_name="Python 3",
            language="python",
            metadata={"supported_encryption": ["curve"]},
            env={"PLOTLY_RENDERER": "plotly_mimetype", "PYDEVD_DISABLE_FILE_VALIDATION": "1"},
        )


class OwnEngine(NBClientEngine):
    """papermill's own engine, with our kernel and a word after each cell."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, partial: str = "", progress: Progress | None = None, **options: Any
    ) -> Any:
        """Run the notebook; `progress` is told how many of how many cells are done.

        papermill would write the notebook twice per cell; here it is written to `partial` when the run breaks off.
        When the last cell has ended the kernel is stopped at once: what a cell wrote is written by then.
        """
        if progress is not None:
            _tell(nb_man, progress)
        done = False
        try:
            result = super().execute_managed_notebook(
                nb_man, kernel_name, kernel_manager_class=OwnKernel, shutdown_kernel="immediate", **options
            )
            done = True
        finally:
            if not done and partial:
                write_ipynb(nb_man.nb, partial)
        return result


def run(
    notebook: Path, output: Path, parameters: dict[str, Any], *, kept: Path, progress: Progress | None = None
) -> Any:
    """Execute `notebook` with `parameters` and write it to `output`; return the executed notebook.

    Relative paths in the notebook start from the current folder.

    Errors: ReportError names the notebook, the cell, what it said, and `kept`, where the caller puts what was done so
    far.  Where the cell met an error of the lab, the exit status is that error's.
    """
    papermill_engines.register(ENGINE, OwnEngine)
    try:
        return papermill.execute_notebook(
            str(notebook),
            str(output),
            parameters=parameters,
            engine_name=ENGINE,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            start_timeout=START_SECONDS,
            request_save_on_cell_execute=False,
            partial=str(output),
            progress=progress,
        )
    except PapermillExecutionError as problem:
        raise _failure(notebook, kept, problem) from problem
    except (DeadKernelError, CellTimeoutError, RuntimeError) as problem:
        raise ReportError(
            f"{notebook.name}: the kernel stopped: {_last_line(str(problem))}; what was done so far lies in {kept}"
        ) from problem


def _failure(notebook: Path, kept: Path, problem: PapermillExecutionError) -> ReportError:
    kind = getattr(errors, problem.ename, None)
    ours = kind if isinstance(kind, type) and issubclass(kind, LabError) else None
    said = problem.evalue if ours else f"{problem.ename}: {_last_line(problem.evalue)}"
    failure = ReportError(
        f"{notebook.name}, cell {problem.cell_index + 1}: {said}\nwhat was done so far lies in {kept}"
    )
    if ours:
        failure.exit_status = ours.exit_status
    return failure


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "no message"


def _tell(manager: Any, progress: Progress) -> None:
    """Put a call of `progress` behind papermill's own note that a cell is done."""
    noted, total = manager.cell_complete, len(manager.nb.cells)

    def complete(cell: Any, cell_index: int | None = None, **options: Any) -> None:
        noted(cell, cell_index, **options)
        progress((cell_index or 0) + 1, total)

    manager.cell_complete = complete
