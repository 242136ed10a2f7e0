"""The trigger panel in headless Chromium on pipelines that really run, through Voilà and through JupyterLab."""

import json
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import requests
from conftest import skip
from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select
from test_report_in_browser import ARGUMENTS

from devops_lab import sync
from devops_lab.config import load
from devops_lab.practice import pipelines, running
from devops_lab.practice.pipelines.git import Git
from devops_lab.store import Store

pytestmark = [pytest.mark.browser, pytest.mark.server]
NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "21_trigger_panel.ipynb"
HEADERS = {"Authorization": "Bearer any"}
EVIL = "evil/<img-src=x/onerror='window.owned=1'>\u202egpj"
PROBE = '''
"""A test that waits while a file is there, and passes once another is; what it says is not nice."""
import time, unittest
from pathlib import Path

class ProbeTest(unittest.TestCase):
    def test_probe(self):
        print("<script>window.owned = 1</script> \\x1b[31mred\\x1b[0m \\u202eturned", flush=True)
        while Path({hold!r}).exists():
            time.sleep(0.05)
        self.assertTrue(Path({good!r}).exists(), "the file is not there")
'''


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    """A practice organisation with pipelines: a branch whose tests wait for `hold` and fail without `good`."""
    if pipelines.missing():
        skip(str(pipelines.missing()))
    folder = tmp_path_factory.mktemp("panel") / "practice"
    found = running.up(folder, seed=2, parts=("GitHub", "pipelines"))
    hold, good, tree = folder.parent / "hold", folder.parent / "good", folder.parent / "tree"
    Git(folder)("clone", "--quiet", str(folder / "pipelines" / "greeter.git"), str(tree))
    git = Git(tree)
    git("checkout", "--quiet", "-b", "probe")
    (tree / "tests" / "test_probe.py").write_text(PROBE.format(hold=str(hold), good=str(good)))
    git("add", "--all")
    git("-c", "user.name=mika-salo", "-c", "user.email=m@x", "commit", "--quiet", "--message", "Probe")
    git("push", "--quiet", "origin", "probe", f"probe:refs/heads/{EVIL}")
    lab = folder / "lab.toml"
    lab.write_text(lab.read_text("utf-8") + "\n[actions]\nstarter_may_approve = true\n", "utf-8")
    settings = load(lab)
    api = f"{found.url}/repos/{next(one.repository for one in settings.service if one.name == 'greeter')}"
    body = {"ref": "main", "inputs": {"environment": "staging"}}  # the server sees a pushed branch with the next run
    requests.post(f"{api}/actions/workflows/deliver.yml/dispatches", json=body, headers=HEADERS, timeout=10)
    until(lambda: len(runs(api)) == 2 and all(raw["status"] == "completed" for raw in runs(api)))
    (folder / NOTEBOOK.name).write_text(NOTEBOOK.read_text("utf-8"), "utf-8")
    yield SimpleNamespace(folder=folder, hold=hold, good=good, api=api, lab=lab)
    running.down(folder)


def runs(api):
    return requests.get(f"{api}/actions/workflows/deliver.yml/runs", headers=HEADERS, timeout=10).json()[
        "workflow_runs"
    ]


