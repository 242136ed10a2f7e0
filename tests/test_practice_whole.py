"""The whole practice organisation on one machine: a pipeline goes all the way round, and a bad version is seen.

One test, as a person would do it over HTTP: dispatch, approve, ask the running service, ask Prometheus, break it, see
the alert, and take everything down.
"""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import requests
from conftest import skip

from devops_lab.errors import UserError
from devops_lab.practice import monitoring, pipelines, running
from devops_lab.practice.world import make

pytestmark = pytest.mark.server
HEADERS = {"Authorization": "Bearer any", "Accept": "application/vnd.github+json"}


@pytest.fixture(scope="module")
def practice(tmp_path_factory):
    for problem in (pipelines.missing(), monitoring.missing()):
        if problem is not None:
            skip(problem)
    folder = tmp_path_factory.mktemp("whole") / "my practice"
    steps = []
    found = running.up(folder, seed=2, steps=lambda *step: steps.append(step))
    yield folder, found, steps
    running.down(folder)


def until(true, seconds=60.0):
    """Ask again until there is an answer; the last one where the time is over."""
    patience = time.monotonic() + seconds
    while time.monotonic() < patience:
        answer = true()
        if answer:
            return answer
        time.sleep(0.2)
    return true()


def deliver(api, ref, **inputs):
    """Dispatch the pipeline, approve it, and return the run once it is completed."""
    body = {"ref": ref, "inputs": {"environment": "production", **inputs}, "return_run_details": True}
    begun = requests.post(f"{api}/actions/workflows/deliver.yml/dispatches", json=body, headers=HEADERS, timeout=10)
    assert begun.status_code == 200, begun.text
    run = f"{api}/actions/runs/{begun.json()['workflow_run_id']}"
    waiting = until(lambda: requests.get(f"{run}/pending_deployments", headers=HEADERS, timeout=10).json())
    approval = {
        "environment_ids": [one["environment"]["id"] for one in waiting],
        "state": "approved",
        "comment": "Ship it",
    }
    said = requests.post(f"{run}/pending_deployments", json=approval, headers=HEADERS, timeout=10)
    assert said.status_code == 200, said.text

    def completed():
        raw = requests.get(run, headers=HEADERS, timeout=10).json()
        return raw if raw["status"] == "completed" else None

    return until(completed)


def asked(prometheus, query):
    found = requests.get(f"{prometheus}/api/v1/query", params={"query": query}, timeout=10).json()
    assert found["status"] == "success", found
    return {tuple(sorted(one["metric"].items())): float(one["value"][1]) for one in found["data"]["result"]}


def test_a_change_goes_all_the_way_round_and_a_bad_version_makes_an_alert_fire(practice):
    _, found, _ = practice
    urls = {part.name: part.url for part in found.parts}
    assert set(urls) == {"GitHub", "greeter", "Prometheus", "Alertmanager"}
    api = f"{found.url}/repos/{make(2, until=found.until).name}/greeter"
    before = requests.get(f"{urls['greeter']}/health", timeout=10).json()["version"]

    run = deliver(api, "main")
    assert run["conclusion"] == "success"
    jobs = requests.get(f"{api}/actions/runs/{run['id']}/jobs", headers=HEADERS, timeout=10).json()["jobs"]
    assert [job["conclusion"] for job in jobs] == ["success"] * 4
    began = {job["name"].casefold().split()[0]: job["started_at"] for job in jobs}
    assert [began[name] for name in ("build", "test", "release", "deploy")] == sorted(began.values())
    after = requests.get(f"{urls['greeter']}/health", timeout=10).json()["version"]
    assert after != before
    tags = [one["name"] for one in requests.get(f"{api}/tags", headers=HEADERS, timeout=10).json()]
    assert f"v{after}" in tags
    assert until(lambda: asked(urls["Prometheus"], f'app_info{{job="greeter",version="{after}"}} == 1'))

    assert deliver(api, "bad")["conclusion"] == "success"  # it passes its tests

    def alerts():
        firing = requests.get(f"{urls['Alertmanager']}/api/v2/alerts", timeout=10).json()
        return [one["labels"] for one in firing if one["labels"].get("service") == "greeter"]

    assert "HighErrorRate" in {one["alertname"] for one in until(alerts)}
    assert asked(urls["Prometheus"], 'sum(rate(http_requests_total{job="greeter",code="500"}[30s]))')
    newest = requests.get(f"{api}/deployments?environment=production", headers=HEADERS, timeout=10).json()
    assert len(newest) == 3


def test_a_second_up_and_a_crashed_prometheus_say_the_way_out(practice):
    folder, _, steps = practice
    with pytest.raises(UserError, match=r"is up at .*; `devops-lab practice down` stops it"):
        running.up(folder)
    assert {part for part, state, *_ in steps if state == "done"} == {
        "company", "pipelines", "GitHub", "greeter", "Prometheus",
    }  # fmt: skip
    victim = next(
        process
        for process in psutil.process_iter(["cmdline"])
        if str(folder) in " ".join(process.info["cmdline"] or ()) and "prometheus.yml" in " ".join(process.cmdline())
    )
    victim.kill()
    crashed = until(lambda: [part for part in running.status(folder).parts if part.state == "crashed"], 10)
    assert [part.name for part in crashed] == ["Prometheus"]
    assert "devops-lab practice down" in crashed[0].says
    assert not running.status(folder).well


def test_down_leaves_no_process_port_or_file_even_after_a_kill(practice):
    folder, found, _ = practice
    os.kill(found.process, signal.SIGKILL)
    until(lambda: running.status(folder) is None, 5)
    assert running.was_killed(folder)
    assert not running.down(folder)
    assert not folder.exists()
    left = [one.cmdline() for one in psutil.process_iter() if str(folder) in " ".join(_command(one))]
    assert not left
    for part in found.parts:
        with pytest.raises(requests.ConnectionError):
            requests.get(part.url, timeout=2)


def _command(process):
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_without_act_and_prometheus_the_rest_comes_up_and_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    folder = tmp_path / "practice"
    found = running.up(folder)
    try:
        missing = {part.name: part.says for part in found.parts if part.state == "missing"}
        assert set(missing) == {"pipelines", "Prometheus"}
        assert "apt-get install prometheus" in missing["Prometheus"] or "brew" in missing["Prometheus"]
        settings = (folder / "lab.toml").read_text()
        assert "[prometheus]" not in settings
        assert "greeter" not in settings
        assert found.well
    finally:
        assert running.down(folder)


def test_the_command_marks_answers(tmp_path):
    folder = tmp_path / "practice"
    running.up(folder, parts=("GitHub",))
    try:
        check = [sys.executable, "-m", "devops_lab.cli", "practice", "check", "answers.toml", "--folder", "practice"]
        answers = (folder / "answers.toml").read_text()
        (tmp_path / "answers.toml").write_text(answers)
        said = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert said.returncode == 1
        assert "0 of 10 right" in said.stdout
    finally:
        running.down(folder)
    said = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert said.returncode == 2
    assert "practice up" in said.stderr


def test_the_state_holds_what_rebuilds_the_company(tmp_path):
    folder = Path(tmp_path) / "practice"
    found = running.up(folder, seed=3, parts=("GitHub",))
    try:
        state = json.loads((folder / "running.json").read_text())
        assert (state["seed"], state["until"]) == (3, found.until.isoformat())
        assert make(3, until=found.until).name in (folder / "lab.toml").read_text()
    finally:
        running.down(folder)
