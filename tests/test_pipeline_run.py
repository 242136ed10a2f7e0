"""The pipeline-run notebook: its parameters, the gate's watching, the runs before; and one pipeline after the other,
really run, gated by a real Prometheus, taken back, and counted by the next sync."""

import itertools
import re
import subprocess
import sys
import threading
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import requests
from conftest import skip
from served_panel import SECRETS

from devops_lab import config, metrics, words
from devops_lab import sync as syncing
from devops_lab.actions import Progress
from devops_lab.charts import gates
from devops_lab.delivery.gate import levels_of
from devops_lab.errors import QuestionError, ReportError, SourceError
from devops_lab.practice import monitoring, pipelines, running
from devops_lab.practice.pipelines.traffic import Traffic
from devops_lab.practice.world import make
from devops_lab.reports import pipeline_gate, pipeline_rollback, pipeline_runs, pipeline_words, report
from devops_lab.reports.pipeline_gate import FAILED, LITTLE, PASSED, UNKNOWN, Gate, Rollout, watch
from devops_lab.reports.pipeline_parameters import inputs_of, wanted
from devops_lab.reports.pipeline_words import Rolled
from devops_lab.store import Store
from devops_lab.tables import TABLES

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "20_pipeline_run.ipynb"
START = datetime(2026, 11, 24, 12)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
LAB = """
[github]
url = "http://127.0.0.1:9"
[practice]
until = 2026-01-01
[prometheus]
url = "http://127.0.0.1:9"
[[service]]
name = "shop"
repository = "acme/shop"
deployment = { from = "workflow", workflow = "deploy.yml" }
slo = { objective = 0.99, good = "good[$step]", total = "total[$step]" }
[[service]]
name = "bare"
repository = "acme/bare"
"""
GIVEN = {
    "config_file": "", "service": "shop", "repository": "", "workflow": "", "ref": "main", "inputs": "", "confirm": "",
    "timeout": "", "gate_minutes": "", "too_little": "", "rollback": "", "version_query": "",
}  # fmt: skip


@pytest.fixture
def lab(tmp_path):
    path = tmp_path / "lab.toml"
    path.write_text(LAB)
    return str(path)


# ---------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("given", "inputs"),
    [
        ("", {}),
        ("environment=staging", {"environment": "staging"}),
        ("a=007, b=1e5,c = x ", {"a": "007", "b": "1e5", "c": "x"}),
        ("message=Hello, world, environment=staging", {"message": "Hello, world", "environment": "staging"}),
        ("a=1\nb=x=y, z", {"a": "1", "b": "x=y, z"}),
        ('{"a": 007}', None),
        ('{"a": 1e5, "b": true, "c": "007", "d": 1.50}', {"a": "1e5", "b": "true", "c": "007", "d": "1.50"}),
        ("{'a': 'x', 'b': False}", {"a": "x", "b": "false"}),
        ({"day": datetime(2026, 1, 2).date(), "n": 7, "on": True}, {"day": "2026-01-02", "n": "7", "on": "true"}),
        ('{"a": [1]}', None),
        ("[1]", None),
        ("nothing", None),
        ("a=1, a=2", None),
        (7, None),
    ],
)
def test_inputs_stay_the_texts_they_are(given, inputs):
    if inputs is None:
        with pytest.raises(QuestionError):
            inputs_of(given)
    else:
        assert inputs_of(given) == inputs


@pytest.mark.parametrize("given", ["api_token=x", "note=ghp_0123456789abcdefghijklmn", '{"password": "p"}'])
def test_an_input_that_looks_like_a_secret_is_refused_and_not_repeated(given):
    with pytest.raises(QuestionError, match="looks like a secret; nothing was started") as refused:
        inputs_of(given)
    assert "ghp_" not in str(refused.value)


