"""Charts: what is drawn, in which unit, and what is not pretended."""

import json
import time
from datetime import datetime, timedelta

import numpy as np
import plotly.graph_objects as go
import pytest
from made_frames import START, WEEK, long_frame, observations

from devops_lab import charts, words
from devops_lab.charts import style

HOSTILE = "<script>alert(1)</script><a href='javascript:alert(2)'>x</a>"


def texts(figure):
    return json.dumps(figure.to_plotly_json(), default=str, ensure_ascii=False)


def test_trend_draws_hours_with_a_band_and_a_gap():
    figure = charts.trend(long_frame([48, 52, None, 60, 55, 50, 58, 61]), "change_lead_time")
    assert type(figure) is go.Figure
    band, line = figure.data
    assert list(line.y) == [48, 52, None, 60, 55, 50, 58, 61]
    assert line.connectgaps is False
    assert line.x[0] == START + WEEK / 2
    assert band.fill == "toself" and band.x.count(None) == 2  # two runs, each closed by a gap
    assert list(band.y[:4]) == pytest.approx([48 * 1.2, 52 * 1.2, 52 * 0.8, 48 * 0.8])
    assert figure.layout.yaxis.ticktext[-1].endswith("days")
    assert list(figure.layout.xaxis.range) == [START, START + 8 * WEEK]


def test_a_single_period_between_gaps_keeps_its_interval():
    band = charts.trend(long_frame([48, None, 50, None]), "change_lead_time").data[0]
    assert band.x[:2] == (START + WEEK / 4, START + 3 * WEEK / 4)


def test_hover_says_value_interval_observations_and_period():
    line = charts.trend(long_frame([76.8, 80.0]), "change_lead_time").data[1]
    said = line.text[0].replace(words.SPACE, " ")
    assert said == "<b>3.2 days</b> (76.8 hours)<br>95 %: 2.6–3.8 days<br>20 changes<br>5–11 January 2026"


def test_partial_and_too_few_are_hollow_and_the_subtitle_explains_only_what_is_there():
    frame = long_frame([48, 50, 52], partial=[False, False, True], too_few=[False, True, False])
    figure = charts.trend(frame, "change_lead_time")
    assert list(figure.data[1].marker.symbol) == ["circle", "circle-open", "circle-open"]
    assert figure.layout.meta["subtitle"].endswith("hollow: fewer than 6 changes or part of a week")
    assert "hollow" not in charts.trend(long_frame([48, 50]), "change_lead_time").layout.meta["subtitle"]


def test_a_median_not_reached_is_drawn_as_more_than_its_low_end():
    frame = long_frame([48, None, 50], low=[40, 72, 45], high=[55, None, 60])
    line = charts.trend(frame, "failed_deployment_recovery_time").data[-1]
    assert line.y[1] == 72 and line.marker.symbol[1] == "triangle-up-open"
    assert line.text[1].startswith("<b>>" + words.SPACE + "3")


def test_durations_over_two_decades_are_logarithmic_with_words_on_the_axis():
    figure = charts.trend(long_frame([0.5, 3, 20, 100, 700]), "change_lead_time")
    assert figure.layout.yaxis.type == "log"
    assert "1 day" in figure.layout.yaxis.ticktext
    assert "logarithmic" in figure.layout.meta["subtitle"]
    assert charts.trend(long_frame([10, 20, 900]), "change_lead_time").layout.yaxis.type is None


def test_p90_stands_beside_the_median_and_both_are_named_at_their_ends():
    frame = long_frame([1, 2, 3])
    import pandas as pd

    both = pd.concat([frame, long_frame([10, 200, 300], statistic="p90", too_few=[True, False, False])])
    figure = charts.trend(both, "change_lead_time")
    assert list(figure.data[2].y) == [None, 200, 300]  # of too few rows it would be the highest one
    named = {note.text: note.y for note in figure.layout.annotations}
    assert named == pytest.approx({"9 in 10": np.log10(300), "median": np.log10(3)})


def test_counts_are_bars_and_an_uncovered_period_is_shaded_not_zero():
    frame = long_frame([3, 0, None, 2], "deployment_frequency", "count", "count", coverage=[1, 1, 0, 0.5])
    frame["partial"] = [False, False, True, True]
    figure = charts.trend(frame, "deployment_frequency")
    bars = figure.data[0]
    assert isinstance(bars, go.Bar) and list(bars.y) == [3, 0, None, 2]
    assert list(bars.marker.pattern.shape) == ["", "", "/", "/"]
    (shade,) = figure.layout.shapes
    assert (shade.x0, shade.x1) == (START + 2 * WEEK, START + 3 * WEEK)
    assert "not covered" in texts(figure)
    assert figure.layout.yaxis.dtick == 1


