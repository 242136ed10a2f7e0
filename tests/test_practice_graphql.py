"""The practice server's GraphQL: a part of GitHub's published schema, its pages, limits, errors, tokens and faults."""

import time
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
import requests
from conftest import skip
from conftest_github import TOKEN
from graphql import build_schema, get_introspection_query, is_specified_scalar_type, parse, validate
from made_github import NAME, at, organisation, repository
from starlette.routing import Route
from test_architecture import ROOT

from devops_lab.practice.server import Options, application, graphql, graphql_subset, serve
from devops_lab.practice.server.access import Access
from devops_lab.sources import github_bulk

PUBLISHED = ROOT / "node_modules" / "@octokit" / "graphql-schema" / "schema.graphql"
OWNER, SHORT = NAME.split("/")
PULLS = "query($first: Int, $after: String) { repository(owner: \"%s\", name: \"%s\") { pullRequests(first: $first, after: $after) " % (OWNER, SHORT)  # fmt: skip  # noqa: E501, UP031
LISTED = PULLS + "{ totalCount nodes { number } pageInfo { hasNextPage endCursor } } } }"


@contextmanager
def served_with_graphql(world, options, monkeypatch):
    """Serve a world whose application has the route of GraphQL, whoever put it there."""
    made = application.app

    def app(*given):
        found = made(*given)
        state = found.state.practice
        if not any(getattr(route, "path", None) == graphql.path(state) for route in found.router.routes):
            sent = graphql.endpoint(state, application._Sent)
            found.router.routes.insert(0, Route(graphql.path(state), sent, methods=["POST"]))
        return found

    monkeypatch.setattr(application, "app", app)
    with serve(world, options=options) as base:
        yield base


@pytest.fixture
def hub(monkeypatch):
    """hub(world, **options): a session that asks: .ask(query, token=…, **variables), .control(**switches), .log()."""
    stack = []

    def start(world=None, **options):
        context = served_with_graphql(world or organisation(), Options(**options), monkeypatch)
        base = context.__enter__()
        stack.append(context)
        root = base.removesuffix("/api/v3")
        address = root + ("/api" if base != root else "") + "/graphql"

        def ask(query, token=TOKEN, body=None, **variables):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return requests.post(address, headers=headers, json=body or {"query": query, "variables": variables})

        def control(**switches):
            assert requests.post(f"{root}/_practice/control", json=switches).status_code == 200

        log = lambda: requests.get(f"{root}/_practice/requests").json()  # noqa: E731
        return SimpleNamespace(ask=ask, control=control, log=log, address=address, base=base)

    yield start
    for context in stack:
        context.__exit__(None, None, None)


@pytest.fixture(scope="module")
def published():
    if not PUBLISHED.is_file():
        skip("npm's @octokit/graphql-schema is not installed (make setup)")
    return graphql_subset.published_schema(PUBLISHED)


# ---------------------------------------------------------------------- the schema


def described(kind):
    """All that a type promises, as texts."""
    fields = {}
    for name, one in getattr(kind, "fields", {}).items():
        given = {key: (str(arg.type), arg.default_value) for key, arg in getattr(one, "args", {}).items()}
        fields[name] = (str(one.type), given)
    return (
        type(kind).__name__,
        fields,
        set(getattr(kind, "values", {})),
        {one.name for one in getattr(kind, "interfaces", ())},
    )


def test_the_subset_is_what_github_published(published):
    mine = graphql.schema()
    for name, kind in mine.type_map.items():
        if name.startswith("__") or is_specified_scalar_type(kind):
            continue
        what, fields, values, interfaces = described(kind)
        same, all_fields, all_values, all_interfaces = described(published.type_map[name])
        assert (what, values) == (same, all_values), name
        assert interfaces == all_interfaces & set(mine.type_map), name
        for field, told in fields.items():
            assert told == all_fields[field], (name, field)
        if name not in graphql_subset.KEPT:
            assert fields == all_fields, name
    assert graphql_subset.subset(published) == (ROOT / "devops_lab/practice/server/github.graphql").read_text()


@pytest.mark.parametrize("query", [github_bulk.details_query([1, 2]), github_bulk.FILES])
def test_what_the_lab_asks_is_valid(published, query):
    assert validate(published, parse(query)) == [] == validate(graphql.schema(), parse(query))


def test_the_schema_is_read_quickly():
    text = (ROOT / "devops_lab/practice/server/github.graphql").read_text()
    started = time.process_time()
    build_schema(text)
    assert time.process_time() - started < 0.1


# ---------------------------------------------------------------------- answers


@pytest.mark.server
def test_a_query_is_answered(hub):
    server = hub()
    answer = server.ask(PULLS + "{ nodes { number state url author { __typename login } } } } }", first=5)
    assert answer.status_code == 200
    nodes = answer.json()["data"]["repository"]["pullRequests"]["nodes"]
    assert [one["number"] for one in nodes] == [3, 4] and nodes[0]["state"] == "MERGED"
    assert answer.headers["X-RateLimit-Resource"] == "graphql" and answer.headers["X-RateLimit-Used"] == "1"
    assert server.ask("{ viewer { login } }").json() == {"data": {"viewer": {"login": "student"}}}
    types = server.ask(get_introspection_query()).json()["data"]["__schema"]["types"]
    assert {"PullRequest", "Repository"} <= {one["name"] for one in types}
    whole = server.ask(
        github_bulk.details_query([3]), owner=OWNER, name=SHORT, **dict.fromkeys(github_bulk.PARTS.values(), True)
    )
    pull = whole.json()["data"]["repository"]["p3"]
    assert pull["reviews"]["nodes"][0]["author"] == {"__typename": "Bot", "login": "dependabot"}  # no "[bot]" here
    assert [one["path"] for one in pull["files"]["nodes"]] == ["app.py"]
    assert server.log()["by_route"] == {"/graphql": 4}


