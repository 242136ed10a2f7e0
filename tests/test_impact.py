"""Deployment impact: each case is a level one can read, a change one can see, and the verdict a person would give."""

from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from trap_lab import AS_OF, MARCH, Lab, incident_issue, line, production

from devops_lab import config, delivery, metrics
from devops_lab.delivery import impact
from devops_lab.delivery.impact_incidents import from_impacts
from devops_lab.delivery.impact_statistics import Count, difference, holm, slowdown, spread
from devops_lab.delivery.impact_steps import Levels, Steps, ticks
from devops_lab.delivery.impact_windows import Calendar
from devops_lab.errors import ConfigError

IMPACT = {"incident": {"from": "impact"}}
SLO = {"objective": 0.99, "good": "good", "total": "total"}
STEP = timedelta(minutes=5)
START = datetime(2026, 3, 1)
DAYS = 30
CORRECTION = """
[[correction]]
kind = "incident"
service = "checkout"
id = "impact:deployment:11"
by = "ada"
made_at = 2026-03-20T00:00:00Z
reason = "seen in the logs"
"""
BOUNDS = np.array([0.1, 0.2, 0.4, np.inf])
NORMAL, DOUBLED = (0.5, 0.3, 0.15, 0.05), (0.2, 0.3, 0.3, 0.2)


def at(day: int, time: str = "12:00") -> datetime:
    return datetime(2026, 3, day, *map(int, time.split(":")))


def deployment(id: str, finished: datetime, minutes: int = 10, **more) -> dict:
    start = finished - timedelta(minutes=minutes)
    return {"id": id, "started_at": start, "finished_at": finished, "result": "success", "excluded": None} | more


class Made:
    """A month of steps of 1,000 requests, 1 % of them bad, to be changed by hand."""

    def __init__(self, requests: float = 1000, errors: float = 0.01) -> None:
        count = int(timedelta(days=DAYS) / STEP)
        self.began = np.array([ticks(START + place * STEP) for place in range(count)], np.int64)
        self.total = np.full(count, float(requests))
        self.errors = np.full(count, errors)
        self.buckets = np.tile(NORMAL, (count, 1))

    def where(self, since: datetime, until: datetime):
        return (self.began >= ticks(since)) & (self.began < ticks(until))

    def bad(self, since: datetime, until: datetime, errors: float) -> "Made":
        self.errors[self.where(since, until)] = errors
        return self

    def slow(self, since: datetime, until: datetime) -> "Made":
        self.buckets[self.where(since, until)] = DOUBLED
        return self

    def traffic(self, since: datetime, until: datetime, requests: float) -> "Made":
        self.total[self.where(since, until)] = requests
        return self

    def levels(self, latency: bool = False) -> Levels:
        axis = Steps(self.began, self.began + ticks(START + STEP) - ticks(START))
        bad = np.round(self.errors * self.total)
        if not latency:
            return Levels(axis, bad, self.total)
        return Levels(axis, bad, self.total, axis, BOUNDS, self.buckets * self.total[:, None])

    def rows(self, *deployments: dict, latency: bool = False, reach=None) -> dict:
        found = impact.impacts("checkout", "acme/checkout", deployments, self.levels(latency), reach)
        return {row["deployment_id"]: row for row in found}

    def verdicts(self, *deployments: dict, latency: bool = False) -> list[str | None]:
        return [row["verdict"] for row in self.rows(*deployments, latency=latency).values()]


def counts(*steps: tuple[int, int]) -> Count:
    return Count(*(np.array(numbers, float) for numbers in zip(*steps, strict=True)))


