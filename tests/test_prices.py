"""What runners cost: the minutes of `runner_minutes` times a price list; the arithmetic stands beside each case."""

import json
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner
from lab_rows import NOW, Facts, complete, filled

from devops_lab import metrics
from devops_lab.cli import cli
from devops_lab.config import settings
from devops_lab.config.context import Prices
from devops_lab.errors import ConfigError, QuestionError
from devops_lab.metrics.costs import costs
from devops_lab.reports import phases, runner_costs
from devops_lab.store import Store

DAY = datetime(2026, 10, 5, 12)
PRICES = Prices(currency="USD", linux=0.01, windows=0.02, macos=0.08, self_hosted=0.002)


def job(number, minutes, labels, service="shop", run=1, attempt=1):
    when = DAY + timedelta(hours=number)
    return {
        "repository": f"acme/{service}", "id": number, "run_id": run, "run_attempt": attempt, "name": f"job {number}",
        "created_at": when, "started_at": when, "completed_at": when + timedelta(minutes=minutes), "labels": labels,
        "status": "completed", "conclusion": "success", "runner_group": "hosted",
    }  # fmt: skip


def run(number, workflow, service="shop", attempt=1):
    return {
        "repository": f"acme/{service}", "id": number, "run_attempt": attempt, "workflow": workflow,
        "created_at": DAY, "started_at": DAY, "updated_at": DAY + timedelta(hours=1), "status": "completed",
    }  # fmt: skip


def tables():
    """Linux 9.5 → 10 minutes, its re-run 2, Windows 3, macOS 4, macOS xlarge 1, 16 cores 5, self-hosted 100."""
    return complete(
        {
            "services": [
                {"service": name, "repository": f"acme/{name}", "team": "t", "deployment_tables": "tags",
                 "change_tables": "commits", "failure_tables": "issues"} for name in ("shop", "bank")
            ],
            "workflow_runs": [run(1, "ci"), run(1, "ci", attempt=2), run(2, "deploy"), run(3, "ci", "bank")],
            "workflow_jobs": [
                job(1, 9.5, "ubuntu-latest"), job(2, 2, "ubuntu-latest", attempt=2), job(3, 3, "windows-2025", run=2),
                job(4, 4, "macos-15", run=2), job(5, 1, "macos-15-xlarge", run=2),
                job(6, 5, "ubuntu-24.04-16core", "bank", run=3), job(7, 100, "self-hosted, linux", "bank", run=3),
            ],
        }
    )  # fmt: skip


ASKED = {"since": "2026-10-01", "until": "2026-11-01", "as_of": NOW}


def by_name(frame):
    return {row["group_name"]: row for row in frame.to_dict("records")}


def test_by_hand():
    found = by_name(costs(Facts(tables()), PRICES, by="workflow", service="shop", **ASKED))
    assert found["ci"]["cost"] == pytest.approx(10 * 0.01 + 2 * 0.01)
    assert found["ci"]["again_cost"] == pytest.approx(2 * 0.01)
    assert found["deploy"]["cost"] == pytest.approx(3 * 0.02 + 4 * 0.08 + 1 * 2 * 0.08)  # an xlarge counts as two
    assert found["deploy"]["minutes"] == 3 * 2 + 4 * 10 + 1 * 20 and found["deploy"]["again_minutes"] == 0
    [bank] = costs(Facts(tables()), PRICES, service="bank", **ASKED).to_dict("records")
    assert bank["cost"] == pytest.approx(5 * 8 * 0.01 + 100 * 0.002) and bank["currency"] == "USD"


def test_groups_add_up_to_the_whole_and_to_the_metric():
    facts = Facts(tables())
    whole = costs(facts, PRICES, **ASKED).iloc[0]
    for by in ("service", "workflow", "kind", "repository", "team"):
        found = costs(facts, PRICES, by=by, **ASKED)
        for column in ("jobs", "minutes", "again_minutes", "cost", "again_cost"):
            assert found[column].sum() == pytest.approx(whole[column]), (by, column)
    minutes = metrics.runner_minutes.window(facts, self_hosted=1, **ASKED)["value"].iloc[0]
    assert whole["minutes"] == minutes == 10 + 2 + 6 + 40 + 20 + 40 + 100


def test_without_prices_there_are_minutes_and_no_money():
    row = costs(Facts(tables()), None, **ASKED).iloc[0]
    assert row["minutes"] == 218 and row["cost"] is None and row["currency"] is None


def test_kinds_left_out_cost_what_their_minutes_weigh():
    prices = Prices(linux=0.006)
    assert [prices.minute(kind) for kind in ("linux", "windows", "macos", "self-hosted")] == [0.006, 0.012, 0.06, 0.0]
    whole = costs(Facts(tables()), prices, service="shop", **ASKED).iloc[0]
    assert whole["cost"] == pytest.approx(78 * 0.006)  # as GitHub weighs them


def test_what_no_sync_covered_is_missing_and_half_a_window_says_so():
    nothing = costs(Facts(complete({"services": tables()["services"]}, covered=None)), PRICES, **ASKED)
    assert nothing.empty and "no sync has covered" in nothing.attrs["reason"]
    half = complete({name: rows for name, rows in tables().items() if name != "sync_ledger"},
                    covered=(datetime(2026, 10, 1), datetime(2026, 10, 16, 12)))  # fmt: skip
    assert costs(Facts(half), PRICES, **ASKED)["coverage"].iloc[0] == pytest.approx(0.5)
    with pytest.raises(QuestionError, match="by = 'person'"):
        costs(Facts(tables()), PRICES, by="person", **ASKED)


@pytest.fixture
def lab(tmp_path):
    writer = filled(Store(tmp_path / "lab", latest=True), tables())
    writer.commit_snapshot(NOW)
    (tmp_path / "lab.toml").write_text('[[service]]\nname = "shop"\nrepository = "acme/shop"\n')
    return tmp_path / "lab.toml"


def test_the_command_line_and_the_page_say_it_is_an_estimate(lab):
    words = ["costs", "--since", "2026-10-01", "--config", str(lab)]
    plain = CliRunner().invoke(cli, words).output
    assert "[prices] in lab.toml" in plain and "about" not in plain
    lab.write_text(lab.read_text() + '[prices]\ncurrency = "EUR"\nlinux = 0.01\n')
    said = CliRunner().invoke(cli, words).output
    assert "estimate" in said and "EUR" in said and "deploy" in said
    rows = json.loads(CliRunner().invoke(cli, [*words, "--format", "json", "--by", "service"]).output)
    assert {row["group_name"] for row in rows} == {"shop", "bank"} and all(row["estimate"] for row in rows)
    page = runner_costs.spent(phases.ask(config=str(lab), since="2026-10-01"))
    assert "an estimate, not a bill" in page.text and "EUR" in page.text and "Workflow" in page.text


def test_a_price_list_with_mistakes(tmp_path):
    for wrong in ({"linux": -1}, {"linux": "cheap"}, {}, {"linux": 1, "currency": "<b>"}, {"linux": 1, "amiga": 2}):
        with pytest.raises(ConfigError, match="prices"):
            settings({"prices": wrong}, tmp_path / "lab.toml")
