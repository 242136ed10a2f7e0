"""Metrics: headers, questions, coverage, groups, empty answers, and a user's own definitions."""

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from lab_rows import EVER, NOW, Facts, change, complete, deployment, failure

from devops_lab import metrics
from devops_lab.errors import ConfigError, QuestionError
from devops_lab.metrics import receipt
from devops_lab.metrics.definition import CANONICAL

DAY = timedelta(days=1)
START = datetime(2026, 9, 7)  # a Monday
LONG = [
    "metric", "unit", "group_name", "period_start", "period_end", "statistic",
    "value", "n", "low", "high", "too_few", "coverage", "partial",
]  # fmt: skip


def rollouts(service, count, gap=DAY, start=START, prefix="", **more):
    return [deployment(service, f"{prefix}{number}", start + number * gap, **more) for number in range(count)]


def week_of(store, **more):
    return metrics.deployment_frequency.over(store, since=START, until=START + 21 * DAY, **more)


# ---------------------------------------------------------------- the catalogue and the headers


def test_the_catalogue_holds_the_five_first():
    names = [metric.name for metric in metrics.catalogue()]
    assert tuple(names[:5]) == metrics.DORA
    assert metrics.change_lead_time is metrics.find("change_lead_time")
    assert "change_lead_time" in dir(metrics)
    assert metrics.change_lead_time.phase == "dora"
    assert metrics.change_lead_time.text.startswith("Hours from a change's first commit")


def test_every_definition_says_unit_and_what_and_where_from():
    for metric in metrics.catalogue():
        assert metric.text and metric.unit and metric.statistics and metric.reference, metric.name
        assert metric.better in ("lower", "higher", None)
        assert metric.tables, metric.name


def test_unknown_metrics_are_named_with_the_nearest():
    with pytest.raises(QuestionError, match="did you mean change_lead_time"):
        metrics.find("change_led_time")
    with pytest.raises(AttributeError, match="no metric"):
        _ = metrics.lead


OWN = """-- {name}
-- Days a deployment took: said by hand.
-- unit: days | statistic: median, p90, highest | better: lower
-- parameters: least = 0.5, kind_of = 'a' or 'b', limit_to = null
select service, repository, finished_at as occurred_at, id,
    (epoch_us(finished_at) - epoch_us(started_at)) / 86400000000.0 as value, -- $comment 'is none'
    case when $kind_of = 'b' then 'of kind b' when $limit_to is not null then 'limited' end as excluded
from deployments where result = 'success' and $least > 0
"""


def own(tmp_path, text=OWN, name="own_duration"):
    (tmp_path / f"{name}.sql").write_text(text.replace("{name}", name))
    return metrics.find(name, tmp_path)


def test_a_users_own_metric(tmp_path):
    metric = own(tmp_path)
    assert metric.statistics == ("median", "p90", "highest")
    assert (metric.parameters, metric.choices) == (
        {"least": 0.5, "kind_of": "a", "limit_to": None},
        {"kind_of": ("a", "b")},
    )
    assert metric in metrics.catalogue(tmp_path)
    store = Facts(complete({"deployments": rollouts("shop", 7)}))
    answer = metric.window(store)
    assert list(answer["statistic"]) == ["median", "p90", "highest"]
    assert answer["value"].to_list() == pytest.approx([1 / 144] * 3)
    assert metric.window(store, kind_of="b", keep_empty=True)["n"].sum() == 0
    for wrong, said in (
        ({"kind_of": "c"}, "one of 'a', 'b'"),
        ({"least": "x"}, "like its default"),
        ({"most": 1}, "no parameter 'most'"),
    ):
        with pytest.raises(QuestionError, match=said):
            metric.window(store, **wrong)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("-- {name}", "-- other"), "line 1: must be the metric's name"),
        (("-- Days a deployment took: said by hand.\n", ""), "line 2: says nothing"),
        (("unit: days | ", ""), "line 4: the header says no `unit:`"),
        (("statistic: median", "statistic: mean"), "line 3: there is no statistic 'mean'"),
        (("better: lower", "better: smaller"), "line 3: better = 'smaller'"),
        (("better: lower", "bettr: lower"), "line 3: 'bettr' is no key"),
        (("better: lower", "unit: weeks"), "line 3: 'unit' stands there twice"),
        (("better: lower", "kind: moment"), "line 3: kind = 'moment'; must be one of event, state"),
        (("better: lower", "lower"), "line 3: 'lower' is not `key: value`"),
        (("least = 0.5", "least = half"), "line 4: 'least = half' is no parameter"),
        (("least = 0.5, ", ""), "line 4: the query uses $least"),
        (("least = 0.5", "least = 0.5, most = 2"), "line 4: the query does not use the parameter 'most'"),
        ((OWN[OWN.index("select") :], ""), "line 5: there is no query"),
    ],
)
def test_wrong_headers_name_file_and_line(tmp_path, change, said):
    with pytest.raises(ConfigError) as caught:
        own(tmp_path, OWN.replace(*change))
    assert said in str(caught.value) and "own_duration.sql" in str(caught.value)


