"""Processes: programs that run in a folder of their own with an empty environment, and are found again and stopped.

Each writes ``log`` and leaves ``monitoring-process.json`` (its id) in its folder, so that what a killed parent left
behind can be stopped later; an id that now belongs to another program (whose command line does not name the folder) is
left alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from devops_lab.errors import SourceError

LOG, IDENTITY = "log", "monitoring-process.json"
STOP_SECONDS, START_SECONDS, TRIES = 10.0, 60.0, 5
TAKEN = "address already in use"
COMPLAINT = r"^Error|level=error|\berr="


class Program:
    """A program that runs in `folder`, as the leader of a process group; `command` must name the folder somewhere."""

    def __init__(self, name: str, folder: Path, command: list[str]) -> None:
        self.name, self.folder, self.command = name, folder, command
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / LOG).open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={},
                cwd=folder,
                start_new_session=True,
            )
        (folder / IDENTITY).write_text(json.dumps({"name": name, "process": self.process}), "utf-8")

    @property
    def process(self) -> int:
        """The process' id."""
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def said(self) -> str:
        """Return the last line of the log."""
        return last_line(self.folder / LOG)

    def complained(self) -> str:
        """Return the last line of the log that tells of an error, else the last one."""
        return last_line(self.folder / LOG, COMPLAINT)

    def wait(self) -> int:
        """Wait until the program has ended and return its exit status."""
        return self._process.wait()

    def stop(self) -> None:
        """End the whole process group: it is asked, and killed when it does not listen."""
        if self.ended is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process, signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self.process, signal.SIGKILL)
                self._process.wait()
        (self.folder / IDENTITY).unlink(missing_ok=True)


def start_server(
    name: str, folder: Path, command: Callable[[int], list[str]], ready: Callable[[int], bool]
) -> tuple[Program, int]:
    """Start a server on a free port of this machine; return it and the port once it is `ready`.

    A port that somebody else takes in the meantime is given up for another one.
    Errors: SourceError, with what it complained of last, when it does not start.
    """
    for _ in range(TRIES):
        port = free_port()
        program = Program(name, folder, command(port))
        served = False
        try:
            served = _comes_up(program, port, ready)
        finally:
            if not served:
                program.stop()
        if served:
            return program, port
        if TAKEN not in (folder / LOG).read_text("utf-8", "replace"):
            break
    raise SourceError(f"{name} did not start: {program.complained()}")


def _comes_up(program: Program, port: int, ready: Callable[[int], bool]) -> bool:
    patience = time.monotonic() + START_SECONDS
    while program.ended is None and time.monotonic() < patience:
        if ready(port):
            return program.ended is None
        time.sleep(0.05)
    return False


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def last_line(log: Path, pattern: str = "") -> str:
    """Return the last line of a log, of those that the pattern finds where there are any; or that it is empty."""
    try:
        told = log.read_text("utf-8", "replace").strip().splitlines()
    except FileNotFoundError:
        told = []
    chosen = [line for line in told if re.search(pattern, line)] or told
    return chosen[-1].strip() if chosen else "it said nothing"


def stop_left(folder: Path) -> list[str]:
    """Stop what an earlier run left running in the folders of `folder`; return the names of the programs stopped."""
    stopped, folder = [], folder.absolute()
    for identity in sorted([*folder.glob(f"*/{IDENTITY}"), *folder.glob(f"*/*/{IDENTITY}")]):
        try:
            left = json.loads(identity.read_text("utf-8"))
            process = psutil.Process(int(left["process"]))
            ours = any(f"{identity.parent}{os.sep}" in part for part in process.cmdline())
        except (json.JSONDecodeError, KeyError, psutil.Error):
            ours = False
        if ours:
            _end(process)
            stopped.append(str(left["name"]))
        identity.unlink(missing_ok=True)
    return stopped


def _end(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        if not _gone(process):
            process.kill()
            _gone(process)


def _gone(process: psutil.Process) -> bool:
    """Wait until a process is no more; one that only waits to be noticed by whoever took it over counts as gone."""
    patience = time.monotonic() + STOP_SECONDS
    while time.monotonic() < patience:
        if process.status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False
