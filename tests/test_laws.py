"""Laws that hold for every metric of the catalogue, on made-up histories."""

from datetime import datetime, timedelta

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lab_rows import EVER as ALWAYS
from lab_rows import Facts, change, complete, deployment, failure

from devops_lab import metrics
from devops_lab.tables import TABLES

START = datetime(2026, 7, 6)  # a Monday
END = START + timedelta(days=60)
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
EVERY = pytest.mark.parametrize("metric", metrics.catalogue(), ids=lambda metric: metric.name)
QUICK = settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])

hours = st.integers(0, 50 * 24)


@st.composite
def histories(draw):
    """Deployments, changes and failures of two services: unsuccessful, open, unknown and excluded ones among them."""
    tables = {"deployments": [], "changes": [], "failures": []}
    for service in ("bank", "shop"):
        finished = sorted(draw(st.sets(hours, min_size=1, max_size=14)))
        for hour in finished:
            result = draw(st.sampled_from(["success", "success", "success", "failure", "cancelled"]))
            tables["deployments"].append(
                deployment(service, hour, START + hour * HOUR, result=result, unplanned=draw(st.booleans()))
            )
        for number in range(draw(st.integers(0, 20))):
            merged = START + draw(hours) * HOUR
            deployed = min((START + hour * HOUR for hour in finished if START + hour * HOUR >= merged), default=None)
            first = draw(st.none() | st.integers(0, 400).map(lambda gap, merged=merged: merged - gap * HOUR))
            excluded = draw(st.sampled_from([None, None, None, "merge commit"]))
            tables["changes"].append(
                change(
                    service,
                    f"#{number}",
                    first,
                    deployed,
                    merged_at=merged,
                    excluded=excluded,
                    is_bot=draw(st.booleans()),
                )
            )
        for number, hour in enumerate(draw(st.lists(st.sampled_from(finished), max_size=8))):
            began = START + (hour + 1) * HOUR
            recovered = draw(st.none() | st.integers(0, 200).map(lambda gap, began=began: began + gap * HOUR))
            cause = draw(st.sampled_from([hour, hour, None]))
            tables["failures"].append(failure(service, number, cause, began, recovered))
    return tables


def store_of(tables, as_of=END):
    return Facts(complete(tables, covered=(ALWAYS, as_of)), as_of=as_of)


def moved(tables, by):
    return {
        name: [
            {key: value + by if isinstance(value, datetime) else value for key, value in row.items()} for row in rows
        ]
        for name, rows in tables.items()
    }


def same(one, other):
    pd.testing.assert_frame_equal(one.reset_index(drop=True), other.reset_index(drop=True), check_exact=True)


@EVERY
def test_empty_in_empty_out_with_a_reason(metric):
    for frame in (metric.over(Facts({})), metric.window(Facts({})), metric.observations(Facts({}))):
        assert frame.empty and frame.attrs["reason"]


@EVERY
@given(histories(), st.randoms(use_true_random=False))
@QUICK
def test_row_order_does_not_matter(metric, tables, random):
    shuffled = {name: random.sample(rows, len(rows)) for name, rows in tables.items()}
    for by in (None, "service"):
        same(metric.window(store_of(tables), by=by), metric.window(store_of(shuffled), by=by))
    same(metric.over(store_of(tables)), metric.over(store_of(shuffled)))
    same(metric.observations(store_of(tables)), metric.observations(store_of(shuffled)))


@EVERY
@given(histories(), st.integers(1, 60))
@QUICK
def test_times_shifted_by_weeks_shift_the_result(metric, tables, weeks):
    gap = weeks * WEEK
    here = metric.over(store_of(tables), last="60 days")
    there = metric.over(store_of(moved(tables, gap), END + gap), last="60 days")
    for column in ("period_start", "period_end"):
        there[column] = (there[column] - gap).astype(here[column].dtype)
    same(here, there)


@EVERY
@given(histories(), st.integers(0, 40), st.integers(1, 12))
@QUICK
def test_a_days_value_is_the_same_in_every_question(metric, tables, first, length):
    """Trap 9: moving the range by a day must move nothing else."""
    store = store_of(tables)
    long = metric.over(store, every="day", since=START, until=END)
    since = START + first * WEEK / 7
    short = metric.over(store, every="day", since=since, until=since + length * WEEK / 7)
    assert len(short) == length * len(metric.statistics)
    same(short, long[(long["period_start"] >= since) & (long["period_start"] < since + length * WEEK / 7)])
    one = metric.over(store, every="day", since=since, until=since + length * WEEK / 7, service="shop")
    other = metric.over(store, every="day", since=START, until=END, service="shop")
    same(one, other[(other["period_start"] >= since) & (other["period_start"] < since + length * WEEK / 7)])


def as_known(tables, moment):
    """What a store would hold that never saw anything later than `moment`."""
    kept = {}
    for name, rows in tables.items():
        table = TABLES[name]
        kept[name] = [
            {
                key: None
                if (known := table.column(key).known) and (row.get(known) is None or row[known] > moment)
                else value
                for key, value in row.items()
            }
            for row in rows
            if row[table.born] <= moment
        ]
    return kept


@EVERY
@given(histories(), st.integers(1, 55 * 24))
@QUICK
def test_as_of_the_past_equals_a_store_that_never_saw_more(metric, tables, hour):
    moment = START + hour * HOUR
    full, early = complete(tables), complete(as_known(tables, moment))
    early |= {"services": full["services"], "sync_ledger": full["sync_ledger"]}
    asked = {"since": START - WEEK, "until": moment}
    same(metric.window(Facts(full), as_of=moment, **asked), metric.window(Facts(early), as_of=moment, **asked))
    same(
        metric.observations(Facts(full), as_of=moment, **asked),
        metric.observations(Facts(early), as_of=moment, **asked),
    )


@EVERY
@given(histories())
@QUICK
def test_values_count_what_the_observations_list(metric, tables):
    """The drill-down is the same table, not summed."""
    store = store_of(tables)
    rows = metric.observations(store, last="60 days")
    answer = metric.window(store, last="60 days").iloc[0]
    assert answer["n"] == rows["excluded"].isna().sum() == rows["value"].notna().sum()
    days = metric.over(store, every="day", last="60 days")
    assert days["n"].sum() == answer["n"]
    assert (days["low"].isna() | days["value"].isna() | (days["low"] <= days["value"])).all()
    assert (days["high"].isna() | days["value"].isna() | (days["high"] >= days["value"])).all()
