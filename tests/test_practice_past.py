"""The past that the practice server shows is what the world told of itself at that instant."""

from datetime import UTC, datetime

import pytest
from made_github import NAME, at, driven_organisation
from test_practice_server import github_of

from devops_lab.practice.server.view import View
from devops_lab.practice.world import make

pytestmark = pytest.mark.server
UNTIL, MIDDLE = datetime(2026, 6, 30), datetime(2026, 5, 13, 11, 20)
# what GitHub keeps no time of, and what holds another object as it is now
AS_NOW = {
    "pulls": {"mergeable", "rebaseable", "mergeable_state", "merge_commit_sha", "_links", "statuses_url"},
    "pull_files": {"sha", "blob_url", "raw_url", "contents_url"},
    "issue_events": {"issue"},
}
HOLDING = {"repository", "head_repository", "milestone", "head", "base"}


@pytest.fixture(scope="module")
def company():
    return make(1, until=UNTIL, months=4)


@pytest.fixture(scope="module")
def views(company):
    """Each repository's past as (View, objects as the world told them then)."""
    then = company.at(MIDDLE).repositories
    return [(View(now, MIDDLE.replace(tzinfo=UTC)), then[name].objects) for name, now in company.repositories.items()]


def plain(noun, raw):
    return {key: value for key, value in raw.items() if key not in AS_NOW.get(noun, set()) | HOLDING}


@pytest.mark.parametrize(
    "noun",
    ["issues", "issue_events", "milestones", "pulls", "pull_comments", "commits", "runs", "releases", "deployments",
     "dependabot_alerts", "code_scanning_alerts"],
)  # fmt: skip
def test_lists(views, noun):
    changed = 0
    for view, then in views:
        key = "sha" if noun == "commits" else "number" if "alerts" in noun else "id"
        told, shown = ({raw[key]: plain(noun, raw) for raw in raws} for raws in (then[noun], view.items(noun)))
        assert shown == told, noun
        now = {raw[key]: plain(noun, raw) for raw in view.objects[noun]}
        changed += any(now[number] != raw for number, raw in shown.items())
    assert changed or noun not in ("issues", "milestones", "pulls", "dependabot_alerts")


@pytest.mark.parametrize("noun", ["pull_commits", "pull_files", "pull_reviews", "comments", "jobs", "artifacts"])
def test_lists_under_something(views, noun):
    for view, then in views:
        for key, raws in then[noun].items():
            shown = [plain(noun, raw) for raw in view.under(noun, key)]
            assert shown == [plain(noun, raw) for raw in raws], (noun, key)
        later = set(view.objects[noun]) - set(then[noun])
        if noun in ("comments", "artifacts"):
            assert later and not any(view.under(noun, key) for key in later)


def test_what_a_pull_request_changes_agrees_with_its_files(company, views):
    for view, _ in views:
        for raw in view.items("pulls"):
            files = view.under("pull_files", raw["number"])
            sizes = [sum(file[name] for file in files) for name in ("additions", "deletions")]
            assert [*sizes, len(files)] == [raw["additions"], raw["deletions"], raw["changed_files"]]
    for repository in company.repositories.values():
        for raw in repository.objects["pulls"]:
            assert len(repository.objects["pull_files"][raw["number"]]) == raw["changed_files"]


def test_what_pipelines_left_later_is_unseen():
    world, _ = driven_organisation()
    world.repositories[NAME].objects["approvals"] = {1005001: [{"state": "approved", "environments": []}]}
    runs, artifacts = f"/repos/{NAME}/actions/runs", f"/repos/{NAME}/actions/artifacts"
    logs = (f"/repos/{NAME}/actions/jobs/50010/logs", f"{runs}/5001/logs", f"{runs}/5001/attempts/1/logs")
    with github_of(world) as server:

        def seen():
            return [len(server.ask(f"{runs}/1005001/{path}").json()) for path in ("approvals", "pending_deployments")]

        assert seen() == [1, 1]
        server.control(as_of=at(1.015))  # the run goes on, its job has ended
        assert seen() == [0, 0] and [server.ask(path).status_code for path in logs] == [302, 302, 302]
        server.control(as_of=at(1.005))  # the job goes on
        assert [server.ask(path).status_code for path in logs] == [404, 404, 404]
        assert server.ask(artifacts).json()["total_count"] == 2
        server.control(as_of=at(0.5))
        assert server.ask(artifacts).json()["total_count"] == 0
        assert server.ask(f"{artifacts}/1/zip").status_code == 404
