"""Workflows, runs with every attempt, and jobs as GitHub's API tells of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from devops_lab.practice.world.objects import API, Json, iso, node, past, user
from devops_lab.practice.world.records import Attempt, Job, Run, Workflow
from devops_lab.practice.world.site import Site


class BuildObjects:
    """Tells of one repository's workflow runs at an instant; `commits` are the objects of its commits by sha."""

    def __init__(self, site: Site, moment: datetime, repository: Json, commits: Mapping[str, Json]) -> None:
        self.site, self.moment, self.repository, self.commits = site, moment, repository, commits
        self.url = f"{API}/repos/{site.full_name}"
        self._runs = [run for run in site.runs if run.created_at <= moment]

    def workflows(self) -> list[Json]:
        """Return the workflows that ever ran."""
        found: dict[int, Workflow] = {run.workflow.id: run.workflow for run in self._runs}
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
            for _, one in sorted(found.items())
        ]

    def runs(self) -> list[Json]:
        """Return the latest attempt of each run, newest first."""
        newest = sorted(self._runs, key=lambda run: (run.created_at, run.id), reverse=True)
        return [self._run(run, self._begun(run)[-1]) for run in newest]

    def attempts(self) -> dict[tuple[int, int], Json]:
        """Return every attempt by (run, attempt)."""
        return {(run.id, one.number): self._run(run, one) for run in self._runs for one in self._begun(run)}

    def jobs(self) -> dict[int, list[Json]]:
        """Return the jobs of all attempts by run."""
        return {
            run.id: [
                self._job(run, one, job)
                for one in self._begun(run)
                for job in one.jobs
                if job.created_at <= self.moment
            ]
            for run in self._runs
        }

    def _begun(self, run: Run) -> list[Attempt]:
        return [one for one in run.attempts if one.started_at <= self.moment]

    def _run(self, run: Run, attempt: Attempt) -> Json:
        url, ended = f"{self.url}/actions/runs/{run.id}", attempt.ended_at <= self.moment
        seen = [at for job in attempt.jobs for at in (job.started_at, job.completed_at) if at <= self.moment]
        updated = attempt.ended_at if ended else max([attempt.started_at, *seen])
        head = self.commits[run.sha]["commit"]
        earlier = f"{url}/attempts/{attempt.number - 1}" if attempt.number > 1 else None
        return {
            "id": run.id,
            "name": run.workflow.name,
            "node_id": node("WFR", run.id),
            "head_branch": run.branch,
            "head_sha": run.sha,
            "path": run.workflow.path,
            "display_title": run.title,
            "run_number": run.number,
            "event": run.event,
            "status": "completed" if ended else "in_progress" if seen else "queued",
            "conclusion": attempt.conclusion if ended else None,
            "workflow_id": run.workflow.id,
            "check_suite_id": run.id + 5,
            "check_suite_node_id": node("CS", run.id),
            "url": url,
            "html_url": self.site.web(f"actions/runs/{run.id}"),
            "pull_requests": [],
            "created_at": iso(run.created_at),
            "updated_at": iso(updated),
            "actor": user(run.actor),
            "run_attempt": attempt.number,
            "referenced_workflows": [],
            "run_started_at": iso(attempt.started_at),
            "triggering_actor": user(attempt.actor),
            "jobs_url": f"{url}/jobs",
            "logs_url": f"{url}/logs",
            "check_suite_url": f"{self.url}/check-suites/{run.id + 5}",
            "artifacts_url": f"{url}/artifacts",
            "cancel_url": f"{url}/cancel",
            "rerun_url": f"{url}/rerun",
            "previous_attempt_url": earlier,
            "workflow_url": f"{self.url}/actions/workflows/{run.workflow.id}",
            "head_commit": {
                "id": run.sha,
                "tree_id": head["tree"]["sha"],
                "message": head["message"],
                "timestamp": head["committer"]["date"],
                "author": {key: head["author"][key] for key in ("name", "email")},
                "committer": {key: head["committer"][key] for key in ("name", "email")},
            },
            "repository": self.repository,
            "head_repository": self.repository,
        }

    def _job(self, run: Run, attempt: Attempt, job: Job) -> Json:
        begun, ended = job.started_at <= self.moment, job.completed_at <= self.moment
        url = f"{self.url}/actions/jobs/{job.id}"
        return {
            "id": job.id,
            "run_id": run.id,
            "workflow_name": run.workflow.name,
            "head_branch": run.branch,
            "run_url": f"{self.url}/actions/runs/{run.id}",
            "run_attempt": attempt.number,
            "node_id": node("CR", job.id),
            "head_sha": run.sha,
            "url": url,
            "html_url": self.site.web(f"actions/runs/{run.id}/job/{job.id}"),
            "status": "completed" if ended else "in_progress" if begun else "queued",
            "conclusion": job.conclusion if ended else None,
            "created_at": iso(job.created_at),
            "started_at": iso(job.started_at if begun else job.created_at),
            "completed_at": iso(past(job.completed_at, self.moment)),
            "name": job.name,
            "steps": [
                {
                    "name": name,
                    "status": "completed" if done <= self.moment else "in_progress",
                    "conclusion": conclusion if done <= self.moment else None,
                    "number": place,
                    "started_at": iso(started),
                    "completed_at": iso(past(done, self.moment)),
                }
                for place, (name, started, done, conclusion) in enumerate(job.steps, 1)
                if started <= self.moment
            ],
            "check_run_url": f"{self.url}/check-runs/{job.id}",
            "labels": [job.label],
            "runner_id": job.runner if begun else None,
            "runner_name": f"GitHub Actions {job.runner}" if begun else None,
            "runner_group_id": 0 if begun else None,
            "runner_group_name": "GitHub Actions" if begun else None,
        }
