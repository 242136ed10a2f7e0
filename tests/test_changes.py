"""Worked examples: hours after START, drawn as graphs that can be checked by hand."""

from collections import Counter
from datetime import datetime, timedelta
from types import SimpleNamespace

import pyarrow as pa
import pytest

from devops_lab.delivery import changes
from devops_lab.delivery.facts import FILE_SCHEMA, of_rows
from devops_lab.rows import checked
from devops_lab.sources.messages import read_message
from devops_lab.tables import TABLES

START = datetime(2026, 1, 5)


def hour(number: float) -> datetime:
    return START + timedelta(hours=number)


def commit(sha, parents="", at=0.0, authored=None, subject="Work", bot=False):
    message = read_message(subject)
    return {
        "sha": sha,
        "parents": parents,
        "authored_at": hour(at if authored is None else authored),
        "committed_at": hour(at),
        "is_bot": bot,
        "subject": subject,
        "pull_request": message.pull_request,
        "head_ref": message.head_ref,
        "reverts": message.reverts,
        "closes": message.closes,
        "url": f"https://github.com/acme/shop/commit/{sha}",
    }


def pull(number, result, merged, head="topic", base="main", fork=False, bot=False, head_sha=None):
    return {
        "number": number,
        "title": f"Title {number}",
        "state": "closed",
        "is_bot": bot,
        "base_ref": base,
        "head_ref": head,
        "head_sha": head_sha,
        "is_fork": fork,
        "merged_at": None if merged is None else hour(merged),
        "merge_commit_sha": result,
        "url": f"https://github.com/acme/shop/pull/{number}",
    }


def own(number, *shas_and_hours, subject="Work", bot=False):
    return [
        {"number": number, "sha": sha, "authored_at": hour(at), "subject": subject, "is_bot": bot, "reverts": None}
        for sha, at in shas_and_hours
    ]


def deployment(name, sha, at, result="success", **more):
    return {"service": "checkout", "id": name, "sha": sha, "finished_at": hour(at), "result": result, **more}


def linked(commits, deployments=(), tip=None, paths=(), files=(), **more):
    branches = [{"branch": "main", "sha": tip or commits[-1]["sha"]}]

    def read_files():
        return pa.Table.from_pylist([{"sha": sha, "path": path} for sha, path in files], FILE_SCHEMA)

    facts = of_rows("acme/shop", commits, branches=branches, default_branch="main", read_files=read_files, **more)
    service = SimpleNamespace(name="checkout", repository="acme/shop", paths=list(paths))
    rows = changes.changes(service, facts, deployments)
    checked(TABLES["changes"], rows, START, "delivery")
    results = Counter(row["change_id"] for row in rows if row["is_result"])
    assert not results or max(results.values()) == 1, "a change has one result"
    assert len({row["sha"] for row in rows}) == len(rows)
    return {row["sha"]: row for row in rows}


def counted(rows):
    """change_id → (hours of the first commit, deployment) of the changes that count."""
    return {
        row["change_id"]: ((row["first_commit_at"] - START) / timedelta(hours=1), row["deployment_id"])
        for row in rows.values()
        if row["is_result"] and row["excluded"] is None
    }


# "first" deploys the root, so that nothing else was deployed before records began.
ROOT = commit("root")
FIRST = deployment("first", "root", 0.5)
# The pull request's two commits were written at hours 2 and 3; it was merged at 5 and deployed at 8.
OWN = own(12, ("f1", 2), ("f2", 3))
MERGED = [
    commit("f1", "root", 2),
    commit("f2", "f1", 3),
    commit("M", "root f2", 5, subject="Merge pull request #12 from acme/topic"),
]
SQUASHED = [commit("S", "root", 5, subject="Title 12 (#12)")]
REBASED = [commit("r1", "root", 5, authored=2), commit("r2", "r1", 5, authored=3)]


