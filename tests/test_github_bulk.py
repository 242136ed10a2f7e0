"""Pull requests through GraphQL and through REST end in the same rows; who does not answer GraphQL is asked by REST."""

from datetime import datetime

import pytest
from conftest_github import TOKEN, Memory
from test_practice_graphql import served_with_graphql

from devops_lab.errors import SourceError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import Answer, MissingError, Pause, RefusedError
from devops_lab.github_api.graphql import HeavyError, read
from devops_lab.practice.server import Options
from devops_lab.practice.world import make
from devops_lab.sources.github import GitHub
from devops_lab.sources.github_bulk import Bulk, Found

UNTIL = datetime(2026, 11, 20, 12)
COMPARED = ("pull_request_commits", "reviews", "review_comments", "commits", "issue_labels")
SIZES = ("additions", "deletions", "changed_files")


@pytest.fixture(scope="module")
def company():
    return make(1, until=UNTIL, months=2)


@pytest.fixture
def served(company, monkeypatch):
    with served_with_graphql(company, Options(limit=1_000_000), monkeypatch) as base:
        yield base


def pulled(base, name, memory=None, token=TOKEN, since=None):
    memory = memory or Memory()
    client = GitHubClient(base, token, sleep=lambda seconds: None)
    memory.take(GitHub(client, name, None, memory.known), since, UNTIL)
    return memory, client.requests


def by_rest(monkeypatch):
    monkeypatch.setattr(Bulk, "fetch", lambda self, numbers, tables: {})


@pytest.mark.server
def test_both_ways_end_in_the_same_rows(company, served, monkeypatch):
    for name in company.repositories:
        bulk, few = pulled(served, name)
        with monkeypatch.context() as patch:
            by_rest(patch)
            rest, many = pulled(served, name)
        assert many - few >= 2 * len(bulk.rows("pull_requests")), name
        assert {table: bulk.content()[table] for table in COMPARED} == {
            table: rest.content()[table] for table in COMPARED
        }
        slim = [{**row, **dict.fromkeys(SIZES)} for row in bulk.content()["pull_requests"]]
        assert slim == rest.content()["pull_requests"]
        raws = {raw["number"]: raw for raw in company.repositories[name].objects["pulls"]}
        for row in bulk.rows("pull_requests"):
            assert [row[size] for size in SIZES] == [raws[row["number"]][size] for size in SIZES]
            files = [one for one in bulk.rows("pull_request_files") if one["number"] == row["number"]]
            assert (len(files), sum(one["additions"] for one in files)) == (row["changed_files"], row["additions"])
        ledger = bulk.ledger("pull_request_files")
        assert ledger["refused"] is None and ledger["fetched"] == len(bulk.rows("pull_request_files"))
        assert rest.ledger("reviews") is not None
        # a second sync asks for nothing that is known, and sizes stay
        bulk.changed.clear()
        _, again = pulled(served, name, bulk)
        assert not +bulk.changed and again < few


@pytest.mark.server
def test_sizes_fill_a_store_that_rest_began(company, served, monkeypatch):
    name = next(iter(company.repositories))
    with monkeypatch.context() as patch:
        by_rest(patch)
        memory, _ = pulled(served, name)
    assert all(row["additions"] is None for row in memory.rows("pull_requests"))
    pulled(served, name, memory)
    assert all(row["additions"] is not None for row in memory.rows("pull_requests"))
    with monkeypatch.context() as patch:
        by_rest(patch)
        pulled(served, name, memory)
    assert all(row["additions"] is not None for row in memory.rows("pull_requests"))


@pytest.mark.server
def test_faults_change_nothing(company, monkeypatch):
    from devops_lab.practice.server.faults import Faults

    name = next(iter(company.repositories))
    contents = []
    for faults in (Faults(), Faults(fail_rate=0.1, secondary=0.1, truncate=0.05, drop=0.05, seed=3)):
        with served_with_graphql(company, Options(limit=1_000_000, faults=faults), monkeypatch) as base:
            contents.append(pulled(base, name)[0].content())
    assert contents[0] == contents[1]


