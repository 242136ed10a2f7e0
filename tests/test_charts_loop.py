"""The loop's charts: what is drawn, what it says, and what it says where nothing is known."""

import html
import json
import math
from datetime import datetime, timedelta
from itertools import pairwise

import pandas as pd
import plotly.graph_objects as go
import pytest
from made_frames import long_frame

from devops_lab import charts, language, words
from devops_lab.charts import style
from devops_lab.charts.loop_circle import PHASES
from devops_lab.delivery import loop
from devops_lab.delivery.loop_points import COLUMNS
from devops_lab.delivery.loop_summary import stages_frame, summarised

HOSTILE = "<script>alert(1)</script>"
DAY = datetime(2026, 10, 5)


def answer(value=76.8, **more):
    return long_frame([value], **more).iloc[0].to_dict()


def points(*changes):
    """Points of changes told by hours; a name of COLUMNS as it is."""
    rows = []
    for number, change in enumerate(changes, 1):
        hours = {name: DAY + timedelta(hours=one) for name, one in change.items() if name in loop.POINTS}
        named = {"service": "web", "repository": "a/b", "change_id": f"#{number}"}
        rows.append(dict.fromkeys(COLUMNS) | named | change | hours)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    return frame.astype(dict.fromkeys([*loop.POINTS, "watched_at"], "datetime64[us]"))


def summary(*changes):
    return summarised(points(*changes), {"web": {"issue", "deployment"}})


def trace(change, failures=()):
    rows = points(change)
    links = pd.DataFrame({"link": ["issue"], "expected": [True], "there": [False]})
    marks = pd.DataFrame(failures, columns=["failure_id", "title", "started_at"])
    empty = pd.DataFrame()
    return loop.Trace(rows.iloc[0].to_dict(), stages_frame(rows), links, empty, empty, marks)


WHOLE = {"opened_at": 0, "begun_at": 50, "first_commit_at": 50, "ready_at": 74, "merged_at": 90, "deployed_at": 100}


def texts(figure):
    return " ".join(str(one.text) for one in figure.layout.annotations)


# ---------------------------------------------------------------------- the wheel


def test_the_wheel_has_eight_phases_clockwise_with_value_n_and_interval():
    figure = charts.loop_wheel({phase: answer() for phase in PHASES})
    assert type(figure) is go.Figure
    assert figure.layout.meta["title"] == "All eight phases of the loop are measured"
    nodes = figure.data[-1]
    turns = [math.degrees(math.atan2(y, x)) for x, y in zip(nodes.x, nodes.y, strict=True)]
    assert [round((first - other) % 360) for first, other in pairwise(turns)] == [45] * 7
    assert turns[0] == pytest.approx(67.5)
    said = texts(figure).replace(words.SPACE, " ")
    assert said.count("<b>3.2 days</b>") == 8 and "20 · 2.6–3.8" in said
    assert "Plan: 3.2 days" in figure.layout.meta["alt"].replace(words.SPACE, " ")


def test_arrowheads_point_the_way_round():
    arrows = charts.loop_wheel({}).data[1]
    for x, y, angle in zip(arrows.x, arrows.y, arrows.marker.angle, strict=True):
        way = math.radians(90 - angle)  # plotly turns clockwise from the top
        assert math.cos(way) == pytest.approx(y, abs=1e-9) and math.sin(way) == pytest.approx(-x, abs=1e-9)


def test_a_phase_without_data_is_grey_and_says_why():
    values = {phase: answer() for phase in PHASES[:6]} | {"operate": "no Prometheus is named", "monitor": answer(None)}
    figure = charts.loop_wheel(values)
    nodes = figure.data[-1]
    assert list(nodes.marker.symbol)[5:] == ["circle", "circle-open", "circle-open"]
    assert list(nodes.marker.color)[5:] == [style.ACCENT, style.CONTEXT, style.CONTEXT]
    assert "no Prometheus is<br>named" in texts(figure) and "nothing happened" in texts(figure)
    assert figure.layout.meta["title"].endswith("are measured; nothing is known of operate and monitor")
    assert charts.loop_wheel({}).layout.meta["title"] == "No phase of the loop is measured yet"


def test_the_wheel_says_too_few_escapes_and_has_a_centre():
    values = {"plan": answer(too_few=True, n=3), "code": answer() | {"label": HOSTILE}, "build": HOSTILE}
    figure = charts.loop_wheel(values, centre="12 days|from issue to production")
    assert "too few: 3" in texts(figure) and "<b>12 days</b><br>from issue to" in texts(figure)
    assert "<script" not in json.dumps(figure.to_plotly_json()["layout"]["annotations"], default=str)
    assert "<script" not in str(figure.data[-1].text)


def test_words_beside_the_wheel_fit_a_phone():
    long = "the repository's workflow files upload no JUnit results, and nobody named a folder of them"
    lines = html.unescape(texts(charts.loop_wheel(dict.fromkeys(PHASES, long)))).split("<br>")
    assert max(len(line.split("<")[0]) for line in lines) <= 17
    assert "…" in "".join(lines)


# ---------------------------------------------------------------------- the value stream


