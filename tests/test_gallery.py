"""The gallery lists whole reports only, the latest first, with a line per number, a search and a feed."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from click.testing import CliRunner
from made_lab import HOSTILE

from devops_lab.cli import cli
from devops_lab.errors import QuestionError, ReportError
from devops_lab.reports import calendar, gallery, seal, sparklines, summary
from devops_lab.reports.facts import text

ATOM = {"a": "http://www.w3.org/2005/Atom"}


def row(metric: str, value, n: int = 12, **more) -> dict:
    long = {"metric": metric, "unit": "hours", "group_name": "all", "statistic": "median", "value": value, "n": n}
    rest = {"low": None, "high": None, "too_few": n < 6, "coverage": 1.0, "partial": False, "previous": None}
    return {**long, **rest, "previous_n": 0, "previous_low": None, "previous_high": None, **more}


def published(folder: Path, service: str, period: str, hours: float | None, *, team: str = "", picture: bool = False):
    """Put a sealed report into a folder without rendering one."""
    folder.mkdir(exist_ok=True)
    stem = f"report_dora-{re.sub('[^a-z]+', '-', service or team)}-{period}"
    named = calendar.period(period)
    files = {f"{stem}.html": f"<title>{stem}</title>", f"{stem}.metrics.json": "{}", f"{stem}.ipynb": "{}"}
    files |= {f"{stem}.png": "picture"} if picture else {}
    for name, content in files.items():
        (folder / name).write_text(content)
    found = seal.Seal(
        report="report_dora", title=f"{service or team} · DORA metrics", service=service, team=team, period=period,
        window_start=f"{named.since}T00:00:00Z", window_end=f"{named.until}T00:00:00Z",
        as_of=f"{named.until}T07:00:00Z", made_at=f"{named.until}T07:00:01Z", lab_version="0.1.0", python="3.12",
        began_in="..", parameters={}, services=[service], stores=[], metrics=[row("change_lead_time", hours)],
        receipts=[], files={name: seal.sha256(folder / name) for name in files},
    )  # fmt: skip
    (folder / f"{stem}.seal.json").write_text(text(found.as_json()))
    return folder / f"{stem}.html"


@pytest.fixture
def folder(tmp_path) -> Path:
    place = tmp_path / "reports"
    for week, hours in ((44, 30.0), (45, None), (46, 50.0)):
        published(place, "checkout", f"2026-W{week}", hours, picture=week == 46)
    published(place, "ledger", "2026-W46", 5.0)
    published(place, "web", "2026-W45", 5.0)
    published(place, "", "2026-W46", 4.0, team="payments")
    return place


def test_a_card_per_subject_the_latest_first_with_earlier_periods(folder):
    index = gallery.write(folder).read_text()
    assert re.findall(r'<h2><a href="[^"]+">(.*?)</a></h2>', index) == ["checkout", "ledger", "payments team", "web"]
    first = index.split('<li class="card"')[1]
    assert 'href="report_dora-checkout-2026-W46.html"' in first and "9–15 November 2026" in first.replace("\xa0", " ")
    assert re.findall(r">(2026-W\d\d)</a>", first) == ["2026-W45", "2026-W44"]
    assert '<img src="report_dora-checkout-2026-W46.png" alt=""' in first and "50 hours" not in first
    assert "2.1 days" in first and index.count('class="sketch"') == 3
    assert "6 reports, the latest first" in index


def test_what_is_not_whole_is_not_there(folder):
    (folder / "report_dora-ledger-2026-W46.html").write_text("<title>half")
    (folder / "report_dora-web-2026-W45.seal.json").unlink()
    (folder / "stray.html").write_text("no seal")
    index = gallery.write(folder).read_text()
    assert "ledger-2026" not in index and "dora-web" not in index and "stray" not in index and "4 reports" in index
    assert "ledger" not in (folder / "feed.xml").read_text()


def test_retention_keeps_the_last_periods_of_each(folder):
    gallery.write(folder, keep=1)
    pages = sorted(path.name for path in folder.glob("report_*.html"))
    assert pages == [f"report_dora-{name}.html" for name in ("checkout-2026-W46", "ledger-2026-W46",
                                                             "payments-2026-W46", "web-2026-W45")]  # fmt: skip
    assert not list(folder.glob("*W44*")) and len(list(folder.glob("*.seal.json"))) == 4
    with pytest.raises(QuestionError, match="at least one period"):
        gallery.write(folder, keep=0)


def test_the_feed_is_atom(folder):
    gallery.write(folder, title="A & B", address="https://example.com/reports/")
    feed = ElementTree.parse(folder / "feed.xml").getroot()
    assert feed.tag == "{http://www.w3.org/2005/Atom}feed" and feed.findtext("a:title", "", ATOM) == "A & B"
    entries = feed.findall("a:entry", ATOM)
    updated = [entry.findtext("a:updated", "", ATOM) for entry in entries]
    assert (
        len(entries) == 6
        and updated == sorted(updated, reverse=True)
        and updated[0] == feed.findtext("a:updated", "", ATOM)
    )
    links = [entry.find("a:link", ATOM).get("href") for entry in entries]
    assert all(link.startswith("https://example.com/reports/report_dora-") for link in links)
    ids = [entry.findtext("a:id", "", ATOM) for entry in entries]
    assert len(set(ids)) == 6 and all(one.startswith("urn:uuid:") for one in ids)
    assert entries[0].findtext("a:summary", "", ATOM).startswith("Change lead time: ")
    before = ids
    gallery.write(folder, title="A & B", address="https://example.com/reports/")
    again = ElementTree.parse(folder / "feed.xml").getroot().findall("a:entry", ATOM)
    assert [entry.findtext("a:id", "", ATOM) for entry in again] == before


def test_hostile_names_are_inert(tmp_path):
    published(tmp_path / "r", HOSTILE, "2026-W46", 1.0)
    published(tmp_path / "r", 'a" onmouseover="x', "2026-W46", 1.0)
    index = gallery.write(tmp_path / "r", title=HOSTILE).read_text()
    assert "<script>alert" not in index and "<img src=x" not in index and '" onmouseover="' not in index
    ElementTree.parse(tmp_path / "r/feed.xml")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', index).group(1)
    assert policy.startswith("default-src 'none'; script-src 'sha256-".replace("'", "&#39;"))


def test_an_empty_folder_and_one_that_cannot_be_written(tmp_path):
    assert "No report is here yet" in gallery.write(tmp_path / "none").read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match="the gallery could not be written to"):
        gallery.write(tmp_path / "file")
    assert not list((tmp_path / "none").glob(".*"))


def test_the_command(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    ran = CliRunner().invoke(cli, ["gallery", "--keep", "2"], standalone_mode=False)
    assert ran.exception is None and ran.stdout == "reports/index.html\n" and not list(folder.glob("*W44*"))
    ran = CliRunner().invoke(cli, ["gallery", "--workflow"], standalone_mode=False)
    written = yaml.safe_load((folder.parent / ".github/workflows/reports.yml").read_text())
    assert ran.exception is None and set(written["jobs"]) == {"make", "publish"}
    steps = " ".join(step.get("run", "") for step in written["jobs"]["make"]["steps"])
    options = {
        option
        for command in (cli.commands["report"], cli.commands["gallery"])
        for p in command.params
        for option in p.opts
    }
    assert set(re.findall(r"--[a-z-]+", steps)) <= options | {"--no-sync"}
    again = CliRunner().invoke(cli, ["gallery", "--workflow"], standalone_mode=False)
    assert isinstance(again.exception, QuestionError) and "is there already" in str(again.exception)


# ---------------------------------------------------------------- pictures and words


def points(svg: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", svg)]


def test_a_sparkline_goes_from_low_to_high_and_shows_gaps():
    drawn = str(sparklines.line([1.0, None, 3.0, 2.0], "lead time"))
    assert points(drawn) == [(3.0, 21.0), (63.0, 3.0), (93.0, 12.0)]
    assert (
        re.search(r'd="M[\d. ]+M[\d. ]+L[\d. ]+"', drawn) and 'cx="93.0"' in drawn and 'aria-label="lead time"' in drawn
    )
    assert points(str(sparklines.line([7.0], "x"))) == [(93.0, 12.0)]
    assert str(sparklines.line([None, None], "x")) == ""
    assert 'r="2.5"' in drawn and 'r="2.5"' not in str(sparklines.line([1.0, 2.0, None], "the latest is missing"))


def test_the_summary_escapes_what_comes_from_outside(folder):
    found = seal.read(folder / "report_dora-checkout-2026-W46.html")
    evil = seal.Seal(**{**found.as_json(), "title": "a | [b](javascript:1) <img src=x>\n# c"})
    said = summary.markdown(evil, "page.html", "page.png")
    assert said.splitlines()[0] == r"# a \| \[b\]\(javascript:1\) \<img src=x\> \# c"
    assert "| Change lead time | 2.1 days |" in said and "(page.png)](page.html)" in said


def test_metrics_that_a_message_tells_are_the_five_or_the_first_few():
    others = [row(f"metric_{number}", 1.0) for number in range(20)]
    assert [one["metric"] for one in summary.told([*others, row("change_fail_rate", 0.1)])] == ["change_fail_rate"]
    assert [one["metric"] for one in summary.told([others[0], others[0], *others[1:]])] == [
        f"metric_{n}" for n in range(8)
    ]


def test_the_seal_is_json_without_nan(folder):
    for path in folder.glob("*.seal.json"):
        json.loads(path.read_text(), parse_constant=pytest.fail)
