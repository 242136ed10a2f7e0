"""Git and JupyterLab are told to leave a folder's notebooks alone: opening and running one is then no change.

Nothing of it is in a commit.  `install` writes, for this clone and this Python alone:

* Git's filter (``clean``) and the folder it is for, into the clone's own settings.  Commits and ``git diff`` see a
  clean notebook; the file keeps its outputs.
* two hooks into the Jupyter settings of this Python.  JupyterLab writes the version of its Python into a notebook that
  is only opened, and saves that by itself after two minutes: `before_saving` keeps it out of the file.  After a run the
  file differs from the commit in size, so ``git status`` would name it though there is nothing to commit:
  `after_saving` tells Git that it looked at the file, where that changes nothing of what is staged.

The hooks do nothing for notebooks that Git does not filter.  VS Code saves without hooks: after a run ``git status``
names the notebook until the next ``git add``, which adds nothing.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

from devops_lab.errors import SourceError, UserError
from devops_lab.reports.clean import metadata_of

FILTER = "devops-lab-notebooks"
HOOKS = {
    "FileContentsManager": {
        "pre_save_hook": "devops_lab.reports.saving.before_saving",
        "post_save_hook": "devops_lab.reports.saving.after_saving",
    }
}


def install(folder: Path, prefix: Path | None = None) -> str:
    """Tell Git and this Python's JupyterLab about the notebooks of a folder; say how to take it back.

    `prefix` is the environment whose Jupyter is told (default: that of this Python).

    Errors: UserError where the folder is in no clone, or settings cannot be written; SourceError where Git refuses.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}")
    top = Path(_asked(folder, "rev-parse", "--show-toplevel"))
    attributes = folder / _asked(folder, "rev-parse", "--git-path", "info/attributes")
    hooks = (prefix or Path(sys.prefix)) / "etc" / "jupyter" / "jupyter_server_config.json"
    line = f"/{folder.resolve().relative_to(top.resolve()).as_posix()}/*.ipynb filter={FILTER}".replace("/./", "/")
    command = f"{shlex.quote(Path(sys.executable).as_posix())} -P -m devops_lab.reports.clean"
    try:
        lines = attributes.read_text("utf-8").splitlines() if attributes.is_file() else []
        _write(attributes, "\n".join([*lines, *[line] * (line not in lines), ""]))
        _asked(folder, "config", "--local", f"filter.{FILTER}.clean", command)
        _write(hooks, _with_hooks(hooks))
    except OSError as problem:
        raise UserError(f"{problem.filename} cannot be written: {problem.strerror}") from problem
    return (
        f"{folder}: what is only opened or run is no change for Git in this clone; outputs stay in the files\n"
        f"to undo it: git config --remove-section filter.{FILTER}"
    )


def filtered(notebook: Path) -> bool:
    """Say whether Git cleans this notebook by the filter that `install` entered."""
    said = _git(notebook.parent, "check-attr", "filter", "--", notebook.name)
    known = _git(notebook.parent, "config", f"filter.{FILTER}.clean")
    return said is not None and said.endswith(f": {FILTER}") and bool(known)


def before_saving(*, model: dict[str, Any], path: str, contents_manager: Any, **_: Any) -> None:
    """Keep which Python there is out of a notebook that JupyterLab saves; outputs and all else stay."""
    if model["type"] == "notebook" and filtered(Path(contents_manager.root_dir, path.strip("/"))):
        model["content"]["metadata"] = metadata_of(model["content"]["metadata"])


def after_saving(*, model: dict[str, Any], os_path: str, **_: Any) -> None:
    """Have Git look at a saved notebook now, where cleaned it is what is staged already."""
    notebook = Path(os_path)
    if model["type"] != "notebook" or not filtered(notebook):
        return
    staged = _git(notebook.parent, "rev-parse", "--verify", "--quiet", f":./{notebook.name}")
    if staged and staged == _git(notebook.parent, "hash-object", "--", notebook.name):
        _git(notebook.parent, "add", "--", notebook.name)


def _with_hooks(path: Path) -> str:
    """Return the text of Jupyter's settings with the hooks; what is set there already stays."""
    try:
        settings = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    except ValueError as problem:
        raise UserError(f"{path} is no JSON, so JupyterLab cannot read it either: {problem}") from problem
    for name, values in HOOKS.items():
        settings[name] = {**values, **settings.get(name, {})}
    return json.dumps(settings, indent=1) + "\n"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)


def _git(folder: Path, *arguments: str) -> str | None:
    """Return what Git says; None where it says no, or there is none."""
    try:
        said = _run(folder, *arguments)
    except FileNotFoundError:
        return None
    return said.stdout.strip() if said.returncode == 0 else None


def _asked(folder: Path, *arguments: str) -> str:
    """Return what Git says, which has to be there."""
    try:
        said = _run(folder, *arguments)
    except FileNotFoundError as problem:
        raise UserError("there is no git on this machine") from problem
    if said.returncode and arguments[0] == "rev-parse":
        raise UserError(f"{folder} is in no clone: {said.stderr.strip()}")
    if said.returncode:
        raise SourceError(f"git {arguments[0]} failed: {said.stderr.strip()}")
    return said.stdout.strip()