class TestStatistics:
    def test_1_percent_before_and_6_after_is_5_points(self):
        before, after = counts(*[(2, 200)] * 5), counts(*[(12, 200)] * 5)
        found = difference(before, after)
        assert found.effect == pytest.approx(0.05)
        assert found.low < 0.05 < found.high
        assert found.p_value < 0.01

    def test_a_control_that_rose_by_a_point_takes_a_point_away(self):
        before, after = counts((5, 500), (5, 500)), counts((30, 500), (30, 500))
        control = counts((5, 500), (5, 500)), counts((10, 500), (10, 500))
        assert difference(before, after, control).effect == pytest.approx(0.04)

    def test_steps_that_jump_about_make_the_interval_wider_than_the_requests_alone(self):
        even, jumpy = counts(*[(10, 1000)] * 10), counts(*[(0, 1000), (20, 1000)] * 5)
        assert spread([even])[0] == 1
        assert spread([jumpy])[0] > 10
        narrow, wide = difference(even, even), difference(jumpy, jumpy)
        assert (wide.high - wide.low) > 3 * (narrow.high - narrow.low)

    def test_steps_that_resemble_their_neighbours_count_for_less(self):
        shuffled, runs = counts(*[(5, 1000), (15, 1000)] * 6), counts(*[(5, 1000)] * 6, *[(15, 1000)] * 6)
        assert spread([runs])[0] > 3 * spread([shuffled])[0]

    def test_none_of_a_hundred_is_not_certainty(self):
        none = counts((0, 50), (0, 50))
        found = difference(none, none)
        assert found.effect == 0
        assert 0 < found.high < 0.05

    def test_holm(self):
        assert holm([0.04, 0.01]) == [0.04, 0.02]
        assert holm([0.03, 0.02]) == [0.04, 0.04]
        assert holm([]) == []

    def test_odds_that_halve_as_time_doubles(self):
        """Half above 0.1 s and a third above 0.2 s: where two thirds are above 0.1 s, all take twice as long."""
        baseline = np.array([0.1, 0.2]), np.array([1 / 2, 1 / 3])
        assert slowdown(*baseline, 0.1, 2 / 3) == pytest.approx(2)
        assert slowdown(*baseline, 0.1, 1 / 2) == pytest.approx(1)
        assert slowdown(*baseline, 0.2, 1 / 2) == pytest.approx(2)


class TestWindows:
    def test_the_hour_after_and_the_hour_before_the_rollout(self):
        windows = Calendar([one := deployment("a", at(10))]).windows(one)
        assert windows.after == (at(10, "12:00"), at(10, "13:00"))
        assert windows.before == (at(10, "10:50"), at(10, "11:50"))
        assert windows.earlier(1).after == (at(3, "12:00"), at(3, "13:00"))

    def test_the_next_rollout_cuts_the_window_even_one_that_fails(self):
        one, other = deployment("a", at(10)), deployment("b", at(10, "12:40"), result="failure")
        windows = Calendar([one, other]).windows(one)
        assert windows.after == (at(10, "12:00"), at(10, "12:30"))
        assert windows.before == (at(10, "11:20"), at(10, "11:50"))
        assert windows.notes == ("cut by the next rollout",)

    def test_a_cancelled_one_cuts_nothing(self):
        one, other = deployment("a", at(10)), deployment("b", at(10, "12:40"), result="cancelled")
        assert Calendar([one, other]).windows(one).after[1] == at(10, "13:00")

    def test_the_window_before_begins_where_the_rollout_before_finished(self):
        one, other = deployment("a", at(10)), deployment("b", at(10, "11:20"))
        assert Calendar([one, other]).windows(one).before == (at(10, "11:20"), at(10, "11:50"))

    def test_it_reaches_over_a_rollout_that_finished_a_moment_ago(self):
        one, other = deployment("a", at(10)), deployment("b", at(10, "11:45"))
        windows = Calendar([one, other]).windows(one)
        assert windows.before == (at(10, "10:50"), at(10, "11:50"))
        assert windows.busy == ((at(10, "11:35"), at(10, "11:45")),)

    def test_a_rollout_that_hangs_for_ever_disturbs_a_day_only(self):
        hung = deployment("b", at(5), finished_at=None, result=None)
        one, later = deployment("a", at(5, "18:00")), deployment("c", at(10))
        calendar = Calendar([hung, one, later])
        assert calendar.windows(one).after == (at(5, "18:00"), at(5, "18:00"))
        assert calendar.windows(later).after[1] == at(10, "13:00")

    def test_steps_that_straddle_the_deployment_are_dropped(self):
        levels = Made().levels()
        assert len(levels.errors((at(10, "12:02"), at(10, "13:02"))).total) == 11
        assert len(levels.errors((at(10, "12:00"), at(10, "13:00"))).total) == 12


