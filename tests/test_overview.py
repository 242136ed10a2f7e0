"""The page about the whole loop: what happened, the biggest changes, a row per phase, what is missing, how we know."""

import base64
import json
import math
import re
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from lab_rows import change, complete, deployment, filled

import devops_lab.reports
import devops_lab.sync
from devops_lab import charts, config, words
from devops_lab.charts import loop_names
from devops_lab.delivery.loop_stages import LINKS, STAGES, WAITING
from devops_lab.practice.server import serve
from devops_lab.practice.server.state import Options
from devops_lab.practice.settings import lab_toml
from devops_lab.practice.world import make
from devops_lab.reports import batch, loop, overview, overview_changes, overview_receipts, phases
from devops_lab.reports.kernel import run
from devops_lab.store import Store

NOW = datetime(2026, 11, 1)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
HOSTILE = "<script>alert(1)</script>"
FOLDER = Path(__file__).parents[1] / "notebooks"
MINE = ("02_loop", "report_loop")
LAB_TOML = """
[lab]
store = "lab"

[[service]]
name = "shop"
repository = "acme/shop"
team = "payments"

[[service]]
name = "till"
repository = "acme/till"
team = "platform"
"""


def made(folder, *, delivered=True):
    """Two windows of 90 days with ten changes each: written for a day, then waiting for a day.

    A deployment took four minutes in the first window and takes eight in the second.
    """
    tables = {"changes": [], "deployments": []}
    for number in range(20 if delivered else 0):
        when, took = NOW - 180 * DAY + (number * 9 + 4) * DAY, (4 if number < 10 else 8) * MINUTE
        own = {"deployment_id": f"d{number}", "committed_at": when - DAY, "subject": HOSTILE}
        tables["changes"].append(change("shop", f"#{number}", when - 2 * DAY, when, **own))
        tables["deployments"].append(deployment("shop", f"d{number}", when, started_at=when - took, sha=f"s{number}"))
    tables = {name: rows for name, rows in tables.items() if rows}
    tables["services"] = [
        {"service": name, "team": team, "repository": f"acme/{name}", "deployment_tables": "tags",
         "change_tables": "commits", "failure_tables": "issues"}
        for name, team in (("shop", "payments"), ("till", "platform"))
    ]  # fmt: skip
    filled(Store(folder / "lab", latest=True), complete(tables)).commit_snapshot(NOW)
    (folder / "lab.toml").write_text(LAB_TOML, "utf-8")
    return folder


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    return made(tmp_path_factory.mktemp("lab"))


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return made(tmp_path_factory.mktemp("empty"), delivered=False)


def asking(folder, **more):
    given = {"service": "shop", "last": "90 days"} | more
    return phases.ask(str(folder / "lab"), str(folder / "lab.toml"), **given)


@pytest.fixture(scope="module")
def asked(lab):
    return asking(lab)


@pytest.fixture(scope="module")
def found(asked):
    return loop.summary(asked)


def plain(text):
    return text.replace(words.SPACE, " ")


# ---------------------------------------------------------------------- what happened


def test_what_happened_in_three_sentences(asked, found):
    first, rest = plain(overview.happened(asked, found).text).split("\n")
    assert first == "10 changes reached production; half of them took up to 2 days all the way."
    assert rest.startswith("They waited longest for a deployment: 50 % of all their time, and 24 hours for half")
    assert re.search(r"Of \d+ numbers .* 0 are clearly better and 1 is clearly worse\.$", rest)


def test_the_same_in_indonesian(lab):
    other = asking(lab, language="id")
    said = plain(overview.happened(other, loop.summary(other)).text)
    assert said.startswith("10 perubahan sampai ke production; setengahnya perlu paling lama 2 hari")
    assert "Paling lama menunggu deployment: 50 %" in said
    assert "Durasi deployment: 8 menit, 4 menit lebih lambat" in plain(overview_changes.biggest(other).text)
    title = charts.value_stream(loop.summary(other), t=other.t).layout.meta["title"]
    assert plain(title).startswith("Perubahan paling lama menunggu deployment: 50 %")


def test_the_charts_know_every_stage_and_link_by_name():
    names = [stage.name for stage in STAGES]
    assert list(loop_names.STAGES) == names and list(loop_names.LINKS) == list(LINKS)
    waits = [stage.name.removeprefix("waiting ") for stage in STAGES if stage.kind == WAITING]
    assert set(loop_names.LONGEST) == set(waits) - set(names)


# ---------------------------------------------------------------------- the biggest changes


