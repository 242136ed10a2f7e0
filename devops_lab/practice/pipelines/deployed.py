"""What the sample service's pipeline left running: which version answers, on which port, and how it is stopped."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from devops_lab.practice.pipelines.act import end, end_all_at_home, forget_short_way

STAGING, PRODUCTION = "staging", "production"
ENVIRONMENTS = (STAGING, PRODUCTION)
RUNS, DEPLOYED = "runs", "deployed"


def free_ports(number: int) -> list[int]:
    """Return so many ports of this machine that nobody listens at."""
    probes = [socket.socket() for _ in range(number)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def version_at(port: int) -> str | None:
    """Return the version that answers at a port, None where none does."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=3) as answer:
            return str(json.load(answer)["version"])
    except (OSError, urllib.error.URLError, ValueError, KeyError, TypeError):
        return None


def stop_deployed(folder: str | Path) -> int:
    """End every process that the pipelines of a folder left: deployed services, and runs of a server that was killed.

    Only processes whose command line names the folder, or whose home lies in it, are touched.  Returns how many
    services were stopped.
    """
    folder = Path(folder).absolute()
    end_all_at_home(folder / RUNS)
    for home in (folder / RUNS).glob("*/*/home"):
        forget_short_way(home)
    found = []
    for file in sorted((folder / DEPLOYED).glob("*/*.pid")):
        try:
            process = psutil.Process(int(file.read_text("utf-8")))
            if str(folder) in " ".join(process.cmdline()):
                found.append(process)
        except (OSError, ValueError, psutil.Error):
            continue  # it has ended
    end(found)
    end_all_at_home(folder / DEPLOYED)
    return len(found)
