"""A job with an environment as a deployment: its statuses, and the end of the one before it."""

from __future__ import annotations

from devops_lab.practice.pipelines.records import SUCCESS, LiveJob, LiveRun, now
from devops_lab.practice.pipelines.repository import LiveRepository
from devops_lab.practice.world.company import ACTIONS_BOT
from devops_lab.practice.world.records import GitHubDeployment

INACTIVE = "inactive"


def begin(live: LiveRepository, run: LiveRun, job: LiveJob, state: str) -> GitHubDeployment:
    """Write down the deployment that a job is, with its first status.

    That is "queued", or "pending" while a review is waited for: GitHub says "waiting" there, a state that its own
    description of the API does not know.
    """
    site = live.site
    made = GitHubDeployment(
        site.id(), str(job.environment), run.sha, run.branch, now(), site.people[ACTIONS_BOT], run.id, job.id
    )
    site.deployments.append(made)
    say(live, made, state)
    return made


def of(live: LiveRepository, job: LiveJob) -> GitHubDeployment | None:
    """Return the deployment that a job is."""
    return next((one for one in live.site.deployments if one.job == job.id), None)


def say(live: LiveRepository, deployment: GitHubDeployment, state: str) -> None:
    """Give a deployment one more status; a success makes the earlier ones of its environment inactive."""
    site = live.site
    if deployment.statuses and deployment.statuses[-1][1] == state:
        return
    deployment.statuses.append((site.id(), state, now()))
    if state != SUCCESS:
        return
    for one in site.deployments:
        if one is not deployment and one.environment == deployment.environment and one.statuses[-1][1] == SUCCESS:
            one.statuses.append((site.id(), INACTIVE, now()))
