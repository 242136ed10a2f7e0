"""Pipelines that really run: build, test, release, deploy; reviewed, cancelled, run again; and nothing left behind."""

import io
import itertools
import json
import os
import re
import time
import urllib.error
import urllib.request
import zipfile
from datetime import datetime, timedelta
from pathlib import Path

import psutil
import pytest
from conftest import skip
from jsonschema import Draft202012Validator
from test_practice_openapi import schemas

from devops_lab.errors import UserError
from devops_lab.practice import pipelines
from devops_lab.practice.pipelines import Pipelines, stop_deployed
from devops_lab.practice.pipelines import act as acting
from devops_lab.practice.pipelines.git import Git
from devops_lab.practice.pipelines.workflow import parsed, prepared, read
from devops_lab.practice.world.company import people
from devops_lab.practice.world.objects import user

pytestmark = pytest.mark.server
ACTOR = user(people()["bo-lind"])
LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z (.*)")
PROBE = '''
"""A test that says what it sees, waits while a file is there, and passes once another is."""
import os, time, unittest
from pathlib import Path

class ProbeTest(unittest.TestCase):
    def test_probe(self):
        print("variables", sorted(os.environ), flush=True)
        while Path({hold!r}).exists():
            time.sleep(0.05)
        self.assertTrue(Path({good!r}).exists())
'''


class Bench:
    """Live pipelines, and words to ask them with."""

    def __init__(self, folder: Path, **options) -> None:
        if pipelines.missing():
            skip(str(pipelines.missing()))
        self.folder = folder
        self.hold, self.good = folder.parent / "hold", folder.parent / "good"
        self.pipelines = Pipelines(folder, "larch", **{"traffic": 0, **options})
        self.objects = self.pipelines.repository.objects
        self.name = self.pipelines.repository.full_name

    def sha(self, branch):
        return next(raw["commit"]["sha"] for raw in self.objects["branches"] if raw["name"] == branch)

    def dispatch(self, environment="staging", version="", branch="main"):
        workflow = next(raw for raw in self.objects["workflows"] if raw["path"].endswith("deliver.yml"))
        inputs = {"environment": environment, "version": version, "message": "News."}
        return self.pipelines.dispatch(self.name, workflow, f"refs/heads/{branch}", self.sha(branch), inputs, ACTOR)

    def run(self, number):
        return next(raw for raw in self.objects["runs"] if raw["id"] == number)

    def jobs(self, number, attempt=None):
        attempt = attempt or self.run(number)["run_attempt"]
        return {raw["name"]: raw for raw in self.objects["jobs"][number] if raw["run_attempt"] == attempt}

    def conclusions(self, number):
        return {name: raw["conclusion"] for name, raw in self.jobs(number).items()}

    def until(self, what, seconds=40.0):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = what()
            if found:
                return found
            time.sleep(0.02)
        raise AssertionError(
            f"not within {seconds} s: {[(r['status'], r['conclusion']) for r in self.objects['runs']]}"
        )

    def ended(self, number):
        self.until(lambda: self.run(number)["status"] == "completed")
        return self.run(number)["conclusion"]

    def log(self, job):
        return [LINE.fullmatch(line)[1] for line in Path(self.objects["logs"][job["id"]]).read_text().splitlines()]

    def states(self, environment):
        """The states of each deployment of an environment, the newest deployment first, each state in its order."""
        return [
            [status["state"] for status in reversed(self.objects["deployment_statuses"][raw["id"]])]
            for raw in self.objects["deployments"]
            if raw["environment"] == environment
        ]

    def probe(self):
        """Push a branch with a test that waits and may fail; it waits while `hold` is there, fails without `good`."""
        tree = self.folder.parent / "tree"
        Git(self.folder)("clone", "--quiet", str(self.folder / "greeter.git"), str(tree))
        git = Git(tree)
        git("checkout", "--quiet", "-b", "probe")
        (tree / "tests" / "test_probe.py").write_text(PROBE.format(hold=str(self.hold), good=str(self.good)))
        git("add", "--all")
        git("-c", "user.name=mika-salo", "-c", "user.email=m@x", "commit", "--quiet", "--message", "Probe")
        git("push", "--quiet", "origin", "probe")
        self.pipelines.repository.refresh()

    def get(self, path, environment="staging"):
        address = f"http://127.0.0.1:{self.pipelines.port(environment)}{path}"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode()


