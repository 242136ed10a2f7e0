"""The practice server's writes: issues, comments, deployments; who may, and when; PyGithub drives all of it."""

import threading
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from made_github import DAY, NAME, START, at, driven_organisation, repository, run, sha
from test_practice_server import ISSUES, github_of, pygithub

from devops_lab.practice.server.access import Access

pytestmark = pytest.mark.server
REPO = f"/repos/{NAME}"
ACTIONS = f"{REPO}/actions"
DEPLOY = f"{ACTIONS}/workflows/deploy.yml/dispatches"
NOW = (START + 61 * DAY).timestamp()


@contextmanager
def driven_github():
    """A served organisation with pipelines; `asked` is what they were asked."""
    world, driver = driven_organisation()
    with github_of(world, pipelines=driver, clock=lambda: NOW) as server:
        server.driver, server.objects = driver, world.repositories[NAME].objects
        server.post = lambda path, json=None, **more: server.ask(path, verb="POST", json=json, **more)
        yield server


@pytest.fixture
def github():
    with driven_github() as server:
        yield server


def said(answer):
    return answer.status_code, answer.json()["message"]


# ---------------------------------------------------------------------- issues and comments


def test_an_incident_is_recorded_and_resolved(github):
    made = github.post(ISSUES, {"title": "Down", "body": "All of it", "labels": ["Incident", "sev1"]})
    issue = made.json()
    assert made.status_code == 201 and made.headers["Location"] == issue["url"] == f"{github.base}{ISSUES}/5"
    assert [one["name"] for one in issue["labels"]] == ["incident", "sev1"]  # one was there, one is new
    assert issue["created_at"] == "2026-03-03T00:00:00Z" and issue["user"]["login"] == "student"
    assert "sev1" in {one["name"] for one in github.ask(f"{REPO}/labels").json()}
    assert github.ask(ISSUES).json()[0]["number"] == 5
    closed = github.ask(f"{ISSUES}/5", verb="PATCH", json={"state": "closed", "labels": ["incident"]}).json()
    assert (closed["state"], closed["state_reason"], closed["closed_at"]) == (
        "closed",
        "completed",
        issue["created_at"],
    )
    again = github.ask(f"{ISSUES}/5", verb="PATCH", json={"state": "open"}).json()
    assert (again["state"], again["state_reason"], again["closed_at"]) == ("open", "reopened", None)
    added = github.post(f"{ISSUES}/5/labels", {"labels": ["incident", "not-a-change"]})
    assert [one["name"] for one in added.json()] == ["incident", "not-a-change"] and added.status_code == 200
    assert github.post(f"{ISSUES}/5/labels", ["sev1"]).status_code == 200
    reason = {"state": "closed", "state_reason": "not_planned"}
    assert github.ask(f"{ISSUES}/5", verb="PATCH", json=reason).json()["state_reason"] == "not_planned"
    told = [one["event"] for one in github.ask(f"{ISSUES}/5/events").json()]
    assert told == ["labeled", "labeled", "unlabeled", "closed", "reopened", "labeled", "labeled", "closed"]
    events = github.ask(f"{REPO}/issues/events").json()
    assert events[0]["issue"]["state"] == "closed" and events[0]["state_reason"] == "not_planned"
    assert len({one["id"] for one in events}) == len(events)


def test_issues_are_changed_in_github_s_words(github):
    assert said(github.post(ISSUES, {"body": "x"})) == (422, 'Invalid request.\n\n"title" wasn\'t supplied.')
    blank = github.post(ISSUES, {"title": " "})
    assert said(blank) == (422, "Validation Failed")
    assert blank.json()["errors"] == [{"resource": "Issue", "field": "title", "code": "missing_field"}]
    for wrong in ({"assignees": ["nobody"]}, {"milestone": 9}, {"title": "x" * 257}, {"labels": [""]}):
        assert said(github.ask(f"{ISSUES}/2", verb="PATCH", json={**wrong})) == (422, "Validation Failed")
    change = {"title": "Other", "assignees": ["MONA"], "milestone": 1, "body": None}
    issue = github.ask(f"{ISSUES}/2", verb="PATCH", json=change).json()
    assert issue["assignee"]["login"] == "mona" and issue["milestone"]["title"] == "Spring" and issue["body"] is None
    assert sorted(one["event"] for one in github.ask(f"{ISSUES}/2/events").json()) == [
        "assigned",
        "milestoned",
        "renamed",
    ]
    github.ask(f"{ISSUES}/4", verb="PATCH", json={"labels": ["incident"]})
    pull = github.ask(f"{REPO}/pulls/4").json()
    assert [one["name"] for one in pull["labels"]] == ["incident"]
    assert github.ask(f"{ISSUES}/99", verb="PATCH", json={}).status_code == 404


