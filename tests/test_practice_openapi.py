"""Every answer of the practice server about the made-up company passes GitHub's own OpenAPI description.

The description comes from npm (`npm install @octokit/openapi`); LAB_NODE_MODULES names the folder node_modules.
"""

import json
import os
from datetime import datetime
from pathlib import Path

import pytest
import requests
from conftest import skip
from jsonschema import Draft202012Validator

from devops_lab.practice.server import serve
from devops_lab.practice.server.application import READS
from devops_lab.practice.server.state import Options
from devops_lab.practice.world import make

pytestmark = pytest.mark.server
HEADERS = {"Authorization": "Bearer any"}
ROOT = "/repos/{owner}/{repo}"
ELSEWHERE = ("/user", "/rate_limit", "/orgs/{org}/repos", "/users/{username}/repos")


def schemas(node):
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a type of its own."""
    if isinstance(node, list):
        return [schemas(one) for one in node]
    if not isinstance(node, dict):
        return node
    found = {key: schemas(value) for key, value in node.items() if key not in ("example", "examples", "nullable")}
    if node.get("nullable") is True:
        return {"anyOf": [found, {"type": "null"}]}
    return found


@pytest.fixture(scope="session")
def description():
    folder = Path(os.environ.get("LAB_NODE_MODULES", Path(__file__).parent.parent / "node_modules"))
    file = folder / "@octokit" / "openapi" / "generated" / "api.github.com.json"
    if not file.is_file():
        skip(f"{file} is not there (npm install @octokit/openapi)")
    return json.loads(file.read_text())


@pytest.fixture(scope="session")
def validator_of(description):
    components = schemas(description["components"]["schemas"])

    def of(path):
        answer = description["paths"][path]["get"]["responses"]["200"]
        while "$ref" in answer:
            answer = description["components"]["responses"][answer["$ref"].rsplit("/", 1)[-1]]
        schema = schemas(answer["content"]["application/json"]["schema"])
        return Draft202012Validator({"components": {"schemas": components}, **schema})

    return of


@pytest.fixture(scope="module")
def company():
    return make(1, until=datetime(2026, 6, 30), months=3)


def examples(objects):
    """For each path of GitHub's description the values of its parts that occur in a repository."""

    def first(noun, *keys, most=3):
        return [tuple(raw[key] for key in keys) for raw in objects[noun][:: max(len(objects[noun]) // most, 1)]]

    numbers, runs, pulls = first("issues", "number"), first("runs", "id"), first("pulls", "number")
    deployments, jobs = first("deployments", "id"), objects["jobs"]
    statuses = objects["deployment_statuses"]
    attempts = [(run["id"], attempt) for run in objects["runs"][:5] for attempt in range(1, run["run_attempt"] + 1)]
    return {
        "": [()],
        "/issues": [()], "/issues/events": [()], "/issues/events/{event_id}": first("issue_events", "id"),
        "/issues/{issue_number}": numbers, "/issues/{issue_number}/labels": numbers,
        "/milestones": [()], "/milestones/{milestone_number}": first("milestones", "number"),
        "/labels": [()], "/labels/{name}": first("labels", "name"),
        "/pulls": [()], "/pulls/comments": [()], "/pulls/comments/{comment_id}": first("pull_comments", "id"),
        "/pulls/{pull_number}": pulls, "/pulls/{pull_number}/commits": pulls, "/pulls/{pull_number}/reviews": pulls,
        "/pulls/{pull_number}/comments": pulls,
        "/commits": [()], "/commits/{ref}": first("commits", "sha"),
        "/compare/{basehead}": [(f"{a}...{b}",) for (a,), (b,) in [first("commits", "sha", most=2)[:2]]],
        "/branches": [()], "/branches/{branch}": first("branches", "name"),
        "/git/matching-refs/{ref}": [("tags/",), ("heads/",)],
        "/git/ref/{ref}": [(name.removeprefix("refs/"),) for name in list(objects["git_refs"])[:3]],
        "/git/tags/{tag_sha}": [(sha,) for sha in list(objects["git_tags"])[:3]],
        "/git/commits/{commit_sha}": first("commits", "sha"),
        "/actions/workflows": [()], "/actions/workflows/{workflow_id}": first("workflows", "id"),
        "/actions/workflows/{workflow_id}/runs": first("workflows", "id"),
        "/actions/runs": [()], "/actions/runs/{run_id}": runs, "/actions/runs/{run_id}/jobs": runs,
        "/actions/runs/{run_id}/attempts/{attempt_number}": attempts,
        "/actions/runs/{run_id}/attempts/{attempt_number}/jobs": attempts,
        "/actions/jobs/{job_id}": [(own[0]["id"],) for own in list(jobs.values())[:3] if own],
        "/releases": [()], "/releases/{release_id}": first("releases", "id"),
        "/releases/latest": [()] if objects["releases"] else [],
        "/releases/tags/{tag}": first("releases", "tag_name"),
        "/tags": [()], "/deployments": [()], "/deployments/{deployment_id}": deployments,
        "/deployments/{deployment_id}/statuses": deployments,
        "/deployments/{deployment_id}/statuses/{status_id}": [
            (own, one["id"]) for own, found in list(statuses.items())[:3] for one in found
        ],
        "/environments": [()], "/environments/{environment_name}": first("environments", "name"),
    }  # fmt: skip


def filled(path, values):
    parts = path.split("{")
    return parts[0] + "".join(f"{value}{part.split('}', 1)[1]}" for value, part in zip(values, parts[1:], strict=True))


def problems_of(validator, body):
    for problem in validator.iter_errors(body):
        deepest = min([problem, *(problem.context or [])], key=lambda one: -len(one.absolute_path))
        yield f"{'.'.join(map(str, deepest.absolute_path))}: {deepest.message[:200]}"


def test_every_answer_is_as_github_describes_it(validator_of, company):
    wrong: list[str] = []
    walked: set[str] = set()
    with serve(company, options=Options(limit=10**6)) as base, requests.Session() as session:

        def ask(path, validator, **query):
            answer = session.get(base + path, headers=HEADERS, params=query)
            assert answer.status_code == 200, (path, answer.text)
            wrong.extend(f"{path} {problem}" for problem in problems_of(validator, answer.json()))

        for full_name, repository in company.repositories.items():
            for path, every in examples(repository.objects).items():
                for values in every:
                    walked.add(path)
                    validator = validator_of(ROOT + path)
                    ask(f"/repos/{full_name}{filled(path, values)}", validator, state="all", per_page=10)
        for path in ELSEWHERE:
            ask(path.replace("{org}", "larch").replace("{username}", "larch"), validator_of(path))
    assert len(walked) == len(READS) - 1  # the events of one issue are described with other words
    assert not wrong, f"{len(wrong)} problems\n" + "\n".join(dict.fromkeys(wrong[:40]))