@pytest.mark.server
def test_pages_and_their_limits(hub):
    server = hub()
    first = server.ask(LISTED, first=1).json()["data"]["repository"]["pullRequests"]
    assert first["totalCount"] == 2 and first["nodes"] == [{"number": 3}] and first["pageInfo"]["hasNextPage"]
    second = server.ask(LISTED, first=1, after=first["pageInfo"]["endCursor"]).json()["data"]["repository"][
        "pullRequests"
    ]
    assert second["nodes"] == [{"number": 4}] and not second["pageInfo"]["hasNextPage"]

    def kind(query, **variables):
        return server.ask(query, **variables).json()["errors"][0].get("type")

    assert kind(LISTED, first=101) == "EXCESSIVE_PAGINATION"
    assert kind(LISTED) == "MISSING_PAGINATION_BOUNDARIES"
    assert kind(LISTED, first=1, after="x") == "INVALID_CURSOR_ARGUMENTS"
    counted = PULLS + "{ totalCount } } }"
    assert server.ask(counted).json()["data"]["repository"]["pullRequests"] == {"totalCount": 2}
    deep = PULLS + "{ nodes { reviews(first: 100) { nodes { comments(first: 100) { nodes { id } } } } } } } }"
    assert kind(deep, first=100) == "MAX_NODE_LIMIT_EXCEEDED"  # 100 + 100² + 100³ nodes


@pytest.mark.server
def test_points_are_counted_and_used_up(hub):
    server = hub(limit=3)
    rate = "{ rateLimit { cost nodeCount limit remaining used } }"
    assert server.ask(rate).json()["data"]["rateLimit"] == {
        "cost": 1,
        "nodeCount": 0,
        "limit": 3,
        "remaining": 2,
        "used": 1,
    }
    nested = (
        PULLS
        + "{ nodes { reviews(first: 10) { nodes { comments(first: 1) { nodes { id } } } } } } } "
        + "rateLimit { cost nodeCount } }"
    )
    told = server.ask(nested, first=20).json()["data"]["rateLimit"]
    assert told == {"cost": 2, "nodeCount": 20 + 200 + 200}  # 1 + 20 + 200 requests, a hundred a point
    spent = server.ask(rate)
    assert spent.status_code == 200 and spent.json()["errors"][0]["type"] == "RATE_LIMITED"
    assert spent.headers["X-RateLimit-Remaining"] == "0"


@pytest.mark.server
def test_tokens_see_what_is_theirs(hub):
    tokens = {"all": Access("mona"), "fine": Access("rita", permissions={"contents": "read"}, repositories=[NAME]),
              "public": Access("paul", scopes=("public_repo",))}  # fmt: skip
    server = hub(organisation(**{NAME: repository(private=True)}), tokens=tokens)
    assert server.ask(LISTED, None, first=1).status_code == 401
    assert server.ask(LISTED, "wrong", first=1).status_code == 401
    hidden = server.ask(LISTED, "public", first=1)
    assert hidden.status_code == 200 and hidden.json()["data"] == {"repository": None}
    assert hidden.json()["errors"][0]["type"] == "NOT_FOUND" and hidden.json()["errors"][0]["path"] == ["repository"]
    assert server.ask(LISTED, "fine", first=1).json()["errors"][0]["type"] == "FORBIDDEN"
    assert "errors" not in server.ask(LISTED, "all", first=1).json()


@pytest.mark.server
def test_the_past_faults_and_enterprise(hub):
    server = hub()
    server.control(as_of=at(10))
    assert [
        one["number"] for one in server.ask(LISTED, first=9).json()["data"]["repository"]["pullRequests"]["nodes"]
    ] == [3]
    server.control(faults={"fail_rate": 1})
    assert server.ask(LISTED, first=1).status_code in (500, 502, 503)
    server.control(faults={"truncate": 1})
    assert not server.ask(LISTED, first=1).text.endswith("}")
    enterprise = hub(enterprise=True)
    assert enterprise.address.endswith("/api/graphql")
    answer = enterprise.ask("{ rateLimit { cost } viewer { login } }")
    assert answer.json()["data"]["rateLimit"] is None and "X-RateLimit-Limit" not in answer.headers


@pytest.mark.server
def test_bad_questions(hub):
    server = hub()
    assert requests.post(server.address, data="{", headers={"Authorization": "Bearer x"}).status_code == 400
    for body in (
        [],
        {"query": 1},
        {"query": "{viewer{login}}", "variables": []},
        {"query": "{viewer{login}}", "variables": "x"},
    ):
        assert server.ask("", body=body or [1]).status_code in (200, 400)
    for query in (
        "",
        "{",
        "mutation { x }",
        "{ nothing }",
        "query($a: Int!) { viewer { login } }",
        "{viewer" * 5000,
        '{ node(id: "x") { id } }',
    ):
        answer = server.ask("", body={"query": query})
        assert answer.status_code == 200 and answer.json()["errors"], query[:50]
