"""Where notebooks lie, what is in them, and what their reports are called."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from devops_lab.config.place import nearest
from devops_lab.errors import QuestionError

HERE = Path(__file__).resolve()
FOLDERS = (HERE.parents[1] / "notebooks", HERE.parents[2] / "notebooks")  # in the wheel, in the checkout
OWN = "notebooks"


def notebook_path(name: str, lab: Path | None = None) -> Path:
    """Return where a notebook lies: a path as it is, else one's own, else the lab's.

    One's own lie in ``notebooks/`` of the current folder, or beside ``lab.toml`` (in the folder `lab`; without it the
    nearest ``lab.toml``): ``devops-lab notebooks copy`` puts them there, and they win over the lab's of that name.
    "dora" means "report_dora" where there is no notebook "dora" in any of these folders.

    Errors: QuestionError names the nearest notebooks, or lists those there are.
    """
    given = Path(name)
    if given.suffix == ".ipynb":
        if given.is_file():
            return given
        raise QuestionError(f"there is no notebook {name}")
    return _named(name, own_folders(lab) + FOLDERS)


def shipped(name: str) -> Path:
    """Return where the lab's own notebook of that name lies; QuestionError names the nearest where there is none."""
    return _named(name, FOLDERS)


def all_shipped() -> list[Path]:
    """Return the lab's own notebooks in the order of their names."""
    return sorted(path for folder in FOLDERS for path in folder.glob("*.ipynb"))


def own_folders(lab: Path | None = None) -> tuple[Path, ...]:
    """Return the folders that a person's own notebooks are looked for in; `lab` is where ``lab.toml`` lies."""
    if lab is None:
        found = nearest()
        lab = None if found is None else found.parent
    here = Path.cwd() / OWN
    return (here,) if lab is None or lab == Path.cwd() else (here, lab / OWN)


def _named(name: str, folders: tuple[Path, ...]) -> Path:
    for stem in (name, f"report_{name}"):
        for folder in folders:
            if (path := folder / f"{stem}.ipynb").is_file():
                return path
    known = sorted({path.stem for folder in folders for path in folder.glob("*.ipynb")})
    close = difflib.get_close_matches(name, known, 3)
    lead = "did you mean" if close else "there are"
    raise QuestionError(f"there is no notebook {name!r}; {lead} {', '.join(close or known) or 'none'}")


def read_notebook(path: Path) -> Any:
    """Return a notebook; QuestionError where it is none or cannot be read."""
    try:
        return nbformat.read(path, as_version=4)
    except (nbformat.reader.NotJSONError, nbformat.ValidationError, UnicodeDecodeError) as problem:
        raise QuestionError(f"{path} is no notebook: {str(problem).splitlines()[0]}") from problem
    except OSError as problem:
        raise QuestionError(f"{path} cannot be read: {problem}") from problem


def stem(name: str, given: Mapping[str, Any], period: str = "") -> str:
    """Return the name of a report's files without suffix: ``NAME[-SERVICE or TEAM][-PERIOD]``, fit for any system."""
    subject = str(given.get("service") or given.get("team") or "")
    safe = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in subject).strip(".-")
    return "-".join(part for part in (name, safe, period) if part)
