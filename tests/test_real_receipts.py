"""Real history: the five numbers of prometheus/prometheus, each recomputed from its receipt's JSON by an outsider."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from devops_lab import metrics
from devops_lab import sync as lab_sync
from devops_lab.config import settings
from devops_lab.metrics.receipt import receipt, write
from devops_lab.store import Store

TAGS = ["[0-9]+.[0-9]+.[0-9]+", "v[0-9]+.[0-9]+.[0-9]+", "!v0.*", "!v1.99.0"]
OUTSIDER = Path(__file__).with_name("receipt_outsider.py")
AS_OF = datetime(2026, 8, 1)

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def history(rebuilt_git, tmp_path_factory) -> Store:
    folder = tmp_path_factory.mktemp("real")
    service = {
        "name": "prometheus",
        "clone": str(rebuilt_git),
        "deployment": {"from": "tags", "tags": TAGS},
        "rework": {"patch_releases": True},
    }
    store = Store(folder / "lab")
    lab_sync(store, settings({"service": [service]}, folder / "lab.toml"))
    return store


def test_patch_releases_give_fail_rework_and_recovery(history):
    frame = metrics.dora(history, last="3 years", as_of=AS_OF).set_index("metric")
    assert frame["n"].min() >= 10
    assert 0.2 < frame.loc["change_fail_rate", "value"] < 0.8
    assert 0.2 < frame.loc["deployment_rework_rate", "value"] < 0.8
    assert 24 < frame.loc["failed_deployment_recovery_time", "value"] < 24 * 60
    assert 24 * 7 < frame.loc["change_lead_time", "value"] < 24 * 60
    deployments = history.rows("select count(*) as n, sum(cast(unplanned as int)) as unplanned from deployments")[0]
    failed = history.rows("select count(distinct deployment_id) as n from failures where excluded is null")[0]
    assert deployments["n"] == 240
    assert deployments["unplanned"] == 140
    assert failed["n"] <= 140


@pytest.mark.parametrize("last", ["all", "1 year", "90 days"])
def test_an_outsider_recomputes_each_value_from_the_receipt_alone(history, tmp_path, last):
    paths = []
    for metric in metrics.catalogue():
        found = receipt(metric, history, last=last, as_of=AS_OF)
        assert found["n"] or last == "90 days" or metric.phase != "dora"  # a clone alone knows no issues and no runs
        plain = tmp_path / f"{metric.name}.json"
        plain.write_text(json.dumps(found))
        paths += [plain, write(found, tmp_path / "written")]
    answer = subprocess.run([sys.executable, "-I", OUTSIDER, *paths], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout
    assert answer.stdout.count("agrees") == len(paths)


def test_a_month_does_not_depend_on_the_window_it_is_asked_in(history):
    whole = metrics.change_lead_time.over(history, every="month", last="all", as_of=AS_OF).set_index("period_start")
    part = metrics.change_lead_time.over(history, every="month", since="2023-01-01", until="2023-07-01", as_of=AS_OF)
    for row in part.to_dict("records"):
        there = whole.loc[row["period_start"]]
        assert (there["n"], there["value"], there["low"]) == pytest.approx(
            (row["n"], row["value"], row["low"]), nan_ok=True
        )


def test_every_count_is_that_of_plain_git(history, rebuilt_git):
    wanted = history.rows("select ref from deployments order by finished_at, id")
    listed = subprocess.run(
        ["git", "-C", rebuilt_git, "tag", "-l"], capture_output=True, text=True, check=True
    ).stdout.split()
    plain = [
        tag
        for tag in listed
        if tag.removeprefix("v").count(".") == 2 and tag.replace(".", "").removeprefix("v").isdigit()
    ]
    plain = [tag for tag in plain if not tag.startswith("v0.") and tag != "v1.99.0"]
    assert sorted(row["ref"] for row in wanted) == sorted(plain)