def processes_of(folder):
    """The processes that name the folder in their command line or live in it."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join([*process.cmdline(), process.environ().get("HOME", "")])
            if str(folder) in words and process.pid != os.getpid() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(words)
        except (psutil.Error, OSError):
            continue
    return found


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "my live")
    yield made
    made.pipelines.close()
    assert not processes_of(made.folder)


def test_the_repository_is_a_real_one_with_a_history(bench):
    objects = bench.objects
    assert [raw["name"] for raw in objects["branches"]] == ["bad", "main"]
    assert [raw["name"] for raw in objects["tags"]] == ["v1.0.0"]
    assert {raw["commit"]["author"]["name"] for raw in objects["commits"]} <= set(people())
    counted = Git(bench.folder / "greeter.git")("rev-list", "--count", "main").strip()
    assert len(objects["commits"]) == int(counted) + 1  # the one of branch bad
    files = objects["files"]
    assert files(bench.sha("main"), "") == [*(".github", "README.md", "__main__.py", "greeter", "tests", "tools")]
    assert b"# greeter" in files(bench.sha("main"), "README.md")
    assert files(bench.sha("main"), "nowhere") is None and files("--help", "README.md") is None
    assert files(bench.sha("bad"), "greeter/phrases.py") != files(bench.sha("main"), "greeter/phrases.py")
    assert {raw["path"].rsplit("/")[-1] for raw in objects["workflows"]} == {"ci.yml", "deliver.yml"}
    protected = {raw["name"]: [one["type"] for one in raw["protection_rules"]] for raw in objects["environments"]}
    assert protected == {"production": ["required_reviewers"], "staging": []}


def test_a_version_is_built_tested_released_and_deployed_and_the_next_one_replaces_it(bench):
    number = bench.dispatch()
    assert bench.ended(number) == "success"
    assert list(bench.jobs(number)) == ["Build", "Test", "Release", "Deploy"]
    assert bench.pipelines.version("staging") == "1.0.1" and bench.pipelines.version("production") is None
    assert {raw["name"] for raw in bench.objects["tags"]} == {"v1.0.0", "v1.0.1"}
    release = bench.objects["releases"][0]
    assert (release["tag_name"], release["body"], release["author"]["login"]) == ("v1.0.1", "News.", "bo-lind")
    assert bench.states("staging") == [["queued", "in_progress", "success"]]
    assert bench.get("/?name=A%3Cb%3E") == (200, "<!doctype html><title>greeter</title><p>Hello, A&lt;b&gt;!</p>\n")

    kept = {raw["name"]: raw for raw in bench.objects["artifacts"][number]}
    assert set(kept) == {"greeter", "test-results"}
    results = bench.objects["artifact_files"][kept["test-results"]["id"]].read_bytes()
    assert len(results) == kept["test-results"]["size_in_bytes"]
    with zipfile.ZipFile(io.BytesIO(results)) as packed:
        assert b'tests="4"' in packed.read("results.xml") or b"<testcase" in packed.read("results.xml")

    second = bench.dispatch(version="1.2.0")
    assert bench.ended(second) == "success"
    assert bench.pipelines.version("staging") == "1.2.0"
    assert "v1.2.0" in {raw["name"] for raw in bench.objects["tags"]}
    assert bench.states("staging")[1] == ["queued", "in_progress", "success", "inactive"]
    assert len([words for words in processes_of(bench.folder) if ".pyz" in words]) == 1
    assert [bench.run(one)["run_number"] for one in (number, second)] == [1, 2]


def test_steps_and_jobs_tell_of_their_times_in_order(bench):
    number = bench.dispatch()
    bench.ended(number)
    jobs = list(bench.jobs(number).values())
    for job in jobs:
        times = [job["created_at"], job["started_at"], *(step["started_at"] for step in job["steps"])]
        assert times == sorted(times) and job["completed_at"] >= times[-1]
        assert [step["number"] for step in job["steps"]] == list(range(1, len(job["steps"]) + 1))
        assert job["steps"][0]["name"] == "Set up job" and job["steps"][-1]["name"] == "Complete job"
    assert all(before["completed_at"] <= after["created_at"] for before, after in itertools.pairwise(jobs))
    steps = {step["name"]: step["conclusion"] for step in jobs[-1]["steps"]}
    assert steps["Bring it up"] == "success" and steps["Put the old version back"] == "skipped"


def test_the_metrics_are_those_of_the_contract(bench):
    bench.ended(bench.dispatch())
    bench.get("/?name=Ada")
    bench.get("/nowhere")
    text = bench.get("/metrics")[1]
    names = {line.split()[0].split("{")[0] for line in text.splitlines() if not line.startswith("#")}
    assert names == {
        "http_requests_total",
        "http_request_duration_seconds_bucket",
        "http_request_duration_seconds_count",
        "http_request_duration_seconds_sum",
        "process_cpu_seconds_total",
        "process_resident_memory_bytes",
        "container_spec_cpu_cores",
        "container_spec_memory_limit_bytes",
        "container_restarts_total",
        "log_lines_total",
        "app_info",
    }
    assert re.findall(r'_bucket\{le="([^"]+)"', text) == ["0.05", "0.1", "0.25", "0.5", "1.0", "2.5", "+Inf"]
    for line in ('http_requests_total{code="200"} 1.0', 'http_requests_total{code="404"} 1.0', 'version="1.0.1"} 1.0'):
        assert line in text


def test_production_waits_until_it_is_approved(bench):
    number = bench.dispatch("production")
    waiting = bench.until(lambda: bench.objects["pending_deployments"].get(number))
    assert [raw["environment"]["name"] for raw in waiting] == ["production"]
    assert bench.run(number)["status"] == "waiting" and bench.jobs(number)["Deploy"]["status"] == "waiting"
    time.sleep(0.5)
    assert bench.pipelines.version("production") is None and bench.states("production") == [["pending"]]
    bench.pipelines.review(bench.name, number, [waiting[0]["environment"]["id"]], True, "Ship it!", ACTOR)
    assert bench.ended(number) == "success"
    assert bench.pipelines.version("production") == "1.0.1"
    assert bench.objects["pending_deployments"][number] == []
    approval = bench.objects["approvals"][number][0]
    assert (approval["state"], approval["comment"], approval["user"]["login"]) == ("approved", "Ship it!", "bo-lind")
    assert bench.states("production") == [["pending", "queued", "in_progress", "success"]]
    with pytest.raises(UserError, match="no deployment that waits"):
        bench.pipelines.review(bench.name, number, [waiting[0]["environment"]["id"]], True, "", ACTOR)


def test_what_a_client_wrote_through_the_server_stays(bench):
    own = {"id": 5, "environment": "preview", "created_at": "2026-01-01T00:00:00Z"}
    bench.objects["deployments"] = [own, *bench.objects["deployments"]]
    bench.objects["deployment_statuses"] = {5: [{"id": 6, "state": "queued"}]}
    assert bench.ended(bench.dispatch()) == "success"
    assert own in bench.objects["deployments"] and bench.objects["deployment_statuses"][5][0]["id"] == 6
    assert bench.states("staging") == [["queued", "in_progress", "success"]]


def test_a_rejected_deployment_fails_and_a_new_attempt_asks_again(bench):
    number = bench.dispatch("production")
    place = bench.until(lambda: bench.objects["pending_deployments"].get(number))[0]["environment"]["id"]
    bench.pipelines.review(bench.name, number, [place], False, "Not today.", ACTOR)
    assert bench.ended(number) == "failure"
    assert bench.conclusions(number) == {
        "Build": "success",
        "Test": "success",
        "Release": "success",
        "Deploy": "failure",
    }
    assert bench.states("production") == [["pending", "failure"]] and bench.pipelines.version("production") is None
    bench.pipelines.rerun(bench.name, number, ACTOR, ["Deploy"])
    bench.until(lambda: bench.objects["pending_deployments"].get(number))
    bench.pipelines.review(bench.name, number, [place], True, "Today.", ACTOR)
    assert bench.ended(number) == "success" and bench.pipelines.version("production") == "1.0.1"
    assert [raw["state"] for raw in bench.objects["approvals"][number]] == ["rejected", "approved"]


def test_a_log_is_read_while_its_job_runs_and_holds_no_secret(bench, monkeypatch):
    monkeypatch.setenv("MY_SECRET", "hunter2")
    bench.hold.touch()
    bench.good.touch()
    bench.probe()
    number = bench.dispatch(branch="probe")
    line = bench.until(
        lambda: [
            line
            for job in bench.jobs(number).values()
            if job["name"] == "Test" and job["id"] in bench.objects["logs"]
            for line in bench.log(job)
            if line.startswith("variables")
        ]
    )[0]
    job = bench.jobs(number)["Test"]
    assert job["status"] == "in_progress" and bench.run(number)["status"] == "in_progress"
    assert [step["status"] for step in job["steps"]] == ["completed", "completed", "in_progress", "queued"]
    assert "MY_SECRET" not in line and "GITHUB_TOKEN" not in line and "'PATH'" in line
    assert str(bench.folder) in next(words for words in processes_of(bench.folder) if "xmlrunner" in words)
    bench.hold.unlink()
    assert bench.ended(number) == "success"
    assert "##[group]Run the tests" in bench.log(job)


def test_cancel_ends_a_run_and_its_processes(bench):
    bench.hold.touch()
    bench.probe()
    number = bench.dispatch(branch="probe")
    later = bench.dispatch()
    bench.until(lambda: any("xmlrunner" in words for words in processes_of(bench.folder)))
    assert bench.run(later)["status"] == "pending"  # of the same concurrency group
    bench.pipelines.cancel(bench.name, later)
    assert bench.ended(later) == "cancelled" and bench.objects["jobs"][later] == []
    bench.pipelines.cancel(bench.name, number)
    assert bench.ended(number) == "cancelled"
    assert bench.conclusions(number) == {
        "Build": "success",
        "Test": "cancelled",
        "Release": "skipped",
        "Deploy": "skipped",
    }
    steps = {step["name"]: step["conclusion"] for step in bench.jobs(number)["Test"]["steps"]}
    assert steps["Run the tests"] == "cancelled"
    assert not processes_of(bench.folder)
    assert bench.objects["deployments"] == [] and bench.pipelines.version("staging") is None
    with pytest.raises(UserError, match="has ended"):
        bench.pipelines.cancel(bench.name, number)


def test_failed_jobs_run_again_and_the_green_ones_keep_their_results(bench):
    bench.probe()
    number = bench.dispatch(branch="probe")
    assert bench.ended(number) == "failure"
    assert bench.conclusions(number) == {
        "Build": "success",
        "Test": "failure",
        "Release": "skipped",
        "Deploy": "skipped",
    }
    assert any(
        line.startswith("##[error]Process completed with exit code") for line in bench.log(bench.jobs(number)["Test"])
    )
    assert bench.pipelines.version("staging") is None
    first, old = bench.run(number), bench.jobs(number)["Build"]
    time.sleep(1.1)  # so that times differ
    bench.good.touch()
    bench.pipelines.rerun(bench.name, number, user(people()["lea-dubois"]), ["Test"])
    assert bench.ended(number) == "success"
    second, build = bench.run(number), bench.jobs(number)["Build"]
    assert (second["run_attempt"], second["triggering_actor"]["login"]) == (2, "lea-dubois")
    assert second["created_at"] == first["created_at"] and second["run_started_at"] > first["run_started_at"]
    assert build["id"] != old["id"] and build["completed_at"] == old["completed_at"]
    assert bench.jobs(number)["Test"]["started_at"] >= second["run_started_at"]
    assert bench.objects["attempts"][number, 1]["conclusion"] == "failure"
    assert bench.conclusions(number) == dict.fromkeys(("Build", "Test", "Release", "Deploy"), "success")
    assert bench.pipelines.version("staging") == "1.0.1"  # from the first attempt's artifact and output


def test_a_bad_version_passes_its_tests_and_fails_its_visitors(tmp_path):
    bench = Bench(tmp_path / "live", traffic=20.0)
    try:
        assert bench.ended(bench.dispatch()) == "success"
        assert bench.ended(bench.dispatch(branch="bad")) == "success"
        assert bench.pipelines.version("staging") == "1.0.2"

        def counted(code):
            return float(re.search(rf'http_requests_total{{code="{code}"}} (\S+)', bench.get("/metrics")[1])[1])

        bench.until(lambda: counted("500") >= 6)
        share = counted("500") / (counted("500") + counted("200"))
        assert 0.15 < share < 0.45
        slow = re.search(r'_bucket{le="1.0"} (\S+)', bench.get("/metrics")[1])
        every = re.search(r'_bucket{le="\+Inf"} (\S+)', bench.get("/metrics")[1])
        assert float(every[1]) - float(slow[1]) >= 6
        assert float(re.search(r'log_lines_total{level="error"} (\S+)', bench.get("/metrics")[1])[1]) >= 6
    finally:
        bench.pipelines.close()
    assert not processes_of(bench.folder)


def test_close_in_the_middle_leaves_no_process(tmp_path):
    bench = Bench(tmp_path / "live", protected=())
    assert bench.ended(bench.dispatch("production")) == "success"
    bench.hold.touch()
    bench.probe()
    number = bench.dispatch(branch="probe")
    bench.until(lambda: any("xmlrunner" in words for words in processes_of(bench.folder)))
    bench.pipelines.close()
    assert bench.run(number)["conclusion"] == "cancelled"
    assert not processes_of(bench.folder) and bench.pipelines.version("production") is None


def test_another_process_stops_what_a_killed_server_left(tmp_path):
    bench = Bench(tmp_path / "live", protected=())
    bench.ended(bench.dispatch())
    assert len(processes_of(bench.folder)) == 1
    stranger = tmp_path / "live" / "deployed" / "other"
    stranger.mkdir()
    (stranger / "greeter.pid").write_text(str(os.getpid()))  # a number that another program has by now
    assert stop_deployed(bench.folder) == 1
    assert not processes_of(bench.folder)
    assert stop_deployed(bench.folder) == 0 and stop_deployed(tmp_path / "nowhere") == 0
    bench.pipelines.close()


def test_only_its_own_repository_and_files_run(bench):
    workflow = {"path": "../../etc/passwd"}
    with pytest.raises(UserError, match="run only in larch/greeter"):
        bench.pipelines.dispatch("larch/shop", workflow, "refs/heads/main", bench.sha("main"), {}, ACTOR)
    with pytest.raises(UserError, match="is not in"):
        bench.pipelines.dispatch(bench.name, workflow, "refs/heads/main", bench.sha("main"), {}, ACTOR)
    with pytest.raises(UserError, match="has no run 7"):
        bench.pipelines.cancel(bench.name, 7)


def test_without_act_a_message_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(acting, "program", lambda: None)
    assert "pip install 'devops-lab[practice]'" in str(pipelines.missing())
    with pytest.raises(UserError, match="act, which is not installed"):
        Pipelines(tmp_path / "live", "larch")
    assert not (tmp_path / "live").exists()


def test_a_gate_stands_before_a_protected_job_and_a_kept_job_says_what_it_said(tmp_path):
    text = """