class TestVerdicts:
    def test_one_percent_before_and_six_after_is_worse(self):
        row = Made().bad(at(10), at(11), 0.06).rows(deployment("a", at(10)))["a"]
        assert (row["verdict"], row["measure"], row["control_weeks"]) == ("worse", "errors", 1)
        assert (row["error_before"], row["error_after"], row["error_control_after"]) == (0.01, 0.06, 0.01)
        assert row["effect"] == pytest.approx(0.05)
        assert row["low"] < row["effect"] < row["high"]
        assert (row["requests_before"], row["requests_after"]) == (12_000, 12_000)

    def test_nothing_happened(self):
        assert Made().verdicts(deployment("a", at(10))) == ["no change seen"]

    def test_the_one_that_takes_it_away_is_better(self):
        made = Made().bad(at(10), at(10, "15:00"), 0.06)
        assert made.verdicts(deployment("a", at(10)), deployment("b", at(10, "15:00"))) == ["worse", "better"]

    def test_requests_that_take_twice_as_long(self):
        row = Made().slow(at(10), at(11)).rows(deployment("a", at(10)), latency=True)["a"]
        assert (row["verdict"], row["measure"], row["latency_bound"]) == ("worse", "latency", 0.4)
        assert (row["slow_before"], row["slow_after"]) == (pytest.approx(0.05), pytest.approx(0.2))
        assert 1.7 < row["slowdown"] < 2.6
        assert row["error_effect"] == 0

    def test_a_million_requests_do_not_make_a_trifle_worse(self):
        row = Made(1_000_000, 0.001).bad(at(10), at(11), 0.003).rows(deployment("a", at(10)))["a"]
        assert row["p_value"] < 1e-6
        assert row["verdict"] == "no change seen"

    def test_what_happens_every_week_at_this_hour_is_no_deployments_doing(self):
        made = Made()
        for day in (3, 10, 17, 24):
            made.bad(at(day), at(day, "13:00"), 0.06)
        assert made.verdicts(deployment("a", at(24))) == ["no change seen"]

    def test_an_outage_a_week_ago_accuses_nobody(self):
        made = Made().bad(at(3, "10:50"), at(3, "11:50"), 0.3)
        assert made.verdicts(deployment("a", at(10))) == ["no change seen"]

    def test_a_week_in_which_a_deployment_hurt_is_no_control(self):
        made = Made().bad(at(10), at(10, "14:00"), 0.06).bad(at(17), at(18), 0.06)
        rows = made.rows(deployment("a", at(10)), deployment("b", at(10, "14:00")), deployment("c", at(17)))
        assert (rows["c"]["verdict"], rows["c"]["control_weeks"]) == ("worse", 2)

    def test_a_deployment_each_day_at_noon_is_a_control_where_nothing_was_seen(self):
        rows = Made().rows(*(deployment(str(day), at(day)) for day in range(2, 20)))
        assert rows["12"]["control_weeks"] == 1
        assert (rows["4"]["control_weeks"], rows["4"]["note"]) == (None, "no control")

    def test_too_little_traffic(self):
        assert Made(requests=5).bad(at(10), at(11), 0.2).verdicts(deployment("a", at(10))) == ["too little traffic"]

    def test_where_a_fault_could_hide_nobody_says_that_nothing_changed(self):
        """Ten requests a step, a tenth bad: 11 more bad ones would be five points, and chance does that."""
        assert Made(10, 0.1).verdicts(deployment("a", at(10))) == ["too little traffic"]

    def test_no_requests_at_all_after_it_cannot_be_judged(self):
        row = Made().traffic(at(10), at(11), 0).rows(deployment("a", at(10)))["a"]
        assert row["verdict"] == "too little traffic"
        assert "no requests after" in row["note"]

    def test_a_window_that_is_not_over_has_no_verdict(self):
        made = Made().bad(at(10), at(11), 0.06)
        assert made.rows(deployment("a", at(10)), reach=at(10, "12:59"))["a"]["verdict"] is None
        assert made.rows(deployment("a", at(10)), reach=at(10, "13:00"))["a"]["verdict"] == "worse"

    def test_without_steps_around_it_there_is_no_row(self):
        assert Made().rows(deployment("old", datetime(2026, 1, 1))) == {}

    def test_unsuccessful_and_excluded_ones_have_no_row(self):
        assert Made().rows(deployment("a", at(10), result="failure"), deployment("b", at(12), excluded="by hand")) == {}

    def test_the_order_of_rows_changes_nothing(self):
        made = Made().bad(at(10), at(10, "14:00"), 0.06)
        several = [deployment("a", at(10)), deployment("b", at(10, "14:00")), deployment("c", at(17))]
        assert made.rows(*several) == made.rows(*reversed(several))

    def test_a_bucket_that_came_with_the_new_version_is_not_looked_at(self):
        made = Made().levels(latency=True)
        made.requests[made.answers.began >= ticks(at(10)), 2] = np.nan
        assert made.known_bounds([(at(9), at(9, "13:00")), (at(10), at(10, "13:00"))]).tolist() == [0.1, 0.2]


