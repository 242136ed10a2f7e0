"""The curl examples of GitHub's REST documentation, with OWNER, REPO and the ids of the made-up repository."""

import json
import re
import shutil
import subprocess
import zipfile

import pytest
from conftest import skip
from conftest_github import TOKEN
from made_github import DAY, NAME, START, driven_organisation

from devops_lab.practice.server import Options, serve

pytestmark = pytest.mark.server
REPO = f"https://api.github.com/repos/{NAME}"
ASK = (
    'curl -L -H "Accept: application/vnd.github+json" -H "Authorization: Bearer <YOUR-TOKEN>" '
    '-H "X-GitHub-Api-Version: 2022-11-28"'
)
READS = {
    f"{REPO}": {"full_name": NAME},
    f"{REPO}/issues": [{"number": 2}],
    f"{REPO}/issues/1": {"number": 1},
    f"{REPO}/issues/1/labels": [{"name": "incident"}],
    f"{REPO}/issues/events": [{"event": "merged"}],
    f"{REPO}/milestones/1": {"title": "Spring"},
    f"{REPO}/pulls/3": {"merged": True},
    f"{REPO}/pulls/3/reviews": [{"state": "APPROVED"}],
    f"{REPO}/pulls/3/files": [{"filename": "app.py", "additions": 3}],
    f"{REPO}/dependabot/alerts": [{"number": 4, "state": "open"}],
    f"{REPO}/dependabot/alerts/2": {"dismissed_reason": "not_used"},
    f"{REPO}/code-scanning/alerts": [{"tool": {"name": "CodeQL"}}],
    f"{REPO}/code-scanning/alerts/1": {"state": "fixed"},
    f"{REPO}/commits/main": {"parents": [{}, {}]},
    f"{REPO}/compare/v1.0.0...v1.1.0": {"ahead_by": 20},
    f"{REPO}/branches/main": {"name": "main"},
    f"{REPO}/git/ref/tags/v1.0.0": {"ref": "refs/tags/v1.0.0"},
    f"{REPO}/actions/workflows": {"total_count": 6},
    f"{REPO}/actions/workflows/deploy.yml": {"id": 90},
    f"{REPO}/actions/runs/5013": {"run_attempt": 2},
    f"{REPO}/actions/runs/5013/attempts/1/jobs": {"total_count": 2},
    f"{REPO}/actions/artifacts": {"total_count": 2},
    f"{REPO}/releases/latest": {"tag_name": "v1.0.0"},
    f"{REPO}/deployments/303/statuses": [{"state": "success"}],
    f"{REPO}/environments": {"total_count": 1},
    f"{REPO}/contents/README.md": {"encoding": "base64"},
    "https://api.github.com/user": {"login": "student"},
    "https://api.github.com/rate_limit": {"rate": {"limit": 5000}},
}
WRITES = [
    (f"{REPO}/actions/workflows/bare.yml/dispatches", "POST", '{"ref":"main"}', 204),
    (f"{REPO}/actions/workflows/deploy.yml/dispatches", "POST",
     '{"ref":"main","inputs":{"environment":"staging","version":"2.1"}}', 204),
    (f"{REPO}/actions/workflows/deploy.yml/dispatches", "POST",
     '{"ref":"topic-branch","inputs":{"name":"Mona the Octocat","home":"San Francisco, CA"}}', 422),
    (f"{REPO}/issues", "POST",
     '{"title":"Found a bug","body":"I\'m having a problem with this.","milestone":1,"labels":["bug"]}', 201),
    (f"{REPO}/issues/2", "PATCH", '{"title":"Found a bug","state":"closed","labels":["bug"]}', 200),
    (f"{REPO}/issues/2/comments", "POST", '{"body":"Me too"}', 201),
    (f"{REPO}/issues/comments/1", "PATCH", '{"body":"Me too"}', 200),
    (f"{REPO}/issues/comments/1", "DELETE", "", 204),
    (f"{REPO}/issues/2/labels", "POST", '{"labels":["bug","enhancement"]}', 200),
    (f"{REPO}/actions/runs/1005001/pending_deployments", "POST",
     '{"environment_ids":[80],"state":"approved","comment":"Ship it!"}', 200),
    (f"{REPO}/actions/runs/1005001/cancel", "POST", "", 202),
    (f"{REPO}/actions/runs/1005001/cancel", "POST", "", 409),
    (f"{REPO}/actions/runs/5013/rerun", "POST", "", 201),
    (f"{REPO}/deployments", "POST",
     '{"ref":"v1.1.0","payload":"{ \\"deploy\\": \\"migrate\\" }","description":"Deploy request from hubot"}', 201),
    (f"{REPO}/deployments/303/statuses", "POST",
     '{"environment":"production","state":"success","description":"Deployment finished successfully."}', 201),
]  # fmt: skip


