"""The lab's notebooks and a person's own copies of them: which there are, and a copy to change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from devops_lab.errors import UserError
from devops_lab.reports import lookup
from devops_lab.reports.clean import cleaned

SHIPPED, SAME, CHANGED, ADDED = "the lab's", "yours, unchanged", "yours, changed", "yours"


@dataclass(frozen=True)
class Listed:
    """A notebook there is: its name, its title (a report writes one as it runs), whose it is, and its path."""

    name: str
    title: str
    whose: str
    path: Path


def listed(lab: Path | None = None) -> list[Listed]:
    """Return every notebook that a name finds, by name: a person's own before the lab's, as ``notebook_path`` does.

    An own copy is "unchanged" where it equals the lab's but for outputs: it may be deleted, and updates then reach it.
    One that is "changed" stays what it is when the lab's is updated.
    """
    shipped = {path.stem: path for path in lookup.all_shipped()}
    own = {
        path.stem: path
        for folder in reversed(lookup.own_folders(lab))
        for path in sorted(folder.glob("*.ipynb"))
        if path.resolve() not in {one.resolve() for one in shipped.values()}
    }
    return [
        Listed(name, _title(path), _whose(own.get(name), shipped.get(name)), path)
        for name, path in sorted((shipped | own).items())
    ]


def copy(name: str, to: str | Path | None = None, force: bool = False) -> Path:
    """Copy one of the lab's notebooks, to change it; return where the copy lies.

    Without `to` that is ``notebooks/`` beside the nearest ``lab.toml`` (without one: in the current folder), where
    ``devops-lab report NAME`` takes it before the lab's.  A copy does not follow updates of the lab.

    Errors: QuestionError names the nearest notebooks where there is none of that name; UserError where the copy is
    there already, would be the lab's notebook itself, or cannot be written.
    """
    original = lookup.shipped(name)
    folder = lookup.own_folders()[-1] if to is None else Path(to).expanduser()
    path = folder / original.name
    if path.exists() and path.samefile(original):
        raise UserError(f"{path} is the lab's own notebook: this is its checkout; name another folder with --to FOLDER")
    if path.exists() and not force:
        raise UserError(f"{path} is there already; change it, or write over it with --force")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(path.name + ".partial")
        partial.write_bytes(original.read_bytes())
        partial.replace(path)
    except OSError as problem:
        raise UserError(f"{path} cannot be written: {problem.strerror}") from problem
    return path


def _whose(own: Path | None, shipped: Path | None) -> str:
    if own is None or shipped is None:
        return SHIPPED if own is None else ADDED
    return SAME if _text(own) == _text(shipped) else CHANGED


def _text(path: Path) -> str:
    return cleaned(path.read_text("utf-8"))


def _title(path: Path) -> str:
    """Return the heading that a notebook opens with; a report writes its own as it runs."""
    cells = lookup.read_notebook(path).cells
    first = next((cell.source for cell in cells if cell.cell_type == "markdown"), "").partition("\n")[0]
    return str(first.removeprefix("# ")) if first.startswith("# ") else "a report"
