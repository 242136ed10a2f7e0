"""What goes from the store: old rows, and people who asked to be forgotten; the numbers stay true."""

import base64
import json
from datetime import datetime, timedelta
from pathlib import Path

import made_history
import pyarrow.parquet as parquet
import pytest
from click.testing import CliRunner
from lab_rows import complete, filled
from made_history import make_sample

from devops_lab import keeping, metrics
from devops_lab import sync as lab_sync
from devops_lab.cli import cli
from devops_lab.config import load, settings
from devops_lab.delivery import corrections
from devops_lab.errors import AccessError, ConfigError, QuestionError, StoreError
from devops_lab.privacy import KEY_VARIABLE, People, forgotten_in, remember_to_forget
from devops_lab.store import Store
from devops_lab.tables import TABLES

NOW, CUT, KEY = datetime(2026, 11, 1), datetime(2026, 1, 1), b"a key of one laboratory"
REPOSITORY = "acme/checkout"
OLD, NEW = datetime(2025, 6, 1), datetime(2026, 6, 1)
LAB = """
[lab]
store = "lab"
[privacy]
people = "{policy}"
[[service]]
name = "sample"
clone = "sample.git"
deployment = {{ from = "tags", tags = ["v*"] }}
"""


def issue(number, opened, closed, **more):
    return {
        "repository": REPOSITORY, "number": number, "title": f"issue {number}", "state": "closed" if closed else "open",
        "author": "octocat", "is_bot": False, "created_at": opened, "updated_at": NOW, "closed_at": closed, **more,
    }  # fmt: skip


def run(number, when):
    return {
        "repository": REPOSITORY, "id": number, "run_attempt": 1, "created_at": when, "started_at": when,
        "updated_at": when, "actor": "octocat", "status": "completed", "conclusion": "success",
    }  # fmt: skip


def job(number, run_id, when):
    return {
        "repository": REPOSITORY, "id": number, "run_id": run_id, "run_attempt": 1, "name": "build",
        "created_at": when, "started_at": when, "completed_at": when + timedelta(minutes=5), "conclusion": "success",
    }  # fmt: skip


def tables():
    """Issue 1 is over, 2 was opened before the cut and closed after it, 3 is old and open, 4 is new; all are bugs."""
    return {
        "services": [{"service": "checkout", "repository": REPOSITORY, "deployment_tables": "tags",
                      "change_tables": "commits", "failure_tables": "issues"}],
        "issues": [issue(1, OLD, OLD + timedelta(days=3)), issue(2, OLD, NEW), issue(3, OLD, None),
                   issue(4, NEW, NEW + timedelta(days=1))],
        "issue_labels": [{"repository": REPOSITORY, "number": number, "label": "bug", "is_pull_request": False}
                         for number in (1, 2, 3, 4)],
        "issue_events": [{"repository": REPOSITORY, "id": number, "number": number, "event": "assigned",
                          "assignee": "octocat", "created_at": OLD} for number in (1, 2)],
        "workflow_runs": [run(1, OLD), run(2, NEW)],
        "workflow_jobs": [job(1, 1, OLD), job(2, 2, NEW)],
        "workflow_steps": [{"repository": REPOSITORY, "job_id": number, "number": 1, "name": "make"}
                           for number in (1, 2)],
    }  # fmt: skip


def left(store, name, column):
    return [row[column] for row in store.rows(f'select "{column}" from "{name}" order by 1')]


@pytest.fixture
def writer(tmp_path):
    return filled(Store(tmp_path / "lab", latest=True), complete(tables(), (OLD - timedelta(days=30), NOW)))


def test_what_was_over_goes_and_what_hangs_on_it_goes_along(writer):
    gone = keeping.prune(writer, CUT)
    assert gone == {
        "issues": 1, "issue_labels": 1, "issue_events": 1, "workflow_runs": 1, "workflow_jobs": 1, "workflow_steps": 1,
    }  # fmt: skip
    assert left(writer, "issues", "number") == left(writer, "issue_labels", "number") == [2, 3, 4]
    assert left(writer, "issue_events", "number") == [2]
    assert left(writer, "workflow_steps", "job_id") == [2]
    assert keeping.prune(writer, CUT) == {}


