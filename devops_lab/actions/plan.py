"""`Plan`: what a dispatch would send, in plain words, and every reason against it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from devops_lab.actions.declaration import Declaration
from devops_lab.actions.permission import Wish
from devops_lab.actions.texts import plain_line


@dataclass(frozen=True)
class Plan:
    """What a dispatch would send, and every reason against it: `problems` is empty where it may be sent.

    `inputs` are what is sent, `whole` with the workflow's own defaults, `shown` the same without secrets; `path` is the
    workflow's file.
    """

    wish: Wish
    path: str
    workflow: int
    inputs: Mapping[str, str] = field(repr=False)
    whole: Mapping[str, str] = field(repr=False)
    shown: Mapping[str, str]
    declaration: Declaration = field(repr=False)
    mark: str | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def request(self) -> str:
        """The address the request goes to."""
        return f"/repos/{self.wish.repository}/actions/workflows/{self.workflow}/dispatches"

    def said(self) -> str:
        """Say in plain words what would be started; secrets are masked, and what a file says is inert."""
        by = self.wish.who if self.wish.person is None else f"{self.wish.person} (with {self.wish.login}'s token)"
        lines = [f"start {self.path} of {self.wish.repository} on {self.wish.ref} as {by}"]
        lines += [f"  {name} = {value}" for name, value in self.shown.items()]
        if self.wish.environments:
            lines.append(f"  it may change: {', '.join(self.wish.environments)}")
        return "\n".join(map(plain_line, lines))