def test_shares_are_per_cent_and_stay_within_the_axis():
    figure = charts.trend(long_frame([0.174, 0.5, 1], "change_fail_rate", "share", "share"), "change_fail_rate")
    assert list(figure.data[1].y) == pytest.approx([17.4, 50, 100])
    assert figure.layout.yaxis.ticksuffix == " %" and figure.layout.yaxis.range[1] == 102


def test_title_is_the_finding_and_says_the_number_of_the_whole_window():
    answer = {"metric": "change_lead_time", "unit": "hours", "value": 72.0}
    figure = charts.trend(long_frame([70, 75, 71, 74, 72, 73]), "change_lead_time", answer=answer)
    meta = figure.layout.meta
    assert (
        meta["title"].replace(words.SPACE, " ") == "Half of the changes reach production within 3 days; no clear trend"
    )
    assert meta["alt"].startswith(meta["title"]) and "Values from" in meta["alt"]
    assert figure.layout.title.x == 0 or figure.layout.template.layout.title.x == 0


def test_partial_and_too_few_periods_make_no_trend():
    falling = [24.0 * day for day in (9, 8, 7, 6, 5, 4, 3)]
    assert "faster" in charts.trend(long_frame(falling), "change_lead_time").layout.meta["title"]
    few = charts.trend(long_frame(falling, too_few=True), "change_lead_time").layout.meta["title"]
    assert "too few weeks" in few


def test_time_axis_shows_the_time_zone():
    line = charts.trend(long_frame([48, 50]), "change_lead_time", timezone="Asia/Jakarta").data[1]
    assert line.x[0] == START + WEEK / 2 + timedelta(hours=7)


def test_groups_are_lines_named_at_their_ends_and_names_from_outside_are_escaped():
    import pandas as pd

    frame = pd.concat([long_frame([48, 50], group_name=name) for name in ("a", HOSTILE, *"bcdefgh")])
    figure = charts.trend(frame, "change_lead_time")
    assert len(figure.data) == 9 and "<script" not in texts(figure)
    assert len(figure.layout.annotations) == len(style.GROUPS) - 1
    assert figure.data[-1].line.color == style.CONTEXT


def test_nothing_to_draw_says_why():
    empty = long_frame([])
    empty.attrs["reason"] = "no sync has covered this time yet"
    figure = charts.trend(empty, "change_lead_time")
    assert not figure.data and figure.layout.meta["subtitle"] == "no sync has covered this time yet"
    assert "Fewer than two weeks" in charts.trend(long_frame([48, None]), "change_lead_time").layout.meta["subtitle"]


def lead_times(values, **more):
    return observations([{"id": str(place), "value": value, **more} for place, value in enumerate(values)])


def test_distribution_marks_the_half_and_the_nine_in_ten():
    figure = charts.distribution(lead_times(range(1, 101)), "change_lead_time")
    curve, half, most = figure.data
    assert list(curve.x)[:3] == [1, 2, 3] and curve.y[-1] == 100 and curve.line.shape == "hv"
    assert half.x == (50.5,) and most.x[0] == pytest.approx(90.1)
    assert figure.layout.meta["title"].replace(words.SPACE, " ") == (
        "Half of the changes take up to 2.1 days, one in ten takes more than 3.8 days"
    )
    assert figure.layout.annotations[0].text.replace(words.SPACE, " ") == "half: 2.1 days"


def test_distribution_leaves_out_excluded_and_open_rows_and_says_so():
    rows = observations(
        [{"value": 1.0}, {"value": 9.0}, {"value": 99.0, "censored": True}, {"value": None, "excluded": "bot"}]
    )
    figure = charts.distribution(rows, "failed_deployment_recovery_time")
    assert list(figure.data[0].x) == [1, 9]
    assert "1 still open, not drawn" in figure.layout.meta["subtitle"]


def test_distribution_of_many_is_drawn_with_few_steps_and_fast():
    values = np.random.default_rng(3).lognormal(4, 2, 12_000)
    rows = lead_times(values)
    started = time.perf_counter()
    figure = charts.distribution(rows, "change_lead_time")
    assert time.perf_counter() - started < 1
    assert len(figure.data[0].x) <= 600
    assert figure.data[1].x[0] == pytest.approx(float(np.median(values)))
    assert figure.layout.xaxis.type == "log"


def test_distribution_of_equal_or_no_values_says_so():
    assert "each took" in charts.distribution(lead_times([0, 0, 0]), "change_lead_time").layout.meta["subtitle"]
    assert not charts.distribution(lead_times([]), "change_lead_time").data


