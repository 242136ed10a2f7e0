"""Notebook + parameters → one HTML file: run it, export it, and give it its name only when it is whole."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from devops_lab.errors import QuestionError, ReportError
from devops_lab.reports import export, parameters
from devops_lab.reports.kernel import Progress, run

HERE = Path(__file__).resolve()
FOLDERS = (HERE.parents[1] / "notebooks", HERE.parents[2] / "notebooks")  # in the wheel, in the checkout


def notebook_path(name: str) -> Path:
    """Return where a notebook lies: a path as it is, else ``notebooks/`` of the current folder, else the lab's own.

    "dora" means "report_dora" where there is no notebook "dora".

    Errors: QuestionError lists the notebooks there are.
    """
    given = Path(name)
    if given.suffix == ".ipynb":
        if given.is_file():
            return given
        raise QuestionError(f"there is no notebook {name}")
    folders = (Path.cwd() / "notebooks", *FOLDERS)
    for folder in folders:
        for stem in (name, f"report_{name}"):
            if (path := folder / f"{stem}.ipynb").is_file():
                return path
    known = sorted({path.stem for folder in folders for path in folder.glob("*.ipynb")})
    raise QuestionError(f"there is no notebook {name!r}; there are {', '.join(known) or 'none'}")


def render(
    notebook: str | Path,
    output: str | Path,
    given: Mapping[str, Any] | None = None,
    *,
    progress: Progress | None = None,
) -> Path:
    """Run a notebook with parameters and write it as one HTML file; return the file's path.

    The executed notebook is kept beside the file under the same name.  Both get their names only when they are
    whole: until then, and after a failed cell, what was done so far lies in ``NAME.partial.ipynb``.
    `progress` is called with (cells done, cells in all).

    Errors: QuestionError for an unknown notebook or parameter; ReportError where a cell fails, naming notebook, cell,
    the error and the partial output.
    """
    source, target = Path(notebook), Path(output)
    document = _read(source)
    values = parameters.typed(document, source.stem, given or {})
    kept = target.with_suffix(".partial.ipynb")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.stem}-") as folder:
            working = Path(folder) / source.name
            try:
                executed = run(source, working, values, kept=kept, progress=progress)
            except ReportError:
                if working.exists():
                    working.replace(kept)
                raise
            page = Path(folder) / "page.html"
            page.write_text(export.page(executed, _title(executed, source)), "utf-8")
            working.replace(target.with_suffix(".ipynb"))
            page.replace(target)
    except OSError as problem:
        raise ReportError(f"the report could not be written to {target}: {problem}") from problem
    return target


def _read(source: Path) -> Any:
    try:
        return nbformat.read(source, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError) as problem:
        raise QuestionError(f"{source} is no notebook: {str(problem).splitlines()[0]}") from problem
    except OSError as problem:
        raise QuestionError(f"{source} cannot be read: {problem}") from problem


def _title(notebook: Any, source: Path) -> str:
    """Return the page's title: what the notebook's metadata or its first heading says, else its file's name."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            text = output.get("data", {}).get("text/plain", "")
            if "lab-heading" in str(output.get("data", {}).get("text/html", "")):
                return " · ".join(text.splitlines()[:2])
        if cell.cell_type == "markdown" and cell.source.startswith("# "):
            return cell.source.splitlines()[0][2:].strip()
    return source.stem.replace("_", " ")
