"""A sealed report says the same again, and what changed in the data since is listed."""

import json
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from lab_rows import deployment
from made_lab import NOW, lab

from devops_lab.cli import cli
from devops_lab.errors import QuestionError, ReportError
from devops_lab.reports import report, seal
from devops_lab.reports.again import again
from devops_lab.store import Store, watched

LATE = 200
WINDOW = (datetime(2026, 9, 1), datetime(2026, 10, 1))


@pytest.fixture(scope="module")
def sealed(tmp_path_factory) -> Path:
    """The folder of a lab with one sealed report; afterwards 200 deployments came late, and one row changed."""
    folder = tmp_path_factory.mktemp("sealed")
    lab(folder)
    here = Path.cwd()
    os.chdir(folder)
    try:
        report("report_dora", service="checkout", since="2026-09-01", until="2026-10-01")
    finally:
        os.chdir(here)
    store = Store(folder / "lab", latest=True)
    late = [
        deployment("checkout", f"late-{number}", WINDOW[0] + timedelta(hours=2 * number), ref="late")
        for number in range(LATE)
    ]
    after = deployment("checkout", "afterwards", WINDOW[1] + timedelta(hours=1))
    first = min(
        (row for row in store.deployments.rows() if row["started_at"] > WINDOW[0]), key=lambda r: r["started_at"]
    )
    changed = {key: value for key, value in first.items() if key not in ("fetched_at", "source")} | {"unplanned": True}
    store.write("deployments", [*late, after, changed], "delivery")
    store.commit_snapshot(NOW + timedelta(hours=1))
    return folder


@pytest.fixture(scope="module")
def compared(sealed):
    return again(sealed / "reports/report_dora-checkout.html")


def test_the_seal_names_what_the_report_was_made_of(sealed):
    found = seal.read(sealed / "reports/report_dora-checkout.html")
    assert (found.report, found.service, found.window_start) == ("report_dora", "checkout", "2026-08-31T22:00:00Z")
    (store,) = found.stores
    first = min(row["snapshot"] for row in Store(sealed / "lab").snapshots.rows() or [{"snapshot": store["snapshot"]}])
    assert store["path"] == "../lab" and store["snapshot"] == first and store["versions"]["deployments"] == 0
    assert store["ledger"]["rows"] > 0 and len(store["ledger"]["sha256"]) == 64
    assert [row["metric"] for row in found.metrics] == [one["metric"] for one in found.receipts]
    assert all(len(one["sha256"]) == 64 for one in found.receipts) and len(found.receipts) == 5
    assert found.parameters == {"service": "checkout", "since": "2026-09-01", "until": "2026-10-01"}
    assert set(found.files) == {f"report_dora-checkout.{kind}" for kind in ("html", "ipynb", "metrics.json")}


def test_the_same_numbers_after_200_late_events(compared):
    assert compared.same and compared.differences == ()
    assert compared.verdict == "checkout · DORA metrics: all 5 numbers are the same to the last digit"


def test_the_200_are_listed_and_nothing_else(compared):
    added = [one for one in compared.changes if one.kind == "added"]
    assert {one.table for one in compared.changes} == {"deployments"}
    assert [one.key["id"] for one in added] == [f"late-{number}" for number in range(LATE)]  # by time
    (changed,) = [one for one in compared.changes if one.kind != "added"]
    assert (changed.kind, changed.columns) == ("changed", ("unplanned",))
    assert (
        compared.summary
        == "Changed since, of what the report read: 200 added in deployments, 1 changed in deployments."
    )


def test_the_command_says_it_and_its_status(sealed):
    path = str(sealed / "reports/report_dora-checkout.html")
    ran = CliRunner().invoke(cli, ["report", "--again", path], standalone_mode=False)
    assert ran.exception is None and ran.return_value == 0
    lines = ran.stdout.splitlines()
    assert lines[0].endswith("the same to the last digit") and sum("late-" in line for line in lines) == LATE


def test_the_folder_may_move(sealed, tmp_path):
    shutil.copytree(sealed, tmp_path / "elsewhere")
    assert again(tmp_path / "elsewhere/reports/report_dora-checkout.seal.json").same


def test_what_is_not_the_same_is_told(sealed, tmp_path):
    shutil.copytree(sealed, tmp_path / "lab-of-mine")
    path = tmp_path / "lab-of-mine/reports/report_dora-checkout.seal.json"
    found = json.loads(path.read_text())
    found["metrics"][0]["value"] += 1e-9
    found["receipts"][1]["sha256"] = "0" * 64
    path.write_text(json.dumps(found))
    compared = again(path)
    assert not compared.same and len(compared.differences) == 2
    assert compared.differences[0].startswith("change_lead_time all median: value was")
    assert compared.differences[1] == "deployment_frequency: the receipt is another"


def test_a_snapshot_that_is_gone_is_told(sealed, tmp_path):
    shutil.copytree(sealed, tmp_path / "vacuumed")
    for path in (tmp_path / "vacuumed/lab/deployments").rglob("*.parquet"):
        path.unlink()
    with pytest.raises(ReportError, match=r"cannot be made again: the snapshot .* is no longer whole"):
        again(tmp_path / "vacuumed/reports/report_dora-checkout.html")


def test_a_changed_page_or_notebook_is_not_the_sealed_one(sealed, tmp_path):
    shutil.copytree(sealed / "reports", tmp_path / "reports")
    page = tmp_path / "reports/report_dora-checkout.html"
    notebook = page.with_suffix(".ipynb")
    notebook.write_text(notebook.read_text().replace("tiles.top", "tiles.summary"))
    with pytest.raises(QuestionError, match="is not the notebook that was sealed"):
        again(page)
    assert [path for path, _ in seal.sealed(tmp_path / "reports")] == [page]
    page.write_text(page.read_text()[:-100])
    with pytest.raises(QuestionError, match="is not the page that was sealed"):
        again(page)
    assert seal.sealed(tmp_path / "reports") == []
    with pytest.raises(QuestionError, match="has no seal"):
        seal.read(tmp_path / "reports/other.html")
    seal.path_of(page).write_text("{")
    with pytest.raises(QuestionError, match="is no seal"):
        seal.read(page)


# ---------------------------------------------------------------- the store's part


def test_a_snapshot_is_read_by_its_name(sealed):
    names = sorted({row["snapshot"] for row in Store(sealed / "lab", latest=True).snapshots.rows()})
    then, now = Store(sealed / "lab", snapshot=names[0]), Store(sealed / "lab")
    assert len(now.deployments.rows()) == len(then.deployments.rows()) + LATE + 1
    then.refresh()
    assert then.snapshot_name == names[0] and now.snapshot_name == names[1]
    with pytest.raises(QuestionError, match="has no snapshot yesterday"):
        Store(sealed / "lab", snapshot="yesterday")


def test_handles_are_noted_and_held_to_a_snapshot(sealed):
    path = str(sealed / "lab")
    first = min(row["snapshot"] for row in Store(path, latest=True).snapshots.rows())
    with watched({path: first}) as handles:
        held = Store(sealed / "reports" / ".." / "lab")
    assert handles == [held] and held.snapshot_name == first and held.versions["deployments"] == 0
    assert Store(path).snapshot_name != first
