"""How an action can fail, and what an outcome is called in the `actions` table."""

from __future__ import annotations

from devops_lab.errors import LabError, UserError

SENDING, DONE, REFUSED, FAILED, UNKNOWN = "sending", "done", "refused", "failed", "unknown"


class RefusedActionError(UserError):
    """Nothing was sent: a rule, an input or a confirmation forbids it; `problems` are all of them at once."""

    def __init__(self, what: str, problems: list[str]) -> None:
        self.problems = problems
        told = f" {problems[0]}" if len(problems) == 1 else "\n".join(["", *(f"  - {problem}" for problem in problems)])
        super().__init__(f"{what} was not sent:{told}")


class SentActionError(LabError):
    """It was sent, and the server refused it: nothing was started."""


class UnknownOutcomeError(LabError):
    """It was sent, and nobody knows what came of it: it is never sent again by itself.

    `candidates` are pages of runs that may be the one; `action` is the id of its row, for `attaching.told` to write
    down what the person says.
    """

    def __init__(self, message: str, candidates: list[str] | None = None, action: str | None = None) -> None:
        self.candidates, self.action = candidates or [], action
        super().__init__(message)
