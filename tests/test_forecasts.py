"""Forecasts of milestones: one a day and seven left are seven days; where nothing was closed nothing can be said."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from made_rows import REPOSITORY, at
from trap_lab import Lab

from devops_lab.delivery.forecasts import FARTHEST, days_needed, of_rows

NOW = datetime(2026, 4, 1, 9, 30)
TODAY = datetime(2026, 4, 1)
DAY = timedelta(days=1)


def milestone(number: int = 1, **more) -> dict:
    made = datetime(2026, 1, 1)
    return {"repository": REPOSITORY, "number": number, "title": "v1", "state": "open", "created_at": made} | more


def issues(closed: list[datetime], left: int, number: int = 1) -> list[dict]:
    done = [{"milestone": number, "state": "closed", "closed_at": when} for when in closed]
    return done + [{"milestone": number, "state": "open", "closed_at": None}] * left


def one_a_day(days: int) -> list[datetime]:
    return [TODAY - ago * DAY + timedelta(hours=15) for ago in range(1, days + 1)]


def forecast(closed: list[datetime], left: int, **more) -> dict:
    [row] = of_rows([milestone(**more)], issues(closed, left), NOW)
    return row


def test_one_a_day_and_seven_left_are_seven_days():
    row = forecast(one_a_day(60), 7)
    assert row["finish_50"] == row["finish_85"] == row["finish_95"] == TODAY + 7 * DAY
    assert (row["open_issues"], row["closed_issues"], row["history_days"], row["reason"]) == (7, 60, 60, None)


def test_three_a_day_and_seven_left_are_three_days():
    assert forecast(one_a_day(60) * 3, 7)["finish_95"] == TODAY + 3 * DAY


def test_every_other_day_and_one_left_are_flips_of_a_coin():
    """Half of the futures are done after a day, three quarters after two, 7/8 after three, 31/32 after five."""
    row = forecast(one_a_day(60)[::2], 1)
    assert [(row[f"finish_{share}"] - TODAY).days for share in (50, 85, 95)] in ([1, 3, 5], [2, 3, 5])
    days = days_needed(np.array([0, 1]), 1)
    assert (days <= 1).mean() == pytest.approx(1 / 2, abs=0.02)
    assert (days <= 3).mean() == pytest.approx(7 / 8, abs=0.02)


def test_ten_one_day_in_ten_is_less_certain_than_one_a_day():
    burst = [when for when in one_a_day(60)[::10] for _ in range(10)]
    row = forecast(burst, 10)
    assert row["finish_50"] < TODAY + 10 * DAY < row["finish_95"]


def test_the_due_day_counts_whole():
    """Due on the 7th, seven days to go from the 1st's midnight: done at its end, in time."""
    assert forecast(one_a_day(60), 7, due_on=datetime(2026, 4, 7, 7))["on_time"] == 1
    assert forecast(one_a_day(60), 7, due_on=datetime(2026, 4, 6, 7))["on_time"] == 0
    assert forecast(one_a_day(60), 7)["on_time"] is None


def test_today_is_not_over_and_does_not_count():
    row = forecast([*one_a_day(60), *[NOW] * 50], 7)
    assert row["closed_issues"] == 60


def test_what_is_older_than_sixty_days_does_not_count():
    assert forecast([TODAY - 61 * DAY] * 9 + one_a_day(10), 3)["closed_issues"] == 10


@pytest.mark.parametrize(
    ("closed", "left", "more", "reason"),
    [
        ([], 7, {}, "cannot be said: nothing was closed in 60 days"),
        (one_a_day(3), 7, {"created_at": TODAY - 3 * DAY}, "cannot be said: younger than a week"),
        ([], 7, {"created_at": TODAY + DAY}, "cannot be said: younger than a week"),
        (one_a_day(60), 0, {}, "nothing is left"),
        (one_a_day(1), 100_000, {}, "later than in three years"),
    ],
)
def test_what_cannot_be_said_says_why(closed, left, more, reason):
    row = forecast(closed, left, **more)
    assert row["reason"] == reason
    assert row["finish_50"] is row["finish_85"] is row["finish_95"] is None


def test_three_years_are_the_farthest():
    assert set(days_needed(np.array([1]), FARTHEST)) == {FARTHEST}
    assert set(days_needed(np.array([1]), FARTHEST + 1)) == {FARTHEST + 1}


def test_the_same_facts_give_the_same_dates():
    assert forecast(one_a_day(60)[::3], 40) == forecast(one_a_day(60)[::3], 40)


def test_a_sync_stores_them(tmp_path):
    rows = [
        {"number": number, "created_at": at(1), "milestone": 3, "closed_at": at(31, "15:00"), "state": "closed"}
        for number in range(1, 5)
    ] + [{"number": 9, "created_at": at(1), "milestone": 3, "state": "open"}]
    open_one, closed_one = (
        {"number": number, "title": "v1", "state": state, "created_at": at(1), "due_on": at(40)}
        for number, state in ((3, "open"), (4, "closed"))
    )
    asked = {
        "source": "github", "table_name": "issues", "window_start": at(1), "window_end": at(32), "asked": 5,
        "fetched": 5, "missing": 0, "recorded_at": at(32),
    }  # fmt: skip
    store = Lab(tmp_path).write(issues=rows, milestones=[open_one, closed_one], sync_ledger=[asked]).link(at(32))
    [row] = store.milestone_forecasts.rows()
    assert (row["number"], row["open_issues"], row["closed_issues"], row["history_days"]) == (3, 1, 4, 30)
    assert row["finish_50"] > row["made_at"] == at(32)
