"""Fixtures that several tests share: the real data, the servers beside it, and a store to fill."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from hypothesis import settings

from devops_lab.store import Store

settings.register_profile("lab", deadline=None)  # no test fails because a machine was busy
settings.load_profile("lab")
REQUIRE_ALL = os.environ.get("LAB_REQUIRE_ALL") == "1"


def skip(reason: str) -> None:
    """Skip the test with its reason; where everything is required (CI), fail instead."""
    if REQUIRE_ALL:
        pytest.fail(f"LAB_REQUIRE_ALL=1, but {reason}")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def lab_data() -> Path:
    """The folder of real data."""
    folder = os.environ.get("LAB_DATA")
    if not folder or not Path(folder, "prometheus-git").is_dir():
        skip("LAB_DATA does not name the folder of the real data")
    return Path(folder).resolve()


@pytest.fixture(scope="session")
def rebuilt_git(lab_data, tmp_path_factory) -> Path:
    """The rebuilt history of prometheus/prometheus: a bare repository of 18,834 commits."""
    destination = tmp_path_factory.mktemp("history") / "prometheus.git"
    tool = lab_data.parent / "tools" / "rebuild_git.py"
    subprocess.run([sys.executable, tool, lab_data / "prometheus-git", destination], check=True, capture_output=True)
    return destination


@pytest.fixture
def replay(lab_data):
    """Start a server that replays recorded GitHub objects: ``replay("--fail-rate", "0.2")`` returns its URL."""
    tool = lab_data.parent / "tools" / "replay_github.py"
    started = []

    def start(*options: str) -> str:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        process = subprocess.Popen(
            [sys.executable, tool, "--port", str(port), *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        started.append(process)
        url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            try:
                urllib.request.urlopen(f"{url}/_stats", timeout=1).close()
                return url
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"the replay server did not start: {process.stdout.read()!r}")

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of headless Chromium."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found or not shutil.which("chromedriver"):
        skip("chromium and chromedriver are not installed (Debian: apt-get install chromium chromium-driver)")
    return found


@pytest.fixture
def store(tmp_path) -> Store:
    """A new store whose handle reads what was written last."""
    return Store(tmp_path / "lab", latest=True)


@pytest.fixture(autouse=True)
def _no_tokens(monkeypatch, tmp_path):
    """No test sees this user's token, key or settings."""
    for name in ("GITHUB_TOKEN", "GH_TOKEN", "DEVOPS_LAB_PRIVACY_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
