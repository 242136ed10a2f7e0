"""The practice organisation in the background: up, a second up, status, killed, down; nothing is left behind."""

import os
import signal
import socket
import time
import urllib.request

import pytest

from devops_lab.errors import SourceError, UserError
from devops_lab.github_api import GitHubClient
from devops_lab.practice import running

pytestmark = pytest.mark.server


@pytest.fixture
def folder(tmp_path):
    yield tmp_path / "my practice"
    if running.status(tmp_path / "my practice"):
        running.down(tmp_path / "my practice")


def gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    return False


def test_up_answers_as_github_and_down_leaves_nothing(folder):
    found = running.up(folder, seed=3)
    client = GitHubClient(found.url, None)
    settings = (folder / "lab.toml").read_text()
    assert f'url = "{found.url}"' in settings
    name = next(line.split('"')[1] for line in settings.splitlines() if line.startswith("repository"))
    assert client.repository(name)["full_name"] == name
    assert running.status(folder).requests > 0
    with pytest.raises(UserError, match=f"is up at {found.url}"):
        running.up(folder)
    assert running.down(folder)
    assert not folder.exists()
    with pytest.raises(OSError):
        urllib.request.urlopen(found.url, timeout=2)
    assert gone(found.process)
    assert not running.down(folder)


def test_a_killed_server_is_not_up_and_can_be_started_again(folder):
    first = running.up(folder)
    os.kill(first.process, signal.SIGKILL)
    for _ in range(100):
        if running.status(folder) is None:
            break
        time.sleep(0.05)
    assert running.status(folder) is None
    second = running.up(folder)
    assert second.process != first.process
    os.kill(second.process, signal.SIGKILL)
    time.sleep(0.2)
    assert not running.down(folder)
    assert not folder.exists()


def test_a_port_in_use_and_a_folder_of_other_files(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SourceError, match=f"port {port} .* cannot be used"):
            running.up(folder, port=port)
    assert not folder.exists()
    folder.mkdir()
    (folder / "thesis.txt").write_text("mine")
    with pytest.raises(UserError, match="holds other files"):
        running.up(folder)
    with pytest.raises(UserError, match="nothing was touched"):
        running.down(folder)
    assert (folder / "thesis.txt").read_text() == "mine"
