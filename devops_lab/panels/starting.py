"""The first screen: choose, fill in, look once more, start; beside it what the workflow did lately."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from markupsafe import Markup

from devops_lab.actions import Plan, RefusedActionError, Run, UnknownOutcomeError
from devops_lab.actions.board import Seen, recent
from devops_lab.actions.choices import Choice
from devops_lab.actions.declaration import Declaration
from devops_lab.actions.masking import masked
from devops_lab.errors import LabError
from devops_lab.panels import pieces
from devops_lab.panels.asking import Desk, Place
from devops_lab.panels.background import Background
from devops_lab.panels.choose import Choose
from devops_lab.panels.confirm import Confirm, Question
from devops_lab.panels.form import Form
from devops_lab.panels.history import BARS, History
from devops_lab.panels.state import now
from devops_lab.panels.texts import html, joined, link, listed, visible

NOBODY_KNOWS = "Nobody knows whether it started"
Tell = Callable[[str, str], None]


@dataclass(frozen=True)
class Leads:
    """Where the screen leads: `started` a run (and whether it is new) of a service, `opened` one that is there."""

    started: Callable[[str, Run, bool], None]
    opened: Callable[[str, str, int], None]


class Starting:
    """The first screen and what happens on it."""

    def __init__(self, background: Background, tell: Tell, leads: Leads) -> None:
        self.background, self._tell, self._leads = background, tell, leads
        self.desk: Desk | None = None
        self._place: Place | None = None
        self._busy = False
        self.choose = Choose(background, self._chosen, self._failed)
        self.form = Form(background, self._changed)
        self.confirm = Confirm(background, self._drawn)
        opened = leads.opened
        self.history = History(background, lambda name, number: opened(self.choose.service.value, name, number))
        self._trouble = pieces.block(kind="lab-refused")
        self.review = pieces.button("Review and start…", background.pressed(self._review), primary=True)
        self._row = pieces.row(self.review)
        self._again = pieces.button(
            "I looked: it did not start. Start it again",
            background.pressed(lambda: self._begin(None, again=True)),
            grave=True,
        )
        title = pieces.block(html("<h2>{}</h2>", "Start a run"))
        self.widget = pieces.box(
            title, self.choose.widget, self.form.widget, self._row, self.confirm.widget, self._trouble, self._again,
            self.history.widget, kind="lab-start",
        )  # fmt: skip
        self.review.disabled = True
        pieces.shown(self._again, False)

    def open(self, desk: Desk, service: str = "") -> None:
        """Offer what a lab has."""
        self.desk = desk
        self.choose.open(desk, service)

    def fresh(self) -> None:
        """Come back to the screen: nothing is asked, nothing is wrong, the last runs are those of now."""
        self._busy = False
        self.confirm.close()
        self._refuse(Markup(""))
        self._drawn()
        if self.desk is not None and self._place is not None:
            self._load_history(self.desk, self._place)

    # ------------------------------------------------------------------ choosing

    def _chosen(self, place: Place, choice: Choice) -> None:
        desk = self.desk
        if desk is None:
            return
        self._place = None
        self.review.disabled = True
        self.confirm.close()
        self._refuse(Markup(""))

        def ask() -> tuple[Declaration, list[str]]:
            found = desk.declaration(place.repository, choice.path, place.ref)
            named = any(one.type == "environment" for one in found.inputs.values())
            return found, desk.environments(place.repository) if named else []

        def known(found: tuple[Declaration, list[str]]) -> None:
            self._place = place
            self.form.open(*found)
            self._drawn()

        self.background.do("form", ask, known, self._unusable)
        self._load_history(desk, place)

    def _load_history(self, desk: Desk, place: Place) -> None:
        def known(found: list[Seen]) -> None:
            self.history.draw(place.file, found, now())

        self.background.do(
            "history", lambda: recent(desk.server, place.repository, place.file, BARS), known, lambda problem: None
        )

    def _unusable(self, problem: LabError) -> None:
        self.form.open(Declaration(), [])
        pieces.shown(self.form.widget, False)
        self._failed(problem)

    def _changed(self) -> None:
        """Take away what was said of the inputs as they were; a question about them has to be asked anew."""
        pieces.show(self._trouble, Markup(""))
        if self.confirm.open and not self._busy:
            self.confirm.close()
            self._tell("An input has changed: look once more.", "")

    # ------------------------------------------------------------------ starting

    def _review(self) -> None:
        desk, place = self.desk, self._place
        if desk is None or place is None or self._busy:
            return
        wrong = self.form.check()
        if wrong:
            self._tell(
                f"{len(wrong)} {'input does' if len(wrong) == 1 else 'inputs do'} not fit: {wrong[0]}", "failure"
            )
            return
        values = self._reviewed = self.form.values
        self._hold("Checking…")
        self.background.do("start", lambda: desk.plan(place, values), self._asked, self._failed)

    def _asked(self, found: tuple[Plan, tuple[str, ...]]) -> None:
        plan, typed = found
        self._busy = False
        if plan.problems:
            self._refuse(pieces.trouble("It cannot be started:", plan.problems))
            self._tell(f"It cannot be started: {plan.problems[0]}", "failure")
            self._drawn()
            return
        self._tell("Look once more, then start it.", "")
        question = Question(
            f"Start {plan.wish.workflow} on {visible(plan.wish.ref)}?", summary(plan), "Start it", "Back", typed
        )
        self.confirm.ask(question, lambda word, comment: self._begin(word))
        self._drawn()

    def _begin(self, typed: str | None, again: bool = False) -> None:
        desk, place = self.desk, self._place
        if desk is None or place is None or self._busy:
            return
        values = self._reviewed  # what was looked at, whatever the form holds by now
        self._typed = typed = self._typed if again else typed
        self._hold(f"Starting {place.file} on {visible(place.ref)}…")

        def done(found: tuple[Run, bool]) -> None:
            self._busy = False
            self.confirm.close()
            self._leads.started(place.service, *found)

        self.background.do("start", lambda: desk.begin(place, values, typed, again), done, self._not_started)

    _typed: str | None = None
    _reviewed: Mapping[str, str] = {}

    def _not_started(self, problem: LabError) -> None:
        self._busy = False
        self.confirm.again()
        if isinstance(problem, UnknownOutcomeError):
            self.confirm.close()
            self._refuse(unknown(problem))
            pieces.shown(self._again, True)
            self._tell(f"{NOBODY_KNOWS}; it is not sent again by itself.", "waiting")
            self._drawn()
            return
        self._failed(problem)

    # ------------------------------------------------------------------ all alike

    def _hold(self, doing: str) -> None:
        self._busy = True
        self._refuse(Markup(""))
        self._tell(doing, "in_progress")
        self._drawn()

    def _failed(self, problem: LabError) -> None:
        self._busy = False
        problems = problem.problems if isinstance(problem, RefusedActionError) else []
        said = "It was not sent:" if problems else str(problem)
        self._refuse(pieces.trouble(said, problems))
        self._tell(f"It was not sent: {problems[0]}" if problems else said, "failure")
        self._drawn()

    def _refuse(self, markup: Markup) -> None:
        pieces.show(self._trouble, markup)
        pieces.shown(self._again, False)

    def _drawn(self) -> None:
        only_reads = self.desk is not None and self.desk.actions is None
        self.review.disabled = self._busy or self._place is None or only_reads
        pieces.shown(self._row, not self.confirm.open)
        for part in (self.choose.widget, self.form.widget):
            (part.add_class if self.confirm.open else part.remove_class)("lab-put-away")
        if only_reads and self.desk is not None:
            pieces.show(self._trouble, pieces.trouble(f"This panel only watches: {self.desk.why}"))


def summary(plan: Plan) -> Markup:
    """Return in plain words what would be started."""
    wish = plan.wish
    who = getattr(wish, "person", None) or wish.login
    rows = joined(
        html(
            "<tr><td>{}</td><td>{}</td></tr>",
            name,
            value if value else html('<span class="lab-soft">{}</span>', "empty"),
        )
        for name, value in masked(plan.whole).items()
    )
    known = [one for one in wish.environments if one != "?"]
    where = (
        f"It changes {listed(known)}."
        if known
        else "What it changes is decided while it runs."
        if wish.environments
        else ""
    )
    table = html("<table><tbody>{}</tbody></table>", rows) if rows else Markup("")
    return html(
        "<p>{} starts <b>{}</b> of {} on <b>{}</b>. {}</p>{}",
        who, wish.workflow, wish.repository, wish.ref, where, table,
    )  # fmt: skip


def unknown(problem: UnknownOutcomeError) -> Markup:
    """Return what is asked of the person where nobody knows whether a run was started."""
    pages = joined(html("<li>{}</li>", link(page, page)) for page in problem.candidates)
    may = html("<p>It may be one of these:</p><ul>{}</ul>", pages) if pages else Markup("")
    return html(
        '<div class="lab-trouble" role="alert"><p><b>{}.</b> {}</p>{}<p>{}</p></div>',
        NOBODY_KNOWS, str(problem), may, "Is it among the last runs below? Open it there. If not, start it again.",
    )  # fmt: skip
