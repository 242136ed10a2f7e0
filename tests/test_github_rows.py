"""GitHub's objects as rows: what real and hostile objects become; no server."""

import copy
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devops_lab.rows import checked
from devops_lab.sources.github_actions import in_own_attempts, job_row, run_row, step_rows, workflow_row
from devops_lab.sources.github_code import (
    branch_row,
    commit_row,
    file_row,
    pull_request_commit_row,
    pull_request_row,
    review_comment_row,
    review_row,
)
from devops_lab.sources.github_fields import IncompleteError, commit_author, instant, is_bot, named_run, number, text
from devops_lab.sources.github_plan import (
    event_row,
    is_pull_request,
    issue_row,
    label_rows,
    milestone_row,
    repository_row,
)
from devops_lab.sources.github_release import deployment_row, release_row, status_row
from devops_lab.tables import TABLES

R = "octocat/Hello-World"
MONA = {"login": "octocat", "id": 1, "type": "User"}
T1, T2, T3 = "2011-04-14T16:00:49Z", "2012-01-26T19:01:12+09:00", "2013-02-12T13:22:01Z"
SHA = "6dcb09b5b57875f334f61aebed695e2e4193db5e"
SIGNED = {"name": "Monalisa Octocat", "email": "support@github.com", "date": T1}

COMMIT = {
    "sha": SHA,
    "html_url": f"https://github.com/{R}/commit/{SHA}",
    "author": MONA,
    "committer": None,
    "commit": {
        "message": "Fix all the bugs (#12)\n\nFixes #7\n",
        "author": SIGNED,
        "committer": {**SIGNED, "date": T3},
    },
    "parents": [{"sha": "a1", "url": "…"}, {"sha": "b2"}],
}
PULL_REQUEST = {
    "number": 1347,
    "state": "closed",
    "title": "Amazing new feature",
    "body": "Closes #12 and fixes octocat/Hello-World#13",
    "user": MONA,
    "draft": False,
    "labels": [{"id": 208045946, "name": "bug"}],
    "milestone": {"number": 1, "title": "v1.0"},
    "head": {"label": "octocat:new-topic", "ref": "new-topic", "sha": SHA, "user": MONA, "repo": {"full_name": R}},
    "base": {"label": "octocat:master", "ref": "master", "sha": "a1", "user": MONA, "repo": {"full_name": R}},
    "created_at": T1,
    "updated_at": T3,
    "closed_at": T2,
    "merged_at": T2,
    "merge_commit_sha": "e5bd3914e2e596debea16f433f57875b5b90bcd6",
    "html_url": f"https://github.com/{R}/pull/1347",
}
ISSUE = {
    "number": 7,
    "state": "closed",
    "state_reason": "completed",
    "title": "Checkout is down",
    "body": "Caused by: #1347\nFixed by: " + SHA,
    "user": MONA,
    "labels": [{"name": "incident"}, "old-style", {"name": "incident"}, None, {}],
    "milestone": None,
    "created_at": T1,
    "updated_at": T3,
    "closed_at": None,
    "html_url": f"https://github.com/{R}/issues/7",
}
RUN = {
    "id": 30433642,
    "name": "Build",
    "workflow_id": 159038,
    "head_branch": "master",
    "head_sha": "acb5820ced9479c074f688cc328bf03f341a511d",
    "path": ".github/workflows/build.yml@main",
    "run_number": 562,
    "run_attempt": 2,
    "event": "workflow_run",
    "status": "queued",
    "conclusion": None,
    "actor": MONA,
    "triggering_actor": {"login": "hubot"},
    "run_started_at": T3,
    "created_at": T1,
    "updated_at": T3,
    "html_url": f"https://github.com/{R}/actions/runs/30433642",
}
JOB = {
    "id": 399444496,
    "run_id": 29679449,
    "run_attempt": 1,
    "name": "caller / build (ubuntu, 3.11)",
    "status": "completed",
    "conclusion": "success",
    "head_sha": SHA,
    "created_at": T1,
    "started_at": T1,
    "completed_at": T3,
    "labels": ["self-hosted", "my label"],
    "runner_group_name": "pool",
    "steps": [
        {"name": "Set up job", "number": 1, "status": "completed", "conclusion": "success", "started_at": T1},
        {"name": "Build", "status": "completed", "conclusion": "skipped"},
        None,
    ],
}
REVIEW = {"id": 80, "user": MONA, "state": "APPROVED", "submitted_at": T1, "commit_id": SHA, "html_url": "https://x"}
COMMENT = {
    "id": 10,
    "user": MONA,
    "pull_request_review_id": 42,
    "created_at": T1,
    "updated_at": T3,
    "html_url": "https://x",
}
EVENT = {"id": 1, "event": "labeled", "actor": MONA, "created_at": T1, "commit_id": None, "issue": {"number": 7},
         "label": {"name": "incident"}, "assignee": {"login": "hubot"}, "milestone": {"title": "v1"}}  # fmt: skip
