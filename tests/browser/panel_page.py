"""The trigger panel as a person in a browser uses it, and how long that person waits for it."""

import os
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import requests
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from devops_lab.panels import pieces

HEADERS = {"Authorization": "Bearer any"}
WORKFLOW = "deliver.yml"
PATIENCE = 60.0
SIZES = {"wide": (1280, 1000), "dark": (1280, 1000), "phone": (390, 844)}
CLICKED = """
const words = arguments[0], panel = document.querySelector('.lab-panel');
window.labClick = {began: null, took: null};
addEventListener('click', () => { window.labClick.began = performance.now(); }, {capture: true, once: true});
const seen = new MutationObserver(() => {
  if (window.labClick.began === null || !words.some(one => panel.innerText.includes(one))) return;
  seen.disconnect();
  requestAnimationFrame(() => { window.labClick.took = performance.now() - window.labClick.began; });
});
seen.observe(panel, {subtree: true, childList: true, attributes: true, characterData: true});
return words.filter(one => panel.innerText.includes(one));
"""
WATCHED = """
const held = {};
window.labSeen = {};
const look = () => document.querySelectorAll('.lab-node').forEach(one => {
  if (!one.offsetParent) return;
  const first = one.innerText.split('\\n')[0], name = first.slice(2);
  if (held[name] !== first) { held[name] = first; window.labSeen[first] = Date.now() / 1000; }
});
new MutationObserver(look).observe(document.body, {subtree: true, childList: true, characterData: true});
look();
"""


def runs(api):
    answer = requests.get(f"{api}/actions/workflows/{WORKFLOW}/runs", headers=HEADERS, timeout=30)
    return answer.json()["workflow_runs"]


def until(true, seconds=PATIENCE):
    """Ask again until there is an answer; the last one where the time is over."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = true()
        if answer:
            return answer
        time.sleep(0.05)
    return true()


class Had(threading.Thread):
    """When the server had each state of a run's jobs at the earliest: it was asked before, and had another."""

    def __init__(self, api, number):
        super().__init__(daemon=True)
        self.api, self.number = api, number
        self.states, self.first, self.ended = {}, {}, threading.Event()

    def run(self):
        before = None
        while not self.ended.is_set():
            asked = time.time()
            found = next((raw for raw in runs(self.api) if raw["run_number"] == self.number), None)
            if found is not None:
                address = f"{self.api}/actions/runs/{found['id']}/jobs"
                for job in requests.get(address, headers=HEADERS, timeout=30).json()["jobs"]:
                    self._note(job, before)
            before = asked
            self.ended.wait(0.1)

    def _note(self, job, before):
        state = f"{pieces.shape(job['conclusion'] or job['status'])} {job['name']}"
        if self.states.get(job["name"]) != state:
            self.states[job["name"]] = state
            if before is not None:
                self.first[state] = before


