"""Statistics against hand-worked cases and an independent source (lifelines, numpy done the slow way)."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devops_lab.errors import QuestionError
from devops_lab.metrics import statistics, survival
from devops_lab.metrics.statistics import Sample, estimate

durations = st.lists(st.floats(0, 1e5, allow_nan=False), min_size=6, max_size=60)


def of(*values, **more):
    return Sample(np.array(values, dtype=float), **more)


def test_median_is_the_interpolated_middle():
    """Trap 26: median([10, 1000]) is 505, not 10."""
    assert estimate("median", of(10, 1000)).value == 505
    assert estimate("median", of(3, 1, 2)).value == 2
    assert estimate("p90", of(*range(11))).value == 9


def test_two_in_thirty_days():
    """Trap 27: 2 in 30 days is 0.067 a day and 0.47 a week."""
    assert estimate("per day", of(1, 1, days=30)).value == pytest.approx(0.0667, abs=5e-5)
    assert estimate("per week", of(1, 1, days=30)).value == pytest.approx(0.4667, abs=5e-5)


def test_order_statistics_need_six():
    """P(all of n on one side) x 2 is 1/16 for five values and 1/32 for six: six are the first that give 95 %."""
    assert math.isnan(estimate("median", of(1, 2, 3, 4, 5)).low)
    assert (estimate("median", of(1, 2, 3, 4, 5, 6)).low, estimate("median", of(6, 5, 4, 3, 2, 1)).high) == (1, 6)
    # n = 20: the binomial tables give ranks 6 and 15
    assert statistics.order_statistics(np.arange(1.0, 21), 0.5) == (6, 15)
    # a p90 of ten values has no upper limit: 0.9 ** 10 = 35 % that all lie below it
    assert math.isnan(statistics.order_statistics(np.arange(10.0), 0.9)[1])


def test_order_statistics_cover_what_they_promise():
    generator = np.random.default_rng(1)
    for quantile in (0.5, 0.85):
        truth = -math.log(1 - quantile)
        limits = [statistics.order_statistics(generator.exponential(size=80), quantile) for _ in range(600)]
        assert sum(low <= truth <= high for low, high in limits) / 600 > 0.94


def test_wilson_and_poisson_against_published_values():
    assert statistics.wilson(4, 23) == pytest.approx((0.0698, 0.3714), abs=5e-5)
    assert statistics.wilson(0, 10) == pytest.approx((0, 0.2775), abs=5e-5)
    assert statistics.wilson(10, 10) == pytest.approx((0.7225, 1), abs=5e-5)
    assert statistics.poisson(0) == pytest.approx((0, 3.6889), abs=5e-5)
    assert statistics.poisson(2) == pytest.approx((0.2422, 7.2247), abs=5e-5)
    assert statistics.poisson(10) == pytest.approx((4.7954, 18.3904), abs=5e-5)


@given(durations, st.sampled_from([0.5, 0.85, 0.9, 0.95]), st.data())
@settings(max_examples=40, deadline=None)
def test_resampling_equals_the_slow_way(values, quantile, data):
    clusters = np.array(data.draw(st.lists(st.integers(0, 9), min_size=len(values), max_size=len(values))))
    values = np.array(values)
    names = np.unique(clusters)
    low, high = statistics.resampled(values, clusters, quantile)
    if len(names) < statistics.FEW:
        assert math.isnan(low)
        return
    draws = np.random.default_rng(statistics.SEED).integers(0, len(names), (statistics.RESAMPLES, len(names)))
    held = [values[clusters == name] for name in names]
    slow = [np.quantile(np.concatenate([held[pick] for pick in draw]), quantile) for draw in draws]
    tail = statistics.cut(len(names))
    assert (low, high) == pytest.approx(tuple(np.quantile(slow, [tail, 1 - tail])), rel=1e-9, abs=1e-9)


def test_few_clusters_widen_the_cut():
    """Student's 97.5 % point for five degrees is 2.5706; x sqrt(6/5) = 2.8159; beyond it lie 0.2432 % of a normal."""
    assert statistics.cut(6) == pytest.approx(0.002432, abs=2e-6)
    assert statistics.cut(1000) == pytest.approx(0.025, abs=2e-4)
    assert all(statistics.cut(few) < statistics.cut(few + 1) < 0.025 for few in range(2, 200))


def test_resampling_knows_no_order_and_no_chunks(monkeypatch):
    generator = np.random.default_rng(3)
    values, clusters = generator.exponential(size=300), generator.integers(0, 17, 300)
    found = statistics.resampled(values, clusters, 0.5)
    order = generator.permutation(300)
    assert statistics.resampled(values[order], clusters[order], 0.5) == found
    monkeypatch.setattr(statistics, "CHUNK", 7 * 300)
    assert statistics.resampled(values, clusters, 0.5) == found


