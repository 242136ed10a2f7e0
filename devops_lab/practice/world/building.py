"""Build and test: workflow runs with queue times, flaky tests, re-runs (every attempt is kept) and cancelled ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from devops_lab.practice.world.company import WORKFLOW, Person
from devops_lab.practice.world.records import CANCELLED, FAILURE, SUCCESS, Attempt, Job, Run, Workflow
from devops_lab.practice.world.site import Site

CI, DEPLOY, STAGE = "CI", "Deploy", "Stage"
FILES = {CI: "ci.yml", DEPLOY: "deploy.yml", STAGE: "stage.yml"}
PRE_DEPLOY = (("build", 110), ("test", 200))
CI_JOBS = (("lint", 40), ("test (3.12)", 230), ("test (3.13)", 240))
RUNNERS = {("accounts", "test (3.13)"): "windows-latest", ("checkout", "lint"): "macos-latest"}
FLAKY, BROKEN, CANCELLING, STARTUP, TIMING_OUT = 0.05, 0.06, 0.04, 0.003, 0.004
RED_AGAIN, RERUN_OF_BROKEN = 0.15, 0.3
Stage = Sequence[tuple[str, float, str]]


class Building:
    """Runs workflows: continuous integration for pull requests and main, and the pipelines that deploy."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.workflows = {name: Workflow(site.id(), name, f".github/workflows/{file}") for name, file in FILES.items()}
        self._numbers = dict.fromkeys(FILES, 0)

    def integrate(
        self, moment: datetime, sha: str, branch: str, title: str, actor: Person, pull: int | None = None
    ) -> None:
        """Run continuous integration for a push to `branch`, or to a pull request's."""
        dice = self.site.dice
        run = self._run(moment, CI, "push" if pull is None else "pull_request", branch, sha, title, actor, pull)
        drawn = dice.uniform(0, 1)
        if drawn < STARTUP:
            run.attempts.append(Attempt(1, moment, moment + timedelta(seconds=2), "startup_failure", actor, []))
            return
        outcome = SUCCESS
        for share, name in ((CANCELLING, CANCELLED), (TIMING_OUT, "timed_out"), (BROKEN, "broken"), (FLAKY, "flaky")):
            if drawn < share:
                outcome = name
                break
            drawn -= share
        run.trouble = outcome if outcome in ("broken", "flaky") else ""
        red = dice.integer(1, 2)
        told = FAILURE if outcome in ("broken", "flaky") else outcome
        self._attempt(run, moment, [[(n, s, told if i == red else SUCCESS) for i, (n, s) in enumerate(CI_JOBS)]], actor)
        again = outcome == "flaky" or (outcome == "broken" and dice.chance(RERUN_OF_BROKEN))
        while again and len(run.attempts) < 3:
            result = FAILURE if outcome == "broken" or dice.chance(RED_AGAIN) else SUCCESS
            start = self.site.soon(run.attempts[-1].ended_at, 25, 1.0)
            self._again(run, start, [(CI_JOBS[red][0], CI_JOBS[red][1], result)], actor)
            again = result == FAILURE and outcome == "flaky"

    def pipeline(
        self,
        moment: datetime,
        workflow: str,
        job: tuple[str, float],
        sha: str,
        title: str,
        actor: Person,
        event: str,
        outcomes: Sequence[str],
    ) -> Run:
        """Run a pipeline that builds, tests and ends with `job`; `outcomes` are that job's, one for each attempt."""
        run = self._run(moment, workflow, event, "main", sha, title, actor)
        before: list[Stage] = [[(name, seconds, SUCCESS)] for name, seconds in PRE_DEPLOY]
        self._attempt(run, moment, [*before, [(*job, outcomes[0])]], actor)
        for outcome in outcomes[1:]:
            start = self.site.soon(run.attempts[-1].ended_at, 15)
            self._again(run, start, [(*job, outcome)], actor)
        return run

    def _run(
        self,
        moment: datetime,
        workflow: str,
        event: str,
        branch: str,
        sha: str,
        title: str,
        actor: Person,
        pull: int | None = None,
    ) -> Run:
        self._numbers[workflow] += 1
        run = Run(
            self.site.id(),
            self._numbers[workflow],
            self.workflows[workflow],
            event,
            branch,
            sha,
            title,
            actor,
            moment,
            pull,
        )
        self.site.runs.append(run)
        return run

    def _attempt(self, run: Run, start: datetime, stages: Sequence[Stage], actor: Person) -> None:
        jobs: list[Job] = []
        begin, result = start + timedelta(seconds=1), SUCCESS
        for stage in stages:
            made = [self._job(begin, *plan) for plan in stage] if result == SUCCESS else []
            jobs += made
            begin = max([begin, *(job.completed_at for job in made)])
            result = next((job.conclusion for job in made if job.conclusion != SUCCESS), result)
        conclusion = FAILURE if result == "timed_out" else result
        run.attempts.append(Attempt(1, start, begin + timedelta(seconds=1), conclusion, actor, jobs))

    def _again(self, run: Run, start: datetime, plans: Stage, actor: Person) -> None:
        """Re-run failed jobs: GitHub lists those that were green once more, with their old times."""
        old = {job.name: job for job in run.attempts[-1].jobs}
        begin = start + timedelta(seconds=1)
        jobs = [
            replace(job, id=self.site.id(), conclusion=SUCCESS)
            for job in old.values()
            if job.name not in {plan[0] for plan in plans}
        ]
        made = [self._job(begin, *plan) for plan in plans]
        ended = max(job.completed_at for job in made) + timedelta(seconds=1)
        result = next((job.conclusion for job in made if job.conclusion != SUCCESS), SUCCESS)
        run.attempts.append(Attempt(len(run.attempts) + 1, start, ended, result, actor, [*jobs, *made]))

    def _job(self, created: datetime, name: str, median: float, conclusion: str) -> Job:
        dice = self.site.dice
        started = created + dice.seconds(7, 1.1, 1800)
        work = dice.seconds(median, 0.45)
        if conclusion == "timed_out":
            work = timedelta(hours=1)
        elif conclusion == CANCELLED:
            work = max(work / 2, timedelta(seconds=3))
        completed = (started + work + timedelta(seconds=5)).replace(microsecond=0)
        ready, checked = started + timedelta(seconds=1), started + timedelta(seconds=3)
        steps = [
            ("Set up job", started, ready, SUCCESS),
            ("Check out", ready, checked, SUCCESS),
            (f"Run {name}", checked, completed, conclusion if conclusion != "timed_out" else CANCELLED),
        ]
        label = RUNNERS.get((self.site.plan.name, name), "ubuntu-latest")
        return Job(self.site.id(), name, created, started, completed, conclusion, dice.integer(1, 8), steps, label)


def is_trunk(site: Site) -> bool:
    """Say whether main is built by the pipeline that deploys it, so that no run of its own is needed."""
    return site.plan.ships == WORKFLOW
