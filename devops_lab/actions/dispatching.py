"""Starting a workflow: everything is checked first, all problems are told at once, and what is sent is sent once."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devops_lab.actions import reading
from devops_lab.actions.connection import Server
from devops_lab.actions.declaration import Declaration
from devops_lab.actions.driving import Run
from devops_lab.actions.masking import masked, without
from devops_lab.actions.outcomes import REFUSED, RefusedActionError
from devops_lab.actions.permission import Wish, problems
from devops_lab.actions.plan import Plan
from devops_lab.actions.record import Record, key_of, plain
from devops_lab.actions.rollback import Back, previous_good
from devops_lab.actions.sending import Sender
from devops_lab.actions.texts import plain_line
from devops_lab.config import Settings, load
from devops_lab.errors import AccessError, UserError
from devops_lab.store import Store

PATIENCE = 20.0
SHA = re.compile(r"[0-9a-f]{40}")
LONGEST_PERSON = 320  # an e-mail address, at most


class Actions:
    """The actions of one lab: its rules, its record, and the server with the token for actions.

    `settings` are those of a ``lab.toml``, or its path; `store` where actions are recorded (the lab's own by default).
    `person` is whom an authenticating proxy named beside a token that several people share (who trusted the proxy
    answers for the name); rules, the record and what the server is told then speak of that person.  `patience` is how
    many seconds a run is looked for where the answer did not name it; `clock` returns aware UTC.

    Errors: AccessError without a token, or for a person without a name; ConfigError.
    """

    def __init__(
        self,
        settings: Settings | str | Path = "lab.toml",
        store: Store | None = None,
        *,
        person: str | None = None,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings if isinstance(settings, Settings) else load(settings)
        self.server = Server(self.settings, sleep)
        self.store = store or Store(self.settings.store)
        self.record = Record(self.store, self.server.token)
        self.person = None if person is None else _named(person)
        self.patience, self.clock = patience, clock

    def __repr__(self) -> str:
        return f"Actions({str(self.settings.path)!r}, {self.server!r})"

    @property
    def login(self) -> str:
        """Whose token it is, by the server's own word."""
        return self.server.login

    @property
    def who(self) -> str:
        """Who acts: the person, where one was named, else the token's login."""
        return self.person or self.login

    def run(self, repository: str, number: int) -> Run:
        """Return a handle on a run that is there already; nothing is asked yet."""
        return Run(self.settings, self.server, self.record, repository, number, self.clock, self.person)

    def plan(
        self,
        repository: str,
        workflow: str,
        ref: str = "main",
        inputs: Mapping[str, Any] | None = None,
        *,
        confirm: str | None = None,
        mark: str | None = None,
        verb: str = "dispatch",
    ) -> Plan:
        """Read and check everything a dispatch needs and return it with all problems; nothing is sent or recorded.

        `mark` names the input whose value the run shows; by default one of ``[actions] marks`` that the workflow shows.
        """
        if without(f"{repository} {workflow} {ref}", self.server.token) != f"{repository} {workflow} {ref}":
            raise UserError("the token was typed where a name belongs; nothing was asked or sent")
        found = reading.workflow_of(self.server, repository, workflow)
        path, short = str(found["path"]), re.sub(r"^refs/(heads|tags)/", "", ref)
        wrong = [] if found.get("state", "active") == "active" else [reading.disabled(found, repository)]
        given = {name: value for name, value in (inputs or {}).items() if value is not None}
        declaration = Declaration()
        if SHA.fullmatch(short):
            wrong.append(f"{short[:9]} is a commit; a workflow is started on a branch or a tag")
        else:
            try:
                declaration = reading.declaration_of(self.server, repository, path, ref)
            except UserError as problem:
                wrong.append(str(problem))
                given = {}
        own_mark = self._mark(declaration, mark)
        if own_mark is not None:
            given.setdefault(own_mark, uuid.uuid4().hex)
        whole, unfit = declaration.complete(given)
        places = declaration.changed(whole) or reading.environments_by_rule(self.settings, repository, found)
        name = path.rsplit("/", 1)[-1]
        wish = Wish(self.login, verb, repository, name, short, places, confirm, person=self.person)
        sent = {key: whole.get(key, str(value)) for key, value in given.items()}
        shown = None if own_mark is None else sent[own_mark]
        forbidden = problems(self.settings, wish, self.clock())
        token = self.server.token
        against = [plain_line(without(one, token)) for one in (*wrong, *unfit, *forbidden)]
        return Plan(wish, path, int(found["id"]), sent, whole, masked(whole, token), declaration, shown, against)

    def dispatch(
        self,
        repository: str,
        workflow: str,
        ref: str = "main",
        inputs: Mapping[str, Any] | None = None,
        *,
        confirm: str | None = None,
        mark: str | None = None,
        key: str | None = None,
        again: bool = False,
        verb: str = "dispatch",
    ) -> Run:
        """Start a workflow once and return its run; an equal request within `again_within` seconds is the same run.

        `key` names the request (equal keys are one request); `again` starts another run all the same.

        Errors: RefusedActionError (all problems at once; nothing sent), SentActionError (the server refused),
        UnknownOutcomeError (nobody knows; nothing is sent again), AccessError, SourceError, StoreError.
        """
        with self.record.refusals(self._asked(verb, repository, workflow, ref), lambda: self.login):
            plan = self.plan(repository, workflow, ref, inputs, confirm=confirm, mark=mark, verb=verb)
        asked = {name: value for name, value in plan.inputs.items() if value != plan.mark}
        made = uuid.uuid4().hex if again else key or ""
        row = {
            "login": plan.wish.login, "person": plan.wish.person, "verb": verb, "repository": repository,
            "workflow": plan.wish.workflow, "ref": plan.wish.ref, "mark": plan.mark,
            "environments": "\n".join(plan.wish.environments) or None,
            "inputs": plain(masked(plan.inputs, self.server.token)),
            "request_key": key_of(made or [verb, plan.wish.who, repository, plan.path, plan.wish.ref, asked]),
        }  # fmt: skip
        if plan.problems:
            self.record.note(row, REFUSED, "; ".join(plan.problems))
            raise RefusedActionError(f"{plan.wish.workflow} of {repository}", plan.problems)
        begun, fresh = self.record.begin(row, self.settings.actions.again_within)
        sender = Sender(self.server, self.record, self.patience)
        number = sender.send(plan, begun, ref) if fresh else sender.twin(begun)
        return self.run(repository, number)

    def rollback(
        self, service: str, environment: str = "production", *, confirm: str | None = None, key: str | None = None,
        workflow: str | None = None, inputs: Mapping[str, Any] | None = None,
    ) -> Run:  # fmt: skip
        """Bring the previous good deployment's version back through the same workflow, and return its run.

        Errors: as `dispatch`; QuestionError where the store knows no version before, or no workflow that takes it.
        """
        own = next((one.repository for one in self.settings.service if one.name == service), "")
        with self.record.refusals(self._asked("rollback", own, workflow or "", ""), lambda: self.login):
            back = self.back(service, environment, workflow)
        return self.dispatch(
            back.repository, back.workflow, back.ref, {**back.inputs, **(inputs or {})}, confirm=confirm, key=key,
            verb="rollback",
        )  # fmt: skip

    def back(self, service: str, environment: str = "production", workflow: str | None = None) -> Back:
        """Return what `rollback` would start; nothing is sent."""
        return previous_good(self.settings, self.store, self.server, service, environment, workflow)

    def _asked(self, verb: str, repository: str, workflow: str, ref: str) -> dict[str, Any]:
        """Return what is asked for as the record tells of it before anything is known of it."""
        texts = {"verb": verb, "repository": repository, "workflow": workflow.rsplit("/", 1)[-1] or None, "ref": ref}
        return {"person": self.person, **{name: text and plain_line(text) for name, text in texts.items()}}

    def _mark(self, declaration: Declaration, wanted: str | None) -> str | None:
        names = [wanted] if wanted else self.settings.actions.marks
        return next((name for name in names if name in declaration.inputs and name in declaration.shown), None)


def _named(person: str) -> str:
    name = person.strip()
    if not name or len(name) > LONGEST_PERSON or not name.isprintable():
        raise AccessError("the proxy named nobody, or no name that can be written down; so nothing is done for them")
    return name


def dispatch(
    repository: str,
    workflow: str,
    ref: str = "main",
    inputs: Mapping[str, Any] | None = None,
    *,
    settings: Settings | str | Path = "lab.toml",
    store: Store | None = None,
    dry_run: bool = False,
    person: str | None = None,
    **options: Any,
) -> Run | Plan:
    """Start a workflow once and return its `Run`; with `dry_run` the `Plan` of what would be sent, and send nothing.

    Options and errors as `Actions.dispatch`: confirm, mark, key, again.
    """
    actions = Actions(settings, store, person=person)
    if dry_run:
        wanted = {name: options[name] for name in ("confirm", "mark") if name in options}
        return actions.plan(repository, workflow, ref, inputs, **wanted)
    return actions.dispatch(repository, workflow, ref, inputs, **options)