def test_one_name_one_file(tmp_path):
    with pytest.raises(ConfigError, match="is shipped already"):
        own(tmp_path, name="change_lead_time")


def test_a_query_that_lacks_a_column_says_which(tmp_path):
    metric = own(tmp_path, OWN.replace("finished_at as occurred_at, ", ""))
    with pytest.raises(QuestionError, match="no column occurred_at"):
        metric.window(Facts(complete({"deployments": rollouts("shop", 1)})))


STATE = """-- newest_age
-- Days since the last deployment, at the end.
-- unit: days | statistic: median | kind: state
select d.service, d.repository, p.period_start, p.period_end as occurred_at, max(d.id) as id,
    (epoch_us(p.period_end) - max(epoch_us(d.finished_at))) / 86400000000.0 as value
from periods p join deployments d on d.finished_at < p.period_end
group by d.service, d.repository, p.period_start, p.period_end
"""


def test_state_is_true_just_before_the_end(tmp_path):
    metric = own(tmp_path, STATE, "newest_age")
    store = Facts(complete({"deployments": rollouts("shop", 3)}), as_of=START + 10 * DAY)
    weeks = metric.over(store, every="week", since=START, until=START + 14 * DAY)
    # deployed on days 0, 1, 2: at the end of the first week 5 days ago, at as_of (day 10, in the second) 8 days ago
    assert weeks["value"].to_list() == [5, 8]
    assert weeks["partial"].to_list() == [False, True]
    answer = metric.window(store, since=START, until=START + 7 * DAY)
    assert answer["value"].to_list() == [5]
    assert len(metric.observations(store, since=START, until=START + 7 * DAY)) == 1


def test_ratio_is_a_ratio_of_sums(tmp_path):
    text = OWN[: OWN.index("select")].replace("median, p90, highest", "ratio").split("-- parameters")[0]
    metric = own(
        tmp_path,
        text
        + "select service, repository, finished_at as occurred_at, id, case when id = '0' then 1 else 9 end as value,"
        " case when id = '0' then 10 else 10 end as denominator from deployments",
    )
    assert metric.window(Facts(complete({"deployments": rollouts("shop", 2)})))["value"].to_list() == [0.5]


# ---------------------------------------------------------------- frames


def test_the_long_frame():
    frame = week_of(Facts(complete({"deployments": rollouts("shop", 3)})))
    assert list(frame.columns) == LONG
    assert frame["value"].to_list() == [3, 0, 0]
    assert frame["group_name"].unique().tolist() == ["all"]
    assert frame["coverage"].to_list() == [1, 1, 1]
    assert frame["period_start"].to_list() == [START, START + 7 * DAY, START + 14 * DAY]
    assert frame["high"].iloc[1] == pytest.approx(3.6889, abs=5e-5)
    assert not frame["partial"].any() and not frame["too_few"].any()


