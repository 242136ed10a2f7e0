"""Pieces of a page: escaped by construction, said in words, sorted for the question."""

import base64
import json
import re
from datetime import datetime
from html import unescape
from types import SimpleNamespace

import pandas as pd
import pytest
from made_lab import FORMULA, HOSTILE, INJECTION, LAB_TOML, NOW, lab

from devops_lab import dora, words
from devops_lab.errors import ConfigError, QuestionError
from devops_lab.reports import evidence, page, question, receipts, tiles
from devops_lab.reports.page import Column
from devops_lab.store import Store


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    lab(folder)
    return question.ask(config=str(folder / "lab.toml"))


def plain(piece) -> str:
    """The words of a piece, as a reader sees them."""
    inside = re.sub(r"<[^>]+>", " ", piece.html)
    return re.sub(r"\s+", " ", unescape(inside).replace(words.SPACE, " ")).strip()


# ---------------------------------------------------------------- page


def test_html_escapes_every_value_that_is_no_html():
    assert page.html("<b>{}</b>", HOSTILE) == (
        "<b>&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(2)&gt;</b>"
    )
    assert page.html("<i>{}</i>", page.html("<b>{}</b>", "x")) == "<i><b>x</b></i>"
    assert page.html('<a title="{}">', '" onmouseover="alert(1)') == '<a title="&#34; onmouseover=&#34;alert(1)">'


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "//evil.example", "ftp://x/y", "http://", "http://[", None, ""]
)
def test_only_http_addresses_become_links(url):
    assert page.safe_url(url) is None
    assert page.link("<x>", url) == "&lt;x&gt;"


def test_a_link_opens_apart_and_tells_nobody_where_it_came_from():
    assert page.link("#12", "https://github.com/acme/pull/12?a=1&b=2") == (
        '<a href="https://github.com/acme/pull/12?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">#12</a>'
    )


@pytest.mark.parametrize("text", ["=cmd()", "+1", "-1", "@x", "\tx"])
def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(text):
    assert page.defused(text) == f"'{text}"
    assert page.defused("a=b") == "a=b"


def test_a_table_shows_twenty_rows_and_says_how_many_more():
    rows = [{"id": f"#{place}", "value": place} for place in range(140)]
    columns = [
        Column("Change", lambda row: row["id"], lambda row: "https://example.com"),
        Column("Took", lambda row: str(row["value"]), numeric=True),
    ]
    piece = page.table(rows, columns)
    assert piece.html.count("<tr>") == 21
    assert "… and 120 more: in the receipt" in piece.html and piece.text.endswith("… and 120 more: in the receipt")
    assert '<td class="number" data-title="Took">0</td>' in piece.html
    assert piece.text.splitlines()[1] == "#0         0"


def test_a_piece_shows_itself_in_a_notebook_with_its_style():
    bundle = page.paragraph(HOSTILE)._repr_mimebundle_()
    assert bundle["text/plain"] == HOSTILE and bundle["text/html"].startswith('<style class="lab">')
    assert "<script" not in bundle["text/html"]
    assert repr(page.paragraph("x")) == "x"


# ---------------------------------------------------------------- tiles


def answers(**given):
    row = {
        "metric": "change_lead_time", "unit": "hours", "value": 48.0, "n": 120, "low": 40.0, "high": 55.0,
        "too_few": False, "coverage": 1.0, "partial": False, "previous": 96.0, "previous_n": 80, "previous_low": 80.0,
        "previous_high": 110.0,
    }  # fmt: skip
    return pd.DataFrame([row | given])


def test_a_tile_says_value_change_observations_and_interval():
    piece = tiles.tiles(answers(), tiers={"change_lead_time": "DORA 2024: high"})
    assert plain(piece) == ("Change lead time 2 days 2 days faster from 120 changes 95 %: 1.7–2.3 days DORA 2024: high")
    assert 'class="change better"' in piece.html


