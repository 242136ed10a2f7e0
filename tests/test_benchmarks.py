"""Benchmarks as published, edition by edition; each tier names its edition."""

import itertools
import math

import pytest

from devops_lab import metrics
from devops_lab.errors import QuestionError
from devops_lab.metrics import benchmarks
from devops_lab.metrics.benchmarks import tier

LEAD, FREQUENCY = "change_lead_time", "deployment_frequency"
FAIL, RECOVERY = "change_fail_rate", "failed_deployment_recovery_time"


@pytest.mark.parametrize(
    ("metric", "value", "unit", "edition", "name", "outside"),
    [
        (LEAD, 23.9, "hours", 2019, "elite", False),
        (LEAD, 24.0, "hours", 2019, "high", False),
        (LEAD, 168.0, "hours", 2019, "high", False),
        (LEAD, 400.0, "hours", 2019, "medium", False),
        (LEAD, 9000.0, "hours", 2019, "low", True),
        (FAIL, 0.12, "share", 2019, "elite, high or medium", False),
        (FAIL, 0.20, "share", 2019, "low", True),
        (FAIL, 0.50, "share", 2019, "low", False),
        (RECOVERY, 3.0, "hours", 2019, "high or medium", False),
        (LEAD, 0.9, "hours", 2021, "elite", False),
        (LEAD, 5.0, "hours", 2021, "high", True),
        (LEAD, 400.0, "hours", 2021, "medium", True),
        (FREQUENCY, 1.0, "per week", 2021, "high", False),
        (FREQUENCY, 7.0, "per week", 2021, "high", True),
        (FREQUENCY, 0.02, "per week", 2021, "low", False),
        (RECOVERY, 1000.0, "hours", 2021, "low", True),
        (FAIL, 0.154, "share", 2021, "elite", False),
        (FAIL, 0.155, "share", 2021, "high, medium or low", False),
        (FAIL, 0.30, "share", 2021, "high, medium or low", False),
        (FREQUENCY, 8.0, "per week", 2022, "high", False),
        (FREQUENCY, 3.0, "per week", 2022, "medium", True),
        (FAIL, 0.25, "share", 2022, "medium", False),
        (FAIL, 0.40, "share", 2022, "low", True),
        (LEAD, 200.0, "hours", 2023, "medium or low", False),
        (RECOVERY, 2000.0, "hours", 2023, "low", False),
        (LEAD, 1000.0, "hours", 2024, "low", False),
        (FREQUENCY, 1.0, "per day", 2024, "high", False),
        (FREQUENCY, 1.01, "per day", 2024, "elite", False),
        (FREQUENCY, 0.47, "per week", 2024, "medium", False),
        (RECOVERY, 0.5, "hours", 2024, "elite", False),
        (RECOVERY, 20.0, "hours", 2024, "high or medium", False),
        (RECOVERY, 100.0, "hours", 2024, "low", True),
        (FREQUENCY, 0.0, "per week", 2024, "low", True),
    ],
)
def test_published_tiers(metric, value, unit, edition, name, outside):
    found = tier(metric, value, unit, edition, n=30)
    assert (found.name, found.outside, found.edition) == (name, outside, edition)
    assert str(edition) in str(found) and str(edition) in found.source


@pytest.mark.parametrize(
    ("metric", "value", "unit", "edition"),
    [
        (FAIL, 0.10, "share", 2023),  # cluster points are no thresholds
        (FAIL, 0.10, "share", 2024),
        (LEAD, 10.0, "hours", 2025),  # no tiers at all
        ("deployment_rework_rate", 0.1, "share", 2024),
        (FAIL, 0.45, "share", 2021),  # worse than a band that three clusters share
        (LEAD, 900.0, "hours", 2023),
        (LEAD, math.nan, "hours", 2024),
        (LEAD, None, "hours", 2024),
    ],
)
def test_no_tier_where_none_is_published(metric, value, unit, edition):
    assert tier(metric, value, unit, edition, n=30) is None


def test_none_under_six_observations():
    assert tier(LEAD, 10.0, "hours", 2024, n=5) is None
    assert tier(metrics.change_lead_time, 10.0, "hours", 2024, n=6).name == "elite"


def test_means_of_2025():
    found = {name: (benchmarks.mean(name).value, benchmarks.mean(name).unit) for name in metrics.DORA}
    assert found == {
        LEAD: (5.5, "score"),
        FREQUENCY: (4.8, "score"),
        FAIL: (0.19, "share"),
        RECOVERY: (7.4, "score"),
        "deployment_rework_rate": (0.22, "share"),
    }
    assert benchmarks.mean(LEAD, 2024) is None


def test_wrong_questions_are_named():
    with pytest.raises(QuestionError, match="2020"):
        tier(LEAD, 1.0, "hours", 2020, n=9)
    with pytest.raises(QuestionError, match="'days'"):
        tier(LEAD, 1.0, "days", 2024, n=9)


def test_bands_are_ordered_from_best_to_worst():
    for tables in benchmarks.PUBLISHED.values():
        for bands in tables.values():
            assert all(one.high < other.high and one.low <= other.low for one, other in itertools.pairwise(bands))