@pytest.mark.parametrize(
    ("commits", "result"), [(MERGED, "M"), (SQUASHED, "S"), (REBASED, "r2")], ids=["merge commit", "squash", "rebase"]
)
def test_however_it_was_merged_it_is_one_change_with_one_clock(commits, result):
    """Trap 21: hour 2 (first commit) to hour 8 (deployed) = 6 hours, whatever the button."""
    rows = linked(
        [ROOT, *commits],
        [FIRST, deployment("second", result, 8)],
        pulls=[pull(12, result, 5)],
        pull_commits=OWN,
    )
    assert counted(rows) == {"#12": (2, "second")}
    row = rows[result]
    assert row["is_result"]
    assert (row["merged_at"], row["deployed_at"], row["note"]) == (hour(5), hour(8), None)
    assert (row["subject"], row["url"]) == ("Title 12", "https://github.com/acme/shop/pull/12")
    assert {row["change_id"] for sha, row in rows.items() if sha != "root"} == {"#12"}


@pytest.mark.parametrize(
    ("commits", "result", "first", "note"),
    [(MERGED, "M", 2, None), (SQUASHED, "S", 5, "squashed: only the squash's author date is known")],
)
def test_git_alone_knows_merges_whole_and_squashes_by_their_own_date(commits, result, first, note):
    rows = linked([ROOT, *commits], [FIRST, deployment("second", result, 8)])
    assert counted(rows) == {"#12": (first, "second")}
    assert rows[result]["note"] == note
    assert rows[result]["merged_at"] == hour(5)
    assert rows[result]["url"] == "https://github.com/acme/shop/pull/12"
    assert rows[result]["subject"] == commits[-1]["subject"]


def test_commits_without_a_pull_request_count():
    """Trap 22: trunk-based work."""
    rows = linked(
        [ROOT, commit("a", "root", 1), commit("b", "a", 3, authored=2)], [FIRST, deployment("second", "b", 4)]
    )
    assert counted(rows) == {"a": (1, "second"), "b": (2, "second")}
    assert rows["b"]["merged_at"] == hour(3)
    assert rows["b"]["url"].endswith("/commit/b")


# feature #1 (f1, f2) is merged into develop by D1; d2 is a direct commit on develop; P promotes develop to main (#2)
PROMOTED = [
    ROOT,
    commit("f1", "root", 1),
    commit("f2", "f1", 2),
    commit("D1", "root f2", 3, subject="Merge pull request #1 from acme/feature"),
    commit("d2", "D1", 4),
    commit("P", "root d2", 5, subject="Merge pull request #2 from acme/develop"),
]
PROMOTING = [FIRST, deployment("second", "P", 6)]


@pytest.mark.parametrize("github", [True, False])
def test_promotions_are_transparent(github):
    """Trap 23: feature → develop → main; the change is the feature, with its own first commit; develop's is its own."""
    pulls = [pull(1, "D1", 3, "feature", "develop"), pull(2, "P", 5, "develop")] if github else []
    rows = linked(PROMOTED, PROMOTING, pulls=pulls)
    assert counted(rows) == {"#1": (1, "second"), "d2": (4, "second")}
    assert rows["P"]["excluded"] == "promotion"
    assert rows["D1"]["merged_at"] == hour(3)


def test_a_squashed_promotion_carries_what_it_squashed():
    commits = [*PROMOTED[:-1], commit("P", "root", 5, subject="Promote (#2)")]
    pulls = [pull(1, "D1", 3, "feature", "develop"), pull(2, "P", 5, "develop", head_sha="d2")]
    rows = linked(commits, PROMOTING, pulls=pulls, pull_commits=own(2, ("f1", 1), ("d2", 4)))
    assert counted(rows) == {"#1": (1, "second"), "d2": (4, "second")}
    assert (rows["P"]["excluded"], rows["P"]["change_id"]) == ("promotion", "#2")


def test_a_pull_request_from_a_forks_main_is_no_promotion():
    """Trap 24: forks count, also when the fork's branch is called as the base branch is."""
    commits = [
        ROOT,
        commit("a", "root", 1),
        commit("A", "root a", 2, subject="Merge pull request #1 from someone/main"),
        commit("b", "A", 3),
        commit("B", "A b", 4, subject="Merge pull request #2 from someone/main"),
    ]
    pulls = [pull(1, "A", 2, "main", fork=True), pull(2, "B", 4, "main", fork=True)]
    for known in (pulls, [], [row | {"is_fork": None} for row in pulls]):
        rows = linked(commits, [FIRST, deployment("second", "B", 5)], pulls=known)
        assert counted(rows) == {"#1": (1, "second"), "#2": (3, "second")}