def until(true, seconds=60.0):
    """Ask again until there is an answer; the last one where the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = true()
        if answer:
            return answer
        time.sleep(0.05)
    return true()


@pytest.fixture
def page(chromium, tmp_path):
    """A page of a fresh browser, with words to use the panel."""
    options = Options()
    options.binary_location = chromium
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1280,1000"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    yield Page(driver)
    driver.quit()


class Page:
    """The panel as a person uses it."""

    def __init__(self, driver):
        self.driver = driver

    def script(self, text, *given):
        return self.driver.execute_script(text, *given)

    @property
    def text(self):
        return self.script("return document.querySelector('.lab-panel')?.innerText ?? ''")

    @property
    def said(self):
        return self.script("return document.querySelector('.lab-live')?.innerText ?? ''")

    def shows(self, *words, seconds=60.0):
        until(lambda: all(word in self.text for word in words), seconds)
        text = self.text
        assert all(word in text for word in words), (words, text)

    def _seen(self, selector, words):
        try:
            return next(
                (one for one in self.driver.find_elements(By.CSS_SELECTOR, f".lab-panel {selector}")
                 if one.is_displayed() and words in one.text), None,
            )  # fmt: skip
        except WebDriverException:  # it was drawn anew while it was looked at
            return None

    def button(self, words):
        found = until(lambda: (one := self._seen("button", words)) is not None and one.is_enabled() and one)
        assert found, (words, self.text)
        return found

    def press(self, words):
        self.button(words).click()

    def field(self, label):
        found = until(lambda: self._seen(".lab-field", label))
        assert found, (label, self.text)
        return found

    def choose(self, label, value):
        def chosen():
            select = Select(self.field(label).find_element(By.TAG_NAME, "select"))
            if value not in [one.text for one in select.options]:
                return False
            select.select_by_visible_text(value)
            return True

        assert until(chosen), self.text

    def type(self, label, value):
        box = self.field(label).find_element(By.TAG_NAME, "input")
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(value, Keys.TAB)

    def shot(self, name):
        """Keep a picture where one is wanted, for people to look at."""
        import os

        folder = os.environ.get("LAB_SCREENSHOTS")
        if folder:
            self.driver.save_screenshot(f"{folder}/panel-{name}.png")

    def prepared(self, branch, environment):
        """Choose the greeter's pipeline on a branch, and where to."""
        self.choose("Service", "greeter")
        self.shows("Inputs", "Last runs of deliver.yml")
        self.type("Branch or tag", branch)
        self.shows("Branch at")
        self.choose("environment", environment)

    def start(self, branch="probe", environment="staging"):
        self.prepared(branch, environment)
        self.press("Review and start")
        self.shows("starts deliver.yml of", f"It changes {environment}.")
        if environment == "production":
            self.type("Type production", "production")
        self.press("Start it")
        self.shows("Start another run")


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def serving(command, folder, address):
    process = subprocess.Popen(
        [sys.executable, "-m", *command], cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )

    def answers():
        try:
            return urllib.request.urlopen(address, timeout=2).status == 200
        except OSError:
            return False

    assert until(answers), command
    return process


def ended(process):
    for one in [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]:
        one.terminate()
    process.wait(timeout=20)


@pytest.fixture(scope="module")
def voila(company):
    port = free_port()
    command = ["voila", NOTEBOOK.name, "--no-browser", f"--port={port}", "--Voila.ip=127.0.0.1"]
    process = serving(command, company.folder, f"http://127.0.0.1:{port}/voila/static/voila.js")
    yield SimpleNamespace(url=f"http://127.0.0.1:{port}/", process=process)
    ended(process)


def kill_kernels(process):
    for one in psutil.Process(process.pid).children(recursive=True):
        if "ipykernel_launcher" in " ".join(one.cmdline()):
            one.kill()


def test_the_whole_walk_through_voila(page, voila, company):
    company.hold.touch()
    company.good.touch()
    page.driver.get(voila.url)
    page.choose("Service", "greeter")
    page.shows("Inputs", "Last runs of deliver.yml", "Branch at")
    page.type("Branch or tag", "prob")
    page.shows("No branch or tag prob; 1 like it: probe")
    page.prepared("probe", "staging")
    page.shot("form")
    before = len(runs(company.api))

    # a double click starts one run
    page.press("Review and start")
    page.shows("student starts deliver.yml of", "It changes staging.")
    page.shot("confirm")
    page.script("const one = arguments[0]; one.click(); one.click()", page.button("Start it"))
    page.shows("● Test", "running", "✓ Build", "Cancel the run")
    assert len(runs(company.api)) == before + 1

    # a reload, and a kernel that is killed: back on it without a click
    page.driver.refresh()
    page.shows("Back on run 3 of deliver.yml, started", "● Test")
    kill_kernels(voila.process)
    page.driver.refresh()
    page.shows("Back on run 3 of deliver.yml, started", "● Test")
    page.shot("running")
    company.hold.unlink()
    page.shows("Run 3 of deliver.yml succeeded.", "✓ Deploy", "test-results")
    page.shot("succeeded")

    # stopped
    company.hold.touch()
    page.press("Start another run")
    page.start()
    page.shows("● Test")
    page.press("Cancel the run…")
    page.shows("Jobs that run are stopped where they are.")
    page.press("Cancel the run")
    page.shows("Run 4 of deliver.yml was cancelled.")
    page.shot("cancelled")
    company.hold.unlink()

    # failed; its log read; run again to green
    company.good.unlink()
    page.press("Start another run")
    page.start()
    page.shows("Run 5 of deliver.yml failed: Test.", "✗ Test", "AssertionError", "<script>window.owned = 1</script>")
    assert "\\u202eturned" in page.text and "\x1b" not in page.text
    page.shot("failed")
    company.good.touch()
    page.press("Re-run failed jobs")
    page.shows("Run 5 of deliver.yml succeeded.", "attempt 2")

    # production: its name typed, its deployment approved
    page.press("Start another run")
    page.prepared("probe", "production")
    page.press("Review and start")
    page.type("Type production", "staging")
    page.press("Start it")
    page.shows("staging is not production.")
    page.type("Type production", "production")
    page.press("Start it")
    page.shows("◆ Deploy", "waiting for approval")
    page.press("Approve…")
    page.shows("Approve the deployment to production?")
    page.shot("approval")
    page.type("Type production", "production")
    page.press("Approve")
    page.shows("Run 6 of deliver.yml succeeded.")

    # rolled back; what it changed
    settings = load(company.lab)
    own = settings.model_copy(update={"service": [one for one in settings.service if one.name == "greeter"]})
    sync.sync(Store(settings.store), own)
    page.driver.refresh()
    page.press("Back to run 6 of deliver.yml")
    page.shows("It brought", "to production.", "Probe")
    page.shot("changed")
    page.press("Roll back production…")
    page.shows("Roll greeter back in production?", "Starts deliver.yml on v1.0.1")
    page.shot("rollback")
    page.type("Type production", "production")
    page.press("Roll back")
    page.shows("Run 7 of deliver.yml", "◆ Deploy")
    page.press("Approve…")
    page.type("Type production", "production")
    page.press("Approve")
    page.shows("Run 7 of deliver.yml succeeded.")
    verbs = [
        row["verb"] for row in Store(settings.store, latest=True).rows("select verb from actions order by asked_at")
    ]
    asked = "dispatch dispatch cancel dispatch rerun_failed dispatch approve rollback approve"
    assert verbs == asked.split()


