"""Charts of releasing, deploying, operating and monitoring: what is drawn, what the title claims, what is escaped."""

import json
from datetime import datetime, timedelta

import pandas as pd
import pytest
from made_frames import long_frame

from devops_lab import charts, language, words

HOSTILE = "<script>alert(1)</script>"
START = datetime(2026, 9, 7)  # a Monday
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
NONE = float("nan")


def texts(figure):
    return json.dumps(figure.to_plotly_json(), default=str, ensure_ascii=False)


def meta(figure, name="title"):
    return figure.layout.meta[name].replace(words.SPACE, " ")


def frame(rows, *instants):
    return pd.DataFrame(rows).astype(dict.fromkeys(instants, "datetime64[us]"))


def releases(days, service="shop", **more):
    rows = [
        {"service": service, "tag": f"v1.{day}.0", "released_at": START + day * DAY, "kind": "release", "size": 4.0,
         "waited": 24.0, "url": None} | more
        for day in days
    ]  # fmt: skip
    return frame(rows, "released_at")


# ---------------------------------------------------------------- releases


def test_the_train_says_the_usual_and_the_longest_pause():
    figure = charts.release_train(releases([0, 2, 4, 6, 8, 10, 20]))
    assert meta(figure) == "Half of the releases follow the one before within 2 days; the longest pause was 10 days"
    line, waited = figure.data
    assert list(line.y) == [0] * 7 and list(waited.y) == [24.0] * 7 and waited.yaxis == "y2"
    assert line.x[0] == START and "4 changes in it" in line.text[0].replace(words.SPACE, " ")


def test_a_larger_release_is_a_larger_mark_and_kinds_differ_by_shape():
    rows = releases([0, 1, 2])
    rows["size"], rows["kind"] = [1.0, 16.0, NONE], ["release", "patch", "pre-release"]
    marker = charts.release_train(rows).data[0].marker
    assert marker.size[1] > marker.size[0] and list(marker.symbol) == ["circle", "diamond", "circle-open"]


def test_services_have_a_line_each_and_too_many_are_said_not_drawn():
    rows = pd.concat([releases([0, place + 1], service=f"s{place:02d}") for place in range(14)])
    figure = charts.release_train(rows)
    assert len(figure.data) == 12 and "2 further services are not drawn" in meta(figure, "subtitle")
    assert charts.release_train(rows.iloc[:0]).layout.meta["title"] == "No release in this window"


def test_the_last_release_beside_the_usual_pause():
    rows = pd.DataFrame({"service": ["shop", "till"], "since": [240.0, 24.0], "usual": [96.0, NONE]})
    figure = charts.last_releases(rows)
    assert meta(figure) == "1 service has waited more than twice its usual pause for a release"
    bars, usual = figure.data
    assert list(bars.x) == [24.0, 240.0] and list(usual.x) == [96.0] and list(usual.y) == [1]
    calm = charts.last_releases(rows.assign(usual=NONE))
    assert meta(calm) == "The last release is at most 10 days ago" and "stroke" not in meta(calm, "subtitle")


# ---------------------------------------------------------------- deployments


def test_the_funnel_counts_what_is_left_of_the_first():
    figure = charts.promotion_funnel([("in staging", 10), ("there", 8), ("in production", 5)], goal="in production")
    assert meta(figure) == "50 % of the versions that reach staging get to production"
    assert [text.replace(words.SPACE, " ") for text in figure.data[0].text] == ["10", "8 · 80 %", "5 · 50 %"]
    assert not charts.promotion_funnel([]).data and not charts.promotion_funnel([("in staging", 0)]).data


def rollouts(*rows):
    """(days, hours, value, rollback) → deployments."""
    return frame(
        [
            {"service": "shop", "occurred_at": START + day * DAY + hour * HOUR, "value": value, "is_rollback": back}
            for day, hour, value, back in rows
        ],
        "occurred_at",
    )


def test_deployments_by_weekday_and_hour():
    figure = charts.deployments_by_hour(
        rollouts((0, 10, 1, False), (7, 10, 0, False), (1, 20, 1, True), *[(2, 9, 1, False)] * 3)
    )
    heat, failed, back = figure.data
    assert heat.z[0][10] == 2 and heat.z[2][9] == 3 and sum(map(sum, heat.z)) == 6
    assert (failed.x, failed.y) == ((10,), (0,)) and (back.x, back.y) == ((20,), (-1,))
    assert failed.marker.symbol != back.marker.symbol
    assert meta(figure).endswith("between 9:00 and 17:00; 1 of 6 failed")


def test_hours_are_local_and_rules_that_see_no_failure_claim_none():
    rows = rollouts(*[(0, 23, NONE, False)] * 6)
    figure = charts.deployments_by_hour(rows, timezone="Asia/Jakarta")  # 6:00 on Tuesday
    assert figure.data[0].z[1][6] == 6
    assert "failed" not in meta(figure)


