"""The first minute: write a ``lab.toml`` for a clone, a repository on GitHub, or a made-up company; and reach it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from devops_lab.config import DEFAULT_SERVER, GitHub, Prometheus, Settings
from devops_lab.errors import AccessError, UserError
from devops_lab.github_api import GitHubClient
from devops_lab.practice.background import GITHUB as GITHUB_PART
from devops_lab.practice.background import MONITORING, PIPELINES
from devops_lab.practice.running import Steps, silent, visiting
from devops_lab.practice.settings import live_toml, visited_toml
from devops_lab.proposal import Proposal, lab_toml, of_clone, of_github
from devops_lab.proposal.organisation import of_organisation, organisation_toml

SEED = 1
VISITED = ".practice"
DRIVEN = ".practice-driven"
QUICK = Path(".lab")
GITHUB = "https://api.github.com"


def write_settings(
    path: Path,
    git: str | None = None,
    repository: str | None = None,
    url: str = GITHUB,
    force: bool = False,
    store: str = "lab",
    dora_alone: bool = False,
) -> str:
    """Write a ``lab.toml`` whose rules fit what is there; return what a person should read next.

    Errors: UserError when the file is there already; AccessError when there is nothing to look at.
    """
    if path.exists() and not force:
        raise UserError(f"{path} is there already; edit it, or write over it with --force")
    if git is None and repository is None:
        top = _repository_here(path.parent)
        if top is None:
            _write(path, visited_toml(SEED, _today()))
            return (
                f"{path}: this folder is in no git repository, so it is a made-up company of six services to look "
                "round with.\nNext: `devops-lab report`. For your own: `devops-lab init --force --git PATH` or "
                "`--repository owner/name`."
            )
        git = str(top)
    proposal = _look(git, repository, url)
    text = lab_toml([proposal], path.parent, store, dora_alone)
    if url != GITHUB:
        text = text.replace("\n[[service]]", f'\n[github]\nurl = "{url}"\n\n[[service]]', 1)
    _write(path, text)
    first = proposal.candidates[0]
    return (
        f"{path}: service {proposal.name!r}; a deployment is one of the {first.found} ({first.hits} seen).\n"
        "Next: `devops-lab report` (fetches first), or `devops-lab doctor`. For another repository: "
        "`devops-lab init --git PATH` or `--repository owner/name`."
    )


def write_organisation(
    path: Path,
    organisation: str,
    url: str = GITHUB,
    force: bool = False,
    progress: Callable[[str, int, int], None] = lambda name, done, of: None,
) -> str:
    """Write a ``lab.toml`` for all repositories of an organisation, those with the same rules together.

    Returns what a person should read next.  Errors: UserError when the file is there already; AccessError where there
    is no such organisation, or nothing in it shows a sign of deployments.
    """
    if path.exists() and not force:
        raise UserError(f"{path} is there already; edit it, or write over it with --force")
    client = GitHubClient(url, os.environ.get("GITHUB_TOKEN") or None)
    seen = of_organisation(client, organisation, progress)
    if not seen.groups:
        failed = "; ".join(f"{name}: {problem}" for name, problem in sorted(seen.failed.items())[:3])
        raise AccessError(
            f"no repository of {organisation} shows a sign of deployments{f' ({failed})' if failed else ''}"
        )
    _write(path, organisation_toml(seen, url, GITHUB))
    covered = sum(len(group.members) for group in seen.groups)
    lines = [f"{path}: {seen.services} services in {covered} repositories, in {len(seen.groups)} groups"]
    lines += [f"  {group.services:>3} by {group.found}" for group in seen.groups]
    if seen.idle:
        lines.append(f"  {len(seen.idle)} repositories show no sign of deployments; their names stand in the file")
    if seen.left_out:
        lines.append(f"  {len(seen.left_out)} are archived or forks")
    lines += [f"  {name} could not be looked at: {problem}" for name, problem in sorted(seen.failed.items())]
    lines += [f"  {note}" for note in seen.notes]
    return "\n".join(
        [*lines, "Next: read the file, then `devops-lab sync`; `devops-lab doctor` says what is not covered."]
    )


def quick_settings(
    git: str | None = None, repository: str | None = None, say: Callable[[str], None] | None = None
) -> Path:
    """Return the ``lab.toml`` in ``.lab/NAME`` for a clone or a repository, written when it is not there yet."""
    if git is None and repository is None:
        here = _repository_here(Path())
        git = None if here is None else str(here)
    subject = repository or str(Path(git or ".").resolve())
    path = (QUICK / (re.sub(r"[^A-Za-z0-9._-]+", "-", subject).strip("-") or "lab") / "lab.toml").absolute()
    if not path.exists():
        said = write_settings(path, git=git, repository=repository, dora_alone=True)
        if say is not None:
            say(said.split("\n")[0])
    return path


def practice_settings() -> Path:
    """Return the ``lab.toml`` in ``.lab/practice`` of the made-up company as of today; an older day's is replaced."""
    path = (QUICK / "practice" / "lab.toml").absolute()
    text = visited_toml(SEED, _today())
    if not path.exists() or path.read_text("utf-8") != text:
        if path.parent.exists():
            shutil.rmtree(path.parent)
        _write(path, text)
    return path


