"""Where ``lab.toml`` lies, seen from whatever folder a notebook, a terminal or papermill was started in.

JupyterLab starts a kernel in the notebook's folder, VS Code there or in the workspace's root, papermill where it was
called.  So a settings file that is named without a folder is looked for in the working folder and those above it, the
nearest wins.  The search ends at the home folder, and before a folder that everybody may write to (``/tmp``): a
stranger's ``lab.toml`` there could send this person's token to his server.  It does not end at the top of a git
repository: clones may lie in a lab's folder.  Where that finds nothing, the folder of the notebook open in VS Code,
which tells the kernel, and those above it are looked through as well.

A path with a folder in it (``./lab.toml`` as a text, ``other/lab.toml``, ``~/lab.toml``) is taken as it is.  Paths
inside ``lab.toml`` are relative to that file, wherever it was found from.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from devops_lab.errors import ConfigError

NAME = "lab.toml"
VSCODE = "__vsc_ipynb_file__"  # the variable in which VS Code tells a kernel the path of its notebook


def settings_path(given: str | Path = NAME) -> Path:
    """Return the absolute path of a settings file: a path as it is, a bare name where the search finds it.

    Errors: ConfigError says from where to where a bare name was looked for; a path is not looked at.
    """
    if not _is_bare(given):
        return Path(given).expanduser().absolute()
    found = nearest(str(given))
    if found is None:
        first, *above = _folders()
        places = f", nor in the folders above it up to {above[-1]}" if above else ""
        raise ConfigError(
            first / given,
            [f"there is no such file{places}; `devops-lab init` writes one, or name the path of the one that is meant"],
        )
    return found


def nearest(name: str = NAME) -> Path | None:
    """Return the file of that name that the search finds; None where there is none."""
    return _first(_folders(), name)


def untold() -> Path | None:
    """Return the ``lab.toml`` that this process alone finds, by what VS Code told it; others need to be told its path.

    None where the working folder is enough to find one.
    """
    return None if _first(_upwards(Path.cwd()), NAME) else nearest()


def _first(folders: Iterable[Path], name: str) -> Path | None:
    return next((folder / name for folder in folders if (folder / name).exists()), None)


def _is_bare(given: str | Path) -> bool:
    return bool(str(given)) and str(given) not in (".", "..") and Path(given).name == str(given) and given != "~"


def _folders() -> Iterator[Path]:
    """Yield the folders to look into, the working folder first, each once."""
    yield from (upwards := list(_upwards(Path.cwd())))
    notebook = getattr(sys.modules.get("__main__"), VSCODE, None)
    if isinstance(notebook, str) and os.sep in notebook:
        yield from (folder for folder in _upwards(Path(notebook).parent) if folder not in upwards)


def _upwards(start: Path) -> Iterator[Path]:
    """Yield a folder and those above it: as far as the home folder, and not into one that everybody may write to."""
    home = _home()
    yield start
    for inner, folder in zip((start, *start.parents), start.parents, strict=False):
        if inner == home or _shared(folder):
            return
        yield folder


def _home() -> Path | None:
    try:
        return Path.home().resolve()
    except RuntimeError:  # a container's user without a home
        return None


def _shared(folder: Path) -> bool:
    mode = folder.stat().st_mode
    return bool(mode & stat.S_ISVTX and mode & stat.S_IWOTH)