def test_several_statistics_and_groups():
    tables = {"deployments": rollouts("shop", 2) + rollouts("bank", 1)}
    tables["changes"] = [change("shop", f"#{n}", START - n * DAY, START + DAY) for n in range(8)]
    store = Facts(complete(tables, teams={"shop": "retail", "bank": "retail"}))
    frame = metrics.change_lead_time.over(
        store, by="service", statistic=["median", "p90"], since=START, until=START + 7 * DAY
    )
    assert frame[["group_name", "statistic"]].to_numpy().tolist() == [
        ["bank", "median"], ["bank", "p90"], ["shop", "median"], ["shop", "p90"],
    ]  # fmt: skip
    assert frame["value"].to_list()[2:] == pytest.approx([4.5 * 24, 7.3 * 24])  # 1 to 8 days
    assert np.isnan(frame["value"].to_list()[:2]).all()
    assert week_of(store, by="team")["value"].to_list() == [3, 0, 0]
    assert week_of(store, by="repository")["group_name"].unique().tolist() == ["acme/bank", "acme/shop"]
    assert week_of(store, by="service", service="bank")["group_name"].unique().tolist() == ["bank"]
    assert week_of(store, team="retail")["value"].to_list() == [3, 0, 0]
    with pytest.raises(QuestionError, match="never people"):
        week_of(store, by="author")


def test_services_without_a_team_are_a_group():
    store = Facts(complete({"deployments": rollouts("shop", 2)}))
    assert week_of(store, by="team")["group_name"].unique().tolist() == ["no team"]


def test_unknown_services_are_named():
    store = Facts(complete({"deployments": rollouts("checkout", 2)}, teams={"checkout": "payments"}))
    with pytest.raises(QuestionError, match="did you mean 'checkout'"):
        metrics.dora(store, service="chekout")
    with pytest.raises(QuestionError, match="there is no team 'x'; there are payments"):
        metrics.dora(store, team="x")


def test_observations_are_canonical_and_carry_no_value_when_left_out():
    tables = {"deployments": [*rollouts("shop", 2), deployment("shop", 9, START + 3 * DAY, result="failure")]}
    rows = metrics.deployment_frequency.observations(Facts(complete(tables)), service="shop")
    assert tuple(rows.columns[: len(CANONICAL)]) == CANONICAL
    assert rows["excluded"].to_list() == [None, None, "unsuccessful"]
    assert rows["value"].sum() == 2 and rows["value"].isna().to_list() == [False, False, True]


def test_all_is_everything():
    tables = {"deployments": rollouts("shop", 2) + rollouts("shop", 1, start=datetime(2012, 11, 24), prefix="old")}
    store = Facts(complete(tables))
    assert len(metrics.deployment_frequency.observations(store, last="all")) == 3
    years = metrics.deployment_frequency.over(store, every="year", last="all")
    assert years["value"].to_list() == [1, *[0] * 13, 2]


def test_time_zone_says_when_a_day_begins():
    store = Facts(complete({"deployments": [deployment("shop", 1, datetime(2026, 9, 14, 22, 30))]}))
    asked = {"every": "day", "since": "2026-09-14", "until": "2026-09-16"}
    assert metrics.deployment_frequency.over(store, **asked)["value"].to_list() == [1, 0]
    there = metrics.deployment_frequency.over(store, timezone="Europe/Berlin", **asked)
    assert there["value"].to_list() == [0, 1]


def test_two_in_thirty_days_from_one_call():
    """Trap 27, over the whole way: 0.47 a week, 2 in the window's only whole month is still 2."""
    store = Facts(complete({"deployments": rollouts("shop", 2, 20 * DAY, datetime(2026, 9, 16))}))
    asked = {"since": "2026-09-15", "until": "2026-10-15"}
    answer = metrics.deployment_frequency.window(store, statistic=["per week", "per day", "count"], **asked)
    assert answer["value"].to_list() == pytest.approx([14 / 30, 2 / 30, 2])
    assert answer["unit"].to_list() == ["per week", "per day", "count"]


# ---------------------------------------------------------------- coverage and emptiness


