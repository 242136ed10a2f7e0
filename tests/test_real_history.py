"""The history of prometheus/prometheus: what the lab says equals what plain git says, for every commit."""

import csv
import gzip
import re
import subprocess
from collections import Counter
from datetime import datetime, timedelta
from types import SimpleNamespace

import pytest

from devops_lab import patterns
from devops_lab.delivery import changes
from devops_lab.sources.git import Git
from devops_lab.store import Store

pytestmark = pytest.mark.real_data

REPOSITORY = "prometheus/prometheus"
RELEASES = ["[0-9]+.[0-9]+.[0-9]+", "v[0-9]+.[0-9]+.[0-9]+", "!v0.*", "!v1.99.0"]
UNTIL = datetime(2026, 9, 1)
EPOCH = datetime(1970, 1, 1)


def git(path, *arguments: str, text: str | None = None) -> str:
    return subprocess.run(
        ["git", "-C", path, *arguments], check=True, capture_output=True, text=True, input=text
    ).stdout


def recorded(lab_data, name):
    with gzip.open(lab_data / "prometheus-git" / f"{name}.csv.gz", "rt", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def stored(rebuilt_git, tmp_path_factory) -> Store:
    store = Store(tmp_path_factory.mktemp("real history") / "lab", latest=True)
    for table, rows in Git(rebuilt_git, REPOSITORY).pull(None, UNTIL):
        fits = [row | {"recorded_at": UNTIL} for row in rows] if table == "sync_ledger" else rows
        store.write(table, fits, source="git")
    return store


@pytest.fixture(scope="module")
def facts(stored):
    return changes.load(stored, REPOSITORY)


@pytest.fixture(scope="module")
def releases(stored):
    """Releases as deployments, from the stored tags."""
    return [
        {"id": row["tag"], "sha": row["sha"], "finished_at": row["tagged_at"], "result": "success"}
        for row in stored.rows("select tag, sha, tagged_at from tags")
        if patterns.matches(row["tag"], RELEASES)
    ]


@pytest.fixture(scope="module")
def rows(facts, releases):
    found = changes.changes(SimpleNamespace(name="prometheus", paths=[]), facts, releases)
    return {row["sha"]: row for row in found}


@pytest.fixture(scope="module")
def originals(rebuilt_git) -> dict[str, str]:
    """Original sha → the rebuilt one."""
    log = git(rebuilt_git, "log", "--all", "--format=%H %(trailers:only=no)%b%x00")
    pairs = re.findall(r"([0-9a-f]{40}) [^\x00]*?Original-commit: ([0-9a-f]{40})", log)
    return {original: sha for sha, original in pairs}


def truth(path) -> dict[str, str]:
    """Commit → first release that carries it, as git alone says: releases by date, each without all earlier ones."""
    lines = git(path, "for-each-ref", "refs/tags", "--format=%(creatordate:unix) %(refname:short)").splitlines()
    dated = ((int(date), tag) for date, tag in (line.split() for line in lines))
    release = re.compile(r"v?[0-9]+\.[0-9]+\.[0-9]+")
    tags = [
        tag for _, tag in sorted(dated) if release.fullmatch(tag) and not tag.startswith("v0.") and tag != "v1.99.0"
    ]
    first = {}
    for number, tag in enumerate(tags):
        asked = "\n".join([f"refs/tags/{tag}", *(f"^refs/tags/{earlier}" for earlier in tags[:number])])
        for sha in git(path, "rev-list", "--stdin", text=asked + "\n").split():
            assert sha not in first
            first[sha] = tag
    return first


def test_every_commit_is_linked_to_the_release_that_git_names(rebuilt_git, facts, rows, releases):
    expected = truth(rebuilt_git)
    assert len(expected) > 18_000
    linked = {sha: row["deployment_id"] for sha, row in rows.items() if row["deployment_id"] is not None}
    assert linked == expected
    waiting = set(
        git(rebuilt_git, "rev-list", "main", "--stdin", text="".join(f"^{r['id']}\n" for r in releases)).split()
    )
    assert rows.keys() == expected.keys() | waiting
    walked = facts.graph.walk(
        (row["id"], row["sha"]) for row in sorted(releases, key=lambda row: (row["finished_at"], row["id"]))
    )
    assert walked.carried_by == expected


def test_deployed_at_is_the_release_and_the_first_one_is_not_counted(rows, releases):
    finished = {row["id"]: row["finished_at"] for row in releases}
    first = min(releases, key=lambda row: (row["finished_at"], row["id"]))["id"]
    for row in rows.values():
        if row["deployment_id"] is not None:
            assert row["deployed_at"] == finished[row["deployment_id"]]
        if row["excluded"] != "merge commit":
            assert row["excluded"] == ("deployed before records" if row["deployment_id"] == first else None)


def test_the_source_reads_what_the_history_holds(stored, lab_data):
    counts = {
        table: stored.rows(f"select count(*) as n from {table}")[0]["n"] for table in ("commits", "tags", "branches")
    }
    assert counts == {"commits": 18_834, "tags": 550, "branches": 91}
    late = stored.rows("select count(*) as n from commits where authored_at > committed_at")[0]["n"]
    assert late == 21
    told = recorded(lab_data, "commits")
    reverts = stored.rows("select count(*) as n from commits where reverts is not null")[0]["n"]
    assert reverts == sum(bool(row["reverts_sha"]) for row in told)
    merges = stored.rows("select count(*) as n from commits where parents like '% %'")[0]["n"]
    assert merges == sum(row["is_merge"] == "1" for row in told)
    ledger = stored.rows("select * from sync_ledger where table_name = 'commits'")[0]
    assert ledger["window_start"] == EPOCH


def test_tags_have_the_dates_that_git_shows(stored, rebuilt_git):
    shown = git(rebuilt_git, "for-each-ref", "refs/tags", "--format=%(refname:short) %(creatordate:unix)").splitlines()
    expected = {tag: EPOCH + timedelta(seconds=int(date)) for tag, date in (line.split() for line in shown)}
    assert {row["tag"]: row["tagged_at"] for row in stored.rows("select tag, tagged_at from tags")} == expected


def test_pull_requests_are_found_where_github_merged_them(facts, rows, originals, lab_data):
    """All of 4,422 merge commits; squashes but for those that another commit's subject names as well."""
    merged = {"merge": Counter(), "squash": Counter()}
    first = Counter()
    for told in recorded(lab_data, "pulls"):
        sha = originals.get(told["merge_sha"])
        if told["merge_kind"] not in merged or sha is None:
            continue
        number = int(told["number"])
        merged[told["merge_kind"]][facts.merged.shas.get(number) == sha] += 1
        if told["merge_kind"] == "merge" and sha in rows:
            authored = EPOCH + timedelta(seconds=int(told["first_commit_author_time"]))
            first[rows[sha]["first_commit_at"] == authored] += 1
    assert merged["merge"] == Counter({True: 4_422})
    assert merged["squash"][True] > 4_100
    assert merged["squash"][False] < 25
    assert first[True] > 0.94 * first.total()


def test_a_change_has_one_result_and_all_its_commits_share_its_facts(rows):
    results = Counter(row["change_id"] for row in rows.values() if row["is_result"])
    assert set(results.values()) == {1}
    shared = {}
    for row in rows.values():
        facts = (row["pull_request"], row["first_commit_at"], row["merged_at"], row["is_bot"], row["url"])
        assert shared.setdefault(row["change_id"], facts) == facts
