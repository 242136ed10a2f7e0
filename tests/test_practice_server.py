"""The practice server: GitHub's addresses, pages, ETags, limits, tokens, faults; PyGithub and the lab read it."""

import socket
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import github
import pytest
import requests
from conftest_github import TOKEN, Memory
from made_github import NAME, START, at, issue, organisation, repository, run, sha

from devops_lab.errors import AccessError, SourceError
from devops_lab.github_api import GitHubClient
from devops_lab.practice.server import serve
from devops_lab.practice.server.access import Access
from devops_lab.practice.server.actions import created_filter
from devops_lab.practice.server.question import Limits
from devops_lab.practice.server.state import Options
from devops_lab.proposal import of_github
from devops_lab.sources.github import TABLES_READ, GitHub

pytestmark = pytest.mark.server
UNTIL = datetime(2026, 6, 30)
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
ISSUES = f"/repos/{NAME}/issues"


@contextmanager
def github_of(world=None, **options):
    """A served organisation and a session that asks it: ask("/repos/…", **query)."""
    with serve(world or organisation(), options=Options(**options)) as base, requests.Session() as session:

        def ask(path, headers=HEADERS, verb="GET", json=None, **query):
            address = path if path.startswith("http") else base + path
            return session.request(verb, address, headers=headers, params=query, json=json, allow_redirects=False)

        def control(**switches):
            answer = session.post(base.removesuffix("/api/v3") + "/_practice/control", json=switches)
            assert answer.status_code == 200, answer.text
            return answer.json()

        def log(**query):
            return session.get(base.removesuffix("/api/v3") + "/_practice/requests", params=query).json()

        yield SimpleNamespace(base=base, ask=ask, control=control, log=log)


@pytest.fixture(scope="module")
def served():
    with github_of() as server:
        yield server


def client(base, **options) -> GitHubClient:
    return GitHubClient(base, TOKEN, sleep=lambda seconds: None, **options)


def pygithub(base, per_page=30) -> github.Github:
    return github.Github(
        base_url=base,
        auth=github.Auth.Token(TOKEN),
        per_page=per_page,
        seconds_between_requests=0,
        seconds_between_writes=0,
        retry=None,
    )


def pulled(base, until=UNTIL, since=None, memory=None, **options) -> Memory:
    memory = memory or Memory()
    memory.take(GitHub(client(base, **options), NAME, None, memory.known), since, until)
    return memory


# ---------------------------------------------------------------------- who reads it


