"""The GitHub source: real recorded objects, kills and faults, re-runs, slices, deployments, tags, refusals."""

import time
from bisect import bisect_left, bisect_right
from datetime import UTC, datetime, timedelta

import pytest
from conftest_github import TOKEN, Memory, Server

from devops_lab.errors import AccessError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import LimitError
from devops_lab.github_api.paging import Page
from devops_lab.sources import github_commits
from devops_lab.sources.github import TABLES_READ, GitHub, with_parents
from devops_lab.tables import TABLES

ANTS = "panjf2000/ants"
REPOSITORY = "acme/checkout"
ROOT = f"/repos/{REPOSITORY}"
DAY = timedelta(days=1)
UNTIL = datetime(2026, 6, 30)
SINCE = UNTIL - 90 * DAY
LISTS = {
    "/branches": [], "/actions/workflows": {"workflows": []}, "/milestones": [], "/releases": [], "/tags": [],
    "/git/matching-refs/tags/": [], "/deployments": [], "/actions/runs": {"workflow_runs": []}, "/pulls": [],
    "/commits": [], "/issues": [], "/issues/events": [],
}  # fmt: skip


def github(routes: dict) -> Server:
    """A server of one repository: empty lists, and `routes` below it."""
    home = {"full_name": REPOSITORY, "id": 7, "default_branch": "main", "created_at": "2012-02-25T12:53:47Z"}
    return Server({ROOT: home, **{ROOT + path: body for path, body in {**LISTS, **routes}.items()}})


def client_of(server) -> GitHubClient:
    return GitHubClient(server if isinstance(server, str) else server.url, TOKEN, sleep=lambda seconds: None)


def source(server, memory, tables=None, repository=REPOSITORY, **options) -> GitHub:
    return GitHub(client_of(server), repository, tables, memory.known, **options)


