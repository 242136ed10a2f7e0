"""Laws of the whole lab, from GitHub's rows to the answers, on one made-up world (`made_world`)."""

import random
from datetime import datetime, timedelta

import pandas as pd
import pytest
from made_rows import at, pull
from made_world import BEGIN, END, SERVICES, known_by, made
from trap_lab import GITHUB, ISSUES, Lab, deployed, incident_issue, line, together

from devops_lab import metrics

WEEK, DAY = timedelta(days=7), timedelta(days=1)
SINCE = BEGIN - WEEK
WHOLE = {"last": "17 weeks"}
MIDDLES = [datetime(2026, 1, 28, 8, 6), datetime(2026, 2, 26, 13, 9, 30)]  # a rollout goes on, failures are open
DERIVED = {"deployments": "id", "changes": "sha", "failures": "failure_id", "incidents": "id"}


@pytest.fixture(scope="module")
def world():
    return made()


@pytest.fixture(scope="module")
def everything(world):
    return known_by(world, END)


@pytest.fixture(scope="module")
def store(everything, tmp_path_factory):
    """The lab that all others are held against: everything in one sync, in the order it happened."""
    return Lab(tmp_path_factory.mktemp("whole"), *SERVICES).write(**everything).link(END, SINCE)


@pytest.fixture(scope="module")
def newest(store):
    return answers(store, **WHOLE)


def answers(store, **asked) -> dict[str, pd.DataFrame]:
    """Everything that can be asked of the five: windows, periods and rows."""
    found = {}
    for metric in (metrics.find(name) for name in metrics.DORA):
        found[f"{metric.name} over weeks"] = metric.over(store, every="week", by="service", **asked)
        found[f"{metric.name} rows"] = metric.observations(store, **asked)
    found["windows"] = metrics.dora(store, by="service", **asked)
    return found


def same(one: dict[str, pd.DataFrame], other: dict[str, pd.DataFrame]) -> None:
    assert one.keys() == other.keys()
    for name, frame in one.items():
        pd.testing.assert_frame_equal(frame, other[name], check_exact=True, obj=name)


def derived(store) -> dict[str, dict]:
    """The derived rows by service and key, without when they were written."""
    return {
        name: {
            (row["service"], row[key]): {column: value for column, value in row.items() if column != "fetched_at"}
            for row in store.arrow(f"select * from {name}").to_pylist()
        }
        for name, key in DERIVED.items()
    }


def shifted(rows: list[dict], by: timedelta) -> list[dict]:
    return [{key: value + by if isinstance(value, datetime) else value for key, value in row.items()} for row in rows]


def test_the_world_is_worth_asking(store):
    """Enough of everything that the laws are about, or they hold for nothing."""
    found = {row["metric"]: row for row in metrics.dora(store, last="all").to_dict("records")}
    assert found["deployment_frequency"]["n"] > 50
    finished = [row["finished_at"] for row in store.deployments.rows()]
    assert (min(finished) - BEGIN) / DAY < 20 < 80 < (max(finished) - BEGIN) / DAY
    assert found["change_lead_time"]["n"] > 200
    assert found["failed_deployment_recovery_time"]["n"] > 10
    assert 0.1 < found["change_fail_rate"]["value"] < 0.9 and 0.05 < found["deployment_rework_rate"]["value"] < 0.9
    kinds = {(row["source_kind"], row["remedy"], row["grade"]) for row in store.failures.rows() if not row["excluded"]}
    assert {remedy for _, remedy, _ in kinds} >= {None, "revert", "rollback", "hotfix", "patch_release"}
    assert {grade for _, _, grade in kinds} >= {"link", "remedy", "window", None}
    assert {row["excluded"] for row in store.failures.rows()} >= {None, "not a change", "duplicate"}
    assert {row["result"] for row in store.deployments.rows()} >= {"success", "failure", "cancelled"}


def test_row_order_does_not_matter(everything, store, newest, tmp_path):
    dice = random.Random(7)
    mixed = {name: dice.sample(rows, len(rows)) for name, rows in everything.items()}
    other = Lab(tmp_path, *SERVICES[::-1]).write(**dict(dice.sample(list(mixed.items()), len(mixed)))).link(END, SINCE)
    assert derived(store) == derived(other)
    same(newest, answers(other, **WHOLE))


def test_all_times_shifted_by_a_week_shift_the_answers(everything, store, newest, tmp_path):
    later = {name: shifted(rows, WEEK) for name, rows in everything.items()}
    other = Lab(tmp_path, *SERVICES).write(**later).link(END + WEEK, SINCE + WEEK)
    there = answers(other, **WHOLE)
    for frame in there.values():
        for column, kind in frame.dtypes.items():
            if kind.kind == "M":
                frame[column] = (frame[column] - WEEK).astype(kind)
    same(newest, there)
    for name, rows in derived(other).items():
        assert dict(zip(rows, shifted(list(rows.values()), -WEEK), strict=True)) == derived(store)[name], name