class TestBack:
    def test_it_lasts_until_three_steps_are_as_before(self):
        row = Made().bad(at(10), at(10, "14:00"), 0.06).rows(deployment("a", at(10)))["a"]
        assert row["back_at"] == at(10, "14:00")

    def test_one_good_step_in_between_is_not_the_end(self):
        made = Made().bad(at(10), at(10, "14:00"), 0.06).bad(at(10, "13:00"), at(10, "13:05"), 0.01)
        assert made.rows(deployment("a", at(10)))["a"]["back_at"] == at(10, "14:00")

    def test_it_is_the_finish_of_the_deployment_that_brought_it_back(self):
        made = Made().bad(at(10), at(10, "14:05"), 0.06)
        rows = made.rows(deployment("a", at(10)), deployment("b", at(10, "14:02")))
        assert rows["a"]["back_at"] == at(10, "14:02")

    def test_a_deployment_that_changes_nothing_ends_nothing(self):
        made = Made().bad(at(10), at(11), 0.06)
        rows = made.rows(deployment("a", at(10)), deployment("b", at(10, "15:00")))
        assert rows["b"]["verdict"] == "no change seen"
        assert rows["a"]["back_at"] == at(11, "00:00") + timedelta(hours=12)

    def test_what_never_came_back_is_open(self):
        row = Made().bad(at(10), at(31), 0.06).rows(deployment("a", at(10)))["a"]
        assert row["back_at"] is None
        assert from_impacts([row], [])["a"]["resolved_at"] is None


@pytest.fixture
def whole(tmp_path):
    """Three deployments at noon of the 10th to the 12th; the one of the 11th fails 6 % until the 12th."""

    def build(corrections: str = "", **more):
        rule = [{"from": "impact"}, {"from": "issues", "labels": ["incident"]}]
        document = {
            "prometheus": {"url": "http://localhost:9090"},
            "service": [
                {
                    "name": "checkout", "repository": "acme/checkout", "slo": SLO, "incident": rule,
                    "deployment": {"from": "deployments"},
                }
            ],
        }  # fmt: skip
        (tmp_path / "corrections.toml").write_text(corrections, "utf-8")
        made = Lab(tmp_path)
        made.settings = config.settings(document, tmp_path / "lab.toml")
        made.first = made.settings.service[0]
        levels = Made().bad(at(11), at(12), 0.06)
        rows = [
            {"started_at": START + place * STEP, "ended_at": START + (place + 1) * STEP, "good": 1000 - bad,
             "total": 1000.0, "objective": 0.99}
            for place, bad in enumerate(np.round(levels.errors * levels.total).tolist())
        ]  # fmt: skip
        tables = {"commits": line("a b c", at(9)), **production("a b c", 10), **more}
        return made.write(service_levels=rows, **tables).link(AS_OF)

    return build