@pytest.fixture(scope="module")
def curl():
    """curl(command) runs an example against the practice server and returns the headers' lines and the body."""
    program = shutil.which("curl")
    if program is None:
        skip("curl is not installed (Debian: apt-get install curl)")
    world, driver = driven_organisation()
    clock = (START + 21 * DAY).timestamp()
    with serve(world, options=Options(pipelines=driver, clock=lambda: clock)) as base:

        def run(*options, example=ASK):
            words = re.findall(r'"([^"]*)"|(\S+)', example)
            command = [quoted or plain for quoted, plain in words][1:] + list(options)
            command = [word.replace("<YOUR-TOKEN>", TOKEN).replace("https://api.github.com", base) for word in command]
            found = subprocess.run([program, "-sS", *command], capture_output=True, check=True, timeout=20)
            return found.stdout

        yield run


def holds(expected, found):
    """Say whether all that is expected is found; of a list the beginning."""
    if isinstance(expected, dict):
        return all(holds(value, found[key]) for key, value in expected.items())
    if isinstance(expected, list):
        return len(found) >= len(expected) and all(map(holds, expected, found))
    return found == expected


@pytest.mark.parametrize("url", READS)
def test_reads(curl, url):
    assert holds(READS[url], json.loads(curl(url)))


def test_writes_in_the_order_of_the_documentation(curl):
    for url, verb, body, status in WRITES:
        options = ["-X", verb, url, *(["-d", body] if body else []), "-w", "\n%{http_code}"]
        text, _, code = curl(*options).decode().rpartition("\n")
        assert int(code) == status, (verb, url, text)
        assert not text if status == 204 else json.loads(text) is not None


def test_a_dispatch_tells_its_run(curl):
    body = '{"ref":"main","inputs":{"environment":"staging"},"return_run_details":true}'
    found = json.loads(curl("-X", "POST", f"{REPO}/actions/workflows/deploy.yml/dispatches", "-d", body))
    assert set(found) == {"workflow_run_id", "run_url", "html_url"}


def test_conditional_requests_and_headers(curl):
    head = curl("-I", f"{REPO}/issues").decode()
    tag = re.search(r'etag: ("\w+")', head, re.IGNORECASE)[1]
    assert head.startswith("HTTP/1.1 200") and "x-ratelimit-remaining:" in head.lower() and head.endswith("\r\n\r\n")
    same = curl("-i", "-H", f"If-None-Match: {tag}", f"{REPO}/issues").decode()
    assert same.startswith("HTTP/1.1 304") and same.endswith("\r\n\r\n")


def test_pages_follow_the_link_header(curl):
    found, url = [], f"{REPO}/actions/runs?per_page=5"
    while url:
        head, _, body = curl("-i", url).decode().partition("\r\n\r\n")
        found += [one["id"] for one in json.loads(body)["workflow_runs"]]
        following = re.search(r'<([^>]+)>; rel="next"', head)
        url = following and following[1]
    assert len(found) == len(set(found)) >= 14


def test_a_log_and_an_archive_are_downloaded(curl, tmp_path):
    assert curl(f"{REPO}/actions/jobs/50010/logs").endswith(b"##[group]build\n")
    (tmp_path / "artifact.zip").write_bytes(curl(f"{REPO}/actions/artifacts/1/zip"))
    assert zipfile.ZipFile(tmp_path / "artifact.zip").read("report") == b"<testsuite/>"
    raw = ASK.replace("vnd.github+json", "vnd.github.raw+json")
    assert curl(f"{REPO}/contents/README.md", example=raw) == b"# Checkout\n"


def test_nobody_and_nothing(curl):
    bare = "curl -L"
    assert json.loads(curl(f"{REPO}/issues", example=bare))[0]["number"]
    refused = json.loads(curl("-X", "POST", f"{REPO}/issues", "-d", '{"title":"x"}', example=bare))
    assert refused["message"] == "Requires authentication" and refused["status"] == "401"
    assert json.loads(curl(f"{REPO}/nothing"))["message"] == "Not Found"
