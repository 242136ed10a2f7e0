"""Pipelines that really run: the sample service's git repository, its workflows run by act, what they deploy.

::

    history, reading, git      the real git repository, made from the package's files, and read into records
    workflow, act, journal     a workflow file, the process that runs it, and the record made of what it says
    repository, objects        the live repository as GitHub's API tells of it
    deployments, logs          a job with an environment; a job's log
    attempts                   one attempt of a run, in a thread of its own
    driving                    `Pipelines`: dispatch, cancel, rerun, review
    deployed, traffic          what was deployed, and visitors for it

`act` runs jobs in stages: a job begins when all jobs of the stage before have ended, not only those that it needs.
"""

from devops_lab.practice.pipelines.act import missing
from devops_lab.practice.pipelines.deployed import ENVIRONMENTS, stop_deployed
from devops_lab.practice.pipelines.driving import Pipelines
from devops_lab.practice.pipelines.repository import LiveRepository

__all__ = ["ENVIRONMENTS", "LiveRepository", "Pipelines", "missing", "stop_deployed"]
