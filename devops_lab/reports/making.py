"""One report from its notebook to its files, in a process of its own (see ``warm``); nothing half-written gets a name.

The files come about in a working folder beside their place and are renamed when all of them are whole: first the
notebook, the numbers, picture, summary and PDF, then the page, and last the seal that names them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from papermill.exceptions import PapermillExecutionError

from devops_lab import errors
from devops_lab.errors import LabError, ReportError
from devops_lab.reports import cells, chromium, export, facts, seal, summary
from devops_lab.store import watched

SIBLINGS = (".ipynb", ".metrics.json", ".png", ".md", ".pdf")  # beside the page, in the order in which they are named
Job = dict[str, Any]
Progress = Callable[[int, int], None]


def run(job: Job, progress: Progress) -> dict[str, Any]:
    """Run a notebook and write it to ``job["output"]``.  Errors: ReportError names the cell that failed."""
    _executed(job, progress)
    return {}


def make(job: Job, progress: Progress) -> dict[str, Any]:
    """Make a report's files and publish them; return ``{path, notes}``: what there is, and what is missing and why.

    Errors: ReportError where a cell failed or a file could not be written.
    """
    target, folder = Path(job["target"]), Path(job["output"]).parent
    try:
        with watched() as handles:
            executed = _executed(job, progress)
            said = facts.said(cells.shell().user_ns)
            title = export.title(executed, Path(job["notebook"]).stem)
            name, at = Path(job["notebook"]).stem, target.parent.absolute()
            unsigned = seal.made_of(name, title, job["period"], job["parameters"], said, handles, at)
        (folder / target.name).write_text(export.page(executed, title), "utf-8")
        numbers = {"report": name, "title": title, "period": job["period"], **said.as_json()}
        (folder / f"{target.stem}.metrics.json").write_text(facts.text(numbers), "utf-8")
        notes = _further(folder / target.name, job["formats"], unsigned)
        _publish(folder, target, unsigned)
    except OSError as problem:
        raise ReportError(f"the report could not be written to {target}: {problem}") from problem
    return {"path": str(target), "notes": notes}


def again(job: Job, progress: Progress) -> dict[str, Any]:
    """Run a sealed notebook on the snapshots that it read, and write what it says now to ``job["facts"]``."""
    os.chdir(job["cwd"])
    with watched(job["pinned"]):
        _executed(job, progress)
        said = facts.said(cells.shell().user_ns)
    Path(job["facts"]).write_text(facts.text(said.as_json()), "utf-8")
    return {}


CALLS: dict[str, Callable[[Job, Progress], dict[str, Any]]] = {"run": run, "make": make, "again": again}


def _executed(job: Job, progress: Progress) -> Any:
    notebook = Path(job["notebook"])
    try:
        return cells.execute(notebook, Path(job["output"]), job["parameters"], Path(job["journal"]), progress)
    except PapermillExecutionError as problem:
        raise _failure(notebook, job["kept"], problem) from problem


def _failure(notebook: Path, kept: str, problem: PapermillExecutionError) -> ReportError:
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


def _further(page: Path, formats: Iterable[str], sealed: seal.Seal) -> list[str]:
    """Make picture, summary and PDF where they are asked for; return a sentence for each that could not be made."""
    wanted, notes = set(formats), []
    asked = [("png", chromium.picture)] * bool(wanted & {"png", "md"}) + [("pdf", chromium.pdf)] * ("pdf" in wanted)
    for form, ask in asked:
        try:
            ask(page, page.with_suffix(f".{form}"))
        except ReportError as problem:
            notes.append(f"no {form.upper()}: {problem}")
    if "md" in wanted:
        picture = page.with_suffix(".png")
        text = summary.markdown(sealed, page.name, picture.name if picture.is_file() else "")
        page.with_suffix(".md").write_text(text, "utf-8")
    return notes


def _publish(folder: Path, target: Path, unsigned: seal.Seal) -> None:
    """Give the files their names, the seal last; what an older report of that name had besides goes."""
    names = [f"{target.stem}{suffix}" for suffix in SIBLINGS] + [target.name]
    made = {name: seal.sha256(folder / name) for name in names if (folder / name).is_file()}
    sealing = folder / seal.path_of(target).name
    sealing.write_text(facts.text(replace(unsigned, files=made).as_json()), "utf-8")
    for name in names:
        if name in made:
            (folder / name).replace(target.with_name(name))
        else:
            target.with_name(name).unlink(missing_ok=True)
    sealing.replace(seal.path_of(target))
