"""papermill's engine that runs a notebook's cells in this very process, which is meant for that one notebook.

A kernel of its own costs a start, imports and a conversation over sockets for each notebook.  Here the process is
forked from one that has imported everything (``warm``), so a notebook still has a fresh interpreter state of its own.
Everything else is papermill's: parameters, metadata, a cell's times and its error.

What a cell displays, returns, prints (a program it starts as well) becomes its outputs, as a kernel would send them.
Each finished cell goes to a journal at once, so that what was done can be put together when the process dies.
"""

from __future__ import annotations

import base64
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import papermill
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from papermill.engines import Engine, papermill_engines
from traitlets import Type
from traitlets.config import Config

Progress = Callable[[int, int], None]
ENGINE = "devops_lab"


class Outputs:
    """The outputs of the cell that runs now, in the order in which they come."""

    def __init__(self) -> None:
        self.found: list[Any] = []
        self._clear_next = False
        self._shown: dict[str, list[Any]] = {}

    def begin(self) -> None:
        """A new cell begins."""
        self.found, self._clear_next = [], False

    def stream(self, name: str, text: str) -> None:
        """Add printed text to the stream it belongs to."""
        self._make_room()
        last = self.found[-1] if self.found else None
        if last is not None and last.output_type == "stream" and last.name == name:
            last.text += text
        else:
            self.found.append(nbformat.v4.new_output("stream", name=name, text=text))

    def add(self, kind: str, display_id: str | None = None, **content: Any) -> None:
        """Add an output of a kind that notebooks know: display_data, execute_result, error."""
        self._make_room()
        output = nbformat.v4.new_output(kind, **content)
        self.found.append(output)
        if display_id:
            self._shown.setdefault(display_id, []).append(output)

    def update(self, display_id: str, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Put new content in the place of what was displayed under that id, in whichever cell."""
        for output in self._shown.get(display_id, []):
            output.data, output.metadata = nbformat.from_dict(data), nbformat.from_dict(metadata)

    def clear(self, wait: bool) -> None:
        """Take away what the cell has shown: now, or when the next output comes."""
        if wait:
            self._clear_next = True
        else:
            self.found.clear()

    def _make_room(self) -> None:
        if self._clear_next:
            self.found.clear()
            self._clear_next = False


OUTPUTS = Outputs()


class _Stream(io.TextIOBase):
    """``sys.stdout`` or ``sys.stderr`` of the cells."""

    encoding = "utf-8"

    def __init__(self, name: str) -> None:
        self._name = name

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if text:
            OUTPUTS.stream(self._name, text)
        return len(text)


class _Publisher(DisplayPublisher):
    """What ``display(…)`` shows becomes an output."""

    def publish(
        self,
        data: dict[str, Any],
        metadata: dict[str, Any] | None = None,
        source: Any = None,
        *,
        transient: dict[str, Any] | None = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        name = (transient or {}).get("display_id")
        if update and name:
            OUTPUTS.update(name, _encoded(data), metadata or {})
        else:
            OUTPUTS.add("display_data", name, data=_encoded(data), metadata=metadata or {})

    def clear_output(self, wait: bool = False) -> None:
        OUTPUTS.clear(wait)


class _Results(DisplayHook):
    """The value of a cell's last line becomes its result."""

    def write_output_prompt(self) -> None:
        """Write nothing: the result carries its number."""

    def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
        data, count = _encoded(format_dict), shell().execution_count
        OUTPUTS.add("execute_result", data=data, metadata=md_dict or {}, execution_count=count)

    def finish_displayhook(self) -> None:
        self._is_active = False


class Shell(InteractiveShell):
    """IPython as a notebook needs it: no history, no files of its own, outputs and errors to `OUTPUTS`."""

    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Results)

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        OUTPUTS.add("error", ename=getattr(etype, "__name__", str(etype)), evalue=str(evalue), traceback=list(stb))

    def init_io(self) -> None:
        """Leave the streams alone: they are set when a notebook begins."""


def shell() -> Shell:
    """Return this process' shell, made when it is first asked for; making it ahead warms a process up."""
    settings = Config()
    settings.HistoryManager.enabled = False
    settings.InteractiveShell.colors = "nocolor"
    made: Shell = Shell.instance(config=settings)
    return made


class InProcess(Engine):
    """papermill's engine for one notebook in this process."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, journal: str = "", progress: Progress | None = None, **_: Any
    ) -> None:
        """Run the cells until one fails; `progress` is told how many of how many cells are done."""
        own, cells = shell(), nb_man.nb.cells
        paths = nb_man.nb.metadata["papermill"]
        for key in ("input_path", "output_path"):  # whose machine it ran on is nobody's business
            paths[key] = Path(paths[key]).name
        with Path(journal).open("w", encoding="utf-8") as written, _Printed() as printed:
            _note(written, nb_man.nb)
            for index, cell in enumerate(cells):
                nb_man.cell_start(cell, index)
                failed = cell.cell_type == "code" and bool(cell.source.strip()) and not _ran(own, cell, printed)
                if failed:
                    nb_man.cell_exception(cell, cell_index=index)
                nb_man.cell_complete(cell, cell_index=index)
                if cell.cell_type == "code":
                    _note(written, {"index": index, "cell": cell})
                if progress is not None:
                    progress(index + 1, len(cells))
                if failed:
                    break
        nb_man.nb.metadata["language_info"] = {"name": "python", "version": sys.version.split()[0]}


def execute(
    notebook: Path, output: Path, parameters: dict[str, Any], journal: Path, progress: Progress | None = None
) -> Any:
    """Run `notebook` with `parameters` here and write it to `output`; return the executed notebook.

    What the cells named is in ``shell().user_ns`` afterwards.  Errors: papermill's PapermillExecutionError for a cell
    that failed; the notebook as far as it came is in `output` then.
    """
    papermill_engines.register(ENGINE, InProcess)
    return papermill.execute_notebook(
        str(notebook),
        str(output),
        parameters=parameters,
        engine_name=ENGINE,
        kernel_name="python3",
        language="python",
        progress_bar=False,
        request_save_on_cell_execute=False,
        journal=str(journal),
        progress=progress,
    )


def _ran(own: Shell, cell: Any, printed: _Printed) -> bool:
    OUTPUTS.begin()
    cell.outputs = OUTPUTS.found
    result = own.run_cell(cell.source, store_history=True)
    printed.take()
    cell.outputs, cell.execution_count = OUTPUTS.found, own.execution_count - 1
    return bool(result.success)


def _note(written: Any, value: Any) -> None:
    written.write(json.dumps(value, ensure_ascii=False) + "\n")
    written.flush()


def _encoded(data: dict[str, Any]) -> dict[str, Any]:
    """Return a bundle whose pictures are text, as notebooks keep them."""
    return {
        kind: base64.b64encode(content).decode() if isinstance(content, bytes) else content
        for kind, content in data.items()
    }


class _Printed:
    """The streams of the cells; what programs print that a cell starts is taken after each cell."""

    def __enter__(self) -> _Printed:
        self._streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Stream("stdout"), _Stream("stderr")
        return self

    def __exit__(self, *_: Any) -> None:
        sys.stdout, sys.stderr = self._streams

    def take(self) -> None:
        """Add what lies in the file that stands for this process' standard output."""
        if not os.isatty(1) and (size := os.fstat(1).st_size):
            text = os.pread(1, size, 0).decode("utf-8", "replace")
            os.ftruncate(1, 0)
            os.lseek(1, 0, os.SEEK_SET)
            OUTPUTS.stream("stdout", text)
