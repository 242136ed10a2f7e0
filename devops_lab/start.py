"""The first minute: write a ``lab.toml`` for a clone, a repository on GitHub, or a made-up history."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from devops_lab.errors import UserError
from devops_lab.github_api import GitHubClient
from devops_lab.practice.sample import make_sample
from devops_lab.proposal import Proposal, lab_toml, of_clone, of_github

SAMPLE = "sample.git"
QUICK = Path(".lab")
GITHUB = "https://api.github.com"


def write_settings(
    path: Path,
    git: str | None = None,
    repository: str | None = None,
    url: str = GITHUB,
    force: bool = False,
    store: str = "lab",
) -> str:
    """Write a ``lab.toml`` whose rules fit what is there; return what a person should read next.

    Errors: UserError when the file is there already; AccessError when there is nothing to look at.
    """
    if path.exists() and not force:
        raise UserError(f"{path} is there already; edit it, or write over it with --force")
    made_up = ""
    if git is None and repository is None:
        top = _repository_here(path.parent)
        if top is None:
            made_up = f"This folder is in no git repository: {SAMPLE} is a made-up history to look round with.\n"
            top = path.parent / SAMPLE
            if not top.exists():
                make_sample(top, datetime.now(UTC).replace(tzinfo=None))
        git = str(top)
    proposal = _look(git, repository, url)
    text = lab_toml([proposal], path.parent, store)
    if url != GITHUB:
        text = text.replace("\n[[service]]", f'\n[github]\nurl = "{url}"\n\n[[service]]', 1)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)
    first = proposal.candidates[0]
    return (
        f"{made_up}{path}: service {proposal.name!r}; a deployment is one of the {first.found} ({first.hits} seen).\n"
        "Next: `devops-lab report` (fetches first), or `devops-lab doctor`. For another repository: "
        "`devops-lab init --git PATH` or `--repository owner/name`."
    )


def quick_settings(
    git: str | None = None, repository: str | None = None, say: Callable[[str], None] | None = None
) -> Path:
    """Return the ``lab.toml`` in ``.lab/NAME`` for a clone or a repository, written when it is not there yet."""
    subject = repository or str(Path(git or ".").resolve())
    path = (QUICK / (re.sub(r"[^A-Za-z0-9._-]+", "-", subject).strip("-") or "lab") / "lab.toml").absolute()
    if not path.exists():
        said = write_settings(path, git=git, repository=repository)
        if say is not None:
            say(said.split("\n")[0])
    return path


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
