"""A shipped notebook that is only opened in JupyterLab, and saved there, is no change for Git."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait
from test_report_in_browser import ARGUMENTS

from devops_lab.reports import saving

pytestmark = [pytest.mark.browser, pytest.mark.server]
ROOT = Path(__file__).parents[2]
NAME = "21_trigger_panel.ipynb"
DIRTY = "return !!document.querySelector('.lm-TabBar-tab.jp-mod-current.jp-mod-dirty')"
PATIENCE = 90


@pytest.fixture
def clone(tmp_path):
    folder = tmp_path / "clone"
    (folder / "notebooks").mkdir(parents=True)
    for name in (".gitignore", "lab.toml", f"notebooks/{NAME}"):
        shutil.copy(ROOT / name, folder / name)
    author = ("-c", "user.name=mona", "-c", "user.email=mona@example.com", "-c", "commit.gpgsign=false")
    for arguments in (("init", "-q"), ("add", "."), (*author, "commit", "-qm", "notebooks")):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    saving.install(folder / "notebooks", tmp_path / "environment")
    return folder


@pytest.fixture
def driver(chromium, tmp_path):
    options = Options()
    options.binary_location = chromium
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path / 'profile'}", "--window-size=1280,1000"):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


@contextmanager
def jupyterlab(clone, folder):
    """JupyterLab in a clone, with the settings that were installed; yields the address before a notebook's path."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    own = {"JUPYTER_CONFIG_PATH": folder / "environment" / "etc" / "jupyter", "JUPYTER_CONFIG_DIR": folder / "person"}
    command = ["-m", "jupyterlab", "--no-browser", f"--port={port}", "--IdentityProvider.token=", "--allow-root",
               "--ServerApp.ip=127.0.0.1", f"--LabApp.workspaces_dir={folder / 'spaces'}"]  # fmt: skip
    environment = {**os.environ, **{name: str(value) for name, value in own.items()}}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=clone, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert until(lambda: answers(f"http://127.0.0.1:{port}/api"))
        yield f"http://127.0.0.1:{port}/lab/tree"
    finally:
        process.send_signal(signal.SIGTERM)  # it ends its kernels
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


def answers(address):
    try:
        return urllib.request.urlopen(address, timeout=2).status == 200
    except OSError:
        return False


def until(true):
    end = time.monotonic() + PATIENCE
    while not (answer := true()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


def saved(driver):
    """Press the keys that save, and say whether all is saved a moment later."""
    ActionChains(driver).key_down(Keys.CONTROL).send_keys("s").key_up(Keys.CONTROL).perform()
    time.sleep(1)
    return not driver.execute_script(DIRTY)


def test_opened_and_saved_it_is_no_change(driver, clone, tmp_path):
    path = clone / "notebooks" / NAME
    before = path.stat().st_mtime_ns
    with jupyterlab(clone, tmp_path) as address:
        driver.get(f"{address}/notebooks/{NAME}")
        # JupyterLab writes the version of Python into what is open, and would save it within two minutes
        WebDriverWait(driver, PATIENCE).until(lambda _: driver.execute_script(DIRTY))
        assert until(lambda: saved(driver) and path.stat().st_mtime_ns > before)
    assert path.read_bytes() == (ROOT / "notebooks" / NAME).read_bytes()
    status = subprocess.run(["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True)
    assert status.stdout == ""
