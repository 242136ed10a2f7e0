"""What is asked before something is done: what it is in plain words, and for production its name typed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
from markupsafe import Markup

from devops_lab.panels import pieces
from devops_lab.panels.background import Background
from devops_lab.panels.fields import Field
from devops_lab.panels.texts import html, listed

SOON = 0.5  # seconds between Enter and the text it was pressed in


@dataclass(frozen=True)
class Question:
    """A question: its title, what is said under it, the words on its two buttons, names to be typed.

    `comment`: a sentence may be left with it.  `grave`: it stops or undoes something.
    """

    title: str
    said: Markup
    yes: str
    no: str = "Not now"
    typed: Sequence[str] = ()
    comment: bool = False
    grave: bool = False


class Confirm:
    """Asks one question at a time.  `done` is told what was typed and the comment; nothing happens twice."""

    def __init__(self, background: Background, closed: Callable[[], None] = lambda: None) -> None:
        self._closed = closed
        self._done: Callable[[str | None, str], None] = lambda typed, comment: None
        self.question: Question | None = None
        self._said = pieces.block(kind="lab-question")
        # sent whole when the field is left: of keys sent one by one the last would come after the button's press
        self.typed = Field(widgets.Text(continuous_update=False), "Type the name")
        self.comment = Field(widgets.Text(continuous_update=False), "Comment", "Kept with the approval on GitHub.")
        self._entered_at = -SOON
        self.yes = pieces.button("Yes", background.pressed(self._yes), primary=True)
        self.no = pieces.button("Not now", background.pressed(self.close))
        self.typed.control.on_msg(background.pressed(self._entered))
        self.typed.changed(background.pressed(self._came))
        self.widget = pieces.box(
            self._said, self.comment.widget, self.typed.widget, pieces.row(self.yes, self.no), kind="lab-confirm"
        )
        pieces.shown(self.widget, False)

    @property
    def open(self) -> bool:
        """Whether a question stands."""
        return self.question is not None

    def ask(self, question: Question, done: Callable[[str | None, str], None]) -> None:
        """Put a question in the place of the one before."""
        self.question, self._done, self._entered_at = question, done, -SOON
        pieces.show(self._said, html("<h3>{}</h3>{}", question.title, question.said))
        self.yes.description, self.no.description = question.yes, question.no
        self.yes.disabled = self.no.disabled = False
        self._as_grave(question.grave)
        self.typed.control.value = self.comment.control.value = ""
        names = listed(question.typed)
        self.typed.control.description = f"Type {names} to go on"
        self.typed.problem("")
        pieces.shown(self.typed.widget, bool(question.typed))
        pieces.shown(self.comment.widget, question.comment)
        pieces.shown(self.widget, True)

    def close(self) -> None:
        """Take the question away."""
        if self.open:
            self.question = None
            pieces.shown(self.widget, False)
            self._closed()

    def again(self) -> None:
        """Let the person answer once more: it was not done."""
        self.yes.disabled = self.no.disabled = False

    def _entered(self, _: object, content: Mapping[str, Any], buffers: object) -> None:
        """Take Enter for a press of the button; what the field holds may come right after it (see `_came`)."""
        if content.get("event") == "submit":
            self._entered_at = time.monotonic()
            self._yes()

    def _came(self) -> None:
        if time.monotonic() - self._entered_at < SOON:
            self._entered_at = -SOON
            self._yes()

    def _yes(self) -> None:
        question = self.question
        if question is None or self.yes.disabled:
            return
        typed = self.typed.value.strip()
        wanted = {name.casefold() for name in question.typed}
        if wanted and {typed.casefold()} != wanted:
            self.typed.problem(f"{typed or 'Nothing'} is not {listed(question.typed)}.")
            return
        self.yes.disabled = self.no.disabled = True
        self._done(typed or None, self.comment.value.strip())

    def _as_grave(self, grave: bool) -> None:
        (self.yes.add_class if grave else self.yes.remove_class)("lab-grave")
