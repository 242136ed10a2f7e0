"""Git in one folder: run with an empty environment, so that nobody's settings, keys or prompts have a part in it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from devops_lab.errors import SourceError

QUIET = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C.UTF-8",
}
PATIENCE_SECONDS = 60.0


def search_path() -> str:
    """Return where programs are looked for."""
    return os.environ.get("PATH", os.defpath)


class Git:
    """Git in a folder; calling it runs one command and returns what it printed.  SourceError where git refuses."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: str, more: Mapping[str, str] | None = None) -> str:
        """Run one command and return the text it printed."""
        return self.bytes(*arguments, more=more).decode("utf-8", "replace")

    def bytes(self, *arguments: str, more: Mapping[str, str] | None = None) -> bytes:
        """Run one command and return the bytes it printed; `more` are variables it sees."""
        environment = {"PATH": search_path(), "HOME": str(self.folder), **QUIET, **(more or {})}
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=PATIENCE_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as problem:
            raise SourceError(f"git {arguments[0]} in {self.folder}: {problem}") from None
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise SourceError(f"git {arguments[0]} in {self.folder}: {said or f'exit status {done.returncode}'}")
        return done.stdout
