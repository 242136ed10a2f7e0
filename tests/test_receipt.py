"""Receipts: the keys of the contract, evidence an outsider can use, and Parquet beside the JSON for many rows."""

import hashlib
import json
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow.parquet
import pytest
from lab_rows import Facts, change, complete, deployment, failure

from devops_lab import metrics
from devops_lab.metrics.receipt import receipt, to_json, write

START = datetime(2026, 9, 1)
HOUR = timedelta(hours=1)
KEYS = [
    "metric", "definition", "reference", "unit", "statistic", "parameters", "window_start", "window_end", "as_of",
    "snapshot", "value", "n", "low", "high", "interval", "rows", "excluded", "events", "coverage", "sql", "versions",
]  # fmt: skip
ROW = ["id", "occurred_at", "started_at", "ended_at", "value", "denominator", "censored", "url"]


def many(count, per_deployment=7):
    return [
        change(
            "shop",
            f"#{n}",
            START - (n * 37 % 997) * HOUR,
            START + (n // per_deployment) * HOUR / 4,
            url=f"https://x/{n}",
        )
        for n in range(count)
    ]


def outsider(*paths):
    script = Path(__file__).with_name("receipt_outsider.py")
    return subprocess.run([sys.executable, "-I", script, *paths], capture_output=True, text=True, check=False)


def test_keys_are_those_of_the_contract():
    tables = {"changes": [*many(8), change("shop", "#w", START, None, merged_at=START)]}
    found = receipt(metrics.change_lead_time, Facts(complete(tables)), service="shop")
    assert list(found) == KEYS
    assert list(found["rows"][0]) == ROW
    assert found["excluded"] == [{"id": "#w", "reason": "not deployed yet"}]
    assert found["coverage"][0] == {"table_name": "commits", "asked": 1, "fetched": 1, "missing": 0}
    assert found["parameters"] == {"clock": "first_commit", "bots": True, "timezone": "UTC", "service": "shop"}
    assert found["window_end"] == "2026-11-01T00:00:00Z"
    assert json.loads(to_json(found)) == found
    assert found["sql"].startswith("-- change_lead_time")
    assert {"devops-lab", "numpy", "duckdb"} <= set(found["versions"])


def test_a_receipt_is_the_answer_of_the_metric():
    store = Facts(complete({"changes": many(50)}))
    for statistic in ("median", "p90", "highest", "count"):
        found = receipt(metrics.change_lead_time, store, statistic=statistic)
        answer = metrics.change_lead_time.window(store, statistic=statistic).iloc[0]
        assert found["value"] == answer["value"] and found["n"] == answer["n"] == 50
        assert found["low"] in (answer["low"], None)


@pytest.mark.parametrize(
    "statistic", ["median", "p90", "p5", "highest", "lowest", "sum", "count", "per week", "per day"]
)
def test_an_outsider_recomputes_every_statistic(tmp_path, statistic):
    changes, rollouts = many(60), [deployment("shop", n, START + n * HOUR) for n in range(9)]
    failures = [failure("shop", n, n, START + n * HOUR, START + (3 * n + 1) * HOUR) for n in range(9)]
    open_ones = [failure("shop", n, n, START + n * HOUR, None if n % 3 else START + 9 * HOUR) for n in range(9)]
    paths = []
    for place, tables in enumerate(({"changes": changes}, {"deployments": rollouts, "failures": failures},
                                    {"deployments": rollouts, "failures": open_ones})):  # fmt: skip
        metric = metrics.failed_deployment_recovery_time if place else metrics.change_lead_time
        found = receipt(metric, Facts(complete(tables)), statistic=statistic, timezone="Europe/Berlin")
        paths.append(write(found, tmp_path / str(place)))
    run = outsider(*paths)
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_forged_receipt_is_found_out(tmp_path):
    found = receipt(metrics.change_lead_time, Facts(complete({"changes": many(20)})))
    assert outsider(write(found | {"value": found["value"] + 0.01}, tmp_path)).returncode == 1
    forged = [found["rows"][0] | {"value": 1.0}, *found["rows"][1:]]
    assert outsider(write(found | {"rows": forged}, tmp_path)).returncode == 1


def test_many_rows_lie_in_parquet_beside_it(tmp_path):
    found = receipt(metrics.change_lead_time, Facts(complete({"changes": many(5001)})))
    path = write(found, tmp_path / "a folder")
    told = json.loads(path.read_text())["rows"]
    content = (path.parent / told["file"]).read_bytes()
    assert (
        told["count"] == 5001
        and told["sha256"] == hashlib.sha256(content).hexdigest()
        and told["sha256"] in told["file"]
    )
    assert pyarrow.parquet.read_table(path.parent / told["file"]).to_pylist() == found["rows"]
    assert write(found, tmp_path / "again").parent.joinpath(told["file"]).exists()  # the same rows, the same name
    run = outsider(path)
    assert run.returncode == 0, run.stdout + run.stderr


def test_what_is_missing_is_null_and_says_so(tmp_path):
    tables = {"changes": many(8)}
    never = receipt(metrics.change_lead_time, Facts(complete(tables, covered=None)))
    assert never["value"] is None and never["interval"] == "missing: the sync covered 0% of the window"
    half = receipt(
        metrics.deployment_frequency, Facts(complete(tables, covered=(datetime(2026, 9, 17), datetime(2026, 11, 1))))
    )
    assert half["value"] is None and half["interval"] == "missing: the sync covered 50% of the window"
    nothing = receipt(metrics.change_lead_time, Facts({}))
    assert (nothing["value"], nothing["n"], nothing["rows"]) == (None, 0, [])
    paths = [write(one, tmp_path / str(place)) for place, one in enumerate((never, half, nothing))]
    assert outsider(*paths).returncode == 0


def test_hostile_text_is_data(tmp_path):
    row = change("shop", "'; drop table changes --", START - HOUR, START, url="javascript:alert(1)", subject="<script>")
    found = receipt(metrics.change_lead_time, Facts(complete({"changes": [row]})))
    assert found["rows"][0]["id"] == "'; drop table changes --" and "<script>" not in to_json(found)