def test_what_papermill_guessed_is_taken_where_nothing_is_lost(lab):
    found = wanted(**GIVEN | {"config_file": lab, "timeout": 5, "gate_minutes": 0.5, "rollback": True})
    assert (found.timeout, found.gate, found.rollback) == (300, 30, True)
    assert (found.repository, found.workflow, found.ref) == ("acme/shop", "deploy.yml", "main")
    with pytest.raises(QuestionError, match="use -r ref"):
        wanted(**GIVEN | {"config_file": lab, "ref": 7})
    assert wanted(**GIVEN | {"config_file": lab, "ref": "007"}).ref == "007"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rollback": "true"}, "needs a gate"),
        ({"rollback": "perhaps"}, "true or false"),
        ({"gate_minutes": "-1"}, "minutes"),
        ({"timeout": "soon"}, "minutes"),
        ({"too_little": "hope"}, "pass or fail"),
        ({"service": "shp"}, "services: shop, bare"),
        ({"service": "", "repository": ""}, "which repository"),
        ({"service": "shop", "repository": "acme/bare"}, "lives in acme/shop"),
        ({"service": "bare", "workflow": ""}, "which workflow"),
        ({"service": "bare", "workflow": "x.yml", "gate_minutes": "1"}, "neither slo nor latency"),
        ({"service": "", "repository": "acme/other", "workflow": "x.yml", "gate_minutes": "1"}, "which service"),
    ],
)
def test_what_does_not_fit_is_said(lab, given, said):
    with pytest.raises(QuestionError, match=said):
        wanted(**GIVEN | {"config_file": lab} | given)


# ---------------------------------------------------------------------- the gate's watching


class Watched(pipeline_gate.Watched):
    """A service whose levels are made up: `share(end)` is a step's (share, requests); sleeping moves its clock."""

    def __init__(self, lab, share, *, down=lambda moment: False, versions=None):
        settings = config.load(lab)
        super().__init__(settings, settings.service[0], 60, "app" if versions else "")
        self.share, self.down, self.told = share, down, versions
        self.moment, self.step = START, 5
        self.versions_before = frozenset({"1"})

    def clock(self):
        return self.moment

    def sleep(self, seconds):
        self.moment += seconds * SECOND

    def levels(self, since, until, step=0):
        if self.down(self.moment):
            raise SourceError("Prometheus cannot be asked")
        ends = [since + place * 5 * SECOND for place in range(1, int((until - since) / (5 * SECOND)) + 1)]
        counts = [self.share(end) for end in ends]
        return levels_of(
            pa.table(
                {
                    "started_at": pa.array([end - 5 * SECOND for end in ends], pa.timestamp("us")),
                    "ended_at": pa.array(ends, pa.timestamp("us")),
                    "good": np.array([float(total * (1 - share)) for share, total in counts]),
                    "total": np.array([float(total) for _, total in counts]),
                }
            ),
            None,
        )

    def versions(self, moment):
        return frozenset(self.told(moment))

    def watch(self):
        rollout = Rollout(START - 10 * SECOND, START, START - 5 * MINUTE)
        return watch(self, rollout, clock=self.clock, sleep=self.sleep)


def change(before, after, total=100):
    return lambda end: (after if end > START else before, total)


def test_the_gate_passes_at_its_end_and_fails_early(lab):
    good = Watched(lab, change(0.01, 0.01)).watch()
    assert good.outcome == PASSED and not good.early and good.after == (START, START + MINUTE)
    assert good.before == (START - 5 * MINUTE, START - 10 * SECOND)  # since the version before was live
    bad = Watched(lab, change(0.01, 0.3)).watch()
    assert bad.outcome == FAILED and bad.early
    assert Watched(lab, change(0.01, 0.01, 1)).watch().outcome == LITTLE


def test_a_prometheus_that_is_down_is_no_pass_and_one_that_comes_back_is_asked_again(lab):
    found = Watched(lab, change(0, 0), down=lambda moment: moment > START + 20 * SECOND).watch()
    assert found.outcome == UNKNOWN and "cannot be asked" in found.trouble
    back = Watched(lab, change(0, 0), down=lambda moment: START < moment < START + 40 * SECOND).watch()
    assert back.outcome == PASSED