def test_slower_is_worse_and_more_often_is_better():
    slower = answers(value=96.0, low=80.0, high=110.0, previous=48.0, previous_low=40.0, previous_high=55.0)
    assert 'class="change worse"' in tiles.tiles(slower).html
    rarer = answers(metric="deployment_frequency", unit="per week")
    assert 'class="change worse"' in tiles.tiles(rarer).html and "48 a week fewer" in plain(tiles.tiles(rarer))


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"previous": 50.0, "previous_low": 30.0}, "no clear change"),
        ({"n": 3, "too_few": True}, "too few to say more"),
        ({"n": 1, "too_few": True}, "from 1 change "),
        ({"previous": float("nan")}, "nothing to compare with"),
        ({"value": float("nan"), "low": float("nan"), "high": float("nan"), "n": 0}, "– no value no changes"),
        ({"value": float("nan"), "high": float("nan")}, "> 40 hours"),
        ({"coverage": 0.4}, "40 % of the window covered"),
    ],
)
def test_a_tile_claims_no_more_than_it_knows(given, text):
    piece = tiles.tiles(answers(**given))
    assert text in plain(piece) + " "
    assert "better" not in piece.html or "faster" in piece.html


def test_heading_escapes_the_name_of_a_service():
    piece = tiles.heading(HOSTILE, datetime(2026, 1, 1), datetime(2026, 4, 1), as_of=NOW)
    assert "<script" not in piece.html
    assert piece.text.splitlines()[1:] == [
        "DORA metrics",
        words.window(datetime(2026, 1, 1), datetime(2026, 4, 1)),
        "as known on 2026-11-01 00:00 UTC",
    ]


def test_every_surface_says_the_same_number(asked):
    """Trap 2: tile, receipt and table of failures come from one function."""
    five = dora(asked.store, **asked.words).set_index("metric")
    saved = re.findall(r"base64,([^\"]+)", receipts.definitions(asked).html)
    found = {one["metric"]: one for one in (json.loads(base64.b64decode(text)) for text in saved)}
    assert list(found) == list(five.index)
    for name, row in five.iterrows():
        assert found[name]["value"] == pytest.approx(row["value"]) and found[name]["n"] == row["n"]
    tile = plain(tiles.summary(asked))
    assert words.share(five.loc["change_fail_rate", "value"]).replace(words.SPACE, " ") in tile


def test_tiers_name_their_edition(asked):
    assert all(text.startswith("DORA 2024: ") for text in tiles.tiers(asked).values())
    newest = question.Question(asked.store, asked.settings, asked.words, 2025)
    assert tiles.tiers(newest)["deployment_rework_rate"].replace(words.SPACE, " ") == "DORA 2025, mean of all: 22 %"


# ---------------------------------------------------------------- evidence


def test_slowest_changes_come_first_linked_and_inert(asked):
    piece = evidence.slowest(asked)
    lines = piece.text.splitlines()
    assert len(lines) == 22 and "more: in the receipt" in lines[-1]
    took = [float(re.search(r"([\d.]+).days$", line).group(1)) for line in lines[1:21]]
    assert took == sorted(took, reverse=True)
    assert "<script" not in piece.html and "<img" not in piece.html and "javascript:" not in piece.html
    assert "https://github.com/acme/checkout/pull/" in piece.html
    assert f"'{FORMULA}" in plain(piece) and INJECTION in plain(piece)


def test_failures_say_their_evidence_and_what_has_not_recovered(asked):
    piece = evidence.failures(asked)
    assert "it names the deployment" in plain(piece) and "nothing says which" in plain(piece)
    assert "not yet" in plain(piece) and "after 5" not in plain(piece).split("Recovered")[0]
    assert "<script" not in piece.html and f"'{FORMULA}" in plain(piece)


def test_left_out_counts_each_reason(asked):
    text = evidence.left_out(asked).text
    assert re.search(r"Change lead time +not deployed yet +#999 +\d+ +1", text)
    assert re.search(r"Change fail rate +unattributed +incident:loose +\d+ +1", text)


