"""Run git on a repository nobody vouches for: no program that its configuration names is ever started, no network.

Pagers, hooks, file-system monitors, signature checkers and external diffs are switched off, missing objects of a
partial clone are not fetched, and variables such as ``GIT_DIR`` (set inside hooks) do not lead to another repository.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from devops_lab.errors import AccessError, LabError, SourceError

SAFE = (
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.pager=cat"),
    *("-c", "core.quotePath=false"),
    *("-c", "diff.external="),
    *("-c", "gc.auto=0"),
    *("-c", "i18n.logOutputEncoding=UTF-8"),
    *("-c", "log.showSignature=false"),
    *("-c", "maintenance.auto=false"),
    "--no-pager",
)
KEPT_VARIABLES = ("GIT_CONFIG", "GIT_EXEC_PATH", "GIT_CEILING_DIRECTORIES", "GIT_DISCOVERY_ACROSS_FILESYSTEM")
CHUNK = 1 << 20


def output(path: Path, *arguments: str, text: bytes = b"", allowed: Sequence[int] = (0,)) -> bytes:
    """Run one git command in `path`, give it `text`, and return all it prints.

    Errors: AccessError when `path` is no repository or may not be read; SourceError when git is missing or fails.
    """
    process = _start(path, arguments, subprocess.PIPE, subprocess.PIPE)
    out, err = process.communicate(text)
    if process.returncode not in allowed:
        raise _error(path, arguments, err)
    return out


def tokens(path: Path, *arguments: str) -> Iterator[bytes]:
    """Run one git command in `path` and yield what it prints, cut at its NULs, while it runs; errors as `output`."""
    with tempfile.TemporaryFile() as said:
        process = _start(path, arguments, subprocess.DEVNULL, said)
        assert process.stdout is not None
        try:
            rest = b""
            while chunk := process.stdout.read(CHUNK):
                *whole, rest = (rest + chunk).split(b"\0")
                yield from whole
            if rest:
                yield rest
            if process.wait():
                said.seek(0)
                raise _error(path, arguments, said.read())
        finally:
            process.stdout.close()
            if process.poll() is None:
                process.kill()
                process.wait()


def _start(path: Path, arguments: Sequence[str], given: int, said: int | IO[bytes]) -> subprocess.Popen[bytes]:
    if not path.is_dir():
        there = "a file" if path.exists() else "not there"
        raise AccessError(f"{path} is {there}; name the folder of a git clone or of a bare repository")
    command = ["git", "-C", str(path), *SAFE, *arguments]
    try:
        return subprocess.Popen(command, stdin=given, stdout=subprocess.PIPE, stderr=said, env=_environment())
    except FileNotFoundError as problem:
        raise SourceError("git is not installed, or not on PATH; install it, e.g. `apt install git`") from problem
    except PermissionError as problem:
        raise AccessError(f"{path} may not be entered by this user; ask its owner to let you read it") from problem


def _environment() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("GIT_") or name.startswith(KEPT_VARIABLES)
    }
    return kept | {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",  # git before 2.45 knows no GIT_NO_LAZY_FETCH; this stops its fetches too
    }


def _error(path: Path, arguments: Sequence[str], said: bytes) -> LabError:
    text = said.decode("utf-8", "replace").strip()
    if "dubious ownership" in text:
        return AccessError(
            f"{path} belongs to another user, and git does not read it; if you trust it: "
            f"git config --global --add safe.directory '{path.resolve()}'"
        )
    if "not a git repository" in text:
        return AccessError(f"{path} is no git repository; name a clone's folder, or make one with `git clone`")
    if "ermission denied" in text:
        return AccessError(f"{path} may not be read by this user: {_shown(text)}")
    if "promisor" in text or "lazy fetch" in text or "transport" in text:
        return SourceError(
            f"{path} is a partial clone and lacks what is needed; nothing is fetched here: make it whole with "
            f"`git -C '{path}' fetch --refetch --no-filter`, or clone it again without --filter"
        )
    return SourceError(f"git {arguments[0]} failed in {path}: {_shown(text)}; `git -C '{path}' fsck` says more")


def _shown(text: str) -> str:
    """Return the first lines of what git said, without passwords that stand in addresses."""
    lines = [line for line in text.splitlines() if not line.startswith(("hint:", "warning:"))] or ["no reason given"]
    return re.sub(r"://[^/@\s]{1,400}@", "://", " / ".join(lines[:3]))[:400]
