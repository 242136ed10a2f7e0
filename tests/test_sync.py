"""The sync: once = twice, killed = resumed, one repository's failure is its own, everybody reads meanwhile."""

import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from made_history import make_sample

from devops_lab import metrics
from devops_lab import sync as lab_sync
from devops_lab.config import settings
from devops_lab.errors import QuestionError, StoreError
from devops_lab.github_api import GitHubClient
from devops_lab.store import Store
from devops_lab.sync import asked, start_of
from devops_lab.tables import TABLES

OCTOBER = datetime(2026, 10, 1)
TAGS = {"from": "tags", "tags": ["v*"]}
EVER = datetime(2010, 1, 1)


@pytest.fixture
def sample(tmp_path) -> Path:
    return make_sample(tmp_path / "sample.git", OCTOBER)


def lab(folder: Path, *services: dict, **sections):
    return settings({"service": list(services), **sections}, folder / "lab.toml")


def content(store: Store) -> dict[str, list]:
    """Everything in the store but when it was asked for, and what is said of that instant: forecasts."""
    asked = {"sync_ledger", "snapshots", "milestone_forecasts"}
    return {
        name: store.rows(f'select * exclude (fetched_at) from "{name}" order by all')
        for name in TABLES
        if name not in asked
    }


def test_twice_is_once(tmp_path, store, sample):
    one = lab(tmp_path, {"name": "s", "clone": "sample.git", "deployment": TAGS})
    lab_sync(store, one)
    before = content(store)
    assert len(before["deployments"]) > 30
    outcome = lab_sync(store, one)[0]
    assert (outcome.rows.inserted, outcome.rows.updated) == (0, 0)
    assert content(store) == before


def test_a_sync_in_the_middle_and_one_at_the_end_give_what_one_at_the_end_gives(tmp_path, sample):
    half = tmp_path / "half.git"
    make_sample(half, OCTOBER)
    middle = subprocess.run(
        ["git", "-C", half, "rev-list", "-1", "--before=2026-04-01", "main"], capture_output=True, text=True, check=True
    ).stdout.strip()
    tags = subprocess.run(["git", "-C", half, "tag", "--no-merged", middle], capture_output=True, text=True, check=True)
    subprocess.run(["git", "-C", half, "tag", "-d", *tags.stdout.split()], check=True, capture_output=True)
    subprocess.run(["git", "-C", half, "update-ref", "refs/heads/main", middle], check=True)
    whole, parts = Store(tmp_path / "whole", latest=True), Store(tmp_path / "parts", latest=True)
    service = {"name": "s", "deployment": TAGS}
    lab_sync(whole, lab(tmp_path, {**service, "clone": "sample.git", "repository": "s"}))
    lab_sync(parts, lab(tmp_path, {**service, "clone": "half.git", "repository": "s"}))
    assert 0 < len(parts.deployments.rows()) < len(whole.deployments.rows())
    lab_sync(parts, lab(tmp_path, {**service, "clone": "sample.git", "repository": "s"}))
    assert content(parts) == content(whole)


def test_one_repository_that_fails_does_not_stop_the_others(tmp_path, store, sample):
    good = {"name": "good", "clone": "sample.git", "deployment": TAGS}
    bad = {"name": "bad", "clone": "absent.git"}
    outcomes = lab_sync(store, lab(tmp_path, bad, good))
    assert [bool(outcome.problem) for outcome in outcomes] == [True, False]
    assert "absent.git" in str(outcomes[0].problem)
    found = Store(store.path)
    assert {row["service"] for row in found.deployments.rows()} == {"good"}
    frame = metrics.deployment_frequency.window(found, since="2026-01-01", until="2026-07-01", by="service")
    frame = frame.set_index("group_name")
    assert frame.loc["good", "n"] > 10
    assert frame.loc["bad", "coverage"] == 0
    assert frame["value"].isna()["bad"]