def test_what_no_sync_covered_is_missing_and_never_nothing():
    tables = {"deployments": rollouts("shop", 3)}
    frame = week_of(Facts(complete(tables, covered=(START, START + 10 * DAY))))
    assert frame["coverage"].to_list() == pytest.approx([1, 3 / 7, 0])
    assert frame["value"].isna().to_list() == [False, True, True]
    assert frame["partial"].to_list() == [False, True, True]
    late = tables["deployments"] + rollouts("shop", 1, start=START + 8 * DAY, prefix="late")
    frame = week_of(Facts(complete({"deployments": late}, covered=(START, START + 10 * DAY))))
    assert frame["value"].to_list()[:2] == [3, 1] and frame["partial"].to_list()[1]


def test_without_a_ledger_nothing_is_covered():
    frame = week_of(Facts(complete({"deployments": rollouts("shop", 3)}, covered=None)))
    assert frame["coverage"].to_list() == [0, 0, 0] and frame["value"].isna().all()


def ledger(table, start, end, **more):
    return {
        "repository": "acme/shop", "source": "test", "table_name": table, "window_start": start, "window_end": end,
        "recorded_at": NOW, **more,
    }  # fmt: skip


def covered(*rows, metric="change_fail_rate"):
    tables = complete({"deployments": rollouts("shop", 3)}, covered=None)
    tables["sync_ledger"] = list(rows)
    store = Facts(tables)
    return metrics.find(metric).over(store, since=START, until=START + 7 * DAY)["coverage"].iloc[0]


def test_every_table_must_be_covered():
    end = START + 7 * DAY
    whole = [ledger(name, EVER, end) for name in ("tags", "commits", "issues")]
    assert covered(*whole) == 1
    assert covered(*whole[:2]) == 0
    assert covered(*whole[:2], metric="change_lead_time") == 1
    assert covered(whole[0], metric="deployment_frequency") == 1
    assert covered(*whole[:2], ledger("issues", START + 4 * DAY, end)) == pytest.approx(3 / 7)


def test_windows_are_joined_and_refused_ones_cover_nothing():
    def of(*spans, **more):
        rows = [ledger("tags", START + a * DAY, START + b * DAY, **more) for a, b in spans]
        return covered(*rows, metric="deployment_frequency")

    assert of((0, 3), (3, 7)) == 1
    assert of((0, 5), (2, 7), (1, 3)) == 1
    assert of((0, 2), (5, 7)) == pytest.approx(4 / 7)
    assert of((0, 7), refused="the token may not see it") == 0


def test_a_window_that_a_limit_cut_short_covers_the_share_that_came():
    end = START + 7 * DAY
    assert covered(ledger("tags", EVER, end, fetched=900, capped=100), metric="deployment_frequency") == 0.9
    again = ledger("tags", EVER, end + DAY, fetched=1000, capped=0, recorded_at=NOW + DAY)
    first = ledger("tags", EVER, end, fetched=900, capped=100)
    assert covered(first, again, metric="deployment_frequency") == 1


def test_a_question_that_a_later_one_repeats_is_counted_once():
    tables = complete({"deployments": rollouts("shop", 3)}, covered=None)
    first = ledger("tags", EVER, START + DAY, asked=10, fetched=9, missing=1)
    again = ledger("tags", EVER, NOW, asked=12, fetched=11, missing=1, recorded_at=NOW + DAY)
    tables["sync_ledger"] = [first, again]
    coverage = receipt.receipt(metrics.find("deployment_frequency"), Facts(tables), last="all")["coverage"]
    assert coverage == [{"table_name": "tags", "asked": 12, "fetched": 11, "missing": 1}]


def test_files_are_covered_under_their_services_name():
    tables = complete({"deployments": rollouts("shop", 1)}, covered=None)
    tables["services"][0] |= {"deployment_tables": "reported_deployments"}
    tables["sync_ledger"] = [ledger("reported_deployments", EVER, NOW) | {"repository": "shop"}]
    assert week_of(Facts(tables))["coverage"].to_list() == [1, 1, 1]


def test_a_group_is_covered_as_far_as_its_services_are():
    tables = complete({"deployments": rollouts("shop", 3) + rollouts("bank", 1)}, covered=None)
    tables["sync_ledger"] = [ledger("tags", EVER, NOW)]
    assert week_of(Facts(tables))["coverage"].to_list() == [0.5, 0.5, 0.5]