def test_pygithub_walks_the_endpoints(served):
    served.log()
    hub = pygithub(served.base, 10)
    repo = hub.get_repo(NAME)
    assert repo.id == 7 and hub.get_repo(7).full_name == NAME and hub.get_user().login == "student"
    assert [one.number for one in repo.get_issues(state="all")] == [4, 3, 2, 1]
    assert [one.number for one in repo.get_issues(state="all", since=START + timedelta(days=10))] == [4, 3]
    assert [one.number for one in repo.get_issues(state="closed", labels=["Incident"])] == [1]
    assert [one.event for one in repo.get_issues_events()] == ["merged", "closed", "labeled"]
    assert [one.event for one in repo.get_issue(1).get_events()] == ["labeled", "closed"]
    assert repo.get_milestone(1).title == "Spring" and repo.get_milestones(state="all").totalCount == 1
    assert [one.name for one in repo.get_labels()] == ["incident"]
    pulls = list(repo.get_pulls(state="all", sort="updated", direction="desc"))
    assert [one.number for one in pulls] == [4, 3]
    assert pulls[1].merged and pulls[1].additions == 3  # not in the list: PyGithub asks for the whole one
    assert [one.sha for one in pulls[1].get_commits()] == [sha(12)]
    assert [one.state for one in pulls[1].get_reviews()] == ["APPROVED"]
    assert [one.body for one in pulls[1].get_review_comments()] == ["why?"]
    assert [one.id for one in repo.get_pulls_comments()] == [71]
    commits = list(repo.get_commits())
    assert [one.sha for one in commits] == [sha(number) for number in range(60, 0, -1)]
    assert [one.sha for one in repo.get_commits(path="docs")] == [sha(60)]
    assert [one.sha for one in repo.get_commits(sha="v1.0.0", since=START + timedelta(days=9))] == [sha(10), sha(9)]
    assert [one.filename for one in repo.get_commit(sha(3)).files] == ["app.py"]
    assert repo.get_branch("main").commit.sha == sha(60) and repo.get_branches().totalCount == 1
    compared = repo.compare(sha(3), sha(6))
    assert [one.sha for one in compared.commits] == [sha(4), sha(5), sha(6)] and compared.status == "ahead"
    runs = list(repo.get_workflow_runs(created="2026-01-03..2026-01-05", branch="main"))
    assert [one.id for one in runs] == [5004, 5003, 5002]
    assert [one.id for one in repo.get_workflow_runs(status="failure")] == [5010, 5005]
    again = repo.get_workflow_run(5013)
    assert again.run_attempt == 2 and [one.id for one in again.jobs()] == [50131, 50132]
    assert [one.id for one in again.jobs("all")] == [50130, 50131, 50129, 50132]
    assert [one.id for one in repo.get_workflow("deploy.yml").get_runs()][:2] == [5013, 5012]
    assert [one.tag_name for one in repo.get_releases()] == ["v2.0.0", "v1.0.0"]
    assert repo.get_latest_release().id == 41 and repo.get_release("v1.0.0").id == 41
    assert [one.name for one in repo.get_tags()] == ["v1.1.0", "v1.0.0"]
    assert repo.get_git_ref("tags/v1.1.0").object.type == "tag" and repo.get_git_tag(sha(7000)).tag == "v1.1.0"
    assert [one.ref for one in repo.get_git_matching_refs("tags/")] == ["refs/tags/v1.0.0", "refs/tags/v1.1.0"]
    assert repo.get_git_commit(sha(5)).tree.sha == sha(10**6 + 5)
    deployments = list(repo.get_deployments(environment="production"))
    assert [one.id for one in deployments] == [303, 302, 301]
    assert [one.state for one in deployments[0].get_statuses()] == ["success", "in_progress"]
    assert [one.id for one in repo.get_deployments(sha=sha(20))] == [302]
    assert repo.get_environment("production").id == 80 and repo.get_environments().totalCount == 1
    assert hub.get_rate_limit().resources.core.limit == 5000
    assert "500" not in served.log()["by_status"]


def test_the_lab_reads_the_same_rows_through_faults(served):
    calm = pulled(served.base)
    counts = {name: len(calm.rows(name)) for name in TABLES_READ}
    assert counts["commits"] == 60 and counts["workflow_runs"] == 14 and counts["workflow_jobs"] == 15
    assert counts["reviews"] == 2 and counts["tags"] == 2 and counts["deployment_statuses"] == 6
    ledger = [row for row in calm.rows("sync_ledger") if row["table_name"] != "pull_request_files"]  # read by GraphQL
    assert not any(row["missing"] or row["capped"] or row["refused"] for row in ledger)
    with github_of() as server:
        server.control(faults={"fail_rate": 0.1, "secondary": 0.05, "truncate": 0.1, "drop": 0.1, "seed": 4})
        assert pulled(server.base).content() == calm.content()
        assert {"fail_rate", "secondary", "truncate", "drop"} <= set(server.log()["by_fault"])
    assert pulled(served.base, per_page=7).content() == calm.content()


def test_a_sync_in_the_middle_and_one_at_the_end_is_a_sync_at_the_end(served):
    whole = pulled(served.base).content()
    with github_of() as server:
        for middle in (6, 11.5, 15, 20.01, 25):
            moment = START + timedelta(days=middle)
            server.control(as_of=moment.isoformat())
            memory = pulled(server.base, moment.replace(tzinfo=None))
            assert len(memory.rows("commits")) == int(middle)
            server.control(as_of=None)
            again = pulled(server.base, since=(moment - timedelta(days=1)).replace(tzinfo=None), memory=memory)
            assert again.content() == whole, middle


def test_a_proposal_is_made(served):
    assert [one.rule["from"] for one in of_github(client(served.base), NAME).candidates] == [
        "deployments", "workflow", "releases", "tags", "merges",
    ]  # fmt: skip


# ---------------------------------------------------------------------- pages


