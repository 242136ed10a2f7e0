"""Notebook + parameters → one report: run it, export it, and give it its name only when it is whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from devops_lab.errors import ReportError
from devops_lab.reports.batch import Ask, render_all
from devops_lab.reports.kernel import Progress
from devops_lab.reports.lookup import notebook_path

__all__ = ["notebook_path", "render"]


def render(
    notebook: str | Path,
    output: str | Path,
    given: Mapping[str, Any] | None = None,
    *,
    formats: Sequence[str] = ("html",),
    progress: Progress | None = None,
) -> Path:
    """Run a notebook with parameters and write it as one HTML file; return the file's path.

    The executed notebook, the numbers and the seal are kept beside the file under the same name, further `formats`
    too.  All of them get their names only when they are whole: after a failed cell, what was done so far lies in
    ``NAME.partial.ipynb``.  `progress` is called with (cells done, cells in all).

    Errors: QuestionError for an unknown notebook, parameter or format; ReportError where a cell fails, naming notebook,
    cell, the error and the partial output, and where a format could not be made.
    """
    asked = Ask(Path(notebook), Path(output), dict(given or {}))
    (outcome,) = render_all(
        [asked], formats=formats, progress=progress and (lambda _, done, total: progress(done, total))
    )
    if outcome.problem is not None:
        raise outcome.problem
    assert outcome.path is not None
    if outcome.notes:
        raise ReportError(f"{outcome.path} is there, but: {'; '.join(outcome.notes)}")
    return outcome.path
