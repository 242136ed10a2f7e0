"""What a run leaves behind: annotations of its jobs and its artifacts."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from devops_lab.panels import pieces
from devops_lab.panels.asking import Desk
from devops_lab.panels.background import Background
from devops_lab.panels.state import Watched
from devops_lab.panels.texts import html, joined, link

SHOWN = 20
LEVELS = {"failure": "failure", "warning": "action_required", "notice": "neutral"}
KILO = 1024


class Left:
    """Annotations and artifacts, asked for whenever another job is over."""

    def __init__(self, background: Background) -> None:
        self.background = background
        self.widget = pieces.block(kind="lab-left")
        self._asked: tuple[object, ...] = ()

    def clear(self) -> None:
        """Forget the run before."""
        self._asked = ()
        pieces.show(self.widget, Markup(""))

    def look(self, desk: Desk, watched: Watched) -> None:
        """Ask where there may be something new."""
        over = tuple(job.id for job in watched.progress.jobs if job.status == "completed")
        key = (watched.number, watched.progress.attempt, over)
        if not over or key == self._asked:
            return
        self._asked = key
        repository, number, jobs = watched.repository, watched.number, watched.progress.jobs
        self.background.do(
            "left",
            lambda: desk.left(repository, number, jobs),
            lambda found: pieces.show(self.widget, drawn(*found, page=desk.run(repository, number).page)),
            lambda problem: pieces.show(self.widget, html('<p class="lab-problem">{}</p>', problem)),
        )


def drawn(annotations: list[Any], artifacts: list[Any], page: str) -> Markup:
    """Return annotations ((job, annotation)) and artifacts as markup; nothing where there are none."""
    parts = []
    if annotations:
        rows = joined(_annotation(job, one) for job, one in annotations[:SHOWN])
        parts.append(html("<h3>Annotations</h3><ul>{}</ul>", rows))
    if artifacts:
        rows = joined(_artifact(one, page) for one in artifacts[:SHOWN])
        parts.append(html("<h3>Artifacts</h3><ul>{}</ul>", rows))
    return joined(parts)


def size(count: int) -> str:
    """Return bytes as people say them."""
    if count < KILO:
        return f"{count} bytes"
    return f"{count / KILO:.0f} KiB" if count < KILO**2 else f"{count / KILO**2:.1f} MiB"


def _annotation(job: str, one: Any) -> Markup:
    shape, _, kind = pieces.STATES[LEVELS.get(one.level, "neutral")]
    place = f"{one.path}:{one.line}" if one.path and one.line else one.path
    where = html(' <span class="lab-soft">{}</span>', f"{job}{', ' + place if place else ''}")
    mark = html('<span class="lab-state lab-{}"><span aria-hidden="true">{}</span>{}</span>', kind, shape, one.level)
    title = html("<b>{}</b> ", one.title) if one.title else Markup("")
    return html("<li>{} {}{}{}</li>", mark, title, one.message, where)


def _artifact(one: Any, page: str) -> Markup:
    if one.expired:
        return html('<li>{} <span class="lab-soft">{}, expired</span></li>', one.name, size(one.size))
    return html('<li>{} <span class="lab-soft">{}</span></li>', link(f"{page}#artifacts", one.name), size(one.size))