class Answers:
    """A client that knows GraphQL's answers beforehand."""

    has_token = True

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def graphql(self, query, **variables):
        self.asked.append(query.count(": pullRequest(number:"))
        answer = self.answers.pop(0)
        if isinstance(answer, SourceError):
            raise answer
        return answer


class Asked:
    root = "/repos/acme/shop"

    def __init__(self, *answers):
        self.client = Answers(*answers)


def size(*numbers):
    return {
        "repository": {
            f"p{one}": {"number": one, "additions": one, "deletions": 0, "changedFiles": 1} for one in numbers
        }
    }


def test_what_is_too_heavy_is_halved():
    pull = Asked(HeavyError("x"), size(1, 2), HeavyError("x"), size(3), size(4))
    bulk = Bulk(pull)
    bulk.size = 4
    assert sorted(bulk.fetch([1, 2, 3, 4], ())) == [1, 2, 3, 4] and pull.client.asked == [4, 2, 2, 1, 1]
    alone = Asked(HeavyError("x"))
    assert Bulk(alone).fetch([1], ()) == {} and alone.client.asked == [1]


@pytest.mark.parametrize("problem", [MissingError("404"), RefusedError("403")])
def test_who_does_not_answer_is_asked_once(problem):
    pull = Asked(problem)
    bulk = Bulk(pull)
    assert bulk.fetch([1], ()) == {} == bulk.fetch([2], ()) and not bulk.answers and pull.client.asked == [1]


def test_what_did_not_come_whole_is_left_to_rest():
    more = {"pageInfo": {"hasNextPage": True}, "nodes": []}
    raw = {"number": 1, "additions": 2, "deletions": 3, "changedFiles": 1, "commits": more, "reviews": None}
    bulk = Bulk(Asked({"repository": {"p1": raw, "p2": None}}))
    assert bulk.fetch([1, 2], ("pull_request_commits", "reviews", "review_comments")) == {1: Found(2, 3, 1)}


@pytest.mark.parametrize(
    ("status", "text", "headers", "found"),
    [
        (200, '{"data": {"a": 1}}', {}, {"a": 1}),
        (200, '{"data": {"a": 1, "b": null}, "errors": [{"type": "NOT_FOUND"}]}', {}, {"a": 1, "b": None}),
        (200, '{"data": {"a": null}, "errors": [{"type": "NOT_FOUND", "message": "a"}]}', {}, MissingError),
        (200, '{"data": null, "errors": [{"type": "FORBIDDEN", "message": "a"}]}', {}, RefusedError),
        (200, '{"errors": [{"type": "INSUFFICIENT_SCOPES", "message": "a"}]}', {}, RefusedError),
        (200, '{"errors": [{"message": "Field x does not exist"}]}', {}, MissingError),
        (200, '{"errors": [{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": "a"}]}', {}, HeavyError),
        (200, "[]", {}, MissingError), (404, "", {}, MissingError), (501, "<html>", {}, MissingError),
    ],
)  # fmt: skip
def test_answers(status, text, headers, found):
    if isinstance(found, dict):
        assert read(Answer(status, headers, text), 0.0) == found
    else:
        with pytest.raises(found):
            read(Answer(status, headers, text), 0.0)


def test_pauses():
    spent = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "100", "x-ratelimit-limit": "5000"}
    limited = '{"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}'
    wait = read(Answer(200, spent, limited), 40.0)
    assert isinstance(wait, Pause) and wait.limit and wait.seconds == 61
    assert read(Answer(200, {}, limited), 0.0).limit
    slow = '{"data": null, "errors": [{"message": "Something went wrong while executing your query."}]}'
    for answer in (Answer(502, {}, "<html>"), Answer(200, {}, slow)):
        wait = read(answer, 0.0)
        assert wait.final is HeavyError and wait.attempts < 12
    assert read(Answer(0, problem="dropped"), 0.0).final is SourceError
    assert read(Answer(503, {}, ""), 0.0).final is MissingError


def test_only_queries_are_sent():
    with pytest.raises(ValueError, match="only queries"):
        GitHubClient(token=TOKEN).graphql("mutation { x }")
    assert not GitHubClient().has_token
