"""Traps 1–10 of counting failures, from stored rows to the number; each docstring says what others got wrong."""

import csv
import io
import json

import pytest
from click.testing import CliRunner
from made_rows import REPOSITORY, at, pull
from trap_lab import (
    GITHUB,
    ISSUES,
    MARCH,
    answer,
    built,
    counted,
    deployed,
    evidence,
    incident_issue,
    left_out,
    line,
    of,
    together,
)  # fmt: skip

from devops_lab import metrics
from devops_lab.cli import cli
from devops_lab.reports import question
from devops_lab.store import Store

NAMES = " ".join(f"c{day}" for day in range(1, 24))
BROKEN = (3, 3, 5, 9, 9, 20)
LAB_TOML = """[[service]]
name = "checkout"
repository = "acme/checkout"
deployment = { from = "deployments" }
incident = { from = "issues", labels = ["incident"] }
"""


def days(first, last, **more):
    """One deployment a day at noon of the commits called c1, c2, …"""
    return together(*(deployed(day, f"c{day}", at(day), **more) for day in range(first, last + 1)))


@pytest.fixture(scope="module")
def twenty_three(tmp_path_factory):
    """23 daily deployments; six incidents, opened at 13:00 and closed at 15:00, over four of them."""
    folder = tmp_path_factory.mktemp("twenty three")
    (folder / "lab.toml").write_text(LAB_TOML)
    incidents = (incident_issue(n, at(day, "13:00"), at(day, "15:00")) for n, day in enumerate(BROKEN, 1))
    tables = together(days(1, 23), *incidents, {"commits": line(NAMES, at(1, "08:00"))})
    built(folder, {"deployment": GITHUB, "incident": ISSUES}, **tables)
    return folder


def test_trap_01_incidents_are_not_deployments(twenty_three):
    """Elsewhere: "A failure rate that counted incidents: 6 incidents over 4 of 23 deployments. Right: 4/23 = 17.4 %,
    not 26.1 %" (apache/devlake #8890)."""
    store = Store(twenty_three / "lab")
    assert len(store.incidents.rows()) == 6
    found = answer(store, "change_fail_rate")
    assert (found["value"], found["n"]) == (pytest.approx(4 / 23), 23)
    assert round(100 * found["value"], 1) == 17.4 != round(100 * 6 / 23, 1) == 26.1
    failed = {id for id, value in counted(store, "change_fail_rate").items() if value}
    assert failed == {"deployment:3", "deployment:5", "deployment:9", "deployment:20"}
    # four recoveries, each from noon to 15:00
    assert set(counted(store, "failed_deployment_recovery_time").values()) == {3.0}
    assert answer(store, "failed_deployment_recovery_time")["n"] == 4


def test_trap_02_every_surface_says_the_same(twenty_three, monkeypatch):
    """Elsewhere: "The same rate differed between two pages" (apache/devlake #7971): 4/23, wherever one looks."""
    monkeypatch.chdir(twenty_three)
    store, metric = Store(twenty_three / "lab"), metrics.change_fail_rate
    dora = metrics.dora(store, **MARCH).set_index("metric")["value"]
    rows = metric.observations(store, **MARCH)
    asked = ["--since", MARCH["since"], "--until", MARCH["until"], "--format"]

    def printed(*arguments):
        return CliRunner().invoke(cli, arguments, catch_exceptions=False).output

    [of_csv] = csv.DictReader(io.StringIO(printed("metrics", metric.name, *asked, "csv")))
    said = {
        "window": metric.window(store, **MARCH)["value"].item(),
        "over a month": metric.over(store, every="month", **MARCH)["value"].item(),
        "by service": metric.window(store, by="service", **MARCH)["value"].item(),
        "dora": dora[metric.name],
        "rows": rows["value"].sum() / rows["value"].count(),
        "receipt": evidence(store, metric.name, **MARCH)["value"],
        "report": question.ask(**MARCH).dora.set_index("metric")["value"][metric.name],
        "terminal": json.loads(printed("metrics", metric.name, *asked, "json"))[0]["value"],
        "terminal, csv": float(of_csv["value"]),
        "terminal, receipt": json.loads(printed("receipt", metric.name, *asked, "json"))["value"],
    }
    assert said == dict.fromkeys(said, pytest.approx(4 / 23, abs=1e-15))
    assert "17 %" in printed("metrics", metric.name, *asked, "table").replace("\N{NO-BREAK SPACE}", " ")


