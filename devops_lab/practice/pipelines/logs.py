"""A job's log as GitHub writes it: each line with its instant, to be read while the job runs."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path


class JobLog:
    """A text file that grows; each line begins with an ISO instant of seven decimals and Z."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    def write(self, text: str) -> None:
        """Add a text's lines."""
        said = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
        with self.file.open("a", encoding="utf-8") as file:
            file.writelines(f"{said} {line}\n" for line in text.splitlines() or [""])

    def step(self, name: str) -> None:
        """Open a step's group."""
        self.write(f"##[group]{name if name.startswith('Run ') else f'Run {name}'}\n##[endgroup]")

    def command(self, name: str, text: str) -> None:
        """Add what a step told with a workflow command: ``::error::text``, ``::group::title``."""
        self.write(f"##[{name}]{text}")