def test_the_deployed_version_must_be_there(lab):
    late = Watched(lab, change(0, 0), versions=lambda moment: {"2"} if moment > START + 9 * SECOND else {"1"}).watch()
    assert late.outcome == PASSED and late.after[0] == START + 10 * SECOND
    both = Watched(lab, change(0, 0), versions=lambda moment: {"1", "2"}).watch()
    assert both.outcome == UNKNOWN and "no other version than before (1)" in both.trouble


def test_a_rollback_is_seen_in_prometheus_or_said_to_have_failed(lab):
    rollout = Rollout(START, START)
    gone = Watched(lab, change(0, 0), versions=lambda moment: {"0"})
    assert pipeline_gate.arrival(gone, rollout, gone.clock, gone.sleep).at == START
    still = Watched(lab, change(0, 0), versions=lambda moment: {"1"})
    found = pipeline_gate.arrival(still, rollout, still.clock, still.sleep)
    assert found.at is None and found.answered and "(1)" in found.trouble

    def refuse(moment):
        raise SourceError("down")

    down = Watched(lab, change(0, 0), versions=refuse)
    assert not pipeline_gate.arrival(down, rollout, down.clock, down.sleep).answered


class Acting:
    """Actions that would bring "good" back; their run ends in `conclusion`."""

    def __init__(self, live, conclusion="success"):
        self.live, self.conclusion, self.started = live, conclusion, 0

    def back(self, service, environment):
        return SimpleNamespace(from_sha=self.live, sha="good")

    def rollback(self, service, environment, confirm):
        self.started += 1
        over = Progress("completed", self.conclusion)
        return SimpleNamespace(page="https://ci/9", changes=lambda timeout, slowest: iter([over]))


@pytest.mark.parametrize(
    ("acting", "done", "why"),
    [
        (Acting("bad"), True, ""),
        (Acting("newer"), False, "another version was deployed since"),
        (Acting("bad", "failure"), False, "ended in failure"),
    ],
)
def test_only_the_runs_own_version_is_rolled_back_and_a_failure_is_said(monkeypatch, acting, done, why):
    monkeypatch.setattr(pipeline_rollback.sync, "sync", lambda store, settings, service: None)
    wish = SimpleNamespace(service=SimpleNamespace(name="shop"), settings=None, confirm="production", timeout=9)
    run = SimpleNamespace(
        asked=wish, sha="bad", store=None, actions=acting, environment="production", watched=None, gate=Gate(FAILED)
    )
    found = pipeline_rollback.rolled_back(run, lambda: START, lambda seconds: None)
    assert found.done is done and why in found.why
    assert acting.started == (0 if "another" in why else 1)


def test_every_ending_has_its_own_words_and_only_a_pass_is_well():
    told = pipeline_words.of_gate
    assert told(Gate(PASSED), "fail", None, "production").well
    assert told(Gate(LITTLE), "pass", None, "production").well
    for gate in (Gate(FAILED), Gate(LITTLE), Gate(UNKNOWN, trouble="Prometheus is down")):
        said = told(gate, "fail", None, "production")
        assert not said.well and said.over
    said = told(Gate(FAILED), "fail", Rolled(why="the run failed"), "production")
    assert said.headline.startswith("ROLLBACK FAILED") and "by hand" in said.more
    assert "back on abcdef123" in told(Gate(FAILED), "fail", Rolled(True, "abcdef1234567"), "production").headline
    for conclusion, problem in (("failure", ""), ("cancelled", ""), (None, ""), ("success", "deleted")):
        assert not pipeline_words.of_run(conclusion, ["Test"], 60.0, problem).well


