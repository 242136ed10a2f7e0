"""The trigger panel without a browser: what it says when something is wrong; nothing is started twice."""

import time
from types import SimpleNamespace

import pytest
from made_github import FILES, NAME, driven_organisation
from test_practice_server import github_of

from devops_lab.actions import watching as watching_runs
from devops_lab.github_api.answers import Answer
from devops_lab.panels import background, doing, timing, trigger_panel
from devops_lab.panels.state import Said, gravest
from devops_lab.practice.server.access import Access
from devops_lab.store import Store

pytestmark = pytest.mark.server
STAGING = {"environment": "staging", "replicas": "2"}


class Shown:
    """A panel on a served organisation, as text and as what can be pressed."""

    def __init__(self, folder):
        self.panel = trigger_panel.TriggerPanel(folder / "lab.toml")

    @property
    def text(self):
        return "\n".join(_texts(self.panel.widget))

    def says(self, *words, seconds=10):
        end = time.monotonic() + seconds
        while not all(word in self.text for word in words) and time.monotonic() < end:
            time.sleep(0.02)
        text = self.text
        assert all(word in text for word in words), f"{[word for word in words if word not in text]} not in: {text}"

    def press(self, words):
        button = next(one for one in _all(self.panel.widget) if words in str(getattr(one, "description", "")))
        assert not button.disabled, self.text
        button.click()

    def fill(self, **inputs):
        self.says("Last runs of")
        workflow = self.panel.starting.choose.workflow.control
        workflow.value = next(one for one in workflow.options if "(deploy.yml)" in one)
        self.says("<h3>Inputs</h3>")
        for name, value in inputs.items():
            self.panel.starting.form.fields[name].control.value = value

    def start(self, **inputs):
        self.fill(**{"environment": "staging", **inputs})
        self.press("Review and start")
        self.says("Look once more, then start it.")
        self.press("Start it")


def _all(widget):
    if widget.layout is not None and widget.layout.display == "none":
        return
    yield widget
    for child in getattr(widget, "children", ()):
        yield from _all(child)


