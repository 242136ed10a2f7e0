"""Numbers as people say them; a no-break space stands between a number and its unit."""

import math
from datetime import datetime

import pytest

from devops_lab import words


def said(text: str) -> str:
    return text.replace(words.SPACE, " ")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (961, "960"), (12345, "12,000"), (0.03412, "0.034"), (3.0, "3"), (5.55, "5.5"), (99.6, "100"),
        (-3.21, "−3.2"), (1e-15, "0"), (float("nan"), "no value"), (None, "no value"), (math.inf, "∞"),
    ],
)  # fmt: skip
def test_number_has_two_significant_digits(value, text):
    assert words.number(value) == text


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0, "0 hours"), (0.01, "36 seconds"), (0.5, "30 minutes"), (0.996, "1 hour"), (1, "1 hour"), (36, "36 hours"),
        (47.9, "2 days"), (76.8, "3.2 days"), (961, "40 days"), (24 * 100, "100 days"), (24 * 1000, "2.7 years"),
    ],
)  # fmt: skip
def test_hours_speak_the_unit_people_would_use(hours, text):
    assert said(words.hours(hours)) == text


def test_a_difference_speaks_the_unit_of_its_terms():
    assert said(words.difference(-19.2, "hours", like=96)) == "0.8 days faster"
    assert said(words.difference(0.04, "share")) == "4 points higher"
    assert said(words.difference(-0.01, "share")) == "1 point lower"
    assert said(words.difference(0.6, "per week")) == "0.6 a week more"
    assert said(words.difference(-3, "count")) == "3 fewer"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.174, "17 %"), (0.005, "0.5 %"), (0.95, "95 %"), (0.9995, "99.95 %"), (1, "100 %")],
)
def test_share(share, text):
    assert said(words.share(share)) == text


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2 / 30 * 7, "per week", "0.47 a week"), (4 / 23, "share", "17 %"), (12034, "count", "12,034"),
        (90, "minutes", "1.5 hours"), (0.5, "ratio", "0.5"), (7, "lines", "7 lines"), (2, "days", "2 days"),
    ],
)  # fmt: skip
def test_value_in_its_unit(value, unit, text):
    assert said(words.value(value, unit)) == text


def test_exact_keeps_what_was_rounded():
    assert said(words.exact(961.25, "hours")) == "961.25 hours"


@pytest.mark.parametrize(
    ("low", "high", "unit", "text"),
    [
        (31 * 24, 52 * 24, "hours", "31–52 days"), (0.1, 0.3, "share", "10–30 %"), (1, 3, "per week", "1–3 a week"),
        (5, 12, "count", "5–12"), (24 * 3, None, "hours", "over 3 days"), (None, 0.4, "share", "under 40 %"),
        (24, math.inf, "hours", "over 24 hours"), (0, 0, "hours", "0 hours"), (None, float("nan"), "share", ""),
    ],
)  # fmt: skip
def test_interval_says_its_unit_once(low, high, unit, text):
    assert said(words.interval(low, high, unit)) == text


def row(**given):
    whole = {"metric": "change_lead_time", "unit": "hours", "value": 48.0, "low": 40.0, "high": 55.0, "n": 50}
    whole |= {"previous": 96.0, "previous_low": 80.0, "previous_high": 110.0, "previous_n": 40, "too_few": False}
    return whole | given


def test_change_in_words():
    assert said(words.change(row())) == "2 days faster"
    assert said(words.change(row(value=96.0, low=90, high=100, previous=48.0, previous_low=40, previous_high=55))) == (
        "2 days slower"
    )


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"previous": 54.0, "previous_low": 30.0}, "no clear change"),
        ({"previous_low": 40.0}, "no clear change"),  # this value lies in the other's interval
        ({"low": None, "high": None, "previous_low": None, "previous_high": None}, "no clear change"),
        ({"too_few": True}, "too few to compare"),
        ({"previous_n": 5}, "too few to compare"),
        ({"previous": float("nan")}, "nothing to compare with"),
        ({"value": None}, "nothing to compare with"),
    ],
)
def test_no_change_is_claimed_inside_an_interval_or_from_too_few(given, text):
    assert words.change(row(**given)) == text


def test_few_deployments_are_still_a_count():
    few = row(unit="per week", value=0.1, low=0.01, high=0.4, previous=3.0, previous_low=2.0, previous_high=4.1)
    assert said(words.change(few | {"previous_n": 3})) == "2.9 a week fewer"


def test_a_median_not_reached_is_more_than_its_low_end():
    assert said(words.answer(row(value=None, low=72.0))) == "> 3 days"


def test_days_and_windows_speak_the_time_zone():
    late = datetime(2026, 3, 31, 22, 30)
    assert said(words.day(late)) == "31 March 2026"
    assert said(words.day(late, "Europe/Berlin")) == "1 April 2026"
    assert words.moment(late, "Asia/Jakarta") == "2026-04-01 05:30"
    assert words.moment(None) == ""


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        ((2026, 1, 1), (2026, 4, 1), "1 January – 31 March 2026"),
        ((2026, 3, 2), (2026, 3, 9), "2–8 March 2026"),
        ((2025, 12, 29), (2026, 1, 5), "29 December 2025 – 4 January 2026"),
        ((2026, 3, 2), (2026, 3, 3), "2 March 2026"),
    ],
)
def test_window_names_its_first_and_last_day(start, end, text):
    assert said(words.window(datetime(*start), datetime(*end))) == text


def test_nouns():
    assert said(words.plural(1, "change")) == "1 change"
    assert said(words.plural(1200, "retry")) == "1,200 retries"
    assert words.noun("change_fail_rate") == "deployments"
    assert words.noun("my_own_metric", 1) == "observation"
    assert words.label("failed_deployment_recovery_time") == "Failed deployment recovery time"
