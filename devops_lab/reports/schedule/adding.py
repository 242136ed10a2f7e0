"""A ``[[schedule]]`` written into ``lab.toml``, when the whole file is right with it."""

from __future__ import annotations

import json
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from devops_lab import config
from devops_lab.errors import ConfigError, UserError
from devops_lab.reports.schedule import checks, due
from devops_lab.reports.schedule.hands import utc_now
from devops_lab.words import moment


def add(path: Path, given: Mapping[str, Any]) -> str:
    """Add a schedule at the end of ``lab.toml`` and return what a person should know; what is there stays as it is.

    Errors: ConfigError names everything that is wrong with it; then nothing is written.
    """
    config.load(path)
    text = path.read_text("utf-8-sig")
    added = f"{text.rstrip()}\n\n{_toml(given)}"
    settings = config.settings(tomllib.loads(added), path)
    problems = checks.problems(settings, addresses=False)
    if problems:
        raise ConfigError(path, problems)
    _write(path, added)
    one = settings.schedule[-1]
    zone = due.zone_of(one, settings)
    when = moment(due.next_fire(one.cron, zone, utc_now()), zone)
    return (
        f"{path}: schedule {one.name!r} reports on every {one.every}; it is due next on {when} {zone}.\n"
        "`devops-lab schedule run` does what is due; `devops-lab schedule install` has a machine do it."
    )


def _toml(given: Mapping[str, Any]) -> str:
    lines = ["[[schedule]]"]
    for key, value in given.items():
        if isinstance(value, Mapping):
            inside = ", ".join(f"{name} = {json.dumps(one, ensure_ascii=False)}" for name, one in value.items())
            lines.append(f"{key} = {{ {inside} }}")
        else:
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    return "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    """Put a text in the place of a file, whole or not at all."""
    try:
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="utf-8", delete=False) as file:
            file.write(text)
        written = Path(file.name)
        written.chmod(path.stat().st_mode & 0o777)
        written.replace(path)
    except OSError as problem:
        raise UserError(f"{path} cannot be written: {problem.strerror}") from problem
