"""Golden folders: CSV in, CSV out; the arithmetic of each expected number stands beside it in the column `why`.

``tests/golden/<metric>/`` holds stored tables as CSV (one service per case) and ``expected.csv``: one question per row.
A fraction is exact, a decimal is right to its last digit, ``none`` is a missing value, an empty cell is not checked.
"""

import csv
import json
import math
import subprocess
import sys
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import pytest
from lab_rows import complete, filled, read_csv

from devops_lab import metrics
from devops_lab.metrics import receipt as receipts
from devops_lab.store import Store

GOLDEN = Path(__file__).parent / "golden"
NAMES = [metric.name for metric in metrics.catalogue()]


def expectations(name):
    path = GOLDEN / name / "expected.csv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [(name, number, row) for number, row in enumerate(csv.DictReader(file), 2)]


CASES = [case for name in NAMES for case in expectations(name)]


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    made = {}

    def store_of(name):
        if name not in made:
            tables = {path.stem: read_csv(path) for path in (GOLDEN / name).glob("*.csv") if path.stem != "expected"}
            made[name] = filled(Store(tmp_path_factory.mktemp(name) / "lab", latest=True), complete(tables))
        return made[name]

    return store_of


def question(row):
    scope, _, team = row["service"].rpartition(":")
    asked = {"team": team} if scope == "team" else {"service": row["service"]}
    asked |= {"since": row["since"], "until": row["until"], "as_of": row["as_of"] or datetime(2026, 11, 1)}
    asked |= {"statistic": row["statistic"]} if row["statistic"] else {}
    for pair in row["parameters"].split():
        key, value = pair.split("=")
        asked[key] = {"true": True, "false": False}.get(value, value)
    return asked


def check(found, expected, exact):
    if expected == "none":
        assert found is None or math.isnan(found)
    elif expected:
        assert found is not None
        digits = len(expected.partition(".")[2])
        tolerance = 1e-12 if exact or "/" in expected or not digits else 0.500001 * 10**-digits
        assert found == pytest.approx(float(Fraction(expected)), abs=tolerance)


def test_every_metric_has_a_golden_folder():
    assert {path.parent.name for path in GOLDEN.glob("*/expected.csv")} == set(NAMES)


@pytest.mark.parametrize(("name", "line", "row"), CASES, ids=[f"{name}:{line}" for name, line, _ in CASES])
def test_golden(stores, name, line, row):
    metric, store, asked = metrics.find(name), stores(name), question(row)
    answer = metric.window(store, **asked).iloc[0]
    assert answer["n"] == int(row["n"]), row["why"]
    check(answer["value"], row["value"], exact=True)
    for limit in ("low", "high"):
        check(answer[limit], row[limit], exact=False)

    asked.pop("statistic", None)
    left_out = metric.observations(store, **asked)["excluded"].dropna().value_counts().to_dict()
    if row["excluded"]:
        pairs = (part.strip().split(" ", 1) for part in row["excluded"].split(";"))
        assert left_out == {reason: int(number) for number, reason in pairs}, row["why"]


@pytest.mark.parametrize(("name", "line", "row"), CASES, ids=[f"{name}:{line}" for name, line, _ in CASES])
def test_receipt_agrees(stores, name, line, row):
    found = receipts.receipt(metrics.find(name), stores(name), **question(row))
    check(found["value"], row["value"], exact=True)
    assert found["n"] == int(row["n"]) == len(found["rows"])


def test_an_outsider_recomputes_every_receipt(stores, tmp_path):
    paths = []
    for name, line, row in CASES:
        found = receipts.receipt(metrics.find(name), stores(name), **question(row))
        paths.append(receipts.write(found, tmp_path / f"{name}_{line}"))
    script = Path(__file__).with_name("receipt_outsider.py")
    run = subprocess.run([sys.executable, "-I", script, *paths], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count("agrees") == len(CASES)


def test_docstring_receipt_and_code_agree_on_recovery(stores):
    """Trap 31: the text says deployment → recovery, so must each row's ends and value."""
    metric, store = metrics.failed_deployment_recovery_time, stores("failed_deployment_recovery_time")
    found = receipts.receipt(metric, store, service="clock", since="2026-09-01", until="2026-10-01", as_of="2026-11-01")
    assert "from the end of a failed deployment" in found["definition"]
    row = json.loads(receipts.to_json(found))["rows"][0]
    assert (row["started_at"], row["ended_at"], row["value"]) == ("2026-09-10T08:00:00Z", "2026-09-10T12:00:00Z", 4.0)