def test_corrections_are_shown_with_who_when_and_why(tmp_path):
    store = lab(tmp_path, weeks=8)
    (tmp_path / "corrections.toml").write_text(
        '[[correction]]\nkind = "deployment"\nservice = "checkout"\nid = "1"\nby = "ada"\n'
        f"made_at = 2026-10-01T10:00:00Z\nreason = '''{HOSTILE}'''\nunplanned = false\n"
        '[[correction]]\nkind = "deployment"\nservice = "other"\nid = "2"\nby = "bob"\n'
        'made_at = 2026-10-02T10:00:00Z\nreason = "elsewhere"\nexcluded = true\n'
    )
    piece = evidence.corrections(question.ask(config=str(tmp_path / "lab.toml")))
    assert "unplanned: no" in piece.text and "ada" in piece.text and "elsewhere" not in piece.text
    assert "<script" not in piece.html
    (tmp_path / "corrections.toml").write_text("correction = 1")
    with pytest.raises(ConfigError):
        evidence.corrections(question.ask(config=str(tmp_path / "lab.toml")))
    assert store.snapshot_name


def test_coverage_says_gaps_before_details(asked):
    assert plain(evidence.coverage(asked)).startswith("Every metric is covered over the whole window.")


def test_short_ids():
    assert evidence.short("a" * 40) == "a" * 10
    assert evidence.short(f"remedy:{'0' * 40}") == "remedy:0000000000"
    assert evidence.short("#12") == "#12" and evidence.short(None) == ""


def test_receipts_fold_away_and_hold_everything(asked):
    piece = receipts.definitions(asked)
    assert piece.html.count('download="receipt_') == 5
    assert "<script" not in piece.html
    assert "… and " in piece.html  # the page shows the first rows only
    assert "Where it comes from" in piece.html


def test_an_empty_store_says_why_everywhere(tmp_path):
    empty = question.ask(store=str(tmp_path / "nothing"))
    assert empty.title == "No service yet"
    assert "devops-lab" in tiles.summary(empty).text
    for piece in (evidence.slowest, evidence.failures, evidence.left_out, evidence.corrections, evidence.coverage):
        assert piece(empty).text
    assert not empty.trend("change_lead_time").data and not empty.timeline().data


# ---------------------------------------------------------------- question


def test_parameters_left_empty_come_from_lab_toml(asked):
    assert asked.words == {"last": "90 days", "timezone": "Europe/Berlin"}
    assert asked.title == "checkout" and asked.every == "week"
    assert asked.store.path == str(asked.settings.folder / "lab")


def test_a_store_of_another_name_wins_over_lab_toml(tmp_path):
    (tmp_path / "lab.toml").write_text(LAB_TOML, "utf-8")
    there = question.ask(store=str(tmp_path / "elsewhere"), config=str(tmp_path / "lab.toml"))
    assert there.store.path == str(tmp_path / "elsewhere")


def test_without_lab_toml_the_store_is_enough(tmp_path, monkeypatch):
    lab(tmp_path, weeks=8)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lab.toml").unlink()
    found = question.ask(last="8 weeks", every="week", timezone="UTC")
    assert found.settings is None and len(found.dora) == 5


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"service": 7}, "service = 7 must be text; with papermill's own command use -r service 7"),
        ({"edition": "2020"}, "edition = '2020'; there are 2019, 2021"),
        ({"every": "fortnight"}, "every = 'fortnight'; must be one of day, week"),
    ],
)
def test_wrong_parameters_are_named(given, text):
    with pytest.raises(QuestionError, match=re.escape(text)):
        question.ask(**given)
    with pytest.raises(ConfigError, match="there is no such file"):
        question.ask(config="nowhere.toml")


@pytest.mark.parametrize(
    ("days", "deployments", "every"),
    [(90, 12, "week"), (90, 400, "day"), (365, 19, "month"), (365, 400, "week"), (5000, 240, "quarter"), (3, 1, "day")],
)
def test_periods_are_long_enough_to_hold_a_few_deployments(days, deployments, every):
    end = pd.Timestamp(NOW)
    five = {"metric": "deployment_frequency", "n": deployments, "period_start": end - pd.Timedelta(days=days)}
    whole = question.Question(Store("nowhere"), None, {"last": "all"}, 2024)
    whole.__dict__["dora"] = pd.DataFrame([five | {"period_end": end}])
    assert whole.every == every


def test_several_services_are_told_apart(tmp_path):
    there = SimpleNamespace(services=pd.DataFrame({"service": ["a", "b"]}))
    titles = [column.title for column in evidence._with_service([], there)]
    assert titles == ["Service"]