def test_a_changed_rule_is_linked_anew(tmp_path, store, sample):
    lab_sync(store, lab(tmp_path, {"name": "s", "clone": "sample.git", "deployment": TAGS}))
    tags = len(store.deployments.rows())
    lab_sync(store, lab(tmp_path, {"name": "s", "clone": "sample.git", "deployment": {"from": "merges"}}))
    assert len(store.deployments.rows()) > 3 * tags
    lab_sync(store, lab(tmp_path, {"name": "renamed", "clone": "sample.git", "deployment": TAGS}))
    assert {row["service"] for row in store.deployments.rows()} == {"renamed"}
    assert len(store.services.rows()) == 1


def test_no_person_is_in_the_store_by_default(tmp_path, sample):
    for policy, seen in (("pseudonym", "person-"), ("none", None)):
        store = Store(tmp_path / policy, latest=True)
        lab_sync(store, lab(tmp_path, {"name": "s", "clone": "sample.git"}, privacy={"people": policy}))
        authors = {row["author"] for row in store.commits.rows()}
        assert authors == {None} if seen is None else all(seen in author for author in authors)
        assert len(authors) == (6 if seen else 1)
        raw = b"".join(path.read_bytes() for path in Path(store.path).rglob("*") if path.is_file())
        assert b"users.invalid" not in raw


def test_the_start_of_a_sync_in_words():
    now = datetime.utcnow()
    assert abs(start_of("90d") - (now - timedelta(days=90))) < timedelta(minutes=1)
    assert start_of("2026-03-01", "Asia/Jakarta") == datetime(2026, 2, 28, 17)
    assert start_of("all") == datetime(1970, 1, 1)
    with pytest.raises(QuestionError, match="'ever' is no length"):
        start_of("ever")


def ants(folder: Path, url: str):
    service = {
        "name": "ants",
        "repository": "panjf2000/ants",
        "deployment": {"from": "workflow", "workflow": "*", "jobs": ["*"]},
        "incident": {"from": "issues", "labels": ["bug"]},
    }
    return lab(folder, service, github={"url": url})


@pytest.mark.server
def test_github_once_is_twice_and_asks_little_the_second_time(tmp_path, store, replay):
    url = replay()
    one = ants(tmp_path, url)
    lab_sync(store, one, since=EVER)
    counts = {
        table: len(getattr(store, table).rows()) for table in ("pull_requests", "pull_request_commits", "workflow_jobs")
    }
    assert counts == {"pull_requests": 49, "pull_request_commits": 90, "workflow_jobs": 35}
    assert len({row["id"] for row in store.workflow_runs.rows()}) == 45
    missing = store.rows("select sum(missing) as n from sync_ledger where table_name = 'workflow_runs'")
    assert missing[0]["n"] == 21
    before, asked = content(store), requests(url)
    outcome = lab_sync(store, one)[0]
    assert (outcome.rows.inserted, outcome.rows.updated) == (0, 0)
    assert content(store) == before
    assert requests(url) - asked < asked / 3


@pytest.mark.server
def test_github_with_faults_gives_the_same_rows(tmp_path, replay, monkeypatch):
    patient = partial(GitHubClient, sleep=lambda seconds: None)  # the server's faults do not depend on time
    monkeypatch.setattr(asked, "GitHubClient", patient)
    stores = []
    for name, options in (
        ("calm", ()),
        ("stormy", ("--fail-rate", "0.2", "--secondary", "0.1", "--truncate", "0.05", "--drop", "0.05")),
    ):
        store = Store(tmp_path / name, latest=True)
        lab_sync(store, ants(tmp_path, replay(*options)), since=EVER)
        stores.append(content(store))
    assert without_urls(stores[0]) == without_urls(stores[1])
    assert len(stores[0]["workflow_jobs"]) == 35