def test_comments_are_written_changed_and_deleted(github):
    path = f"{ISSUES}/2/comments"
    made = [github.post(path, {"body": text}).json() for text in ("first", "second")]
    assert [one["body"] for one in github.ask(path).json()] == ["first", "second"]
    assert made[0]["issue_url"] == f"{github.base}{ISSUES}/2"
    assert github.ask(f"{ISSUES}/2").json()["comments"] == 2
    address = f"{ISSUES}/comments/{made[0]['id']}"
    assert github.ask(address, verb="PATCH", json={"body": "changed"}).json()["body"] == "changed"
    assert github.ask(address).json()["body"] == "changed"
    assert [one["id"] for one in github.ask(f"{ISSUES}/comments").json()] == [one["id"] for one in made]
    assert next(one["id"] for one in github.ask(f"{ISSUES}/comments", sort="created").json()) == made[1]["id"]
    gone = github.ask(address, verb="DELETE")
    assert (gone.status_code, gone.content) == (204, b"")
    assert github.ask(address).status_code == github.ask(address, verb="DELETE").status_code == 404
    assert github.ask(path, since="2026-03-04").json() == []
    blank = github.post(path, {"body": ""})
    assert blank.json()["errors"][0]["message"] == "Body cannot be blank"
    assert github.post(f"{ISSUES}/99/comments", {"body": "x"}).status_code == 404


# ---------------------------------------------------------------------- deployments


def test_a_job_records_a_deployment(github):
    made = github.post(f"{REPO}/deployments", {"ref": "v1.1.0", "environment": "Production", "payload": {"a": 1}})
    raw = made.json()
    assert (made.status_code, raw["sha"], raw["environment"], raw["production_environment"]) == (
        201, sha(30), "production", True,
    )  # fmt: skip
    assert made.headers["Location"] == raw["url"] and github.ask(f"{REPO}/deployments").json()[0]["id"] == raw["id"]
    path = f"{REPO}/deployments/{raw['id']}/statuses"
    assert github.post(path, {"state": "in_progress"}).status_code == 201
    assert next(one["state"] for one in github.ask(f"{REPO}/deployments/303/statuses").json()) == "success"
    status = github.post(path, {"state": "success", "log_url": "https://x.invalid", "description": "fine"}).json()
    assert (status["log_url"], status["target_url"], status["description"]) == (
        "https://x.invalid", "https://x.invalid", "fine",
    )  # fmt: skip
    assert [one["state"] for one in github.ask(path).json()] == ["success", "in_progress"]
    assert next(one["state"] for one in github.ask(f"{REPO}/deployments/303/statuses").json()) == "inactive"
    assert github.post(f"{REPO}/deployments/301/statuses", {"state": "success"}).status_code == 201
    assert next(one["state"] for one in github.ask(path).json()) == "success"  # a later one stays
    assert github.post(path, {"state": "done"}).status_code == 422
    assert github.post(path, {"state": "failure", "description": "x" * 141}).status_code == 422
    assert said(github.post(f"{REPO}/deployments", {"ref": "none"})) == (422, "No ref found for: none")
    github.post(f"{REPO}/deployments", {"ref": "main", "environment": "canary"})
    assert {one["name"] for one in github.ask(f"{REPO}/environments").json()["environments"]} == {
        "production",
        "canary",
    }


def test_nothing_is_merged_for_a_deployment(github):
    github.objects["branches"] = [
        *github.objects["branches"],
        {"name": "topic", "commit": {"sha": sha(5)}, "protected": False},
    ]
    assert github.post(f"{REPO}/deployments", {"ref": "topic"}).status_code == 409
    assert github.post(f"{REPO}/deployments", {"ref": "topic", "auto_merge": False}).status_code == 201


# ---------------------------------------------------------------------- who may, and when


def test_who_may_write():
    tokens = {
        "classic": Access("mona"),
        "public": Access("paul", scopes=("public_repo",)),
        "none": Access("nora", scopes=()),
        "reader": Access("rita", permissions={"issues": "read", "actions": "read"}),
        "writer": Access("will", permissions={"issues": "write", "actions": "write"}, repositories=[NAME]),
        "other": Access("tom", permissions={"issues": "write"}, repositories=["acme/else"]),
    }
    issue, start = (ISSUES, {"title": "x"}), (DEPLOY, {"ref": "main", "inputs": {"environment": "staging"}})
    expected = {
        "classic": (201, 204), "public": (201, 204), "none": (404, 403), "reader": (403, 403),
        "writer": (201, 204), "other": (403, 403), "wrong": (401, 401), None: (401, 401),
    }  # fmt: skip
    world, driver = driven_organisation()
    with github_of(world, pipelines=driver, tokens=tokens) as server:
        for token, statuses in expected.items():
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            answers = [server.ask(path, headers, "POST", body) for path, body in (issue, start)]
            assert tuple(one.status_code for one in answers) == statuses, token
        refused = server.ask(*(ISSUES, {"Authorization": "Bearer reader"}, "POST", {"title": "x"}))
        assert refused.json()["message"] == "Resource not accessible by personal access token"
        assert refused.headers["X-Accepted-GitHub-Permissions"] == "issues=write"
        assert said(server.ask(ISSUES, {}, "POST", {"title": "x"})) == (401, "Requires authentication")
        world.repositories[NAME].objects["repository"] |= {"archived": True}
        archived = server.ask(ISSUES, {"Authorization": "Bearer classic"}, "POST", {"title": "x"})
        assert said(archived) == (403, "Repository was archived so is read-only.")


