"""What drives the practice server's pipelines: dispatches, runs, and the logs, artifacts and contents they leave."""

import base64
import io
import zipfile

import pytest
import requests
from made_github import NAME, driven_organisation, sha
from test_practice_server import HEADERS, ISSUES, github_of
from test_practice_writes import ACTIONS, DEPLOY, NOW, REPO, driven_github, said

from devops_lab.errors import SourceError
from devops_lab.practice.server.dispatch import chosen
from devops_lab.practice.server.workflow_file import triggers, with_those_that_need_them

pytestmark = pytest.mark.server


@pytest.fixture
def github():
    with driven_github() as server:
        yield server


# ---------------------------------------------------------------------- dispatches


def test_a_dispatch_starts_a_run_with_whole_inputs(github):
    assert github.post(DEPLOY, {"ref": "main", "inputs": {"environment": "staging"}}).status_code == 204
    inputs = {"environment": "staging", "version": "latest", "dry_run": "false", "replicas": "2"}
    assert github.driver.asked == [
        ("dispatch", ".github/workflows/deploy.yml", "refs/heads/main", sha(60), inputs, "student")
    ]
    given = {"environment": "production", "dry_run": True, "replicas": 3}
    for query, body in (({}, {"return_run_details": True}), ({"return_run_details": "true"}, {})):
        answer = github.post(DEPLOY, {"ref": "v1.0.0", "inputs": given, **body}, **query)
        number = answer.json()["workflow_run_id"]
        assert answer.status_code == 200 and answer.json() == {
            "workflow_run_id": number,
            "run_url": f"{github.base}{ACTIONS}/runs/{number}",
            "html_url": f"https://practice.invalid/{NAME}/actions/runs/{number}",
        }
        assert github.ask(answer.json()["run_url"]).json()["status"] == "in_progress"
    asked = github.driver.asked[-1]
    assert asked[2:4] == ("refs/tags/v1.0.0", sha(10)) and asked[4]["dry_run"] == "true" and asked[4]["replicas"] == "3"
    assert len(github.driver.asked) == 3  # a second POST is a second run


@pytest.mark.parametrize(
    ("workflow", "body", "message"),
    [
        ("deploy", {"ref": "nowhere"}, "No ref found for: nowhere"),
        ("deploy", {"ref": sha(60)}, f"No ref found for: {sha(60)}"),
        ("deploy", {"ref": "main"}, "Required input 'environment' not provided"),
        ("deploy", {"ref": "main", "inputs": {"environment": ""}}, "Required input 'environment' not provided"),
        ("deploy", {"ref": "main", "inputs": {"x": "1", "y": "2"}}, 'Unexpected inputs provided: ["x", "y"]'),
        ("deploy", {"ref": "main", "inputs": {"environment": "moon"}},
         "Provided value 'moon' for input 'environment' not in the list of allowed values"),
        ("deploy", {"ref": "main", "inputs": {"environment": "staging", "dry_run": "maybe"}},
         "Provided value 'maybe' for input 'dry_run' is not a boolean"),
        ("deploy", {"ref": "main", "inputs": {"environment": "staging", "replicas": "two"}},
         "Provided value 'two' for input 'replicas' is not a number"),
        ("deploy", {"ref": "main", "inputs": {"environment": None}},
         "Invalid request.\n\nFor 'inputs/environment', nil is not a string."),
        ("deploy", {"ref": "main", "inputs": {f"i{n}": "" for n in range(26)}},
         "Invalid request.\n\nNo more than 25 properties are allowed; 26 were supplied."),
        ("deploy", {}, 'Invalid request.\n\n"ref" wasn\'t supplied.'),
        ("deploy", {"ref": 5}, "Invalid request.\n\nFor 'properties/ref', 5 is not a string."),
        ("deploy", {"ref": "main", "input": {}}, 'Invalid request.\n\n"input" is not a permitted key.'),
        ("deploy", ["main"], "Invalid request.\n\nFor 'links/0/schema', [\"main\"] is not an object."),
        ("push", {"ref": "main"}, "Workflow does not have 'workflow_dispatch' trigger"),
        ("gone", {"ref": "main"}, "Workflow does not have 'workflow_dispatch' trigger"),
        ("off", {"ref": "main"}, "Cannot trigger a 'workflow_dispatch' on a disabled workflow"),
        ("bare", {"ref": "main", "inputs": {"x": "1"}}, 'Unexpected inputs provided: ["x"]'),
    ],
)  # fmt: skip
def test_a_dispatch_that_does_not_fit_is_refused_in_github_s_words(github, workflow, body, message):
    answer = github.post(f"{ACTIONS}/workflows/{workflow}.yml/dispatches", body)
    assert said(answer) == (422, message) and github.driver.asked == []
    assert answer.json()["documentation_url"].startswith("https://docs.github.com")