@pytest.mark.server
def test_a_killed_sync_goes_on_where_it_stood(tmp_path, store, replay):
    url = replay("--slow", "4")
    (tmp_path / "lab.toml").write_text(
        f'[github]\nurl = "{url}"\n[[service]]\nname = "ants"\nrepository = "panjf2000/ants"\n'
        'deployment = { from = "workflow", workflow = "*", jobs = ["*"] }\n'
        'incident = { from = "issues", labels = ["bug"] }\n'
    )
    environment = {**os.environ, "DEVOPS_LAB_PRIVACY_KEY": "0123456789abcdef"}
    script = "from devops_lab.sync import pulling; pulling.HELD_SECONDS = 0; from devops_lab.cli import main; main()"
    command = [sys.executable, "-c", script, "sync", "--since", "2010-01-01"]  # writes each page as it comes
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL)
    for _ in range(4000):
        time.sleep(0.005)
        if (tmp_path / "lab" / "workflow_runs" / "_delta_log" / f"{0:020}.json").exists():
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    torn = Store(tmp_path / "lab", latest=True)
    assert Store(tmp_path / "lab").as_of is None
    assert 0 < len(torn.workflow_runs.rows()) <= 45
    assert not torn.pull_requests.rows() or len(torn.pull_requests.rows()) < 49
    asked = requests(url)
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    resumed = requests(url) - asked
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    shutil.copy(tmp_path / "lab.toml", fresh)
    asked = requests(url)
    subprocess.run(command, cwd=fresh, env=environment, check=True, capture_output=True)
    assert content(Store(tmp_path / "lab")) == content(Store(fresh / "lab"))
    assert resumed < requests(url) - asked


def without_urls(found):
    """Rows but for their addresses: each server has a port of its own."""
    return {name: [{**row, "url": None} for row in rows] for name, rows in found.items()}


def requests(url: str) -> int:
    with urllib.request.urlopen(f"{url}/_stats") as answer:
        return json.load(answer)["total"]


def _ask_often(path: str, until: float, seen) -> None:
    """An idle notebook's kernel: one handle, opened before the sync, asked again and again."""
    store = Store(path)
    while time.time() < until:
        frame = metrics.dora(store, last="1 year", as_of=OCTOBER)
        seen.put(round(float(frame["n"].sum())))


def test_kernels_a_running_sync_and_four_reports_share_one_store(tmp_path, sample):
    store = Store(tmp_path / "lab")
    one = lab(tmp_path, {"name": "s", "clone": "sample.git", "deployment": TAGS})
    (tmp_path / "lab.toml").write_text(
        '[lab]\nlast = "1 year"\n[[service]]\nname = "s"\nclone = "sample.git"\n'
        'deployment = { from = "tags", tags = ["v*"] }\n'
    )
    lab_sync(store, one)
    context = multiprocessing.get_context("spawn")
    seen, until = context.Queue(), time.time() + 25
    kernels = [context.Process(target=_ask_often, args=(store.path, until, seen)) for _ in range(2)]
    report = [sys.executable, "-m", "devops_lab.cli", "report", "-p", "as_of=2026-10-01"]
    reports = []
    for number in range(4):
        (tmp_path / str(number)).mkdir()
        command = [*report, "--config", str(tmp_path / "lab.toml")]
        reports.append(
            subprocess.Popen(command, cwd=tmp_path / str(number), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        )
    for kernel in kernels:
        kernel.start()
    while time.time() < until:
        lab_sync(store, one)
    for process in (*kernels, *reports):
        process.wait() if isinstance(process, subprocess.Popen) else process.join()
    assert [process.returncode for process in reports] == [0] * 4, [process.stderr.read() for process in reports]
    assert [kernel.exitcode for kernel in kernels] == [0, 0]
    answers = []
    while not seen.empty():
        answers.append(seen.get())
    assert len(answers) > 4
    assert len(set(answers)) == 1


def test_two_syncs_at_once_are_refused_with_a_reason(tmp_path, store, sample):
    with store.lock(), pytest.raises(StoreError, match="another sync is writing"):
        lab_sync(store, lab(tmp_path, {"name": "s", "clone": "sample.git"}))
