import os
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from devops_lab.errors import AccessError, SourceError
from devops_lab.rows import checked
from devops_lab.sources.git import Git, instant, repository_of
from devops_lab.sources.git_references import _named
from devops_lab.tables import TABLES

UNTIL = datetime(2100, 1, 1)
START = 1_700_000_000  # 2023-11-14 22:13:20 UTC


class Repository:
    """A repository to read; `commit` makes commits a minute apart."""

    def __init__(self, path: Path, *options: str) -> None:
        self.path, self.minutes = path, 0
        path.mkdir(parents=True, exist_ok=True)
        self.git("init", "-q", "-b", "main", *options)

    def git(self, *arguments: str, **more) -> str:
        now = f"{START + 60 * self.minutes} +0000"
        environment = os.environ | {
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "Ada@Example.org",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
            "GIT_AUTHOR_DATE": now,
            "GIT_COMMITTER_DATE": now,
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        command = ["git", "-C", str(self.path), "-c", "protocol.file.allow=always", *arguments]
        return subprocess.run(
            command, env=environment | more.pop("env", {}), check=True, capture_output=True, text=True, **more
        ).stdout.strip()

    def commit(self, message: str = "work", **more) -> str:
        self.minutes += 1
        self.git("commit", "-q", "--allow-empty", "-m", message, **more)
        return self.git("rev-parse", "HEAD")


@pytest.fixture
def repository(tmp_path) -> Repository:
    return Repository(tmp_path / "a clone")


def pulled(path: Path, with_files: bool = False, repository: str = "acme/shop", until: datetime = UNTIL):
    """All rows by table; every batch must fit its table."""
    source = Git(path, repository, with_files)
    tables: dict[str, list] = {}
    for name, rows in source.pull(None, until):
        fits = [row | {"recorded_at": until} for row in rows] if name == "sync_ledger" else rows
        checked(TABLES[name], fits, until, "git")
        tables.setdefault(name, []).extend(rows)
    tables["notes"] = source.notes
    return tables


def by(rows, key):
    return {row[key]: row for row in rows}


def test_a_commit_says_what_its_message_says(repository):
    first = repository.commit("Begin")
    second = repository.commit(f"Undo (#7)\n\nThis reverts commit {first}.\nFixes #3")
    row = by(pulled(repository.path)["commits"], "sha")[second]
    assert row == {
        "repository": "acme/shop",
        "sha": second,
        "parents": first,
        "authored_at": instant(str(START + 120)),
        "committed_at": instant(str(START + 120)),
        "author": "ada@example.org",
        "is_bot": False,
        "subject": "Undo (#7)",
        "pull_request": 7,
        "head_ref": None,
        "reverts": first,
        "closes": "#3",
        "url": None,
    }


def test_a_merge_names_parents_number_and_branch(repository):
    first = repository.commit("Begin")
    repository.git("checkout", "-q", "-b", "feature/x")
    second = repository.commit("Work")
    repository.git("checkout", "-q", "main")
    repository.git("merge", "-q", "--no-ff", "-m", "Merge pull request #9 from acme/feature/x\n\nX", "feature/x")
    merge = repository.git("rev-parse", "HEAD")
    row = by(pulled(repository.path)["commits"], "sha")[merge]
    assert (row["parents"], row["pull_request"], row["head_ref"]) == (f"{first} {second}", 9, "feature/x")


def test_bots_are_marked_and_mailmaps_join_people(repository):
    bot = repository.commit("Bump", env={"GIT_AUTHOR_NAME": "dependabot[bot]"})
    (repository.path / ".mailmap").write_text("<ada@home.example> <ada@example.org>\n")
    person = repository.commit("Work")
    rows = by(pulled(repository.path)["commits"], "sha")
    assert (rows[bot]["is_bot"], rows[person]["is_bot"]) == (True, False)
    assert rows[person]["author"] == "ada@home.example"


def test_all_branches_are_read_but_no_stash_notes_or_trial_merges(repository):
    repository.commit("Begin")
    repository.git("checkout", "-q", "-b", "topic")
    repository.commit("Topic")
    repository.git("checkout", "-q", "--detach")
    lost = repository.commit("On no branch, but HEAD")
    (repository.path / "file").write_text("x")
    repository.git("add", "file")
    repository.git("stash", "-q")
    repository.git("notes", "add", "-m", "note", lost)
    repository.git("update-ref", "refs/pull/1/merge", repository.git("commit-tree", "-m", "Trial", f"{lost}^{{tree}}"))
    tables = pulled(repository.path)
    assert [row["subject"] for row in tables["commits"]] == ["On no branch, but HEAD", "Topic", "Begin"]
    assert by(tables["branches"], "branch").keys() == {"main", "topic"}


def test_changed_files_are_read_where_asked(repository):
    for name, content in (("plain", "1\n2\n"), ("with\ttab", "1\n"), ("bïnary", "\0")):
        (repository.path / name).write_text(content)
    repository.git("add", ".")
    first = repository.commit("Begin")
    repository.git("mv", "plain", "moved")
    second = repository.commit("Move")
    assert "commit_files" not in pulled(repository.path)
    rows = pulled(repository.path, with_files=True)["commit_files"]
    assert {(row["sha"], row["path"], row["additions"], row["deletions"]) for row in rows} == {
        (first, "plain", 2, 0),
        (first, "with\ttab", 1, 0),
        (first, "bïnary", None, None),
        (second, "plain", 0, 2),
        (second, "moved", 2, 0),
    }


def test_tags_date_from_their_tagger_else_from_their_commit(repository):
    (repository.path / "file").write_text("x")
    repository.git("add", "file")
    sha = repository.commit("Begin")
    repository.git("tag", "light")
    repository.minutes += 10
    repository.git("tag", "-a", "-m", "x", "annotated")
    repository.minutes += 10
    repository.git("tag", "-a", "-m", "x", "nested", "annotated")
    repository.git("tag", "blob", f"{sha}:file")
    repository.git("tag", "-a", "-m", "x", "tree", f"{sha}^{{tree}}")
    repository.git("tag", "-a", "-m", "x", "nested-tree", "tree")
    tags = by(pulled(repository.path)["tags"], "tag")
    assert {tag: (row["sha"], row["annotated"], row["tagged_at"]) for tag, row in tags.items()} == {
        "light": (sha, False, instant(str(START + 60))),
        "annotated": (sha, True, instant(str(START + 11 * 60))),
        "nested": (sha, True, instant(str(START + 21 * 60))),
    }


def test_the_ledger_says_from_when_the_history_is_known(repository):
    repository.commit("Begin")
    repository.commit("Go on")
    ledger = by(pulled(repository.path)["sync_ledger"], "table_name")
    assert ledger.keys() == {"repositories", "commits", "tags", "branches"}
    row = ledger["commits"]
    assert (row["window_start"], row["window_end"], row["missing"]) == (instant("0"), UNTIL, 0)
    assert (row["asked"], row["fetched"], row["refused"], row["source"]) == (2, 2, None, "git")


def test_an_empty_repository_is_no_error(repository):
    tables = pulled(repository.path, with_files=True)
    assert tables["commits"] == tables["commit_files"] == tables["tags"] == tables["branches"] == []
    assert tables["repositories"][0]["default_branch"] is None
    assert tables["sync_ledger"][0]["window_start"] == tables["sync_ledger"][0]["window_end"] == UNTIL
    assert "no commits yet" in tables["notes"][0]


def cloned(repository: Repository, place: Path, *options: str) -> Repository:
    repository.git("clone", "-q", *options, f"file://{repository.path}", str(place))
    clone = Repository.__new__(Repository)
    clone.path, clone.minutes = place, repository.minutes
    return clone


def test_a_shallow_clone_says_what_is_missing(repository, tmp_path):
    shas = [repository.commit(f"commit {number}") for number in range(5)]
    clone = cloned(repository, tmp_path / "shallow", "--depth", "2")
    tables = pulled(clone.path)
    rows = by(tables["commits"], "sha")
    assert rows.keys() == set(shas[-2:])
    assert rows[shas[3]]["parents"] == shas[2]
    ledger = by(tables["sync_ledger"], "table_name")
    assert (ledger["commits"]["window_start"], ledger["commits"]["missing"]) == (instant(str(START + 4 * 60)), 1)
    assert ledger["tags"]["window_start"] == instant(str(START + 4 * 60))
    assert any("fetch --unshallow" in note for note in tables["notes"])


def test_a_shallow_clone_that_was_deepened_is_whole(repository, tmp_path):
    shas = [repository.commit(f"commit {number}") for number in range(5)]
    clone = cloned(repository, tmp_path / "shallow", "--depth", "2")
    clone.git("fetch", "-q", "--unshallow")
    tables = pulled(clone.path)
    assert len(tables["commits"]) == len(shas)
    assert by(tables["sync_ledger"], "table_name")["commits"]["missing"] == 0


def test_a_remote_branch_is_the_branch_of_that_name(repository, tmp_path):
    repository.commit("Begin")
    repository.git("checkout", "-q", "-b", "release/1")
    release = repository.commit("Release")
    repository.git("checkout", "-q", "main")
    clone = cloned(repository, tmp_path / "clone")
    clone.git("checkout", "-q", "-b", "own")
    tables = pulled(clone.path)
    branches = by(tables["branches"], "branch")
    assert branches.keys() == {"main", "own", "release/1"}
    assert branches["release/1"]["sha"] == release
    assert tables["repositories"][0]["default_branch"] == "main"


def test_a_local_branch_wins_unless_it_is_only_behind(repository, tmp_path):
    repository.commit("Begin")
    clone = cloned(repository, tmp_path / "clone")
    ahead = repository.commit("At the origin")
    clone.git("fetch", "-q")
    assert by(pulled(clone.path)["branches"], "branch")["main"]["sha"] == ahead
    own = clone.commit("Here")
    assert by(pulled(clone.path)["branches"], "branch")["main"]["sha"] == own


@pytest.mark.parametrize(("branch", "expected"), [("trunk", "trunk"), ("topic", "topic")])
def test_without_a_remote_the_default_branch_is_the_one_checked_out(repository, branch, expected):
    repository.commit("Begin")
    repository.git("checkout", "-q", "-b", branch)
    assert pulled(repository.path)["repositories"][0]["default_branch"] == expected


def test_a_detached_head_leaves_the_usual_names(repository):
    repository.commit("Begin")
    repository.git("branch", "another")
    repository.git("checkout", "-q", "--detach")
    assert pulled(repository.path)["repositories"][0]["default_branch"] == "main"


def test_bare_repositories_worktrees_and_linked_git_folders_are_read(repository, tmp_path):
    sha = repository.commit("Begin")
    bare = cloned(repository, tmp_path / "bare repository.git", "--bare")
    repository.git("worktree", "add", "-q", str(tmp_path / "work tree"), "-b", "topic")
    linked = cloned(repository, tmp_path / "linked", "--separate-git-dir", str(tmp_path / "elsewhere"))
    for path in (bare.path, tmp_path / "work tree", linked.path, repository.path / ".git"):
        assert [row["sha"] for row in pulled(path)["commits"]] == [sha], path
    assert repository_of(bare.path) == "bare repository"
    assert repository_of(repository.path / ".git") == "a clone"


@pytest.mark.parametrize(
    ("address", "name", "url"),
    [
        ("https://github.com/acme/shop.git", "acme/shop", "https://github.com/acme/shop"),
        (
            "https://someone:secret@git.example.com:8443/acme/shop",
            "acme/shop",
            "https://git.example.com:8443/acme/shop",
        ),
        ("git@github.com:acme/shop.git", "acme/shop", "https://github.com/acme/shop"),
        ("ssh://git@github.com:22/acme/shop.git", "acme/shop", "https://github.com/acme/shop"),
        ("git@gitlab.com:group/sub/shop.git", "group/sub/shop", None),
        ("https://bitbucket.org/acme/shop", "acme/shop", None),
        ("/srv/git/shop.git", None, None),
        ("file:///srv/git/shop.git", None, None),
        ("ext::sh -c evil", None, None),
        ("", None, None),
    ],
)
def test_the_origin_names_the_repository_and_its_page(address, name, url):
    assert _named(address) == (name, url)


def test_commits_of_github_have_a_page_and_no_password(repository):
    sha = repository.commit("Begin")
    repository.git("remote", "add", "origin", "https://x-access-token:secret@github.com/acme/shop.git")
    tables = pulled(repository.path)
    assert tables["commits"][0]["url"] == f"https://github.com/acme/shop/commit/{sha}"
    assert tables["repositories"][0]["url"] == "https://github.com/acme/shop"
    assert repository_of(repository.path) == "acme/shop"
    assert "secret" not in str(tables)


def test_a_clone_that_was_not_fetched_for_long_ends_there(repository, tmp_path):
    repository.commit("Begin")
    clone = cloned(repository, tmp_path / "clone")
    fetched = datetime(2024, 1, 1)
    os.utime(clone.path / ".git" / "HEAD", (fetched.timestamp(), fetched.timestamp()))
    clone.git("config", "unused.key", "x")
    tables = pulled(clone.path, until=fetched + timedelta(days=30))
    assert tables["sync_ledger"][0]["window_end"] == fetched
    assert "last fetched" in tables["notes"][0]
    fresh = pulled(clone.path, until=fetched + timedelta(hours=20))
    assert fresh["sync_ledger"][0]["window_end"] == fetched + timedelta(hours=20)
    assert fresh["notes"] == []


def counted(monkeypatch, tmp_path: Path) -> Path:
    """Put a git on PATH that writes a line for each of its starts."""
    log, real = tmp_path / "started", shutil.which("git")
    folder = tmp_path / "bin"
    folder.mkdir(exist_ok=True)
    (folder / "git").write_text(f'#!/bin/sh\necho x >> "{log}"\nexec "{real}" "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def test_the_number_of_processes_does_not_grow(repository, tmp_path, monkeypatch):
    repository.commit("Begin")
    repository.git("tag", "-a", "-m", "x", "first")
    repository.git("tag", "-a", "-m", "x", "nested", "first")
    log = counted(monkeypatch, tmp_path)
    pulled(repository.path, with_files=True)
    small = len(log.read_text().splitlines())
    for number in range(20):
        repository.commit(f"commit {number}")
        repository.git("tag", f"light-{number}")
        repository.git("tag", "-a", "-m", "x", f"annotated-{number}")
        repository.git("tag", "-a", "-m", "x", f"nested-{number}", f"annotated-{number}")
        repository.git("branch", f"branch-{number}")
    log.unlink()
    pulled(repository.path, with_files=True)
    assert len(log.read_text().splitlines()) == small <= 8


def test_nothing_that_the_repository_names_is_run(repository, tmp_path):
    (repository.path / "file").write_text("x\n")
    (repository.path / ".gitattributes").write_text("file diff=evil\n")
    repository.git("add", ".")
    repository.commit("Begin")
    ran = tmp_path / "ran"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho \"$0 $*\" >> '{ran}'\ncat\n")
    program.chmod(0o755)
    for key in (
        *("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "core.alternateRefsCommand"),
        *("diff.external", "diff.evil.textconv", "diff.evil.command", "gpg.program", "pager.log", "credential.helper"),
    ):
        repository.git("config", key, str(program))
    repository.git("config", "log.showSignature", "true")
    repository.git("config", "core.hooksPath", str(tmp_path))
    signed = repository.git("cat-file", "commit", "HEAD").replace(
        "\n\n", "\ngpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----\n\n", 1
    )
    sha = repository.git("hash-object", "-t", "commit", "-w", "--stdin", input=signed + "\n")
    repository.git("update-ref", "refs/heads/signed", sha)
    ran.unlink(missing_ok=True)
    tables = pulled(repository.path, with_files=True)
    assert {row["sha"] for row in tables["commits"]} == {sha, repository.git("rev-parse", "main")}
    assert not ran.exists(), ran.read_text()


def test_a_partial_clone_is_read_without_fetching(repository, tmp_path):
    repository.git("config", "uploadpack.allowFilter", "true")
    (repository.path / "file").write_text("1\n")
    repository.git("add", ".")
    first = repository.commit("Begin")
    (repository.path / "file").write_text("2\n")
    repository.git("add", ".")
    second = repository.commit("Change")
    clone = cloned(repository, tmp_path / "partial", "--filter=blob:none", "--no-checkout")
    shutil.move(repository.path, tmp_path / "gone")
    rows = pulled(clone.path, with_files=True)["commit_files"]
    assert {(row["sha"], row["path"], row["additions"]) for row in rows} == {
        (first, "file", None),
        (second, "file", None),
    }
    bare = Repository.__new__(Repository)
    bare.path, bare.minutes = tmp_path / "gone", 9
    treeless = cloned(bare, tmp_path / "treeless", "--filter=tree:0", "--no-checkout")
    assert len(pulled(treeless.path)["commits"]) == 2
    with pytest.raises(SourceError, match="partial clone"):
        pulled(treeless.path, with_files=True)


def test_variables_of_a_hook_do_not_lead_elsewhere(repository, tmp_path, monkeypatch):
    sha = repository.commit("Begin")
    other = Repository(tmp_path / "other")
    other.commit("Other")
    monkeypatch.setenv("GIT_DIR", str(other.path / ".git"))
    assert [row["sha"] for row in pulled(repository.path)["commits"]] == [sha]


def test_broken_texts_and_clocks_are_read(repository):
    tree = repository.git("mktree", input="")
    latin = b"encoding ISO-8859-1\n\n\xe4\xf6\n"
    lines = (
        b"tree %s\nauthor A <A@X> 99999999999999999 +0000\ncommitter A <a@x> 1700000000 +0000\n" + latin,
        b"tree %s\nauthor A <a@x> 1700000000 +0000\ncommitter A <a@x> 1700000001 +0000\n\n\xff\xfe broken\n",
        b"tree %s\nauthor broken\ncommitter A <a@x> 1700000002 +0000\n\n",
    )
    for number, line in enumerate(lines):
        command = ["git", "-C", str(repository.path), "hash-object", "-t", "commit", "-w", "--literally", "--stdin"]
        made = subprocess.run(command, input=line % tree.encode(), capture_output=True, check=True)
        repository.git("update-ref", f"refs/heads/b{number}", made.stdout.decode().strip())
    rows = by(pulled(repository.path)["commits"], "committed_at")
    assert rows[instant("1700000000")]["subject"] == "äö"
    assert rows[instant("1700000001")]["subject"] == "\ufffd\ufffd broken"
    assert rows[instant("1700000002")]["authored_at"] == instant("1700000002")


@pytest.mark.parametrize("seconds", ["", "x", "-5", "99999999999999999999"])
def test_what_is_no_date_is_the_epoch(seconds):
    assert instant(seconds) == datetime(1970, 1, 1)


def test_wrong_paths_are_the_users_to_mend(tmp_path):
    (tmp_path / "file").write_text("x")
    empty = tmp_path / "empty"
    empty.mkdir()
    for path, said in ((tmp_path / "none", "not there"), (tmp_path / "file", "a file"), (empty, "no git repository")):
        with pytest.raises(AccessError, match=said):
            pulled(path)
        with pytest.raises(AccessError, match=said):
            repository_of(path)


def test_a_missing_git_is_said(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SourceError, match="git is not installed"):
        pulled(repository.path)


def test_a_damaged_repository_is_said(repository):
    repository.commit("Begin")
    second = repository.commit("Go on")
    (repository.path / ".git" / "objects" / second[:2] / second[2:]).unlink()
    with pytest.raises(SourceError, match="fsck"):
        pulled(repository.path)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_a_repository_of_somebody_else_is_not_read(repository, tmp_path, monkeypatch):
    repository.commit("Begin")
    for place in (repository.path, repository.path / ".git"):
        os.chown(place, 12345, 12345)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    with pytest.raises(AccessError, match=r"safe\.directory"):
        pulled(repository.path)


def test_a_reader_that_stops_leaves_no_process(repository):
    repository.commit("Begin")
    batches = Git(repository.path, "acme/shop").pull(None, UNTIL)
    assert next(batches)[0] == "repositories"
    batches.close()
