"""What a person does with the run on the page: approve, reject, cancel, run again, roll back; each asked for first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from markupsafe import Markup

from devops_lab.actions import RefusedActionError, Run
from devops_lab.config import Deployments, Workflow
from devops_lab.errors import LabError
from devops_lab.panels import pieces
from devops_lab.panels.asking import Desk
from devops_lab.panels.background import Background
from devops_lab.panels.confirm import Confirm, Question
from devops_lab.panels.state import Watched
from devops_lab.panels.texts import html, listed

PRODUCTION = "production"
LITERAL = "*?+[!"
LOOK = "Nothing is sent yet: look once more."


class Page(Protocol):
    """The page the run is on."""

    watched: Watched | None

    def soon(self) -> None:
        """Look at once for what an action brought."""

    def open(self, desk: Desk, service: str, repository: str, number: int) -> None:
        """Put another run on the page."""


class Doing:
    """The buttons of a run.  One thing is done at a time; what came of it is said in the live line and beside them."""

    def __init__(self, background: Background, tell: Callable[[str, str], None], page: Page) -> None:
        self.background, self._tell, self._page = background, tell, page
        self.desk: Desk | None = None
        self.service, self._busy = "", ""
        self.confirm = Confirm(background, self._drawn)
        self._trouble = pieces.block(kind="lab-refused")
        made = background.pressed
        self.buttons = {
            "approve": pieces.button("Approve…", made(lambda: self._review("approve")), primary=True),
            "reject": pieces.button("Reject…", made(lambda: self._review("reject")), grave=True),
            "cancel": pieces.button("Cancel the run…", made(self._cancel), grave=True),
            "rerun_failed": pieces.button("Re-run failed jobs", made(lambda: self._rerun(True)), primary=True),
            "rerun": pieces.button("Re-run all jobs", made(lambda: self._rerun(False))),
            "rollback": pieces.button("Roll back…", made(self._roll_back)),
        }
        self._row = pieces.row(*self.buttons.values(), kind="lab-buttons lab-doing")
        self.widget = pieces.box(self._row, self.confirm.widget, self._trouble)

    def open(self, desk: Desk, service: str) -> None:
        """Begin with another run."""
        self.desk, self.service, self._busy = desk, service, ""
        self.confirm.close()
        pieces.show(
            self._trouble, html('<p class="lab-soft">{}</p>', f"Watching only: {desk.why}") if desk.why else Markup("")
        )
        self.buttons["rollback"].description = f"Roll back {self._environment()}…"

    def draw(self, watched: Watched) -> None:
        """Show what can be done with the run now."""
        possible = set() if self.desk is None or self.desk.actions is None else watched.possible()
        if possible and self.service:
            possible.add("rollback")
        for name, button in self.buttons.items():
            pieces.shown(button, name in possible)
            button.disabled = bool(self._busy)
        pieces.shown(self._row, not self.confirm.open)

    # ------------------------------------------------------------------ one each

    def _cancel(self) -> None:
        question = Question(
            f"Cancel {self._name()}?", html("<p>{}</p>", "Jobs that run are stopped where they are."), "Cancel the run",
            "Let it run", grave=True,
        )  # fmt: skip
        self._ask(question, lambda run, typed, comment: run.cancel(), "Cancelling…", "Asked GitHub to cancel it.")

    def _review(self, verb: str) -> None:
        watched, desk = self._page.watched, self.desk
        if watched is None or desk is None:
            return
        names = watched.waiting
        typed = desk.typed(names) if verb == "approve" else ()
        said = "The run goes on and changes it." if verb == "approve" else "The run ends as failed."
        question = Question(
            f"{verb.capitalize()} the deployment to {listed(names)}?", html("<p>{}</p>", said), verb.capitalize(),
            typed=typed, comment=True, grave=verb == "reject",
        )  # fmt: skip

        def act(run: Run, word: str | None, comment: str) -> None:
            if verb == "approve":
                run.approve(names, comment, confirm=word)
            else:
                run.reject(names, comment)

        self._ask(question, act, "Approving…" if verb == "approve" else "Rejecting…", f"{verb.capitalize()} was sent.")

    def _rerun(self, failed: bool) -> None:
        watched, desk = self._page.watched, self.desk
        if watched is None or desk is None or self._busy:
            return
        what = "the failed jobs" if failed else "all jobs"
        self._begin(f"Running {what} again…")

        def act(run: Run, word: str | None, comment: str) -> None:
            run.rerun(failed, confirm=word)

        def known(names: tuple[str, ...]) -> None:
            self._end()
            doing, done = f"Running {what} again…", "A new attempt was asked for."
            if not names:
                self._do(act, doing, done, None, "")
                return
            said = html("<p>{}</p>", f"It changes {listed(names)}.")
            self._ask(
                Question(f"Run {what} of {self._name()} again?", said, "Run again", typed=names), act, doing, done
            )

        self.background.do(
            "doing", lambda: desk.typed(desk.deployed_to(watched.repository, watched.number)), known, self._failed
        )

    def _roll_back(self) -> None:
        desk, service, place = self.desk, self.service, self._environment()
        if desk is None or self._busy:
            return
        self._begin(f"Looking for the version before in {place}…")

        def known(found: tuple[object, tuple[str, ...]]) -> None:
            self._end()
            back, typed = found
            said = html(
                "<p>Starts <b>{}</b> on <b>{}</b>, which brings back {} in the place of {}.</p>",
                str(getattr(back, "workflow", "")).rsplit("/", 1)[-1], getattr(back, "ref", ""),
                str(getattr(back, "sha", ""))[:9], str(getattr(back, "from_sha", ""))[:9],
            )  # fmt: skip
            question = Question(f"Roll {service} back in {place}?", said, "Roll back", typed=typed, grave=True)
            self.confirm.ask(question, lambda word, comment: self._back(desk, service, place, word))
            self._tell(LOOK, "")
            self._drawn()

        self.background.do("doing", lambda: desk.back(service, place), known, self._failed)

    def _back(self, desk: Desk, service: str, place: str, word: str | None) -> None:
        self._begin(f"Rolling {service} back in {place}…")

        def done(found: tuple[Run, bool]) -> None:
            self._end()
            self.confirm.close()
            self._tell(f"The rollback of {service} has begun.", "in_progress")
            self._page.open(desk, service, found[0].repository, found[0].id)

        self.background.do("doing", lambda: desk.roll_back(service, place, word), done, self._failed)

    # ------------------------------------------------------------------ all alike

    def _ask(
        self, question: Question, act: Callable[[Run, str | None, str], None], doing: str, done: str
    ) -> None:  # fmt: skip
        if not self._busy:
            self.confirm.ask(question, lambda typed, comment: self._do(act, doing, done, typed, comment))
            self._tell(LOOK, "")
            self._drawn()

    def _do(
        self, act: Callable[[Run, str | None, str], None], doing: str, done: str, typed: str | None, comment: str
    ) -> None:  # fmt: skip
        watched, desk = self._page.watched, self.desk
        if watched is None or desk is None or self._busy:
            return
        self._begin(doing)
        run = desk.run(watched.repository, watched.number)

        def over(_: None) -> None:
            self._end()
            self.confirm.close()
            self._tell(done, "in_progress")
            self._page.soon()

        self.background.do("doing", lambda: act(run, typed, comment), over, self._failed)

    def _begin(self, doing: str) -> None:
        self._busy = doing
        pieces.show(self._trouble, Markup(""))
        self._tell(doing, "in_progress")
        self._drawn()

    def _end(self) -> None:
        self._busy = ""
        self._drawn()

    def _failed(self, problem: LabError) -> None:
        self._end()
        self.confirm.again()
        problems = problem.problems if isinstance(problem, RefusedActionError) else []
        said = "It was not sent:" if problems else str(problem)
        pieces.show(self._trouble, pieces.trouble(said, problems))
        self._tell(said if not problems else f"It was not sent: {problems[0]}", "failure")

    def _drawn(self) -> None:
        if self._page.watched is not None:
            self.draw(self._page.watched)

    def _name(self) -> str:
        return self._page.watched.name if self._page.watched is not None else "it"

    def _environment(self) -> str:
        """Return where the service's rule says that users are."""
        services = [] if self.desk is None else self.desk.settings.service
        rule = next((one.deployment for one in services if one.name == self.service), None)
        if isinstance(rule, Workflow):
            return rule.environment
        names = (
            [one for one in rule.environments if not set(one) & set(LITERAL)] if isinstance(rule, Deployments) else []
        )
        return names[0] if names else PRODUCTION