def at(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def commit(sha: str, moment: datetime, *parents: str, message: str = "work") -> dict:
    person = {"name": "Mona", "email": "mona@example.org", "date": at(moment)}
    return {
        "sha": sha,
        "commit": {"author": person, "committer": person, "message": message},
        "author": None,
        "parents": [{"sha": parent} for parent in parents],
    }


def chain(count: int, newest: datetime = UNTIL - DAY, prefix: str = "c", step: timedelta = DAY) -> list[dict]:
    """A straight line of commits, newest first."""
    return [
        commit(f"{prefix}{number}", newest - number * step, *([f"{prefix}{number + 1}"] if number + 1 < count else []))
        for number in range(count)
    ]


def listing(commits: list[dict], head: str):
    """The answer to /commits: what leads to `sha`, newest first, as git lists it."""
    by_sha = {raw["sha"]: raw for raw in commits}

    def answer(query):
        start = query.get("sha", head)
        start = head if start == "main" else start
        if start not in by_sha:
            return 404, {"message": "Not Found"}
        seen, waiting = set(), [start]
        while waiting:
            sha = waiting.pop()
            if sha in by_sha and sha not in seen:
                seen.add(sha)
                waiting += [parent["sha"] for parent in by_sha[sha]["parents"]]
        return sorted((by_sha[sha] for sha in seen), key=lambda raw: raw["commit"]["committer"]["date"], reverse=True)

    return answer


# ---------------------------------------------------------------------- recorded objects


@pytest.mark.server
@pytest.mark.real_data
def test_real_objects(replay):
    memory = Memory()
    seen: list[tuple] = []
    ants = source(replay(), memory, repository=ANTS, progress=lambda *what: seen.append(what))
    memory.take(ants, None, UNTIL)
    counts = {name: len(rows) for name, rows in memory.tables.items()}
    assert counts["pull_requests"] == 49
    assert counts["pull_request_commits"] == 90
    assert counts["reviews"] == 30
    assert counts["workflow_runs"] == 45
    assert counts["workflow_jobs"] == 35
    assert (counts["issues"], counts["commits"], counts["review_comments"], counts["milestones"]) == (26, 90, 16, 1)
    ledger = memory.ledger("workflow_runs")
    assert (ledger["asked"], ledger["fetched"], ledger["missing"], ledger["refused"]) == (66, 45, 21, None)
    assert {row["table_name"] for row in memory.rows("sync_ledger")} == set(TABLES_READ)
    assert all(row["window_end"] == UNTIL for row in memory.rows("sync_ledger"))
    merged = [row for row in memory.rows("pull_requests") if row["merged_at"]]
    assert len(merged) == 26 and all(row["merge_commit_sha"] for row in merged)
    assert all(row["merge_commit_sha"] is None for row in memory.rows("pull_requests") if not row["merged_at"])
    steps = [row["started_at"] for row in memory.rows("workflow_steps") if row["job_id"] == 1924918171]
    assert min(steps) == datetime(2021, 2, 18, 6, 59, 13)  # given as 14:59:13+08:00
    assert ("pull_requests", 49, 49) in seen

    memory.changed.clear()
    asked = ants.client.requests
    memory.take(ants, None, UNTIL)
    assert not +memory.changed
    assert ants.client.requests - asked < asked / 4
    assert memory.ledger("workflow_runs")["missing"] == 21  # the gaps are the window's, not the sync's


@pytest.mark.server
@pytest.mark.real_data
def test_faults_change_nothing(replay):
    calm, stormy = Memory(), Memory()
    calm.take(source(replay(), calm, repository=ANTS), None, UNTIL)
    for seed in ("0", "1"):
        url = replay("--fail-rate", "0.2", "--secondary", "0.1", "--truncate", "0.05", "--drop", "0.05", "--seed", seed)
        stormy = Memory()
        stormy.take(source(url, stormy, repository=ANTS), None, UNTIL)
        assert stormy.content() == calm.content()
        assert stormy.ledger("workflow_runs")["missing"] == 21


@pytest.mark.server
@pytest.mark.real_data
def test_a_used_up_limit_is_waited_for(replay):
    memory = Memory()
    said: list[str] = []
    client = GitHubClient(
        replay("--rate-limit", "20", "--rate-window", "1"),
        TOKEN,
        said.append,
        lambda seconds: time.sleep(min(seconds, 1)),
    )
    memory.take(GitHub(client, ANTS, {"reviews"}, memory.known), None, UNTIL)
    assert len(memory.rows("reviews")) == 30
    assert "rate limit of 20 requests is used up" in said[0]


@pytest.mark.server
@pytest.mark.real_data
@pytest.mark.parametrize("killed_after", [1, 2, 5, 8, 12, 16, 20])
def test_a_killed_sync_goes_on_where_it_stood(replay, killed_after):
    whole, memory = Memory(), Memory()
    url = replay()
    whole_source = source(url, whole, repository=ANTS)
    whole.take(whole_source, None, UNTIL)
    killed = source(url, memory, repository=ANTS)
    memory.take(killed, None, UNTIL, stop_after=killed_after)
    again = source(url, memory, repository=ANTS)
    memory.take(again, None, UNTIL)
    assert memory.content() == whole.content()
    assert memory.ledger("workflow_runs")["missing"] == 21
    # what was written is not asked for again, but for the lists and the group that was under way
    assert killed.client.requests + again.client.requests < whole_source.client.requests + 130


@pytest.mark.server
@pytest.mark.real_data
def test_only_wanted_tables_are_fetched(replay):
    memory = Memory()
    ants = source(replay(), memory, {"reviews"}, repository=ANTS)
    memory.take(ants, None, UNTIL)
    assert set(memory.tables) == {"pull_requests", "reviews", "sync_ledger"}
    assert (
        ants.client.requests == 1 + 1 + 1 + 49
    )  # the repository, its list, the question whether GraphQL answers, reviews
    assert {row["table_name"] for row in memory.rows("sync_ledger")} == {"pull_requests", "reviews"}


@pytest.mark.server
@pytest.mark.real_data
def test_a_refused_table_does_not_end_the_sync(replay):
    memory = Memory()
    url = replay("--deny", "/actions/=403", "--deny", "/reviews=403", "--deny", "/issues=410")
    ants = source(url, memory, repository=ANTS)
    memory.take(ants, None, UNTIL)
    assert len(memory.rows("pull_requests")) == 49 and not memory.rows("workflow_runs") and not memory.rows("reviews")
    assert "Resource not accessible by personal access token" in memory.ledger("workflow_runs")["refused"]
    assert "permission Actions: read" in memory.ledger("workflow_runs")["refused"]
    assert "Issues are disabled for this repo" in memory.ledger("issues")["refused"]
    assert "permission Pull requests: read" in memory.ledger("reviews")["refused"]
    assert memory.ledger("pull_requests")["refused"] is None
    # permission is given later: the details of what is stored already are fetched then
    memory.take(source(replay(), memory, repository=ANTS), None, UNTIL)
    assert len(memory.rows("reviews")) == 30


@pytest.mark.server
@pytest.mark.real_data
def test_a_table_wanted_later_is_fetched_for_what_is_stored(replay):
    memory = Memory()
    url = replay()
    memory.take(source(url, memory, {"pull_requests", "workflow_runs"}, repository=ANTS), None, UNTIL)
    memory.take(source(url, memory, repository=ANTS), None, UNTIL)
    assert len(memory.rows("reviews")) == 30 and len(memory.rows("workflow_jobs")) == 35


@pytest.mark.server
@pytest.mark.real_data
def test_a_window(replay):
    memory = Memory()
    since = datetime(2021, 9, 1)
    memory.take(source(replay(), memory, repository=ANTS), since, UNTIL)
    assert 0 < len(memory.rows("pull_requests")) < 49
    assert all(row["updated_at"] >= since - DAY for row in memory.rows("pull_requests"))
    assert memory.ledger("pull_requests")["window_start"] == since
    assert memory.ledger("milestones")["window_start"] == datetime(1970, 1, 1)


@pytest.mark.server
@pytest.mark.real_data
def test_people_and_repositories_that_may_not_be_seen(replay):
    memory = Memory()
    with pytest.raises(AccessError, match="GITHUB_TOKEN was refused"):
        memory.take(source(replay("--token", "other"), memory, repository=ANTS), None, UNTIL)
    with pytest.raises(AccessError, match="may not see it"):
        memory.take(source(replay(), memory, repository="panjf2000/hidden"), None, UNTIL)
    assert not any(memory.tables.values())


# ---------------------------------------------------------------------- runs: attempts, jobs, slices


def run(identity: int, created: datetime, attempt: int = 1, **more) -> dict:
    return {
        "id": identity,
        "name": "Deploy",
        "workflow_id": 9,
        "run_attempt": attempt,
        "run_number": identity,
        "event": "push",
        "status": "completed",
        "conclusion": "success",
        "head_branch": "main",
        "head_sha": "c0",
        "path": ".github/workflows/deploy.yml@refs/heads/main",
        "created_at": at(created),
        "run_started_at": at(created),
        "updated_at": at(created + timedelta(minutes=5)),
        "actor": {"login": "mona", "type": "User"},
        "triggering_actor": {"login": "hubot", "type": "User"},
        **more,
    }


def job(identity: int, attempt: int, name: str, started: datetime, conclusion: str = "success") -> dict:
    return {
        "id": identity,
        "run_id": 1,
        "run_attempt": attempt,
        "name": name,
        "status": "completed",
        "conclusion": conclusion,
        "head_sha": "c0",
        "started_at": at(started),
        "completed_at": at(started + timedelta(minutes=3)),
        "labels": ["ubuntu-latest", "self hosted"],
        "steps": [{"name": "Set up job", "status": "completed", "conclusion": "success", "number": 1}],
    }


def test_a_failed_run_re_run_to_green_keeps_both_attempts():
    """Trap 12: run_started_at is set anew by a re-run; the failure, its time and its jobs stay."""
    first, second = UNTIL - 3 * DAY, UNTIL - 2 * DAY
    red = run(1, first, conclusion="failure")
    green = {**run(1, first, attempt=2), "run_started_at": at(second), "updated_at": at(second + timedelta(minutes=9))}
    jobs = [
        job(11, 1, "test", first),
        job(12, 1, "deploy", first, "failure"),
        job(21, 2, "test", first),  # "re-run failed jobs" lists the green one again
        job(22, 2, "deploy", second),
    ]
    memory = Memory()
    routes = {
        "/actions/runs": {"workflow_runs": [red]},
        "/actions/runs/1/jobs": {"jobs": jobs[:2]},
        "/actions/workflows": {"workflows": [{"id": 9, "name": "Deploy it", "path": ".github/workflows/deploy.yml"}]},
    }
    tables = {"workflows", "workflow_runs", "workflow_jobs", "workflow_steps"}
    with github(routes) as server:
        memory.take(source(server, memory, tables), SINCE, UNTIL)
        before = memory.tables["workflow_runs"][1, 1]
        assert (before["conclusion"], before["attempts"], before["workflow"]) == ("failure", 1, "Deploy it")
        assert (before["path"], before["actor"]) == (".github/workflows/deploy.yml", "hubot")
        server.routes[ROOT + "/actions/runs"] = {"workflow_runs": [green]}
        server.routes[ROOT + "/actions/runs/1/attempts/1"] = red
        server.routes[ROOT + "/actions/runs/1/jobs"] = {"jobs": jobs}
        # the re-run happened after the first sync; the second one starts later than the run was made
        memory.take(source(server, memory, tables), UNTIL - DAY, UNTIL)
        attempts = memory.tables["workflow_runs"]
        assert attempts[1, 1]["conclusion"] == "failure" and attempts[1, 1]["started_at"] == first
        assert attempts[1, 2]["conclusion"] == "success" and attempts[1, 2]["started_at"] == second
        assert [row["attempts"] for row in attempts.values()] == [2, 2]
        kept = {row["id"]: row["run_attempt"] for row in memory.rows("workflow_jobs")}
        assert kept == {11: 1, 12: 1, 22: 2}
        assert {row["job_id"] for row in memory.rows("workflow_steps")} == {11, 12, 22}
        asked = len(server.asked)
        memory.take(source(server, memory, tables), UNTIL - DAY, UNTIL)
        details = [path for path in server.asked[asked:] if "/jobs" in path or "/attempts" in path]
        assert details == []


def test_a_run_under_way_is_asked_again():
    memory = Memory()
    waiting = run(1, UNTIL - DAY, status="in_progress", conclusion=None)
    with github({"/actions/runs": {"workflow_runs": [waiting]}, "/actions/runs/1/jobs": {"jobs": []}}) as server:
        memory.take(source(server, memory, {"workflow_jobs"}), SINCE, UNTIL)
        server.routes[ROOT + "/actions/runs/1/jobs"] = {"jobs": [job(11, 1, "deploy", UNTIL - DAY)]}
        memory.take(source(server, memory, {"workflow_jobs"}), SINCE, UNTIL)
    assert [row["id"] for row in memory.rows("workflow_jobs")] == [11]


class Runs:
    """A client of a repository with many runs, which keeps GitHub's limits: 1,000 per filtered list."""

    def __init__(self, moments: list[datetime], total_cap: int | None = None) -> None:
        self.moments, self.total_cap, self.requests = sorted(moments), total_cap, 0

    def repository(self, name):
        return {"full_name": name, "default_branch": "main", "created_at": "2020-01-01T00:00:00Z"}

    def pages(self, path, key=None, created=None, **parameters):
        first, last = (datetime.fromisoformat(edge).replace(tzinfo=None) for edge in created.split(".."))
        inside = range(bisect_left(self.moments, first), bisect_right(self.moments, last))[::-1]
        for start in range(0, min(len(inside), 1000), 100):
            self.requests += 1
            page = Page(
                {"id": number, "created_at": at(self.moments[number])} for number in inside[start : start + 100]
            )
            page.total = min(len(inside), self.total_cap or len(inside))
            yield page


@pytest.mark.parametrize("total_cap", [None, 1000])
def test_a_hundred_thousand_runs_none_lost(total_cap):
    """Trap 33; most of them in one busy hour, some of them in one second."""
    moments = [SINCE + timedelta(seconds=70 * number) for number in range(99_000)]
    moments += [UNTIL - DAY + timedelta(seconds=number % 7) for number in range(1000)]
    client = Runs(moments, total_cap)
    batches = GitHub(client, REPOSITORY, {"workflow_runs"}, lambda table, columns: {}).pull(SINCE, UNTIL + DAY)
    ids: list[int] = []
    for name, rows in batches:
        if name == "workflow_runs":
            ids += [row["id"] for row in rows]
    assert len(set(ids)) == len([moment for moment in moments if moment <= UNTIL + DAY])
    assert len(ids) == len(set(ids))
    assert client.requests < 2500


def test_more_runs_in_a_second_than_github_lists_are_counted_as_capped():
    client = Runs([UNTIL - DAY] * 1500)
    batches = list(GitHub(client, REPOSITORY, {"workflow_runs"}, lambda table, columns: {}).pull(SINCE, UNTIL))
    ledger = batches[-1][1][0]
    assert (ledger["fetched"], ledger["capped"], ledger["asked"]) == (1000, 500, 1500)


def test_a_server_that_does_not_know_the_filter_is_read_once():
    with github({"/actions/runs": {"workflow_runs": [run(n, UNTIL - 200 * DAY) for n in range(1200)]}}) as server:
        memory = Memory()
        memory.take(source(server, memory, {"workflow_runs"}), SINCE, UNTIL)
    assert len(memory.rows("workflow_runs")) == 1200


def test_a_list_that_ends_early_is_capped():
    class Stops(Runs):
        def pages(self, path, key=None, **parameters):
            yield Page([{"id": 1, "event": "closed", "created_at": at(UNTIL), "issue": {"number": 3}}])
            raise LimitError("HTTP 422")

    batches = list(GitHub(Stops([]), REPOSITORY, {"issue_events"}, lambda table, columns: {}).pull(SINCE, UNTIL))
    assert batches[0] == ("issue_events", [batches[0][1][0]]) and batches[0][1][0]["number"] == 3
    assert batches[-1][1][0]["capped"] == 1


# ---------------------------------------------------------------------- deployments, releases, tags


def deployment(identity: int, created: datetime, **more) -> dict:
    """As documented: https://docs.github.com/rest/deployments/deployments."""
    return {
        "url": f"https://api.github.com{ROOT}/deployments/{identity}",
        "id": identity,
        "node_id": "MDEwOkRlcGxveW1lbnQx",
        "sha": f"sha{identity}",
        "ref": "topic-branch",
        "task": "deploy",
        "payload": '{"deploy": "migrate"}',
        "original_environment": "staging",
        "environment": "production",
        "description": "Deploy request from hubot",
        "creator": {"login": "octocat", "type": "User"},
        "created_at": at(created),
        "updated_at": at(created),
        "statuses_url": f"https://api.github.com{ROOT}/deployments/{identity}/statuses",
        "transient_environment": False,
        "production_environment": True,
        **more,
    }


def status(identity: int, state: str, created: datetime, **more) -> dict:
    return {
        "url": f"https://api.github.com{ROOT}/deployments/42/statuses/{identity}",
        "id": identity,
        "state": state,
        "creator": {"login": "octocat"},
        "description": "Deployment finished successfully.",
        "environment": "production",
        "target_url": "https://github.com/acme/checkout/actions/runs/160/job/7",
        "created_at": at(created),
        "updated_at": at(created),
        "log_url": "",
        "environment_url": "",
        **more,
    }


def test_deployments_and_statuses_as_documented():
    """Trap 11: every status is kept, so that a later "inactive" can move nothing."""
    moment = UNTIL - 5 * DAY
    waiting = deployment(43, UNTIL - 4 * DAY, payload={"any": {"thing": None}}, updated_at=at(UNTIL - 4 * DAY))
    routes = {
        "/deployments": [waiting, deployment(42, moment)],
        "/deployments/42/statuses": [
            status(2, "success", moment + timedelta(minutes=4)),
            status(1, "in_progress", moment),
        ],
        "/deployments/43/statuses": [status(3, "queued", UNTIL - 4 * DAY, target_url="javascript:alert(1)")],
    }
    memory = Memory()
    tables = {"github_deployments", "deployment_statuses"}
    with github(routes) as server:
        memory.take(source(server, memory, tables), SINCE, UNTIL)
        stored = memory.tables["github_deployments"][42,]
        assert (stored["environment"], stored["sha"], stored["run_id"]) == ("production", "sha42", 160)
        assert memory.order.index("deployment_statuses") < memory.order.index("github_deployments")
        assert [row["state"] for row in memory.rows("deployment_statuses")].count("success") == 1
        assert memory.tables["github_deployments"][43,]["run_id"] is None
        assert memory.tables["deployment_statuses"][3,]["log_url"] is None
        # later, and outside of the next window: the waiting one succeeds, the older one becomes inactive
        server.routes[ROOT + "/deployments/43/statuses"] = [
            status(4, "success", UNTIL - DAY),
            status(3, "queued", moment),
        ]
        server.routes[ROOT + "/deployments"] = [waiting, deployment(42, moment, updated_at=at(UNTIL - DAY))]
        server.routes[ROOT + "/deployments/42/statuses"].insert(0, status(5, "inactive", UNTIL - DAY))
        memory.take(source(server, memory, tables), UNTIL - DAY, UNTIL)
        assert {key[0]: row["state"] for key, row in memory.tables["deployment_statuses"].items()} == {
            1: "in_progress", 2: "success", 3: "queued", 4: "success", 5: "inactive",
        }  # fmt: skip
        asked = len(server.asked)
        memory.take(source(server, memory, tables), UNTIL - DAY, UNTIL)
        assert not [path for path in server.asked[asked:] if "/statuses" in path]


def test_the_window_reaches_back_to_the_deployment_before_it():
    """What the first deployment of the window carries was written since the one before: those changes are fetched."""
    commits = chain(300)
    pull_request = {"number": 1, "state": "closed", "title": "old", "created_at": at(SINCE - 9 * DAY)}
    routes = {
        "/deployments": [
            deployment(2, SINCE + DAY, sha="c88"),
            deployment(1, SINCE - 20 * DAY, sha="c109"),
            deployment(0, SINCE - 60 * DAY, sha="c149"),
        ],
        **{f"/deployments/{number}/statuses": [status(number, "success", SINCE)] for number in range(3)},
        "/commits": listing(commits, "c0"),
        "/pulls": [{**pull_request, "updated_at": at(SINCE - 8 * DAY)}],
    }
    memory = Memory()
    with github(routes) as server:
        memory.take(source(server, memory, {"deployment_statuses", "commits", "pull_requests"}), SINCE, UNTIL)
    assert set(memory.tables["github_deployments"]) == {(2,), (1,)}
    assert {("c109",), ("c88",)} <= set(memory.tables["commits"])
    assert memory.ledger("commits")["window_start"] == SINCE - 20 * DAY
    assert memory.ledger("github_deployments")["window_start"] == SINCE
    assert len(memory.rows("pull_requests")) == 1


def test_releases_as_documented():
    release = {
        "url": f"https://api.github.com{ROOT}/releases/1",
        "html_url": "https://github.com/acme/checkout/releases/v1.0.0",
        "id": 1,
        "tag_name": "v1.0.0",
        "target_commitish": "master",
        "name": "v1.0.0",
        "body": "Description of the release",
        "draft": False,
        "prerelease": False,
        "immutable": True,
        "created_at": "2026-02-27T19:35:32Z",
        "published_at": "2026-03-01T21:00:00+01:00",
        "author": {"login": "octocat"},
        "assets": [],
    }
    memory = Memory()
    with github({"/releases": [{**release, "id": 2, "published_at": None, "draft": True}, release]}) as server:
        memory.take(source(server, memory, {"releases"}), SINCE, UNTIL)
        assert memory.tables["releases"][1,]["published_at"] == datetime(2026, 3, 1, 20)
        assert memory.tables["releases"][1,]["created_at"] == datetime(2026, 2, 27, 19, 35, 32)
        assert memory.tables["releases"][2,]["published_at"] is None
        server.routes[ROOT + "/releases"] = [release]
        again = source(server, memory, {"releases"})
        memory.take(again, SINCE, UNTIL)
        assert again.gone["releases"] == [{"repository": REPOSITORY, "id": 2}]


def ref(name: str, sha: str, kind: str = "commit") -> dict:
    return {"ref": f"refs/tags/{name}", "url": "…", "object": {"type": kind, "sha": sha, "url": "…"}}


def test_tags_date_from_their_tagger_or_their_commit():
    tagger = {"name": "Monalisa Octocat", "email": "octocat@github.com", "date": "2026-05-02T10:00:00+02:00"}
    routes = {
        "/tags": [
            {"name": name, "commit": {"sha": "c9"}} for name in ("v1.0.0", "v1.0.0-light", "twice", "old-object")
        ],
        "/git/matching-refs/tags/": [
            ref("v1.0.0", "t1", "tag"),
            ref("v1.0.0-light", "c9"),
            ref("twice", "t2", "tag"),
            ref("old-object", "t3", "tag"),
            ref("a-tree", "f00", "tree"),
            ref("gone", "t9", "tag"),
        ],
        "/git/tags/t1": {"tag": "v1.0.0", "sha": "t1", "tagger": tagger, "object": {"type": "commit", "sha": "c9"}},
        "/git/tags/t2": {"tag": "twice", "sha": "t2", "tagger": tagger, "object": {"type": "tag", "sha": "t1"}},
        "/git/tags/t3": {"tag": "old-object", "sha": "t3", "object": {"type": "commit", "sha": "c9"}},
        "/git/commits/c9": {"sha": "c9", "committer": {"date": "2026-04-01T00:00:00Z"}, "parents": []},
    }
    memory = Memory()
    with github(routes) as server:
        memory.take(source(server, memory, {"tags"}), SINCE, UNTIL)
        tagged, committed = datetime(2026, 5, 2, 8), datetime(2026, 4, 1)
        assert {
            key[0]: (row["sha"], row["annotated"], row["tagged_at"]) for key, row in memory.tables["tags"].items()
        } == {
            "v1.0.0": ("c9", True, tagged),
            "v1.0.0-light": ("c9", False, committed),
            "twice": ("c9", True, tagged),
            "old-object": ("c9", True, committed),
        }
        assert memory.ledger("tags")["missing"] == 1
        asked = len(server.asked)
        # next day: nothing new is asked but for the tag that could not be read; one tag moved, one was taken back
        server.routes[ROOT + "/tags"] = [
            {"name": "v1.0.0", "commit": {"sha": "c9"}},
            {"name": "twice", "commit": {"sha": "d1"}},
        ]
        server.routes[ROOT + "/git/matching-refs/tags/"] = [ref("v1.0.0", "t1", "tag"), ref("twice", "t4", "tag")]
        server.routes[ROOT + "/git/tags/t4"] = {"tagger": tagger, "object": {"type": "commit", "sha": "d1"}}
        again = source(server, memory, {"tags"})
        memory.take(again, UNTIL, UNTIL + DAY)
        assert [path for path in server.asked[asked:] if "/git/tags/" in path or "/git/commits/" in path] == [
            f"{ROOT}/git/tags/t4"
        ]
        assert memory.tables["tags"]["twice",]["sha"] == "d1"
        assert [key["tag"] for key in again.gone["tags"]] == ["old-object", "v1.0.0-light"]


# ---------------------------------------------------------------------- commits


def test_commits_until_known_and_what_tags_name():
    main = chain(250)
    side = [commit("s0", UNTIL - DAY, "s1"), commit("s1", UNTIL - 2 * DAY, "c50")]
    routes = {
        "/commits": listing(main + side, "c0"),
        "/tags": [{"name": "v1", "commit": {"sha": "s0"}}],
        "/git/matching-refs/tags/": [ref("v1", "s0")],
        "/git/commits/s0": {"committer": {"date": at(UNTIL - DAY)}},
    }
    memory = Memory()
    with github(routes) as server:
        memory.take(source(server, memory, {"commits", "tags"}), SINCE, UNTIL)
        stored = {sha for (sha,) in memory.tables["commits"]}
        assert {f"c{number}" for number in range(91)} <= stored and {"s0", "s1"} <= stored
        assert memory.tables["commits"]["c0",]["author"] == "mona@example.org"
        asked = len(server.asked)
        memory.take(source(server, memory, {"commits"}), UNTIL, UNTIL + DAY)
        assert len(server.asked) - asked == 2  # the repository and one page


def test_commits_of_a_killed_sync_are_gone_on_with():
    main = chain(350)
    memory = Memory()
    with github({"/commits": listing(main, "c0")}) as server:
        memory.take(source(server, memory, {"commits"}), None, UNTIL, stop_after=1)
        assert len(memory.tables["commits"]) == 100
        asked = len(server.asked)
        memory.take(source(server, memory, {"commits"}), None, UNTIL)
        assert len(memory.tables["commits"]) == 350
        pages = [path for path in server.asked[asked:] if "/commits" in path]
        assert len(pages) == 1 + 3 and "sha=c100" in pages[1]


def test_files_of_a_killed_sync_are_not_asked_for_again():
    main = chain(60)
    files = {f"/commits/c{number}": {"files": [{"filename": "a"}]} for number in range(60)}
    memory = Memory()
    with github({"/commits": listing(main, "c0"), **files}) as server:
        memory.take(source(server, memory, {"commit_files"}), None, UNTIL, stop_after=3)
        assert (len(memory.tables["commit_files"]), len(memory.tables["commits"])) == (50, 25)
        memory.take(source(server, memory, {"commit_files"}), None, UNTIL)
        assert (len(memory.tables["commit_files"]), len(memory.tables["commits"])) == (60, 60)
        asked = [path for path in server.asked if "/commits/c" in path]
        assert len(asked) == 60


def test_work_older_than_the_window_that_was_merged_in_it_is_fetched():
    """A long-lived branch: its commits are older than the window, its merge is not."""
    main = chain(90, step=DAY)
    old = SINCE - 200 * DAY
    main[4] = commit("c4", UNTIL - 5 * DAY, "c5", "b0", message="Merge pull request #5 from mona/long")
    main[6] = commit("c6", UNTIL - 7 * DAY, "c7", "d0", message="Merge branch 'other'")
    branch = [commit("b0", old, "b1"), commit("b1", old - DAY, "c89")]
    other = [commit("d0", old, "c89")]
    mainline = [{**raw} for raw in main]
    merged = {"number": 5, "state": "closed", "title": "long", "created_at": at(old), "updated_at": at(UNTIL - 5 * DAY)}
    routes = {
        "/commits": list(mainline),  # older work lies beyond the pages that are read
        "/pulls": [{**merged, "merged_at": at(UNTIL - 5 * DAY), "merge_commit_sha": "c4"}],
        "/pulls/5/commits": branch[::-1],
        "/compare/c7...d0": {"commits": other, "total_commits": 1},
    }
    memory = Memory()
    with github(routes) as server:
        memory.take(source(server, memory, {"commits", "pull_request_commits"}), SINCE, UNTIL)
        assert {("b0",), ("b1",), ("d0",)} <= set(memory.tables["commits"])
        assert [path for path in server.asked if "compare" in path] == [f"{ROOT}/compare/c7...d0?per_page=100"]
        memory.changed.clear()
        memory.take(source(server, memory, {"commits", "pull_request_commits"}), SINCE, UNTIL)
        assert not +memory.changed


def test_an_empty_repository_has_no_commits_and_is_no_failure():
    memory = Memory()
    with github({"/commits": (409, {"message": "Git Repository is empty."})}) as server:
        memory.take(source(server, memory), SINCE, UNTIL)
    ledger = memory.ledger("commits")
    assert (ledger["fetched"], ledger["missing"], ledger["refused"]) == (0, 0, None)
    assert len(memory.rows("sync_ledger")) == len(TABLES_READ)


def test_files_of_commits_come_first_and_only_when_wanted():
    main = chain(30)
    main[3] = commit("c3", UNTIL - 4 * DAY, "c4", "c5", message="a merge")
    files = [{"filename": "services/a.py", "additions": 3, "deletions": 1, "status": "modified"}, {"sha": None}]
    routes = {
        "/commits": listing(main, "c0"),
        **{f"/commits/c{number}": {"sha": "x", "files": files} for number in range(30)},
    }
    memory = Memory()
    with github(routes) as server:
        memory.take(source(server, memory, {"commits"}), SINCE, UNTIL)
        assert not memory.rows("commit_files")
        memory.take(source(server, memory, {"commit_files"}), SINCE, UNTIL)  # wanted later, for what is stored
        assert len(memory.rows("commit_files")) == 29
        assert memory.ledger("commit_files")["missing"] == 29  # the objects without a name
        asked = len(server.asked)
        memory.take(source(server, memory, {"commit_files"}), SINCE, UNTIL)
        assert len(server.asked) - asked == 2
    fresh = Memory()
    with github(routes) as server:
        fresh.take(source(server, fresh, {"commit_files"}), SINCE, UNTIL)
    assert fresh.order.index("commit_files") < fresh.order.index("commits")
    assert fresh.content() == memory.content()


def pushed_and_merged():
    """Nine commits on main: five are pushed, c3 merges #5 (b0), c5 is #6 squashed, c6 and c7 are #7 rebased."""
    main = chain(9)
    main[1] = commit("c1", UNTIL - 2 * DAY, "c2", message="Mend the build (#99)")  # an issue's number
    main[3] = commit("c3", UNTIL - 4 * DAY, "c4", "b0", message="Merge pull request #5 from mona/five")
    main[5] = commit("c5", UNTIL - 6 * DAY, "c6", message="Squashed, and called otherwise")
    main[6] = commit("c6", UNTIL - 7 * DAY, "c7", message="seven, second")
    main[7] = commit("c7", UNTIL - 8 * DAY, "c8", message="seven, first")
    branch = [commit("b0", UNTIL - 5 * DAY, "c8", message="five")]
    rebased = [
        commit("r0", UNTIL - 8 * DAY, "c8", message="seven, first"),
        commit("r1", UNTIL - 7 * DAY, "r0", message="seven, second"),
    ]
    merged = [
        {"number": number, "state": "closed", "title": "x", "merge_commit_sha": sha}
        | dict.fromkeys(("created_at", "updated_at", "merged_at"), at(UNTIL - 4 * DAY))
        for number, sha in ((7, "c6"), (6, "c5"), (5, "c3"))
    ]
    return {
        "/commits": listing(main + branch, "c0"),
        "/pulls": merged,
        "/pulls/5/commits": branch,
        "/pulls/6/commits": [commit("q0", UNTIL - 9 * DAY, "c8", message="six")],
        "/pulls/7/commits": rebased,
        **{f"/commits/{raw['sha']}": {"files": [{"filename": "a"}]} for raw in main + branch},
    }


def test_files_of_commits_that_no_pull_request_brought():
    wanted, memory = {"commits", "pull_request_commits", "pull_request_files"}, Memory()
    with github(pushed_and_merged()) as server:

        def asked():
            return [path.split("/commits/")[1].split("?")[0] for path in server.asked if "/commits/" in path]

        memory.take(source(server, memory, wanted - {"pull_request_files"}), SINCE, UNTIL)
        assert asked() == []
        memory.take(source(server, memory, wanted), SINCE, UNTIL)
        assert asked() == ["c0", "c1", "c2", "c4", "c8"]
        assert {sha for sha, _ in memory.tables["commit_files"]} == set(asked())
        assert "commit_files" not in {row["table_name"] for row in memory.rows("sync_ledger")}
        memory.take(source(server, memory, wanted), UNTIL, UNTIL + DAY)
        assert len(asked()) == 5
        memory.take(source(server, memory, {"commit_files"}), SINCE, UNTIL)  # of all commits, later
        assert sorted(asked()[5:]) == ["b0", "c5", "c6", "c7"]
        assert memory.ledger("commit_files")["fetched"] == 4
        fresh = Memory()
        del server.asked[:]
        fresh.take(source(server, fresh, wanted), SINCE, UNTIL)  # all at once
        assert asked() == ["c0", "c1", "c2", "c4", "c8"]


def test_files_of_pushed_commits_are_gone_on_with(monkeypatch):
    """At most so many a sync, newest first; a killed sync keeps what it wrote, and later windows look back."""
    monkeypatch.setattr(github_commits, "MOST_PUSHED", 40)
    main, memory, seen = chain(60), Memory(), []
    files = {f"/commits/c{number}": {"files": [{"filename": "a"}]} for number in range(60)}
    wanted = {"commits", "pull_request_files"}
    with github({"/commits": listing(main, "c0"), **files}) as server:

        def take(since, until):
            memory.take(source(server, memory, wanted, progress=lambda *what: seen.append(what)), since, until)
            return [what for what in seen if what[0] == "commit_files"][-1]

        memory.take(source(server, memory, wanted), SINCE, UNTIL, stop_after=3)
        assert len(memory.tables["commit_files"]) == 25
        assert take(SINCE, UNTIL) == ("commit_files", 35, 35)
        memory.tables["commit_files"].clear()
        assert take(UNTIL, UNTIL + DAY) == ("commit_files", 40, 60)
        assert {sha for sha, _ in memory.tables["commit_files"]} == {f"c{number}" for number in range(40)}
        assert take(UNTIL + DAY, UNTIL + 2 * DAY) == ("commit_files", 20, 20)
        assert len([path for path in server.asked if "/commits/c" in path]) == (25 + 15) + 35 + 40 + 20


# ---------------------------------------------------------------------- the rest


def test_a_label_taken_off_is_forgotten():
    def issue(*labels):
        return {
            "number": 3,
            "state": "open",
            "title": "down",
            "created_at": at(UNTIL - DAY),
            "updated_at": at(UNTIL - DAY),
            "labels": [{"name": label} for label in labels],
            "pull_request": {"url": None, "html_url": None},
        }

    memory = Memory()
    with github({"/issues": [issue("incident", "urgent")]}) as server:
        memory.take(source(server, memory, {"issues", "issue_labels"}), SINCE, UNTIL)
        assert set(memory.tables["issue_labels"]) == {(3, "incident"), (3, "urgent")}
        assert memory.order.index("issue_labels") < memory.order.index("issues")
        server.routes[ROOT + "/issues"] = [issue("urgent")]
        again = source(server, memory, {"issues", "issue_labels"})
        memory.take(again, SINCE, UNTIL)
    assert again.gone["issue_labels"] == [{"repository": REPOSITORY, "number": 3, "label": "incident"}]


def test_a_gap_in_a_list_is_no_proof_that_something_is_gone():
    memory = Memory()
    milestone = {"number": 1, "state": "open", "title": "1.0"}
    with github({"/milestones": [milestone], "/milestones/1": milestone}) as server:
        memory.take(source(server, memory, {"milestones"}), SINCE, UNTIL)
        server.routes[ROOT + "/milestones"] = []
        again = source(server, memory, {"milestones"})
        memory.take(again, SINCE, UNTIL)
        assert not again.gone["milestones"]
        del server.routes[ROOT + "/milestones/1"]
        memory.take(again, SINCE, UNTIL)
        assert again.gone["milestones"] == [{"repository": REPOSITORY, "number": 1}]


def test_a_renamed_repository_keeps_its_name_in_lab_toml():
    said: list[str] = []
    memory = Memory()
    routes = {
        ROOT: (301, b"", {"Location": "/repositories/7"}),
        "/repositories/7": {"full_name": "acme/pay", "default_branch": "main"},
        "/repos/acme/pay/pulls": [],
    }
    with Server(routes) as server:
        memory.take(source(server, memory, {"pull_requests", "repositories"}, notify=said.append), SINCE, UNTIL)
    assert [row["repository"] for row in memory.rows("repositories")] == [REPOSITORY]
    assert said == ["acme/checkout has moved to acme/pay; name it so in lab.toml"]


def test_a_pull_request_with_more_commits_than_github_lists():
    raw = {"number": 1, "state": "open", "title": "", "created_at": at(UNTIL - DAY), "updated_at": at(UNTIL - DAY)}
    routes = {"/pulls": [raw], "/pulls/1/commits": chain(250), "/pulls/1": {**raw, "commits": 260}}
    memory = Memory()
    with github(routes) as server:
        memory.take(source(server, memory, {"pull_request_commits"}), SINCE, UNTIL)
    ledger = memory.ledger("pull_request_commits")
    assert (ledger["asked"], ledger["fetched"], ledger["capped"]) == (260, 250, 10)
    assert sorted(row["position"] for row in memory.rows("pull_request_commits")) == list(range(1, 251))


@pytest.mark.parametrize("count", [49, 50, 51, 100, 101])
def test_lists_of_every_size_are_whole(count):
    pulls = [
        {
            "number": n + 1,
            "state": "open",
            "title": "x",
            "created_at": at(SINCE),
            "updated_at": at(UNTIL - n * timedelta(hours=1)),
        }
        for n in range(count)
    ]
    memory = Memory()
    with github({"/pulls": pulls, **{f"/pulls/{n + 1}/reviews": [] for n in range(count)}}) as server:
        memory.take(source(server, memory, {"reviews"}), SINCE, UNTIL)
    assert len(memory.rows("pull_requests")) == count


def test_objects_without_what_they_need_are_missing_and_nothing_else_is_lost():
    with github(
        {"/issues": [{"title": "no number"}, {"number": 2, "state": "open", "created_at": at(UNTIL)}, {}]}
    ) as server:
        memory = Memory()
        memory.take(source(server, memory, {"issues"}), SINCE, UNTIL)
    ledger = memory.ledger("issues")
    assert (ledger["asked"], ledger["fetched"], ledger["missing"]) == (3, 1, 2)


def test_wanted_details_bring_their_parents():
    assert with_parents({"deployment_statuses"}) == {"deployment_statuses", "github_deployments"}
    assert with_parents({"workflow_steps"}) == {"workflow_steps", "workflow_runs"}
    assert with_parents({"issue_labels"}) == {"issue_labels", "issues"}
    assert set(TABLES_READ) <= set(TABLES)


def test_instants_with_a_zone_are_understood():
    memory = Memory()
    with github({}) as server:
        memory.take(source(server, memory, {"issues"}), SINCE.replace(tzinfo=UTC), UNTIL.replace(tzinfo=UTC))
        assert "since=2026-03-31T23%3A00%3A00Z" in server.asked[1]
    assert memory.ledger("issues")["window_start"] == SINCE
