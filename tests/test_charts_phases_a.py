"""Charts of planning, coding, building and testing: what is drawn, what the title claims, what is not pretended."""

import json
from datetime import datetime, timedelta

import pandas as pd
import pytest
from made_frames import long_frame

from devops_lab import language
from devops_lab.charts import ages, builds, flow, flow_stages, sizes, tests

HOSTILE = "<script>alert(1)</script>"
START = datetime(2026, 1, 1)
DAY = timedelta(days=1)


def texts(figure):
    return json.dumps(figure.to_plotly_json(), default=str, ensure_ascii=False)


def issues(*days):
    """Issues by the days on which they were opened, begun and closed; None where that has not happened."""
    moments = [[None if day is None else START + day * DAY for day in row] for row in days]
    return pd.DataFrame(moments, columns=["created_at", "began_at", "done_at"]).astype("datetime64[us]")


# ---------------------------------------------------------------- cumulative flow


def test_cumulative_flow_of_four_issues():
    figure = flow.cumulative_flow(
        issues((-5, -4, -3), (-2, 1, 3), (2, 4, None), (5, None, None)), START, START + 10 * DAY
    )
    closed, begun, opened = figure.data
    assert (closed.y[0], begun.y[0], opened.y[0]) == (0, 0, 1)  # what was closed before is the floor
    assert (closed.y[-1], begun.y[-1], opened.y[-1]) == (1, 2, 3)
    assert [note.text for note in figure.layout.annotations] == ["closed 1", "under way 1", "waiting 1"]
    assert figure.layout.meta["title"] == "As much goes out as comes in: about 2 issues are open"


def test_cumulative_flow_says_what_grew():
    rows = [(-1, None, None)] * 4 + [(1, 2, None)] * 5
    assert flow.cumulative_flow(issues(*rows), START, START + 9 * DAY).layout.meta["title"] == (
        "Work under way has grown from 0 to 5 issues"
    )
    waiting = issues(*[(-1, None, None)] * 4, *[(1, None, None)] * 5)
    assert "4 open issues have become 9" in flow.cumulative_flow(waiting, START, START + 9 * DAY).layout.meta["title"]


def test_an_issue_closed_without_a_sign_of_work_is_begun_when_it_is_closed():
    closed, begun, opened = flow.cumulative_flow(issues((1, None, 3)), START, START + 9 * DAY).data
    assert list(closed.y) == list(begun.y) and all(top >= below for top, below in zip(opened.y, begun.y, strict=True))


def test_no_issue_says_so_in_both_languages():
    nothing = issues().iloc[:0]
    assert flow.cumulative_flow(nothing, START, START + DAY).layout.meta["title"] == "No issue to draw"
    figure = flow.cumulative_flow(nothing, START, START + DAY, t=language.of("id"))
    assert figure.layout.meta["title"] == "Tidak ada issue untuk digambar"


# ---------------------------------------------------------------- age of work


def test_old_work_has_another_shape():
    rows = pd.DataFrame({"value": [10.0, 100.0, 30.0], "id": ["#1", "#2", "#3"], "title": ["a", HOSTILE, None]})
    figure = ages.age_of_work(rows, 48.0)
    usual, late = figure.data
    assert list(usual.x) == [10, 30] and list(late.x) == [100]
    assert (usual.marker.symbol, late.marker.symbol) == ("circle", "diamond")
    assert list(figure.layout.yaxis.ticktext) == ["#1", "#3", "#2"]  # the oldest on top
    assert figure.layout.meta["title"].startswith("1 of 3 issues under way are older than 2\N{NO-BREAK SPACE}days")
    assert HOSTILE not in texts(figure)


def test_without_finished_work_nothing_is_late():
    rows = pd.DataFrame({"value": [10.0], "id": ["#1"], "title": ["a"]})
    figure = ages.age_of_work(rows, float("nan"))
    assert "has been worked on for 10" in figure.layout.meta["title"]
    assert len(figure.data[1].x) == 0


# ---------------------------------------------------------------- waterfall


def test_parts_stand_where_the_one_before_ends():
    parts = [("Coding", 10.0, 8.0, False), ("Waiting", 20.0, 5.0, True), ("Review", 10.0, 9.0, False)]
    figure = flow_stages.stage_waterfall(parts, 7)
    assert [bar.base[0] for bar in figure.data] == [0, 10, 30]
    assert sum(bar.x[0] for bar in figure.data) == 40
    assert figure.data[1].marker.pattern.shape == "/" and not figure.data[0].marker.pattern.shape
    assert figure.layout.meta["title"] == "Waiting takes 50\N{NO-BREAK SPACE}% of the time from first commit to merge"
    assert not flow_stages.stage_waterfall([], 0).data


