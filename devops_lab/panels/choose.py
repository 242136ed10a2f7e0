"""The first view: which service, which of its workflows, on which branch or tag."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from devops_lab.actions.choices import Choice, Ref, refs, workflows
from devops_lab.errors import LabError
from devops_lab.panels import pieces
from devops_lab.panels.asking import Desk, Place
from devops_lab.panels.background import Background
from devops_lab.panels.fields import Field
from devops_lab.panels.texts import html, listed, visible

MOST_REFS = 100
LOADING = "loading…"


class Choose:
    """Service → workflow → ref.  `chosen` is told the place and its workflow as soon as all three are known."""

    def __init__(
        self, background: Background, chosen: Callable[[Place, Choice], None], failed: Callable[[LabError], None]
    ) -> None:
        self.background, self._chosen, self._failed = background, chosen, failed
        self.service = Field(widgets.Dropdown(options=[]), "Service")
        self.workflow = Field(widgets.Dropdown(options=[]), "Workflow")
        self.ref = Field(
            widgets.Combobox(options=(), placeholder="type to search", continuous_update=False), "Branch or tag"
        )
        self.widget = pieces.box(self.service.widget, self.workflow.widget, self.ref.widget, kind="lab-fields")
        self.desk: Desk | None = None
        self._workflows: dict[str, Choice] = {}
        self._refs: dict[str, Ref] = {}
        self._quiet = False
        self.service.changed(background.pressed(self._service_chosen))
        self.workflow.changed(background.pressed(self._settle))
        self.ref.changed(background.pressed(self._ref_typed))

    @property
    def place(self) -> Place | None:
        """What is chosen; None while it is not whole."""
        choice, ref = self._workflows.get(self.workflow.value), self._refs.get(self.ref.value)
        if self.desk is None or choice is None or ref is None:
            return None
        name = ref.whole if self.ref.value == visible(ref.whole) else ref.name
        return Place(self.service.value, self._repository(), choice.file, name)

    def open(self, desk: Desk, service: str = "") -> None:
        """Offer a lab's services, `service` first where it is one of them."""
        self.desk = desk
        names = [one.name for one in desk.settings.service]
        self._set(self.service, names, service if service in names else next(iter(names), ""))
        self._service_chosen()

    def _repository(self) -> str:
        assert self.desk is not None
        return next(one.repository for one in self.desk.settings.service if one.name == self.service.value)

    def _service_chosen(self) -> None:
        if self.desk is None or self._quiet or not self.service.value:
            return
        desk, repository = self.desk, self._repository()
        self._workflows, self._refs = {}, {}
        self._set(self.workflow, [LOADING], LOADING)
        self._set(self.ref, [], "")
        self.ref.hint(html("{}", LOADING))
        self.background.do("workflows", lambda: workflows(desk.server, repository), self._workflows_known, self._failed)
        self.background.do(
            "refs", lambda: refs(desk.server, repository, most=MOST_REFS), self._refs_known, self._failed
        )

    def _workflows_known(self, found: list[Choice]) -> None:
        startable = [one for one in found if one.startable]
        self._workflows = {f"{visible(one.name)} ({visible(one.file)})": one for one in startable}
        names = list(self._workflows)
        self._set(self.workflow, names or ["none can be started"], names[0] if names else "none can be started")
        off = [one.file for one in found if not one.startable]
        none = f"No workflow of {visible(self._repository())} has a workflow_dispatch trigger."
        said = f"Switched off on GitHub: {listed(off)}." if off else "" if names else none
        self.workflow.hint(html("{}", said))
        self._settle()

    def _refs_known(self, found: list[Ref]) -> None:
        self._offer(found)
        self._set(self.ref, list(self._refs), found[0].name if found else "")
        self.ref.hint(html("{}", _counted(found)))
        self._settle()

    def _ref_typed(self) -> None:
        wanted = self.ref.value.strip()
        if self._quiet or self.desk is None or not wanted:
            return
        if wanted in self._refs:
            self.background.forget("refs")
            self._settle()
            return
        desk, repository = self.desk, self._repository()
        self.ref.hint(html("looking for {}…", wanted))
        self.background.do(
            "refs",
            lambda: refs(desk.server, repository, wanted, MOST_REFS),
            lambda found: self._searched(wanted, found),
            self._failed,
        )

    def _searched(self, wanted: str, found: list[Ref]) -> None:
        self._offer(found)
        if wanted in self._refs:
            self._settle()
            return
        self._quiet = True
        self.ref.control.options = tuple(self._refs)
        self._quiet = False
        names = list(self._refs)[:3]
        said = (
            f"{len(found)} like it: {listed(names)}{' …' if len(found) > 3 else ''}"
            if found
            else "none has it in its name"
        )
        self.ref.problem(f"No branch or tag {visible(wanted)}; {said}")

    def _offer(self, found: list[Ref]) -> None:
        self._refs = {}
        for one in found:  # a tag and a branch of one name: the tag is written whole
            self._refs[visible(one.name if visible(one.name) not in self._refs else one.whole)] = one

    def _settle(self) -> None:
        place = self.place
        if self._quiet or place is None:
            return
        ref = self._refs[self.ref.value]
        self.ref.hint(html("{} at {}", "Branch" if ref.kind == "branch" else "Tag", ref.sha[:9] or "a commit"))
        self._chosen(place, self._workflows[self.workflow.value])

    def _set(self, field: Field, options: list[str], value: str) -> None:
        self._quiet = True
        field.control.options = tuple(options)
        field.control.value = value if options or not isinstance(field.control, widgets.Dropdown) else None
        self._quiet = False


def _counted(found: list[Ref]) -> str:
    tags = sum(one.kind == "tag" for one in found)
    return (
        f"{len(found) - tags} branches and {tags} tags{' or more; type to search' if len(found) >= MOST_REFS else ''}"
    )
