"""The practice organisation's server in the background: up, status, down.

``up`` leaves a folder with ``lab.toml`` (to use as it is), the server's log and ``running.json`` (address and process);
``down`` stops the server and takes the folder away again, with the store and the reports made in it.
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
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devops_lab.errors import SourceError, UserError

FOLDER = "practice"
STATE, LOG, SETTINGS = "running.json", "server.log", "lab.toml"
PLENTY = 1_000_000_000
STARTUP_SECONDS = 60.0
STOP_SECONDS = 10.0


@dataclass(frozen=True)
class Running:
    """A practice organisation that is up: its address, its process, its seed, and how many requests it answered."""

    url: str
    process: int
    seed: int
    requests: int


def up(folder: str | Path = FOLDER, seed: int = 1, port: int = 0) -> Running:
    """Start the practice organisation's GitHub in the background and return it; port 0 takes a free one.

    Errors: UserError when it is up already, or the folder holds something else; SourceError when it does not start.
    """
    folder = Path(folder)
    there = status(folder)
    if there is not None:
        raise UserError(f"the practice organisation is up at {there.url}; `devops-lab practice down` stops it")
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if STATE not in names and not names <= {LOG, SETTINGS}:
        raise UserError(f"{folder} holds other files; name another folder with --folder")
    if folder.exists():
        shutil.rmtree(folder)  # what a killed server left
    folder.mkdir(parents=True)
    command = [sys.executable, "-m", "devops_lab.practice.running", str(folder.absolute()), str(seed), str(port)]
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/"
        )
    patience = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < patience and process.poll() is None:
        found = status(folder)
        if found is not None:
            return found
        time.sleep(0.05)
    process.kill()
    process.wait()
    said = (folder / LOG).read_text("utf-8", "replace").strip().splitlines()
    shutil.rmtree(folder)
    raise SourceError(f"the practice organisation did not start: {said[-1] if said else 'it said nothing'}")


def status(folder: str | Path = FOLDER) -> Running | None:
    """Return the practice organisation of a folder; None when it is not up: not begun, or killed."""
    try:
        state = json.loads((Path(folder) / STATE).read_text("utf-8"))
    except (OSError, json.JSONDecodeError):
        return None
    answer = _asked(state["url"])
    if answer is None:
        return None
    return Running(state["url"], state["process"], state["seed"], int(answer["total_count"]))


def down(folder: str | Path = FOLDER) -> bool:
    """Stop the practice organisation and take its folder away; say whether it was up.

    Errors: UserError when the folder is no practice organisation's.
    """
    folder = Path(folder)
    if not (folder / STATE).exists():
        if folder.exists():
            raise UserError(f"{folder} is no practice organisation's folder; nothing was touched")
        return False
    running = status(folder)
    if running is not None:
        os.kill(running.process, signal.SIGTERM)
        patience = time.monotonic() + STOP_SECONDS
        while not _ended(running.process) and time.monotonic() < patience:
            time.sleep(0.05)
    shutil.rmtree(folder)
    return running is not None


def _ended(process: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process, os.WNOHANG)  # our own child would stay as a zombie
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def _asked(url: str) -> dict[str, Any] | None:
    try:
        with urllib.request.urlopen(f"{url}/_practice/requests", timeout=5) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except (urllib.error.URLError, OSError, json.JSONDecodeError):
        return None


def _serve(folder: Path, seed: int, port: int) -> None:
    """Be the background process: make the company, serve it, write down where, and end at SIGTERM."""
    from devops_lab.practice.server import serve
    from devops_lab.practice.server.state import Options
    from devops_lab.practice.world import make

    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    organisation = make(seed, until=datetime.now(UTC).replace(tzinfo=None))
    try:
        with serve(organisation, port, Options(limit=PLENTY, anonymous_limit=PLENTY)) as url:
            (folder / SETTINGS).write_text(organisation.lab_toml(url), "utf-8")
            partial = folder / f"{STATE}.partial"
            partial.write_text(json.dumps({"url": url, "process": os.getpid(), "seed": seed}), "utf-8")
            partial.replace(folder / STATE)
            while not stopped and folder.exists():
                time.sleep(0.1)
    except SourceError as problem:
        sys.exit(str(problem))


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