class Page:
    """The panel as a person uses it; `clicks` and `delays` are the seconds waited for, each with what was waited for.

    `clicks`: from a click to the first change that tells of it.  `delays`: from when the server has a job's new state
    to when it is on the page.
    """

    def __init__(self, driver):
        self.driver, self.where, self.kind = driver, "voila", "wide"
        self.clicks, self.delays = [], []

    def script(self, text, *given):
        return self.driver.execute_script(text, *given)

    @property
    def text(self):
        return self.script("return document.querySelector('.lab-panel')?.innerText ?? ''")

    def shows(self, *words, seconds=PATIENCE):
        until(lambda: all(word in self.text for word in words), seconds)
        text = self.text
        assert all(word in text for word in words), f"{[word for word in words if word not in text]} not in: {text}"

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

    def press(self, words, *shown):
        """Press a button; where it is told what that shows first (one of `shown`), the time to it is kept."""
        button = self.button(words)
        if not shown:
            button.click()
            return
        there = self.script(CLICKED, shown)
        assert not there, f"{there} was there before {words} was pressed"
        button.click()
        took = until(lambda: self.script("return window.labClick.took"))
        assert took is not None, f"{words} showed none of {shown}: {self.text}"
        self.clicks.append((took / 1000, words))

    def field(self, label):
        found = until(lambda: self._seen(".lab-field", label))
        assert found, (label, self.text)
        return found

    def choose(self, label, value):
        def chosen():
            try:
                select = Select(self.field(label).find_element(By.TAG_NAME, "select"))
                if value not in [one.text for one in select.options]:
                    return False
                select.select_by_visible_text(value)
            except WebDriverException:  # its options were put in anew
                return False
            return True

        assert until(chosen), (label, value, self.text)

    def type(self, label, value):
        box = self.field(label).find_element(By.TAG_NAME, "input")
        box.send_keys(Keys.CONTROL, "a")
        box.send_keys(value, Keys.TAB)

    @contextmanager
    def following(self, api, number):
        """Keep how long each new state of a run's jobs takes from the server to the page."""
        had = Had(api, number)
        had.start()
        self.script(WATCHED)
        try:
            yield
            until(lambda: set(had.states.values()) <= set(self.script("return Object.keys(window.labSeen)")))
        finally:
            had.ended.set()
            had.join()
        seen = self.script("return window.labSeen")
        # what the server has last must be on the page; a state that lasted for an instant may be passed over
        missing = [state for state in had.states.values() if state not in seen]
        assert had.states and not missing, (missing, seen, self.text)
        self.delays += [(seen[state] - at, state) for state, at in had.first.items() if state in seen]

    def shot(self, name):
        """Keep pictures where they are wanted, for people to look at: wide, dark, and as wide as a phone."""
        folder = os.environ.get("LAB_SCREENSHOTS")
        for kind, (_, height) in SIZES.items() if folder else ():
            self.looks(kind)
            time.sleep(0.3)
            parts = "[document.documentElement, document.body, document.querySelector('#rendered_cells')]"
            tall = self.script(f"return Math.max(...{parts}.map(one => one?.scrollHeight ?? 0))")
            self.looks(kind, max(height, min(3000, int(tall))))
            self.driver.save_screenshot(str(Path(folder, f"{self.where}-{name}-{kind}.png")))
        if folder:
            self.looks()

    def looks(self, kind="", height=0):
        """Look at it on a screen that is "wide", "dark" or a "phone"; by default the page's own kind."""
        kind = kind or self.kind
        width, usual = SIZES[kind]
        features = [{"name": "prefers-color-scheme", "value": "dark" if kind == "dark" else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        size = {"width": width, "height": height or usual, "deviceScaleFactor": 1, "mobile": kind == "phone"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    # ------------------------------------------------------------------ what is done with it

    def prepared(self, branch, environment):
        """Choose the greeter's pipeline on a branch, and where to."""
        self.choose("Service", "greeter")
        self.shows("Inputs", f"Last runs of {WORKFLOW}")
        self.type("Branch or tag", branch)
        self.shows("Branch at")
        self.choose("environment", environment)

    def review(self, environment):
        self.press("Review and start", "Checking…", "Look once more, then start it.")
        self.shows("starts deliver.yml of", f"It changes {environment}.")

    def start(self, branch="probe", environment="staging"):
        self.prepared(branch, environment)
        self.review(environment)
        if environment == "production":
            self.type("Type production", "production")
        self.press("Start it", "Starting deliver.yml on")
        self.shows("Start another run")

    def another(self):
        self.press("Start another run", "Choose what to start.")
        self.shows("Inputs")

    def approve(self, shot=""):
        """Approve the deployment to production that waits."""
        self.shows("◆ Deploy", "waiting for approval")
        self.press("Approve…", "Approve the deployment to production?")
        if shot:
            self.shot(shot)
        self.type("Type production", "production")
        self.press("Approve", "Approving…")
