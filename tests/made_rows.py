"""Rows made by hand for the tests of delivery: one repository, instants in March 2026, shas told by a name."""

import hashlib
from collections import defaultdict
from datetime import datetime

import pyarrow as pa

from devops_lab import config
from devops_lab.delivery import facts, services

REPOSITORY = "acme/checkout"


def at(day: int, time: str = "12:00") -> datetime:
    """`day` of March 2026; days go on into April."""
    hour, minute, *second = map(int, time.split(":"))
    return datetime(2026, 3 + (day - 1) // 31, (day - 1) % 31 + 1, hour, minute, *second)


def sha(name: str) -> str:
    return hashlib.sha1(name.encode()).hexdigest()


def service(deployment=None, **keys) -> config.Service:
    given = {"name": "checkout", "repository": REPOSITORY, **keys}
    if deployment is not None:
        given["deployment"] = deployment
    return config.Service(**given)


def commit(name: str, parents: str, when: datetime, **more):
    """A commit told by its name; `parents` are names with spaces between."""
    return {
        "sha": sha(name),
        "parents": " ".join(map(sha, parents.split())),
        "authored_at": when,
        "committed_at": when,
        "is_bot": False,
        "subject": name,
        "pull_request": None,
        "head_ref": None,
        "reverts": None,
        "closes": None,
        "url": None,
        **more,
    }


def pull(number: int, merged: str | None, when: datetime, **more):
    """A pull request whose result is the commit called `merged`."""
    return {
        "number": number,
        "title": f"pull {number}",
        "is_bot": False,
        "base_ref": "main",
        "head_ref": f"work-{number}",
        "head_sha": None,
        "is_fork": False,
        "created_at": when,
        "merged_at": when if merged else None,
        "merge_commit_sha": sha(merged) if merged else None,
        "reverts": None,
        "closes": None,
        "url": None,
        **more,
    }


def deployment(id: int, name: str | None, made: datetime, environment="production", run_id=None, **more):
    """A GitHub deployment of the commit called `name`."""
    return {
        "id": id,
        "environment": environment,
        "sha": sha(name) if name else None,
        "ref": "main",
        "run_id": run_id,
        "created_at": made,
        "url": None,
        **more,
    }


def statuses(id: int, *said):
    """Statuses of deployment `id`: pairs of state and instant."""
    return [
        {"id": id * 100 + place, "deployment_id": id, "state": state, "created_at": when}
        for place, (state, when) in enumerate(said)
    ]


def run(id: int, attempt: int, name: str, start: datetime, end: datetime | None, conclusion: str | None, **more):
    """One attempt of a run of deploy.yml on main."""
    return {
        "id": id,
        "run_attempt": attempt,
        "workflow": "Deploy",
        "path": ".github/workflows/deploy.yml",
        "event": "push",
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
        "branch": "main",
        "sha": sha(name),
        "triggered_by_sha": None,
        "created_at": start,
        "started_at": start,
        "updated_at": end,
        "url": None,
        **more,
    }


def job(id: int, run_id: int, attempt: int, name: str, start, end, conclusion: str | None, **more):
    """One job of a run's attempt."""
    return {
        "id": id,
        "run_id": run_id,
        "run_attempt": attempt,
        "name": name,
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
        "created_at": start,
        "started_at": start,
        "completed_at": end,
        **more,
    }


def reported(id: str, name: str | None, finished: datetime, result="success", **more):
    """A deployment that a file reported."""
    return {"id": id, "sha": sha(name) if name else None, "finished_at": finished, "result": result, **more}


def incident(id: str, started: datetime, resolved: datetime | None = None, **more):
    """An incident of a file."""
    return {"id": id, "title": id, "started_at": started, "resolved_at": resolved, "source": "file", **more}


def issue(number: int, opened: datetime, closed: datetime | None = None, **more):
    return {
        "number": number,
        "title": f"issue {number}",
        "state": "closed" if closed else "open",
        "created_at": opened,
        "closed_at": closed,
        "updated_at": closed or opened,
        **more,
    }


def label(number: int, name: str, is_pull_request=False):
    return {"number": number, "label": name, "is_pull_request": is_pull_request}


def derived(
    one: config.Service, commits=(), pulls=(), pull_commits=(), branches=None, corrections=(), files=(), **tables
):
    """What delivery makes of these rows: `services.derived`, without a store; `files` are (commit's name, path)."""
    tips = branches if branches is not None else ({"main": commits[-1]["sha"]} if commits else {})
    known = facts.of_rows(
        one.repository,
        commits,
        pulls,
        pull_commits,
        [{"branch": name, "sha": tip} for name, tip in tips.items()],
        "main",
        read_files=lambda: pa.table(
            {"sha": pa.array([sha(name) for name, _ in files]), "path": pa.array([path for _, path in files])}
        ),
    )
    return services.derived(one, known, defaultdict(list, tables), corrections)


def by_id(rows, key="id"):
    return {row[key]: row for row in rows}
