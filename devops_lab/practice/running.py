"""The practice organisation in the background: up, status, down.

``up`` leaves a folder with ``lab.toml`` (to use as it is), ``answers.toml`` (exercises to fill in) and what its parts
keep; ``down`` stops them all, also those that a killed server left, and takes the folder away with the store and the
reports made in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devops_lab.errors import SourceError, UserError
from devops_lab.practice.background import (
    ANSWERS,
    GITHUB,
    MONITORING,
    PIPELINES,
    PROGRESS,
    SETTINGS,
    STATE,
    WISH,
    Part,
    Wish,
)

FOLDER = "practice"
LOG = "server.log"
OURS = frozenset({LOG, SETTINGS, WISH, PROGRESS, ANSWERS, PIPELINES, MONITORING})
STARTUP_SECONDS = 300.0
STOP_SECONDS = 30.0
TICK = 0.05
Steps = Callable[[str, str, str, float | None], None]


def silent(part: str, state: str, text: str, seconds: float | None) -> None:
    """Say nothing."""


@dataclass(frozen=True)
class Running:
    """A practice organisation that is up.

    `url` is its GitHub, `process` the background process, `seed` and `until` name the company, `parts` are what it is
    made of, `requests` counts what its GitHub answered.
    """

    url: str
    process: int
    seed: int
    until: datetime
    parts: tuple[Part, ...]
    requests: int

    @property
    def well(self) -> bool:
        """Whether no part has crashed."""
        return all(part.state != "crashed" for part in self.parts)


def up(
    folder: str | Path = FOLDER,
    seed: int = 1,
    port: int = 0,
    until: datetime | None = None,
    parts: tuple[str, ...] = (GITHUB, PIPELINES, MONITORING),
    steps: Steps = silent,
) -> Running:
    """Start the practice organisation in the background and return it once all its parts are up or known to be missing.

    `port` is its GitHub's (0: a free one); `until` ends the company's year (naive UTC; default: now).  `steps` is told
    each step: part, "begun", "done" or "missing", a text, seconds.
    Errors: UserError when it is up already, or the folder holds something else; SourceError when it does not start.
    """
    folder = Path(folder).absolute()
    there = status(folder)
    if there is not None:
        raise UserError(f"the practice organisation is up at {there.url}; `devops-lab practice down` stops it")
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if STATE not in names and not names <= OURS:
        raise UserError(f"{folder} holds other files; name another folder with --folder")
    _clean(folder)  # what a killed server left
    folder.mkdir(parents=True)
    until = until or datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    (folder / WISH).write_text(Wish(seed, until, port, parts).as_json(), "utf-8")
    command = [sys.executable, "-m", "devops_lab.practice.background", str(folder)]
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
    with ExitStack() as otherwise:  # also after Ctrl-C nothing half-started stays
        otherwise.callback(_clean, folder)
        otherwise.callback(_end, process.pid)
        found = _awaited(folder, process, steps)
        otherwise.pop_all()
        return found


def _awaited(folder: Path, process: subprocess.Popen[bytes], steps: Steps) -> Running:
    patience, told = time.monotonic() + STARTUP_SECONDS, 0
    while time.monotonic() < patience:
        alive = process.poll() is None
        told = _told(folder, told, steps)
        found = status(folder) if alive and (_state(folder) or {}).get("ready") else None
        if found is not None:
            return found
        if not alive:
            break
        time.sleep(TICK)
    said = (folder / LOG).read_text("utf-8", "replace").strip().splitlines()
    raise SourceError(f"the practice organisation did not start: {said[-1] if said else 'it said nothing'}")


def _told(folder: Path, already: int, steps: Steps) -> int:
    """Tell the steps written since; return how many were told in all."""
    try:
        lines = (folder / PROGRESS).read_text("utf-8").split("\n")[:-1]
    except FileNotFoundError:
        return already
    for line in lines[already:]:
        step = json.loads(line)
        steps(step["part"], step["state"], step["text"], step["seconds"])
    return len(lines)


def status(folder: str | Path = FOLDER) -> Running | None:
    """Return the practice organisation of a folder; None when it is not up: not begun, or killed."""
    state = _state(Path(folder))
    answer = _asked(state["url"]) if state is not None and state["url"] else None
    if state is None or answer is None:
        return None
    parts = tuple(Part(**part) for part in state["parts"])
    until = datetime.fromisoformat(state["until"])
    return Running(state["url"], state["process"], state["seed"], until, parts, int(answer["total_count"]))


def was_killed(folder: str | Path = FOLDER) -> bool:
    """Say whether a practice organisation ended there without `down`."""
    return _state(Path(folder)) is not None and status(folder) is None


def down(folder: str | Path = FOLDER) -> bool:
    """Stop the practice organisation and take its folder away; say whether it was up.

    Errors: UserError when the folder is no practice organisation's.
    """
    folder = Path(folder).absolute()
    if not (folder / STATE).exists():
        if folder.exists():
            raise UserError(f"{folder} is no practice organisation's folder; nothing was touched")
        return False
    running = status(folder)
    if running is not None:
        _end(running.process)
    _clean(folder)
    return running is not None


@contextmanager
def visiting(
    seed: int, until: datetime, folder: Path, steps: Steps = silent, parts: tuple[str, ...] = (GITHUB, MONITORING)
) -> Iterator[Running]:
    """Yield the practice organisation, by default without its pipelines, and take it down again.

    `folder` is used for the while; when one is up there already it is used as it is and stays up.
    """
    there = status(folder)
    if there is not None and (there.seed, there.until) == (seed, until):
        yield there
        return
    found = up(folder, seed, until=until, parts=parts, steps=steps)
    try:
        yield found
    finally:
        down(folder)


def _clean(folder: Path) -> None:
    """Stop what still runs of a practice organisation in `folder`, and take the folder away."""
    from devops_lab.practice import monitoring, pipelines

    if not folder.exists():
        return
    pipelines.stop_deployed(folder / PIPELINES)
    monitoring.stop_left(folder / MONITORING)
    shutil.rmtree(folder)


def _end(process: int) -> None:
    """End the background process: kindly, then not."""
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, STOP_SECONDS)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, number)
        patience = time.monotonic() + seconds
        while time.monotonic() < patience:
            if _ended(process):
                return
            time.sleep(TICK)


def _ended(process: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process, os.WNOHANG)  # our own child would stay as a zombie
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def _state(folder: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((folder / STATE).read_text("utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    return found


def _asked(url: str) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(f"{url}/_practice/requests", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except (urllib.error.URLError, OSError, json.JSONDecodeError):
        return None