MILESTONE = {"number": 1, "state": "open", "title": "v1.0", "created_at": T1, "due_on": T3, "open_issues": 4}
REPOSITORY = {
    "id": 1296269,
    "default_branch": "master",
    "archived": False,
    "private": False,
    "fork": True,
    "pushed_at": T1,
}
WORKFLOW = {"id": 161335, "name": "CI", "path": ".github/workflows/blank.yaml", "state": "active", "created_at": T1}
RELEASE = {
    "id": 1,
    "tag_name": "v2.0.0.-alpha.3",
    "draft": False,
    "prerelease": True,
    "created_at": T1,
    "published_at": T3,
}
DEPLOYMENT = {"id": 1, "sha": SHA, "ref": "topic", "task": "deploy", "environment": "production", "created_at": T1,
              "updated_at": T3, "payload": {"deploy": "migrate"}}  # fmt: skip
STATUS = {"id": 1, "state": "success", "created_at": T1, "environment": "production",
          "log_url": "https://github.com/o/r/actions/runs/99/job/1", "target_url": "https://example.com"}  # fmt: skip
BRANCH = {"name": "main", "commit": {"sha": SHA}}
FILE = {"filename": "file1.txt", "additions": 103, "deletions": 21, "status": "renamed", "previous_filename": "x"}

READERS: dict[str, tuple[dict, Callable[[Any], Any]]] = {
    "repositories": (REPOSITORY, lambda raw: repository_row(raw, R)),
    "milestones": (MILESTONE, lambda raw: milestone_row(raw, R)),
    "issues": (ISSUE, lambda raw: issue_row(raw, R)),
    "issue_labels": (ISSUE, lambda raw: label_rows(raw, R, False)),
    "issue_events": (EVENT, lambda raw: event_row(raw, R)),
    "branches": (BRANCH, lambda raw: branch_row(raw, R)),
    "commits": (COMMIT, lambda raw: commit_row(raw, R)),
    "commit_files": (FILE, lambda raw: file_row(raw, R, SHA)),
    "pull_requests": (PULL_REQUEST, lambda raw: pull_request_row(raw, R)),
    "pull_request_commits": (COMMIT, lambda raw: pull_request_commit_row(raw, R, 1, 1)),
    "reviews": (REVIEW, lambda raw: review_row(raw, R, 1, "octocat")),
    "review_comments": (COMMENT, lambda raw: review_comment_row(raw, R, 1, None)),
    "workflows": (WORKFLOW, lambda raw: workflow_row(raw, R)),
    "workflow_runs": (RUN, lambda raw: run_row(raw, R, 2, {159038: "CI"})),
    "workflow_jobs": (JOB, lambda raw: job_row(raw, R, 29679449)),
    "workflow_steps": (JOB, lambda raw: step_rows(raw, R)),
    "releases": (RELEASE, lambda raw: release_row(raw, R)),
    "github_deployments": (DEPLOYMENT, lambda raw: deployment_row(raw, R, [STATUS])),
    "deployment_statuses": (STATUS, lambda raw: status_row(raw, R, 42)),
}