def test_stacked_pull_requests_are_each_a_change_with_their_own_commits():
    commits = [
        ROOT,
        commit("e", "root", 2),
        commit("s", "e", 1),
        commit("S", "e s", 3, subject="Merge pull request #4 from acme/stacked"),
        commit("f", "S", 4),
        commit("M", "root f", 5, subject="Merge pull request #5 from acme/feature"),
    ]
    rows = linked(commits, [FIRST, deployment("second", "M", 6)])
    assert counted(rows) == {"#4": (1, "second"), "#5": (2, "second")}
    assert [rows[sha]["change_id"] for sha in "esSfM"] == ["#5", "#4", "#4", "#5", "#5"]


def test_what_the_first_deployment_carries_was_deployed_before_records():
    """Trap 18: listed, not counted."""
    rows = linked(
        [ROOT, commit("a", "root", 1), commit("b", "a", 2)], [deployment("1", "a", 3), deployment("2", "b", 4)]
    )
    assert {sha: row["excluded"] for sha, row in rows.items()} == {
        "root": "deployed before records",
        "a": "deployed before records",
        "b": None,
    }
    assert counted(rows) == {"b": (2, "2")}


def test_an_unknown_sha_makes_its_changes_unknown_and_nothing_else():
    """Trap 19: a (or b) may have been in the unknown deployment; c is known to be new."""
    commits = [ROOT, commit("a", "root", 1), commit("b", "a", 2), commit("c", "b", 6)]
    rows = linked(
        commits,
        [FIRST, deployment("lost", "dead", 4), deployment("third", "b", 5), deployment("fourth", "c", 7)],
    )
    assert {sha: (row["excluded"], row["deployment_id"]) for sha, row in rows.items()} == {
        "root": ("deployed before records", "first"),
        "a": ("deployment unknown", None),
        "b": ("deployment unknown", None),
        "c": (None, "fourth"),
    }
    assert rows["a"]["deployed_at"] is None


def test_an_unknown_sha_before_the_first_known_one_changes_nothing():
    rows = linked([ROOT, commit("a", "root", 1)], [deployment("lost", None, 1), deployment("1", "root", 2)])
    assert rows["root"]["excluded"] == "deployed before records"
    assert rows["a"]["excluded"] is None


def test_failed_cancelled_and_excluded_deployments_carry_nothing():
    """Trap 15: failed, then succeeded: the second counts.  Trap 17: cancelled ones are none."""
    deployments = [
        FIRST,
        deployment("failed", "a", 2, "failure"),
        deployment("cancelled", "a", 3, "cancelled"),
        deployment("running", "a", 4, None) | {"finished_at": None},
        deployment("taken out", "a", 5, excluded="by correction"),
        deployment("succeeded", "a", 6),
    ]
    assert counted(linked([ROOT, commit("a", "root", 1)], deployments)) == {"a": (1, "succeeded")}


def test_what_waits_is_listed_and_not_deployed():
    """Trap 20: no deployment, no exclusion; unmerged work is no change at all."""
    rows = linked([ROOT, commit("w", "root", 3), commit("u", "root", 4)], [FIRST], tip="w")
    assert (rows["w"]["deployment_id"], rows["w"]["deployed_at"], rows["w"]["excluded"]) == (None, None, None)
    assert "u" not in rows


def test_without_any_deployment_everything_waits():
    rows = linked([ROOT, commit("a", "root", 1)])
    assert {row["excluded"] for row in rows.values()} == {None}
    assert {row["deployment_id"] for row in rows.values()} == {None}


def test_work_that_was_deployed_from_a_side_branch_is_a_change():
    rows = linked(
        [ROOT, commit("main", "root", 1), commit("fix", "root", 2)], [FIRST, deployment("2", "fix", 3)], "main"
    )
    assert counted(rows) == {"main": (1, None), "fix": (2, "2")}


def test_ancestry_decides_not_dates_on_parallel_release_lines():
    commits = [ROOT, commit("m", "root", 1), commit("fix", "root", 2), commit("n", "m", 3)]
    deployments = [FIRST, deployment("2.0", "n", 4), deployment("1.1", "fix", 5)]
    assert counted(linked(commits, deployments)) == {"m": (1, "2.0"), "n": (3, "2.0"), "fix": (2, "1.1")}


