"""What test jobs leave behind: artifacts with JUnit XML, and the logs of all jobs, made when they are asked for.

The repositories keep artifacts for 400 days, so that none of a year's has expired; logs are kept for 90 days.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from functools import partial
from xml.etree import ElementTree

from devops_lab.practice.world.objects import API, Json, iso, node
from devops_lab.practice.world.records import FAILURE, SUCCESS, Attempt, Job, Run
from devops_lab.practice.world.site import Site
from devops_lab.practice.world.testing import Results, results

RETENTION, LOGS_KEPT = timedelta(days=400), timedelta(days=90)
ARTIFACT_IDS = 1_000_000_000
FILE = "junit.xml"
BYTES_EACH, BYTES_AROUND = 11, 380


class ResultObjects:
    """Tells of the artifacts and logs of one repository's jobs at an instant."""

    def __init__(self, site: Site, moment: datetime) -> None:
        self.site, self.moment = site, moment
        self.url = f"{API}/repos/{site.full_name}"
        self._tests = [
            (run, attempt, found)
            for run, attempt, job in self._over()
            if (found := results(site, run, attempt, job)) is not None
        ]

    def _over(self) -> Iterator[tuple[Run, Attempt, Job]]:
        for run in self.site.runs:
            for attempt in run.attempts:
                for job in attempt.ran():
                    if job.completed_at <= self.moment:
                        yield run, attempt, job

    def artifacts(self) -> dict[int, list[Json]]:
        """Return the artifacts of each run that has any; each attempt of a test job leaves one of its own name."""
        found: dict[int, list[Json]] = {}
        for run, attempt, one in self._tests:
            found.setdefault(run.id, []).append(self._artifact(run, attempt, one))
        return found

    def artifact_files(self) -> dict[int, Callable[[], bytes]]:
        """Return artifact → a call that makes its zip."""
        return {ARTIFACT_IDS + one.job.id: partial(zipped, one) for _, _, one in self._tests}

    def _artifact(self, run: Run, attempt: Attempt, one: Results) -> Json:
        number, made = ARTIFACT_IDS + one.job.id, one.job.completed_at
        url = f"{self.url}/actions/artifacts/{number}"
        _, _, version = one.job.name.partition("(")
        repository = 900 + self.site.place
        return {
            "id": number,
            "node_id": node("AR", number),
            "name": "-".join(["junit", *([version.rstrip(")")] if version else []), str(attempt.number)]),
            "size_in_bytes": BYTES_AROUND + BYTES_EACH * len(one.cases),
            "url": url,
            "archive_download_url": f"{url}/zip",
            "expired": made + RETENTION <= self.moment,
            "created_at": iso(made),
            "updated_at": iso(made),
            "expires_at": iso(made + RETENTION),
            "digest": None,
            "workflow_run": {
                "id": run.id,
                "repository_id": repository,
                "head_repository_id": repository,
                "head_branch": run.branch,
                "head_sha": run.sha,
            },
        }

    def logs(self) -> dict[int, Callable[[], str]]:
        """Return job → a call that makes its log, of the jobs that ended in the last 90 days."""
        known = {(run.id, one.job.name, one.job.completed_at): one for run, _, one in self._tests}
        return {
            job.id: partial(log, job, run.sha, known.get((run.id, job.name, job.completed_at)))
            for run in self.site.runs
            for attempt in run.attempts
            for job in attempt.jobs
            if attempt.started_at <= self.moment and self.moment - LOGS_KEPT < job.completed_at <= self.moment
        }


def junit(one: Results) -> bytes:
    """Return results as JUnit XML, as pytest and others write it."""
    seconds = one.seconds()
    counts = {
        "tests": len(one.cases),
        "failures": len(one.failed),
        "errors": 0,
        "skipped": len(one.skipped),
        "time": round(sum(seconds), 3),
    }
    about = {name: str(value) for name, value in counts.items()}
    root = ElementTree.Element("testsuites")
    suite = ElementTree.SubElement(
        root, "testsuite", name=one.job.name, timestamp=one.job.started_at.isoformat(), hostname="runner", attrib=about
    )
    for place, (case, took) in enumerate(zip(one.cases, seconds, strict=True)):
        told = ElementTree.SubElement(
            suite, "testcase", classname=case.suite, name=case.name, file=case.file, time=f"{took:.3f}"
        )
        if place in one.failed:
            failure = ElementTree.SubElement(told, "failure", message="AssertionError: assert 41 == 42")
            failure.text = f"{case.file}:17: AssertionError"
        elif place in one.skipped:
            ElementTree.SubElement(told, "skipped", message="needs a database")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root)


def zipped(one: Results) -> bytes:
    """Return the zip that holds results as JUnit XML."""
    whole, (year, month, day, hour, minute, second, *_) = io.BytesIO(), one.job.completed_at.timetuple()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as archive:
        entry = zipfile.ZipInfo(FILE, (year, month, day, hour, minute, second))
        archive.writestr(entry, junit(one), zipfile.ZIP_DEFLATED)
    return whole.getvalue()


def log(job: Job, sha: str, tests: Results | None) -> str:
    """Return the log of a job; what failed is named in it."""
    lines = []
    for name, started, ended, conclusion in job.steps:
        lines.append((started, f"##[group]{name}"))
        lines += [(started, text) for text in _said(name, job, sha)]
        lines.append((started, "##[endgroup]"))
        if name == f"Run {job.name}":
            lines += [(ended, text) for text in _told(tests)]
        if conclusion == FAILURE:
            lines.append((ended, "##[error]Process completed with exit code 1."))
        elif conclusion != SUCCESS:
            lines.append((ended, "##[error]The operation was canceled."))
    return "".join(f"{at.isoformat()}.0000000Z {text}\n" for at, text in lines)


def _said(name: str, job: Job, sha: str) -> list[str]:
    if name == "Set up job":
        return [f"Runner Image: {job.label}", f"Runner name: GitHub Actions {job.runner}"]
    return [f"HEAD is now at {sha[:7]}"] if name == "Check out" else [f"make {job.name.split()[0]}"]


def _told(tests: Results | None) -> list[str]:
    if tests is None:
        return []
    lines = [
        f"FAILED {tests.cases[place].file}::{tests.cases[place].name} - AssertionError"
        for place in sorted(tests.failed)
    ]
    passed = len(tests.cases) - len(tests.failed) - len(tests.skipped)
    return [*lines, f"{len(tests.failed)} failed, {passed} passed, {len(tests.skipped)} skipped"]