def test_trap_03_three_bugs_of_one_deployment_are_one_failure(tmp_path):
    """Elsewhere: "One deployment, three bugs: one failed deployment" (stenjo/devops-metrics-action #40)."""
    bugs = (incident_issue(n, at(1, f"1{n + 2}:00"), at(1, f"1{n + 4}:00")) for n in (1, 2, 3))
    store = built(tmp_path, {"deployment": GITHUB, "incident": ISSUES}, **together(days(1, 2), *bugs))
    assert counted(store, "change_fail_rate") == {"deployment:1": 1, "deployment:2": 0}
    assert answer(store, "change_fail_rate")["value"] == 1 / 2
    # recovered with the last of its failures: noon to 17:00 (bug 3, opened at 15:00), once
    assert counted(store, "failed_deployment_recovery_time") == {"deployment:1": 5.0}


@pytest.mark.parametrize("more", [{"duplicate_of": "#1"}, {"state_reason": "duplicate"}, {"labels": ["Duplicate"]}])
def test_trap_03_an_incident_and_its_duplicate_are_100_percent(tmp_path, more):
    """Elsewhere: "One deployment, an incident and its duplicate: 100 %, never 200 %" (gitlab #480920)."""
    twice = incident_issue(2, at(1, "13:10"), at(3), *more.pop("labels", []), **more)
    tables = together(days(1, 1), incident_issue(1, at(1, "13:00"), at(1, "14:00")), twice)
    store = built(tmp_path, {"deployment": GITHUB, "incident": ISSUES}, **tables)
    assert (answer(store, "change_fail_rate")["value"], answer(store, "change_fail_rate")["n"]) == (1.0, 1)
    assert left_out(store, "change_fail_rate") == {f"incident:{REPOSITORY}#2": "duplicate"}
    # the duplicate, closed two days later, lengthens nothing: noon to 14:00
    assert counted(store, "failed_deployment_recovery_time") == {"deployment:1": 2.0}


def test_trap_04_numerator_and_denominator_are_deployments(tmp_path):
    """Elsewhere: "Numerator and denominator were commits" (dora-team/fourkeys #351): deployments carry 1, 8 and 2
    commits."""
    commits = line("a b1 b2 b3 b4 b5 b6 b7 b8 c1 c2", at(1, "01:00"), every=at(1, "02:00") - at(1, "01:00"))
    made = together(*(deployed(n, name, at(n)) for n, name in ((1, "a"), (2, "b8"), (3, "c2"))))
    tables = together(made, incident_issue(1, at(3, "13:00")), {"commits": commits})
    store = built(tmp_path, {"deployment": GITHUB, "incident": ISSUES}, **tables)
    found = answer(store, "change_fail_rate")
    assert (found["value"], found["n"]) == (pytest.approx(1 / 3), 3)  # neither 2/11 commits nor 1/11
    assert set(counted(store, "change_fail_rate")) == {"deployment:1", "deployment:2", "deployment:3"}
    assert answer(store, "change_lead_time")["n"] == 10


def test_trap_05_an_incident_long_after_is_unattributed(tmp_path):
    """Elsewhere: "An incident charged to the last deployment however long ago" (apache/devlake #8150): a window of 24
    hours."""
    tables = together(
        deployed(1, "a", at(1)), deployed(2, "b", at(20)), incident_issue(1, at(2)), incident_issue(2, at(21, "12:01"))
    )
    usual = {"deployment": GITHUB, "incident": ISSUES}
    store = built(tmp_path, usual, {**usual, "name": "patient", "attribution_window": 25}, **tables)
    # the first is exactly 24 hours old, the second a minute more
    assert counted(store, "change_fail_rate", service="checkout") == {"deployment:1": 1, "deployment:2": 0}
    unattributed = {f"incident:{REPOSITORY}#2": "unattributed"}
    assert left_out(store, "change_fail_rate", service="checkout") == unattributed
    assert left_out(store, "failed_deployment_recovery_time", service="checkout") == unattributed
    assert answer(store, "change_fail_rate", service="checkout")["value"] == 1 / 2
    assert answer(store, "change_fail_rate", service="patient")["value"] == 1


def test_trap_06_an_outage_of_the_cloud_is_not_the_teams(tmp_path):
    """Elsewhere: "A cloud outage counted against the team" (apache/devlake #7487): out of both rates, still an
    incident."""
    tables = together(days(1, 2), incident_issue(1, at(1, "13:00"), at(2), "not-a-change"))
    store = built(tmp_path, {"deployment": GITHUB, "incident": ISSUES}, **tables)
    assert answer(store, "change_fail_rate")["value"] == 0
    assert answer(store, "failed_deployment_recovery_time")["n"] == 0
    outage = {f"incident:{REPOSITORY}#1": "not a change"}
    assert left_out(store, "change_fail_rate") == left_out(store, "failed_deployment_recovery_time") == outage
    [row] = store.incidents.rows()  # what monitor will count
    assert (row["not_a_change"], row["started_at"], row["resolved_at"]) == (True, at(1, "13:00"), at(2))