def test_the_gate_is_drawn_with_what_would_fail_it():
    ends = [START + place * 10 * SECOND for place in range(8)]
    steps = pd.DataFrame(
        {"ended_at": ends, "share": [0.0] * 5 + [0.3] * 3, "requests": [80.0] * 8,
         "part": [gates.BEFORE] * 4 + ["rollout"] + [gates.AFTER] * 3}
    )  # fmt: skip
    figure = gates.gate_levels(steps, (ends[4], ends[4]), "Errors <b>rose</b>", "s", limit=0.02, failed=True)
    before, _, after = figure.data
    assert list(before.y) == [0.0] * 4 and list(after.y) == [30.0] * 3 and after.marker.symbol == "diamond"
    assert after.text[0].replace(words.SPACE, " ") == "30 % of 80 requests, until 12:00:50"
    assert [line.y0 for line in figure.layout.shapes if line.type == "line"] == [2.0]
    assert "no request" in gates.gate_levels(steps[:0], (START, START), "Nothing", "s").layout.meta["alt"]


# ---------------------------------------------------------------------- the runs before


def job(name, start, end, conclusion="success"):
    return {"name": name, "started_at": START + start * MINUTE, "completed_at": START + end * MINUTE,
            "conclusion": conclusion}  # fmt: skip


def test_time_in_which_a_job_ran_leaves_waiting_out():
    assert pipeline_runs.worked([job("a", 0, 2), job("b", 1, 3)]) == 3
    assert pipeline_runs.worked([job("a", 0, 2), job("deploy", 62, 63), job("none", 0, 99, "skipped")]) == 3
    assert pipeline_runs.worked([]) is None


def test_slower_is_beyond_the_85th_percentile_and_five_runs_are_too_few():
    before = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]
    found = pipeline_runs.usual(9.0, before)
    assert (found.half, found.n, found.way) == (4.0, 7, "slower") and found.most == pytest.approx(6.1)
    assert pipeline_runs.usual(4.0, before).way == "usual"
    assert pipeline_runs.usual(1.0, before).way == "faster"
    assert pipeline_runs.usual(9.0, before[:5]).way == "few"
    assert pipeline_runs.usual(2 / 60, [1 / 60] * 9).way == "usual"  # GitHub's times are whole seconds


def test_the_store_tells_how_the_workflow_ran_before(tmp_path):
    store = Store(tmp_path / "lab", latest=True)
    runs, jobs, number = [], [], itertools.count(1)
    head = {"repository": "acme/shop"}
    for run in range(1, 23):
        again = run > 14  # the latest eight needed two attempts
        for attempt in (1, 2) if again else (1,):
            failed = again and attempt == 1
            begun = START + run * timedelta(hours=1) + attempt * 10 * MINUTE
            runs.append(head | {
                "id": run, "run_attempt": attempt, "attempts": 2 if again else 1, "path": "deploy.yml",
                "status": "completed", "conclusion": "failure" if failed else "success", "created_at": begun,
                "started_at": begun,
            })  # fmt: skip
            jobs.append(head | {
                "id": next(number), "run_id": run, "run_attempt": attempt, "name": "test", "status": "completed",
                "conclusion": "failure" if failed else "success", "started_at": begun,
                "completed_at": begun + 2 * MINUTE,
            })  # fmt: skip
    store.write("workflow_jobs", jobs, source="github")
    store.write("workflow_runs", runs, source="github")
    past = pipeline_runs.past(store, "acme/shop", "deploy.yml", 99)
    assert len(past.minutes) == 14 and set(past.minutes) == {2.0} and past.mended == {"test": 8}
    assert pipeline_runs.flakier(past) == (8, 10, 0, 12, "more")
    assert pipeline_runs.past(store, "acme/shop", "other.yml", 99).again == []


# ---------------------------------------------------------------------- the whole, really run