def test_a_milestone_that_stays_keeps_its_issues(writer):
    writer.write("issues", [issue(5, OLD, OLD, milestone=1), issue(6, OLD, OLD, milestone=2)], "test")
    milestone = {"repository": REPOSITORY, "title": "m", "created_at": OLD, "open_issues": 0, "closed_issues": 1}
    writer.write("milestones", [{**milestone, "number": 1, "state": "open"},
                                {**milestone, "number": 2, "state": "closed", "closed_at": OLD}], "test")  # fmt: skip
    assert keeping.prune(writer, CUT)["issues"] == 2  # 1 and 6
    assert left(writer, "issues", "number") == [2, 3, 4, 5] and left(writer, "milestones", "number") == [1]


def test_a_dry_run_says_the_same_and_writes_nothing(writer):
    versions = writer._folder.versions()
    said = keeping.prune(writer, CUT, dry_run=True)
    assert writer._folder.versions() == versions
    assert said == keeping.prune(writer, CUT)


def test_numbers_before_are_missing_and_those_after_as_they_were(writer):
    asked = {"every": "month", "since": "2025-06-01", "until": "2026-10-01", "as_of": NOW}
    names = ("issue_throughput", "issue_lead_time", "build_duration")
    before = {name: metrics.find(name).over(writer, **asked) for name in names}
    assert before["issue_throughput"].iloc[0]["value"] == 1
    keeping.prune(writer, CUT)
    for name, told in before.items():
        after = metrics.find(name).over(writer, **asked)
        early = after["period_start"] < CUT
        assert after.loc[early, "value"].isna().all() and (after.loc[early, "coverage"] == 0).all()
        kept = [column for column in told if column != "coverage"]
        assert after.loc[~early, kept].equals(told.loc[~early, kept])
        assert (after.loc[~early, "coverage"] == 1).all()


def test_every_table_is_pruned_or_kept_for_a_reason():
    kept = {name for name, select in keeping._selects().items() if "where false" in select}
    assert not kept
    pruned = set(keeping._selects())
    assert pruned | set(keeping.KEPT_WHOLE) | {name for name, table in TABLES.items() if table.derived} == set(TABLES)
    for child, parents in keeping.PARENTS.items():
        for parent, columns in parents:
            assert set(columns) <= set(TABLES[parent].names) and set(columns.values()) <= set(TABLES[child].names)


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """A lab with a synced clone, and its lab.toml; `lab("names")` keeps names."""
    monkeypatch.setenv(KEY_VARIABLE, KEY.decode())
    monkeypatch.chdir(tmp_path)

    plain = made_history._commit
    logins = {"<p": "<octo", "users.invalid": "users.noreply.github.com"}

    def signed(*arguments):
        said = plain(*arguments)
        for before, after in logins.items():
            said = said.replace(before, after)
        return said

    monkeypatch.setattr(made_history, "_commit", signed)

    def make(policy="pseudonym"):
        make_sample(tmp_path / "sample.git", NOW)
        (tmp_path / "lab.toml").write_text(LAB.format(policy=policy))
        said = load("lab.toml")
        lab_sync(Store(said.store), said)
        return said

    return make


def ran(*words, status=0):
    found = CliRunner().invoke(cli, list(words), standalone_mode=False)
    if status == 0:
        assert found.exception is None, found.exception
    return found