@pytest.mark.parametrize("size", [49, 50, 51, 100, 101])
def test_every_page_is_read_whatever_its_size(size):
    world = organisation()
    world.repositories[NAME].objects["issues"] = [issue(number, number / 100) for number in range(1, size + 1)]
    with github_of(world) as server:
        for per_page in (49, 50, 51, 100, 101):
            pages = list(client(server.base, per_page=per_page).pages(ISSUES, state="all"))
            assert sum(map(len, pages)) == size and max(map(len, pages)) == min(per_page, 100, size)
            assert len(list(pygithub(server.base, per_page).get_repo(NAME).get_issues())) == size


def test_links_name_the_repository_by_its_id(served):
    answer = served.ask(ISSUES, state="all", per_page=1, page=2)
    links = {name: link["url"] for name, link in answer.links.items()}
    start = f"{served.base}/repositories/7/issues?state=all&per_page=1&page="
    assert links == {"prev": f"{start}1", "next": f"{start}3", "last": f"{start}4", "first": f"{start}1"}
    assert served.ask(links["next"]).json()[0]["number"] == 2
    assert "next" not in served.ask(links["last"]).links
    assert served.ask(ISSUES, per_page=1, page=99).json() == []
    assert len(served.ask(f"/repos/{NAME}/commits").json()) == 30
    assert "files" not in served.ask(f"/repos/{NAME}/commits").json()[0]
    assert len(served.ask(ISSUES, per_page="x", page="-1").json()) == 1


def test_runs_end_at_a_thousand_when_filtered_and_refuse_beyond_the_cap():
    world = organisation()
    world.repositories[NAME].objects["runs"] = [run(number, number / 1000) for number in range(1, 2502)]
    path = f"/repos/{NAME}/actions/runs"
    with github_of(world, limits=Limits(filtered_runs=1000, items=2000)) as server:
        filtered = list(client(server.base).pages(path, "workflow_runs", event="push"))
        assert sum(map(len, filtered)) == 1000 and filtered[0].total == 2501
        assert server.ask(path, event="push", per_page=100, page=11).json()["workflow_runs"] == []
        assert len(server.ask(path, per_page=100, page=20).json()["workflow_runs"]) == 100
        refused = server.ask(path, per_page=100, page=21)
        assert refused.status_code == 422 and "pagination is limited" in refused.json()["message"]
        assert server.ask(path, per_page=100, page=19).links["next"]["url"].endswith("page=20")
        last = server.ask(path, per_page=100, page=20).links  # who follows the links learns that there is more
        assert last["next"]["url"].endswith("page=21") and "last" not in last
        assert "next" not in server.ask(path, event="push", per_page=100, page=10).links
        memory = Memory()
        memory.take(GitHub(client(server.base), NAME, ["workflow_runs"], memory.known), None, UNTIL)
        assert len(memory.rows("workflow_runs")) == 2501  # sliced: none lost


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("2026-01-02", (False, True, True, False)), (">=2026-01-02", (False, True, True, True)),
        (">2026-01-02", (False, False, False, True)), ("<2026-01-02", (True, False, False, False)),
        ("<=2026-01-02", (True, True, True, False)), ("2026-01-02..*", (False, True, True, True)),
        ("*..2026-01-02", (True, True, True, False)),
        ("2026-01-02T00:00:00Z..2026-01-02T00:00:00Z", (False, True, False, False)),
        ("2026-01-02T00:00:00+00:00..2026-01-03T00:00:00Z", (False, True, True, True)),
    ],
)  # fmt: skip
def test_created(text, hits):
    days = [datetime(2026, 1, day, hour, tzinfo=UTC) for day, hour in ((1, 23), (2, 0), (2, 23), (3, 0))]
    assert tuple(map(created_filter(text), days)) == hits


