"""The practice server against its own description: Schemathesis finds no 5xx and no answer that is not described."""

import json
from collections import Counter

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from made_github import DAY, NAME, START, driven_organisation
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from devops_lab.practice.server import Options, app
from devops_lab.practice.server.description import described
from devops_lab.practice.server.endpoints import READS, WRITES
from devops_lab.practice.server.root import ROOT_READS

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 6
OWNER, REPOSITORY = NAME.split("/")
KNOWN = {
    "owner": [OWNER], "repository": [REPOSITORY], "number": [1, 2, 3, 4], "run": [5013, 1005001],
    "attempt": [1, 2], "job": [50010, 50130], "artifact": [1, 2], "workflow": ["bare.yml", "90", "broken.yml"],
    "id": [1, 3, 41, 61, 71, 303, 8001], "status": [30, 31], "ref": ["main", "tags/v1.0.0", "v1.0.0"],
    "format": ["zip"], "path": ["README.md", ".github"], "name": ["incident", "production"], "branch": ["main"],
    "tag": ["v1.0.0"],
    "basehead": ["v1.0.0...main"],
}  # fmt: skip


@pytest.fixture(scope="module")
def server():
    world, driver = driven_organisation()
    clock = (START + 61 * DAY).timestamp()
    return app(world, Options(pipelines=driver, limit=10**9, anonymous_limit=10**9, clock=lambda: clock))


@pytest.fixture(scope="module")
def schema(server):
    return schemathesis.openapi.from_asgi("/_practice/openapi.json", server)


def test_the_description_names_each_endpoint_with_its_parts():
    found = described("http://localhost")
    assert found["openapi"] == "3.0.3" and json.dumps(found)
    counted = sum(len(verbs) for verbs in found["paths"].values())
    assert counted == len(READS) + len(WRITES) + len(ROOT_READS)
    for path, verbs in found["paths"].items():
        for verb, operation in verbs.items():
            parts = {one["name"] for one in operation["parameters"] if one["in"] == "path"}
            assert parts == {part.split("}")[0] for part in path.split("{")[1:]} and operation["summary"], (verb, path)
    dispatch = found["paths"]["/repos/{owner}/{repository}/actions/workflows/{workflow}/dispatches"]["post"]
    assert {"200", "204", "401", "403", "404", "422"} <= set(dispatch["responses"])
    runs = found["paths"]["/repos/{owner}/{repository}/actions/runs"]["get"]
    assert {"created", "branch", "page", "per_page"} <= {one["name"] for one in runs["parameters"]}


def held(operation, problems, statuses, mode=GenerationMode.POSITIVE):
    """Ask one operation with cases that fit the description or do not; write down statuses and what is wrong."""

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def hold(case, data):
        if data.draw(st.integers(0, 3)):  # mostly things that are there
            parts = (case.path_parameters or {}).items()
            case.path_parameters = {
                name: data.draw(st.sampled_from(KNOWN[name])) if name in KNOWN else own for name, own in parts
            }
            if isinstance(case.body, dict) and "ref" in case.body:
                case.body = data.draw(st.sampled_from([{**case.body, "ref": "main"}, {"ref": "main"}]))
        token = {"Authorization": "Bearer any"} if data.draw(st.integers(0, 9)) else {}
        response = case.call(headers=token)
        statuses[response.status_code] += 1
        try:
            case.validate_response(response, checks=CHECKS)
        except* AssertionError as wrong:
            problems.append(f"{operation.method} {operation.path}: {[str(one)[:300] for one in wrong.exceptions]}")

    hold()


def test_schemathesis_finds_no_5xx_and_nothing_that_is_not_described(schema):
    problems, statuses = [], Counter()
    for found in sorted(schema.get_all_operations(), key=lambda one: one.ok().method == "delete"):
        operation = found.ok()
        held(operation, problems, statuses)
        if operation.method != "get":
            held(operation, problems, statuses, GenerationMode.NEGATIVE)
    assert not problems, f"{len(problems)} problems\n" + "\n".join(problems[:20])
    assert statuses.total() >= 5 * (len(READS) + len(WRITES)), statuses
    assert {200, 201, 302, 400, 404, 422} <= set(statuses), statuses


def test_what_is_not_described_is_found(server):
    raw = described("http://localhost")
    path = "/repos/{owner}/{repository}/issues/{number}"
    del raw["paths"][path]["get"]["responses"]["404"]
    schema, problems = schemathesis.openapi.from_dict(raw), []
    schema.app = server
    held(schema[path]["GET"], problems, Counter())
    assert any("404" in one for one in problems)