def test_keep_is_honoured_by_the_sync_and_a_prune_by_hand_is_not_for_good(lab):
    said = lab()
    commits = Store(said.store).sql("select count(*) as n, min(committed_at) as first from commits").iloc[0]
    cut = (NOW - timedelta(days=200)).date()
    dry = ran("prune", "--before", str(cut), "--dry-run").output
    found = ran("prune", "--before", str(cut)).output
    assert "commits: " in found and dry.replace("would go", "gone") == found
    store = Store(said.store)
    assert store.sql("select min(committed_at) as first from commits")["first"][0] >= datetime.fromisoformat(str(cut))
    deployed = metrics.find("deployment_frequency").over(store, every="month", last="1 year", statistic="count")
    early = deployed["period_end"] <= datetime.fromisoformat(str(cut))
    assert deployed.loc[early, "value"].isna().all() and early.any() and deployed.loc[~early, "value"].max() > 0
    lab_sync(store, said)  # a clone is read whole
    assert store.sql("select count(*) as n from commits")["n"][0] == commits["n"]
    (said.path).write_text(said.path.read_text() + '\n[store]\nkeep = "200 days"\n')
    kept = load(said.path)
    lab_sync(store, kept)
    first = store.sql("select min(committed_at) as first from commits")["first"][0]
    assert store.as_of - timedelta(days=201) < first
    lab_sync(store, kept)
    assert store.sql("select min(committed_at) as first from commits")["first"][0] == first


def test_prune_names_sealed_reports_and_refuses_to_empty_the_store(lab):
    said = lab()
    for name, start in (("old", "2026-01-01T00:00:00Z"), ("new", "2026-10-01T00:00:00Z")):
        path = said.folder / "reports" / f"{name}.seal.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"receipts": [{"metric": "x", "window_start": start}]}))
    found = ran("prune", "--before", "2026-06-01", "--dry-run").output
    assert "old.seal.json" in found and "new.seal.json" not in found
    refused = ran("prune", "--before", "2100-01-01", status=2)
    assert "nothing later" in str(refused.exception)
    assert isinstance(ran("prune", "--before", "tomorrow-ish", status=2).exception, QuestionError)


def everything_in(folder: Path) -> str:
    """All that the store's files say: raw bytes, and what compressed Parquet files (the log's too) hold."""
    said = []
    for path in folder.rglob("*"):
        if path.is_file():
            said.append(path.read_bytes().decode("utf-8", "replace"))
            if path.suffix == ".parquet":
                said.append(str(parquet.ParquetFile(path).read().to_pylist()))
    return "\n".join(said)


def authors(store):
    return store.sql("select author, count(*) as n from commits where author is not null group by 1 order by n desc")


@pytest.mark.parametrize("policy", ["pseudonym", "names"])
def test_a_forgotten_person_is_in_no_file_of_the_store_and_does_not_come_back(lab, policy):
    said = lab(policy)
    store = Store(said.store)
    person = authors(store)["author"][0]
    total, before = len(store.commits.rows()), metrics.dora(store, last="1 year")
    assert person in everything_in(Path(said.store))
    found = ran("forget", person).output
    assert "commits: " in found
    assert person.lower() not in everything_in(Path(said.store)).lower()
    store = Store(said.store)
    assert len(store.commits.rows()) == total
    assert metrics.dora(store, last="1 year")["value"].equals(before["value"])
    lab_sync(store, said)
    assert person not in list(authors(store)["author"])
    assert person.lower() not in everything_in(Path(said.store)).lower()
    assert person not in (said.folder / "forgotten.txt").read_text()
    again = ran("forget", person).output
    assert "no row told of them" in again and len(forgotten_in(said.folder)) == 1


def test_the_pseudonym_forgets_the_login_and_the_login_the_pseudonym(tmp_path):
    people = People("names", KEY)
    hashed = people.pseudonym("octocat")
    assert hashed == People("pseudonym", KEY).name("Octocat")
    assert people.mark("octocat") == people.mark("OctoCat") == people.mark(hashed) != people.mark("hubot")
    remember_to_forget(tmp_path, people.mark(hashed))
    remember_to_forget(tmp_path, people.mark("octocat"))
    forgotten = forgotten_in(tmp_path)
    assert forgotten == {people.mark("octocat")}
    for policy in ("pseudonym", "names", "none"):
        sparing = People(policy, KEY, forgotten)
        assert sparing.name("octocat") is None and sparing.name(hashed) is None
        assert sparing.name("1+octocat@users.noreply.github.com") is None
        row = {"repository": "acme/shop", "sha": "1", "author": "hubot", "subject": f"thanks octocat, {hashed}!",
               "head_ref": "octocat/fix-it"}  # fmt: skip
        kept = sparing.apply(TABLES["commits"], row)
        assert kept["subject"] == "thanks someone, someone!" and kept["head_ref"] == "someone/fix-it"
        assert sparing.apply(TABLES["commits"], kept) == kept
    with pytest.raises(AccessError, match="no key"):
        People("names", None, forgotten)


