"""The records of runs that really run: the world's records, and what is known only while they go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from devops_lab.practice.pipelines.workflow import Planned
from devops_lab.practice.world.records import Job, Run

NOT_YET = datetime(9999, 12, 31)  # noqa: DTZ001 naive UTC, as everywhere
CANCELLED, FAILURE, SKIPPED, SUCCESS = "cancelled", "failure", "skipped", "success"


def now() -> datetime:
    """Return this instant as GitHub would write it: naive UTC, whole seconds."""
    return datetime.now(UTC).replace(tzinfo=None, microsecond=0)


@dataclass
class LiveJob(Job):
    """A job; `left` are (step, name) of the steps not begun, `said` step → name → what it put out.

    `waiting`: its environment waits for a review.
    """

    key: str = ""
    environment: str | None = None
    waiting: bool = False
    left: list[tuple[str, str]] = field(default_factory=list)
    said: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        """Whether it has its conclusion."""
        return self.completed_at != NOT_YET


@dataclass
class LiveRun(Run):
    """A run; `pending`: it waits for the run before it in its concurrency group."""

    ref: str = ""
    text: str = ""
    plan: Planned | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    pending: bool = False
