"""What Prometheus would have seen of the practice services: numbers to check in one's head, then the whole year."""

import time
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from devops_lab.practice.world import make
from devops_lab.practice.world.levels import LEVELS, STEP
from devops_lab.practice.world.levels_trouble import Trouble, recovered, troubles
from devops_lab.practice.world.truth_monitor import TrueIncident, histogram_quantile
from devops_lab.practice.world.truth_operate import WatchTruth
from devops_lab.practice.world.watching import Watch
from devops_lab.practice.world.watching_alerts import Episode, episodes, minutes
from devops_lab.practice.world.watching_counts import Telemetry, count

T0 = datetime(2026, 3, 2)  # a Monday
UNTIL = datetime(2026, 11, 20, 12, 3, 17)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SEEDS = (1, 2, 3)


@cache
def company(seed):
    return make(seed, until=UNTIL)


def tiny(failed=(0, 0, 1, 0), restarts=(False, False, True, False)) -> Telemetry:
    """Four steps of 10 requests each, one slow; CPU 60, 60, 30 and 150 s of 300 on one core."""
    steps = len(failed)
    bad = np.array(failed)
    buckets = np.tile([0, 8, 1, 0, 0, 1, 0], (steps, 1))
    return Telemetry(
        "shop",
        T0,
        np.column_stack([10 - bad, 0 * bad, bad]),
        buckets,
        buckets @ np.array([30, 74, 160, 350, 700, 1550, 3500]),
        np.array([60_000, 60_000, 30_000, 150_000])[:steps],
        np.array([100, 200, 50, 100])[:steps],
        np.column_stack([0 * bad + 3, 0 * bad, bad]),
        np.array(restarts),
        1,
        1000,
        [(1, "v1"), (3, "v2")],
    )


def truth(one, alerts=(), incidents=(), objective=0.9):
    return WatchTruth(Watch([one], list(alerts), {one.service: objective}), list(incidents))


def value(told, name, since=T0, until=T0 + 4 * STEP):
    return told.metric(name, "shop", since, until).value


def test_a_counter_begins_again_at_0_where_the_process_restarted():
    one = tiny()
    assert one.counter(one.requests[:, 0]).tolist() == [0, 10, 20, 9, 19]
    assert one.counter(one.requests[:, 2]).tolist() == [0, 0, 0, 1, 1]


def test_service_levels_of_forty_requests_of_which_one_failed():
    told = truth(tiny())
    assert told.metric("availability", "shop", T0, T0 + 4 * STEP)[:2] == (39 / 40, 40)
    assert value(told, "error_ratio") == 1 / 40
    assert value(told, "error_ratio", T0 + 2 * STEP, T0 + 3 * STEP) == 1 / 10
    assert value(told, "error_ratio", T0, T0 + 2 * STEP) == 0
    assert value(told, "slo_attainment") == 39 / 40
    assert value(told, "error_budget_remaining") == pytest.approx(1 - (1 / 40) / 0.1)
    assert value(told, "burn_rate_1h") == pytest.approx((1 / 40) / 0.1)
    assert value(told, "availability", T0 + 5 * STEP, T0 + 6 * STEP) is None


def test_latency_is_what_the_histogram_can_say():
    told = truth(tiny())
    assert value(told, "latency_p50") == pytest.approx(0.05 + 0.05 * 20 / 32)  # the 20th of 32 in (0.05, 0.1]
    assert value(told, "latency_p95") == pytest.approx(1 + 1.5 * 2 / 4)  # the 38th: the 2nd of 4 in (1, 2.5]
    assert histogram_quantile(0.5, np.array([0, 0, 0, 0, 0, 0, 4])) == 2.5
    assert histogram_quantile(0.5, np.array([4, 0, 0, 0, 0, 0, 0])) == 0.025
    assert histogram_quantile(0.5, np.zeros(7, int)) is None


def test_resources_restarts_and_logs():
    told = truth(tiny())
    assert value(told, "saturation_cpu", T0 + STEP, T0 + 2 * STEP) == pytest.approx(0.2)  # the scrape at T0 + STEP
    assert value(told, "saturation_cpu", T0, T0 + STEP) is None  # nothing was scraped before T0
    assert value(told, "saturation_memory") == pytest.approx(np.quantile([0.1, 0.1, 0.2, 0.05], 0.95))
    assert told.metric("saturation", "shop", T0, T0 + 4 * STEP).n == 3 + 4
    assert value(told, "headroom") == pytest.approx(0.8)  # the scrape at the window's end is the next window's
    assert value(told, "headroom", T0, T0 + 5 * STEP) == pytest.approx(0.5)
    assert value(told, "restart_rate") == pytest.approx(72)  # one in 20 minutes
    assert value(told, "log_error_rate") == pytest.approx(3)


