"""`devops-lab record`: one row per service and id in a CSV file, on an empty machine, whoever else writes."""

import csv
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from filelock import FileLock
from test_cli import lab

from devops_lab import recording
from devops_lab.errors import AccessError, SourceError, UserError
from devops_lab.recording import record
from devops_lab.sources.files import read_rows
from devops_lab.tables import TABLES

SHA = "a9fd7f05e6a2ef8eb51c8bac567cdafc0a176f49"
NOON = datetime(2026, 3, 2, 12)
LATER = datetime(2026, 3, 2, 14)
DEPLOYED = {"service": "checkout", "sha": SHA, "result": "success"}


def rows(path, table="reported_deployments"):
    return read_rows(path, TABLES[table])


def deployed(path, id="7-1", now=NOON, **said):
    return record("deployment", id, path, DEPLOYED | said, now)


def test_a_deploy_job_on_an_empty_machine(tmp_path):
    """Worked example: two deployments and an incident that is closed later, with nothing else in the folder."""
    started = ("--started-at", "2026-03-02T09:54:00Z", "--finished-at", "2026-03-02 10:00")
    told = lab(
        "record",
        "deployment",
        "7-1",
        "--service",
        "checkout",
        "--sha",
        SHA,
        "--result",
        "success",
        *started,
        cwd=tmp_path,
    )
    assert told.stdout == ""
    assert told.stderr == "deployments/recorded.csv: deployment '7-1' of checkout recorded\n"
    lab("record", "deployment", "8-1", "--service", "checkout", "--tag", "1.5.0", "--result", "failure", cwd=tmp_path)
    lab(
        "record",
        "incident",
        "INC-1",
        "--service",
        "checkout",
        "--title",
        "Orders, lost",
        "--caused-by",
        "7-1",
        cwd=tmp_path,
    )
    again = lab("record", "incident", "INC-1", "--resolved-at", "now", cwd=tmp_path)
    assert again.stderr == "incidents/recorded.csv: incident 'INC-1' of checkout updated\n"
    first, second = rows(tmp_path / "deployments" / "recorded.csv")
    assert (first["id"], first["sha"], first["started_at"], first["finished_at"]) == (
        "7-1", SHA, datetime(2026, 3, 2, 9, 54), datetime(2026, 3, 2, 10),
    )  # fmt: skip
    assert (second["id"], second["tag"], second["result"]) == ("8-1", "1.5.0", "failure")
    [incident] = rows(tmp_path / "incidents" / "recorded.csv", "incidents")
    assert (incident["title"], incident["caused_by"]) == ("Orders, lost", "7-1")
    assert incident["started_at"] <= incident["resolved_at"]
    kept = {path.name for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".lock"}
    assert kept == {"recorded.csv"}


def test_the_same_again_changes_nothing(tmp_path):
    path = tmp_path / "d.csv"
    assert deployed(path)[1:] == (True, True)
    before = path.read_bytes()
    assert deployed(path, now=LATER)[1:] == (False, False)
    assert path.read_bytes() == before


def test_what_is_said_is_updated_and_the_rest_stays(tmp_path):
    path = tmp_path / "d.csv"
    deployed(path, url="https://ci/7")
    record("deployment", "7-1", path, {"environment": "staging"}, LATER)
    [row] = rows(path)
    assert (row["environment"], row["url"], row["sha"], row["finished_at"]) == ("staging", "https://ci/7", SHA, NOON)


def test_a_retry_with_another_result_ended_when_it_did(tmp_path):
    path = tmp_path / "d.csv"
    deployed(path, result="failure")
    deployed(path, now=LATER)
    [row] = rows(path)
    assert (row["result"], row["finished_at"]) == ("success", LATER)


def test_an_empty_value_is_taken_back(tmp_path):
    path = tmp_path / "i.csv"
    record("incident", "1", path, {"service": "a", "not_a_change": True}, NOON)
    record("incident", "1", path, {"resolved_at": "now"}, LATER)
    assert rows(path, "incidents")[0]["resolved_at"] == LATER
    record("incident", "1", path, {"resolved_at": "", "not_a_change": False}, LATER)
    [row] = rows(path, "incidents")
    assert (row["resolved_at"], row["not_a_change"], row["started_at"]) == (None, None, NOON)
    with pytest.raises(UserError, match="--started-at cannot be taken back"):
        record("incident", "1", path, {"started_at": ""})


def test_one_id_of_two_services_is_two_facts(tmp_path):
    path = tmp_path / "i.csv"
    for service in ("a", "b"):
        record("incident", "1", path, {"service": service}, NOON)
    with pytest.raises(UserError, match=r"one of several services \(a, b\); say --service"):
        record("incident", "1", path, {"resolved_at": "now"}, LATER)
    record("incident", "1", path, {"service": "b", "resolved_at": "now"}, LATER)
    assert [row["resolved_at"] for row in rows(path, "incidents")] == [None, LATER]


HOSTILE = ["=cmd|' /C calc'!A0", "+1", "@x", "'=x", "a\u2028b", 'two\nlines, "quoted"', "\x0bx", "-", "größer\ttab"]