def test_wrong_types_are_listed_and_what_is_no_json_is_said(github):
    answer = github.post(ISSUES, {"title": [], "labels": "x"})
    assert answer.status_code == 422
    assert [(one["resource"], one["field"], one["code"]) for one in answer.json()["errors"]] == [
        ("Issue", "title", "invalid"), ("Issue", "labels", "invalid"),
    ]  # fmt: skip
    for text in (b"{", b"", b'{"title": NaN}', b'"\\ud800"', b"[" * 100_000, b"\xff"):
        answer = requests.post(github.base + ISSUES, data=text, headers=HEADERS)
        assert said(answer) == (400, "Problems parsing JSON")
    assert "failed to parse workflow" in said(github.post(DEPLOY.replace("deploy", "broken"), {"ref": "main"}))[1]
    assert github.post(DEPLOY.replace("deploy", "none"), {"ref": "main"}).status_code == 404


def test_a_bare_workflow_needs_no_inputs(github):
    assert github.post(DEPLOY.replace("deploy", "bare"), {"ref": "refs/heads/main"}).status_code == 204


def test_triggers_are_text_list_or_mapping():
    assert triggers({True: "push"}) == triggers({"on": ["push"]}) == triggers({True: {"push": None}}) == {"push": None}
    assert triggers({}) == {}
    assert chosen({"a": {"default": False, "type": "boolean"}, "b": {}, "c": {"type": "boolean"}}, {}) == {
        "a": "false", "b": "", "c": "false",
    }  # fmt: skip


def test_a_job_takes_those_that_need_it():
    raw = {
        "jobs": {
            "build": {},
            "test": {"needs": "build", "name": "Test ${{ matrix.x }}"},
            "ship": {"needs": ["test"]},
            "lint": {},
        }
    }
    known = {"build", "Test 1", "Test 2", "ship / to production", "lint"}
    assert with_those_that_need_them(raw, {"Test 1"}, known) == {"Test 1", "ship / to production"}
    assert with_those_that_need_them(raw, {"build"}, known) == known - {"lint"}
    assert with_those_that_need_them({}, {"lint"}, known) == {"lint"}


def test_without_pipelines_a_dispatch_says_what_is_missing():
    with github_of() as server:
        answer = server.ask(DEPLOY, verb="POST", json={"ref": "main"})
        assert answer.status_code == 422 and "devops-lab[practice]" in answer.json()["message"]


def test_what_pipelines_cannot_do_is_said(github, monkeypatch):
    def refused(*asked):
        raise SourceError("act is not there")

    monkeypatch.setattr(github.driver, "dispatch", refused)
    answer = github.post(DEPLOY, {"ref": "main", "inputs": {"environment": "staging"}})
    assert said(answer) == (422, "act is not there")


# ---------------------------------------------------------------------- runs


def test_a_run_is_cancelled_and_run_again(github):
    number = github.post(
        DEPLOY, {"ref": "main", "inputs": {"environment": "staging"}, "return_run_details": True}
    ).json()["workflow_run_id"]
    path = f"{ACTIONS}/runs/{number}"
    for word in ("rerun", "rerun-failed-jobs"):
        assert said(github.post(f"{path}/{word}")) == (403, "This workflow is already running")
    cancelled = github.post(f"{path}/cancel")
    assert (cancelled.status_code, cancelled.json()) == (202, {})
    assert github.ask(path).json()["conclusion"] == "cancelled"
    for word in ("cancel", "force-cancel"):
        assert said(github.post(f"{path}/{word}")) == (409, "Cannot cancel a workflow run that is completed.")
    assert github.post(f"{path}/rerun", {"enable_debug_logging": True}).status_code == 201
    assert github.ask(path).json()["run_attempt"] == 2
    assert github.post(f"{path}/force-cancel").status_code == 202
    assert github.ask(f"{path}/attempts/1").json()["conclusion"] == "cancelled"
    github.driver.end(NAME, number, "success")
    assert github.post(f"{path}/rerun-failed-jobs").status_code == 403
    jobs = {job["name"]: job["id"] for job in github.ask(f"{path}/jobs").json()["jobs"]}
    assert github.post(f"{ACTIONS}/jobs/{jobs['test 3.11']}/rerun").status_code == 201
    assert github.driver.asked[-1] == ("rerun", number, ["deploy", "test 3.11"])
    github.driver.end(NAME, number, "success")
    own = github.objects["jobs"][number]
    github.objects["jobs"][number] = [
        {**job, "conclusion": "failure"} if job["name"] == "build" else job for job in own
    ]
    assert github.post(f"{path}/rerun-failed-jobs").status_code == 201
    assert github.driver.asked[-1] == ("rerun", number, ["build", "deploy", "test 3.11", "test 3.12"])


def test_an_old_run_is_not_run_again(github):
    assert said(github.post(f"{ACTIONS}/runs/5001/rerun"))[1].endswith("it was created over a month ago")
    assert github.post(f"{ACTIONS}/runs/1/cancel").status_code == 404