def test_two_tags_on_one_commit_the_earlier_carries():
    deployments = [FIRST, deployment("v2", "a", 3), deployment("v1", "a", 3), deployment("v0", "a", 4)]
    assert counted(linked([ROOT, commit("a", "root", 1)], deployments)) == {"a": (1, "v1")}


def test_merge_commits_are_left_out_but_their_work_counts():
    commits = [ROOT, commit("a", "root", 1), commit("M", "root a", 2, subject="Merge branch 'topic'")]
    rows = linked(commits, [FIRST, deployment("2", "M", 3)])
    assert counted(rows) == {"a": (1, "2")}
    assert (rows["M"]["excluded"], rows["M"]["is_merge"]) == ("merge commit", True)


def test_a_merge_of_main_into_the_feature_belongs_to_the_pull_request():
    commits = [
        ROOT,
        commit("a", "root", 1),
        commit("b", "root", 2),
        commit("U", "a b", 3, subject="Merge branch 'main' into topic"),
        commit("M", "b U", 4, subject="Merge pull request #9 from acme/topic"),
    ]
    rows = linked(commits, [FIRST, deployment("2", "M", 5)])
    assert counted(rows) == {"#9": (1, "2"), "b": (2, "2")}
    assert (rows["U"]["change_id"], rows["U"]["excluded"], rows["U"]["is_result"]) == ("#9", "merge commit", False)


def test_wrong_clocks_stay_and_are_noted():
    commits = [
        ROOT,
        commit("early", "root", 1, authored=2),
        commit("late", "early", 9),
        commit("both", "late", 8, authored=10),
        commit("right", "both", 3),
    ]
    rows = linked(commits, [FIRST, deployment("2", "right", 5)])
    assert {sha: rows[sha]["note"] for sha in ("early", "late", "both", "right")} == {
        "early": "clock: author date after commit date",
        "late": "clock: commit after deployment",
        "both": "clock: author date after commit date; clock: commit after deployment",
        "right": None,
    }
    assert rows["late"]["first_commit_at"] == hour(9)


def test_a_change_is_a_bots_when_github_or_all_its_commits_say_so():
    """Trap 25: the merger is a person, the commits are the bot's."""
    bot = [
        commit("f", "root", 1, bot=True),
        commit("M", "root f", 2, subject="Merge pull request #1 from acme/renovate/x"),
    ]
    assert linked([ROOT, *bot])["M"]["is_bot"]
    mixed = [commit("f", "root", 1, bot=True), commit("g", "f", 1), commit("M", "root g", 2, subject=bot[1]["subject"])]
    assert not linked([ROOT, *mixed])["M"]["is_bot"]
    assert not linked([ROOT, *bot], pulls=[pull(1, "M", 2)])["M"]["is_bot"]
    assert linked([ROOT, *mixed], pulls=[pull(1, "M", 2, bot=True)])["f"]["is_bot"]


def test_numbers_of_issues_and_unmerged_pull_requests_are_no_changes():
    commits = [ROOT, commit("a", "root", 1, subject="Mend it (#3)"), commit("b", "a", 2, subject="Mend it too (#4)")]
    rows = linked(commits, pulls=[pull(4, "b", None)], issues=[3])
    assert (rows["a"]["change_id"], rows["b"]["change_id"]) == ("a", "b")


def test_a_number_that_two_commits_of_a_side_mention_is_an_issue():
    commits = [
        ROOT,
        commit("a", "root", 1, subject="Part one (#3)"),
        commit("b", "a", 2, subject="Part two (#3)"),
        commit("M", "root b", 3, subject="Merge pull request #5 from acme/topic"),
    ]
    assert {row["change_id"] for sha, row in linked(commits).items() if sha != "root"} == {"#5"}


def test_a_cherry_pick_does_not_take_the_number_away():
    commits = [ROOT, commit("c", "root", 1, subject="Mend (#3)"), commit("a", "root", 2, subject="Mend (#3)")]
    rows = linked(commits, [FIRST, deployment("1.1", "c", 3), deployment("2.0", "a", 4)], tip="a")
    assert counted(rows) == {"#3": (2, "2.0"), "c": (1, "1.1")}