def test_whole_names_parts_of_branches_and_what_only_looks_alike():
    people = People("names", KEY)
    sparing = People("names", KEY, frozenset({people.mark("Ada Lovelace"), people.mark("mona-lisa")}))
    for text, kept in {
        "by Ada Lovelace": "by someone",
        "ada lovelace and Ada Byron": "someone and Ada Byron",
        "mona-lisa-patch-1": "someone-patch-1",
        "monalisa, mona, lisa": "monalisa, mona, lisa",
        "Merge pull request #4 from mona-lisa/topic": "Merge pull request #4 from someone/topic",
    }.items():
        row = sparing.apply(TABLES["commits"], {"repository": "a/b", "sha": "1", "subject": text})
        assert row["subject"] == kept


def test_every_table_is_searched(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, KEY.decode())
    rows = tables() | {
        "actions": [{"id": "1", "asked_at": NEW, "login": "octocat", "verb": "dispatch", "repository": REPOSITORY,
                     "request_key": "k", "outcome": "done"}],
        "branches": [{"repository": REPOSITORY, "branch": "octocat/fix", "sha": "1"}],
        "alerts": [{"service": "checkout", "id": "a", "alert": "Slow", "labels": '{"owner": "octocat"}',
                    "started_at": NEW}],
    }  # fmt: skip
    store = filled(Store(tmp_path / "lab", latest=True), {name: rows[name] for name in rows if name != "issues"})
    store.write("issues", rows["issues"], "test", People("names", KEY))
    people = People("names", KEY, frozenset({People("names", KEY).mark("octocat")}))
    told = keeping.forget(store, people, "octocat")
    assert told == {"issues": 4, "actions": 1, "branches": 1, "alerts": 1}
    assert left(store, "branches", "branch") == ["someone/fix"]
    assert store.alerts.rows()[0]["labels"] == '{"owner": "someone"}'
    assert store.actions.rows()[0]["login"] is None
    store.purge()
    assert "octocat" not in everything_in(tmp_path / "lab")


def test_older_snapshots_are_no_more_and_say_so(lab):
    said = lab("names")
    store = Store(said.store)
    ran("forget", authors(store)["author"][0])
    with pytest.raises((QuestionError, StoreError)):
        Store(said.store, snapshot=store.snapshot_name).commits.rows()
    assert Store(said.store).snapshot_name not in (None, store.snapshot_name)


def test_forget_lists_what_still_names_them(lab):
    said = lab("names")
    person = authors(Store(said.store))["author"][0]
    reports = said.folder / "reports"
    reports.mkdir()
    hidden = base64.b64encode(f'{{"rows": ["{person}"]}}'.encode()).decode()
    (reports / "a.html").write_text(f'<a href="data:application/json;base64,{hidden}">receipt</a>')
    (reports / "a.seal.json").write_text(json.dumps({"said": person}))
    (reports / "a.ipynb").write_text(f"x{person}x is somebody else")
    corrections.add(said.corrections, "incident", "sample", "1", by=person, reason="seen", not_a_change=True)
    found = ran("forget", person).output
    assert "a.html" in found and "a.seal.json" in found and "a.ipynb" not in found
    assert f"still names them: {said.corrections}" in found


def test_settings_of_keeping(tmp_path):
    path = tmp_path / "lab.toml"
    assert settings({"store": {"keep": "3 years"}}, path).keeping.first(NOW, "UTC") == datetime(2023, 11, 1)
    assert settings({}, path).keeping.first(NOW, "UTC") is None
    assert settings({"lab": {"store": "here"}, "store": {"keep": "90d"}}, path).store == str(tmp_path / "here")
    for wrong in ({"store": {"keep": "long"}}, {"store": {"keep": 3}}, {"store": "lab"}, {"store": {"kept": "1 year"}}):
        with pytest.raises(ConfigError, match="store"):
            settings(wrong, path)