def test_durations_mark_failures_and_rollbacks():
    rows = frame(
        [
            {"service": "shop", "ended_at": START + day * DAY, "minutes": minutes, "kind": kind, "title": HOSTILE}
            for day, minutes, kind in [(0, 2.0, "success"), (1, 4.0, "rollback"), (2, 90.0, "failure")]
        ],
        "ended_at",
    )
    figure = charts.rollout_durations(rows)
    assert meta(figure) == "Half of the deployments take up to 3 minutes, one in ten more than 3.8 minutes"
    assert {trace.marker.symbol for trace in figure.data} == {"circle", "x", "triangle-left"}
    assert "<script>" not in texts(figure)
    assert not charts.rollout_durations(rows.iloc[:0]).data


# ---------------------------------------------------------------- resources


def usage(services=("shop",), share=0.5):
    rows = [
        {"service": service, "resource": "cpu", "hour": START + hour * HOUR, "highest": share}
        for service in services
        for hour in range(48)
    ]
    return frame(rows, "hour")


def test_saturation_of_one_service_by_hour_and_day():
    rows = usage()
    rows.loc[30, "highest"] = 0.9  # 6:00 on the second day
    figure = charts.saturation_by_hour(rows)
    assert figure.data[0].z[6][1] == 0.9 and len(figure.data[0].z) == 24
    assert meta(figure) == "shop used over 80 % of its cpu on 1 day"


def test_saturation_of_several_services_is_a_row_each_and_gaps_stay_gaps():
    rows = usage(("shop", HOSTILE))
    rows = rows[(rows["service"] == "shop") | (rows["hour"] < START + DAY)]
    figure = charts.saturation_by_hour(rows)
    assert len(figure.data[0].z) == 2 and sum(row.count(None) for row in map(list, figure.data[0].z)) == 1
    assert meta(figure).startswith("No resource was ever over 80 % of its limit") and "<script>" not in texts(figure)


def test_restarts_and_errors_share_the_axis_of_time():
    restarts = long_frame([0.5, 1.0, 0.5], metric="restart_rate", unit="restarts a day", statistic="ratio")
    errors = long_frame([10.0, None, 500.0], metric="log_error_rate", unit="lines an hour", statistic="ratio")
    figure = charts.restarts_and_errors(restarts, errors)
    above, below = figure.data
    assert list(above.y) == [0.5, 1.0, 0.5] and list(below.y) == [10.0, 500.0] and below.yaxis == "y2"
    assert "500 lines an hour" in meta(figure)
    alone = charts.restarts_and_errors(restarts, errors.assign(value=None))
    assert len(alone.data) == 1 and meta(alone).startswith("Most restarts came in the period from")


def test_open_vulnerabilities_by_severity_and_age():
    rows = pd.DataFrame(
        {"severity": ["low", "critical", "high", None], "value": [400.0, 31.0, 45.0, 2.0], "id": list("abcd"),
         "title": [HOSTILE, "jinja2", "urllib3", None]}
    )  # fmt: skip
    figure = charts.open_vulnerabilities(rows)
    calm, grave = figure.data
    assert list(grave.x) == [31.0, 45.0] and grave.marker.symbol == "x" and list(calm.x) == [400.0, 2.0]
    assert meta(figure) == "2 critical or high alerts are open for more than 30 days; the oldest alert is 400 days old"
    assert list(grave.y) == [0, -1] and "<script>" not in texts(figure)


# ---------------------------------------------------------------- service levels


def burned(**left):
    rows = [
        {"service": service, "hour_end": START + hour * HOUR, "left": value}
        for service, values in left.items()
        for hour, value in enumerate(values)
    ]
    return frame(rows, "hour_end")


EVENTS = frame(
    [
        {"service": "shop", "occurred_at": START + HOUR, "ended_at": None, "kind": "deployed", "title": "v1"},
        {"service": "shop", "occurred_at": START + HOUR, "ended_at": None, "kind": "failed", "title": HOSTILE},
        {"service": "shop", "occurred_at": START + HOUR, "ended_at": START + 2 * HOUR, "kind": "incident",
         "title": "Down"},
    ],
    "occurred_at", "ended_at",
)  # fmt: skip


def test_the_burn_down_ends_where_the_budget_stands():
    figure = charts.burn_down(burned(shop=[1.0, 0.9, 0.25]), EVENTS)
    assert meta(figure) == "25 % of the error budget is left"
    line = figure.data[1]
    assert list(line.y) == [1.0, 0.9, 0.25]
    below = [trace for trace in figure.data if trace.yaxis == "y2"]
    assert {trace.marker.symbol for trace in below if trace.mode == "markers"} == {"line-ns", "x", "square"}
    assert "<script>" not in texts(figure)


