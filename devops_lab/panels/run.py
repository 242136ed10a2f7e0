"""The run on the page: what it is and how far, what can be done with it, its jobs, a job's log, what it left."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from devops_lab.actions import Progress, UnknownOutcomeError
from devops_lab.errors import LabError
from devops_lab.panels import pieces, timing
from devops_lab.panels.asking import Desk
from devops_lab.panels.background import Background
from devops_lab.panels.changed import Changed
from devops_lab.panels.doing import Doing
from devops_lab.panels.jobs import Jobs
from devops_lab.panels.left import Left
from devops_lab.panels.log import Log
from devops_lab.panels.state import Watched, gravest, now
from devops_lab.panels.texts import ago, html, link
from devops_lab.panels.watching import Ears, Follow

Tell = Callable[[str, str], None]
TICK = 1.0


class RunView:
    """The second screen.  `tell` says a sentence in the live line, `another` leaves for the first screen."""

    def __init__(self, background: Background, tell: Tell, another: Callable[[], None]) -> None:
        self.background, self._tell = background, tell
        self.desk: Desk | None = None
        self.service = ""
        self.watched: Watched | None = None
        self._follow: Follow | None = None
        self._head = pieces.block(kind="lab-head")
        self._trouble = pieces.block(kind="lab-silence")
        self.doing = Doing(background, tell, self)
        self.jobs = Jobs(background, self._look_at)
        self.log = Log(background, self._failed)
        self.left = Left(background)
        self.changed = Changed(background)
        self._another = pieces.button("← Start another run", background.pressed(another), kind="lab-link")
        self.widget = pieces.box(
            self._another, self._head, self.doing.widget, self._trouble, self.jobs.widget, self.log.widget,
            self.left.widget, self.changed.widget, kind="lab-run",
        )  # fmt: skip

    def open(self, desk: Desk, service: str, repository: str, number: int) -> None:
        """Put a run on the page and follow it."""
        self.close()
        self.desk, self.service = desk, service
        self.watched = Watched(repository, number)
        self.doing.open(desk, service)
        self.left.clear()
        pieces.show(self.changed.widget, Markup(""))
        self._follow = Follow(self.background, desk.run(repository, number), Ears(self._known, self._heard, self._gone))
        self.draw()

    def close(self) -> None:
        """Leave the run alone."""
        if self._follow is not None:
            self._follow.stop()
        self._follow = self.watched = None

    def soon(self) -> None:
        """Look at once for what an action brought."""
        if self._follow is not None:
            self._follow.soon()

    def draw(self) -> None:
        """Draw what is known now; called on every change and once a second."""
        watched, desk = self.watched, self.desk
        if watched is None or desk is None:
            return
        at = now()
        pieces.show(self._head, self._headed(watched, desk))
        silence = watched.gone or watched.silence(at)
        pieces.show(self._trouble, html('<p class="lab-problem">{}</p>', silence) if silence else Markup(""))
        self.jobs.draw(watched, at)
        self.log.draw(watched, desk, at)
        self.doing.draw(watched)
        self.left.look(desk, watched)
        self.changed.look(desk, self.service, watched, at)

    # ------------------------------------------------------------------ what is heard

    def _known(self, raw: Mapping[str, Any]) -> None:
        watched, desk = self.watched, self.desk
        if watched is None or desk is None:
            return
        first = not watched.raw
        watched.raw = raw
        if first:
            self.background.do(
                "plans", lambda: desk.jobs_declared(watched.repository, raw), self._planned, lambda problem: None
            )
            self.background.do(
                "usual", lambda: desk.usual(watched.repository, watched.file), self._usual, lambda problem: None
            )
        self.draw()

    def _planned(self, found: Any) -> None:
        if self.watched is not None:
            self.watched.declared = found
            self.draw()

    def _usual(self, found: Mapping[str, float]) -> None:
        if self.watched is not None:
            self.watched.usual = found
            self.draw()

    def _heard(self, progress: Progress) -> None:
        watched = self.watched
        if watched is None:
            return
        said = watched.heard(progress, now())
        if said:
            self._tell(" ".join(one.text for one in said), gravest(said))
        watched.look_by_itself()
        if watched.waits and not watched.waiting:
            self._ask_who_waits(watched)
        self.draw()

    def _ask_who_waits(self, watched: Watched) -> None:
        desk = self.desk
        assert desk is not None
        run = desk.run(watched.repository, watched.number)

        def known(found: Mapping[str, int]) -> None:
            watched.waiting = tuple(found) if watched.waits else ()
            self.draw()

        self.background.do("waiting", run.waiting, known, lambda problem: None)

    def _gone(self, problem: LabError) -> None:
        if self.watched is not None:
            self.watched.gone = f"It is not watched any more: {problem}"
            self._tell(self.watched.gone, "failure")
            self.draw()

    def _failed(self, problem: LabError) -> None:
        self._tell(str(problem), "failure" if not isinstance(problem, UnknownOutcomeError) else "waiting")

    def _look_at(self, name: str) -> None:
        if self.watched is not None:
            self.watched.choose(name)
            self.draw()

    def _headed(self, watched: Watched, desk: Desk) -> Markup:
        at, raw = now(), watched.raw
        if not raw:
            return html("<h2>Run {}</h2><p class='lab-soft'>{}</p>", watched.number, "asking the server…")
        by = str((raw.get("triggering_actor") or raw.get("actor") or {}).get("login") or "somebody")
        attempt = f", attempt {watched.progress.attempt}" if watched.progress.attempt > 1 else ""
        title = raw.get("display_title") or raw.get("name")
        since = ago(watched.started_at, at)
        facts = f"{title} on {raw.get('head_branch')}, started {since} by {by}{attempt} · "
        rest = "" if watched.progress.over else timing.left(watched.progress, watched.declared, watched.usual, at)
        name = watched.name[0].upper() + watched.name[1:]
        page = link(desk.run(watched.repository, watched.number).page, "on GitHub")
        return html(
            '<h2>{}</h2><p class="lab-now">{} <span class="lab-soft">{}</span></p><p class="lab-soft">{}{}</p>',
            name, pieces.mark(watched.state), rest, facts, page,
        )  # fmt: skip