class TestRule:
    def test_a_team_without_tickets_gets_a_fail_rate(self, whole):
        store = whole()
        rate = metrics.change_fail_rate.window(store, service="checkout", **MARCH).iloc[0]
        assert (rate["value"], rate["n"]) == (pytest.approx(1 / 3), 3)
        [failure] = store.failures.rows()
        assert (failure["deployment_id"], failure["grade"]) == ("deployment:11", "impact")
        assert (failure["started_at"], failure["recovered_at"]) == (at(11), at(12))
        assert failure["title"] == "Errors 1.00% before deployment deployment:11, 6.00% after (inferred)"
        [incident] = store.incidents.rows()
        assert (incident["source"], incident["id"]) == ("inferred", "impact:deployment:11")
        share = metrics.deployment_impact.window(store, service="checkout", **MARCH).iloc[0]
        assert (share["value"], share["n"]) == (pytest.approx(1 / 3), 3)

    def test_it_recovered_after_a_day(self, whole):
        found = metrics.failed_deployment_recovery_time.window(whole(), service="checkout", **MARCH).iloc[0]
        assert (found["value"], found["n"]) == (pytest.approx(24), 1)

    def test_a_person_who_says_it_was_another_deployment_is_right(self, whole):
        said = CORRECTION + 'deployment = "deployment:10"\n'
        [failure] = whole(said).failures.rows()
        assert (failure["deployment_id"], failure["grade"]) == ("deployment:10", "correction")

    def test_a_person_who_says_it_was_no_change_is_right(self, whole):
        store = whole(CORRECTION + "not_a_change = true\n")
        rate = metrics.change_fail_rate.window(store, service="checkout", **MARCH).iloc[0]
        assert (rate["value"], rate["n"]) == (0, 3)

    def test_a_recorded_incident_takes_the_place_of_the_inferred_one(self, whole):
        store = whole(**incident_issue(7, at(11, "12:30"), at(11, "14:00")))
        assert [row["incident_id"] for row in store.failures.rows()] == ["acme/checkout#7"]

    def test_linking_again_changes_nothing(self, whole, tmp_path):
        before = whole().incidents.rows()
        assert whole().incidents.rows() == before

    def test_prometheus_and_not_github_is_asked_for_what_the_rule_reads(self):
        one = config.Service.model_validate(
            {"name": "a", "repository": "b/c", "incident": {"from": "impact"}, "slo": SLO, "latency": "buckets"}
        )
        [row] = delivery.describe(config.Settings(path=Path("lab.toml"), service=[one], prometheus={"url": "http://p"}))
        assert row["failure_tables"] == "service_levels latency_buckets"
        assert not {"service_levels", "latency_buckets"} & delivery.needed_tables(one)

    def test_doctor_says_how_many_were_worse(self, whole, tmp_path):
        store = whole()
        one = config.Service.model_validate({"name": "checkout", "repository": "acme/checkout", "slo": SLO} | IMPACT)
        assert "incident: impact: 1 of 3" in [str(hit) for hit in delivery.hits(store, one)]

    def test_without_levels_the_rule_has_nothing_to_go_by(self, tmp_path):
        service = {"name": "a", "repository": "b/c", "incident": {"from": "impact"}}
        with pytest.raises(ConfigError, match=r"service 'a'.*needs slo or latency"):
            config.settings({"service": [service]}, tmp_path / "lab.toml")
