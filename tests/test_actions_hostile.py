"""Texts from workflows, branches and servers stay text; the token is in no row, message, repr, log or traceback."""

import logging
import re
import traceback

import pytest
from made_github import FILES, NAME
from test_actions import STAGING, lab, serving

from devops_lab.actions import Actions, RefusedActionError, UnknownOutcomeError
from devops_lab.errors import AccessError, LabError
from devops_lab.github_api.answers import Answer
from devops_lab.practice.server.access import Access
from devops_lab.store import Store

pytestmark = pytest.mark.server
ACTIVE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
EVIL = "\x1b[2J\x1b]0;owned\x07\u202egnp\u2066<img src=x onerror=alert(1)>"
WORKFLOW = rb"""
on:
  workflow_dispatch:
    inputs:
      to: {type: choice, options: ["a\e[2J\u202Eb"], default: "a\e[2J\u202Eb", description: "\e]0;owned\a"}
      count: {type: number}
jobs: {deploy: {runs-on: ubuntu-latest, environment: "stag\e[31ming\u202E", steps: [{run: make}]}}
"""
SECRET = "ghp_" + "a1B2c3D4e5F6" * 3


@pytest.fixture
def there(tmp_path):
    with serving(tmp_path) as found:
        yield found


def test_a_hostile_workflow_and_branch_are_inert_in_plans_and_refusals(there):
    there.objects["files"] = lambda at, path: WORKFLOW if path.endswith("deploy.yml") else FILES.get(path)
    main = there.objects["branches"][0]
    there.objects["branches"] = [main, {**main, "name": f"x{EVIL}"}]
    plan = there.actions.plan(NAME, "deploy.yml", f"x{EVIL}")
    assert plan.problems == [] and plan.inputs == {} and plan.whole == {"to": "a\x1b[2J\u202eb"}
    assert not ACTIVE.search(plan.said()) and "to = ab" in plan.said() and "it may change: staging" in plan.said()
    with pytest.raises(RefusedActionError) as caught:
        there.actions.dispatch(NAME, "deploy.yml", f"x{EVIL}", {"to": EVIL, "count": EVIL, EVIL: "1"})
    assert len(caught.value.problems) == 3 and not ACTIVE.search(str(caught.value))
    assert not ACTIVE.search(there.rows()[-1]["message"])
    run = there.actions.dispatch(NAME, "deploy.yml", f"x{EVIL}", {"to": "a\x1b[2J\u202eb"})  # sent as it is
    assert there.driver.asked[-1][4]["to"] == "a\x1b[2J\u202eb" and run.id == there.objects["runs"][0]["id"]


def test_a_hostile_answer_is_inert(there):
    text = f'{{"message": "no \\u001b[2J\\u202e{"x" * 300}"}}'
    there.actions.server.post = lambda path, body: Answer(422, {}, text)
    with pytest.raises(LabError) as caught:
        there.actions.dispatch(NAME, "deploy.yml", "main", STAGING)
    assert not ACTIVE.search(str(caught.value)) and len(str(caught.value)) < 400


def test_the_token_is_nowhere(tmp_path, monkeypatch, caplog):
    """It is even typed into an input, a ref and a choice by mistake."""
    monkeypatch.setenv("DEVOPS_LAB_ACTIONS_TOKEN", SECRET)
    caplog.set_level(logging.DEBUG)
    told = []

    def failing(*given, kind=LabError, **more):
        with pytest.raises(kind) as caught:
            actions.dispatch(NAME, *given, **more)
        made = traceback.TracebackException.from_exception(caught.value, capture_locals=False)
        told.extend([str(caught.value), repr(caught.value), "".join(made.format())])

    with serving(tmp_path, access={SECRET: Access()}) as there:
        settings = lab(tmp_path, there.server.base).model_copy(update={"practice": None})
        actions = Actions(settings, there.store, sleep=there.waits.append, patience=1)
        given = {**STAGING, "version": f"Bearer {SECRET}"}
        plan = actions.plan(NAME, "deploy.yml", "main", given)
        run = actions.dispatch(NAME, "deploy.yml", "main", given)
        assert there.driver.asked[-1][4]["version"] == f"Bearer {SECRET}"  # what is typed is sent
        told += [plan.said(), repr(plan), repr(actions), repr(run), repr(actions.server), repr(actions.server.client)]
        told += [repr(actions.settings), repr(actions.record), *map(repr, run.jobs())]
        failing("deploy.yml", SECRET, STAGING)
        failing(SECRET)
        failing("deploy.yml", "main", {"environment": SECRET, "replicas": SECRET})
        there.server.control(faults={"drop": 1.0})
        failing("deploy.yml", "main", {**STAGING, "version": "3"})
        there.server.control(faults={})
        real = actions.server.post
        actions.server.post = lambda path, body: Answer(502, text="<title>Unicorn!</title>")
        failing("deploy.yml", "main", {**STAGING, "version": "4"}, kind=UnknownOutcomeError)
        actions.server.post = real
        monkeypatch.setenv("DEVOPS_LAB_ACTIONS_TOKEN", f"{SECRET}Z")
        revoked = Actions(settings, Store(there.store.path), sleep=there.waits.append)
        with pytest.raises(AccessError) as caught:
            revoked.dispatch(NAME, "deploy.yml", "main", {**STAGING, "version": "5"})
        told += [str(caught.value), "".join(traceback.format_exception(caught.value))]
        rows = there.rows()
    assert {row["outcome"] for row in rows} >= {"done", "refused", "unknown"} and len(told) > 15
    for text in (*told, *map(repr, rows), caplog.text):
        assert SECRET not in text and SECRET[4:] not in text
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
