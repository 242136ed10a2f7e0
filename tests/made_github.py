# ruff: noqa: E501 - objects are read as tables
"""A small made-up repository as GitHub's REST JSON, for the practice server."""

import io
import zipfile
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

START = datetime(2026, 1, 1, tzinfo=UTC)
NAME = "acme/checkout"
ROOT = f"@@API@@/repos/{NAME}"
DAY = timedelta(days=1)
WORKFLOW = """
name: Deploy
on:
  push:
  workflow_dispatch:
    inputs:
      environment: {description: Where to, required: true, type: choice, options: [staging, production]}
      version: {default: latest}
      dry_run: {type: boolean}
      replicas: {type: number, default: 2}
jobs:
  build: {runs-on: ubuntu-latest, steps: [{run: make}]}
  test:
    name: test ${{ matrix.python }}
    needs: build
    strategy: {matrix: {python: ["3.11", "3.12"]}}
    runs-on: ubuntu-latest
    steps: [{run: make test}]
  deploy: {needs: [test], runs-on: ubuntu-latest, steps: [{run: make deploy}]}
  lint: {runs-on: ubuntu-latest, steps: [{run: make lint}]}
"""
FILES = {
    "README.md": b"# Checkout\n",
    ".github/workflows/deploy.yml": WORKFLOW.encode(),
    ".github/workflows/push.yml": b"on: [push]\njobs: {build: {runs-on: ubuntu-latest, steps: [{run: make}]}}\n",
    ".github/workflows/bare.yml": b"on: workflow_dispatch\njobs: {}\n",
    ".github/workflows/broken.yml": b"on: [push\n",
}
MONA = {"login": "mona", "id": 11, "type": "User", "url": "@@API@@/users/mona"}
BOT = {"login": "dependabot[bot]", "id": 12, "type": "Bot", "url": "@@API@@/users/dependabot"}


