"""The second view: a form made of the inputs that the workflow declares at the chosen ref."""

from __future__ import annotations

from collections.abc import Callable

from devops_lab.actions.declaration import Declaration
from devops_lab.panels import pieces
from devops_lab.panels.background import Background
from devops_lab.panels.fields import InputField
from devops_lab.panels.texts import html


class Form:
    """The fields of one declaration.  `values` are what would be sent; `check` says what does not fit beside each."""

    def __init__(self, background: Background, changed: Callable[[], None]) -> None:
        self.background, self._changed = background, changed
        self.declaration = Declaration()
        self.fields: dict[str, InputField] = {}
        self._box = pieces.box(kind="lab-fields")
        self._title = pieces.block(kind="lab-part")
        self.widget = pieces.box(self._title, self._box, kind="lab-form")
        pieces.shown(self.widget, False)

    @property
    def values(self) -> dict[str, str]:
        """The inputs as they would be sent."""
        return {name: field.given for name, field in self.fields.items() if field.given is not None}

    def open(self, declaration: Declaration, environments: list[str]) -> None:
        """Show the form of a declaration; what was typed into fields of the same name and kind stays."""
        kept = {name: field for name, field in self.fields.items() if declaration.inputs.get(name) == field.own}
        self.declaration = declaration
        self.fields = {}
        for name, own in declaration.inputs.items():
            field = kept.get(name)
            if field is None:
                field = InputField(own, environments)
                field.changed(self.background.pressed(self._touched))
            self.fields[name] = field
        self._box.children = [field.widget for field in self.fields.values()]
        pieces.show(self._title, html("<h3>{}</h3>", "Inputs" if self.fields else "This workflow takes no inputs"))
        pieces.shown(self.widget, True)

    def check(self) -> list[str]:
        """Say beside each field what is wrong with it; return all problems."""
        _, problems = self.declaration.complete(self.values)
        rest = list(problems)
        for name, field in self.fields.items():
            start = f"input {name!r}: "
            own = [one for one in problems if one.startswith(start)]
            field.problem(sentence(own[0].removeprefix(start)) if own else "")
            rest = [one for one in rest if one not in own]
        return [*(one for one in problems if one not in rest), *rest]

    def places(self) -> tuple[str, ...]:
        """Return the environments that a run with these inputs may change."""
        whole, _ = self.declaration.complete(self.values)
        return self.declaration.changed(whole)

    def _touched(self) -> None:
        self.check()
        self._changed()


def sentence(text: str) -> str:
    """Return a problem as the beginning of a sentence."""
    return text[:1].upper() + text[1:]