name: Ship
on: {workflow_dispatch: {}}
jobs:
  build: {runs-on: ubuntu-latest, outputs: {v: "${{ steps.v.outputs.v }}"}, steps: [{id: v, run: make}]}
  deploy: {needs: build, environment: "${{ inputs.environment }}", if: "${{ always() }}", steps: [{run: go}]}
"""
    plan = read(text, {"environment": "production"})
    assert plan.jobs["deploy"].environment == "production" and plan.jobs["deploy"].runs_after_failure
    copy = parsed(prepared(text, {"deploy": tmp_path / "decision"}, {"build": {"v": tmp_path / "said"}}))
    assert list(copy["jobs"]) == ["build", "lab-gate-deploy", "deploy"]
    assert copy["jobs"]["deploy"]["needs"] == ["build", "lab-gate-deploy"]
    assert copy["jobs"]["deploy"]["if"] == "${{ (always()) && needs.lab-gate-deploy.result == 'success' }}"
    assert copy["jobs"]["build"]["steps"][0]["env"] == {"LAB_SAID": str(tmp_path / "said")}
    assert "on" in copy and "make" not in json.dumps(copy)
    with pytest.raises(UserError, match="no jobs"):
        parsed("name: nothing")


SCHEMAS = {
    "runs": "workflow-run", "attempts": "workflow-run", "jobs": "job", "workflows": "workflow", "commits": "commit",
    "branches": "short-branch", "tags": "tag", "git_tags": "git-tag", "releases": "release",
    "deployments": "deployment", "deployment_statuses": "deployment-status", "environments": "environment",
    "artifacts": "artifact", "pending_deployments": "pending-deployment", "approvals": "environment-approvals",
}  # fmt: skip


def assert_described(objects, schema_of):
    """Every object passes GitHub's own description."""
    for noun, name in SCHEMAS.items():
        found = list(objects[noun].values()) if isinstance(objects[noun], dict) else objects[noun]
        raws = [raw for one in found for raw in (one if isinstance(one, list) else [one])]
        for raw in raws:
            text = json.dumps(raw).replace("@@API@@", "http://localhost")
            assert not list(schema_of(name).iter_errors(json.loads(text))), f"{noun}: {raw}"


