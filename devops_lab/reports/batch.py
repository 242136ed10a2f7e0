"""Many reports at once: which ones are asked for, and all of them rendered side by side.

A report that fails keeps its partial notebook and its error, and the others go on; `Outcome` says what became of each.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat

from devops_lab.config import Settings
from devops_lab.errors import LabError, QuestionError, ReportError
from devops_lab.reports import calendar, leftovers, parameters
from devops_lab.reports.calendar import CalendarPeriod
from devops_lab.reports.lookup import notebook_path, read_notebook, stem
from devops_lab.reports.workers import Found, Job, Workers

FORMATS = ("html", "pdf", "md", "png")
Progress = Callable[[str, int, int], None]
OUTPUT = "reports"


@dataclass(frozen=True)
class Ask:
    """One report that is asked for: its notebook, its page (``….html``), parameters, and the period it stands for."""

    notebook: Path
    output: Path
    parameters: dict[str, Any] = field(default_factory=dict)
    period: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of an `Ask`: the page's path, or None and why; `notes` say what else is missing (a PDF), and why."""

    ask: Ask
    path: Path | None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    problem: LabError | None = None

    @property
    def error(self) -> str:
        """Why there is no report; empty where there is one."""
        return "" if self.problem is None else str(self.problem)

    @property
    def exit_status(self) -> int:
        """The exit status that this outcome alone would have."""
        return 0 if self.problem is None else self.problem.exit_status


def asks(
    name: str,
    settings: Settings,
    *,
    by: str | None = None,
    period: str = "",
    given: Mapping[str, Any] | None = None,
    folder: str | Path = OUTPUT,
) -> list[Ask]:
    """Return the reports of one notebook: one, or one per service or team (`by`) of ``lab.toml``.

    `period` (``2026-W46``, ``2026-10``, ``2026-Q3``; ``last-week``, ``last-month``, … for the last that is over)
    becomes the parameters ``since`` and ``until``, in the lab's time zone, and part of the files' names.

    Errors: QuestionError for an unknown notebook, period or `by`, where the notebook has no such parameters, and where
    lab.toml names no team.
    """
    notebook = notebook_path(name, settings.folder)
    known = parameters.defaults(read_notebook(notebook))
    shared = dict(given or {})
    if "config" in known:
        shared.setdefault("config", settings_file(settings))
    if period:
        named = _period(period, str(shared.get("timezone") or settings.lab.timezone))
        period, shared = named.name, _over(named, known, shared, notebook.stem)
    return [
        Ask(
            notebook, Path(folder) / f"{stem(notebook.stem, {**shared, **one}, period)}.html", {**shared, **one}, period
        )
        for one in _about(by, settings, known, notebook.stem)
    ]


def render_all(
    asked: Sequence[Ask],
    *,
    workers: int | None = None,
    formats: Sequence[str] = ("html",),
    progress: Progress | None = None,
) -> list[Outcome]:
    """Render reports side by side and return what became of each, in the order they were asked for.

    The page, the executed notebook, ``.metrics.json`` and the seal always come; ``pdf``, ``png`` and ``md`` (a summary,
    with its picture) where `formats` has them.  `progress(what, done, total)` is told of reports, and of the cells
    where there is one report only.

    Errors: QuestionError for an unknown format; nothing is raised for a report that fails.
    """
    unknown = sorted(set(formats) - set(FORMATS))
    if unknown:
        raise QuestionError(f"there is no format {unknown[0]!r}; there are {', '.join(FORMATS)}")
    outcomes: dict[int, Outcome] = {}
    jobs: list[Job] = []
    places: list[int] = []
    with ExitStack() as stack:
        for place, one in enumerate(asked):
            try:
                jobs.append(_job(one, formats, stack))
                places.append(place)
            except LabError as problem:
                outcomes[place] = Outcome(one, None, problem=problem)
        for place, job, found, seconds in zip(places, jobs, *_done(jobs, workers, progress), strict=True):
            outcomes[place] = _outcome(asked[place], job, found, seconds)
    return [outcomes[place] for place in range(len(asked))]


def settings_file(settings: Settings) -> str:
    """Return the path of the settings' ``lab.toml`` as a notebook started here finds it; never absolute."""
    return os.path.relpath(settings.path)


