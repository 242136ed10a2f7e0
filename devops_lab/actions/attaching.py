"""One's own runs again, after a reload, a new kernel or in a second tab: by the record, and by the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from devops_lab.actions import board
from devops_lab.actions.driving import Run
from devops_lab.actions.outcomes import DONE, FAILED, UNKNOWN
from devops_lab.actions.record import Row
from devops_lab.actions.watching import COMPLETED
from devops_lab.errors import QuestionError
from devops_lab.github_api.answers import MissingError

if TYPE_CHECKING:
    from devops_lab.actions.dispatching import Actions

MOST = 5


@dataclass(frozen=True)
class Mine:
    """One start of one's own: its `row` of the `actions` table and its `run`, None where it is not known."""

    row: Row
    run: Run | None

    @property
    def unknown(self) -> bool:
        """Whether nobody knows what came of it: the person is to be asked."""
        return bool(self.row["outcome"] == UNKNOWN)


def mine(actions: Actions, repository: str | None = None, most: int = MOST) -> list[Mine]:
    """Return what this person (or login) started last by the `actions` table, the newest first; nothing is asked."""
    rows = actions.record.last(actions.who, repository, most)
    return [
        Mine(row, None if row["run_id"] is None else actions.run(row["repository"], int(row["run_id"]))) for row in rows
    ]


def attach(actions: Actions, repository: str | None = None) -> Run | None:
    """Return the latest run of one's own that is not over, None where there is none.

    The record is asked first.  Where no person is named beside the token, the server is asked too, for one repository:
    so a run that was started elsewhere with the same token is found.  Errors: AccessError, SourceError.
    """
    for one in mine(actions, repository):
        if one.run is not None and _goes_on(one.run):
            return one.run
    if repository is None or actions.person is not None:
        return None
    found = board.started_by(actions.server, repository, actions.login)
    going = next((one for one in found if one.status != COMPLETED), None)
    return None if going is None else actions.run(repository, going.id)


def told(actions: Actions, action: str, run: int | None) -> Run | None:
    """Record what the person says came of an unknown start: the run's id, or None: nothing was started.

    Errors: QuestionError where there is no such row, or its outcome is known already; MissingError, where there is no
    such run.
    """
    row = actions.record.find(action)
    if row is None or row["outcome"] != UNKNOWN:
        raise QuestionError(f"no action {action!r} with an unknown outcome is recorded")
    said = f"{row['message']}; {actions.who} says: "
    if run is None:
        actions.record.note(row, FAILED, f"{said}nothing was started")
        return None
    found = actions.run(str(row["repository"]), run)
    found.raw()
    actions.record.note(row, DONE, f"{said}it is run {run}", run_id=run, url=found.page)
    return found


def _goes_on(run: Run) -> bool:
    try:
        return bool(run.raw().get("status") != COMPLETED)
    except MissingError:  # deleted since
        return False