def fits(table: str, rows: Any) -> list[dict]:
    rows = [row for row in (rows if isinstance(rows, list) else [rows]) if row is not None]
    return checked(TABLES[table], rows, datetime(2026, 1, 1), "github").to_pylist()


@pytest.mark.parametrize("table", READERS)
def test_documented_objects_fit_their_tables(table):
    raw, read = READERS[table]
    before = copy.deepcopy(raw)
    assert fits(table, read(raw))
    assert raw == before


def places(value: Any, path: tuple = ()) -> list[tuple]:
    """Every place in nested objects."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key in value:
            found += places(value[key], (*path, key))
    if isinstance(value, list):
        for index in range(len(value)):
            found += places(value[index], (*path, index))
    return found


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.text(max_size=5),
    st.sampled_from([2**70, [], {}, [None, 1, "x", {}], "\ud800", "0001-01-01T00:00:00Z", "2020-13-45T99:00:00Z",
                     "9999-12-31T23:59:59-23:00", "1969-12-31T23:00:00-05:00"]),
)  # fmt: skip


@pytest.mark.parametrize("table", READERS)
@given(data=st.data())
def test_any_field_may_be_absent_null_or_odd(table, data):
    """A row that fits its table comes out, or IncompleteError; nothing else."""
    original, read = READERS[table]
    raw = copy.deepcopy(original)
    for path in data.draw(st.lists(st.sampled_from(places(original)), min_size=1, max_size=4)):
        holder: Any = raw
        for step in path[:-1]:
            holder = holder[step] if isinstance(holder, list | dict) and _has(holder, step) else None
        if isinstance(holder, list | dict) and _has(holder, path[-1]):
            if isinstance(holder, dict) and data.draw(st.booleans()):
                del holder[path[-1]]
            else:
                holder[path[-1]] = data.draw(ODD)
    try:
        rows = read(raw)
    except IncompleteError as problem:
        assert "without its" in str(problem)
        return
    fits(table, rows)


def _has(holder: Any, step: Any) -> bool:
    return step in holder if isinstance(holder, dict) else isinstance(step, int) and step < len(holder)


@pytest.mark.parametrize("table", READERS)
def test_nothing_at_all_is_incomplete_or_empty(table):
    _, read = READERS[table]
    try:
        rows = read({})
    except IncompleteError as problem:
        assert "nothing else names it" in str(problem)
    else:
        assert rows is None or table == "repositories"


# ---------------------------------------------------------------------- pull requests


def test_a_pull_request():
    row = pull_request_row(PULL_REQUEST, R)
    assert row["merged_at"] == datetime(2012, 1, 26, 10, 1, 12)
    assert row["closes"] == "#12 #13"
    assert (row["head_ref"], row["base_ref"], row["is_fork"], row["milestone"]) == ("new-topic", "master", False, 1)
    assert row["additions"] is None


@pytest.mark.parametrize("state", ["open", "closed"])
def test_a_trial_merge_is_no_merge(state):
    row = pull_request_row({**PULL_REQUEST, "state": state, "merged_at": None}, R)
    assert row["merge_commit_sha"] is None
    assert pull_request_row({**PULL_REQUEST, "merge_commit_sha": None}, R)["merged_at"] is not None


@pytest.mark.parametrize(
    ("head", "fork"),
    [
        ({"ref": "x", "repo": {"full_name": "mona/Hello-World"}}, True),
        ({"ref": "x", "repo": {"full_name": R.upper()}}, False),
        ({"ref": "x", "repo": None, "user": {"login": "mona"}}, True),
        ({"ref": "x", "repo": None, "user": {"login": "Octocat"}}, False),
        ({"ref": "x", "repo": None, "user": None}, None),
        (None, None),
    ],
)
def test_forks_count_also_when_they_are_gone(head, fork):
    """Trap 24."""
    assert pull_request_row({**PULL_REQUEST, "head": head}, R)["is_fork"] is fork


def test_what_a_pull_request_reverts():
    body = "Reverts octocat/Hello-World#12"
    assert pull_request_row({**PULL_REQUEST, "title": 'Revert "x"', "body": body}, R)["reverts"] == "#12"
    button = {**PULL_REQUEST["head"], "ref": "revert-12-new-topic"}
    assert pull_request_row({**PULL_REQUEST, "body": None, "head": button}, R)["reverts"] == "#12"
    assert pull_request_row({**PULL_REQUEST, "body": "<!-- Fixes #12 -->"}, R)["closes"] is None


def test_reviews_that_are_not_submitted_are_left_out():
    assert review_row({**REVIEW, "state": "PENDING"}, R, 1, None) is None
    assert review_row({**REVIEW, "submitted_at": None}, R, 1, None) is None
    assert review_row(REVIEW, R, 1, "Octocat")["is_author"] is True
    assert review_row(REVIEW, R, 1, "hubot")["is_author"] is False
    assert review_row({**REVIEW, "user": None}, R, 1, "hubot")["is_author"] is None


# ---------------------------------------------------------------------- commits, people


def test_a_commit():
    row = commit_row(COMMIT, R)
    assert (row["parents"], row["subject"], row["pull_request"]) == ("a1 b2", "Fix all the bugs (#12)", 12)
    assert (row["authored_at"], row["committed_at"]) == (
        datetime(2011, 4, 14, 16, 0, 49),
        datetime(2013, 2, 12, 13, 22, 1),
    )
    assert row["closes"] == "#7"
    assert commit_row({**COMMIT, "parents": []}, R)["parents"] == ""


def test_who_wrote_a_commit():
    def author(account, **signed):
        return commit_author({"author": account, "commit": {"author": {**SIGNED, **signed}}})

    assert author(MONA) == ("octocat", False)
    assert author(None, email="7+mona@users.noreply.github.com") == ("mona", False)
    assert author(None) == ("support@github.com", False)  # privacy never lets it through as it is
    assert author(None, email=None) == ("Monalisa Octocat", False)
    assert author({"login": "renovate", "type": "User"})[1]
    assert author({"login": "x", "type": "Bot"})[1]
    assert author(None, name="dependabot[bot]", email="49699333+dependabot[bot]@users.noreply.github.com")[1]


def test_bots():
    """Trap 25."""
    assert is_bot({"user": {"login": "acme-ci", "type": "Bot"}})
    assert is_bot({"user": {"login": "github-actions[bot]", "type": "User"}})
    assert not is_bot({"user": {"login": "talbot", "type": "User"}})
    assert not is_bot({"user": None})


# ---------------------------------------------------------------------- issues


def test_issues_and_pull_requests_in_one_list():
    assert is_pull_request({"pull_request": {"url": "https://api.github.com/…/pulls/1"}})
    assert not is_pull_request({"pull_request": {"url": None, "html_url": None, "diff_url": None}})
    assert not is_pull_request({"pull_request": None})
    assert not is_pull_request({})


def test_an_issue_and_what_its_text_names():
    row = issue_row(ISSUE, R)
    assert (row["caused_by"], row["fixed_by"], row["state_reason"]) == ("#1347", SHA, "completed")
    assert row["closed_at"] is None  # trap 10: delivery takes the closed event's time
    assert [label["label"] for label in label_rows(ISSUE, R, False)] == ["incident", "old-style"]


# ---------------------------------------------------------------------- runs


def test_a_run():
    row = run_row(RUN, R, 2, {})
    assert (row["run_attempt"], row["attempts"], row["workflow"], row["path"]) == (
        2,
        2,
        "Build",
        ".github/workflows/build.yml",
    )
    assert (row["actor"], row["started_at"]) == ("hubot", datetime(2013, 2, 12, 13, 22, 1))
    old = {
        key: value
        for key, value in RUN.items()
        if key not in ("run_attempt", "run_started_at", "path", "triggering_actor")
    }
    row = run_row(old, R, 1, {159038: "CI"})
    assert (row["run_attempt"], row["started_at"], row["path"], row["workflow"]) == (1, None, None, "CI")
    assert row["actor"] == "octocat"
    assert run_row({**RUN, "status": "COMPLETED", "conclusion": "TIMED_OUT"}, R, 1, {})["conclusion"] == "timed_out"


def test_jobs_and_steps():
    assert job_row(JOB, R, 5)["labels"] == "self-hosted,my label"
    assert [step["number"] for step in step_rows(JOB, R)] == [1, 2]
    assert job_row({**JOB, "run_attempt": None}, R, 5)["run_attempt"] == 1


def test_jobs_belong_to_the_attempt_they_were_started_in():
    """Trap 13 from the source's side: "re-run failed jobs" repeats the green ones, a real re-run is one."""
    first, second, third = datetime(2026, 1, 1), datetime(2026, 2, 1), datetime(2026, 2, 2)

    def made(identity, attempt, name, started):
        return {"id": identity, "run_attempt": attempt, "name": name, "started_at": started, "completed_at": started}

    deploy, health = made(1, 1, "deploy", first), made(2, 1, "health", first)
    copy_of_deploy, health_again = made(3, 2, "deploy", first), made(4, 2, "health", second)
    copy_of_copy, lost = made(5, 3, "deploy", first), made(6, 3, "only here", second)
    starts = {1: first, 2: second, 3: third}
    kept = in_own_attempts([copy_of_copy, deploy, health, copy_of_deploy, health_again, lost], starts)
    assert [(job["id"], job["run_attempt"]) for job in kept] == [(1, 1), (2, 1), (4, 2), (6, 2)]
    assert in_own_attempts([copy_of_deploy], {2: second}) == [{**copy_of_deploy, "run_attempt": 1}]
    waiting = made(7, 2, "waits", None)
    assert in_own_attempts([waiting, copy_of_deploy], {}) == [waiting, copy_of_deploy]