def told(notebook: Path, settings: Path) -> dict[str, str]:
    """Return the parameter that tells a notebook of a ``lab.toml``; none where it has no such parameter."""
    return {"config": os.path.relpath(settings)} if "config" in parameters.defaults(read_notebook(notebook)) else {}


def _period(text: str, timezone: str) -> CalendarPeriod:
    head, _, kind = text.partition("-")
    if head.lower() == "last":
        return calendar.last_complete(kind.lower(), datetime.now(UTC).replace(tzinfo=None), timezone)
    return calendar.period(text)


def _over(named: CalendarPeriod, known: Mapping[str, Any], given: Mapping[str, Any], name: str) -> dict[str, Any]:
    lacking = [one for one in ("since", "until") if one not in known]
    if lacking:
        raise QuestionError(f"{name} cannot be asked for {named.name}: it has no parameter {' and no '.join(lacking)}")
    clash = [one for one in ("last", "since", "until") if given.get(one)]
    if clash:
        raise QuestionError(f"{named.name} and {clash[0]} = {given[clash[0]]!r} both say when; give one of them")
    return {**given, "since": named.since, "until": named.until}


def _about(by: str | None, settings: Settings, known: Mapping[str, Any], name: str) -> list[dict[str, str]]:
    if by is None:
        return [{}]
    if by not in ("service", "team"):
        raise QuestionError(f"by = {by!r}; must be service or team")
    if by not in known:
        raise QuestionError(f"{name} has no parameter {by}, so there is no report per {by}")
    found = dict.fromkeys(one.name if by == "service" else one.team for one in settings.service)
    names = [one for one in found if one]
    if not names:
        raise QuestionError(f"lab.toml names no {by}; write `{by} = …` in its [[service]]")
    return [{by: one} for one in names]


def _job(one: Ask, formats: Sequence[str], stack: ExitStack) -> Job:
    """Return the job of one report, with a working folder of its own beside the report's place."""
    document = read_notebook(one.notebook)
    values = parameters.typed(document, one.notebook.stem, one.parameters)
    target = one.output
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        leftovers.sweep(target.parent, ".working-*")
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir=target.parent, prefix=f".working-{target.stem}-"))
    except OSError as problem:
        raise ReportError(f"the report could not be written to {target}: {problem}") from problem
    return {
        "call": "make",
        "notebook": str(one.notebook),
        "parameters": values,
        "target": str(target),
        "output": str(Path(folder) / f"{target.stem}.ipynb"),
        "journal": str(Path(folder) / "cells.jsonl"),
        "kept": str(target.with_suffix(".partial.ipynb")),
        "period": one.period,
        "formats": list(formats),
    }


def _done(jobs: Sequence[Job], workers: int | None, progress: Progress | None) -> tuple[list[Found], list[float]]:
    """Do the jobs; return what each came to and the seconds until it was done."""
    if not jobs:
        return [], []
    began, seconds = time.monotonic(), [0.0] * len(jobs)
    started: dict[int, float] = {}
    done = 0

    def cells(number: int, at: int, total: int) -> None:
        started.setdefault(number, time.monotonic())
        if progress is not None and len(jobs) == 1:
            progress("cells of the report", at, total)

    def ended(number: int) -> None:
        nonlocal done
        done += 1
        seconds[number] = time.monotonic() - started.get(number, began)
        if progress is not None and len(jobs) > 1:
            progress("reports", done, len(jobs))

    with Workers(min(workers, len(jobs)) if workers else None) as running:
        return running.run(jobs, cells, ended), seconds


def _outcome(one: Ask, job: Job, found: Found, seconds: float) -> Outcome:
    if isinstance(found, ReportError):
        return Outcome(one, None, seconds, problem=_kept(job, found))
    Path(job["kept"]).unlink(missing_ok=True)  # of an earlier run that failed
    return Outcome(one, Path(found["path"]), seconds, tuple(found["notes"]))


def _kept(job: Job, problem: ReportError) -> ReportError:
    """Put the partial notebook where the error says it lies; say so where even that could not be."""
    place = f"what was done so far lies in {job['kept']}"
    if place not in str(problem):
        return problem
    try:
        nbformat.read(job["output"], as_version=4)  # half a notebook is none
        Path(job["output"]).replace(job["kept"])
        return problem
    except (OSError, nbformat.reader.NotJSONError, nbformat.ValidationError):
        other = ReportError(str(problem).replace(place, "nothing of it could be kept"))
        other.exit_status = problem.exit_status
        return other