def test_objects_pass_githubs_description_at_every_moment(bench):
    file = Path(__file__).parent.parent / "node_modules" / "@octokit" / "openapi" / "generated" / "api.github.com.json"
    if not file.is_file():
        skip(f"{file} is not there (npm install @octokit/openapi)")
    components = schemas(json.loads(file.read_text())["components"]["schemas"])

    def schema_of(name):
        return Draft202012Validator({"components": {"schemas": components}, "$ref": f"#/components/schemas/{name}"})

    number = bench.dispatch("production")
    assert_described(bench.objects, schema_of)
    place = bench.until(lambda: bench.objects["pending_deployments"].get(number))[0]["environment"]["id"]
    assert_described(bench.objects, schema_of)
    bench.pipelines.review(bench.name, number, [place], False, "No.", ACTOR)
    assert bench.ended(number) == "failure"
    bench.pipelines.rerun(bench.name, number, ACTOR, None)
    bench.until(lambda: bench.run(number)["status"] == "in_progress")
    assert_described(bench.objects, schema_of)
    bench.pipelines.cancel(bench.name, number)
    assert bench.ended(number) == "cancelled"
    assert_described(bench.objects, schema_of)


def test_recent_commits_have_recent_dates(bench):
    dates = [datetime.fromisoformat(raw["commit"]["committer"]["date"]) for raw in bench.objects["commits"]]
    assert max(dates) - min(dates) < timedelta(days=30)
    assert datetime.now(max(dates).tzinfo) - max(dates) < timedelta(days=1)
