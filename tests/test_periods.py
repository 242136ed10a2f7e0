"""Windows and periods: Monday weeks, changing clocks, months of the calendar, rolling windows, and nonsense."""

import itertools
from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devops_lab import periods
from devops_lab.errors import QuestionError
from devops_lab.periods import Window, window

AS_OF = datetime(2026, 10, 14, 9, 30)
BERLIN = "Europe/Berlin"
ZONES = ["UTC", BERLIN, "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo"]


@pytest.mark.parametrize(
    ("last", "start"),
    [
        ("90 days", datetime(2026, 7, 16, 9, 30)),
        ("90d", datetime(2026, 7, 16, 9, 30)),
        ("12 weeks", datetime(2026, 7, 22, 9, 30)),
        ("6 months", datetime(2026, 4, 14, 9, 30)),
        ("2 quarters", datetime(2026, 4, 14, 9, 30)),
        ("1 year", datetime(2025, 10, 14, 9, 30)),
        ("24h", datetime(2026, 10, 13, 9, 30)),
        (" 1 Day ", datetime(2026, 10, 13, 9, 30)),
    ],
)
def test_lengths(last, start):
    assert window(last, as_of=AS_OF) == Window(start, AS_OF)


def test_windows_roll():
    """Trap 37: "last 6 months" moves on with as_of."""
    assert window("6 months", as_of=AS_OF + timedelta(days=1)).start == window(
        "6 months", as_of=AS_OF
    ).start + timedelta(days=1)


def test_default_is_ninety_days_to_as_of():
    assert window(as_of=AS_OF) == window("90 days", as_of=AS_OF)


def test_month_ends_are_clamped():
    assert window("1 month", as_of=datetime(2026, 3, 31)).start == datetime(2026, 2, 28)


def test_dates_are_days_of_the_time_zone():
    assert window(since="2026-09-15", until="2026-10-01", as_of=AS_OF, timezone=BERLIN) == Window(
        datetime(2026, 9, 14, 22), datetime(2026, 9, 30, 22)
    )
    assert window(since=date(2026, 9, 15), as_of=AS_OF, timezone=BERLIN).start == datetime(2026, 9, 14, 22)
    assert window(since="2026-09-15T10:00+02:00", as_of=AS_OF).start == datetime(2026, 9, 15, 8)
    assert window(since=datetime(2026, 9, 15, 10), as_of=AS_OF, timezone=BERLIN).start == datetime(2026, 9, 15, 10)
    aware = datetime(2026, 9, 15, 10, tzinfo=timezone(timedelta(hours=2)))
    assert window(since=aware, as_of=AS_OF).start == datetime(2026, 9, 15, 8)


def test_a_window_never_reaches_past_what_is_known():
    assert window(since="2026-10-12", until="2026-10-19", as_of=AS_OF) == Window(
        datetime(2026, 10, 12), AS_OF, cut=True
    )


def test_all_begins_with_the_first_thing():
    assert window("all", as_of=AS_OF, first=datetime(2012, 11, 24)).start == datetime(2012, 11, 24)
    assert window("all", as_of=AS_OF).start == datetime(2026, 7, 16, 9, 30)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"last": "soon"}, "'soon'"),
        ({"last": "0 days"}, "'0 days'"),
        ({"last": "-3 days"}, "'-3 days'"),
        ({"last": "99999 years"}, "'99999 years'"),
        ({"last": "9999999999999 days"}, "'9999999999999 days'"),
        ({"last": 90}, "90"),
        ({"since": "15.9.2026"}, "since = '15.9.2026'"),
        ({"until": "2026-02-30"}, "until = '2026-02-30'"),
        ({"since": 7}, "since = 7"),
        ({"since": "2026-09-02", "until": "2026-09-01"}, "empty or reversed"),
        ({"since": "2026-09-02", "until": "2026-09-02"}, "empty or reversed"),
        ({"since": "2027-01-01", "until": "2027-02-01"}, "nothing after"),
        ({"last": "9 days", "since": "2026-09-02"}, "contradict"),
        ({"since": "2026-09-02", "timezone": "Mars/Phobos"}, "'Mars/Phobos'"),
        ({"since": "2026-09-02", "timezone": "../../etc/passwd"}, "is no time zone"),
    ],
)
def test_nonsense_is_named(asked, said):
    with pytest.raises(QuestionError) as caught:
        window(**asked, as_of=AS_OF)
    assert said in str(caught.value)


def test_weeks_begin_on_monday_and_partial_ones_say_so():
    found = periods.periods(window("10 days", as_of=AS_OF), "week")  # Sunday 4 to Wednesday 14 October
    assert [(p.start.day, p.end.day, p.is_cut) for p in found] == [(28, 5, True), (5, 12, False), (12, 19, True)]
    assert found[0].seen_start == datetime(2026, 10, 4, 9, 30)
    assert all(p.start.weekday() == 0 for p in found)


def test_days_of_changing_clocks_have_23_and_25_hours():
    def lengths(day):
        asked = window(since=day, until=day + timedelta(days=1), as_of=AS_OF, timezone=BERLIN)
        (one,) = periods.periods(asked, "day", BERLIN)
        return (one.end - one.start) / timedelta(hours=1), periods.days(one.start, one.end, BERLIN)

    assert lengths(date(2026, 3, 29)) == (23, 1)
    assert lengths(date(2025, 10, 26)) == (25, 1)


def test_midnight_that_the_clock_skips():
    """Sao Paulo, 4 November 2018: the day began at 01:00."""
    asked = window(since="2018-11-03", until="2018-11-06", as_of=AS_OF, timezone="America/Sao_Paulo")
    found = periods.periods(asked, "day", "America/Sao_Paulo")
    assert [(p.end - p.start) / timedelta(hours=1) for p in found] == [24, 23, 24]


@pytest.mark.parametrize(("every", "count"), [("month", 27), ("quarter", 10), ("year", 3), ("day", 781), ("week", 113)])
def test_long_ranges_are_never_cut(every, count):
    """Trap 29: ranges over 400 days lost their months."""
    asked = window(since="2024-08-25", as_of=datetime(2026, 10, 15))
    found = periods.periods(asked, every)
    assert len(found) == count
    assert (found[0].seen_start, found[-1].seen_end) == (asked.start, asked.end)


def test_unknown_period():
    with pytest.raises(QuestionError, match="fortnight"):
        periods.periods(window(as_of=AS_OF), "fortnight")


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2036, 1, 1)),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=900)),
    st.sampled_from(periods.EVERY),
    st.sampled_from(ZONES),
)
@settings(max_examples=150, deadline=None)
def test_periods_tile_the_window(start, length, every, zone):
    asked = Window(start, start + length)
    found = periods.periods(asked, every, zone)
    assert (found[0].seen_start, found[-1].seen_end) == (asked.start, asked.end)
    for one, other in itertools.pairwise(found):
        assert one.end == other.start
        assert one.seen_end == other.seen_start
    assert all(p.start <= p.seen_start < p.seen_end <= p.end for p in found)


@given(st.datetimes(datetime(1971, 1, 1), datetime(2036, 1, 1)), st.integers(1, 400), st.sampled_from(ZONES))
@settings(max_examples=100, deadline=None)
def test_the_window_before_is_equally_long(end, number, zone):
    asked = window(f"{number} days", as_of=end, timezone=zone)
    before = periods.previous(asked, zone)
    assert before.end == asked.start
    gap = abs(periods.days(before.start, before.end, zone) - periods.days(asked.start, asked.end, zone))
    assert gap <= 1 / 24  # where the clock skips the hour that would begin it
