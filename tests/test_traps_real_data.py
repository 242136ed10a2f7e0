"""What real GitHub data looks like, from stored rows to the number."""

from made_rows import at, commit, pull, run, sha
from trap_lab import GITHUB, built, counted, dates, line, production

from devops_lab import metrics


def test_pull_requests_as_github_really_has_them(tmp_path):
    """Open and closed, unmerged ones carry a `merge_commit_sha`; a merged one lacks it; people are null."""
    commits = [*line("a b c", at(1, "08:00")), commit("d", "c", at(4, "08:00"), pull_request=14, subject="Mend (#14)")]
    pulls = [
        pull(11, None, at(2), state="open", merge_commit_sha=sha("b")),
        pull(12, None, at(3), state="closed", closed_at=at(3), merge_commit_sha=sha("c")),
        pull(14, None, at(4), merged_at=at(4, "09:00"), head_ref=None, author=None),
    ]
    store = built(tmp_path, {"deployment": GITHUB}, commits=commits, pull_requests=pulls, **production("a b c d"))
    assert counted(store, "change_lead_time") == {sha("b"): 4.0, sha("c"): 4.0, "#14": 4.0}
    assert counted(store, "change_lead_time", clock="merged")["#14"] == 3.0


def test_wrong_clocks_are_kept_and_said(tmp_path):
    """Author date after commit date, and after the deployment: −6 hours are shown with their reason, not hidden."""
    commits = [*line("a b", at(1, "08:00")), commit("late", "b", at(2, "09:00"), authored_at=at(2, "18:00"))]
    store = built(tmp_path, {"deployment": GITHUB}, commits=commits, **production("a late"))
    assert counted(store, "change_lead_time") == {sha("b"): 4.0, sha("late"): -6.0}
    assert counted(store, "change_lead_time", clock="committed") == {sha("b"): 4.0, sha("late"): 3.0}
    notes = metrics.change_lead_time.observations(store, since=at(1)).set_index("id")["note"]
    assert notes[sha("late")] == "clock: author date after commit date; clock: commit after deployment"


def test_squashed_work_from_git_alone_says_what_it_does_not_know(tmp_path):
    """Without GitHub's list of commits only the squash's own date is known: noon to 14:00."""
    commits = [commit("root", "", at(1, "08:00")), commit("S", "root", at(2), subject="Add it (#12)", pull_request=12)]
    tags = [{"tag": tag, "sha": sha(name), "tagged_at": when} for tag, name, when in
            (("v1", "root", at(1)), ("v2", "S", at(2, "14:00")))]  # fmt: skip
    service = {"repository": "checkout", "deployment": {"from": "tags", "tags": ["v*"]}}
    store = built(tmp_path, service, commits=commits, tags=tags)
    assert counted(store, "change_lead_time") == {"#12": 2.0}
    [note] = metrics.change_lead_time.observations(store, since=at(2, "13:00"))["note"]
    assert note == "squashed: only the squash's author date is known"


def test_old_runs_without_start_attempt_or_path(tmp_path):
    """Old run objects lack `run_started_at` and `path`; the workflow's name and `created_at` are there."""
    old = {"started_at": None, "path": None}
    runs = [run(1, 1, "a", at(1), at(1, "12:10"), "success", **old)]
    store = built(tmp_path, {"deployment": {"from": "workflow", "workflow": "Deploy"}}, workflow_runs=runs)
    assert dates(store) == {"run:1/1": at(1, "12:10")}
    assert store.deployments.rows()[0]["started_at"] == at(1)