@pytest.mark.parametrize("noun", ["issues", "issue_events", "pulls"])
def test_long_lists_refuse_what_lies_beyond_the_cap(noun):
    world, path = organisation(), f"/repos/{NAME}/{noun.replace('_', 's/')}"
    objects = world.repositories[NAME].objects
    objects[noun] = [{**objects[noun][0], "id": number, "number": number} for number in range(1, 32)]
    with github_of(world, limits=Limits(items=30)) as server:
        links = [server.ask(path, state="all", per_page=10, page=page).links for page in (1, 2, 3)]
        assert [link["next"]["url"][-1] for link in links] == ["2", "3", "4"] and links[0]["last"]["url"].endswith("3")
        beyond = server.ask(links[2]["next"]["url"])
        assert beyond.status_code == 422 and "pagination is limited" in beyond.json()["message"]
        objects[noun] = objects[noun][:30]
        assert "next" not in server.ask(path, state="all", per_page=10, page=3).links


# ---------------------------------------------------------------------- ETags and limits


def test_what_has_not_changed_costs_nothing(served):
    first = served.ask(f"/repos/{NAME}")
    tag = first.headers["ETag"]
    assert tag.startswith('"') and first.headers["Last-Modified"] == "Mon, 02 Mar 2026 00:00:00 GMT"
    left = int(first.headers["X-RateLimit-Remaining"])
    same = served.ask(f"/repos/{NAME}", {**HEADERS, "If-None-Match": f'"other", W/{tag}'})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert int(same.headers["X-RateLimit-Remaining"]) == left
    since = served.ask(f"/repos/{NAME}", {**HEADERS, "If-Modified-Since": first.headers["Last-Modified"]})
    assert since.status_code == 304
    older = {**HEADERS, "If-Modified-Since": "Sun, 01 Mar 2026 00:00:00 GMT"}
    assert served.ask(f"/repos/{NAME}", older).status_code == 200
    listed = served.ask(ISSUES, state="all")
    assert served.ask(ISSUES, {**HEADERS, "If-None-Match": listed.headers["ETag"]}, state="all").status_code == 304
    assert served.ask(ISSUES, {**HEADERS, "If-None-Match": listed.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize("status", [403, 429])
def test_a_limit_is_used_up_and_comes_back(status):
    now = [1_800_000_000.0]
    with github_of(limit=3, clock=lambda: now[0]) as server:
        server.control(limit_status=status)
        left = [server.ask(ISSUES).headers["X-RateLimit-Remaining"] for _ in range(3)]
        assert left == ["2", "1", "0"]
        refused = server.ask(ISSUES)
        assert refused.status_code == status and "rate limit exceeded" in refused.json()["message"]
        assert refused.headers["X-RateLimit-Reset"] == "1800003600"
        core = server.ask("/rate_limit").json()["resources"]["core"]
        assert (core["remaining"], core["used"]) == (0, 3)
        waits = []
        lab = GitHubClient(
            server.base, TOKEN, sleep=lambda seconds: (waits.append(seconds), now.append(now.pop() + 3600))
        )
        assert len(lab.get(ISSUES)) == 1 and len(waits) == 1
        assert server.log()["charged"] == 4


def test_too_many_at_once_is_a_secondary_limit():
    with github_of() as server:
        server.control(per_minute=2)
        answers = [server.ask(ISSUES) for _ in range(3)]
        assert [one.status_code for one in answers] == [200, 200, 403]
        assert "secondary rate limit" in answers[2].json()["message"] and int(answers[2].headers["Retry-After"]) <= 61


def test_enterprise_lies_elsewhere_and_has_no_limits():
    with github_of(enterprise=True, limit=1) as server:
        assert server.base.endswith("/api/v3")
        answers = [server.ask(ISSUES, state="all", per_page=1) for _ in range(3)]
        assert answers[2].status_code == 200 and not any("ratelimit" in name.lower() for name in answers[2].headers)
        assert answers[2].links["next"]["url"].startswith(f"{server.base}/repositories/7/issues?")
        assert server.ask("/rate_limit").status_code == 404
        assert len(pulled(server.base).rows("commits")) == 60


# ---------------------------------------------------------------------- tokens and names


def test_tokens():
    tokens = {
        "classic": Access("mona"),
        "public": Access("paul", scopes=("public_repo",)),
        "fine": Access("rita", permissions={"issues": "read", "contents": "read"}, repositories=[NAME.upper()]),
        "other": Access("tom", permissions={"issues": "read"}, repositories=["acme/else"]),
    }
    with github_of(organisation(**{NAME: repository(private=True)}), tokens=tokens) as server:

        def status(token, path=ISSUES):
            return server.ask(path, {"Authorization": f"token {token}"} if token else {}).status_code

        assert [status(one) for one in ("classic", "public", "fine", "other", "wrong", None)] == [
            200, 404, 200, 404, 401, 404,
        ]  # fmt: skip
        refused = server.ask(f"/repos/{NAME}/actions/runs", {"Authorization": "Bearer fine"})
        assert refused.status_code == 403
        assert refused.json()["message"] == "Resource not accessible by personal access token"
        assert refused.headers["X-Accepted-GitHub-Permissions"] == "actions=read"
        assert [status("fine", f"/repos/{NAME}{path}") for path in ("", "/pulls", "/deployments")] == [200, 403, 403]
        assert len(server.ask(f"/repos/{NAME}/releases", {"Authorization": "Bearer fine"}).json()) == 1  # no drafts
        assert server.ask("/user", {"Authorization": "Bearer fine"}).json()["login"] == "rita"
        assert status(None, "/user") == 401
        assert server.ask("/orgs/acme/repos", {"Authorization": "Bearer public"}).status_code == 404
        assert "repo" in server.ask("/", {"Authorization": "Bearer classic"}).headers["X-OAuth-Scopes"]
        memory = Memory()
        memory.take(GitHub(GitHubClient(server.base, "fine"), NAME, None, memory.known), None, UNTIL)
        assert memory.ledger("workflow_runs")["refused"] and len(memory.rows("commits")) == 60
        with pytest.raises(AccessError):
            GitHubClient(server.base, "wrong").repository(NAME)
        assert "fine" not in str(server.log())


def test_names_in_any_case_and_former_names():
    with github_of(renamed={"acme/old": NAME}) as server:
        assert server.ask("/repos/ACME/Checkout/issues").status_code == 200
        moved = server.ask("/repos/acme/old/issues", state="all", per_page=1)
        address = f"{server.base}/repositories/7/issues?state=all&per_page=1"
        assert (moved.status_code, moved.headers["Location"], moved.json()["url"]) == (301, address, address)
        pages = list(client(server.base, per_page=1).pages("/repos/acme/old/issues", state="all"))
        assert [page[0]["number"] for page in pages] == [4, 3, 2, 1]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/repos/acme/none", 404), ("/nothing", 404), (f"{ISSUES}/99", 404), (f"{ISSUES}/x", 404),
        (f"/repos/{NAME}/commits/abc", 422), (f"/repos/{NAME}/commits?sha=gone", 404), ("/repositories/8", 404),
        (f"/repos/{NAME}/actions/runs/5013/attempts/3", 404), (f"{ISSUES}?since=yesterday", 422),
        (f"/repos/{NAME}/actions/runs?created=soon", 422), (f"/repos/{NAME}/compare/main", 404),
        (f"/repos/{NAME}/git/ref/tags/v9", 404), (f"/repos/{NAME}/releases/{'9' * 30}", 404), ("/repositories/²", 404),
    ],
)  # fmt: skip
def test_what_is_not_there(served, path, status):
    answer = served.ask(path)
    assert answer.status_code == status and answer.json()["documentation_url"].startswith("https://docs.github.com")
    assert served.ask(ISSUES, verb="PATCH").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        f"/repos/{NAME}/actions/runs?created=9999-12-31",
        f"/repos/{NAME}/actions/runs?created=>",
        f"{ISSUES}?page={'9' * 40}",
        f"/repos/{NAME}/commits/%C3%A9%E2%82%AC?per_page=1",
        f"/repos/{NAME}/branches/a%23b%3F",
        f"{ISSUES}?since=0001-01-01",
        f"/repos/{NAME}/commits?since=0001-01-01T00:00:00%2B14:00&until=9999-12-31",
        f"{ISSUES}?labels=%00,,&sort=x&direction=y",
        "/repos/acme/old/labels/%E2%82%AC%23",
        f"/repos/{NAME}/compare/...",
        f"/repos/{NAME}/git/ref/",
        "/repos//x",
        "/%00",
        f"/repos/{NAME}/commits/main?per_page=1&x=%E2%82%AC",
        f"/repos/{NAME}/labels/%E2%82%AC",
        "/orgs/%E2%82%AC/repos",
    ],
)
@pytest.mark.parametrize("token", ["Bearer x", "Basic é", "Basic eDp5", "", "x" * 2000])
def test_nothing_strange_breaks_it(strange, path, token):
    headers = {"Authorization": token.encode("latin-1"), "If-Modified-Since": "Mon, 02 Mar 2026 00:00:00 -0000"}
    assert strange.ask(path, headers).status_code in (200, 301, 401, 404, 422)