@pytest.mark.parametrize(("state", "approve"), [("approved", True), ("rejected", False)])
def test_what_waits_for_an_environment_is_reviewed(github, state, approve):
    number = github.objects["runs"][0]["id"]
    path = f"{ACTIONS}/runs/{number}"
    waiting = github.ask(f"{path}/pending_deployments").json()
    assert [one["environment"]["name"] for one in waiting] == ["production"]
    body = {"environment_ids": [80], "state": state, "comment": "Ship it"}
    wrong = github.post(f"{path}/pending_deployments", {**body, "environment_ids": [81]})
    assert said(wrong) == (422, "There are no pending deployment requests to approve or reject")
    assert github.post(f"{path}/pending_deployments", {**body, "state": "maybe"}).status_code == 422
    assert github.post(f"{path}/pending_deployments", body).json() == []
    assert github.driver.asked == [("review", number, [80], approve, "Ship it")]
    assert github.ask(f"{path}/pending_deployments").json() == []
    assert [(one["state"], one["comment"]) for one in github.ask(f"{path}/approvals").json()] == [(state, "Ship it")]
    assert github.post(f"{path}/pending_deployments", body).status_code == 422


# ---------------------------------------------------------------------- logs, artifacts, contents


def test_logs_and_artifacts_lie_elsewhere_for_a_minute(github):
    job = github.objects["jobs"][5001][0]["id"]
    latest = github.objects["runs"][1]["id"]
    log = github.ask(f"{ACTIONS}/jobs/{job}/logs")
    assert log.status_code == 302 and log.content == b""
    text = requests.get(log.headers["Location"])
    assert text.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert text.text == "2026-01-01T00:00:00.0000000Z ##[group]build\n"
    assert requests.get(log.headers["Location"].replace(f"/{job}?", "/1?")).status_code == 403
    for path in (f"runs/{latest}/logs", f"runs/{latest}/attempts/1/logs", "artifacts/1/zip"):
        found = requests.get(github.ask(f"{ACTIONS}/{path}").headers["Location"])
        assert found.headers["Content-Type"] == "application/zip", path
        with zipfile.ZipFile(io.BytesIO(found.content)) as archive:
            assert archive.namelist() == (["report"] if "artifacts" in path else ["0_deploy.txt"])
    assert github.ask(f"{ACTIONS}/artifacts/2/zip").status_code == 410
    assert (
        github.ask(f"{ACTIONS}/artifacts/1/tar").status_code == github.ask(f"{ACTIONS}/artifacts/9").status_code == 404
    )
    older = github.objects["jobs"][5002][0]["id"]
    assert said(github.ask(f"{ACTIONS}/jobs/{older}/logs")) == (410, "Log has expired")
    assert github.ask(f"{ACTIONS}/runs/5002/logs").status_code == 410
    assert github.ask(f"{ACTIONS}/jobs/1/logs").status_code == 404
    assert github.ask(f"{ACTIONS}/runs/{github.objects['runs'][0]['id']}/logs").status_code == 404  # it goes on
    assert github.ask(f"{ACTIONS}/jobs/{job}/logs", {}).status_code == 403
    assert github.ask(f"{ACTIONS}/artifacts/1/zip", {}).status_code == 401
    assert "signature" not in str(github.log())


def test_a_signed_address_ends():
    world, driver = driven_organisation()
    now = [NOW]
    with github_of(world, pipelines=driver, clock=lambda: now[0]) as server:
        address = server.ask(f"{ACTIONS}/artifacts/1/zip").headers["Location"]
        assert requests.get(address).status_code == 200
        now[0] += 61
        assert requests.get(address).status_code == 403


def test_artifacts_are_listed(github):
    number = github.objects["runs"][1]["id"]
    assert [one["id"] for one in github.ask(f"{ACTIONS}/artifacts").json()["artifacts"]] == [2, 1]
    assert github.ask(f"{ACTIONS}/artifacts", name="junit").json()["total_count"] == 1
    listed = github.ask(f"{ACTIONS}/runs/{number}/artifacts", direction="asc").json()
    assert [one["id"] for one in listed["artifacts"]] == [1, 2] and listed["total_count"] == 2
    assert github.ask(f"{ACTIONS}/runs/5002/artifacts").json() == {"total_count": 0, "artifacts": []}


def test_contents(github):
    file = github.ask(f"{REPO}/contents/README.md", ref="v1.0.0").json()
    assert base64.b64decode(file["content"]) == b"# Checkout\n" and file["type"] == "file" and file["size"] == 11
    assert len(file["sha"]) == 40
    raw = github.ask(f"{REPO}/contents/README.md", {**HEADERS, "Accept": "application/vnd.github.raw+json"})
    assert raw.content == b"# Checkout\n" and raw.headers["Content-Type"].startswith("application/vnd.github.raw+json")
    assert [(one["name"], one["type"]) for one in github.ask(f"{REPO}/contents").json()] == [
        (".github", "dir"), ("README.md", "file"),
    ]  # fmt: skip
    assert len(github.ask(f"{REPO}/contents/.github/workflows/").json()) == 4
    for path in ("nothing.md", "../README.md", "README.md?ref=nowhere"):
        assert github.ask(f"{REPO}/contents/{path}").status_code == 404
