"""Laws of the whole lab, from GitHub's rows to the answers, on one made-up world (`made_world`)."""

import random
from datetime import datetime, timedelta

import pandas as pd
import pytest
from made_world import BEGIN, END, SERVICES, known_by, made
from trap_lab import Lab

from devops_lab import metrics

WEEK, DAY = timedelta(days=7), timedelta(days=1)
SINCE = BEGIN - WEEK
MIDDLES = [BEGIN + timedelta(days=29, hours=13, minutes=7), BEGIN + timedelta(days=51, hours=9, minutes=31)]
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


def answers(store, **asked) -> dict[str, pd.DataFrame]:
    """Everything that can be asked of the five: windows, periods and rows."""
    found = {}
    for metric in (metrics.find(name) for name in metrics.DORA):
        found[f"{metric.name} by service"] = metric.window(store, by="service", **asked)
        found[f"{metric.name} over weeks"] = metric.over(store, every="week", by="service", **asked)
        found[f"{metric.name} rows"] = metric.observations(store, **asked)
    found["dora"] = metrics.dora(store, **asked)
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
    assert found["change_lead_time"]["n"] > 200
    assert found["failed_deployment_recovery_time"]["n"] > 10
    assert 0.1 < found["change_fail_rate"]["value"] < 0.9 and 0.05 < found["deployment_rework_rate"]["value"] < 0.9
    kinds = {(row["source_kind"], row["remedy"], row["grade"]) for row in store.failures.rows() if not row["excluded"]}
    assert {remedy for _, remedy, _ in kinds} >= {None, "revert", "rollback", "hotfix", "patch_release"}
    assert {grade for _, _, grade in kinds} >= {"link", "remedy", "window", None}
    assert {row["excluded"] for row in store.failures.rows()} >= {None, "not a change", "duplicate"}
    assert {row["result"] for row in store.deployments.rows()} >= {"success", "failure", "cancelled"}


def test_row_order_does_not_matter(everything, store, tmp_path):
    dice = random.Random(7)
    mixed = {name: dice.sample(rows, len(rows)) for name, rows in everything.items()}
    other = Lab(tmp_path, *SERVICES[::-1]).write(**dict(dice.sample(list(mixed.items()), len(mixed)))).link(END, SINCE)
    assert derived(store) == derived(other)
    same(answers(store, last="90 days"), answers(other, last="90 days"))


def test_all_times_shifted_by_a_week_shift_the_answers(everything, store, tmp_path):
    later = {name: shifted(rows, WEEK) for name, rows in everything.items()}
    other = Lab(tmp_path, *SERVICES).write(**later).link(END + WEEK, SINCE + WEEK)
    there = answers(other, last="90 days")
    for frame in there.values():
        for column, kind in frame.dtypes.items():
            if kind.kind == "M":
                frame[column] = (frame[column] - WEEK).astype(kind)
    same(answers(store, last="90 days"), there)
    for name, rows in derived(other).items():
        assert dict(zip(rows, shifted(list(rows.values()), -WEEK), strict=True)) == derived(store)[name], name


@pytest.mark.parametrize("moment", MIDDLES, ids=str)
def test_synced_in_two_halves_is_synced_once_and_the_past_is_as_it_was(world, everything, store, tmp_path, moment):
    """The first half is a store that never saw anything later: what `as_of` asks of the whole one must be the same."""
    lab = Lab(tmp_path, *SERVICES).write(**known_by(world, moment))
    early = lab.link(moment, SINCE)
    asked = {"since": moment - 28 * DAY, "until": moment}
    before, now = answers(early, **asked), answers(store, as_of=moment, **asked)
    same(before, now)

    both = lab.write(**everything).link(END, SINCE)
    assert derived(both) == derived(store)
    same(answers(both, last="90 days"), answers(store, last="90 days"))
    same(answers(both, as_of=moment, **asked), before)
    assert answers(early, **asked)["dora"].equals(before["dora"])  # the old handle still reads the old snapshot


def test_syncing_twice_is_syncing_once(everything, tmp_path):
    lab = Lab(tmp_path, *SERVICES)
    lab.write(**everything).link(END, SINCE)
    written = {name: lab.writer.write(name, lab.writer.arrow(f"select * exclude (fetched_at) from {name}").to_pylist(), "github")
               for name in everything}  # fmt: skip
    assert {name for name, count in written.items() if count.inserted or count.updated} == set()
    versions = {row["table_name"]: row["version"] for row in lab.writer.snapshots.rows()}
    lab.write(**everything).link(END, SINCE)
    newest = lab.writer.sql("select table_name, max(version) as v from snapshots group by table_name")
    again = dict(zip(newest["table_name"], newest["v"], strict=True))
    assert again == versions


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