def at(day, hour=0):
    return datetime(2026, 3, day, hour)


DEPLOYMENTS = [
    {"id": "1", "occurred_at": at(1), "value": 0.0, "title": "v1.0.0"},
    {"id": "2", "occurred_at": at(5), "value": 1.0, "title": "v1.0.1"},
    {"id": "3", "occurred_at": at(9), "value": 0.0, "title": HOSTILE},
    {"id": "4", "occurred_at": at(10), "value": None, "excluded": "unsuccessful"},
    {"id": "5", "occurred_at": at(11), "value": None, "excluded": "cancelled"},
]
FAILURES = [
    {"id": "1", "occurred_at": at(1), "started_at": at(1), "ended_at": at(5), "value": 96.0},
    {"id": "3", "occurred_at": at(9), "started_at": at(9), "ended_at": at(20), "value": 264.0, "censored": True},
    {"id": "x", "occurred_at": at(12), "value": None, "excluded": "unattributed", "title": "provider down"},
    {"id": "y", "occurred_at": at(13), "value": None, "excluded": "duplicate"},
]


def test_timeline_draws_each_outcome_by_shape_and_colour():
    figure = charts.deployment_timeline(observations(DEPLOYMENTS), observations(FAILURES))
    marks = [trace for trace in figure.data if trace.mode == "markers"]
    assert {(trace.marker.symbol, len(trace.x)) for trace in marks} == {
        ("diamond", 1), ("x", 2), ("triangle-down-open", 1), ("x-open", 1),
    }  # fmt: skip
    bars = [trace for trace in figure.data if trace.mode == "lines+markers"]
    assert [list(bar.x) for bar in bars] == [[at(1), at(5)], [at(9), at(20)]]
    assert bars[1].marker.symbol[1] == "triangle-right"
    title = figure.layout.meta["title"].replace(words.SPACE, " ")
    assert title == "2 of 3 deployments failed; the longest took 4 days to recover; 1 has not recovered"
    assert "1 rollout did not get there" in figure.layout.meta["subtitle"].replace(words.SPACE, " ")


def test_text_from_outside_is_escaped_for_plotly():
    drawn = texts(charts.deployment_timeline(observations(DEPLOYMENTS), observations(FAILURES)))
    assert "<script" not in drawn and "<a href" not in drawn and "&lt;script&gt;" in drawn


def test_recoveries_that_overlap_or_touch_lie_in_rows_of_their_own():
    spans = [(1, 5), (2, 3), (5, 8), (20, 25)]
    deployments = [{"id": str(n), "occurred_at": at(a), "value": 0.0} for n, (a, _) in enumerate(spans)]
    failed = [
        {"id": str(n), "occurred_at": at(a), "started_at": at(a), "ended_at": at(b), "value": (b - a) * 24.0}
        for n, (a, b) in enumerate(spans)
    ]
    figure = charts.deployment_timeline(observations(deployments), observations(failed))
    rows = [trace.y[0] for trace in figure.data if trace.mode == "lines+markers"]
    assert rows[0] == rows[3] and len({rows[0], rows[1]}) == 2 and rows[2] != rows[0]


def test_timeline_without_failures_and_without_deployments():
    one = charts.deployment_timeline(observations(DEPLOYMENTS[:2]), observations([]))
    assert "No failure is attributed" in one.layout.meta["title"]
    assert not charts.deployment_timeline(observations([]), observations([])).data


def test_timeline_of_thousands_shares_marks_and_stays_fast():
    rows = [{"id": str(n), "occurred_at": START + timedelta(hours=n), "value": 0.0} for n in range(12_000)]
    deployments = observations(rows)
    started = time.perf_counter()
    figure = charts.deployment_timeline(deployments, observations([]))
    assert time.perf_counter() - started < 3
    assert len(figure.data[0].x) <= 600
    assert "marks from" in figure.data[0].text[1]


def test_one_figure_serves_light_and_dark():
    figure = charts.trend(long_frame([48, 50]), "change_lead_time")
    layout = figure.layout.template.layout
    assert layout.paper_bgcolor == "rgba(0,0,0,0)" and layout.font.color == style.INK
    assert "system-ui" in layout.font.family and layout.showlegend is False
    for ground in (1.0, 0.0056):  # white, and the report's dark paper
        assert contrast(style.INK, ground) >= 3.5
        assert contrast(style.ACCENT, ground) >= 3
    for light, dark in style.COLOURS.values():
        if light.startswith("#"):
            assert contrast(light, 1.0) >= 3 and contrast(dark, 0.0056) >= 3


def contrast(colour: str, ground: float) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    light = sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    return (max(light, ground) + 0.05) / (min(light, ground) + 0.05)