def test_segments_are_shares_of_the_time_and_the_title_names_the_bottleneck():
    figure = charts.value_stream(summary(WHOLE, WHOLE | {"change_id": "#2"}))
    assert figure.layout.meta["title"].replace(words.SPACE, " ") == (
        "Changes wait longest in the backlog: 50 % of the time from issue to production"
    )
    lengths = [bar.x[0] for bar in figure.data]
    assert lengths == pytest.approx([0.5, 0.24, 0.16, 0.1])
    assert [bar.base[0] for bar in figure.data] == pytest.approx([0, 0.5, 0.74, 0.9])
    assert [bar.marker.pattern.shape for bar in figure.data] == ["/", None, "/", None]
    assert [bar.marker.color for bar in figure.data] == [style.UNPLANNED, style.ACCENT, style.CONTEXT, style.ACCENT]
    assert figure.layout.xaxis.type is None


def test_short_segments_are_named_below_and_not_drawn_longer():
    brief = WHOLE | {"deployment_started_at": 98, "build_started_at": 90.5, "build_ended_at": 91}
    figure = charts.value_stream(summary(brief))
    said = texts(figure).replace(words.SPACE, " ").replace("<br>", " ")
    assert "Shorter:" in said and "waiting for a deployment 7 % (7 hours)" in said
    assert "under 1 %: waiting for a runner, building" in said
    assert sum(bar.x[0] for bar in figure.data) == pytest.approx(1)


def test_without_issues_the_line_begins_with_the_first_commit():
    change = {name: one for name, one in WHOLE.items() if name not in ("opened_at", "begun_at")}
    assert "from first commit to production" in charts.value_stream(summary(change)).layout.meta["title"]


def test_nothing_to_draw_says_why():
    figure = charts.value_stream(summary())
    assert "no change was deployed" in figure.layout.meta["subtitle"] and not figure.data
    assert "at once" in charts.change_trace(trace({"deployed_at": 1})).layout.meta["subtitle"]


# ---------------------------------------------------------------------- one change


def test_a_change_is_a_waterfall_on_a_time_axis():
    figure = charts.change_trace(trace(WHOLE | {"title": HOSTILE}, [("f", HOSTILE, DAY + timedelta(hours=110))]))
    assert figure.layout.meta["title"].replace(words.SPACE, " ") == (
        "#1 took 4.2 days to production, 50 % of it waiting in the backlog"
    )
    assert "not linked: issue" in figure.layout.meta["subtitle"]
    *bars, failed = figure.data
    assert [bar.base[0] for bar in bars] == [DAY + timedelta(hours=hours) for hours in (0, 50, 74, 90)]
    assert [bar.x[0] / 3.6e6 for bar in bars] == pytest.approx([50, 24, 16, 10])
    assert failed.marker.symbol == "x" and failed.marker.color == style.FAILURE
    assert figure.layout.xaxis.type == "date" and figure.layout.xaxis.range[1] >= DAY + timedelta(hours=110)
    assert "<script" not in json.dumps(figure.to_plotly_json()["data"], default=str)
    assert "1 failure charged" in texts(figure).replace(words.SPACE, " ")


def test_a_change_is_drawn_in_the_time_zone():
    figure = charts.change_trace(trace(WHOLE), timezone="Asia/Jakarta")
    assert figure.data[0].base[0] == DAY + timedelta(hours=7)


# ---------------------------------------------------------------------- another language


def test_the_loop_in_indonesian():
    t = language.of("id")
    figure = charts.value_stream(summary(WHOLE), t=t)
    assert figure.layout.meta["title"].replace(words.SPACE, " ") == (
        "Perubahan paling lama menunggu di backlog: 50 % dari waktu antara issue dan production"
    )
    assert "<b>menunggu merge" not in texts(figure) and "menulis kode" in texts(figure)
    drawn = charts.change_trace(trace(WHOLE), t=t)
    assert "4,2 hari sampai production" in drawn.layout.meta["title"].replace(words.SPACE, " ")
    assert "tidak tertaut: issue" in drawn.layout.meta["subtitle"]
    wheel = charts.loop_wheel({phase: answer() for phase in PHASES[:7]} | {"monitor": "x"}, t=t)
    assert "3,2 hari" in texts(wheel).replace(words.SPACE, " ")
    assert (
        wheel.layout.meta["title"].startswith("7 dari 8 fase")
        and "Pemantauan: tidak ada data" in (wheel.layout.meta["alt"])
    )


def test_shares_near_one_keep_their_digits_and_long_numbers_break():
    rows = {"test": answer(0.9982, unit="share", n=121638) | {"low": 0.9979, "high": 0.9984}}
    said = texts(charts.loop_wheel(rows)).replace(words.SPACE, " ")
    assert "n 121,638<br>99.79–99.84" in said and "<b>99.82 %</b>" in said
    rate = answer(19.0, unit="restarts a day")
    said = texts(charts.loop_wheel({"operate": rate})).replace(words.SPACE, " ")
    assert "font-size:11px" in said and "<b>19 restarts a<br>day</b>" in said