def test_a_private_repository_hides_from_who_may_not_see_it():
    world, driver = driven_organisation(**{NAME: repository(private=True)})
    with github_of(world, pipelines=driver, tokens={"public": Access("paul", scopes=("public_repo",))}) as server:
        for headers in ({}, {"Authorization": "Bearer public"}):
            assert server.ask(ISSUES, headers, "POST", {"title": "x"}).status_code == 404


def test_the_past_is_not_written(github):
    github.control(as_of=at(20))
    answer = github.post(ISSUES, {"title": "x"})
    assert answer.status_code == 409 and "past" in answer.json()["message"]
    github.control(as_of=None)
    assert len(github.objects["issues"]) == 4


def test_writes_meet_faults_limits_and_the_log(github):
    github.control(content_per_minute=2)
    answers = [github.post(ISSUES, {"title": "x"}) for _ in range(3)]
    assert [one.status_code for one in answers] == [201, 201, 403]
    assert "secondary rate limit" in answers[2].json()["message"] and int(answers[2].headers["Retry-After"]) <= 61
    assert github.ask(ISSUES).status_code == 200
    github.control(content_per_minute=None, faults={"fail_rate": 1})
    assert github.post(ISSUES, {"title": "x"}).status_code >= 500
    github.control(faults={})
    assert len(github.objects["issues"]) == 6
    counted = github.log(method="POST")
    assert counted["by_status"]["201"] == 2 and counted["by_route"] == {"/issues": 4} and counted["charged"] == 3
    github.control(limit=0)
    assert github.post(ISSUES, {"title": "x"}).status_code == 403 and len(github.objects["issues"]) == 6


def test_a_write_to_a_former_name_is_sent_on():
    world, driver = driven_organisation()
    with github_of(world, pipelines=driver, renamed={"acme/old": NAME}) as server:
        moved = server.ask("/repos/acme/old/issues", verb="POST", json={"title": "x"})
        assert moved.status_code == 307 and moved.headers["Location"] == f"{server.base}/repositories/7/issues"
        assert server.ask(moved.headers["Location"], verb="POST", json={"title": "x"}).status_code == 201


def test_writers_at_the_same_time_lose_nothing(github):
    def write():
        for _ in range(20):
            assert github.ask(ISSUES, verb="POST", json={"title": "x"}).status_code == 201

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    numbers = [raw["number"] for raw in github.objects["issues"]]
    assert len(numbers) == 84 == len(set(numbers))


# ---------------------------------------------------------------------- PyGithub


def test_pygithub_drives_pipelines_and_records_incidents(github):
    repo = pygithub(github.base).get_repo(NAME)
    workflow = repo.get_workflow("deploy.yml")
    assert workflow.create_dispatch("main", {"environment": "staging"}) is True
    assert workflow.create_dispatch("main", {}) is False
    going = workflow.create_dispatch(repo.get_branch("main"), {"environment": "staging"}, True, True)
    going = repo.get_workflow_run(going.id)
    assert going.cancel() and not going.cancel()
    assert going.rerun() and not going.rerun()
    github.driver.end(NAME, going.id, "failure")
    assert going.rerun_failed_jobs() and repo.get_workflow_run(going.id).run_attempt == 3
    latest = repo.get_workflow_run(github.objects["runs"][3]["id"])
    assert [one.name for one in repo.get_artifacts()] == ["old", "junit"] and repo.get_artifact(1).name == "junit"
    assert latest.jobs()[0].logs_url().startswith(f"{github.base}/_practice/downloads/7/jobs/")
    assert repo.get_contents("README.md").decoded_content == b"# Checkout\n"
    assert [one.path for one in repo.get_contents(".github")] == [".github/workflows"]
    issue = repo.create_issue("Down", "All of it", labels=["incident"])
    comment = issue.create_comment("Looking")
    comment.edit("Found")
    assert [one.body for one in issue.get_comments()] == ["Found"] and repo.get_issues_comments().totalCount == 1
    comment.delete()
    issue.add_to_labels("sev1")
    issue.edit(state="closed", state_reason="completed")
    assert repo.get_issue(issue.number).closed_at == datetime.fromtimestamp(NOW, UTC)
    deployment = repo.create_deployment("main", environment="production", auto_merge=False, required_contexts=[])
    assert deployment.create_status("success").state == "success"
    assert [one.state for one in repo.get_deployment(deployment.id).get_statuses()] == ["success"]


def test_a_new_run_is_listed_first(github):
    github.objects["runs"] = [run(99, 60), *github.objects["runs"]]
    assert github.ask(f"{ACTIONS}/runs").json()["workflow_runs"][0]["id"] == 5099