@pytest.fixture(scope="module")
def strange():
    with github_of(renamed={"acme/old": NAME}, anonymous_limit=10_000) as server:
        yield server


def test_an_empty_repository_has_no_commits():
    world = organisation()
    world.repositories[NAME].objects |= {"commits": [], "branches": []}
    with github_of(world) as server:
        assert server.ask(f"/repos/{NAME}/commits").status_code == 409


# ---------------------------------------------------------------------- switches


def test_as_of_shows_the_past():
    with github_of() as server:
        server.control(as_of=at(20.01))
        repo = pygithub(server.base).get_repo(NAME)
        assert repo.get_branch("main").commit.sha == sha(20)
        open_pull = repo.get_pull(4)
        assert (open_pull.state, open_pull.merged_at, open_pull.merged) == ("open", None, False)
        assert [one.number for one in repo.get_pulls(state="closed")] == [3]
        going = repo.get_workflow_run(5013)
        assert (going.run_attempt, going.status, going.conclusion) == (2, "in_progress", None)
        assert [one.id for one in repo.get_deployments()] == [302, 301]
        assert list(repo.get_deployment(302).get_statuses()) == []
        assert [one.name for one in repo.get_tags()] == ["v1.0.0"] and len(list(repo.get_releases())) == 1
        server.control(as_of=at(3))
        assert [label.name for label in repo.get_issue(1).labels] == []
        assert server.control(as_of=None)["as_of"] is None
        assert repo.get_branch("main").commit.sha == sha(60)


