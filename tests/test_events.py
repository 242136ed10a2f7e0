"""Events of lab.toml: read, drawn on trends, listed in receipts and on pages."""

import json
from datetime import date, datetime, timedelta

import pytest
from click.testing import CliRunner
from made_frames import long_frame
from made_lab import HOSTILE, lab

import devops_lab as dl
from devops_lab import metrics
from devops_lab.charts.events import AXIS, mark_events
from devops_lab.cli import cli
from devops_lab.config import settings
from devops_lab.config.context import Event, chosen
from devops_lab.errors import ConfigError
from devops_lab.metrics.receipt import receipt
from devops_lab.reports import phases, question, tiles
from devops_lab.reports.loop import header

MOVED = {"date": date(2026, 9, 14), "text": "Moved to the new cluster", "services": ["check*"]}
FREEZE = {"from": date(2026, 10, 1), "until": date(2026, 10, 9), "text": "Freeze"}
OTHER = {"date": date(2026, 9, 20), "text": "Not ours", "services": ["billing"]}
LAB = """
[[event]]
date = 2026-09-14
text = "Moved to the new cluster"
services = ["check*"]
[[event]]
from = 2026-10-01
until = 2026-10-09
text = "Freeze"
[[event]]
date = 2026-09-20
text = "Not ours"
services = ["billing"]
[[event]]
date = 2020-01-01
text = "Long ago"
"""


def events(*given):
    return [Event.model_validate(one) for one in given or (MOVED, FREEZE, OTHER)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("events")
    store = lab(folder)
    with (folder / "lab.toml").open("a") as file:
        file.write(LAB)
    return store, folder / "lab.toml"


def test_a_date_is_the_day_s_start_in_the_lab_s_time_zone():
    moved, freeze, _ = events()
    assert moved.span("UTC") == (datetime(2026, 9, 14), None)
    assert moved.span("Asia/Jakarta") == (datetime(2026, 9, 13, 17), None)
    assert freeze.span("Europe/Berlin") == (datetime(2026, 9, 30, 22), datetime(2026, 10, 8, 22))
    [timed] = events({"date": datetime(2026, 3, 29, 12, 30), "text": "x"})
    assert timed.span("Europe/Berlin")[0] == datetime(2026, 3, 29, 10, 30)


def test_which_events_are_about_a_service_and_a_time():
    def found(services, start, end):
        return [one.text for one in chosen(events(), services, start, end, "UTC")]

    september, october = datetime(2026, 9, 1), datetime(2026, 10, 1)
    assert found(["checkout"], september, october) == ["Moved to the new cluster"]
    assert found(["billing"], september, october) == ["Not ours"]
    assert found(["checkout", "billing"], september, datetime(2026, 11, 1)) == [
        "Moved to the new cluster", "Not ours", "Freeze",
    ]  # fmt: skip
    assert found(["checkout"], datetime(2026, 10, 8), datetime(2026, 11, 1)) == ["Freeze"]
    assert found(["checkout"], datetime(2026, 10, 9), datetime(2026, 11, 1)) == []
    assert found(["checkout"], datetime(2026, 9, 1), datetime(2026, 9, 14)) == []  # half open
    assert found(["checkout"], datetime(2026, 9, 14), datetime(2026, 9, 15)) == ["Moved to the new cluster"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"text": "x"}, "needs date"),
        (
            {"date": date(2026, 1, 1), "from": date(2026, 1, 1), "until": date(2026, 2, 1), "text": "x"},
            "one of the two",
        ),
        ({"from": date(2026, 1, 1), "text": "x"}, "go together"),
        ({"from": date(2026, 2, 1), "until": date(2026, 1, 1), "text": "x"}, "ends before it begins"),
        ({"date": datetime.fromisoformat("2026-01-01T00:00:00+01:00"), "text": "x"}, "without a time zone"),
        ({"date": 20260101, "text": "x"}, "no date"),
        ({"date": "last week", "text": "x"}, "event 1.date"),
        ({"date": date(2026, 1, 1)}, "'text' is missing"),
        ({"date": date(2026, 1, 1), "text": ""}, "event 1.text"),
        ({"date": date(2026, 1, 1), "text": "x", "service": "shop"}, "did you mean 'services'"),
    ],
)
def test_mistakes_are_told_with_their_place(wrong, said, tmp_path):
    with pytest.raises(ConfigError) as problem:
        settings({"event": [wrong]}, tmp_path / "lab.toml")
    assert said in str(problem.value)


