"""The pieces every panel is made of: its style, blocks of escaped markup, buttons, fields, marks of states.

A panel is one `panel(…)` box.  Markup is made by `texts.html`, which escapes what it is given, and put
on the page by `show`, which leaves the page alone where nothing changed.  A state is a shape, a word and a colour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from importlib.resources import files
from typing import TypeVar

import ipywidgets as widgets
from markupsafe import Markup

from devops_lab.panels.texts import html, visible

W = TypeVar("W", bound=widgets.DOMWidget)
GOOD, BAD, GOING, WAIT, STILL = "good", "bad", "going", "wait", "still"
STATES = {
    "success": ("✓", "succeeded", GOOD),
    "failure": ("✗", "failed", BAD),
    "timed_out": ("✗", "timed out", BAD),
    "startup_failure": ("✗", "could not start", BAD),
    "action_required": ("◆", "wants an action", WAIT),
    "cancelled": ("⊘", "cancelled", STILL),
    "skipped": ("–", "skipped", STILL),
    "neutral": ("–", "neutral", STILL),
    "stale": ("–", "stale", STILL),
    "in_progress": ("●", "running", GOING),
    "waiting": ("◆", "waiting for approval", WAIT),
    "queued": ("○", "queued", STILL),
    "pending": ("○", "queued", STILL),
    "requested": ("○", "queued", STILL),
}


@cache
def stylesheet() -> str:
    """Return the style sheets of all panels as one text."""
    folder = files("devops_lab.panels")
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".css"))
    return "\n".join((folder / name).read_text("utf-8") for name in names)


def style() -> widgets.HTML:
    """Return the style as a widget; `panel` puts it in."""
    return block(Markup("<style>{}</style>").format(Markup(stylesheet())), "lab-style")


def panel(*children: widgets.Widget, kind: str = "") -> widgets.VBox:
    """Return one panel: the style and its parts, one under the other."""
    return box(style(), *children, kind=f"lab-panel {kind}")


def box(*children: widgets.Widget, kind: str = "") -> widgets.VBox:
    """Return a box of parts, one under the other."""
    return classed(widgets.VBox(list(children)), kind)


def row(*children: widgets.Widget, kind: str = "lab-buttons") -> widgets.HBox:
    """Return a row of parts that breaks where there is no room."""
    return classed(widgets.HBox(list(children)), kind)


def block(markup: Markup = Markup(""), kind: str = "") -> widgets.HTML:  # noqa: B008 - Markup never changes
    """Return a block of markup."""
    return classed(widgets.HTML(str(markup)), kind)


def show(part: widgets.HTML, markup: Markup) -> None:
    """Put markup into a block; one that says the same already is not touched."""
    if not isinstance(markup, Markup):
        raise TypeError("a block shows Markup; make it with html()")
    if part.value != str(markup):
        part.value = str(markup)


def live() -> widgets.HTML:
    """Return the line that says what happens; screen readers read it out (see `tell`)."""
    return block(_live("", STILL), "lab-live")


def tell(line: widgets.HTML, sentence: object, kind: str = STILL) -> None:
    """Say a sentence in a live line: `kind` is GOOD, BAD, GOING, WAIT or STILL."""
    show(line, _live(sentence, kind))


def button(
    text: str, pressed: Callable[[], None], *, primary: bool = False, grave: bool = False, kind: str = "", tip: str = ""
) -> widgets.Button:
    """Return a button; `primary` is the one thing to do next, `grave` one that stops or undoes something."""
    made = widgets.Button(description=visible(text), tooltip=visible(tip))
    made.on_click(lambda _: pressed())
    return classed(made, f"{'lab-primary ' if primary else ''}{'lab-grave ' if grave else ''}{kind}")


def mark(state: str) -> Markup:
    """Return a state as shape and word: a run's or job's `conclusion`, else its `status`."""
    shape, word, kind = STATES.get(state, ("·", state.replace("_", " ") or "unknown", STILL))
    return html('<span class="lab-state lab-{}"><span aria-hidden="true">{}</span>{}</span>', kind, shape, word)


def word(state: str) -> str:
    """Return a state in words: "failure" → "failed"."""
    return STATES.get(state, ("·", state.replace("_", " ") or "unknown", STILL))[1]


def shape(state: str) -> str:
    """Return a state's shape: "failure" → "✗"."""
    return STATES.get(state, ("·", "", STILL))[0]


def kind_of(state: str) -> str:
    """Return GOOD, BAD, GOING, WAIT or STILL for a state."""
    return STATES.get(state, ("·", "", STILL))[2]


def trouble(sentence: object, problems: Iterable[object] = ()) -> Markup:
    """Return what went wrong as a block: a sentence, and a list where there are several problems."""
    items = Markup("").join(html("<li>{}</li>", one) for one in problems)
    under = html("<ul>{}</ul>", items) if items else Markup("")
    return html('<div class="lab-trouble" role="alert"><p>{}</p>{}</div>', sentence, under)


def shown(part: widgets.DOMWidget, yes: bool) -> None:
    """Show or hide a part."""
    wanted = None if yes else "none"
    if part.layout.display != wanted:
        part.layout.display = wanted


def classed(part: W, kind: str) -> W:
    """Give a widget classes (names apart by spaces) and return it."""
    for name in kind.split():
        part.add_class(name)
    return part


def _live(sentence: object, kind: str) -> Markup:
    return html('<p class="lab-{}" role="status" aria-live="polite">{}</p>', kind, sentence)