class Approving(threading.Thread):
    """Somebody who approves whatever waits, until told to end."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api, self.ended = api, threading.Event()

    def run(self):
        head = {"Authorization": "Bearer any"}
        while not self.ended.wait(0.2):
            found = requests.get(f"{self.api}/actions/runs", params={"per_page": 5}, headers=head, timeout=10).json()
            for run in (one for one in found["workflow_runs"] if one["status"] != "completed"):
                place = f"{self.api}/actions/runs/{run['id']}/pending_deployments"
                waiting = requests.get(place, headers=head, timeout=10).json()
                ids = [one["environment"]["id"] for one in waiting]
                body = {"environment_ids": ids, "state": "approved", "comment": "Ship it"}
                if ids:
                    requests.post(place, json=body, headers=head, timeout=10)


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    for problem in (pipelines.missing(), monitoring.missing()):
        if problem is not None:
            skip(problem)
    folder = tmp_path_factory.mktemp("pipeline run") / "practice"
    found = running.up(folder, seed=2)
    urls = {part.name: part.url for part in found.parts}
    name = f"{make(2, until=found.until).name}/greeter"
    approving = Approving(f"{found.url}/repos/{name}")
    traffic = Traffic([int(urls["greeter"].rsplit(":", 1)[1])], 40.0)
    approving.start()
    traffic.start()
    lab = folder / "own.toml"  # not of a made-up company: its tokens are the environment's, and can be looked for
    lab.write_text(re.sub(r"\[practice\][^\[]*", "", (folder / "lab.toml").read_text("utf-8")), "utf-8")
    yield SimpleNamespace(folder=folder, lab=lab, urls=urls, name=name)
    approving.ended.set()
    approving.join()
    traffic.close()
    running.down(folder)


@pytest.fixture(autouse=True)
def _own_tokens(monkeypatch, _no_tokens):
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)


def no_token(company, *texts):
    """Hold what was said, every file (notebooks, pages, logs) and every row of the store to have no token in it."""
    for secret in SECRETS.values():
        assert not [text for text in texts if secret in text]
        files = [file for file in company.folder.rglob("*") if file.is_file() and not file.is_socket()]
        assert len(files) > 50 and not [file for file in files if secret.encode() in file.read_bytes()]
        store = Store(company.folder / "lab", latest=True)
        for name in TABLES:
            assert not [row for row in store.rows(f"select * from {name}") if secret in repr(row)], name


def asked(company, ref, **more):
    return {
        "config": str(company.lab), "service": "greeter", "workflow": "deliver.yml", "ref": ref,
        "inputs": "environment=production, message=<script>alert(1)</script>", "confirm": "production",
        "timeout": "3", "gate_minutes": "0.2", "rollback": "true", "version_query": 'app_info{job="$service"}', **more,
    }  # fmt: skip


def run_papermill(company, output, given):
    """Run the notebook by papermill's own command, as a pipeline would."""
    options = [text for name, value in given.items() for text in ("-r", name, value)]
    command = [sys.executable, "-m", "papermill", str(NOTEBOOK), str(output), *options]
    return subprocess.run(command, capture_output=True, text=True, cwd=company.folder, timeout=300, check=False)