def trend(*given, **more):
    frame = long_frame([50.0, 60.0, 40.0, 55.0, 45.0, 50.0, 60.0, 70.0])
    first = frame["period_start"].min().to_pydatetime()
    placed = [{**one, "date": (first + timedelta(days=days)).date()} for one, days in given]
    return dl.charts.trend(frame, "change_lead_time", events=events(*placed) if placed else (), **more)


def test_a_trend_with_an_event_has_a_line_a_mark_and_a_label():
    plain, figure = trend(), trend(({"text": "New database"}, 20))
    assert len(figure.data) == len(plain.data) + 1 and len(figure.layout.shapes) == len(plain.layout.shapes) + 1
    mark = figure.data[-1]
    assert mark.yaxis == "y9" and "New database" in mark.text[0] and figure.layout[AXIS].visible is False
    assert figure.layout.shapes[-1].x0 == figure.layout.shapes[-1].x1 == mark.x[0]
    assert [note.text for note in figure.layout.annotations][-1] == "New database"
    assert "New database" in figure.layout.meta["alt"] and figure.layout.height > plain.layout.height
    assert tuple(figure.layout.xaxis.range) == tuple(plain.layout.xaxis.range)
    assert figure.layout.yaxis.range == plain.layout.yaxis.range


def test_where_there_is_no_room_a_label_is_cut_or_left_to_the_hover():
    near = [({"text": f"A rather long story number {n}"}, 20 + n) for n in range(3)]
    figure = trend(*near)
    labels = [note.text for note in figure.layout.annotations]
    assert len(labels) == 1 and labels[0].endswith("…")  # of the last alone
    assert len(figure.data[-1].text) == 3


def test_a_time_is_a_band_cut_at_the_window_s_ends():
    frame = long_frame([50.0, 60.0, 40.0, 55.0])
    first, last = frame["period_start"].min().date(), frame["period_end"].max().date()
    said = events({"from": first - timedelta(days=9), "until": first + timedelta(days=3), "text": "Freeze"},
                  {"date": last + timedelta(days=1), "text": "later"})  # fmt: skip
    figure = dl.charts.trend(frame, "change_lead_time", events=said)
    assert figure.layout.shapes[-1].type == "rect" and figure.layout.shapes[-1].x0 == figure.layout.xaxis.range[0]
    assert len(figure.data[-1].x) == 1


def test_hostile_words_are_escaped_and_a_figure_without_time_stays():
    figure = trend(({"text": HOSTILE}, 20))
    shown = json.dumps([figure.data[-1].text, [note.text for note in figure.layout.annotations]], default=str)
    assert "<script" not in shown and "<img" not in shown
    empty = dl.charts.trend(long_frame([]), "change_lead_time", events=events())
    assert mark_events(empty, events()) is empty and not empty.data


def test_a_receipt_lists_them(made):
    store, config = made
    given = dl.load(config).event
    found = receipt(metrics.change_lead_time, store, service="checkout", last="90 days", events=given)
    assert found["events"] == [
        {"from": "2026-09-14T00:00:00Z", "until": None, "text": "Moved to the new cluster"},
        {"from": "2026-10-01T00:00:00Z", "until": "2026-10-09T00:00:00Z", "text": "Freeze"},
    ]
    assert receipt(metrics.change_lead_time, store)["events"] == []
    said = CliRunner().invoke(cli, ["receipt", "change_fail_rate", "--config", str(config)]).output
    assert "meanwhile:" in said and "Freeze" in said and "Not ours" not in said and "Long ago" not in said


def test_pages_say_them_and_draw_them(made):
    _, config = made
    asked = question.ask(config=str(config))
    assert [one.text for one in asked.events] == ["Moved to the new cluster", "Freeze"]
    for top in (tiles.top(asked), phases.top(asked, "build"), header(asked, "The loop")):
        assert "Meanwhile: 14\u00a0September\u00a02026: Moved to the new cluster" in top.text and "Freeze" in top.html
    figure = asked.trend("change_lead_time")
    assert len(figure.data[-1].text) == 2
    assert [one["text"] for one in asked.receipt("change_lead_time")["events"]] == [
        "Moved to the new cluster",
        "Freeze",
    ]
    alone = question.ask(store=asked.store.path, config="lab.toml")
    assert alone.events == [] and "Meanwhile" not in tiles.top(alone).text
    indonesian = phases.ask(config=str(config), language="id")
    assert "Sementara itu:" in phases.top(indonesian, "build").text
