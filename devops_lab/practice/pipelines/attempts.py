"""One attempt of a run: its turn in the group, its work copy, act, and what its steps leave."""

from __future__ import annotations

import json
import shutil
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devops_lab.errors import LabError
from devops_lab.practice.pipelines.act import Act
from devops_lab.practice.pipelines.deployed import DEPLOYED
from devops_lab.practice.pipelines.git import Git
from devops_lab.practice.pipelines.journal import Journal
from devops_lab.practice.pipelines.records import SUCCESS, LiveJob, LiveRun
from devops_lab.practice.pipelines.repository import LiveRepository
from devops_lab.practice.pipelines.workflow import prepared
from devops_lab.practice.world.records import Attempt


@dataclass
class Going:
    """An attempt that goes on: its folder, its journal, its act, its thread; `cancelled` is set to end it."""

    run: LiveRun
    attempt: Attempt
    folder: Path
    journal: Journal
    act: Act
    kept: list[LiveJob]
    cancelled: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None
    files: set[Path] = field(default_factory=set)

    @property
    def group(self) -> str | None:
        """Its concurrency group."""
        return self.run.plan.group if self.run.plan else None


class Runner:
    """Carries attempts out, each in the thread that calls `drive`; `over` is told of each that has ended.

    Attempts of one concurrency group go one after the other, in the order they were lined up in.
    """

    def __init__(
        self, live: LiveRepository, folder: Path, ports: Mapping[str, int], over: Callable[[Going], None]
    ) -> None:
        self.live, self.folder, self.ports, self.over = live, folder, ports, over
        self._lines: dict[str, list[int]] = defaultdict(list)

    def line_up(self, going: Going) -> None:
        """Put an attempt at the end of its group's line; the lock is held."""
        if going.group:
            going.run.pending = bool(self._lines[going.group])
            self._lines[going.group].append(going.run.id)

    def drive(self, going: Going) -> None:
        """Be an attempt's thread: wait for its turn, run act, write down what it says, leave no process."""
        live, problem = self.live, ""
        try:
            if self._turn(going):
                with live.lock:
                    going.run.pending = False
                    going.journal.begin()
                self._prepare(going)
                self._act(going)
                self._gather(going)
        except (LabError, OSError) as found:
            problem = str(found)
        finally:
            going.act.kill()
            shutil.rmtree(going.folder / "home", ignore_errors=True)
            shutil.rmtree(going.folder / "work", ignore_errors=True)
            with live.lock:
                going.journal.end(problem)
                if going.group and going.run.id in self._lines[going.group]:
                    self._lines[going.group].remove(going.run.id)
                self.over(going)

    def _turn(self, going: Going) -> bool:
        """Wait until the runs before this one in its group have ended; False where it was cancelled meanwhile."""
        while going.group and self._lines[going.group][0] != going.run.id:
            if going.cancelled.wait(0.05):
                return False
        return not going.cancelled.is_set()

    def _prepare(self, going: Going) -> None:
        run, folder, plan = going.run, going.folder, going.journal.plan
        Git(folder)("clone", "--quiet", "--no-checkout", str(self.live.bare), "work")
        git = Git(folder / "work")
        if run.ref.startswith("refs/heads/"):
            git("checkout", "--quiet", "-B", run.branch, run.sha)
        else:
            git("checkout", "--quiet", "--detach", run.sha)
        protected = self.live.protected
        gates = {key: decision(going, key) for key, job in plan.jobs.items() if job.environment in protected}
        kept = {job.key: _said(folder, job) for job in going.kept if job.conclusion == SUCCESS}
        (folder / "workflow.yml").write_text(prepared(run.text, gates, kept), "utf-8")
        event = {
            "ref": run.ref,
            "inputs": dict(run.inputs),
            "workflow": run.workflow.path,
            "repository": {"default_branch": "main", "full_name": self.live.full_name},
            "sender": {"login": going.attempt.actor.login},
        }
        (folder / "event.json").write_text(json.dumps(event), "utf-8")

    def _act(self, going: Going) -> None:
        run = going.run
        said = {
            "GITHUB_RUN_ID": str(run.id),
            "GITHUB_RUN_NUMBER": str(run.number),
            "GITHUB_RUN_ATTEMPT": str(going.attempt.number),
            "GITHUB_REPOSITORY": self.live.full_name,
            "GITHUB_REF": run.ref,
        }
        variables = {"DEPLOY_TO": str(self.folder / DEPLOYED)}
        variables |= {f"PORT_{name.upper()}": str(port) for name, port in self.ports.items()}
        with self.live.lock:
            if going.cancelled.is_set():
                return
            going.act.start(going.attempt.actor.login, said, variables)
        for event in going.act.events():
            with self.live.lock:
                is_over = going.journal.read(event)
            if is_over:
                self._gather(going)

    def _gather(self, going: Going) -> None:
        """Take in what steps left: pushed refs, artifacts, releases that were asked for."""
        live = self.live
        live.refresh()
        new = [
            file
            for pattern in ("artifacts/*.zip", "releases/*.json")
            for file in sorted(going.folder.glob(pattern))
            if file not in going.files
        ]
        for file in new:
            going.files.add(file)
            if file.suffix == ".zip":
                live.artifact(going.run, file)
            else:
                asked = json.loads(file.read_text("utf-8"))
                live.release(asked["tag"], asked["body"], asked["prerelease"], going.attempt.actor)


def decision(going: Going, key: str) -> Path:
    """Return the file in which a job's gate looks for the review."""
    return going.folder / f"decision-{key}"


def _said(folder: Path, job: LiveJob) -> dict[str, Path]:
    """Write down what each step of a kept job had put out, as it would itself, and return the files by step."""
    found = {}
    for place, (step, outputs) in enumerate(job.said.items()):
        file = found[step] = folder / f"said-{job.key}-{place}"
        end = "LAB_END_OF_OUTPUT"
        file.write_text("".join(f"{name}<<{end}\n{text}\n{end}\n" for name, text in outputs.items()), "utf-8")
    return found
