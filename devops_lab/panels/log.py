"""One job: its steps as they move, and the end of its log when it is over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from markupsafe import Markup

from devops_lab.actions import Job
from devops_lab.errors import LabError
from devops_lab.panels import pieces, timing
from devops_lab.panels.asking import Desk
from devops_lab.panels.background import Background
from devops_lab.panels.state import Watched
from devops_lab.panels.texts import html, joined, link, log_lines, visible

LATER = "The log is there when the job is over; until then its steps tell."


class Log:
    """The job that is looked at.  A log is asked for once for each job and attempt; its box never changes its size."""

    def __init__(self, background: Background, failed: Callable[[LabError], None]) -> None:
        self.background, self._failed = background, failed
        self._asked: tuple[int, int, str] | None = None
        self._title = pieces.block(kind="lab-part")
        self._steps = pieces.block(kind="lab-steps")
        self._log = pieces.block(_box(html("{}", "")), "lab-log")
        self.widget = pieces.box(self._title, pieces.box(self._steps, self._log, kind="lab-job"))

    def draw(self, watched: Watched, desk: Desk, now: datetime) -> None:
        """Draw the job that is looked at as it is now; ask for its log where it is over."""
        job = watched.job
        if job is None:
            name = next((node.name for node in watched.nodes if watched.chosen == node.name), "")
            pieces.show(self._title, html("<h3>{}</h3>", name or "Jobs"))
            pieces.show(self._steps, html('<p class="lab-soft">{}</p>', "It has not begun." if name else "Asking…"))
            self._say(html("{}", ""))
            self._asked = None
            return
        state = job.conclusion or job.status
        page = html(" · {}", link(job.url, "on GitHub")) if job.url else Markup("")
        time = timing.said(job, watched.usual, now)
        pieces.show(
            self._title,
            html(
                "<h3>{} {} {}{}</h3>",
                job.name,
                pieces.mark(state),
                html('<span class="lab-soft">{}{}</span>', time, page),
                "",
            ),
        )
        pieces.show(self._steps, _steps(job))
        self._ask(watched, desk, job)

    def _ask(self, watched: Watched, desk: Desk, job: Job) -> None:
        key = (job.id, watched.progress.attempt, job.status)
        if key == self._asked:
            return
        self._asked = key
        if job.status != "completed":
            self._say(html('<span class="lab-soft">{}</span>', LATER))
            return
        self._say(html('<span class="lab-soft">{}</span>', "fetching the log…"))
        repository, number = watched.repository, watched.number
        self.background.do("log", lambda: desk.log(repository, number, job), self._known, self._missing)

    def _known(self, found: tuple[list[str], str]) -> None:
        lines, why = found
        self._say(log_lines(lines) if lines else html('<span class="lab-soft">{}</span>', why or "The log is empty."))

    def _missing(self, problem: LabError) -> None:
        self._asked = None
        self._say(html('<span class="lab-problem">{}</span>', problem))

    def _say(self, markup: Markup) -> None:
        pieces.show(self._log, _box(markup))


def _box(markup: Markup) -> Markup:
    return html(
        '<pre tabindex="0" role="region" aria-label="Log, its last lines">{}</pre>', html("<code>{}</code>", markup)
    )


def _steps(job: Job) -> Markup:
    rows = [
        html("<li>{} {}</li>", pieces.mark(step.conclusion or step.status), visible(step.name)) for step in job.steps
    ]
    return html("<ol>{}</ol>", joined(rows)) if rows else html('<p class="lab-soft">{}</p>', "No steps yet.")