def _texts(widget):
    for one in _all(widget):
        if "lab-style" not in one._dom_classes:
            yield str(one.value) if hasattr(one, "value") else ""
            yield str(getattr(one, "description", ""))


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Make a panel on an organisation that is served; `access` is what its token may do."""
    monkeypatch.setattr(watching_runs, "FASTEST", 0.05)
    served = []

    def make(access=None):
        world, driver = driven_organisation()
        objects = world.repositories[NAME].objects
        files = {**FILES, ".github/workflows/off.yml": b"on: workflow_dispatch\njobs: {}\n"}
        objects["files"] = lambda at, path: files.get(path)
        context = github_of(world, pipelines=driver, **({"tokens": {"practice": access}} if access else {}))
        server = context.__enter__()
        served.append(context)
        (tmp_path / "lab.toml").write_text(
            f'[github]\nurl = "{server.base}"\n[practice]\nuntil = 2026-01-01\n'
            f'[[service]]\nname = "checkout"\nrepository = "{NAME}"\n', "utf-8",
        )  # fmt: skip
        rows = lambda: Store(tmp_path / "lab", latest=True).rows("select * from actions order by asked_at")  # noqa: E731
        return SimpleNamespace(shown=Shown(tmp_path), driver=driver, server=server, objects=objects, rows=rows)

    yield make
    for context in served:
        context.__exit__(None, None, None)


def dispatched(there):
    return [asked for asked in there.driver.asked if asked[0] == "dispatch"]


def test_a_missing_scope_is_said_with_what_is_needed(made):
    there = made(Access(permissions={"actions": "read", "contents": "read", "metadata": "read"}))
    there.shown.start()
    there.shown.says("DEVOPS_LAB_ACTIONS_TOKEN may not do this", "actions=write")
    assert not dispatched(there) and [row["outcome"] for row in there.rows()] == ["failed"]


def test_only_what_can_be_started_is_offered_and_what_is_off_is_named(made):
    there = made()
    there.shown.says("Branch at", "Switched off on GitHub: off.yml.")
    names = " ".join(there.shown.panel.starting.choose.workflow.control.options)
    assert "(deploy.yml)" in names and "push.yml" not in names and "off.yml" not in names


def test_a_branch_that_is_gone_is_said_when_it_is_typed_and_when_it_goes_before_the_start(made):
    there = made()
    there.shown.says("Branch at")
    there.shown.panel.starting.choose.ref.control.value = "gone"
    there.shown.says("No branch or tag gone; none has it in its name")
    there.shown.panel.starting.choose.ref.control.value = "main"
    there.shown.says("Branch at")
    there.shown.fill(environment="staging")
    there.shown.press("Review and start")
    there.shown.says("Look once more, then start it.")
    there.objects["branches"] = []
    there.shown.press("Start it")
    there.shown.says("It was not sent:", "no branch or tag &#39;main&#39;")
    assert not dispatched(there)


def test_an_input_that_does_not_fit_is_said_beside_it(made):
    there = made()
    there.shown.fill(environment="staging", replicas="two")
    there.shown.press("Review and start")
    there.shown.says("1 input does not fit", "&#39;two&#39; is no number")
    assert not there.shown.panel.starting.confirm.open and not there.rows()


def test_a_502_asks_the_person_and_only_the_person_starts_again(made):
    there = made()
    there.shown.says("Branch at")
    server = there.shown.panel.desk.acting.server
    real = server.post

    def late(path, body=None):
        real(path, body)
        return Answer(502, text="<title>Unicorn!</title>")

    server.post = late
    there.shown.start()
    there.shown.says("Nobody knows whether it started; it is not sent again by itself.", "HTTP 502 Unicorn!")
    there.shown.says("It may be one of these:", "I looked: it did not start. Start it again")
    assert len(dispatched(there)) == 1 and [row["outcome"] for row in there.rows()] == ["unknown"]
    there.shown.press("Review and start")  # the same once more is not sent
    there.shown.says("Look once more, then start it.")
    there.shown.press("Start it")
    there.shown.says("is not sent twice")
    assert len(dispatched(there)) == 1
    server.post = real
    there.shown.press("I looked: it did not start.")
    there.shown.says("Start another run", "running")
    assert len(dispatched(there)) == 2


def test_the_network_goes_and_comes_back_and_watching_goes_on(made):
    there = made()
    there.shown.start()
    there.shown.says("● build", "running")
    there.server.control(faults={"fail_rate": 1.0})
    there.shown.panel.run.draw()
    end = time.monotonic() + 20
    while "Not heard for" not in there.shown.text and time.monotonic() < end:
        there.shown.panel.run.draw()  # once a second where there is a kernel
        time.sleep(0.05)
    there.shown.says("Not heard for", "watching goes on", "● build")  # what was known stays
    there.server.control(faults={})
    there.driver.end(NAME, there.objects["runs"][0]["id"])
    there.shown.says("✓ build", "succeeded")
    assert "Not heard for" not in there.shown.text and len(dispatched(there)) == 1


def test_a_run_that_is_deleted_while_it_is_watched_is_said(made):
    there = made()
    there.shown.start()
    there.shown.says("● build")
    there.objects["runs"] = [raw for raw in there.objects["runs"] if raw["id"] != there.objects["runs"][0]["id"]]
    there.shown.says("It is not watched any more", "the run was deleted")
    assert "Cancel the run" not in there.shown.text  # there is nothing left to do with it


def test_what_nobody_foresaw_is_said_and_does_not_stop_the_panel(made, monkeypatch):
    there = made()
    there.shown.fill(environment="staging")
    quiet = []
    monkeypatch.setattr(background.threading, "excepthook", quiet.append)
    monkeypatch.setattr(there.shown.panel.desk, "plan", lambda place, inputs: 1 / 0)
    there.shown.press("Review and start")
    there.shown.says("something failed that was not foreseen", "not sent twice")
    assert [one.exc_type for one in quiet] == [ZeroDivisionError]
    monkeypatch.undo()
    there.shown.press("Review and start")
    there.shown.says("Look once more, then start it.")


def test_a_question_takes_the_place_of_what_was_said_while_it_was_prepared(made):
    there = made()
    there.shown.start()
    there.shown.says("● build")
    there.shown.press("Cancel the run…")
    there.shown.says(doing.LOOK, "Jobs that run are stopped where they are.")
    there.shown.press("Cancel the run")
    there.shown.says("was cancelled")
    assert [asked[0] for asked in there.driver.asked] == ["dispatch", "cancel"]


def test_what_is_started_is_what_was_looked_at(made):
    there = made()
    there.shown.fill(environment="staging", version="1.0.0")
    there.shown.press("Review and start")
    there.shown.says("Look once more, then start it.", "<td>1.0.0</td>")
    there.shown.panel.starting.form.fields["version"].control.value = "2.0.0"  # by keyboard, or late from the browser
    there.shown.says("An input has changed: look once more.")
    assert not there.shown.panel.starting.confirm.open
    there.shown.press("Review and start")
    there.shown.says("<td>2.0.0</td>")
    there.shown.press("Start it")
    there.shown.says("● build")
    assert [asked[4]["version"] for asked in dispatched(there)] == ["2.0.0"]


def test_enter_in_the_name_of_production_is_a_press_though_the_name_comes_after_it(made):
    there = made()
    there.shown.fill(environment="production")
    there.shown.press("Review and start")
    there.shown.says("Type production to go on")
    typed = there.shown.panel.starting.confirm.typed.control
    for name in ("staging", "production"):
        assert not dispatched(there)
        typed._msg_callbacks(typed, {"event": "submit"}, [])  # a front end tells of Enter, and then of the text
        typed.value = name
    there.shown.says("● build")
    assert len(dispatched(there)) == 1


def test_the_line_has_the_colour_of_what_matters_most():
    assert gravest([Said("Build succeeded.", "success"), Said("Deploy waits.", "waiting")]) == "waiting"
    assert gravest([Said("Build succeeded.", "success"), Said("Test began.", "in_progress")]) == "success"
    skipped = watching_runs.Job(1, "a", "completed", "skipped", None, None)
    assert timing.share(skipped, {}, trigger_panel.now()) == 0.0
