"""The live repository as GitHub's API tells of it: the world's objects, with what is known only while runs go on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from devops_lab.practice.pipelines.deployed import ENVIRONMENTS
from devops_lab.practice.pipelines.records import LiveJob, LiveRun
from devops_lab.practice.world.build_objects import BuildObjects
from devops_lab.practice.world.company import TEAMS
from devops_lab.practice.world.objects import Json, iso, node, user
from devops_lab.practice.world.records import Attempt, Job, Release, Run, Workflow
from devops_lab.practice.world.ship_objects import ShipObjects
from devops_lab.practice.world.site import Site


class LiveBuildObjects(BuildObjects):
    """Tells of workflows, whether they ran or not, and of runs that are pending, waiting, or just beginning."""

    def __init__(
        self, site: Site, moment: datetime, repository: Json, commits: Mapping[str, Json], files: list[Workflow]
    ) -> None:
        super().__init__(site, moment, repository, commits)
        self.files = files

    def workflows(self) -> list[Json]:
        """Return every workflow."""
        return [
            {
                "id": one.id,
                "node_id": node("W", one.id),
                "name": one.name,
                "path": one.path,
                "state": "active",
                "created_at": iso(self.site.start),
                "updated_at": iso(self.site.start),
                "url": f"{self.url}/actions/workflows/{one.id}",
                "html_url": self.site.web(f"blob/main/{one.path}"),
                "badge_url": self.site.web(f"workflows/{one.name}/badge.svg"),
            }
            for one in self.files
        ]

    def _run(self, run: Run, attempt: Attempt) -> Json:
        raw = super()._run(run, attempt)
        raw["status"] = self._status(run, attempt)
        if raw["previous_attempt_url"] is None and attempt.number > 1:
            raw["previous_attempt_url"] = f"{raw['url']}/attempts/{attempt.number - 1}"
        return raw

    def _status(self, run: Run, attempt: Attempt) -> str:
        if attempt.ended_at <= self.moment:
            return "completed"
        if isinstance(run, LiveRun) and run.pending:
            return "pending"
        jobs = [job for job in attempt.jobs if isinstance(job, LiveJob)]
        own = [job for job in jobs if job.created_at >= attempt.started_at]
        if any(not job.is_over and job.started_at <= self.moment for job in own):
            return "in_progress"
        if any(job.waiting for job in own):
            return "waiting"
        return "in_progress" if any(job.is_over for job in own) else "queued"

    def _job(self, run: Run, attempt: Attempt, job: Job) -> Json:
        raw = super()._job(run, attempt, job)
        if not isinstance(job, LiveJob):
            return raw
        if job.waiting:
            raw["status"] = "waiting"
        if raw["status"] == "in_progress":
            first = len(raw["steps"]) + 1
            raw["steps"] += [_queued(place, name) for place, (_, name) in enumerate(job.left, first)]
        if raw["conclusion"] == "skipped" or not job.runner:
            raw |= {"runner_id": None, "runner_name": None, "runner_group_id": None, "runner_group_name": None}
        return raw


def _queued(number: int, name: str) -> Json:
    waiting = {"status": "queued", "conclusion": None, "started_at": None, "completed_at": None}
    return {"name": name, "number": number, **waiting}


class LiveShipObjects(ShipObjects):
    """Tells of releases with their text, and of both environments with their reviewers, used or not."""

    def __init__(self, site: Site, moment: datetime, protected: Collection[str], bodies: Mapping[int, str]) -> None:
        super().__init__(site, moment)
        self.protected, self.bodies = protected, bodies

    def _release(self, one: Release) -> Json:
        raw = super()._release(one)
        return {**raw, "body": self.bodies.get(one.id) or raw["body"]}

    def _environment_names(self) -> list[str]:
        return sorted(ENVIRONMENTS)

    def _environment(self, place: int, name: str) -> dict[str, Any]:
        raw = super()._environment(place, name)
        if name in self.protected:
            rule = {
                "id": raw["id"] + 500,
                "node_id": node("GA", raw["id"] + 500),
                "type": "required_reviewers",
                "prevent_self_review": False,
                "reviewers": self.reviewers(),
            }
            raw["protection_rules"] = [rule]
        return raw

    def reviewers(self) -> list[Json]:
        """Return who may approve: the team's people."""
        logins = TEAMS[self.site.plan.team]
        return [{"type": "User", "reviewer": user(self.site.people[login])} for login in logins]

    def pending(self, names: Collection[str], since: datetime) -> list[Json]:
        """Return the deployments that wait for a review, one for each environment."""
        found = {raw["name"]: raw for raw in self.environments()}
        shown = ("id", "node_id", "name", "url", "html_url")
        return [
            {
                "environment": {key: found[name][key] for key in shown},
                "wait_timer": 0,
                "wait_timer_started_at": iso(since),
                "current_user_can_approve": True,
                "reviewers": self.reviewers(),
            }
            for name in names
        ]
