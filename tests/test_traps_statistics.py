"""Traps 26, 27 and 29–31 of statistics, from stored rows to the number (28 stands with the changes)."""

import math
from datetime import datetime, timedelta

import pytest
from click.testing import CliRunner
from made_rows import at, commit, sha
from trap_lab import GITHUB, ISSUES, MARCH, answer, built, counted, deployed, evidence, incident_issue, together

from devops_lab import metrics
from devops_lab.cli import cli
from devops_lab.metrics import benchmarks

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LAB_TOML = """[[service]]
name = "checkout"
repository = "acme/checkout"
deployment = { from = "deployments" }
"""


def printed(folder, monkeypatch, *arguments):
    """What the terminal says, with plain spaces."""
    (folder / "lab.toml").write_text(LAB_TOML)
    monkeypatch.chdir(folder)
    said = CliRunner().invoke(cli, arguments, catch_exceptions=False).output
    return said.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_trap_26_the_median_of_two_is_their_middle(tmp_path):
    """Elsewhere: "`median([10, 1000])` gave 10" (apache/devlake, run): two changes of 10 and 1,000 hours are 505."""
    deployed_at = at(60)
    commits = [
        commit("root", "", at(1)),
        commit("slow", "root", deployed_at - 1000 * HOUR),
        commit("fast", "slow", deployed_at - 10 * HOUR),
    ]
    tables = together(deployed(1, "root", at(1)), deployed(2, "fast", deployed_at), {"commits": commits})
    store = built(tmp_path, {"deployment": GITHUB}, **tables)
    assert counted(store, "change_lead_time") == {sha("slow"): 1000.0, sha("fast"): 10.0}
    assert answer(store, "change_lead_time")["value"] == 505
    assert evidence(store, "change_lead_time")["value"] == 505
    month = metrics.change_lead_time.over(store, every="month", since="2026-04-01", until="2026-05-01")
    assert month["value"].tolist() == [505]
    # an interpolated percentile likewise: 10 + 0.9 × 990
    assert answer(store, "change_lead_time", statistic="p90")["value"] == pytest.approx(901)


def test_trap_27_two_in_thirty_days(tmp_path, monkeypatch):
    """Elsewhere: "2 deployments from 15 September to 15 October came out as 0 a day, 0 a week, 1 a month"
    (middlewarehq/middleware #593, run): 2/30 = 0.067 a day, 14/30 = 0.47 a week, 2 of them."""
    inside = [datetime(2026, 9, 15), datetime(2026, 10, 3, 12)]
    outside = [datetime(2026, 9, 14, 23, 59, 59), datetime(2026, 10, 15)]  # `until` is not included
    made = together(*(deployed(n, None, when) for n, when in enumerate(inside + outside)))
    store = built(tmp_path, {"deployment": GITHUB}, as_of=datetime(2026, 11, 1), **made)
    asked = {"since": "2026-09-15", "until": "2026-10-15"}
    found = metrics.deployment_frequency.window(store, statistic=["per day", "per week", "count"], **asked)
    assert found["value"].tolist() == pytest.approx([2 / 30, 14 / 30, 2])
    assert [round(value, 3) for value in found["value"][:1]] == [0.067]
    assert round(found["value"][1], 2) == 0.47
    days = metrics.deployment_frequency.over(store, every="day", **asked)["value"]
    assert (len(days), days.sum(), days[0]) == (30, 2, 1)
    assert metrics.deployment_frequency.over(store, every="month", **asked)["value"].tolist() == [1, 1]
    said = printed(
        tmp_path, monkeypatch, "metrics", "deployment_frequency", "--since", asked["since"], "--until", asked["until"]
    )
    assert "0.47 a week" in said


def test_trap_29_long_ranges_are_whole_and_empty_months_are_not_nothing(tmp_path):
    """Elsewhere: "Ranges over 400 days silently cut, empty months drawn as 0" (apache/devlake, run): 2020 to 2025,
    2,192 days."""
    moments = [datetime(2023, 1, 31, 12), datetime(2023, 3, 1, 12), datetime(2025, 12, 31, 12)]
    commits, parent = [], ""
    for place, when in enumerate(moments):
        commits.append(commit(f"c{place}", parent, when - 2 * HOUR))
        parent = f"c{place}"
    made = together(*(deployed(n, f"c{n}", when) for n, when in enumerate(moments)), {"commits": commits})
    store = built(tmp_path, {"deployment": GITHUB}, as_of=datetime(2026, 1, 1), since=datetime(2023, 1, 1), **made)
    asked = {"since": "2020-01-01", "until": "2026-01-01"}
    days = metrics.deployment_frequency.over(store, every="day", **asked)
    assert len(days) == 2192  # 366 + 365 + 365 + 365 + 366 + 365
    assert days["n"].sum() == 3
    months = metrics.deployment_frequency.over(store, every="month", **asked).set_index("period_start")
    assert len(months) == 72
    assert months["value"].isna().sum() == 36  # nobody asked before 2023: missing
    assert months["value"].dropna().tolist() == [1, 0, 1, *[0] * 32, 1]  # asked, and nothing there: 0
    lead = metrics.change_lead_time.over(store, every="month", **asked).set_index("period_start")["value"]
    # a duration has no 0: only March 2023 and December 2025 carried something new
    assert lead.dropna().to_dict() == {datetime(2023, 3, 1): 2.0, datetime(2025, 12, 1): 2.0}
    assert metrics.change_fail_rate.over(store, every="month", **asked)["value"].notna().sum() == 3
    partly = months.loc[months["partial"]]
    assert len(partly) == 36 and (partly["coverage"] == 0).all()


