"""The command line: each mistake gets one clear message, the right exit status, and leaves nothing half-written."""

import contextlib
import io
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from made_history import make_sample

from devops_lab.cli import main

DORA = ["change_lead_time", "deployment_frequency", "change_fail_rate"]
DORA += ["failed_deployment_recovery_time", "deployment_rework_rate"]


def lab(*arguments, cwd: Path, status: int = 0) -> SimpleNamespace:
    """Run the command in this process; what it prints, and its exit status, must be right."""
    out, err = io.StringIO(), io.StringIO()
    streams = (contextlib.redirect_stdout(out), contextlib.redirect_stderr(err))
    with contextlib.chdir(cwd), streams[0], streams[1], pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["devops-lab", *map(str, arguments)])
        patch.setenv("DEVOPS_LAB_PRIVACY_KEY", "0123456789abcdef0123456789abcdef")
        with pytest.raises(SystemExit) as left:
            main()
    found = SimpleNamespace(stdout=out.getvalue(), stderr=err.getvalue())
    assert left.value.code == status, found
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A synced lab of a made-up history, in a folder with a space in its path."""
    here = tmp_path_factory.mktemp("with a space") / "my lab"
    here.mkdir()
    make_sample(here / "sample.git", datetime(2026, 10, 1))
    lab("init", "--git", "sample.git", cwd=here)
    lab("sync", cwd=here)
    return here


def test_init_in_an_empty_folder_is_a_made_up_company(tmp_path):
    said = lab("init", cwd=tmp_path).stderr
    assert "made-up company" in said
    text = (tmp_path / "lab.toml").read_text()
    assert "[practice]" in text and text.count("[[service]]") == 6
    again = lab("init", cwd=tmp_path, status=2).stderr
    assert "is there already" in again
    assert "--force" in again


def test_init_proposes_rules_that_fit_and_says_their_hits(folder):
    text = (folder / "lab.toml").read_text()
    assert 'deployment = { from = "tags", tags = ["v[0-9]+.[0-9]+.[0-9]+"] }    # version tags: ' in text
    assert '{ from = "merges" }' in text


def test_init_in_a_repository_takes_that_repository(tmp_path):
    run = lambda *command: subprocess.run(["git", "-C", tmp_path, *command], check=True, capture_output=True)  # noqa: E731
    run("init", "-q", "-b", "main")
    run("-c", "user.name=a", "-c", "user.email=a@b.invalid", "commit", "-q", "--allow-empty", "-m", "Begin")
    lab("init", cwd=tmp_path)
    assert 'deployment = { from = "merges" }    # commits on main: 1' in (tmp_path / "lab.toml").read_text()
    assert 'clone = "."' in (tmp_path / "lab.toml").read_text()


def test_metrics_as_table_json_and_csv(folder):
    table = lab("metrics", "--as-of", "2026-09-30", cwd=folder).stdout
    assert all(name in table for name in DORA)
    rows = json.loads(lab("metrics", "--as-of", "2026-09-30", "--format", "json", cwd=folder).stdout)
    assert [row["metric"] for row in rows] == DORA
    assert all(row["n"] > 0 for row in rows[:3])
    lines = lab("metrics", "--every", "month", "--last", "1 year", "--format", "csv", cwd=folder).stdout.splitlines()
    assert lines[0].startswith("metric,unit,group_name,period_start")
    assert len(lines) > 5 * 12


def test_a_receipt_in_words_and_as_json(folder):
    words = lab("receipt", "change_fail_rate", "--as-of", "2026-09-30", "--last", "1 year", cwd=folder).stdout
    assert "Share of successful production deployments" in words
    receipt = json.loads(lab("receipt", "change_fail_rate", "--last", "1 year", "--format", "json", cwd=folder).stdout)
    assert receipt["value"] == pytest.approx(sum(row["value"] for row in receipt["rows"]) / receipt["n"])


def test_a_second_sync_changes_nothing(folder):
    assert "0 new, 0 changed" in lab("sync", cwd=folder).stderr


def test_corrections_are_written_counted_listed_and_taken_back(folder):
    ask = ("metrics", "deployment_rework_rate", "--last", "1 year", "--format", "json")
    before = json.loads(lab(*ask, cwd=folder).stdout)[0]["value"]
    planned = json.loads(
        lab("receipt", "deployment_rework_rate", "--last", "1 year", "--format", "json", cwd=folder).stdout
    )
    tag = next(row["id"] for row in planned["rows"] if row["value"] == 0)
    lab("correct", "deployment", tag, "--service", "sample", "--unplanned", "--reason", "rushed", cwd=folder)
    assert json.loads(lab(*ask, cwd=folder).stdout)[0]["value"] > before
    assert tag in lab("correct", "list", cwd=folder).stdout
    lab("correct", "undo", cwd=folder)
    assert json.loads(lab(*ask, cwd=folder).stdout)[0]["value"] == before
    assert "nothing to take back" in lab("correct", "undo", cwd=folder, status=2).stderr
    nothing = lab("correct", "deployment", tag, "--service", "sample", "--reason", "x", cwd=folder, status=2).stderr
    assert "say what is to be corrected" in nothing


def test_what_is_exported_can_be_imported_again(folder, tmp_path):
    for form in ("csv", "parquet"):
        lab("export", tmp_path / form, "--format", form, cwd=folder)
        for table in ("commits", "tags", "branches", "sync_ledger"):
            said = lab("import", table, tmp_path / form / f"{table}.{form}", cwd=folder).stderr
            assert "0 new, 0 changed" in said, (table, form, said)


def test_wrong_arguments_are_said_with_what_is_right(folder):
    for arguments, words in (
        (("metrics", "change_leadtime"), "did you mean change_lead_time"),
        (("metrics", "--last", "soon"), "'soon' is no length of time"),
        (("metrics", "--since", "2026-13-01"), "'2026-13-01' is no date"),
        (("metrics", "--since", "2026-05-01", "--until", "2026-04-01"), "empty or reversed"),
        (("metrics", "--every", "fortnight"), "'fortnight' is no period"),
        (("metrics", "--service", "sampel"), "did you mean 'sample'"),
        (("metrics", "change_lead_time", "-p", "clock=noon"), "noon"),
        (("metrics", "-p", "clock"), "write -p key=value"),
        (("receipt", "nonsense"), "there is no metric 'nonsense'"),
        (("report", "report_nothing"), "report_nothing"),
        (("report", "-p", "colour=red"), "'colour' is no parameter"),
        (("sync", "--service", "x"), "there is no service 'x'; services: sample"),
        (("sync", "--since", "whenever"), "is no length of time"),
        (("import", "deployments", "x.csv"), "cannot be imported into 'deployments'"),
        (("import", "tags", "absent.csv"), "is not there"),
        (("frobnicate",), "No such command"),
    ):
        assert words in lab(*arguments, cwd=folder, status=2).stderr, arguments


def test_five_mistakes_in_lab_toml_come_at_once(tmp_path):
    (tmp_path / "lab.toml").write_text(
        '[lab]\ntimezone = "Mars/Base"\n[privcy]\npeople = "names"\n[[service]]\nname = "a"\nrepository = "o/a"\n'
        'deployment = { from = "tag", tags = ["v*"] }\n[[service]]\nrepository = "o/b"\n'
        'rework = { lables = ["hotfix"] }\n'
    )
    said = lab("sync", cwd=tmp_path, status=2).stderr
    assert "5 problems" in said
    for word in ("Mars/Base", "privcy", "privacy", "'tag'", "tags", "'name' is missing", "lables", "labels"):
        assert word in said, word


def test_no_lab_toml_and_no_store(tmp_path):
    assert "`devops-lab init` writes one" in lab("metrics", cwd=tmp_path, status=2).stderr
    (tmp_path / "lab.toml").write_text("[lab]\n")
    assert "there is no [[service]]" in lab("sync", cwd=tmp_path, status=2).stderr
    assert "no services yet" in lab("metrics", cwd=tmp_path).stdout


def test_an_empty_window_says_so(folder):
    said = lab("metrics", "change_lead_time", "--since", "2026-06-01T00:00", "--until", "2026-06-01T00:01", cwd=folder)
    assert "no value" in said.stdout or "nothing" in said.stdout


def test_a_clone_that_is_none(tmp_path):
    (tmp_path / "plain").mkdir()
    (tmp_path / "lab.toml").write_text('[[service]]\nname = "a"\nclone = "plain"\n')
    assert "plain" in lab("sync", cwd=tmp_path, status=2).stderr
    assert "not" in lab("init", "--git", "absent", "--force", cwd=tmp_path, status=2).stderr


def test_a_repository_without_commits_or_tags(tmp_path):
    subprocess.run(["git", "init", "-q", tmp_path / "empty"], check=True)
    (tmp_path / "lab.toml").write_text(
        '[[service]]\nname = "a"\nclone = "empty"\ndeployment = { from = "tags", tags = ["v*"] }\n'
    )
    lab("sync", cwd=tmp_path)
    doctor = lab("doctor", cwd=tmp_path, status=1).stdout
    assert "tags v*: 0 of 0" in doctor


def test_a_rule_that_matches_nothing_shows_the_nearest_misses(folder, tmp_path):
    text = (folder / "lab.toml").read_text().replace('"v[0-9]+.[0-9]+.[0-9]+"', '"v1-*"')
    (tmp_path / "lab.toml").write_text(text.replace('clone = "sample.git"', f"clone = '{folder / 'sample.git'}'"))
    lab("sync", cwd=tmp_path)
    said = lab("doctor", cwd=tmp_path, status=1).stdout
    assert "nearest: v1." in said


def test_a_wrong_date_in_row_seven(folder, tmp_path):
    rows = ["service,id,started_at,resolved_at", *(f"sample,{n},2026-09-0{n},2026-09-1{n}" for n in range(1, 9))]
    rows[7] = "sample,7,yesterday,2026-09-17"
    (tmp_path / "incidents.csv").write_text("\n".join(rows))
    said = lab("import", "incidents", tmp_path / "incidents.csv", cwd=folder, status=2).stderr
    for word in ("incidents.csv", "row 7", "started_at", "yesterday"):
        assert word in said
    assert lab("export", tmp_path / "out", "--format", "csv", cwd=folder)
    assert len((tmp_path / "out" / "incidents.csv").read_text().splitlines()) == 1


def test_a_damaged_store(folder, tmp_path):
    import shutil

    shutil.copytree(folder, tmp_path / "copy")
    for file in (tmp_path / "copy" / "lab" / "deployments").rglob("*.parquet"):
        file.write_bytes(b"not parquet")
    said = lab("metrics", cwd=tmp_path / "copy", status=1).stderr
    assert "missing or damaged" in said
    assert "sync again" in said


@pytest.mark.server
def test_wrong_token_and_hidden_repository(tmp_path, replay, monkeypatch):
    url = replay("--token", "right-token-1234567890")
    text = f'[github]\nurl = "{url}"\n[[service]]\nname = "a"\nrepository = "{{}}"\n'
    text += 'deployment = {{ from = "releases" }}\n'
    (tmp_path / "lab.toml").write_text(text.format("panjf2000/ants"))
    monkeypatch.setenv("GITHUB_TOKEN", "ghp_wrong-token-0987654321")
    wrong = lab("sync", cwd=tmp_path, status=2).stderr
    assert "GITHUB_TOKEN" in wrong
    assert "wrong-token" not in wrong
    (tmp_path / "lab.toml").write_text(text.format("panjf2000/absent"))
    monkeypatch.setenv("GITHUB_TOKEN", "right-token-1234567890")
    hidden = lab("sync", cwd=tmp_path, status=2).stderr
    assert "panjf2000/absent" in hidden
    assert "or this token may not see it" in hidden
