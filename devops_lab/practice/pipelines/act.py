"""One `act` process: started with an empty environment in a session of its own, read line by line, stopped for good.

`act` (nektos/act) runs GitHub's workflow files on this machine; here without Docker, in host mode.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from devops_lab.errors import SourceError, UserError
from devops_lab.practice.pipelines.git import QUIET

Json = dict[str, Any]
ACTIONS = Path(__file__).parent / "actions"
REPLACED = (
    ("actions/checkout@v4", "checkout"),
    ("actions/upload-artifact@v4", "upload-artifact"),
    ("actions/download-artifact@v4", "download-artifact"),
    ("softprops/action-gh-release@v2", "action-gh-release"),
)
SYSTEM = ("/usr/local/bin", "/usr/bin", "/bin")
JOBS_AT_ONCE = "8"
STOP_SECONDS = 4.0


def program() -> str | None:
    """Return where `act` is: beside this Python, else on the search path."""
    beside = Path(sys.executable).parent / "act"
    return str(beside) if beside.is_file() else shutil.which("act")


def missing() -> str | None:
    """Return why pipelines cannot run on this machine, with the way out; None where they can."""
    if os.name == "nt":
        return "pipelines need bash and process groups; on Windows use WSL (https://aka.ms/wsl)"
    if program() is None or importlib.util.find_spec("xmlrunner") is None:
        lacking = "act" if program() is None else "unittest-xml-reporting"
        return f"pipelines need {lacking}, which is not installed: pip install 'devops-lab[practice]'"
    for name in ("git", "bash"):
        if shutil.which(name) is None:
            return f"pipelines need {name}, which is not installed: install it with your system's packages"
    return None


def short_way(home: Path) -> Path:
    """Return a way to a home without blanks, which act cannot bear in the paths of its scripts: itself, or a link."""
    if not any(letter.isspace() or letter in "'\"\\" for letter in str(home)):
        return home
    digest = hashlib.sha256(str(home).encode()).hexdigest()
    return Path(tempfile.gettempdir(), f"lab-act-{digest[:16]}")


def forget_short_way(home: Path) -> None:
    """Take the link to a home away where there is one."""
    way = short_way(home)
    if way != home and way.is_symlink() and way.readlink() == home:
        way.unlink()


def bin_folder(folder: Path) -> Path:
    """Return a folder with `python`: this very Python, whatever it is called here."""
    made = folder / "bin"
    made.mkdir(parents=True, exist_ok=True)
    wrapper = made / "python"
    quoted = sys.executable.replace("'", "'\\''")
    wrapper.write_text(f"#!/bin/sh\nexec '{quoted}' \"$@\"\n", "utf-8")
    wrapper.chmod(0o755)
    return made


class Act:
    """One attempt's `act`, in the attempt's `folder`: work (the work copy), home, workflow.yml, event.json."""

    def __init__(self, folder: Path, tools: Path) -> None:
        self.folder, self.tools, self.home = folder, tools, folder / "home"
        self.process: subprocess.Popen[str] | None = None

    def environment(self) -> dict[str, str]:
        """Return all that the jobs can see: where programs are, and a home of their own."""
        found = [str(Path(path).parent) for name in ("git", "bash") if (path := shutil.which(name))]
        path = os.pathsep.join(dict.fromkeys([str(self.tools), *SYSTEM, *found]))
        cache = str(self.home / "cache")
        return {"PATH": path, "HOME": str(self.home), "XDG_CACHE_HOME": cache, "PYTHONDONTWRITEBYTECODE": "1", **QUIET}

    def start(self, actor: str, said: Mapping[str, str], variables: Mapping[str, str]) -> None:
        """Start; `said` are what the jobs' environment has, `variables` the repository's ``vars``.

        Errors: UserError where act is not installed, SourceError where it does not start.
        """
        found = program()
        if found is None:
            raise UserError(str(missing()))
        self.home.mkdir(parents=True, exist_ok=True)
        forget_short_way(self.home)
        way = short_way(self.home)
        command = [found, "workflow_dispatch", "-C", str(self.folder / "work"), "-W", str(self.folder / "workflow.yml")]
        command += ["-P", "ubuntu-latest=-self-hosted", "--json", "--no-cache-server", "--pull=false"]
        command += ["--action-cache-path", str(way / "cache")]
        command += ["--concurrent-jobs", JOBS_AT_ONCE, "--actor", actor, "-e", str(self.folder / "event.json")]
        own = {"LAB_ACTIONS": str(ACTIONS), "LAB_ARTIFACTS": str(self.folder / "artifacts")}
        own["LAB_RELEASES"] = str(self.folder / "releases")
        command += _options("--env", {**said, **own}) + _options("--var", variables)
        command += _options("--local-repository", {name: str(ACTIONS / folder) for name, folder in REPLACED})
        try:
            if way != self.home:
                way.symlink_to(self.home)
            self.process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                encoding="utf-8",
                errors="replace",
            )
        except OSError as problem:
            raise SourceError(f"act did not start: {problem}") from None

    def events(self) -> Iterator[Json]:
        """Yield what act says, one object a line; a line that is none is one with "msg" alone."""
        assert self.process is not None and self.process.stdout is not None
        for line in self.process.stdout:
            try:
                found = json.loads(line)
            except json.JSONDecodeError:
                found = {"msg": line.rstrip("\n")}
            yield found if isinstance(found, dict) else {"msg": line.rstrip("\n")}
        self.process.wait()

    def interrupt(self) -> None:
        """Ask act to cancel: it ends the steps that run, and runs those that are for this case."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """End act and every process its steps left behind."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        end_all_at_home(self.home)
        forget_short_way(self.home)


def _options(name: str, values: Mapping[str, str]) -> list[str]:
    return [word for key, value in values.items() for word in (name, f"{key}={value}")]


def end_all_at_home(home: Path) -> None:
    """Kill the processes of this user whose HOME lies in a folder."""
    inside = []
    for process in psutil.process_iter():
        try:
            own = process.environ().get("HOME", "")
        except (psutil.Error, OSError):
            continue
        if own and Path(own).is_relative_to(home):
            inside.append(process)
    end(inside, 0)


def end(processes: Sequence[psutil.Process], patience: float = STOP_SECONDS) -> None:
    """Stop processes: ask, wait for `patience` seconds, then kill."""
    for process in processes:
        _sent(process, signal.SIGTERM if patience else signal.SIGKILL)
    until = time.monotonic() + patience
    while any(_lives(process) for process in processes) and time.monotonic() < until:
        time.sleep(0.02)
    for process in processes:
        if _lives(process):
            _sent(process, signal.SIGKILL)
    until = time.monotonic() + STOP_SECONDS
    while any(_lives(process) for process in processes) and time.monotonic() < until:
        time.sleep(0.02)


def _sent(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return  # it has ended


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