def test_alerts_and_incidents():
    alerts = [
        Episode("shop", "HighErrorRate", "page", T0 + 8 * MINUTE, T0 + 11 * MINUTE),
        Episode("shop", "HighErrorRate", "page", T0 + 60 * MINUTE, T0 + 65 * MINUTE),
        Episode("shop", "HighLatency", "page", T0 + 90 * MINUTE, None),
    ]
    incidents = [
        TrueIncident("shop", 1, T0 + 20 * MINUTE, T0 + 80 * MINUTE, T0 + 2 * MINUTE, False),  # alert after 6 minutes
        TrueIncident("shop", 2, T0 + 25 * MINUTE, T0 + 30 * MINUTE, None, True),
        TrueIncident("shop", 3, T0 + 30 * MINUTE, T0 + 60 * MINUTE, None, False),  # nobody's change: the issue tells
        TrueIncident("shop", 4, T0 + 50 * MINUTE, None, T0 + 12 * MINUTE, False),  # the issue after 38 minutes
    ]
    told, end = truth(tiny(), alerts, incidents), T0 + 2 * HOUR
    assert told.metric("alert_count", "shop", T0, end)[:2] == (3, 3)
    assert told.metric("alert_noise", "shop", T0, end)[:2] == (1 / 3, 3)  # five minutes are not short
    assert told.metric("incident_count", "shop", T0, end)[:2] == (3, 3)
    assert told.metric("incident_duration", "shop", T0, end)[:2] == (1.0, 3)  # 0.5, 1, longer
    assert told.metric("time_to_detect", "shop", T0, end)[:2] == (22.0, 2)  # 6, 38; nobody's change: nobody knows
    assert [at.minute for at in minutes(alerts[0], end)] == [8, 9, 10]
    assert len(minutes(alerts[2], end)) == 30


def test_what_cannot_be_told_is_refused():
    with pytest.raises(KeyError, match="they are availability"):
        value(truth(tiny()), "uptime")
    with pytest.raises(ValueError, match="within a step"):
        value(truth(tiny()), "availability", T0 + MINUTE)
    with pytest.raises(KeyError):
        truth(tiny()).metric("availability", "nobody", T0, T0 + HOUR)


def test_a_rule_fires_after_five_minutes_and_what_is_short_is_noise():
    failed = np.zeros(40, int)
    failed[10:14] = 5
    one = tiny(failed[:4], [False] * 4)
    one.requests = np.column_stack([10 - failed, 0 * failed, failed])
    one.buckets = np.tile([0, 10, 0, 0, 0, 0, 0], (40, 1))
    one.restarts = np.zeros(40, bool)
    (alert,) = episodes(one, (1, 2))
    assert alert.name == "HighErrorRate"
    assert T0 + 10 * STEP + 6 * MINUTE <= alert.started_at <= T0 + 10 * STEP + 7 * MINUTE
    assert T0 + 14 * STEP <= alert.ended_at <= T0 + 14 * STEP + 3 * MINUTE
    one.requests[11:14] = [10, 0, 0]  # one step only
    short = [alert for seed in range(200) for alert in episodes(one, (seed,))]
    assert 40 < len(short) < 120
    assert all(MINUTE <= alert.ended_at - alert.started_at < 5 * MINUTE for alert in short)


def test_trouble_shows_for_as_long_as_it_lasts():
    trouble = Trouble(T0 + HOUR + 2.5 * MINUTE, T0 + 2 * HOUR, 0.5, 20.0)
    calm = count("web", LEVELS["web"], T0, 48, [], [(T0, "v1")], (5, 6))
    bad = count("web", LEVELS["web"], T0, 48, [trouble], [(T0, "v1")], (5, 6))
    errors = bad.requests[:, 2] / bad.requests.sum(axis=1)
    assert (bad.requests.sum(axis=1) == calm.requests.sum(axis=1)).all()
    assert errors[12] == pytest.approx(0.25, abs=0.03)  # half of the first step
    assert errors[13:24] == pytest.approx(np.full(11, 0.5), abs=0.03)
    slow = bad.buckets[:, 5:].sum(axis=1) / bad.buckets.sum(axis=1)
    assert (slow[13:24] > 0.5).all()
    assert (np.delete(slow, range(12, 24)) < 0.01).all()


