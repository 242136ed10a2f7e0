"""What is due → sealed reports, side by side; the one place where the schedule meets the rendering of reports."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devops_lab.config import Schedule, Settings
from devops_lab.errors import LabError
from devops_lab.reports import calendar, gallery, parameters
from devops_lab.reports.batch import OUTPUT, Ask, render_all, settings_file, stem
from devops_lab.reports.lookup import notebook_path, read_notebook
from devops_lab.reports.schedule.due import Due, zone_of

Say = Callable[[str], None]


@dataclass(frozen=True)
class Made:
    """What became of a report: its page, or why there is none and whether trying again may help."""

    page: Path | None
    problem: str = ""
    again: bool = False


Render = Callable[[Settings, Sequence[Due], Say], list[Made]]


def render(settings: Settings, wanted: Sequence[Due], say: Say) -> list[Made]:
    """Render reports of one schedule and period into ``reports/`` beside ``lab.toml``; one `Made` each, in order.

    Nothing is raised for a report that fails; what is missing beside a page (a PDF) is said.
    """
    schedule = wanted[0].schedule
    with contextlib.chdir(settings.folder):
        try:
            asked = [_ask(settings, one) for one in wanted]
            outcomes = render_all(asked, formats=schedule.formats)
            gallery.write(OUTPUT)
        except LabError as problem:
            return [Made(None, str(problem), problem.exit_status == 1) for _ in wanted]
    made = []
    for outcome in outcomes:
        for note in outcome.notes:
            say(f"{outcome.ask.output.name}: {note}")
        page = None if outcome.path is None else settings.folder / outcome.path
        made.append(Made(page, outcome.error, outcome.exit_status == 1))
    return made


def relative(settings: Settings, page: Path) -> str:
    """Return where a page lies, from the folder of ``lab.toml``."""
    return Path(os.path.relpath(page, settings.folder)).as_posix()


def given(settings: Settings, schedule: Schedule, subject: str, period: str) -> dict[str, Any]:
    """Return the parameters of a schedule's report about a subject ("": everything) and a period."""
    named = calendar.period(period)
    about = {"team" if schedule.teams else "service": subject} if subject else {}
    return {
        **schedule.parameters, **about, "since": named.since, "until": named.until,
        "timezone": zone_of(schedule, settings),
    }  # fmt: skip


def _ask(settings: Settings, one: Due) -> Ask:
    notebook = notebook_path(one.schedule.report)
    known = parameters.defaults(read_notebook(notebook))
    values = given(settings, one.schedule, one.subject, one.span.label)
    if "timezone" not in known and one.schedule.timezone is None:
        del values["timezone"]
    name = stem(notebook.stem, values, one.span.label)
    if _shares_its_name(settings, one.schedule):
        name = f"{name}-{one.schedule.name.replace(' ', '-')}"
    if "config" in known:
        values["config"] = settings_file(settings)
    return Ask(notebook, Path(OUTPUT) / f"{name}.html", values, one.span.label)


def _shares_its_name(settings: Settings, schedule: Schedule) -> bool:
    """Say whether an earlier schedule of the same report and rhythm has other parameters, so other numbers."""
    for other in settings.schedule:
        if other.name == schedule.name:
            return False
        same = (other.report, other.every) == (schedule.report, schedule.every)
        if same and (other.parameters, other.timezone) != (schedule.parameters, schedule.timezone):
            return True
    return False