def test_the_window_before_is_missing_unless_covered():
    tables = {"deployments": rollouts("shop", 20)}
    asked = {"since": START + 10 * DAY, "until": START + 20 * DAY}
    answer = metrics.deployment_frequency.window(Facts(complete(tables)), **asked).iloc[0]
    assert (answer["value"], answer["previous"], answer["previous_n"]) == pytest.approx((7, 7, 10))
    answer = metrics.deployment_frequency.window(Facts(complete(tables, covered=(START + DAY, NOW))), **asked).iloc[0]
    assert answer["value"] == 7 and np.isnan(answer["previous"])


def test_periods_after_as_of_are_partial():
    store = Facts(complete({"deployments": rollouts("shop", 9)}), as_of=START + 9 * DAY)
    frame = metrics.deployment_frequency.over(store, since=START)
    assert frame["value"].to_list() == [7, 2] and frame["partial"].to_list() == [False, True]


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({}, "the store has no services yet"),
        (complete({"deployments": [deployment("shop", 1, EVER)]}, covered=None), "no sync has covered"),
    ],
)
def test_an_empty_answer_says_why(tables, said):
    store = Facts(tables)
    for metric in metrics.catalogue():
        for frame in (metric.over(store), metric.window(store), metric.observations(store)):
            assert len(frame) == 0 and said in frame.attrs["reason"]
    assert list(metrics.catalogue()[0].over(store).columns) == LONG
    frame = metrics.dora(store)
    assert len(frame) == 0 and said in frame.attrs["reason"]


def test_nothing_that_counts_says_what_was_left_out():
    waiting = [change("shop", f"#{n}", START, None, merged_at=START + DAY) for n in range(3)]
    store = Facts(complete({"changes": waiting}))
    frame = metrics.change_lead_time.window(store)
    assert frame["n"].to_list() == [0] and np.isnan(frame["value"].iloc[0])
    assert "left out: 3 not deployed yet" in frame.attrs["reason"]
    assert "nothing happened" in metrics.deployment_frequency.window(store).attrs["reason"]


# ---------------------------------------------------------------- the five


def test_dora_gives_one_row_each_and_agrees_with_every_metric():
    """Trap 2: every surface asks one function, and it says what the metrics say."""
    tables = {
        "deployments": rollouts("shop", 12),
        "changes": [change("shop", f"#{n}", START, START + n // 3 * DAY + timedelta(hours=n)) for n in range(12)],
        "failures": [failure("shop", n, n, START + n * DAY, START + n * DAY + timedelta(hours=n)) for n in (2, 5, 6)],
    }
    store = Facts(complete(tables))
    frame = metrics.dora(store, last="90 days")
    assert tuple(frame["metric"]) == metrics.DORA
    for row in frame.to_dict("records"):
        alone = metrics.find(row["metric"]).window(store).iloc[0]
        pd.testing.assert_series_equal(pd.Series(row), alone, check_names=False, check_dtype=False)
    assert frame["value"].to_list()[1:] == pytest.approx([12 * 7 / 90, 3 / 12, 5, 0])


def test_dora_keeps_five_rows_where_only_some_are_known():
    tables = complete({"deployments": rollouts("shop", 12)}, covered=None)
    tables["sync_ledger"] = [ledger("tags", EVER, NOW)]
    frame = metrics.dora(Facts(tables))
    assert tuple(frame["metric"]) == metrics.DORA
    assert frame["value"].notna().to_list() == [False, True, False, False, True]


def test_records_are_ready_for_json():
    store = Facts(complete({"deployments": rollouts("shop", 3)}))
    first = metrics.records(metrics.dora(store))[0]
    assert first["value"] is None and first["period_end"] == "2026-11-01T00:00:00Z" and first["too_few"] is True


def test_a_stored_answer_equals_the_one_from_memory(store):
    from lab_rows import filled

    tables = complete({"deployments": rollouts("shop", 12), "changes": [change("shop", "#1", START, START + DAY)]})
    filled(store, tables)
    store.commit_snapshot(NOW)
    store.refresh()
    assert store.as_of == NOW
    pd.testing.assert_frame_equal(metrics.dora(store), metrics.dora(Facts(tables)))
