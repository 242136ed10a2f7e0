"""`Run`: a handle on one workflow run: watch, cancel, run again, approve or reject what waits, read its logs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from devops_lab.actions import joblogs
from devops_lab.actions.connection import Server, may_have_worked, refusal
from devops_lab.actions.declaration import UNTOLD
from devops_lab.actions.outcomes import DONE, FAILED, REFUSED, UNKNOWN, RefusedActionError, UnknownOutcomeError
from devops_lab.actions.permission import Wish, problems
from devops_lab.actions.reading import environments_of_run, page
from devops_lab.actions.record import Record, key_of
from devops_lab.actions.texts import plain_line
from devops_lab.actions.watching import SLOWEST, Job, Progress, Watch, job_of
from devops_lab.config import Settings
from devops_lab.github_api.answers import Answer

Json = dict[str, Any]


class Run:
    """One workflow run; nothing is asked before a question is.  Its actions are checked and recorded like a dispatch.

    A run is written as repository and `id`; `page` is its page for people.
    """

    def __init__(
        self,
        settings: Settings,
        server: Server,
        record: Record,
        repository: str,
        number: int,
        clock: Callable[[], datetime],
        person: str | None = None,
    ) -> None:
        self.repository, self.id, self.person = repository, number, person
        self._settings, self._server, self._record, self._clock = settings, server, record, clock
        self.path = f"/repos/{repository}/actions/runs/{number}"
        self.page = page(server, f"{repository}/actions/runs/{number}")

    def __repr__(self) -> str:
        return f"Run({self.repository!r}, {self.id})"

    def raw(self) -> Json:
        """Return the run as GitHub tells of it now.  Errors: MissingError, AccessError, SourceError."""
        return dict(self._server.get(self.path))

    # ------------------------------------------------------------------ watching

    def changes(
        self, timeout: float | None = None, stop: threading.Event | None = None, slowest: float = SLOWEST
    ) -> Iterator[Progress]:
        """Yield the run's `Progress` whenever it has changed; see `devops_lab.actions.watching`."""
        return Watch(self._server, self.path, stop, slowest).changes(timeout)

    def watch(
        self,
        timeout: float | None = None,
        on_change: Callable[[Progress], None] = lambda progress: None,
        stop: threading.Event | None = None,
        slowest: float = SLOWEST,
    ) -> Progress:
        """Watch the run to its end (or for `timeout` seconds) and return how it stood last."""
        last = Progress()
        for last in self.changes(timeout, stop, slowest):
            on_change(last)
        return last

    def jobs(self) -> list[Job]:
        """Return the jobs of the latest attempt as they are now (the first hundred)."""
        return [job_of(raw) for raw in self._server.get(f"{self.path}/jobs", per_page=100)["jobs"]]

    def logs(self, job: int | str, tail: int | None = 100, to: str | Path | None = None) -> list[str]:
        """Return the last `tail` lines of a job's log (None: all of them); with `to` the whole log goes to that file.

        `job` is a job's id or name.  Errors: MissingError (no log yet, or it has expired), QuestionError.
        """
        number = job if isinstance(job, int) else joblogs.number_of(job, self.jobs())
        return joblogs.lines(self._server, self.repository, number, tail, None if to is None else Path(to))

    # ------------------------------------------------------------------ acting

    def cancel(self) -> None:
        """Ask the server to stop the run; one that is over already stays as it is (SentActionError)."""
        self._act("cancel", f"{self.path}/cancel")

    def rerun(self, failed_only: bool = False, confirm: str | None = None) -> None:
        """Make a new attempt of all jobs, or of those that failed and those that need them.

        What the run deployed to before counts: production wants its name in `confirm`.
        """
        verb, end = ("rerun_failed", "rerun-failed-jobs") if failed_only else ("rerun", "rerun")
        self._act(verb, f"{self.path}/{end}", environments=self._deployed_to(), confirm=confirm)

    def waiting(self) -> dict[str, int]:
        """Return the environments whose approval the run waits for, with their ids."""
        found = self._server.get(f"{self.path}/pending_deployments")
        return {str(one["environment"]["name"]): int(one["environment"]["id"]) for one in found or []}

    def approve(
        self, environments: Collection[str] | None = None, comment: str = "", confirm: str | None = None
    ) -> list[str]:
        """Approve the waiting environments named (None: all) and return their names; production by `confirm`."""
        return self._review("approve", environments, comment, confirm)

    def reject(self, environments: Collection[str] | None = None, comment: str = "") -> list[str]:
        """Reject the waiting environments named (None: all of them) and return their names."""
        return self._review("reject", environments, comment, None)

    def _review(
        self, verb: str, environments: Collection[str] | None, comment: str, confirm: str | None
    ) -> list[str]:  # fmt: skip
        with self._record.refusals(self._asked(verb), lambda: self._server.login):
            waiting = self.waiting()
        known = {name.casefold(): name for name in waiting}
        names = [known.get(name.casefold(), name) for name in (waiting if environments is None else environments)]
        absent = [name for name in names if name not in waiting]
        wrong = [f"{name} does not wait for an approval" for name in absent]
        if not names:
            wrong.append("no environment waits for an approval")
        body = {
            "environment_ids": [waiting[name] for name in names if name in waiting],
            "state": "approved" if verb == "approve" else "rejected",
            "comment": self._comment(verb, comment),
        }
        self._act(verb, f"{self.path}/pending_deployments", body, tuple(names), confirm, wrong)
        return names

    def _comment(self, verb: str, comment: str) -> str:
        """Return what the server is told beside a verdict; a person behind a shared token is always named."""
        done = f"{'approved' if verb == 'approve' else 'rejected'} by {self.person or self._server.login}"
        return done if not comment else comment if self.person is None else f"{comment} ({done})"

    def _starters(self, raw: Json) -> set[str]:
        """Return who started the run: by the server, and by the record for the people behind a shared token."""
        told = {str((raw.get(name) or {}).get("login")) for name in ("actor", "triggering_actor")}
        login = self._server.login
        if self.person is None or login not in told:
            return told
        persons = self._record.started_by(self.repository, self.id) or {None}
        return (told - {login}) | {person or UNTOLD for person in persons}

    def _deployed_to(self) -> tuple[str, ...]:
        """Return the environments this run may change: as recorded when it was started, else as its file says."""
        rows = self._record.of_run(self.repository, self.id)
        started = [row["environments"] or "" for row in rows if row["verb"] in ("dispatch", "rollback")]
        if started:
            return tuple(dict.fromkeys(name for text in started for name in text.split("\n") if name))
        return environments_of_run(self._server, self.repository, self.raw())

    def _act(
        self,
        verb: str,
        address: str,
        body: Json | None = None,
        environments: tuple[str, ...] = (),
        confirm: str | None = None,
        wrong: Collection[str] = (),
    ) -> None:
        """Check, record, send once, and record what came of it."""
        with self._record.refusals(self._asked(verb), lambda: self._server.login):
            raw = self.raw()
        file = str(raw.get("path") or "").partition("@")[0].rsplit("/", 1)[-1]
        wish = Wish(
            self._server.login, verb, self.repository, file, str(raw.get("head_branch") or ""), environments, confirm,
            self._starters(raw), self.person,
        )  # fmt: skip
        attempt = raw.get("run_attempt")
        row = {
            "login": wish.login, "person": wish.person, "verb": verb, "repository": self.repository, "workflow": file,
            "ref": wish.ref, "environments": "\n".join(environments) or None, "run_id": self.id, "url": self.page,
            "request_key": key_of(verb, wish.who, self.repository, self.id, attempt, sorted(environments)),
        }  # fmt: skip
        found = [plain_line(one) for one in (*wrong, *problems(self._settings, wish, self._clock()))]
        what = f"{verb} of run {self.id} of {self.repository}"
        if found:
            self._record.note(row, REFUSED, "; ".join(found))
            raise RefusedActionError(what, found)
        within = self._settings.actions.again_within
        begun, fresh = self._record.begin(row, within, unsettled=within)  # it changes nothing to stop a run twice
        if fresh:
            self._settle(begun, what, self._server.post(address, body))
        elif begun["outcome"] == UNKNOWN:
            raise UnknownOutcomeError(str(begun["message"]), [self.page], str(begun["id"]))

    def _asked(self, verb: str) -> Json:
        """Return what is asked for as the record tells of it before anything is known of the run."""
        return {"verb": verb, "person": self.person, "repository": self.repository, "run_id": self.id, "url": self.page}

    def _settle(self, row: Json, what: str, answer: Answer) -> None:
        if 200 <= answer.status < 300:
            self._record.note(row, DONE)
            return
        if may_have_worked(answer):
            said = answer.problem or f"HTTP {answer.status} {answer.message}".strip()
            message = f"{what}: it is not known whether it was done ({said}); look at {self.page}"
            self._record.note(row, UNKNOWN, message)
            raise UnknownOutcomeError(message, [self.page], str(row["id"]))
        problem = refusal(answer, what)
        self._record.note(row, FAILED, str(problem))
        raise problem