# ---------------------------------------------------------------- size and reviews


def pulls(pairs):
    return pd.DataFrame([{"lines": a, "hours": b, "id": f"#{n}", "title": HOSTILE} for n, (a, b) in enumerate(pairs)])


def test_size_and_time_that_rise_together():
    figure = sizes.size_against_review(pulls([(n * 10, n) for n in range(1, 31)]))
    assert figure.layout.meta["title"].startswith("Large pull requests wait longer")
    assert list(figure.data[1].x) == [55, 155, 255] and list(figure.data[1].y) == [5.5, 15.5, 25.5]
    assert HOSTILE not in texts(figure)


def test_no_relation_is_said():
    figure = sizes.size_against_review(pulls([(n * 10, 5 + (n * 7) % 11) for n in range(1, 31)]))
    assert "no clear relation" in figure.layout.meta["title"]
    assert not sizes.size_against_review(pulls([(10, 1)])).data


def test_rank_correlation_of_a_straight_line():
    rising = pd.Series(range(20), dtype=float)
    assert sizes.rank_correlation(rising, rising**3) == (pytest.approx(1), True)
    assert sizes.rank_correlation(rising, -rising) == (pytest.approx(-1), True)
    assert sizes.rank_correlation(rising[:5], rising[:5]) == (0.0, False)


def test_review_load_is_a_share_of_weeks():
    figure = sizes.review_load(pd.DataFrame({"value": [1.0, 1, 2, 4, 1, 1, 1, 1, 1, 7]}))
    assert list(figure.data[0].x) == [1, 2, 4, 7] and list(figure.data[0].y) == [70, 80, 90, 100]
    assert "35" in figure.layout.meta["title"]  # the busiest of ten does 7 of 20
    assert "five reviewers" in sizes.review_load(pd.DataFrame({"value": []})).layout.meta["subtitle"]


# ---------------------------------------------------------------- builds and tests


def both(values, slow, unit="minutes"):
    first, second = long_frame(values), long_frame(slow)
    frame = pd.concat([first.assign(statistic="median"), second.assign(statistic="p95")], ignore_index=True)
    return frame.assign(unit=unit)


def test_percentiles_are_drawn_in_hours_and_named():
    figure = builds.percentiles(both([6, 12, None, 6], [30, 60, None, 30]), "Builds", "drawn")
    lines = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert [lines[0].y[place] for place in (0, 1, 3)] == pytest.approx([0.1, 0.2, 0.1])
    assert lines[0].y[2] != lines[0].y[2]  # a gap
    assert figure.data[0].x.count(None) == 2  # the band is two runs
    assert lines[0].connectgaps is False
    assert [note.text for note in figure.layout.annotations] == ["50 %", "95 %"]
    assert not builds.percentiles(both([6], [30]), "Builds", "drawn").data


def test_slowest_from_median_to_percentile():
    figure = builds.slowest([(HOSTILE, 0.1, 0.2, 9), ("lint", 0.05, 0.1, 9)], "title", "subtitle")
    dots, ends = figure.data
    assert list(dots.x) == [0.05, 0.1] and list(ends.x) == [0.1, 0.2]  # the first stands on top
    assert HOSTILE not in texts(figure)


def test_red_times_still_red_is_an_arrow():
    rows = pd.DataFrame(
        {
            "title": ["CI", "CI"], "value": [5.0, 48.0], "censored": [False, True],
            "started_at": [START + DAY, START + 3 * DAY], "ended_at": [START + 1.2 * DAY, START + 5 * DAY],
        }
    )  # fmt: skip
    figure = builds.red_times(rows, START, START + 5 * DAY)
    assert [trace.marker.symbol[1] for trace in figure.data] == ["circle", "triangle-right"]
    assert figure.layout.meta["title"].startswith("The default branch turned red 2 times")


def test_a_pass_rate_near_one_says_that_its_axis_is_cut():
    frame = long_frame([0.99, 0.98, None, 0.995], low=[0.97, 0.96, None, 0.98], high=[1.0, 0.99, None, 1.0])
    figure = tests.pass_rate(frame.assign(unit="share"), "title", "subtitle")
    assert figure.layout.yaxis.range[0] > 50 and "does not begin at zero" in figure.layout.meta["subtitle"]
    assert figure.data[-1].y[0] == pytest.approx(99)