def test_a_merged_pull_request_without_result_is_found_by_its_number():
    rows = linked([ROOT, *SQUASHED], [FIRST, deployment("2", "S", 8)], pulls=[pull(12, None, 5)], pull_commits=OWN)
    assert counted(rows) == {"#12": (2, "2")}


def test_a_closed_pull_request_with_a_merge_commit_is_not_merged():
    rows = linked([ROOT, commit("a", "root", 1)], pulls=[pull(8, "a", None)])
    assert rows["a"]["change_id"] == "a"


PARTS = [("f1", "services/checkout/a.py"), ("f2", "services/search/b.py"), ("t", "services/search/b.py")]


def test_a_part_of_a_repository_has_the_changes_that_touch_it():
    commits = [ROOT, *MERGED, commit("t", "M", 6)]
    deployments = [FIRST, deployment("2", "t", 7)]
    checkout = linked(commits, deployments, paths=["services/checkout/**"], files=PARTS)
    assert counted(checkout) == {"#12": (2, "2")}
    assert checkout.keys() == {"f1", "f2", "M"}
    search = linked(commits, deployments, paths=["services/search/**"], files=PARTS)
    assert counted(search) == {"#12": (2, "2"), "t": (6, "2")}
    assert linked(commits, deployments, paths=["docs/**"], files=PARTS) == {}
    assert linked(commits, deployments, paths=["docs/**"]) == {}


def test_row_order_does_not_matter():
    rows = linked(PROMOTED, PROMOTING)
    assert linked(PROMOTED[::-1], PROMOTING[::-1], tip="P") == rows


def test_no_commits_no_changes():
    facts = of_rows("acme/shop", [])
    assert changes.changes(SimpleNamespace(name="x", paths=[]), facts, [FIRST]) == []


def test_without_branches_the_youngest_end_is_the_default_branch():
    commits = [ROOT, commit("a", "root", 1), commit("b", "root", 2)]
    facts = of_rows("acme/shop", commits)
    assert facts.default_tip == "b"
    rows = changes.changes(SimpleNamespace(name="x", paths=[]), facts, [])
    assert {row["sha"] for row in rows} == {"root", "b"}


def test_facts_are_read_from_the_store(store):
    """What `load` reads is what the rows say; the graph knows what the squashed promotion carries."""
    of_shop = {"repository": "acme/shop"}
    commits = [*PROMOTED[:-1], commit("P", "root", 5, subject="Promote (#2)")]
    store.write("commits", [row | of_shop for row in commits], source="git")
    store.write("commits", [commit("other") | {"repository": "acme/other"}], source="git")
    store.write("branches", [{"branch": "main", "sha": "P"} | of_shop], source="git")
    store.write("repositories", [{"default_branch": "main"} | of_shop], source="git")
    pulls = [pull(1, "D1", 3, "feature", "develop"), pull(2, "P", 5, "develop", head_sha="d2")]
    store.write("pull_requests", [row | of_shop | {"created_at": START} for row in pulls], source="github")
    listed = own(1, ("f1", 0.25), ("f2", 2))
    store.write(
        "pull_request_commits",
        [row | of_shop | {"position": place} for place, row in enumerate(listed, 1)],
        source="github",
    )
    store.write("commit_files", [{"sha": "d2", "path": "docs/a.md"} | of_shop], source="git")
    facts = changes.load(store, "acme/shop")
    assert facts.commits.keys() == {row["sha"] for row in commits}
    assert (facts.default_branch, facts.default_tip, facts.branches) == ("main", "P", {"main": "P"})
    assert facts.pulls[1]["title"] == "Title 1"
    assert facts.graph.is_ancestor("d2", "P")
    assert facts.touching(["docs/**"]) == {"d2"}
    service = SimpleNamespace(name="checkout", paths=[])
    rows = {row["sha"]: row for row in changes.changes(service, facts, PROMOTING)}
    assert counted(rows) == {"#1": (0.25, "second"), "d2": (4, "second")}
    assert changes.load(store, "acme/none").commits == {}