def test_whole_deployments_are_less_certain_than_single_rows():
    """Sixty changes that came in six lumps tell as much as six things, not as sixty; in three lumps, as three."""
    values, lumps = np.repeat([1.0, 20, 40, 60, 80, 100], 10), np.repeat(range(6), 10)
    low, high = statistics.resampled(values, lumps, 0.5)
    assert (low, high) == (1, 100) == statistics.order_statistics(np.unique(values), 0.5)
    assert statistics.order_statistics(values, 0.5) == (40, 60)
    assert "6 clusters" in statistics.explain("median", Sample(values, clusters=lumps), "ended_at")
    assert np.isnan(statistics.resampled(values, lumps // 2, 0.5)).all()
    said = statistics.explain("median", Sample(values, clusters=lumps // 2), "ended_at")
    assert said == "none: the rows have 3 different ended_at, under 6"


def test_kaplan_meier_by_hand():
    """2, 4, 10 and one open: survival 3/4, 1/2, 1/4; flat at 1/2 from 4 to 10, so the middle is 7."""
    values, open_ = np.array([2.0, 4, 10, 50]), np.array([False, False, False, True])
    assert survival.percentile(values, open_, 0.5)[0] == 7
    # 5 ended, two open: survival stays at 2/3: not reached, "> low"
    value, low, high = survival.percentile(np.array([5.0, 36, 12]), np.array([False, True, True]), 0.5)
    assert (math.isnan(value), low, math.isnan(high)) == (True, 5, True)
    # flat at exactly 1/2 with no later end: no middle
    assert math.isnan(survival.percentile(np.array([5.0, 9]), np.array([False, True]), 0.5)[0])
    # nothing ended
    assert all(math.isnan(x) for x in survival.percentile(np.array([5.0]), np.array([True]), 0.5))


@given(st.lists(st.tuples(st.integers(1, 30), st.booleans()), min_size=2, max_size=40))
@settings(max_examples=60, deadline=None)
def test_kaplan_meier_against_lifelines(rows):
    from lifelines import KaplanMeierFitter
    from lifelines.utils import median_survival_times

    values = np.array([float(value) for value, _ in rows])
    censored = np.array([not ended for _, ended in rows])
    times, alive, lower, upper = survival.curve(values, censored)
    if not len(times):
        return
    fitted = KaplanMeierFitter().fit(values, ~censored)
    assert alive == pytest.approx(fitted.survival_function_at_times(times).to_numpy(), abs=1e-9)
    limits = fitted.confidence_interval_.loc[times].to_numpy()
    inside = alive > 1e-9
    assert lower[inside] == pytest.approx(limits[inside, 0], abs=1e-9)
    assert upper[inside] == pytest.approx(limits[inside, 1], abs=1e-9)

    value, low, high = survival.percentile(values, censored, 0.5)
    theirs = fitted.median_survival_time_
    if not np.isclose(alive, 0.5).any():  # there lifelines takes the step's start, we its middle
        assert (value == theirs) if math.isfinite(theirs) else math.isnan(value)
    spread = median_survival_times(fitted.confidence_interval_).iloc[0].to_numpy()
    for mine, other, curve in ((low, spread[0], lower), (high, spread[1], upper)):
        if not np.isclose(curve, 0.5).any():
            assert (mine == other) if math.isfinite(other) else math.isnan(mine)


@given(durations)
@settings(deadline=None)
def test_without_censoring_kaplan_meier_is_the_median(values):
    values = np.array(sorted(set(values)))
    found = survival.percentile(values, np.zeros(len(values), dtype=bool), 0.5)[0]
    assert found == pytest.approx(np.median(values))


def test_totals_and_extremes_have_no_interval():
    assert estimate("sum", of(1, -3, 5)).value == 3
    assert estimate("sum", of()).value == 0
    assert estimate("ratio", of(1, 2, denominators=np.array([10.0, 20]))).value == 0.1
    assert math.isnan(estimate("ratio", of(1, denominators=np.array([0.0]))).value)
    assert estimate("highest", of(1, 3, 2)).value == 3
    assert estimate("lowest", of(1, 3, 2)).value == 1
    assert math.isnan(estimate("highest", of(1, 3, 2)).high)


def test_few_are_called_few_but_counts_are_not():
    assert estimate("median", of(1, 2, 3, 4, 5)).too_few
    assert estimate("share", of(1, 0, 0, 0, 0)).too_few
    assert not estimate("count", of(1)).too_few
    assert not estimate("median", of(1, 2, 3, 4, 5, 6)).too_few
    assert estimate("count", of()).value == 0
    assert math.isnan(estimate("share", of()).value)


@pytest.mark.parametrize("name", ["mode", "p0", "p100", "p", "median ", ""])
def test_unknown_statistics_are_named(name):
    with pytest.raises(QuestionError, match=r"there is no statistic"):
        statistics.check(name)