def test_faults_are_the_same_each_time():
    seen = []
    for _ in range(2):
        with github_of() as server:
            server.control(faults={"fail_rate": 0.5, "seed": 3})
            seen.append([server.ask(ISSUES).status_code for _ in range(30)])
    assert seen[0] == seen[1] and 200 in seen[0] and {500, 502, 503} & set(seen[0])


def test_bodies_are_cut_and_connections_dropped():
    with github_of() as server:
        whole = server.ask(ISSUES).content
        server.control(faults={"truncate": 1})
        cut = server.ask(ISSUES)
        assert cut.status_code == 200 and cut.content == whole[: len(whole) // 2]
        server.control(faults={"drop": 1})
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            server.ask(ISSUES)
        server.control(faults={"slow": 1, "slow_seconds": 0.05})
        assert server.ask(ISSUES).elapsed >= timedelta(seconds=0.05)
        server.control(faults={"forbidden": 1})
        assert server.ask(ISSUES).status_code == 403


@pytest.mark.parametrize(
    "switches",
    [{"nothing": 1}, {"faults": {"fail_rate": 2}}, {"faults": {"x": 1}}, {"as_of": "soon"}, {"limit": "many"}, [1],
     {"limit_status": 500}, {"as_of": 5}],
)  # fmt: skip
def test_a_wrong_switch_is_refused(served, switches):
    address = f"{served.base}/_practice/control"
    before = requests.get(address).json()
    assert requests.post(address, json=switches).status_code == 422
    assert requests.post(address, data="as_of=x").status_code == 415
    assert requests.get(address).json() == before


def test_requests_are_counted():
    with github_of() as server:
        server.ask(ISSUES)
        server.ask(f"{ISSUES}/1")
        server.ask("/nothing")
        counted = server.log()
        assert counted["by_route"] == {"/issues": 1, "/issues/{number}": 1, "?": 1}
        assert counted["by_status"] == {"200": 2, "404": 1} and counted["total_count"] == 3
        assert server.log(path="/issues/1")["total_count"] == 1
        requests.delete(f"{server.base}/_practice/requests")
        assert server.log()["total_count"] == 0


def test_a_port_in_use_is_said():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SourceError, match=f"port {port}"), serve(organisation(), port):
            pass
