"""Sending a dispatch once, and telling which run it started; what nobody can tell is said to be unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from devops_lab.actions import reading
from devops_lab.actions.connection import Server, data_of, may_have_worked, refusal
from devops_lab.actions.finding import Finder
from devops_lab.actions.outcomes import DONE, FAILED, SENDING, UNKNOWN, UnknownOutcomeError
from devops_lab.actions.plan import Plan
from devops_lab.actions.record import Record, Row
from devops_lab.errors import StoreError
from devops_lab.github_api.answers import Answer

TRIES = 8  # of a request that showed no effect though its mark was looked for
WAITS_FOR_TWIN = 20.0
LOOKS_FOR_TWIN = 0.2


class Sender:
    """Sends what is recorded already; `patience` is how many seconds a run is looked for."""

    def __init__(self, server: Server, record: Record, patience: float) -> None:
        self.server, self.record, self.patience = server, record, patience

    def send(self, plan: Plan, row: Row, ref: str) -> int:
        """Send a plan, write its outcome into its row, and return the run's id.

        Errors: SentActionError, UnknownOutcomeError, AccessError, SourceError, StoreError.
        """
        what = f"{plan.wish.workflow} of {plan.wish.repository}"
        finder = Finder(self.server, plan.wish.repository, plan.workflow, plan.wish.ref, plan.mark)
        body = {"ref": ref, "inputs": dict(plan.inputs)}
        answer = Answer(0)
        for _ in range(TRIES):
            answer = self._posted(plan.request, body)
            number = data_of(answer).get("workflow_run_id") if answer.status in (200, 201) else None
            if number:
                return self._started(plan, row, int(number))
            good = 200 <= answer.status < 300
            if not good and not may_have_worked(answer):
                problem = refusal(answer, what)
                self.record.note(row, FAILED, str(problem))
                raise problem
            found = finder.find(self.patience)
            if len(found) == 1 and plan.mark is not None:
                return self._started(plan, row, int(found[0]["id"]))
            if found or good or plan.mark is None or not finder.looked:
                raise self._unknown(row, what, answer, found)
        raise self._unknown(row, what, answer, [])

    def twin(self, row: Row) -> int:
        """Return the run of an equal request that was made a moment ago; wait while that is still being sent.

        Errors: UnknownOutcomeError where nobody knows whether that one started.
        """
        waited = 0.0
        while row["outcome"] == SENDING and waited < WAITS_FOR_TWIN + self.patience:
            self.server.sleep(LOOKS_FOR_TWIN)
            waited += LOOKS_FOR_TWIN
            row = self.record.row(row["id"])
        if row["outcome"] == DONE and row["run_id"] is not None:
            return int(row["run_id"])
        raise UnknownOutcomeError(
            f"the same was asked for at {row['asked_at']:%H:%M:%S} UTC and is not sent twice: "
            f"{row['message'] or 'its answer has not come yet'}; look at {self._runs_page(row)}, and ask for another "
            "run on purpose where there is none (again=True, --again)",
            action=str(row["id"]),
        )

    def _posted(self, request: str, body: Mapping[str, Any]) -> Answer:
        """Ask for the run's id with the dispatch; a server too old for that refuses, and is asked without."""
        answer = self.server.post(request, {**body, "return_run_details": True})
        if answer.status in (400, 422) and "return_run_details" in answer.text:
            answer = self.server.post(request, body)
        return answer

    def _started(self, plan: Plan, row: Row, number: int) -> int:
        page = reading.page(self.server, f"{plan.wish.repository}/actions/runs/{number}")
        try:
            self.record.note(row, DONE, run_id=number, url=page)
        except StoreError as problem:
            raise StoreError(f"run {number} was started ({page}), but {problem}") from problem
        return number

    def _unknown(self, row: Row, what: str, answer: Answer, found: list[dict[str, Any]]) -> UnknownOutcomeError:
        said = answer.problem or f"HTTP {answer.status} {answer.message}".strip()
        pages = [str(raw.get("html_url")) for raw in found]
        if 200 <= answer.status < 300:
            message = f"{what} was started ({said}), but which run it is cannot be told"
        else:
            message = f"{what}: it is not known whether it was started ({said}); it is not sent again by itself"
        message += f"; it may be {', '.join(pages)}" if pages else f"; look at {self._runs_page(row)}"
        self.record.note(row, UNKNOWN, message)
        return UnknownOutcomeError(message, pages, str(row["id"]))

    def _runs_page(self, row: Mapping[str, Any]) -> str:
        return reading.page(self.server, f"{row['repository']}/actions/workflows/{row['workflow']}")
