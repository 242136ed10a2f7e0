"""Reports: a notebook run by papermill with parameters, written as one HTML file, sealed, and listed in a gallery.

::

    lookup       where notebooks lie;  copying  one's own;  clean   what Git should see;  saving   Git and Jupyter told
    parameters   found in the notebook, typed, free of secrets
    calendar     2026-W46, 2026-10, 2026-Q3     batch        which reports are asked for; all of them side by side
    workers      the near side of a warm process that forks a child for each report;  warm   the far side
    cells        papermill's engine in that child      making   a report's files, published when all are whole
    export       executed notebook → one HTML page (template/);  chromium   PDF and picture;  summary   Markdown
    facts        what a report said, as data     seal   what it was made of;  again   made once more, and what changed
    gallery      reports/index.html and feed.xml over all sealed reports;  leftovers   of runs that were killed, swept
    page, tiles, evidence, receipts     the pieces that notebooks show
    question     a report's parameters → store, window and service
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

OUTPUT = "reports"


def report(
    name: str = "report_dora",
    *,
    output: str | Path | None = None,
    formats: Sequence[str] = ("html",),
    progress: Any = None,
    **parameters: Any,
) -> Path:
    """Run the report `name` with `parameters` and return the path of its HTML file.

    Without `output` the file is ``reports/NAME.html``, or ``reports/NAME-SERVICE.html`` where a service or team is
    asked for, in the current folder.  `name` is a notebook of the lab, of ``notebooks/`` in the current folder, or a
    path.  `formats`: ``pdf``, ``md`` and ``png`` lie beside the page.

    Errors: QuestionError (no such report or parameter), ReportError (a cell failed; the partial notebook is kept).
    """
    from devops_lab.config.place import untold
    from devops_lab.reports import batch, render

    notebook = render.notebook_path(name)
    if (settings := untold()) is not None and "config" not in parameters:  # the report runs in a process of its own
        parameters |= batch.told(notebook, settings)
    target = Path(output) if output is not None else Path(OUTPUT) / f"{batch.stem(notebook.stem, parameters)}.html"
    return render.render(notebook, target, parameters, formats=formats, progress=progress)
