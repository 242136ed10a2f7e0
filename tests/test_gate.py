"""The gate's judgement: worse at once, never passed early, too little said, silence seen, chance not accused."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from devops_lab.delivery.gate import EARLY, Judgement, judge, levels_of
from devops_lab.delivery.impact_measures import BETTER, SAME, TOO_LITTLE, WORSE

START = datetime(2026, 11, 24, 12)
STEP = timedelta(seconds=30)


def service_levels(*counts, start=START):
    """A table like `service_levels` from (bad, total) of each step; None is a step nobody knows."""
    rows = [(start + place * STEP, one) for place, one in enumerate(counts) if one is not None]
    return pa.table(
        {
            "started_at": pa.array([begun for begun, _ in rows], pa.timestamp("us")),
            "ended_at": pa.array([begun + STEP for begun, _ in rows], pa.timestamp("us")),
            "good": [float(total - bad) for _, (bad, total) in rows],
            "total": [float(total) for _, (_, total) in rows],
        }
    )


def buckets(before, after, steps=10):
    """A table like `latency_buckets`: requests per step within 0.1 s, 0.5 s and beyond, before and after."""
    rows = [
        (START + place * STEP, le, float(number))
        for place in range(2 * steps)
        for le, number in zip((0.1, 0.5, np.inf), before if place < steps else after, strict=True)
    ]
    return pa.table(
        {
            "started_at": pa.array([begun for begun, _, _ in rows], pa.timestamp("us")),
            "ended_at": pa.array([begun + STEP for begun, _, _ in rows], pa.timestamp("us")),
            "le": [le for _, le, _ in rows],
            "requests": [number for *_, number in rows],
        }
    )


def said(before, after, *, latencies=None, over=True, **more) -> Judgement:
    """What is judged of the steps before and those after."""
    middle = START + len(before) * STEP
    levels = levels_of(service_levels(*before, *after) if before or after else None, latencies)
    return judge(levels, (START, middle), (middle, middle + len(after) * STEP), over=over, **more)


def test_a_case_to_check_in_ones_head():
    found = said([(1, 100)] * 10, [(30, 100)] * 10)
    assert (found.verdict, found.measure, found.against) == (WORSE, "errors", "baseline")
    assert found.failed and not found.passed
    assert (found.before, found.after) == pytest.approx((0.01, 0.3))
    assert found.low < 0.29 < found.high
    assert (found.asked_before, found.asked_after) == (1000, 1000)


def test_the_same_as_before_passes_at_the_end_and_a_better_one_too():
    assert said([(1, 100)] * 10, [(1, 100)] * 10).verdict == SAME
    found = said([(30, 100)] * 10, [(1, 100)] * 10)
    assert found.verdict == BETTER and found.passed


def test_a_clear_failure_is_said_early_and_a_weak_one_only_at_the_end():
    assert said([(1, 100)] * 20, [(30, 100)] * 4, over=False).failed
    before, weak = [(1, 100), (2, 100)] * 5, [(5, 100), (6, 100), (5, 100), (6, 100)]
    early, late = (said(before, weak, over=over) for over in (False, True))
    assert EARLY < late.p_value < 0.01
    assert late.verdict == WORSE and not early.failed


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([(0, 100)] * 10, [(0, 5)] * 5),  # 25 requests rule nothing out
        ([(0, 100)] * 10, [(0, 100)] * 2),  # two steps
        ([], [(0, 0)] * 10),
    ],
)
def test_too_little_traffic_is_no_pass(before, after):
    found = said(before, after, objective=0.99, whole=False)
    assert found.verdict == TOO_LITTLE and not found.passed and not found.failed


def test_nothing_known_at_all_is_too_little():
    assert judge(levels_of(None, None), (START, START), (START, START + STEP), over=True).verdict == TOO_LITTLE


def test_without_a_baseline_errors_are_held_against_the_objective():
    found = said([], [(30, 100)] * 5, objective=0.99)
    assert (found.verdict, found.against) == (WORSE, "objective") and found.before == pytest.approx(0.01)
    assert any("objective" in note for note in found.notes)
    assert said([], [(1, 100)] * 5, objective=0.99).verdict == SAME
    assert said([], [(0, 100)] * 5, objective=0.999).verdict == SAME
    assert said([], [(30, 100)] * 5).verdict == TOO_LITTLE  # nothing to hold it against


def test_what_was_as_bad_before_is_not_the_deployments_fault():
    assert said([(10, 100), (11, 100)] * 5, [(11, 100), (10, 100)] * 5, objective=0.999).passed


def test_silence_is_worse_only_while_prometheus_answers():
    found = said([(0, 100)] * 10, [None] * 10)
    assert (found.verdict, found.measure) == (WORSE, "traffic")
    assert said([(0, 100)] * 10, [None] * 10, whole=False).verdict == TOO_LITTLE
    assert not said([(0, 100)] * 10, [None] * 10, over=False).failed


def test_a_gate_that_saw_less_than_half_does_not_pass():
    after = [(0, 500)] * 4 + [None] * 6
    found = said([(0, 500)] * 10, after)
    assert found.verdict == TOO_LITTLE and any("half" in note for note in found.notes)


def test_slow_answers_fail_the_gate_though_none_is_an_error():
    found = said([(0, 100)] * 10, [(0, 100)] * 10, latencies=buckets((85, 10, 5), (30, 30, 40)))
    assert (found.verdict, found.measure) == (WORSE, "latency")
    assert found.slowdown > 2 and found.bound in (0.1, 0.5)
    assert said([(0, 100)] * 10, [(0, 100)] * 10, latencies=buckets((85, 10, 5), (84, 11, 5))).passed


def test_a_histogram_that_is_too_coarse_keeps_nobody_from_passing():
    found = said([(0, 40)] * 10, [(0, 40)] * 10, latencies=buckets((40, 0, 0), (40, 0, 0)))
    assert found.passed


def test_steps_out_of_order_are_refused():
    rows = service_levels((0, 1), (0, 1)).take(pa.array([1, 0]))
    with pytest.raises(ValueError, match="order of time"):
        levels_of(rows, None)


def test_chance_fails_hardly_any_of_many_good_deployments():
    """500 gates of 20 looks each, nothing changed: at most 1 % may fail."""
    chance = np.random.default_rng(4)
    failed = 0
    for _ in range(500):
        bad = chance.binomial(60, 0.02, 40)
        levels = levels_of(service_levels(*((int(one), 60) for one in bad)), None)
        middle = START + 20 * STEP
        looks = (
            judge(levels, (START, middle), (middle, middle + look * STEP), over=look == 20) for look in range(3, 21)
        )
        failed += any(one.failed for one in looks)
    assert failed <= 5
