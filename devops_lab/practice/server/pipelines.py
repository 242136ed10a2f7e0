"""What a server needs of pipelines that really run: the Protocol that its writes call."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from devops_lab.practice.server.answers import Json

NO_PIPELINES = (
    "Pipelines do not run on this server: they need act (pip install 'devops-lab[practice]'), "
    "started by devops-lab practice up."
)


class Pipelines(Protocol):
    """Whatever starts, stops and repeats runs, and changes a repository's objects while they go on.

    The server has checked token, inputs and state before it calls; it calls from several threads, one call at a time.
    Errors: LabError where the repository has no pipelines or they cannot run; GitHub's 422 carries its message.
    """

    def dispatch(
        self, repository: str, workflow: Json, ref: str, sha: str, inputs: Mapping[str, str], actor: Json
    ) -> int:
        """Start a run of `workflow` and return its id; `ref` is "refs/heads/…" or "refs/tags/…", `inputs` are whole."""

    def cancel(self, repository: str, run: int) -> None:
        """Stop a run that goes on."""

    def rerun(self, repository: str, run: int, actor: Json, jobs: Collection[str] | None) -> None:
        """Make a new attempt of a run: of all its jobs (None) or of those named."""

    def review(
        self, repository: str, run: int, environments: Collection[int], approve: bool, comment: str, actor: Json
    ) -> None:
        """Approve or reject what waits for the environments of those ids."""