def test_a_change_beyond_the_interval_is_found(asked):
    rows = overview_changes.clear(asked)
    assert [row["metric"] for row in rows] == ["deployment_duration"]
    assert rows[0]["size"] == pytest.approx(math.log(2))
    said = plain(overview_changes.biggest(asked).text)
    assert "Deploy: Deployment duration: 8 minutes, 4 minutes slower" in said and "before: 4 minutes" in said
    assert "No other number has clearly changed." in said


def row(value, previous, unit="hours", n=100):
    return {"value": value, "previous": previous, "unit": unit, "n": n, "previous_n": n}


def test_changes_are_ranked_by_ratio_and_shares_by_odds():
    size = overview_changes.size
    assert size(row(8, 4)) == pytest.approx(size(row(4, 8)))
    assert size(row(0.99, 0.999, "share", n=10_000)) == pytest.approx(math.log(999 / 99))
    assert size(row(0.99, 0.999, "share", n=10_000)) > size(row(0.5, 0.4, "share"))
    assert size(row(0.0, 0.1, "share")) == pytest.approx(math.log((0.1 / 0.9) / (0.005 / 0.995)))
    assert size(row(1.0, 0.5, "share", n=float("nan"))) == 0  # one observation says nothing
    assert size(row(3, 0)) == math.inf


def test_no_clear_change_says_so(lab):
    quiet = asking(lab, service="till")
    assert plain(overview_changes.biggest(quiet).text).startswith("No clear change: no number left the range")
    assert "none is clearly better or worse than before" in overview_changes.sentence(quiet)


def test_a_number_that_was_nothing_before_comes_first(lab):
    rows = overview_changes.clear(asking(lab, until="2026-08-01"))
    assert rows[0]["metric"] == "deployment_frequency" and rows[0]["size"] == math.inf


# ---------------------------------------------------------------------- phase by phase


def test_each_phase_has_its_numbers_or_why_not_and_a_link(asked, found):
    piece = overview.rows(asked, found)
    said = plain(piece.text)
    assert "Deployment frequency: 0.78 a week, no clear change (from 10 deployments · 95 %: 0.37–1.4 a week)" in said
    assert "Time to deploy: 24 hours" in said and "Code 50 % of the changes' time" in said
    assert "No number for saturation, restart rate: lab.toml names no Prometheus." in said
    assert "No number for vulnerability age: GitHub was not asked for security alerts." in said
    links = re.findall(r'href="([^"]+)"', str(piece.html))
    assert links == [f"{name}-shop.html" for name in overview.PAGES.values()]
    assert "devops-lab report 10_plan -p service=shop" in said


@pytest.mark.parametrize("service", ["", "shop", "my shop/ü", "../x"])
def test_a_link_is_the_file_that_a_report_is_written_to(lab, service):
    named = batch.stem("10_plan", {"service": service})
    asked = phases.ask(str(lab / "lab"), str(lab / "lab.toml"))
    asked.words.update({"service": service} if service else {})
    assert overview.page_of(asked, "plan") == f"{named}.html"


def test_next_steps_begin_where_changes_wait(found):
    assert overview._order(found)[:3] == ["deploy", "monitor", "operate"]
    assert sorted(overview._order(found)) == sorted(overview.PAGES)


def test_next_steps_name_the_phase(asked, found):
    said = plain(overview.next_steps(asked, found).text)
    assert "- Deploy: Deployment duration has become worse: 4 minutes slower." in said


# ---------------------------------------------------------------------- how we know


def test_receipts_lie_in_the_page(asked):
    piece = overview_receipts.definitions(asked)
    saved = re.findall(r'download="receipt_(\w+)\.json" href="data:application/json;base64,([^"]+)"', str(piece.html))
    receipts = {name: json.loads(base64.b64decode(content)) for name, content in saved}
    assert set(receipts) >= {"deployment_frequency", "deployment_duration"}
    assert receipts["deployment_duration"]["value"] == 8 and len(receipts["deployment_duration"]["rows"]) == 10
    assert "The sync covers the whole window for all of" in piece.text


def test_a_long_receipt_is_a_command(asked, monkeypatch):
    monkeypatch.setattr(overview_receipts, "MOST_ROWS", 5)
    assert "devops-lab receipt deployment_duration --service shop" in overview_receipts.definitions(asked).html


def test_what_the_sync_was_told_is_said_and_escaped(tmp_path):
    folder = made(tmp_path)
    told = {"repository": "acme/shop", "source": "github", "table_name": "security_alerts", "asked": 1, "fetched": 0}
    told |= {"window_start": NOW - DAY, "window_end": NOW, "missing": 0, "recorded_at": NOW, "refused": HOSTILE}
    writer = Store(folder / "lab", latest=True)
    writer.write("sync_ledger", [told, told | {"repository": "acme/till", "refused": "elsewhere"}], "github")
    writer.commit_snapshot(NOW)
    piece = overview_receipts.coverage(asking(folder))
    assert f"acme/shop, security alerts: {HOSTILE}" in piece.text and HOSTILE not in piece.html
    assert "elsewhere" not in piece.text