def test_hostile_names_and_inputs_stay_text_and_fit_a_phone(page, voila, company):
    company.good.touch()
    size = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.driver.get(voila.url)
    shown = EVIL.replace("\u202e", "\\u202e")
    page.prepared(shown, "staging")
    page.type("message", "<img src=x onerror=window.owned=1>\u202e")
    page.press("Review and start")
    page.shows("<img src=x onerror=window.owned=1>\\u202e", f"on {shown}")
    page.shot("phone")
    assert page.script("return document.documentElement.scrollWidth") == 390
    page.press("Start it")
    page.shows("succeeded.", shown)
    assert page.script(
        "return [window.owned ?? null, document.querySelectorAll('.lab-panel img, .lab-panel script').length]"
    ) == [None, 0]
    assert page.script("return document.documentElement.scrollWidth") == 390
    assert page.script("return document.querySelector('.lab-live [role=status]').ariaLive") == "polite"
    bare = """return [...document.querySelectorAll('.lab-panel input, .lab-panel select')]
        .filter(one => one.offsetParent)
        .filter(one => !(one.labels?.length && one.labels[0].innerText.trim())).map(one => one.outerHTML)"""
    page.press("Start another run")
    page.shows("Service")
    assert page.script(bare) == []


def test_a_shorter_walk_through_jupyterlab(page, company):
    port, token = free_port(), "t0ken"
    command = ["jupyterlab", "--no-browser", f"--port={port}", f"--IdentityProvider.token={token}", "--allow-root",
               "--ServerApp.ip=127.0.0.1", f"--LabApp.workspaces_dir={company.folder.parent / 'spaces'}"]  # fmt: skip
    process = serving(command, company.folder, f"http://127.0.0.1:{port}/api?token={token}")
    try:
        company.hold.touch()
        company.good.touch()
        page.driver.get(f"http://127.0.0.1:{port}/lab/tree/{NOTEBOOK.name}?token={token}")
        run_all(page)
        page.start()
        page.shows("● Test")
        page.shot("jupyterlab")
        address = f"http://127.0.0.1:{port}/api/kernels?token={token}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            kernel = json.load(answer)[0]["id"]
        again = urllib.request.Request(
            f"http://127.0.0.1:{port}/api/kernels/{kernel}/restart?token={token}", method="POST"
        )
        urllib.request.urlopen(again, timeout=30).close()
        run_all(page)
        page.shows("Back on run", "● Test")
        company.hold.unlink()
        page.shows("of deliver.yml succeeded.")
    finally:
        ended(process)


def run_all(page):
    """Run every cell of the notebook that is open in JupyterLab."""
    opened = """return document.querySelectorAll('.jp-Notebook .jp-CodeCell').length >= 2
        && !document.querySelector('#jupyterlab-splash')"""
    assert until(lambda: page.script(opened))
    for cell in page.driver.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell .jp-InputArea-editor"):
        cell.click()
        cell.find_element(By.CSS_SELECTOR, ".cm-content").send_keys(Keys.SHIFT, Keys.ENTER)
    page.shows("Start")