def at(days: float) -> str:
    return (START + days * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")


def sha(number: int) -> str:
    return f"{number:040x}"


def commit(number: int, days: float, *parents: int, path: str = "app.py") -> dict:
    person = {"name": "Mona", "email": "mona@users.invalid", "date": at(days)}
    return {
        "sha": sha(number), "node_id": f"C{number}", "url": f"{ROOT}/commits/{sha(number)}",
        "html_url": f"https://practice.invalid/{NAME}/commit/{sha(number)}", "comments_url": "", "author": MONA,
        "committer": MONA,
        "commit": {
            "author": person, "committer": person, "message": f"Work {number}", "comment_count": 0, "url": "",
            "tree": {"sha": sha(number + 10**6), "url": ""},
        },
        "parents": [{"sha": sha(parent), "url": "", "html_url": ""} for parent in parents],
        "stats": {"additions": 3, "deletions": 1, "total": 4},
        "files": [{"filename": path, "status": "modified", "additions": 3, "deletions": 1, "changes": 4, "sha": sha(9)}],
    }  # fmt: skip


def issue(number: int, days: float, closed: float | None = None, labels: tuple = (), pull: bool = False) -> dict:
    ended = None if closed is None else at(closed)
    return {
        "id": 1000 + number, "node_id": f"I{number}", "number": number, "title": f"Thing {number}", "user": MONA,
        "state": "open" if closed is None else "closed", "state_reason": None if closed is None else "completed",
        "created_at": at(days), "updated_at": ended or at(days), "closed_at": ended, "comments": 0, "assignees": [],
        "labels": [{"id": 1, "name": name, "color": "ededed", "default": False} for name in labels],
        "milestone": None, "body": "", "author_association": "MEMBER", "locked": False,
        "url": f"{ROOT}/issues/{number}", "html_url": f"https://practice.invalid/{NAME}/issues/{number}",
        "events_url": f"{ROOT}/issues/{number}/events", "repository_url": ROOT,
        **({"pull_request": {"url": f"{ROOT}/pulls/{number}", "merged_at": ended}} if pull else {}),
    }  # fmt: skip


def pull(number: int, days: float, merged: float | None, head: int) -> dict:
    base = issue(number, days, merged)
    own = ("id", "number", "title", "user", "state", "created_at", "updated_at", "closed_at", "labels", "body")
    return {
        **{key: base[key] for key in own}, "url": f"{ROOT}/pulls/{number}", "html_url": f"https://practice.invalid/{number}",
        "merged_at": base["closed_at"], "merge_commit_sha": sha(head) if merged is not None else None, "draft": False,
        "head": {"label": f"acme:work-{number}", "ref": f"work-{number}", "sha": sha(head), "repo": {"id": 7, "full_name": NAME}},
        "base": {"label": "acme:main", "ref": "main", "sha": sha(1), "repo": {"id": 7, "full_name": NAME}},
        "merged": merged is not None, "mergeable": None, "commits": 1, "additions": 3, "deletions": 1,
        "changed_files": 1, "comments": 0, "review_comments": 0,
    }  # fmt: skip


def run(number: int, days: float, attempt: int = 1, hours: float = 0.5, started: float | None = None) -> dict:
    begun = days if started is None else started
    return {
        "id": 5000 + number, "name": "Deploy", "node_id": f"R{number}", "head_branch": "main", "head_sha": sha(1),
        "path": ".github/workflows/deploy.yml", "run_number": number, "run_attempt": attempt, "event": "push",
        "status": "completed", "conclusion": "failure" if number % 5 == 0 and attempt == 1 else "success",
        "workflow_id": 90, "created_at": at(days), "run_started_at": at(begun), "updated_at": at(begun + hours / 24),
        "actor": MONA, "triggering_actor": MONA, "html_url": f"https://practice.invalid/runs/{number}",
        "url": f"{ROOT}/actions/runs/{5000 + number}", "jobs_url": f"{ROOT}/actions/runs/{5000 + number}/jobs",
        "display_title": "Deploy", "pull_requests": [], "check_suite_id": 1,
    }  # fmt: skip


def job(number: int, run_id: int, attempt: int, days: float) -> dict:
    times = {"created_at": at(days), "started_at": at(days + 0.001), "completed_at": at(days + 0.01)}
    step = {"number": 1, "name": "build", "status": "completed", "conclusion": "success"}
    return {
        "id": number, "run_id": run_id, "run_attempt": attempt, "name": "deploy", "status": "completed",
        "conclusion": "success", "head_sha": sha(1), "labels": ["ubuntu-latest"], **times,
        "steps": [{**step, "started_at": times["started_at"], "completed_at": times["completed_at"]}],
        "url": f"{ROOT}/actions/jobs/{number}", "html_url": f"https://practice.invalid/jobs/{number}",
    }  # fmt: skip


def event(number: int, issue_number: int, days: float, name: str = "closed", label: str | None = None) -> dict:
    raw = {
        "id": 8000 + number, "event": name, "created_at": at(days), "actor": MONA, "commit_id": None,
        "issue": {"number": issue_number, "url": f"{ROOT}/issues/{issue_number}"},
        "url": f"{ROOT}/issues/events/{8000 + number}",
    }  # fmt: skip
    return raw if label is None else {**raw, "label": {"name": label, "color": "ededed"}}


def status(number: int, deployment: int, state: str, days: float) -> dict:
    return {
        "id": number, "state": state, "created_at": at(days), "updated_at": at(days), "environment": "production",
        "creator": MONA, "description": "", "target_url": "", "log_url": "",
        "url": f"{ROOT}/deployments/{deployment}/statuses/{number}", "deployment_url": f"{ROOT}/deployments/{deployment}",
    }  # fmt: skip


def files(at_sha: str, path: str) -> bytes | list[str] | None:
    """The files of every commit alike: a file's bytes, a folder's names, or None."""
    if path in FILES:
        return FILES[path]
    start = f"{path}/" if path else ""
    return sorted({name.removeprefix(start).split("/")[0] for name in FILES if name.startswith(start)}) or None


def artifact(number: int, run_id: int, days: float, name: str = "junit", expired: bool = False) -> dict:
    address = f"{ROOT}/actions/artifacts/{number}"
    return {
        "id": number, "node_id": f"A{number}", "name": name, "size_in_bytes": 120, "url": address,
        "archive_download_url": f"{address}/zip", "expired": expired, "created_at": at(days), "updated_at": at(days),
        "expires_at": at(days + 90), "digest": None,
        "workflow_run": {"id": run_id, "repository_id": 7, "head_repository_id": 7, "head_branch": "main", "head_sha": sha(1)},
    }  # fmt: skip


def alert(number: int, days: float, ended: float | None = None, end: str = "fixed", severity: str = "high") -> dict:
    """An alert about a dependency, "open" or ended by `end` ("fixed", "dismissed")."""
    package = {"ecosystem": "pip", "name": f"package-{number}"}
    weakness = {
        "package": package,
        "severity": severity,
        "vulnerable_version_range": "< 2",
        "first_patched_version": None,
    }
    by = {"by": MONA, "reason": "not_used", "comment": None} if end == "dismissed" and ended is not None else {}
    return {
        "number": number, "state": "open" if ended is None else end, "created_at": at(days),
        "updated_at": at(days if ended is None else ended), "url": f"{ROOT}/dependabot/alerts/{number}",
        "fixed_at": at(ended) if ended is not None and end == "fixed" else None, "auto_dismissed_at": None,
        "dismissed_at": at(ended) if ended is not None and end == "dismissed" else None,
        **{f"dismissed_{name}": by.get(name) for name in ("by", "reason", "comment")},
        "dependency": {"package": package, "manifest_path": "pyproject.toml", "scope": "runtime"},
        "security_advisory": {"ghsa_id": f"GHSA-{number}", "severity": severity}, "security_vulnerability": weakness,
    }  # fmt: skip


def code_alert(
    number: int, days: float, ended: float | None = None, end: str = "fixed", severity: str = "high"
) -> dict:
    """The same about code, found by CodeQL."""
    raw = alert(number, days, ended, end, severity)
    ours = {name: value for name, value in raw.items() if not name.startswith(("security_", "dependency", "auto_"))}
    return {
        **ours, "url": f"{ROOT}/code-scanning/alerts/{number}", "tool": {"name": "CodeQL", "version": "2"},
        "rule": {"id": "py/sql-injection", "severity": "error", "security_severity_level": severity},
        "most_recent_instance": {"ref": "refs/heads/main", "state": raw["state"], "commit_sha": sha(1)},
    }  # fmt: skip


def watched(objects: dict) -> dict:
    """`objects` with four alerts about dependencies and two about code."""
    dependencies = [alert(1, 2, 9), alert(2, 3, 12, "dismissed", "low"), alert(3, 5), alert(4, 14, severity="critical")]
    return {
        **objects,
        "dependabot_alerts": dependencies[::-1],
        "code_scanning_alerts": [code_alert(2, 6), code_alert(1, 4, 8, severity="medium")],
    }


def zipped(**texts: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in texts.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def driven(objects: dict) -> dict:
    """`objects` with what pipelines leave: files, an artifact, logs, a run that waits for approval, a comment."""
    latest = objects["runs"][0]
    number, own = latest["id"] + 10**6, objects["jobs"][latest["id"]]
    address = latest["url"].replace(str(latest["id"]), str(number))
    waiting = {**latest, "id": number, "url": address, "status": "waiting", "conclusion": None, "run_attempt": 1}
    job_waiting = {
        **own[0],
        "id": own[0]["id"] + 10**6,
        "run_id": number,
        "status": "waiting",
        "conclusion": None,
        "run_attempt": 1,
    }
    environment = {
        key: value
        for key, value in objects["environments"][0].items()
        if key in ("id", "node_id", "name", "url", "html_url")
    }
    first = artifact(1, latest["id"], 1)
    workflows = [{**objects["workflows"][0], "path": ".github/workflows/deploy.yml"}, *objects["workflows"][1:]]
    more = {
        "files": files, "workflows": workflows, "runs": [waiting, *objects["runs"]],
        "jobs": {**objects["jobs"], number: [job_waiting]},
        "artifacts": {latest["id"]: [first, artifact(2, latest["id"], 1, "old", expired=True)]},
        "artifact_files": {1: lambda: zipped(report="<testsuite/>")},
        "logs": {job["id"]: lambda: "2026-01-01T00:00:00.0000000Z ##[group]build\n" for job in own},
        "pending_deployments": {number: [{
            "environment": environment, "wait_timer": 0, "wait_timer_started_at": None,
            "current_user_can_approve": True, "reviewers": [],
        }]},
        "approvals": {},
    }  # fmt: skip
    return {**objects, **more}


class Driver:
    """Pipelines that write down what they are asked, and change runs at once; a run ends when `end` is called."""

    def __init__(self, repositories: dict) -> None:
        self.repositories, self.asked = repositories, []

    def _put(self, name: str, run_id: int, **changes) -> dict:
        objects = self.repositories[name].objects
        objects["runs"] = [{**raw, **changes} if raw["id"] == run_id else raw for raw in objects["runs"]]
        return next(raw for raw in objects["runs"] if raw["id"] == run_id)

    def end(self, name: str, run_id: int, conclusion: str = "success") -> None:
        raw = self._put(name, run_id, status="completed", conclusion=conclusion)
        table, attempt = self.repositories[name].objects["jobs"], raw["run_attempt"]
        ended = {"status": "completed", "conclusion": conclusion, "completed_at": raw["updated_at"]}
        table[run_id] = [{**job, **ended} if job["run_attempt"] == attempt else job for job in table[run_id]]

    def dispatch(self, repository, workflow, ref, sha, inputs, actor) -> int:
        self.asked.append(("dispatch", workflow["path"], ref, sha, dict(inputs), actor["login"]))
        objects = self.repositories[repository].objects
        known = objects["runs"][0]
        number = max(raw["id"] for raw in objects["runs"]) + 1
        going = {"status": "in_progress", "conclusion": None, "run_attempt": 1, "workflow_id": workflow["id"]}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        times = dict.fromkeys(("created_at", "updated_at", "run_started_at"), now)
        url = f"@@API@@/repos/{repository}/actions/runs/{number}"
        urls = {f"{name}_url": f"{url}/{name}" for name in ("cancel", "rerun", "jobs", "logs", "artifacts")}
        raw = {**known, **going, **times, **urls, "id": number, "url": url, "event": "workflow_dispatch", "head_sha": sha,
               "head_branch": ref.split("/")[-1], "path": workflow["path"], "actor": actor, "triggering_actor": actor}  # fmt: skip
        job_known = next(own[0] for own in objects["jobs"].values() if own)
        shown = ("build", "test 3.11", "test 3.12", "deploy", "lint")
        objects["jobs"][number] = [
            {**job_known, "id": number * 100 + place, "run_id": number, "run_attempt": 1, "name": name,
             "status": "in_progress", "conclusion": None, "completed_at": None}
            for place, name in enumerate(shown)
        ]  # fmt: skip
        objects["runs"] = [raw, *objects["runs"]]
        return number

    def cancel(self, repository, run) -> None:
        self.asked.append(("cancel", run))
        self.end(repository, run, "cancelled")

    def rerun(self, repository, run, actor, jobs) -> None:
        self.asked.append(("rerun", run, None if jobs is None else sorted(jobs)))
        objects = self.repositories[repository].objects
        old = next(raw for raw in objects["runs"] if raw["id"] == run)
        attempt = old["run_attempt"] + 1
        objects["attempts"] = {**objects["attempts"], (run, attempt - 1): old}
        again = [
            {**job, "id": job["id"] + 10, "run_attempt": attempt, "status": "in_progress", "conclusion": None, "completed_at": None}
            for job in objects["jobs"][run] if job["run_attempt"] == attempt - 1
        ]  # fmt: skip
        objects["jobs"][run] = [*objects["jobs"][run], *again]
        self._put(repository, run, run_attempt=attempt, status="in_progress", conclusion=None, triggering_actor=actor)

    def review(self, repository, run, environments, approve, comment, actor) -> None:
        self.asked.append(("review", run, list(environments), approve, comment))
        objects = self.repositories[repository].objects
        waiting = objects["pending_deployments"][run]
        gone = [one["environment"] for one in waiting if one["environment"]["id"] in environments]
        state = "approved" if approve else "rejected"
        objects["approvals"] = {
            **objects["approvals"],
            run: [{"environments": gone, "state": state, "user": actor, "comment": comment}],
        }
        objects["pending_deployments"] = {
            **objects["pending_deployments"],
            run: [one for one in waiting if one["environment"] not in gone],
        }
        self._put(repository, run, status="in_progress")


def repository(private: bool = False, name: str = NAME, number: int = 7, commits: int = 60) -> SimpleNamespace:
    """Sixty commits, issues, two pull requests, runs with a re-run, releases, tags, deployments."""
    log = [commit(n, n, *([n - 1] if n > 1 else [])) for n in range(1, commits)]
    log.append(commit(commits, commits, commits - 1, 2, path="docs/guide.md"))
    runs = [run(n, n) for n in range(1, 13)]
    again = run(13, 13, attempt=2, started=20)
    tag = {"sha": sha(7000), "tag": "v1.1.0", "message": "", "url": f"{ROOT}/git/tags/{sha(7000)}",
           "object": {"type": "commit", "sha": sha(30), "url": ""}, "tagger": {"name": "R", "email": "", "date": at(30.5)}}  # fmt: skip
    refs = {
        "refs/tags/v1.0.0": {
            "ref": "refs/tags/v1.0.0",
            "url": "",
            "object": {"type": "commit", "sha": sha(10), "url": ""},
        },
        "refs/tags/v1.1.0": {
            "ref": "refs/tags/v1.1.0",
            "url": "",
            "object": {"type": "tag", "sha": sha(7000), "url": ""},
        },
    }
    objects = {
        "repository": {
            "id": number, "name": name.split("/")[1], "full_name": name, "private": private, "default_branch": "main",
            "owner": {"login": "acme", "id": 1, "type": "Organization"}, "created_at": at(0), "updated_at": at(60),
            "pushed_at": at(60), "url": f"@@API@@/repos/{name}", "html_url": f"https://practice.invalid/{name}",
            "fork": False, "archived": False, "description": "",
        },
        "branches": [{"name": "main", "commit": {"sha": sha(commits), "url": f"{ROOT}/commits/{sha(commits)}"}, "protected": True}],
        "labels": [{"id": 1, "name": "incident", "color": "ededed", "url": f"{ROOT}/labels/incident"}],
        "milestones": [{"id": 3, "number": 1, "title": "Spring", "state": "closed", "created_at": at(1), "updated_at": at(40),
                        "closed_at": at(40), "due_on": at(45), "open_issues": 0, "closed_issues": 2, "creator": MONA,
                        "url": f"{ROOT}/milestones/1", "html_url": "https://practice.invalid/m/1"}],
        "issues": [issue(1, 2, 9, ("incident",)), issue(2, 3), issue(3, 5, 12, pull=True), issue(4, 14, 26, pull=True)],
        "issue_events": [event(1, 1, 4, "labeled", "incident"), event(2, 1, 9), event(3, 3, 12, "merged")],
        "pulls": [pull(3, 5, 12, 12), pull(4, 14, 26, 26)],
        "pull_commits": {3: [log[11]], 4: [log[25]]},
        "pull_files": {3: log[11]["files"], 4: log[25]["files"]},
        "pull_reviews": {3: [{"id": 61, "user": BOT, "state": "APPROVED", "submitted_at": at(11), "body": "", "commit_id": sha(12)}],
                         4: [{"id": 62, "user": MONA, "state": "COMMENTED", "submitted_at": at(24), "body": "", "commit_id": sha(26)}]},
        "pull_comments": [{"id": 71, "user": MONA, "body": "why?", "created_at": at(10), "updated_at": at(10), "path": "app.py",
                           "pull_request_url": f"{ROOT}/pulls/3", "url": f"{ROOT}/pulls/comments/71", "commit_id": sha(12),
                           "html_url": f"https://practice.invalid/{NAME}/pull/3#discussion_r71"}],
        "commits": log,
        "workflows": [{"id": 90, "name": "Deploy", "path": ".github/workflows/deploy.yml", "state": "active",
                       "created_at": at(0), "updated_at": at(0), "url": f"{ROOT}/actions/workflows/90"}],
        "runs": [*runs, again],
        "attempts": {(5013, 1): {**run(13, 13), "conclusion": "failure"}},
        "jobs": {**{r["id"]: [job(r["id"] * 10, r["id"], 1, r["run_number"])] for r in runs},
                 5013: [job(50130, 5013, 1, 13), job(50131, 5013, 2, 20), {**job(50129, 5013, 1, 13), "name": "lint"},
                        {**job(50132, 5013, 2, 13), "name": "lint"}]},
        "releases": [{"id": 41, "tag_name": "v1.0.0", "name": "One", "draft": False, "prerelease": False, "author": MONA,
                      "created_at": at(10), "published_at": at(10.5), "target_commitish": "main", "assets": [], "body": "",
                      "url": f"{ROOT}/releases/41", "html_url": ""},
                     {"id": 42, "tag_name": "v2.0.0", "name": "Draft", "draft": True, "prerelease": False, "author": MONA,
                      "created_at": at(50), "published_at": None, "target_commitish": "main", "assets": [], "body": "",
                      "url": f"{ROOT}/releases/42", "html_url": ""}],
        "tags": [{"name": "v1.0.0", "commit": {"sha": sha(10), "url": ""}}, {"name": "v1.1.0", "commit": {"sha": sha(30), "url": ""}}],
        "git_refs": refs,
        "git_tags": {sha(7000): tag},
        "deployments": [{"id": 300 + n, "sha": sha(n * 10), "ref": "main", "task": "deploy", "environment": "production",
                         "payload": {}, "description": "", "creator": MONA, "created_at": at(n * 10), "updated_at": at(n * 10 + 0.1),
                         "url": f"{ROOT}/deployments/{300 + n}", "statuses_url": f"{ROOT}/deployments/{300 + n}/statuses"}
                        for n in (1, 2, 3)],
        "deployment_statuses": {300 + n: [status(n * 10, 300 + n, "in_progress", n * 10 + 0.05),
                                          status(n * 10 + 1, 300 + n, "success", n * 10 + 0.1)] for n in (1, 2, 3)},
        "environments": [{"id": 80, "name": "production", "created_at": at(0), "updated_at": at(0), "protection_rules": []}],
    }  # fmt: skip
    return SimpleNamespace(objects=objects)


def organisation(**repositories) -> SimpleNamespace:
    """An organisation of one public repository, or of those given."""
    return SimpleNamespace(repositories=repositories or {NAME: repository()})


def driven_organisation(**repositories) -> tuple[SimpleNamespace, Driver]:
    """An organisation whose pipelines can be driven, and who drives them; two more workflows, one of them broken."""
    world = organisation(**repositories)
    for made in world.repositories.values():
        objects = made.objects = driven(watched(made.objects))
        first = objects["workflows"][0]
        objects["workflows"] = [first] + [
            {**first, "id": first["id"] + place, "name": name, "path": f".github/workflows/{name}.yml",
             "url": f"{first['url']}{place}", "state": "disabled_manually" if name == "off" else "active"}
            for place, name in enumerate(("push", "bare", "broken", "off", "gone"), 1)
        ]  # fmt: skip
    return world, Driver(world.repositories)