# ---------------------------------------------------------------------- the loop's own page


def test_one_change_all_the_way(asked, found):
    trace = loop.example(asked, found)
    assert trace.hours == pytest.approx(48)
    title = plain(loop.traced(asked, trace).layout.meta["title"])
    assert title.endswith("took 2 days to production, 50 % of it waiting for a deployment")
    assert "deployment" in loop.links(trace, t=asked.t).text
    assert HOSTILE not in loop.slowest(found).html


def test_the_wheel_has_the_numbers_of_the_phases(asked, found):
    assert loop.headlines(asked)["deploy"]["value"] == overview.shown(asked, "deploy")[0]["value"]
    alt = plain(loop.wheel(asked, found).layout.meta["alt"])
    assert "Deploy: 0.78 a week" in alt and "Operate: no data, lab.toml names no Prometheus" in alt


@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize("service", ["till", ""])
def test_nothing_known_is_said_and_nothing_fails(empty, service, language):
    asked = asking(empty, service=service, language=language)
    found = loop.summary(asked)
    pieces = [
        overview.top(asked), overview.happened(asked, found), overview.rows(asked, found),
        overview.next_steps(asked, found), overview_changes.biggest(asked), overview_receipts.definitions(asked),
        loop.top(asked), loop.finding(found, asked.t), loop.stages(found, asked.t), loop.broken(found, asked.t),
        loop.slowest(found, t=asked.t), loop.traced(asked, loop.example(asked, found)),
    ]  # fmt: skip
    assert all(piece.text for piece in pieces)
    assert loop.wheel(asked, found).layout.meta["title"]


# ---------------------------------------------------------------------- the notebooks


@pytest.mark.parametrize("name", MINE)
def test_the_notebook_is_small_cells_without_outputs(name):
    document = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    assert document.cells[0].metadata["tags"] == ["parameters"]
    assert not any(cell.get("outputs") for cell in document.cells)
    assert all(len(cell.source.splitlines()) <= 12 and "def " not in cell.source for cell in document.cells)


def titles(path):
    return re.findall(r"<h2[^>]*>(.*?)</h2>", path.read_text("utf-8"))


@pytest.mark.server
@pytest.mark.parametrize("about", [{"service": "shop"}, {"team": "payments"}, {"language": "id"}])
@pytest.mark.parametrize("name", MINE)
def test_the_notebook_runs_on_git_alone(lab, tmp_path, name, about):
    given = {"store": str(lab / "lab"), "config": str(lab / "lab.toml")} | about
    document = run(FOLDER / f"{name}.ipynb", tmp_path / "out.ipynb", given, kept=tmp_path / "kept.ipynb")
    outputs = [output for cell in document.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    assert HOSTILE not in "".join(output.get("data", {}).get("text/html", "") for output in outputs)


@pytest.fixture(scope="module")
def practice(tmp_path_factory):
    """A company's lab.toml whose store is synced: 60 days of what the rules of DORA need."""
    folder, company = tmp_path_factory.mktemp("practice"), make(3, until=datetime(2026, 11, 20, 12))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_TOKEN", "practice-token")
        patch.setattr(devops_lab.sync, "_now", lambda: company.until)
        with serve(company, options=Options(limit=1_000_000)) as url:
            (folder / "lab.toml").write_text(lab_toml(company.name, url, dora_alone=True))
            settings = config.load(folder / "lab.toml")
            outcomes = devops_lab.sync.sync(Store(settings.store), settings, since=company.until - timedelta(days=60))
    assert [one.problem for one in outcomes] == [None] * 5
    return folder / "lab.toml"


@pytest.mark.server
@pytest.mark.parametrize("language", ["en", "id"])
@pytest.mark.parametrize("name", MINE)
def test_the_report_of_a_company(practice, tmp_path, name, language):
    given = {"config": str(practice), "last": "30 days", "language": language}
    page = devops_lab.reports.report(name, output=tmp_path / "page.html", **given)
    text = plain(page.read_text("utf-8"))
    said = {"en": "hanges wait longest", "id": "erubahan paling lama menunggu"}[language]
    assert said in text and "Traceback" not in text
    assert len(re.findall('class="plot"', text)) == (3 if name == "02_loop" else 2)
