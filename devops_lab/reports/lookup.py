"""Where notebooks lie, what is in them, and what their reports are called."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat

from devops_lab.errors import QuestionError

HERE = Path(__file__).resolve()
FOLDERS = (HERE.parents[1] / "notebooks", HERE.parents[2] / "notebooks")  # in the wheel, in the checkout


def notebook_path(name: str) -> Path:
    """Return where a notebook lies: a path as it is, else ``notebooks/`` of the current folder, else the lab's own.

    "dora" means "report_dora" where there is no notebook "dora".

    Errors: QuestionError lists the notebooks there are.
    """
    given = Path(name)
    if given.suffix == ".ipynb":
        if given.is_file():
            return given
        raise QuestionError(f"there is no notebook {name}")
    folders = (Path.cwd() / "notebooks", *FOLDERS)
    for folder in folders:
        for stem in (name, f"report_{name}"):
            if (path := folder / f"{stem}.ipynb").is_file():
                return path
    known = sorted({path.stem for folder in folders for path in folder.glob("*.ipynb")})
    raise QuestionError(f"there is no notebook {name!r}; there are {', '.join(known) or 'none'}")


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
