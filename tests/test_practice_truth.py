"""The world's truth against the lab's numbers, synced through HTTP from the practice server.

Services whose incidents all name their cause must agree exactly; for the others, left to reverts and the 24-hour
window, only what does not hang on attribution must.
"""

from datetime import datetime, timedelta

import pytest

import devops_lab.sync
from devops_lab import config, metrics
from devops_lab.practice.server import Options, serve
from devops_lab.practice.settings import lab_toml
from devops_lab.practice.world import make
from devops_lab.store import Store

pytestmark = pytest.mark.server

UNTIL = datetime(2026, 11, 20, 12)
SINCE = UNTIL - timedelta(days=400)
LINKED = ("web", "checkout", "accounts")
SECOND = timedelta(seconds=1)


def fetch(company, folder, monkeypatch):
    """Sync a company as it was at its own `until` into the lab in `folder`; return the store."""
    monkeypatch.setenv("GITHUB_TOKEN", "practice-token")
    monkeypatch.setattr(devops_lab.sync, "_now", lambda: company.until)
    with serve(company, options=Options(limit=1_000_000)) as url:
        (folder / "lab.toml").write_text(lab_toml(company.name, url, dora_alone=True))
        settings = config.load(folder / "lab.toml")
        store = Store(settings.store)
        outcomes = devops_lab.sync.sync(store, settings, since=SINCE)
    assert [outcome.problem for outcome in outcomes] == [None] * 5
    return store


def near(one, other):
    return abs(one - other) <= SECOND


def check_deployments_and_changes(store, company):
    truth = company.truth
    for service in company.services:
        rows = store.rows("select * from deployments where service = $service", service=service)
        for good in (True, False):
            found = sorted(row["finished_at"] for row in rows if row["result"] and (row["result"] == "success") == good)
            true = sorted(
                one.finished_at
                for one in truth.deployments
                if one.service == service and (one.result == "success") == good
            )
            assert len(found) == len(true), service
            assert all(map(near, found, true)), service
        rows = store.rows("select * from changes where service = $service and is_result", service=service)
        changes = {row["change_id"]: row for row in rows if row["deployed_at"] and not row["excluded"]}
        expected = {one.change: one for one in truth.changes if one.service == service and not one.before_records}
        assert changes.keys() == expected.keys(), service
        for id, row in changes.items():
            assert near(row["first_commit_at"], expected[id].first_commit_at), (service, id)
            assert near(row["deployed_at"], expected[id].deployed_at), (service, id)


def check_failures(store, company, service):
    truth = company.truth
    ended = {
        row["id"]: row["finished_at"]
        for row in store.rows("select * from deployments where service = $service", service=service)
    }
    found: dict[datetime, list] = {}
    for row in store.rows("select * from failures where service = $service and excluded is null", service=service):
        assert row["deployment_id"], (service, row["failure_id"])
        found.setdefault(ended[row["deployment_id"]], []).append(row["recovered_at"])
    numbers = {one.id: one.finished_at for one in truth.deployments if one.service == service}
    expected: dict[datetime, list] = {}
    for one in truth.failures:
        if one.service == service:
            expected.setdefault(numbers[one.deployment], []).append(one.recovered_at)
    assert {end: None in ends or max(ends) for end, ends in found.items()} == {
        end: None in ends or max(ends) for end, ends in expected.items()
    }
    unplanned = store.rows(
        "select finished_at from deployments where service = $service and unplanned", service=service
    )
    assert sorted(row["finished_at"] for row in unplanned) == sorted(
        one.finished_at for one in truth.deployments if one.service == service and one.unplanned
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_lab_finds_the_truth(seed, tmp_path, monkeypatch):
    company = make(seed, until=UNTIL)
    store = fetch(company, tmp_path, monkeypatch)
    check_deployments_and_changes(store, company)
    for service in LINKED:
        check_failures(store, company, service)


def test_a_sync_in_the_middle_changes_nothing_at_the_end(tmp_path, monkeypatch):
    company = make(2, until=UNTIL, months=5)
    early = company.at(UNTIL - timedelta(days=70))
    store = fetch(early, tmp_path, monkeypatch)
    check_deployments_and_changes(store, early)
    store = fetch(company, tmp_path, monkeypatch)
    check_deployments_and_changes(store, company)
    for service in LINKED:
        check_failures(store, company, service)


def test_the_five_numbers_are_the_true_ones(tmp_path, monkeypatch):
    company = make(3, until=UNTIL, months=3)
    store = fetch(company, tmp_path, monkeypatch)
    since = UNTIL - timedelta(days=60)
    for service in LINKED:
        for name in (
            "change_lead_time",
            "deployment_frequency",
            "change_fail_rate",
            "deployment_rework_rate",
        ):
            frame = getattr(metrics, name).window(store, since=since, until=UNTIL, service=service)
            true = company.truth.metric(name, service, since, UNTIL)
            assert frame["n"].iloc[0] == true.n, (service, name)
            assert frame["value"].iloc[0] == pytest.approx(true.value, abs=1 / 3600), (service, name)
