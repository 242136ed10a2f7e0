"""Reports: a notebook run by papermill with parameters, written as one HTML file.

::

    parameters   found in the notebook, typed, free of secrets
    kernel       papermill in a kernel of this interpreter
    export       executed notebook → one HTML page (template/)
    render       the three together; nothing half-written takes a report's name
    page, tiles, evidence, receipts     the pieces that notebooks show
    question     a report's parameters → store, window and service
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

OUTPUT = "reports"


def report(
    name: str = "report_dora", *, output: str | Path | None = None, progress: Any = None, **parameters: Any
) -> Path:
    """Run the report `name` with `parameters` and return the path of its HTML file.

    Without `output` the file is ``reports/NAME.html``, or ``reports/NAME-SERVICE.html`` where a service is asked for,
    in the current folder.  `name` is a notebook of the lab, of ``notebooks/`` in the current folder, or a path.

    Errors: QuestionError (no such report or parameter), ReportError (a cell failed; the partial notebook is kept).
    """
    from devops_lab.reports import render

    notebook = render.notebook_path(name)
    target = Path(output) if output is not None else Path(OUTPUT) / f"{_file_name(notebook.stem, parameters)}.html"
    return render.render(notebook, target, parameters, progress=progress)


def _file_name(stem: str, parameters: dict[str, Any]) -> str:
    service = str(parameters.get("service") or "")
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in service).strip(".-")
    return f"{stem}-{safe}" if safe else stem
