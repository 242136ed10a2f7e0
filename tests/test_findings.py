"""Sentences claim a change only where there is one."""

import random

import pytest
from test_words import row, said

from devops_lab import findings, words


def test_direction_by_mann_kendall():
    assert findings.direction([1, 2, 3, 4, 5, 6]) == 1
    assert findings.direction([6, 5, 4, 3, 2, 1]) == -1
    assert findings.direction([1, 2, 3, 4, 5]) == 0  # too few to say
    assert findings.direction([3, 3, 3, 3, 3, 3, 3]) == 0
    assert findings.direction([5, 1, 4, 2, 6, 3, 5, 1]) == 0


def test_one_wild_period_makes_no_trend():
    assert findings.direction([10, 11, 9, 10, 11, 9, 10, 500]) == 0


def test_noise_is_rarely_called_a_trend():
    chance = random.Random(7)
    called = sum(findings.direction([chance.random() for _ in range(12)]) != 0 for _ in range(1000))
    assert 10 <= called <= 80  # 5 % by design; a discrete score keeps below


def test_trend_says_from_where_to_where_with_the_unit_once():
    days = [24.0 * day for day in (20, 22, 25, 30, 34, 36, 40, 41, 43)]
    assert said(findings.trend("change_lead_time", "hours", days, "month")) == (
        "Changes take longer to reach production: from about 22 to about 41 days"
    )
    counts = [2.0, 3, 2, 4, 5, 6, 7, 7, 9]
    assert said(findings.trend("deployment_frequency", "count", counts, "week")) == (
        "Deployments have become more frequent: from about 2.3 to about 7.7 a week"
    )


def test_trend_without_direction_says_the_level_of_the_whole_window():
    flat = [0.2, 0.1, 0.3, 0.2, 0.1, 0.2]
    answer = row(metric="change_fail_rate", unit="share", value=4 / 23)
    assert said(findings.trend("change_fail_rate", "share", flat, "week", answer)) == (
        "17 % of the deployments failed; no clear trend"
    )
    assert said(findings.trend("change_fail_rate", "share", flat[:3], "week")) == (
        "About 20 % of the deployments failed; too few weeks for a trend"
    )
    assert findings.trend("my_own", "hours", [], "week") == "My own; too few weeks for a trend"


def test_summary_names_clear_changes_first_then_every_level():
    faster = row()
    steady = row(metric="change_fail_rate", unit="share", value=0.2, low=0.1, high=0.3, previous=0.2)
    first, rest = findings.summary([faster, steady])
    assert first == "Changes reach production faster"
    assert said(rest) == "Half of the changes reach production within 2 days. 20 % of the deployments failed."


def test_summary_without_a_clear_change_says_so():
    first, rest = findings.summary([row(previous_low=40.0)])
    assert said(first) == "Half of the changes reach production within 2 days; no clear change since the window before"
    assert rest == ""
    assert findings.summary([row(previous=None)])[0].endswith("2" + words.SPACE + "days")
    assert findings.summary([row(value=None)]) == ("Nothing was deployed in this window", "")


@pytest.mark.parametrize("metric", ["my_own_metric", *findings.PHRASES])
def test_every_metric_can_be_said(metric):
    assert "3 days" in said(findings.level(row(metric=metric, value=72.0)))
    assert "has no value" in findings.level(row(metric=metric, value=None, low=None))
