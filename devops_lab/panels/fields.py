"""One labelled control with a hint under it: what it is for, and what is wrong with what it holds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
from markupsafe import Markup

from devops_lab.actions.declaration import Input
from devops_lab.panels import pieces
from devops_lab.panels.texts import html, visible

NOTHING = "(not given)"
CHOOSE = "choose…"


class Field:
    """A control, its label above it, its hint below; the hint's line is always there, so that nothing moves."""

    def __init__(self, control: Any, label: str, hint: str = "") -> None:
        self.control = control
        control.description = visible(label)
        control.style.description_width = "auto"
        self._hint = pieces.block(html("{}", hint), "lab-hint")
        self._plain = hint
        self.widget = pieces.box(control, self._hint, kind="lab-field")

    @property
    def value(self) -> str:
        """What the control holds, as text."""
        held = self.control.value
        return "" if held is None else str(held).lower() if isinstance(held, bool) else str(held)

    def changed(self, call: Callable[[], None]) -> None:
        """Call when the value changes."""
        self.control.observe(lambda _: call(), "value")

    def hint(self, said: Markup) -> None:
        """Say something about the control; a problem said before is gone."""
        self.widget.remove_class("lab-wrong")
        pieces.show(self._hint, said)

    def problem(self, said: str) -> None:
        """Say what is wrong; "" takes it back to its own hint."""
        if not said:
            self.hint(html("{}", self._plain))
            return
        self.widget.add_class("lab-wrong")
        pieces.show(self._hint, html('<span class="lab-problem">{}</span>', said))


class InputField(Field):
    """The field of one declared input; `given` is what is sent for it, None where nothing is."""

    def __init__(self, own: Input, environments: list[str]) -> None:
        self.own = own
        self._values: dict[str, str] = {}
        control = self._control(own, environments)
        label = f"{own.name} (required)" if own.required and own.type != "boolean" else own.name
        super().__init__(control, label, own.description)
        if own.type == "number":
            self.widget.add_class("lab-numeric")

    @property
    def given(self) -> str | None:
        """The input's value as it is sent; None where it was left empty and has no default to be taken away."""
        value = self._values.get(self.value, self.value) if self._values else self.value
        return value if value or self.own.default else None

    def _control(self, own: Input, environments: list[str]) -> Any:
        if own.type == "boolean":
            return widgets.Checkbox(value=own.default == "true", indent=False)
        options = list(own.options) if own.type == "choice" else environments if own.type == "environment" else []
        if not options:
            return widgets.Text(value=own.default or "", continuous_update=False)
        empty = CHOOSE if own.required else NOTHING
        self._values = {visible(one): one for one in options}
        first = visible(own.default) if own.default in options else empty
        names = list(self._values) if own.default in options else [empty, *self._values]
        self._values[empty] = ""
        return widgets.Dropdown(options=names, value=first)