def test_trap_07_only_the_same_service_is_charged(tmp_path):
    """Elsewhere: "An incident at 09:45 in repository A charged to repository B's deployment of 09:30"
    (middlewarehq/middleware)."""
    usual = {"deployment": GITHUB, "incident": ISSUES}
    services = [{**usual, "name": name, "repository": f"acme/{name}"} for name in ("a", "b", "idle")]
    tables = together(
        of("acme/a", together(deployed(1, "a1", at(1, "08:00")), incident_issue(1, at(1, "09:45")))),
        of("acme/b", deployed(2, "b1", at(1, "09:30"))),
        of("acme/idle", incident_issue(1, at(1, "09:45"))),
    )
    store = built(tmp_path, *services, **tables)
    by_service = metrics.change_fail_rate.window(store, by="service", **MARCH).set_index("group_name")["value"]
    assert by_service.dropna().to_dict() == {"a": 1, "b": 0}
    assert counted(store, "change_fail_rate") == {"deployment:1": 1, "deployment:2": 0}
    assert left_out(store, "change_fail_rate") == {"incident:acme/idle#1": "unattributed"}


def test_trap_08_a_revert_is_charged_to_what_it_mends(tmp_path):
    """Elsewhere: "A revert charged to the previous, good deployment" (middlewarehq/middleware): it takes b back, c is
    innocent."""
    pulls = [pull(12, "b", at(2, "11:00")), pull(13, "d", at(4, "11:00"), title='Revert "pull 12"', reverts="#12")]
    made = together(*(deployed(n, name, at(n)) for n, name in enumerate("abcd", 1)))
    store = built(
        tmp_path, {"deployment": GITHUB}, commits=line("a b c d", at(1, "08:00")), pull_requests=pulls, **made
    )
    assert counted(store, "change_fail_rate") == {f"deployment:{n}": int(n == 2) for n in (1, 2, 3, 4)}
    assert counted(store, "failed_deployment_recovery_time") == {"deployment:2": 48.0}  # noon of the 2nd to the 4th
    assert counted(store, "deployment_rework_rate") == {f"deployment:{n}": int(n == 4) for n in (1, 2, 3, 4)}


def test_trap_09_a_moved_range_moves_no_incident(tmp_path):
    """Elsewhere: "Moving the range by one day attached the same incident to another deployment" (apache/devlake
    #4989)."""
    tables = together(days(1, 20), incident_issue(1, at(10, "09:00"), at(10, "18:00")))
    store = built(tmp_path, {"deployment": GITHUB, "incident": ISSUES}, **tables)
    whole = metrics.change_fail_rate.over(store, every="day", **MARCH).set_index("period_start")["value"]
    assert whole[whole == 1].index.tolist() == [at(9, "00:00")]  # of the 9th's deployment, 21 hours before
    for first in (8, 9, 10, 11):
        asked = {"since": at(first, "00:00"), "until": at(first + 10, "00:00")}
        failed = {id for id, value in counted(store, "change_fail_rate", **asked).items() if value}
        assert failed == ({"deployment:9"} if first <= 9 else set()), first
        assert left_out(store, "change_fail_rate", **asked) == {}
        frame = metrics.change_fail_rate.over(store, every="day", **asked).set_index("period_start")["value"]
        assert frame.tolist() == whole[frame.index].tolist()


def test_trap_10_incidents_closed_by_an_import_have_an_end(tmp_path):
    """Elsewhere: "Incidents closed through an import had no resolution date, so recovery never appeared"
    (apache/devlake #8906)."""
    imported = {"state": "closed", "closed_at": None, "updated_at": at(5)}
    tables = together(
        days(1, 3),
        *(incident_issue(n, at(n, "13:00"), **imported) for n in (1, 2)),
        incident_issue(3, at(3, "13:00")),
        {"issue_events": [{"id": n, "number": 1, "event": "closed", "created_at": at(n)} for n in (2, 3)]},
    )
    store = built(tmp_path, {"deployment": GITHUB, "incident": ISSUES}, **tables)
    found = counted(store, "failed_deployment_recovery_time")
    # 1: last closed on the 3rd at noon, 48 hours; 2: no event, last changed on the 5th, 72 hours
    assert {id: found[id] for id in ("deployment:1", "deployment:2")} == {"deployment:1": 48.0, "deployment:2": 72.0}
    # 3 is really open: censored at 1 May 00:00, 58.5 days after noon of 3 March
    [still] = [row for row in evidence(store, "failed_deployment_recovery_time")["rows"] if row["censored"]]
    assert (still["id"], still["value"]) == ("deployment:3", 58.5 * 24)
    # Kaplan-Meier of 48, 72, >1404: survival 2/3 after 48 and 1/3 after 72, so half are over at 72
    assert answer(store, "failed_deployment_recovery_time")["value"] == 72
