"""Files that let a machine run the schedule: systemd, cron, GitHub Actions, Kubernetes.

Every target runs the same command, `devops-lab schedule run`, which does what is due and stops; none of them decides
what is due.  Secrets are in none of the files: they name the environment that holds them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from devops_lab.config import Settings
from devops_lab.config.rules import SECRET_HEADERS
from devops_lab.errors import UserError


@dataclass(frozen=True)
class Plan:
    """The files of a target by their paths, and what a person does `next`."""

    files: Mapping[Path, str]
    next: str


def plan(settings: Settings, target: str, folder: Path | None = None) -> Plan:
    """Return what would be written; UserError for a target that is not there."""
    from devops_lab.reports.schedule import target_github, target_kubernetes, target_machine

    targets: dict[str, Callable[[Settings, Path | None], Plan]] = {
        "systemd": target_machine.systemd,
        "cron": target_machine.cron,
        "github-actions": target_github.plan,
        "kubernetes": target_kubernetes.plan,
    }
    if target not in targets:
        raise UserError(f"there is no target {target!r}; there are {', '.join(targets)}")
    return targets[target](settings, folder)


def write(given: Plan, force: bool = False) -> list[Path]:
    """Write a plan's files, each whole or not at all; return their paths.

    Errors: UserError when a file with another content is there and `force` was not said; then nothing is written.
    """
    different = [path for path, text in given.files.items() if path.exists() and path.read_text("utf-8") != text]
    if different and not force:
        raise UserError(f"{different[0]} is there already and differs; write over it with --force")
    for path, text in given.files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as file:
                file.write(text)
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except OSError as problem:
            raise UserError(f"{path} cannot be written: {problem.strerror}") from problem
    return list(given.files)


def secrets(settings: Settings) -> list[str]:
    """Return the environment variables that a run reads secrets from, by what ``lab.toml`` asks for."""
    found = [one.url_env for one in settings.recipient if one.url_env]
    if any(one.issue for one in settings.recipient):
        found.append("DEVOPS_LAB_ACTIONS_TOKEN")
    if any("/" in one.repository for one in settings.service):
        found.append("GITHUB_TOKEN")
    if settings.privacy.people == "pseudonym":
        found.append("DEVOPS_LAB_PRIVACY_KEY")
    for server in settings.prometheus.values():
        said = [server.token or "", *(text for name, text in server.headers.items() if name.lower() in SECRET_HEADERS)]
        found += [text.removeprefix("env:") for text in said if text.startswith("env:")]
    return list(dict.fromkeys(found))