@pytest.mark.parametrize("title", HOSTILE)
def test_hostile_titles_come_back_as_they_were_and_run_nowhere(tmp_path, title):
    path = tmp_path / "i.csv"
    record("incident", "1", path, {"service": "a", "title": title}, NOON)
    record("incident", "2", path, {"service": "a", "title": "plain"}, NOON)
    assert [row["title"] for row in rows(path, "incidents")] == [title.strip(), "plain"]
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for line in csv.reader(file) for cell in line]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "-"))]


@pytest.mark.parametrize(
    ("kind", "said", "wanted"),
    [
        ("deployment", {"result": "green"}, "--result = 'green': one of success, failure, cancelled"),
        ("deployment", {"result": ""}, "--result = '': must be one line of text"),
        ("deployment", {"sha": "main"}, "--sha = 'main': must be 7 to 64 of 0-9 and a-f; a tag or version is said by"),
        ("deployment", {"sha": ""}, "say what was deployed: --sha, or --tag"),
        ("deployment", {"finished_at": "soon"}, "--finished-at: 'soon' is no date; .*, or now"),
        ("deployment", {"finished_at": "1769860800000"}, "--finished-at: '1769860800000' is no date"),
        ("deployment", {"started_at": "2026-03-02T13:00Z", "finished_at": "now"}, "would end .* before it starts"),
        ("deployment", {"finished_at": ""}, "--finished-at cannot be taken back"),
        ("deployment", {"service": " "}, "--service = '': must be one line"),
        ("deployment", {"environment": "a\nb"}, r"--environment = 'a\\nb': must be one line"),
        ("incident", {"resolved_at": "now"}, "incident '7-1' is new here and over already; say --started-at too"),
    ],
)
def test_what_cannot_be_is_named_and_nothing_is_written(tmp_path, kind, said, wanted):
    path = tmp_path / "d.csv"
    given = DEPLOYED if kind == "deployment" else {"service": "checkout"}
    with pytest.raises(UserError, match=wanted):
        record(kind, "7-1", path, given | said, NOON)
    assert not path.exists()


@pytest.mark.parametrize("id", ["", "  ", "a\nb", "a\x00"])
def test_an_id_is_one_line(tmp_path, id):
    with pytest.raises(UserError, match="ID = "):
        deployed(tmp_path / "d.csv", id)


def test_an_unknown_id_without_a_service_is_said(tmp_path):
    with pytest.raises(UserError, match="has no incident 'INC-9'; say --service to record a new one"):
        record("incident", "INC-9", tmp_path / "i.csv", {"resolved_at": "now"})


def test_a_file_of_others_is_not_written_over(tmp_path):
    path = tmp_path / "export.csv"
    path.write_text("service,id,started_at,colour\na,1,2026-03-01,red\n")
    with pytest.raises(UserError, match=r"columns that would be lost \('colour'\)"):
        record("incident", "2", path, {"service": "a"})
    assert path.read_text().endswith("red\n")
    with pytest.raises(UserError, match=r"name a file that ends in \.csv"):
        record("incident", "2", tmp_path / "export.json", {"service": "a"})


def test_exit_statuses_are_as_elsewhere(tmp_path):
    told = lab("record", "deployment", "1", "--service", "a", "--sha", SHA, "--result", "ok", cwd=tmp_path, status=2)
    assert told.stderr.startswith("devops-lab: --result = 'ok'")
    (tmp_path / "taken").write_text("a file, no folder")
    given = ("--service", "a", "--file", "taken/i.csv")
    told = lab("record", "incident", "1", *given, cwd=tmp_path, status=2)
    assert "taken/i.csv cannot be written" in told.stderr


def test_a_file_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(AccessError, match=r"cannot be written: .*; name another --file"):
        deployed(tmp_path / ("x" * 300) / "d.csv")


def test_another_writer_is_waited_for_and_then_said(tmp_path, monkeypatch):
    monkeypatch.setattr(recording, "PATIENCE", 0.1)
    with FileLock(tmp_path / ".d.csv.lock"), pytest.raises(SourceError, match="another job has been writing to"):
        deployed(tmp_path / "d.csv")


def test_jobs_that_write_at_once_lose_nothing(tmp_path):
    script = "import sys; from devops_lab.cli import main; sys.argv[0] = 'devops-lab'; main()"
    jobs = 12

    def job(number: int) -> int:
        given = ["--service", "checkout", "--sha", SHA, "--result", "success", "--file", "d.csv"]
        return subprocess.run(
            [sys.executable, "-c", script, "record", "deployment", f"{number}-1", *given], cwd=tmp_path, check=False,
            capture_output=True,
        ).returncode  # fmt: skip

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(job, range(jobs))) == [0] * jobs
    assert {row["id"] for row in rows(tmp_path / "d.csv")} == {f"{number}-1" for number in range(jobs)}
    assert not list(tmp_path.glob("*.partial")) + list(tmp_path.glob(".*.partial"))


def test_recording_needs_nothing_heavy(tmp_path):
    """A CD job waits for it: no DuckDB, no Delta, no pandas, and no lab.toml is looked for."""
    script = (
        "import sys\nfrom devops_lab.recording import record\n"
        "record('incident', '1', 'i.csv', {'service': 'a'})\n"
        "heavy = {'pandas', 'duckdb', 'deltalake', 'plotly', 'papermill', 'github', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, cwd=tmp_path)