@pytest.mark.parametrize(
    ("left", "title"),
    [
        ({"shop": [1.0, -0.5]}, "The error budget is spent: 50 % over it"),
        ({"shop": [1.0, -0.5], "till": [1.0, 0.9]}, "1 of 2 services has spent its error budget"),
        ({"shop": [1.0, 0.4], "till": [1.0, 0.9]}, "No service has spent its error budget; shop has least left, 40 %"),
    ],
)
def test_what_the_budget_says(left, title):
    assert meta(charts.burn_down(burned(**left), EVENTS.iloc[:0])) == title


def test_more_services_than_colours_leave_the_calm_ones_grey():
    figure = charts.burn_down(burned(**{f"s{place}": [1.0, place / 10] for place in range(8)}), EVENTS.iloc[:0])
    named = {note.text for note in figure.layout.annotations}
    assert "s0" in named and "s7" not in named and "grey" in meta(figure, "subtitle")


def rates(**spans):
    rows = [
        {"span": span.lstrip("_"), "hour_end": START + hour * HOUR, "rate": rate, "service": "shop"}
        for span, values in spans.items()
        for hour, rate in enumerate(values)
    ]
    return frame(rows, "hour_end")


def test_burn_rates_count_each_time_they_rose_over_their_line():
    figure = charts.burn_rates(rates(_1h=[0, 20, 20, 1, 15], _6h=[0, 7, 7, 7, 2], _3d=[0, 0.5, 0.5, 0.5, 0.5]))
    assert meta(figure) == "The budget burned fast enough to page somebody 3 times"
    assert list(figure.data[1].y) == [None, 20, 20, None, 15]
    calm = charts.burn_rates(rates(_1h=[0, 1], _6h=[0, 1], _3d=[0, 0.1]))
    assert meta(calm) == "The budget never burned fast enough to page somebody"


def test_latency_has_a_line_per_percentile_and_says_at_least():
    parts = [
        long_frame([seconds] * 3, metric="latency", unit="seconds", statistic=name, low=NONE, high=NONE)
        for name, seconds in (("p50", 0.1), ("p95", 0.5), ("p99", 1.0))
    ]
    parts[2]["low"] = [NONE, 1.0, NONE]
    whole = pd.concat(parts).groupby("statistic", as_index=False).first()
    figure = charts.latency_lines(pd.concat(parts, ignore_index=True), whole)
    assert meta(figure) == "Half of the requests take at most 0.1 seconds, nineteen in twenty at most 0.5 seconds"
    assert [trace.y[0] * 3600 for trace in figure.data] == pytest.approx([0.1, 0.5, 1.0])
    assert list(figure.data[2].marker.symbol) == ["circle", "triangle-up-open", "circle"]
    assert "at least" in meta(figure, "subtitle")


def alerts(*rows):
    return frame(
        [{"occurred_at": START + hour * HOUR, "value": short, "excluded": None} for hour, short in rows], "occurred_at"
    )


def test_alerts_by_hour_and_their_noise():
    figure = charts.alerts_by_hour(alerts(*[(3, 1)] * 3, *[(12, 0)] * 3))
    real, noise = figure.data
    assert real.y[12] == 3 and noise.y[3] == 3 and noise.marker.pattern.shape == "/"
    assert meta(figure) == "50 % of 6 alerts were over within five minutes; 50 % came between 18:00 and 08:00"
    assert charts.alerts_by_hour(alerts((3, 1))).layout.meta["title"] == f"1{' '}alert in this window"


# ---------------------------------------------------------------- all of them


FIGURES = {
    "release_train": lambda t: charts.release_train(releases([0, 2, 4]), t=t),
    "last_releases": lambda t: charts.last_releases(
        pd.DataFrame({"service": ["a"], "since": [9.0], "usual": [1.0]}), t=t
    ),
    "promotion_funnel": lambda t: charts.promotion_funnel([("a", 2), ("b", 1)], t=t),
    "deployments_by_hour": lambda t: charts.deployments_by_hour(rollouts((0, 10, 1, False)), t=t),
    "saturation_by_hour": lambda t: charts.saturation_by_hour(usage(), t=t),
    "burn_down": lambda t: charts.burn_down(burned(shop=[1.0, 0.5]), EVENTS, t=t),
    "burn_rates": lambda t: charts.burn_rates(rates(_1h=[0, 20], _6h=[0, 1], _3d=[0, 2]), t=t),
    "alerts_by_hour": lambda t: charts.alerts_by_hour(alerts((3, 1)), t=t),
}


@pytest.mark.parametrize("name", FIGURES)
def test_each_chart_speaks_indonesian_and_keeps_html_out_of_its_words(name):
    english, indonesian = FIGURES[name](language.of("en")), FIGURES[name](language.of("id"))
    assert english.layout.meta["title"] != indonesian.layout.meta["title"]
    for figure in (english, indonesian):
        assert "<" not in figure.layout.meta["title"] + figure.layout.meta["subtitle"]
        assert figure.layout.meta["alt"].startswith(figure.layout.meta["title"])