# ---------------------------------------------------------------------- releases, deployments, fields


def test_a_deployment_names_its_run_when_a_status_does():
    assert deployment_row(DEPLOYMENT, R, [])["run_id"] is None
    row = deployment_row(
        {**DEPLOYMENT, "environment": None, "payload": "text"}, R, [{"log_url": "javascript:1"}, STATUS]
    )
    assert (row["run_id"], row["environment"], row["url"]) == (99, "production", STATUS["log_url"])
    assert named_run(None, "https://ci.example/actions/runs/12345678901234567890123") is None
    assert status_row({**STATUS, "log_url": ""}, R, 42)["log_url"] == "https://example.com"
    assert status_row({**STATUS, "state": "IN_PROGRESS"}, R, 42)["state"] == "in_progress"


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2021-02-18T14:59:13.000+08:00", datetime(2021, 2, 18, 6, 59, 13)),
        ("2021-02-18T06:59:13Z", datetime(2021, 2, 18, 6, 59, 13)),
        ("2021-02-18T06:59:13", datetime(2021, 2, 18, 6, 59, 13)),
        ("2021-02-18", datetime(2021, 2, 18)),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01T00:00:00+08:00", None),
        ("9999-12-31T23:59:59-10:00", None),
        ("yesterday", None),
        ("", None),
        (1613631553, None),
        (None, None),
    ],
)
def test_instants(given, meant):
    assert instant({"at": given}, "at") == meant


def test_fields_of_another_type_are_absent():
    assert text({"a": 1}, "a") is None and text({"a": ""}, "a") is None and text("x", "a") is None
    assert number({"a": True}, "a") is None and number({"a": "1"}, "a") is None and number({"a": 2**63}, "a") is None