@contextmanager
def reachable(settings: Settings, steps: Steps = silent) -> Iterator[Settings]:
    """Yield settings whose servers answer: a made-up company's are started for the while.

    Errors: SourceError when they do not start.
    """
    if settings.practice is None or settings.github.url != GITHUB:
        yield settings
        return
    with visiting(settings.practice.seed, settings.practice.until, settings.folder / VISITED, steps) as found:
        told = {part.name: part.url for part in found.parts if part.state == "up"}
        server = {DEFAULT_SERVER: Prometheus(url=told["Prometheus"])} if "Prometheus" in told else {}
        yield settings.model_copy(update={"github": GitHub(url=found.url), "prometheus": server})


@contextmanager
def driven(settings: Settings, steps: Steps = silent) -> Iterator[Path]:
    """Yield the path of a ``lab.toml`` whose servers answer, to hand to other processes; what is started can be driven.

    A made-up company is started for the while with its pipelines, and its sample service is one service more.  Its
    settings then lie beside ``lab.toml`` in a file of their own, so that every path in them stays what it was.

    Errors: SourceError when it does not start; UserError where its ``lab.toml`` names servers of its own.
    """
    if settings.practice is None or settings.github.url != GITHUB:
        yield settings.path
        return
    text = settings.path.read_text("utf-8-sig")
    named = sorted({"github", "prometheus"} & set(tomllib.loads(text)))
    if named:
        raise UserError(f"{settings.path} is of a made-up company, whose servers are its own: take [{named[0]}] out")
    seed, until = settings.practice.seed, settings.practice.until
    with visiting(seed, until, settings.folder / DRIVEN, steps, (GITHUB_PART, PIPELINES, MONITORING)) as found:
        told = {part.name: part.url for part in found.parts if part.state == "up"}
        parts = [text, f'[github]\nurl = "{found.url}"\n']
        if "Prometheus" in told:
            parts.append(f'[prometheus]\nurl = "{told["Prometheus"]}"\n')
        if "greeter" in told and all(service.name != "greeter" for service in settings.service):
            parts.append(live_toml(seed, "Prometheus" in told))
        path = settings.path.with_name(f".{settings.path.stem}-{os.getpid()}.toml")
        _write(path, "\n".join(parts))
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)


def _today() -> date:
    return datetime.now(UTC).date()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def _look(git: str | None, repository: str | None, url: str) -> Proposal:
    if repository is None:
        return of_clone(Path(git or "."))
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
        raise UserError(f"{repository!r} is no repository; write owner/name")
    proposal = of_github(GitHubClient(url, os.environ.get("GITHUB_TOKEN") or None), repository)
    if git is not None:
        proposal.clone = Path(git)
    return proposal


def _repository_here(folder: Path) -> Path | None:
    """Return the top of the git repository that `folder` lies in; None when there is none, or no git."""
    try:
        said = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        return None
    return Path(said.stdout.strip()) if said.returncode == 0 and said.stdout.strip() else None