@given(some.integers(0, 10_000), some.lists(some.integers(0, 287), max_size=6))
def test_counters_only_fall_at_restarts_and_then_everyone_sees_it(seed, crashes):
    trouble = Trouble(T0, T0 + HOUR, 0.3, 2.0, tuple(T0 + number * STEP for number in crashes))
    one = count("ledger", LEVELS["ledger"], T0, 288, [trouble], [], (seed,))
    below = np.cumsum(one.buckets, axis=1)
    for counted in (*one.requests.T, *below.T, one.cpu, one.latency, *one.logs.T):
        values = one.counter(counted)
        fell = np.diff(values) < 0
        assert not (fell & ~one.restarts).any()
        seen = np.where(fell, values[1:], np.diff(values)).sum()  # as Prometheus' increase counts
        assert seen == counted.sum()
    assert (one.buckets.sum(axis=1) == one.requests.sum(axis=1)).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_year_of_six_services_is_told_in_three_seconds(seed):
    made = company(seed)
    began = time.process_time()
    watch = made.watch
    assert time.process_time() - began < 3
    assert set(watch.telemetry) == set(made.services)
    per_second = {
        name: one.requests.sum() / (watch.steps * STEP.total_seconds()) for name, one in watch.telemetry.items()
    }
    assert per_second["ledger"] < 1
    assert all(2 <= rate <= 50 for name, rate in per_second.items() if name != "ledger"), per_second
    for name, one in watch.telemetry.items():
        assert (one.requests >= 0).all() and (one.buckets >= 0).all(), name
        assert one.memory.max() < one.limit and one.cpu.max() <= one.cores * 300_000, name
        assert one.restarts.sum() >= 10, name
        for told in (other for other in watch.series() if other.labels["job"] == name):
            assert len(told.values) and told.first + len(told.values) <= watch.steps + 1
    assert made.watch_truth.metric("availability", "web", watch.start, watch.end).value < 1


@pytest.mark.parametrize("seed", SEEDS)
def test_alerts_are_of_all_kinds(seed):
    made = company(seed)
    watch, known = made.watch, made.watch_truth.incidents
    short = [one for one in watch.alerts if one.ended_at and one.ended_at - one.started_at < 5 * MINUTE]
    assert 10 < len(short) < len(watch.alerts)
    assert {one.name for one in watch.alerts} == {"HighErrorRate", "HighLatency"}
    silent = [
        one
        for one in known
        if not any(
            alert.service == one.service
            and (one.caused_at or one.started_at) <= alert.started_at <= (one.resolved_at or UNTIL)
            for alert in watch.alerts
        )
    ]
    assert 0 < len(silent) < len(known)
    assert watch.alerts == sorted(watch.alerts, key=lambda one: (one.started_at, one))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_live_failure_worsens_what_its_service_answers(seed):
    made = company(seed)
    seen = 0
    for site in made._sites:
        for service in site.plan.services:
            one, objective = made.watch.telemetry[service.name], made.watch.objectives[service.name]
            for trouble in troubles(site, service.name):
                first = one.place(one.start + -((one.start - trouble.start) // STEP) * STEP)
                last = one.place(one.start + (((trouble.end or made.watch.end) - one.start) // STEP) * STEP)
                if trouble.errors > 0.05 and last - first >= 3 and one.requests[first:last].sum() > 1000:
                    total = one.requests[first:last].sum()
                    assert one.requests[first:last, 2].sum() / total > 10 * (1 - objective) * 0.3
                    seen += 1
    assert seen >= 10


def test_what_was_seen_at_an_earlier_instant_is_the_beginning_of_the_same():
    later = company(2)
    earlier = later.at(datetime(2026, 5, 20, 13, 37))
    before, after = earlier.watch, later.watch
    for name, one in before.telemetry.items():
        other = after.telemetry[name]
        for part in ("requests", "buckets", "latency", "cpu", "memory", "logs", "restarts"):
            assert (getattr(other, part)[: before.steps] == getattr(one, part)).all(), (name, part)
        assert [version for version in other.versions if version[0] <= before.steps] == one.versions
    cut = [
        alert if alert.ended_at is not None and alert.ended_at <= before.end else alert._replace(ended_at=None)
        for alert in after.alerts
        if alert.started_at < before.end
    ]
    assert cut == before.alerts


def test_watching_changes_nothing_that_github_tells():
    one, other = make(4, until=UNTIL, months=2), make(4, until=UNTIL, months=2)
    assert one.watch.steps > 0
    assert one.truth.as_json() == other.truth.as_json()
    assert make(4, until=UNTIL, months=2).watch.alerts == one.watch.alerts


def test_the_running_version_is_the_latest_rollout():
    made = company(1)
    for site in made._sites:
        for service in site.plan.services:
            rollouts = [one for one in site.rollouts if one.service == service.name and one.result == "success"]
            latest = max(rollouts, key=lambda one: one.finished_at)
            version = made.watch.telemetry[service.name].versions[-1][1]
            assert version in (latest.sha, *latest.links)


def test_a_failure_is_over_when_mended_or_closed_whichever_is_first():
    ends = [(failure, recovered(failure)) for site in company(1)._sites for failure in site.failures]
    closed = [(one.incident.closed_at, end) for one, end in ends if one.incident and one.incident.closed_at]
    assert closed and all(end <= at for at, end in closed)
