"""``devops-lab run`` in a real pseudo-terminal, against pipelines that really run."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest
from conftest import skip
from test_practice_server import github_of

from devops_lab.store import Store

pytestmark = pytest.mark.server
PATIENCE = 90.0


class Terminal:
    """A program in a pseudo-terminal of 100 columns: what it shows, what is typed."""

    def __init__(self, folder, *arguments):
        own, theirs = pty.openpty()
        clean = {name: text for name, text in os.environ.items() if name not in ("CI", "NO_COLOR")}
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from devops_lab.cli import main; main()", "run", *arguments],
            cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**clean, "TERM": "xterm-256color", "COLUMNS": "100"},
        )  # fmt: skip
        os.close(theirs)
        self.own, self.text = own, ""

    def until(self, pattern):
        """Read until what is shown matches `pattern`; an empty one: until the program has ended."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if pattern and re.search(pattern, self.text):
                return
            if select.select([self.own], [], [], 0.2)[0]:
                try:
                    self.text += os.read(self.own, 65536).decode("utf-8", "replace")
                except OSError:  # the other end is closed
                    break
        assert not pattern or re.search(pattern, self.text), (pattern, self.text)

    def type(self, text):
        os.write(self.own, text.encode())

    def interrupt(self):
        os.kill(self.process.pid, signal.SIGINT)

    def ended(self):
        """The exit status and all that was shown."""
        self.until("")
        os.close(self.own)
        return self.process.wait(PATIENCE), self.text


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A lab whose organisation has real pipelines; its store knows how long two jobs usually take."""
    from devops_lab.practice import pipelines

    if pipelines.missing():
        skip(str(pipelines.missing()))
    folder = tmp_path_factory.mktemp("terminal")
    with pipelines.Pipelines(folder / "live", "larch", traffic=0, protected=()) as live:
        name = live.repository.full_name
        world = SimpleNamespace(repositories={name: live.repository})
        with github_of(world, pipelines=live) as server:
            service = f'[[service]]\nname = "greeter"\nrepository = "{name}"\n'
            text = f'[github]\nurl = "{server.base}"\n[practice]\nuntil = 2026-01-01\n{service}'
            (folder / "lab.toml").write_text(text, "utf-8")
            store, began = Store(folder / "lab"), datetime(2026, 1, 1)
            run = {"repository": name, "id": 1, "run_attempt": 1, "created_at": began}
            store.write("workflow_runs", [{**run, "path": ".github/workflows/deliver.yml"}], source="github")
            jobs = [
                {"repository": name, "id": place, "run_id": 1, "run_attempt": 1, "name": job, "conclusion": "success",
                 "started_at": began, "completed_at": began + timedelta(seconds=300)}
                for place, job in enumerate(("Build", "Test", "Release", "Deploy"))
            ]  # fmt: skip
            store.write("workflow_jobs", jobs, source="github")
            store.commit_snapshot(began)
            yield SimpleNamespace(folder=folder, live=live, server=server, name=name)


def started(company):
    return [raw for raw in company.live.repository.objects["runs"] if raw["event"] == "workflow_dispatch"]


def test_a_run_is_watched_to_success(company):
    terminal = Terminal(company.folder, "deliver.yml", "-f", "environment=staging", "--watch")
    terminal.until(r"usually 5:00")
    status, text = terminal.ended()
    assert status == 0 and re.search(r"success: http://\S+/actions/runs/\d+", text)
    frames = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert re.search(r"● +\w+ +in progress +0:\d\d +usually 5:00", frames)
    assert re.search(r"about \d+:\d\d left", frames)
    assert re.search(r"✓ +Deploy +success +0:\d\d", frames)


def test_ctrl_c_asks_and_the_run_is_cancelled(company):
    terminal = Terminal(company.folder, "deliver.yml", "-f", "environment=staging", "--watch", "--again")
    terminal.until("in progress")
    terminal.interrupt()
    terminal.until("cancel the run, leave it running, or watch on?")
    terminal.type("cancel\n")
    status, text = terminal.ended()
    assert status == 1 and "asked the server to cancel" in text and "cancelled: http" in text


def test_ctrl_c_leaves_the_run_alone(company):
    before = len(started(company))
    terminal = Terminal(company.folder, "deliver.yml", "-f", "environment=staging", "--watch", "--again")
    terminal.until("in progress")
    terminal.interrupt()
    terminal.until("watch on?")
    terminal.type("leave\n")
    status, text = terminal.ended()
    assert status == 130 and "goes on without being watched" in text and len(started(company)) == before + 1
    end = time.monotonic() + PATIENCE
    while started(company)[0]["status"] != "completed" and time.monotonic() < end:
        time.sleep(0.1)
    assert started(company)[0]["conclusion"] == "success"


def test_a_failure_says_where_and_shows_the_end_of_the_log(company):
    """The version is no version: the first job fails."""
    terminal = Terminal(
        company.folder, "deliver.yml", "-f", "environment=staging", "-f", "version=x\x1b[31my", "--watch"
    )
    status, text = terminal.ended()
    assert status == 1 and "✗ Build failed in the step Choose the version" in text and "failure: http" in text
    assert "##[error]" in text and "x\x1b[31my" not in text


def test_a_dry_run_starts_nothing(company):
    before = len(started(company))
    status, text = Terminal(company.folder, "deliver.yml", "-f", "environment=staging", "--dry-run").ended()
    assert status == 0 and "would start .github/workflows/deliver.yml" in text and len(started(company)) == before
    status, text = Terminal(company.folder, "deliver.yml").ended()
    assert status == 2 and "production: type its name" in text and len(started(company)) == before
