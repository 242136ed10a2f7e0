"""The practice server's security alerts: filters, cursors, who may see them, PyGithub and the lab reading them."""

import pytest
from made_github import NAME, alert, at, code_alert, organisation, repository, watched
from test_practice_server import UNTIL, client, github_of, pygithub

from devops_lab.practice.server.access import Access
from devops_lab.sources.github_security import GitHubSecurity

pytestmark = pytest.mark.server
DEPENDABOT, CODE = f"/repos/{NAME}/dependabot/alerts", f"/repos/{NAME}/code-scanning/alerts"


def watched_organisation(**options):
    world = organisation(**{NAME: repository(**options)})
    world.repositories[NAME].objects = watched(world.repositories[NAME].objects)
    return world


@pytest.fixture(scope="module")
def served():
    with github_of(watched_organisation()) as server:
        yield server


def numbers(answer):
    assert answer.status_code == 200, answer.text
    return [raw["number"] for raw in answer.json()]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [4, 3, 2, 1]), ({"state": "open"}, [4, 3]), ({"state": "fixed,dismissed"}, [2, 1]),
        ({"severity": "critical,low"}, [4, 2]), ({"ecosystem": "npm"}, []), ({"package": "package-3"}, [3]),
        ({"manifest": "pyproject.toml", "scope": "runtime", "direction": "asc"}, [1, 2, 3, 4]),
        ({"sort": "updated"}, [4, 2, 1, 3]), ({"state": ""}, [4, 3, 2, 1]), ({"state": "nothing"}, []),
    ],
)  # fmt: skip
def test_dependabot_alerts_are_filtered(served, query, found):
    assert numbers(served.ask(DEPENDABOT, **query)) == found


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, [2, 1]), ({"state": "open"}, [2]), ({"state": "closed"}, [1]), ({"state": "dismissed"}, []),
        ({"severity": "medium"}, [1]), ({"severity": "error"}, [2, 1]), ({"tool_name": "codeql"}, [2, 1]),
        ({"tool_name": "other"}, []), ({"sort": "updated"}, [1, 2]), ({"sort": "number", "direction": "asc"}, [1, 2]),
        ({"per_page": 1, "page": 2}, [1]),
    ],
)  # fmt: skip
def test_code_scanning_alerts_are_filtered(served, query, found):
    assert numbers(served.ask(CODE, **query)) == found


def test_dependabot_alerts_are_paged_by_cursors(served):
    first = served.ask(DEPENDABOT, per_page=2, state="open,fixed,dismissed")
    assert numbers(first) == [4, 3] and set(first.links) == {"next"}
    assert "&page=" not in first.links["next"]["url"]
    assert first.links["next"]["url"].startswith(f"{served.base}/repositories/7/dependabot/alerts?per_page=2&state=")
    second = served.ask(first.links["next"]["url"])
    assert numbers(second) == [2, 1] and set(second.links) == {"prev"}
    assert numbers(served.ask(second.links["prev"]["url"])) == [4, 3]
    whole = served.ask(DEPENDABOT, per_page=4)
    assert "Link" not in whole.headers
    refused = served.ask(DEPENDABOT, page=1)
    assert refused.status_code == 400 and "`page` parameter is not supported" in refused.json()["message"]
    for cursor in ("x", "1", "Y3Vyc29y", "é", "eDp2MjoxLjA6MQ=="):
        assert served.ask(DEPENDABOT, after=cursor).status_code == 422, cursor


def test_a_new_alert_shifts_no_page():
    world = watched_organisation()
    with github_of(world) as server:
        following = server.ask(DEPENDABOT, per_page=2).links["next"]["url"]
        objects = world.repositories[NAME].objects
        objects["dependabot_alerts"] = [alert(5, 30), *objects["dependabot_alerts"]]
        assert numbers(server.ask(following)) == [2, 1]


def test_one_alert(served):
    assert served.ask(f"{DEPENDABOT}/2").json()["dismissed_reason"] == "not_used"
    assert served.ask(f"{CODE}/1").json()["most_recent_instance"]["state"] == "fixed"
    assert [served.ask(f"{path}/{n}").status_code for path in (DEPENDABOT, CODE) for n in ("9", "x")] == [404] * 4


def test_what_is_turned_off_is_said():
    with github_of() as server:
        for path in (DEPENDABOT, f"{DEPENDABOT}/1"):
            off = server.ask(path)
            assert (off.status_code, off.json()["message"]) == (
                403,
                "Dependabot alerts are disabled for this repository.",
            )
        for path in (CODE, f"{CODE}/1"):
            never = server.ask(path)
            assert (never.status_code, never.json()["message"]) == (404, "no analysis found")


def test_alerts_are_told_to_members_only():
    tokens = {
        "classic": Access("mona"), "events": Access("eve", scopes=("security_events",)),
        "public": Access("paul", scopes=("public_repo",)), "none": Access("nina", scopes=("read:org",)),
        "fine": Access("rita", permissions={"vulnerability_alerts": "read"}),
        "other": Access("tom", permissions={"security_events": "write"}),
    }  # fmt: skip
    wanted = {
        "classic": [200, 200], "events": [200, 200], "public": [200, 200], "none": [403, 403], "fine": [200, 403],
        "other": [403, 200], None: [403, 403],
    }  # fmt: skip
    with github_of(watched_organisation(), tokens=tokens) as server:
        for token, statuses in wanted.items():
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            assert [server.ask(path, headers).status_code for path in (DEPENDABOT, CODE)] == statuses, token
        refused = server.ask(CODE, {"Authorization": "Bearer fine"})
        assert refused.headers["X-Accepted-GitHub-Permissions"] == "security_events=read"
    with github_of(watched_organisation(private=True), tokens=tokens) as server:
        assert server.ask(CODE, {"Authorization": "Bearer public"}).status_code == 404


def test_alerts_as_they_were():
    with github_of(watched_organisation()) as server:
        server.control(as_of=at(8.5))
        assert numbers(server.ask(DEPENDABOT, state="open")) == [3, 2, 1]
        second = server.ask(f"{DEPENDABOT}/2").json()
        assert second == {**alert(2, 3, severity="low")} | {"url": second["url"]}
        ours, fixed = (server.ask(f"{CODE}/{number}").json() for number in (2, 1))
        assert (ours["state"], fixed["state"], fixed["fixed_at"]) == ("open", "fixed", at(8))
        server.control(as_of=at(7))
        before = server.ask(f"{CODE}/1").json()
        assert before == code_alert(1, 4, severity="medium") | {"url": before["url"]}


def test_pygithub_and_the_lab_read_them(served):
    repo = pygithub(served.base, 3).get_repo(NAME)
    assert [one.number for one in repo.get_dependabot_alerts()] == [4, 3, 2, 1]
    assert repo.get_dependabot_alert(2).dismissed_reason == "not_used"
    assert [one.number for one in repo.get_codescan_alerts()] == [2, 1]
    batches = list(GitHubSecurity(client(served.base, per_page=3), NAME).pull(None, UNTIL))
    rows = [row for table, batch in batches if table == "security_alerts" for row in batch]
    assert sorted((row["kind"], row["number"]) for row in rows) == [
        ("code_scanning", 1), ("code_scanning", 2), *(("dependabot", number) for number in (1, 2, 3, 4)),
    ]  # fmt: skip
    ledger = batches[-1][1][0]
    assert (ledger["fetched"], ledger["refused"], ledger["warnings"]) == (6, None, None)
