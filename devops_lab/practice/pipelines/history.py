"""The sample service's history: from the package's files to a bare git repository with a handful of commits."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devops_lab.practice.pipelines.git import Git
from devops_lab.practice.world.company import people

SAMPLE = Path(__file__).parent.parent / "greeter"
MAIN, BAD = "main", "bad"
FIRST_TAG = "v1.0.0"


@dataclass(frozen=True)
class Step:
    """One commit: how long ago, by whom, what it says, which files it brings, and words it takes back for now."""

    hours_ago: float
    author: str
    message: str
    paths: tuple[str, ...]
    before: tuple[tuple[str, str, str], ...] = ()


STEPS = (
    Step(
        290,
        "kofi-mensah",
        "Greet whoever asks",
        ("README.md", "__main__.py", "greeter"),
        (("greeter/phrases.py", "Hello, ", "Hi "), ("greeter/service.py", "html.escape(await phrase(name))", "name")),
    ),
    Step(266, "lea-dubois", "Test the greeting, and escape names", ("greeter/service.py", "tests")),
    Step(193, "noor-aziz", "Check each push", (".github/workflows/ci.yml",)),
    Step(120, "mika-salo", "Build, test, release and deploy from one workflow", (".github", "tools")),
    Step(30, "kofi-mensah", "Say hello rather than hi", ("greeter/phrases.py",)),
)
TAGGED_AFTER = 4
BAD_STEP = Step(5, "oleg-petrov", "Greet by the initial of the name", ("greeter/phrases.py",))


def make(bare: Path, now: datetime) -> None:
    """Make the bare repository at `bare`: branch main with its tag, and branch bad; `now` is naive UTC."""
    Git(bare.parent)("init", "--quiet", "--bare", f"--initial-branch={MAIN}", bare.name)
    with tempfile.TemporaryDirectory(dir=bare.parent) as folder:
        tree = Path(folder)
        git = Git(tree)
        git("init", "--quiet", f"--initial-branch={MAIN}")
        git("remote", "add", "origin", str(bare))
        for place, step in enumerate(STEPS, 1):
            _commit(git, SAMPLE / "main", step, now)
            if place == TAGGED_AFTER:
                who = _identity(step.author, now - timedelta(hours=step.hours_ago - 1))
                git("tag", "--annotate", FIRST_TAG, "--message", FIRST_TAG, more=who)
        git("checkout", "--quiet", "-b", BAD)
        _commit(git, SAMPLE / "bad", BAD_STEP, now)
        git("push", "--quiet", "origin", MAIN, BAD, f"refs/tags/{FIRST_TAG}")


def _commit(git: Git, source: Path, step: Step, now: datetime) -> None:
    for name in step.paths:
        if (source / name).is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source / name, git.folder / name, dirs_exist_ok=True, ignore=ignored)
        else:
            (git.folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / name, git.folder / name)
    for name, after, before in step.before:
        file = git.folder / name
        file.write_text(file.read_text("utf-8").replace(after, before), "utf-8")
    git("add", "--all")
    git(
        "commit",
        "--quiet",
        "--message",
        step.message,
        more=_identity(step.author, now - timedelta(hours=step.hours_ago)),
    )


def _identity(login: str, moment: datetime) -> dict[str, str]:
    person, date = people()[login], f"{int(moment.replace(tzinfo=UTC).timestamp())} +0000"
    return {
        "GIT_AUTHOR_NAME": person.login,
        "GIT_AUTHOR_EMAIL": person.email,
        "GIT_AUTHOR_DATE": date,
        "GIT_COMMITTER_NAME": person.login,
        "GIT_COMMITTER_EMAIL": person.email,
        "GIT_COMMITTER_DATE": date,
    }