@pytest.mark.parametrize("moment", MIDDLES, ids=str)
def test_synced_in_two_halves_is_synced_once_and_the_past_is_as_it_was(
    world, everything, store, newest, tmp_path, moment
):
    """The first half is a store that never saw anything later: what `as_of` asks of the whole one must be the same."""
    lab = Lab(tmp_path, *SERVICES).write(**known_by(world, moment))
    early = lab.link(moment, SINCE)
    asked = {"since": moment - 28 * DAY, "until": moment}
    before = answers(early, **asked)
    waiting = {name: set(before[f"{name} rows"]["excluded"]) for name in metrics.DORA}
    assert "not finished" in waiting["deployment_frequency"] and "not deployed yet" in waiting["change_lead_time"]
    assert before["failed_deployment_recovery_time rows"]["censored"].sum() >= 2
    same(before, answers(store, as_of=moment, **asked))

    both = lab.write(**everything).link(END, SINCE)
    assert derived(both) == derived(store)
    same(newest, answers(both, **WHOLE))
    still = metrics.dora(early, by="service", **asked)  # the old handle reads the old snapshot
    assert still.equals(before["windows"])


def test_syncing_twice_is_syncing_once(everything, tmp_path):
    lab = Lab(tmp_path, *SERVICES)
    lab.write(**everything).link(END, SINCE)
    for name in everything:
        rows = lab.writer.rows(f"select * exclude (fetched_at) from {name}")
        count = lab.writer.write(name, rows, "github")
        assert (count.inserted, count.updated, count.unchanged) == (0, 0, len(rows)), name
    versions = {row["table_name"]: row["version"] for row in lab.writer.snapshots.rows()}
    lab.write(**everything).link(END, SINCE)
    newest = lab.writer.sql("select table_name, max(version) as v from snapshots group by table_name")
    again = dict(zip(newest["table_name"], newest["v"], strict=True))
    assert again == versions


SAID = ["id", "occurred_at", "value", "excluded"]
LATER = {
    # An incident of the 3rd, 13:00, lies in c's window; on the 4th its remedy turns out to take b back.
    "a remedy names what it mends": (
        at(3, "18:00"),
        together(
            *(deployed(n, name, at(n)) for n, name in enumerate("abcd", 1)),
            incident_issue(5, at(3, "13:00"), at(6)),
            {"pull_requests": [pull(12, "b", at(2)), pull(13, "d", at(4, "11:00"), reverts="#12", closes="5")]},
        ),
    ),
    # b was merged and taken back before either was deployed; then each is deployed.
    "what was reverted is deployed all the same": (
        at(3, "18:00"),
        together(deployed(1, "a", at(1)), deployed(2, "b", at(4)), deployed(3, "c", at(5)),
                 {"pull_requests": [pull(12, "b", at(2)), pull(13, "c", at(3), reverts="#12")]}),
    ),
    # b waits; the next deployment's sha is not known, so later b is "deployment unknown".
    "a deployment of an unknown sha": (
        at(3, "18:00"), together(deployed(1, "a", at(1)), deployed(2, "gone", at(4)), deployed(3, "c", at(5))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LATER)
def test_the_past_is_judged_by_the_newest_evidence(tmp_path, case):
    """A question as of the 3rd sees the deployments of then, and judges them by what was found out on the 4th."""
    moment, tables = LATER[case]
    tables = {**tables, "commits": line("a b c d", at(1, "08:00"))}
    tables["branches"] = [
        {"branch": "main", "sha": row["sha"], "moved_at": row["committed_at"]} for row in tables["commits"]
    ]
    rows = {name: [{"repository": "acme/checkout", **row} for row in found] for name, found in tables.items()}
    rows.setdefault("issue_labels", [])
    service = {"deployment": GITHUB, "incident": ISSUES}
    early = Lab(tmp_path / "early", service).write(**known_by(rows, moment)).link(moment)
    whole = Lab(tmp_path / "whole", service).write(**known_by(rows, END)).link(END)
    asked = {"since": at(1, "00:00"), "until": moment}
    then, now = (
        {
            name: metrics.find(name).observations(store, as_of=moment, **asked)[SAID].to_dict("records")
            for name in metrics.DORA
        }
        for store in (early, whole)
    )
    assert then["deployment_frequency"] == now["deployment_frequency"]
    assert len(now["deployment_frequency"]) > 0
    assert [name for name in metrics.DORA if repr(then[name]) != repr(now[name])]


@pytest.mark.parametrize("as_of", [END, END - 20 * DAY + timedelta(hours=15, minutes=20)], ids=str)
@pytest.mark.parametrize("name", metrics.DORA)
def test_a_days_value_is_the_same_in_every_window(store, name, as_of):
    metric = metrics.find(name)
    days, rows = {}, {}
    for last in ("7 days", "30 days", "90 days"):
        frame = metric.over(store, every="day", by="service", last=last, as_of=as_of)
        days[last] = frame[~frame["partial"]].set_index(["group_name", "period_start"])
        rows[last] = metric.observations(store, last=last, as_of=as_of)
    assert len(days["90 days"]) >= 4 * 89
    for last in ("7 days", "30 days"):
        pd.testing.assert_frame_equal(days[last], days["90 days"].loc[days[last].index], check_exact=True)
        since = as_of - timedelta(days=int(last.split()[0]))
        inside = rows["90 days"][rows["90 days"]["occurred_at"] >= since].reset_index(drop=True)
        pd.testing.assert_frame_equal(rows[last], inside, check_exact=True, check_dtype=False)