def shown(path):
    """What the outputs of a notebook say, in plain text."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = [output for cell in cells if cell.cell_type == "code" for output in cell.outputs]
    return "\n".join(str(output.get("data", {}).get("text/plain", "")) for output in outputs)


def versions(company):
    query = {"query": 'app_info{job="greeter"}'}
    found = requests.get(f"{company.urls['Prometheus']}/api/v1/query", params=query, timeout=10).json()
    return {one["metric"]["version"] for one in found["data"]["result"]}


@pytest.mark.server
def test_a_good_version_passes_its_gate_and_leaves_a_page(company, tmp_path):
    before = versions(company)
    page = report("20_pipeline_run", output=tmp_path / "run.html", **asked(company, "main"))
    text = page.read_text("utf-8")
    assert "The pipeline succeeded, and the gate passed" in text and "6" in text
    assert "<script>alert(1)</script>" not in text and "&lt;script&gt;alert(1)" in text
    assert versions(company) != before
    said = shown(page.with_suffix(".ipynb"))
    assert "Tests: 6 passed" in said and "Nothing was rolled back: the gate passed." in said
    no_token(company, text, page.with_suffix(".ipynb").read_text("utf-8"))


@pytest.mark.server
def test_a_bad_version_is_rolled_back_and_the_next_sync_counts_it(company, tmp_path):
    output = tmp_path / "out.ipynb"
    done = run_papermill(company, output, asked(company, "bad", gate_minutes="0.8"))
    assert done.returncode != 0
    assert "PipelineError: The gate did not pass, and production is back on" in done.stderr
    said = shown(output)
    assert "The gate did not pass, and production is back on" in said and "before its time was up" in said

    settings = config.load(company.lab)
    store = Store(settings.store)
    syncing.sync(store, settings, service="greeter")
    rows = store.rows("select * from deployments where service = 'greeter' order by finished_at")
    bad, back = rows[-2:]
    assert [row["result"] for row in rows] == ["success"] * len(rows)
    assert back["sha"] == rows[-3]["sha"] != bad["sha"] and back["unplanned"]
    assert [row["unplanned"] for row in rows[:-1]] == [False] * (len(rows) - 1)
    failures = store.rows("select * from failures where service = 'greeter'")
    assert [(one["deployment_id"], one["remedy_deployment_id"]) for one in failures] == [(bad["id"], back["id"])]
    for name in ("change_fail_rate", "deployment_rework_rate"):
        answer = metrics.find(name).window(store, service="greeter", last="1 day", as_of=store.as_of)
        assert (answer.iloc[0]["value"], answer.iloc[0]["n"]) == (pytest.approx(1 / len(rows)), len(rows))
    no_token(company, output.read_text("utf-8"), done.stdout, done.stderr)
    told = store.rows("select verb, outcome from actions order by asked_at desc limit 2")
    assert told == [{"verb": "rollback", "outcome": "done"}, {"verb": "dispatch", "outcome": "done"}]


@pytest.mark.server
def test_a_failed_pipeline_ends_in_plain_words_after_its_page(company, tmp_path):
    output = tmp_path / "out.ipynb"
    given = asked(company, "main", inputs='{"environment": "production", "version": "none"}')
    done = run_papermill(company, output, given)
    assert done.returncode != 0 and "PipelineError: The pipeline failed in Build." in done.stderr
    said = shown(output)
    assert "The gate did not begin: the pipeline did not succeed." in said and "Choose the version" in said


@pytest.mark.server
def test_what_is_refused_starts_nothing(company, tmp_path):
    before = len(Store(config.load(company.lab).store, latest=True).rows("select * from actions"))
    wrong = {"confirm": "prod", "inputs": "environment=production, vrsion=1", "gate_minutes": "", "rollback": ""}
    with pytest.raises(ReportError, match="type its name") as refused:
        report("20_pipeline_run", output=tmp_path / "no.html", **asked(company, "main", **wrong))
    assert "did you mean 'version'" in str(refused.value)
    with pytest.raises(ReportError, match="this run goes to staging"):
        report("20_pipeline_run", output=tmp_path / "no.html", **asked(company, "main", inputs="environment=staging"))
    rows = Store(config.load(company.lab).store, latest=True).rows("select * from actions order by asked_at")
    assert [row["outcome"] for row in rows[before:]] == ["refused"]
    assert (tmp_path / "no.partial.ipynb").exists()


@pytest.mark.server
def test_a_gate_without_its_prometheus_starts_nothing(company, tmp_path):
    document = tomllib.loads(company.lab.read_text())
    lab = company.folder / "down.toml"
    lab.write_text(company.lab.read_text().replace(document["prometheus"]["url"], "http://127.0.0.1:9"))
    with pytest.raises(ReportError, match="cannot be asked"):
        report("20_pipeline_run", output=tmp_path / "no.html", **asked(company, "main", config=str(lab)))