def test_trap_30_three_days_a_week_are_three_a_week(tmp_path, monkeypatch):
    """Elsewhere: "“Daily” meant three days a week" (apache/devlake #4634): the number is said, never a word for it."""
    monday = datetime(2026, 3, 2)
    moments = [monday + (7 * week + day) * DAY + 12 * HOUR for week in range(4) for day in (0, 2, 4)]
    made = together(*(deployed(n, f"c{n}", when) for n, when in enumerate(moments)))
    store = built(tmp_path, {"deployment": GITHUB}, **made)
    asked = {"since": monday, "until": monday + 28 * DAY}
    found = answer(store, "deployment_frequency", **asked)
    assert (found["value"], found["n"], found["unit"]) == (3.0, 12, "per week")
    assert metrics.deployment_frequency.over(store, **asked)["value"].tolist() == [3, 3, 3, 3]
    said = printed(
        tmp_path, monkeypatch, "metrics", "deployment_frequency", "--since", "2026-03-02", "--until", "2026-03-30"
    )
    assert "3 a week" in said and "dai" not in said.lower()
    for edition in benchmarks.EDITIONS:
        tier = benchmarks.tier("deployment_frequency", found["value"], found["unit"], edition, found["n"])
        assert tier is None or (tier.name != "elite" and not tier.published.startswith("on demand")), edition


def test_trap_31_text_receipt_and_code_agree(tmp_path):
    """Elsewhere: "Text said deployment → fix, the query took the incident's creation" (dora-team/fourkeys #119):
    deployed at noon, opened at 14:00, closed at 16:00 are 4 hours."""
    tables = together(
        deployed(1, "a", at(1)),
        incident_issue(5, at(1, "14:00"), at(1, "16:00")),
    )
    store = built(tmp_path, {"deployment": GITHUB, "incident": ISSUES}, **tables)
    found = evidence(store, "failed_deployment_recovery_time", **MARCH)
    assert found["definition"].startswith(
        "Hours from the end of a failed deployment until the last of its failures recovered"
    )
    assert found["definition"] == metrics.failed_deployment_recovery_time.text
    [row] = found["rows"]
    assert (row["started_at"], row["ended_at"]) == ("2026-03-01T12:00:00Z", "2026-03-01T16:00:00Z")
    assert row["value"] == found["value"] == 4.0
    assert answer(store, "failed_deployment_recovery_time", **MARCH)["value"] == 4.0


def test_trap_31_every_receipts_rows_give_its_value(tmp_path):
    """The ends that the receipt shows are those the value was taken from, for each of the five."""
    commits = [commit("a", "", at(1)), commit("b", "a", at(2, "08:00")), commit("c", "b", at(3, "07:00"))]
    made = together(*(deployed(n, letter, at(n)) for n, letter in enumerate("abc", 1)), {"commits": commits})
    tables = together(made, incident_issue(5, at(2, "14:00"), at(2, "16:00")))
    store = built(tmp_path, {"deployment": GITHUB, "incident": ISSUES}, **tables)
    expected = {
        "change_lead_time": 4.5,  # b 4 hours, c 5
        "deployment_frequency": 21 / 31,  # three in 31 days, a week
        "change_fail_rate": 1 / 3,
        "failed_deployment_recovery_time": 4.0,  # noon to 16:00
        "deployment_rework_rate": 0.0,
    }
    for name in metrics.DORA:
        found = evidence(store, name, **MARCH)
        assert found["value"] == pytest.approx(expected[name]), name
        assert (found["n"], found["window_start"]) == (len(found["rows"]), "2026-03-01T00:00:00Z")
        for row in found["rows"]:
            if row["started_at"] is not None:
                ends = [datetime.fromisoformat(row[end]) for end in ("started_at", "ended_at")]
                assert math.isclose((ends[1] - ends[0]) / HOUR, row["value"])
