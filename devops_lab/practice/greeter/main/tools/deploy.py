"""Bring a built version to where it runs: stop the old process, start the new one on its port, wait until it is well.

``python tools/deploy.py FILE``, with DEPLOY_TO (a folder), ENVIRONMENT and PORT.  What is live is written down in
DEPLOY_TO/ENVIRONMENT: `greeter.pid`, `live` (file that runs), `previous` (file to go back to).
``python tools/deploy.py --back`` starts `previous` again where the version that should be live does not answer.
"""

# ruff: noqa: T201
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

PATIENCE = 15.0
STOP_SECONDS = 3.0


def place() -> Path:
    """Return the folder of the environment."""
    folder = Path(os.environ["DEPLOY_TO"], os.environ["ENVIRONMENT"])
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def version_of(file: Path) -> str:
    """Return the version in a built file's name."""
    found = re.fullmatch(r"greeter-(.+)\.pyz", file.name)
    return found[1] if found else ""


def running_version(port: int) -> str | None:
    """Return the version that answers at a port."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2) as answer:
            return str(json.load(answer)["version"])
    except (OSError, ValueError, KeyError, urllib.error.URLError):
        return None


def stop(folder: Path, port: int) -> None:
    """Stop the process that runs here, and wait until its port is free."""
    try:
        process = psutil.Process(int((folder / "greeter.pid").read_text()))
        if str(folder) in " ".join(process.cmdline()):
            process.terminate()
            end = time.monotonic() + STOP_SECONDS
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
                time.sleep(0.02)
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                process.kill()
    except (OSError, ValueError, psutil.Error):
        pass  # nothing ran, or it has ended by itself
    end = time.monotonic() + STOP_SECONDS
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return
        time.sleep(0.02)


def start(folder: Path, file: Path, port: int) -> bool:
    """Start a version in a session of its own; return whether it is well before patience ends."""
    with (folder / "greeter.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, str(file), str(port)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder,
            env={"PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder)},
            start_new_session=True,
        )
    (folder / "greeter.pid").write_text(str(process.pid))
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        if running_version(port) == version_of(file):
            return True
        time.sleep(0.05)
    return False


def deploy(built: Path) -> int:
    """Replace what runs by a built version; 1 where it did not come up."""
    folder, port = place(), int(os.environ["PORT"])
    file = folder / built.name
    if built.resolve() != file:
        shutil.copy(built, file)
    live = folder / "live"
    if live.exists():
        (folder / "previous").write_text(live.read_text())
    print(f"{os.environ['ENVIRONMENT']}: {running_version(port) or 'nothing'} -> {version_of(file)} on port {port}")
    stop(folder, port)
    if not start(folder, file, port):
        print(f"::error::version {version_of(file)} did not come up; see {folder / 'greeter.log'}")
        return 1
    live.write_text(file.name)
    print(f"version {version_of(file)} is up")
    return 0


def back() -> int:
    """Start the version before this one again, unless what is live answers."""
    folder, port = place(), int(os.environ["PORT"])
    live = folder / "live"
    if not live.exists():
        stop(folder, port)
        print("there was no version before this one")
        return 0
    file = folder / live.read_text()
    if running_version(port) == version_of(file):
        print(f"version {version_of(file)} is still up")
        return 0
    stop(folder, port)
    print(f"going back to version {version_of(file)}")
    return 0 if start(folder, file, port) else 1


if __name__ == "__main__":
    sys.exit(back() if sys.argv[1] == "--back" else deploy(Path(sys.argv[1])))
