"""``devops-lab run``: what it starts, what it shows, and its exit status."""

import json
import subprocess
import sys
import threading
import time

import pytest
from made_github import NAME, driven_organisation
from test_cli import lab
from test_practice_server import github_of

from devops_lab.cli import run as verb
from devops_lab.store import Store

pytestmark = pytest.mark.server
SERVICE = f'[[service]]\nname = "checkout"\nrepository = "{NAME}"\n'
STAGING = ("-f", "environment=staging")


@pytest.fixture
def company(tmp_path):
    """A folder with a lab.toml of a served organisation whose pipelines can be driven."""
    world, driver = driven_organisation()
    with github_of(world, pipelines=driver) as server:
        text = f'[github]\nurl = "{server.base}"\n[practice]\nuntil = 2026-01-01\n{SERVICE}'
        (tmp_path / "lab.toml").write_text(text, "utf-8")
        driver.folder, driver.objects = tmp_path, world.repositories[NAME].objects
        yield driver


def rows(driver):
    return Store(driver.folder / "lab", latest=True).rows("select * from actions order by asked_at")


def ending(driver, conclusion):
    """End the run that is started next, from another thread."""

    def end():
        while not driver.asked:
            time.sleep(0.02)
        time.sleep(1.2)
        driver.end(NAME, driver.objects["runs"][0]["id"], conclusion)

    threading.Thread(target=end, daemon=True).start()


@pytest.mark.parametrize(("conclusion", "status"), [("success", 0), ("failure", 1), ("cancelled", 1)])
def test_the_exit_status_is_the_conclusion(company, conclusion, status):
    ending(company, conclusion)
    said = lab("run", "deploy.yml", *STAGING, "--watch", cwd=company.folder, status=status)
    number = company.objects["runs"][0]["id"]
    assert said.stdout == f"{number}\n"
    assert f"{conclusion}: " in said.stderr and f"deploy: {conclusion}" in said.stderr
    assert said.stderr.count("● build: in progress") == 1  # what has not changed is not said again
    assert [row["outcome"] for row in rows(company)] == ["done"]


def test_without_watching_it_leaves_at_once(company):
    said = lab("run", "deploy.yml", *STAGING, "--repository", NAME, cwd=company.folder)
    assert said.stdout.strip() == str(company.objects["runs"][0]["id"]) and "is started" in said.stderr


def test_what_is_wrong_is_told_at_once_with_status_2(company):
    said = lab("run", "deploy.yml", "-f", "environment=moon", "-f", "replicas=x", cwd=company.folder, status=2).stderr
    assert "'moon' is none of staging, production" in said and "'x' is no number" in said
    said = lab("run", "deploy.yml", "-f", "environment=production", cwd=company.folder, status=2).stderr
    assert "--confirm production" in said
    assert "key=value" in lab("run", "deploy.yml", "-f", "environment", cwd=company.folder, status=2).stderr
    assert "did you mean deploy.yml" in lab("run", "deplay.yml", cwd=company.folder, status=2).stderr
    assert company.asked == [] and {row["outcome"] for row in rows(company)} == {"refused"}
    lab("run", "deploy.yml", "-f", "environment=production", "--confirm", "production", cwd=company.folder)
    assert json.loads(rows(company)[-1]["inputs"]) == {"environment": "production"}


def test_a_dry_run_says_what_would_be_sent(company):
    said = lab("run", "deploy.yml", *STAGING, "--dry-run", cwd=company.folder).stdout
    assert f"would start .github/workflows/deploy.yml of {NAME} on main as student" in said
    assert "environment = staging" in said and "/dispatches" in said
    assert company.asked == [] and rows(company) == []
    lab("run", "deploy.yml", "--dry-run", cwd=company.folder, status=2)


def test_the_time_may_be_up(company):
    said = lab("run", "deploy.yml", *STAGING, "--watch", "--timeout", "1", cwd=company.folder, status=1).stderr
    assert "not over after 1 s; the run goes on" in said


@pytest.mark.parametrize(("answer", "status"), [("cancel", 1), ("leave", 130), ("watch", 0)])
def test_ctrl_c_asks_whether_to_cancel_to_leave_or_to_watch_on(company, monkeypatch, answer, status):
    real, pressed = verb._shown, []

    def shown(*given):
        if not pressed:
            pressed.append(1)
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(verb, "_shown", shown)
    monkeypatch.setattr(verb, "_asked", lambda: answer)
    if answer == "watch":
        ending(company, "success")
    said = lab("run", "deploy.yml", *STAGING, "--watch", cwd=company.folder, status=status).stderr
    assert ("cancelled: " in said) == (answer == "cancel") == (company.asked[-1][0] == "cancel")
    assert ("goes on without being watched" in said) == (answer == "leave")


def test_a_repository_must_be_named_where_there_are_several(company):
    path = company.folder / "lab.toml"
    path.write_text(path.read_text() + '[[service]]\nname = "b"\nrepository = "acme/b"\n')
    assert f"acme/b, {NAME}" in lab("run", "deploy.yml", cwd=company.folder, status=2).stderr


def test_two_terminals_at_once_start_one_run(company):
    """Two processes know of each other by the store alone."""
    program = [sys.executable, "-c", "from devops_lab.cli import main; main()", "run", "deploy.yml", *STAGING]
    both = [
        subprocess.Popen(program, cwd=company.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=90) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert said[0][0] == said[1][0] and len(company.asked) == 1 and len(rows(company)) == 1
