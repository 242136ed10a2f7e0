"""The practice organisation's background process: makes the company and its parts, and keeps them until told to end.

It reads what is wished for from ``wish.json``, says each step in ``progress.jsonl`` while it comes up, and keeps the
state of every part in ``running.json``.  SIGTERM ends it at any moment, with all it started.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from devops_lab.errors import SourceError
from devops_lab.practice.settings import lab_toml

if TYPE_CHECKING:
    from devops_lab.practice.monitoring import Monitoring
    from devops_lab.practice.pipelines import Pipelines
    from devops_lab.practice.world import Organisation

WISH, PROGRESS, STATE, SETTINGS, ANSWERS = "wish.json", "progress.jsonl", "running.json", "lab.toml", "answers.toml"
COMPANY, GITHUB, PIPELINES, MONITORING = "company", "GitHub", "pipelines", "monitoring"
UP, MISSING, CRASHED = "up", "missing", "crashed"
PLENTY = 1_000_000_000
LOOK_SECONDS = 1.0
DELIVERY_SECONDS = 120.0
TICK = 0.05
HOST, PRODUCTION, ACTOR = "127.0.0.1", "production", "lea-dubois"


@dataclass(frozen=True)
class Part:
    """One part of the practice organisation: up at `url`, missing or crashed; `says` is what to know or to do."""

    name: str
    state: str
    url: str = ""
    says: str = ""


@dataclass(frozen=True)
class Wish:
    """What is wished for: the seed, the instant that the company's year ends (naive UTC), GitHub's port, the parts."""

    seed: int
    until: datetime
    port: int = 0
    parts: tuple[str, ...] = (GITHUB, PIPELINES, MONITORING)

    def as_json(self) -> str:
        """Return it as JSON text."""
        return json.dumps({**asdict(self), "until": self.until.isoformat()})

    @staticmethod
    def from_json(text: str) -> Wish:
        """Return what `as_json` wrote."""
        found = json.loads(text)
        return Wish(found["seed"], datetime.fromisoformat(found["until"]), found["port"], tuple(found["parts"]))


class _Company:
    """The made-up company and what runs of it, as the server sees it: the world's repositories and the live one."""

    def __init__(self, world: Organisation, pipelines: Pipelines | None) -> None:
        self.repositories: dict[str, Any] = dict(world.repositories)
        if pipelines is not None:
            self.repositories[pipelines.repository.full_name] = pipelines.repository


