"""The live repository: a real git repository, the records of what happened in it, and GitHub's objects of both.

`objects` is what a server renders, maybe at this very moment in another thread; so whole entries are replaced and
nothing in them is changed.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Any

from devops_lab.practice.pipelines import history, reading
from devops_lab.practice.pipelines.git import Git
from devops_lab.practice.pipelines.objects import LiveBuildObjects, LiveShipObjects
from devops_lab.practice.pipelines.records import now
from devops_lab.practice.pipelines.workflow import parsed
from devops_lab.practice.world import objects
from devops_lab.practice.world.code_objects import CodeObjects
from devops_lab.practice.world.company import DEPLOYMENTS, MERGE, PLANS, Person, Plan, Service, people
from devops_lab.practice.world.plan_objects import PlanObjects
from devops_lab.practice.world.records import Release, Workflow
from devops_lab.practice.world.site import Site

GREETER = Plan("greeter", (Service("greeter", "platform", "greeter", 0.0, True),), MERGE, DEPLOYMENTS, 0.0, 0.0)
BARE = "greeter.git"
WORKFLOWS = ".github/workflows"
KEPT_FOR = timedelta(days=90)
Json = dict[str, Any]


class LiveRepository:
    """The sample service's repository in `folder`, owned by `account`; `objects` are GitHub's, by noun.

    `protected` are the environments that wait for a review.  Hold `lock` while changing records.
    """

    def __init__(self, folder: Path, account: str, protected: Collection[str]) -> None:
        self.folder, self.protected = folder, tuple(protected)
        self.bare = folder / BARE
        if not self.bare.exists():
            history.make(self.bare, now())
        self.git = Git(self.bare)
        self.lock = threading.RLock()
        self.site = Site(len(PLANS), 1, GREETER, account, people(), now() - timedelta(hours=history.STEPS[0].hours_ago))
        self.full_name = self.site.full_name
        self.bodies: dict[int, str] = {}
        self._refs = ""
        self._workflow_ids: dict[str, int] = {}
        self.workflows: list[Workflow] = []
        nothing: dict[str, Any] = {noun: [] for noun in ("milestones", "issues", "issue_events", "pulls")}
        nothing |= {noun: [] for noun in ("pull_comments", "labels")}
        nothing |= {noun: {} for noun in ("pull_commits", "pull_reviews", "comments", "artifacts", "artifact_files")}
        nothing |= {noun: {} for noun in ("logs", "pending_deployments", "approvals")}
        self.objects: dict[str, Any] = {**nothing, "files": self.content}
        self.refresh()
        self._begin_with_a_release()
        self.tell()

    def content(self, sha: str, path: str) -> bytes | list[str] | None:
        """Return a file's bytes, the names in a folder, or None where a commit has neither."""
        return reading.content(self.git, sha, path)

    def _begin_with_a_release(self) -> None:
        for tag in self.site.tags:
            self._released(tag.name, "", False)

    def refresh(self) -> None:
        """Read commits, branches and tags again where anything was pushed."""
        said = reading.refs(self.git)
        with self.lock:
            if said == self._refs:
                return
            self._refs = said
            self.site.commits = reading.commits(self.git)
            self.site.branches = reading.branches(said)
            self.site.tags = reading.tags(said)
            self.workflows = self._read_workflows()
            moment = now()
            whole = objects.repository(self.site, moment)
            code = CodeObjects(self.site, moment, PlanObjects(self.site, moment), objects.minimal(whole))
            branches = code.branches()
            ship = self.ship()
            self.objects |= {
                "repository": whole,
                "branches": branches,
                "commits": list(code.commits_now.values()),
                "tags": ship.tags(),
                "git_refs": ship.git_refs(branches),
                "git_tags": ship.git_tags(),
            }
            self.tell()

    def _read_workflows(self) -> list[Workflow]:
        sha = self.site.tip(history.MAIN)
        names = self.content(sha, WORKFLOWS)
        found = []
        for name in names if isinstance(names, list) else []:
            path = f"{WORKFLOWS}/{name}"
            text = self.content(sha, path)
            if isinstance(text, bytes):
                number = self._workflow_ids.setdefault(path, self.site.id())
                found.append(Workflow(number, str(parsed(text.decode()).get("name") or path), path))
        return found

    def ship(self) -> LiveShipObjects:
        """Return who tells of tags, releases, deployments and environments as they are now."""
        return LiveShipObjects(self.site, now(), self.protected, self.bodies)

    def tell(self) -> None:
        """Make the objects of runs, releases and deployments anew from the records."""
        with self.lock:
            whole, commits = self.objects["repository"], {raw["sha"]: raw for raw in self.objects["commits"]}
            build = LiveBuildObjects(self.site, now(), objects.minimal(whole), commits, self.workflows)
            ship = self.ship()
            self.objects |= {
                "workflows": build.workflows(),
                "runs": build.runs(),
                "attempts": build.attempts(),
                "jobs": build.jobs(),
                "releases": ship.releases(),
                "deployments": self._with_others(ship.deployments(), self.objects.get("deployments")),
                "deployment_statuses": self._statuses(ship.deployment_statuses()),
                "environments": self._with_others(ship.environments(), self.objects.get("environments")),
            }

    def _with_others(self, own: list[Json], shown: list[Json] | None) -> list[Json]:
        """Return objects told from records, and after them those that a client wrote through the server."""
        numbers = {raw["id"] for raw in own}
        return [*own, *(raw for raw in shown or [] if raw["id"] not in numbers)]

    def _statuses(self, own: dict[int, list[Json]]) -> dict[int, list[Json]]:
        shown: dict[int, list[Json]] = self.objects.get("deployment_statuses") or {}
        merged = {key: self._with_others(raws, shown.get(key)) for key, raws in own.items()}
        newest = {
            key: sorted(raws, key=lambda raw: (raw["created_at"], raw["id"]), reverse=True)
            for key, raws in merged.items()
        }
        return {**shown, **newest}

    def put(self, noun: str, key: int, value: Any) -> None:
        """Put one entry into a dict of objects, by a fresh dict."""
        with self.lock:
            self.objects[noun] = {**self.objects[noun], key: value}

    def release(self, tag: str, body: str, prerelease: bool, author: Person | None = None) -> None:
        """Publish a release of a tag that was pushed, once."""
        self.refresh()
        with self.lock:
            if any(one.tag == tag for one in self.site.releases):
                return
            self._released(tag, body, prerelease, author)
            self.tell()

    def _released(self, name: str, body: str, prerelease: bool, author: Person | None = None) -> None:
        tag = next((one for one in self.site.tags if one.name == name), None)
        if tag is None:
            return
        committed = next((one.committed_at for one in self.site.commits if one.sha == tag.sha), tag.tagged_at)
        published = now() if author else tag.tagged_at
        number = self.site.id()
        self.bodies[number] = body
        self.site.releases.append(
            Release(number, name, history.MAIN, author or tag.tagger, committed, published, prerelease)
        )

    def artifact(self, run: Any, file: Path) -> None:
        """List a run's artifact: a zip file."""
        made, data = now(), file.read_bytes()
        number = self.site.id()
        url = f"{objects.API}/repos/{self.full_name}/actions/artifacts/{number}"
        repository = self.objects["repository"]["id"]
        raw = {
            "id": number,
            "node_id": objects.node("MDA", number),
            "name": file.stem,
            "size_in_bytes": len(data),
            "url": url,
            "archive_download_url": f"{url}/zip",
            "expired": False,
            "digest": f"sha256:{hashlib.sha256(data).hexdigest()}",
            "created_at": objects.iso(made),
            "updated_at": objects.iso(made),
            "expires_at": objects.iso(made + KEPT_FOR),
            "workflow_run": {
                "id": run.id,
                "repository_id": repository,
                "head_repository_id": repository,
                "head_branch": run.branch,
                "head_sha": run.sha,
            },
        }
        with self.lock:
            self.put("artifact_files", number, file)
            self.put("artifacts", run.id, [*self.objects["artifacts"].get(run.id, []), raw])