class Household:
    """Everything that one background process runs."""

    def __init__(self, folder: Path, wish: Wish, stack: ExitStack) -> None:
        self.folder, self.wish, self.stack = folder, wish, stack
        self.parts: dict[str, Part] = {}
        self.url = ""
        self.ready = False
        self.pipelines: Pipelines | None = None
        self.monitoring: Monitoring | None = None

    def come_up(self) -> None:
        """Bring every wished part up; a part that cannot be had here is said to be missing, and the rest goes on."""
        from devops_lab.practice.world import make

        with self._step(COMPANY, f"a year of six services (seed {self.wish.seed})"):
            world = make(self.wish.seed, until=self.wish.until)
            _ = world.repositories
        if PIPELINES in self.wish.parts:
            self._make_pipelines(world)
        with self._step(GITHUB, "answers on this machine"):
            self._serve(_Company(world, self.pipelines))
        delivery = self._first_delivery()
        if MONITORING in self.wish.parts:
            self._monitor(world)
        if delivery is not None:
            delivery.join()
        self._write_settings(world)

    def _serve(self, company: _Company) -> None:
        from devops_lab.practice.server import Options, serve

        options = Options(limit=PLENTY, anonymous_limit=PLENTY, pipelines=self.pipelines)
        self.url = self.stack.enter_context(serve(company, self.wish.port, options))
        self._told(Part(GITHUB, UP, self.url, "REST and GraphQL; any token will do"))

    def _make_pipelines(self, world: Organisation) -> None:
        from devops_lab.practice import pipelines

        problem = pipelines.missing()
        if problem is not None:
            self._lacks(PIPELINES, problem)
            return
        with self._step(PIPELINES, "the repository of the sample service, greeter"):
            self.pipelines = pipelines.Pipelines(self.folder / PIPELINES, world.name)
            self.stack.callback(self.pipelines.close)

    def _first_delivery(self) -> threading.Thread | None:
        """Let the sample service's own pipeline build, test, release and deploy it, while other parts come up."""
        if self.pipelines is None:
            return None
        pipelines = self.pipelines

        def deliver() -> None:
            try:
                with self._step("greeter", "its pipeline builds, tests, releases and deploys it"):
                    _deliver(pipelines)
            except SourceError as problem:
                self._told(Part("greeter", CRASHED, "", str(problem)))
            else:
                url = f"http://{HOST}:{pipelines.port(PRODUCTION)}"
                self._told(Part("greeter", UP, url, "the sample service, in production; its pipeline is deliver.yml"))

        thread = threading.Thread(target=deliver, daemon=True)
        thread.start()
        return thread

    def _monitor(self, world: Organisation) -> None:
        from devops_lab.practice import monitoring

        problem = monitoring.missing()
        if problem is not None:
            self._lacks("Prometheus", problem)
            return
        targets = {"greeter": f"{HOST}:{self.pipelines.port(PRODUCTION)}"} if self.pipelines is not None else {}
        with self._step("Prometheus", "twelve months of telemetry, then live"):
            self.monitoring = monitoring.start(self.folder / MONITORING, world, targets, self._said)
            self.stack.callback(self.monitoring.close)
        self._told(Part("Prometheus", UP, self.monitoring.prometheus_url, "twelve months back, and live"))
        self._told(Part("Alertmanager", UP, self.monitoring.alertmanager_url, "alerts of a bad version arrive here"))

    def _write_settings(self, world: Organisation) -> None:
        from devops_lab.practice.exercises import questions_toml

        prometheus = self.monitoring.prometheus_url if self.monitoring is not None else None
        text = lab_toml(
            world.name,
            self.url,
            prometheus,
            live=self.pipelines is not None,
            company=(self.wish.seed, self.wish.until),
        )
        (self.folder / SETTINGS).write_text(text, "utf-8")
        (self.folder / ANSWERS).write_text(questions_toml(world), "utf-8")

    def look(self) -> None:
        """Take note of parts that crashed."""
        crashed = [] if self.monitoring is None else self.monitoring.check()
        for said in crashed:
            name = next((name for name in ("Prometheus", "Alertmanager") if name in said), "Prometheus")
            if self.parts[name].state == UP:
                self._told(Part(name, CRASHED, self.parts[name].url, said))

    # ------------------------------------------------------------------ what is said

    @contextmanager
    def _step(self, part: str, text: str) -> Iterator[None]:
        self._say(part, "begun", text)
        begun = time.monotonic()
        yield
        self._say(part, "done", text, time.monotonic() - begun)

    def _lacks(self, part: str, problem: str) -> None:
        self._say(part, MISSING, problem)
        self._told(Part(part, MISSING, "", problem))

    def _said(self, text: str) -> None:
        self._say("Prometheus", "begun", text)

    def _say(self, part: str, state: str, text: str, seconds: float | None = None) -> None:
        line = json.dumps({"part": part, "state": state, "text": text, "seconds": seconds})
        with (self.folder / PROGRESS).open("a", encoding="utf-8") as out:
            out.write(line + "\n")

    def _told(self, part: Part) -> None:
        self.parts = {**self.parts, part.name: part}
        self.write_state()

    def write_state(self) -> None:
        """Write ``running.json``; it says ready once every part is up or known to be missing."""
        state = {
            "process": os.getpid(),
            "seed": self.wish.seed,
            "until": self.wish.until.isoformat(),
            "url": self.url,
            "ready": self.ready,
            "parts": [asdict(part) for part in self.parts.values()],
        }
        partial = self.folder / f"{STATE}.partial"
        partial.write_text(json.dumps(state, indent=1), "utf-8")
        partial.replace(self.folder / STATE)


def _deliver(pipelines: Pipelines) -> None:
    """Let the sample service's pipeline bring out the first version, and approve it; SourceError where it fails."""
    objects, name = pipelines.repository.objects, pipelines.repository.full_name
    workflow = next(one for one in objects["workflows"] if one["path"].endswith("/deliver.yml"))
    sha = next(one["commit"]["sha"] for one in objects["branches"] if one["name"] == "main")
    actor = {"login": ACTOR, "id": 4001, "type": "User"}
    number = pipelines.dispatch(name, workflow, "refs/heads/main", sha, {"environment": PRODUCTION}, actor)
    patience = time.monotonic() + DELIVERY_SECONDS
    while time.monotonic() < patience:
        run = next(one for one in pipelines.repository.objects["runs"] if one["id"] == number)
        if run["status"] == "completed":
            if run["conclusion"] != "success":
                raise SourceError(f"the first delivery ended in {run['conclusion']}; its log is in {pipelines.folder}")
            return
        waiting = pipelines.repository.objects["pending_deployments"].get(number) or []
        if waiting:
            held = [one["environment"]["id"] for one in waiting]
            pipelines.review(name, number, held, True, "The first version.", actor)
        time.sleep(TICK)
    raise SourceError(f"the first delivery took more than {DELIVERY_SECONDS:.0f} s; its log is in {pipelines.folder}")


def _stop(number: int, frame: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not end the cleaning up
    sys.exit(0)


def run(folder: Path, look: Callable[[float], None] = time.sleep) -> None:
    """Be the background process until SIGTERM comes or the folder is gone."""
    signal.signal(signal.SIGTERM, _stop)
    wish = Wish.from_json((folder / WISH).read_text("utf-8"))
    with ExitStack() as stack:
        household = Household(folder, wish, stack)
        household.write_state()
        household.come_up()
        household.ready = True
        household.write_state()
        while folder.exists():
            household.look()
            look(LOOK_SECONDS)


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]))
    except SourceError as problem:
        sys.exit(str(problem))
