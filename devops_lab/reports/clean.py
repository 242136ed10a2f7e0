"""A notebook as Git should see it: without what a run, an editor or a machine left in it.

Outputs go altogether, and so do execution counts, times, the state of widgets, and which Python ran it.  (The issue
allows outputs from practice data; none is kept, because a notebook of figures is megabytes that change with every run.)
What a person wrote stays: sources, tags, hidden inputs, attachments, other metadata.  The layout is that in which
JupyterLab's server writes, so opening and saving a clean notebook there changes no byte.  Cleaning twice is cleaning
once, and cell ids that are lacking (Colab, older notebooks) are given by place, not by chance.

As a program (``python -m devops_lab.reports.clean``) it is Git's filter: a notebook in, the clean one out (``saving``
tells Git of it).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from devops_lab.errors import QuestionError

KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
OF_A_RUN = {"ExecuteTime", "collapsed", "colab", "execution", "executionInfo", "outputId", "papermill", "scrolled",
            "trusted", "vscode"}  # fmt: skip
OF_A_MACHINE = {"accelerator", "colab", "interpreter", "orig_nbformat", "papermill", "signature", "vscode", "widgets"}
ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def cleaned(text: str) -> str:
    """Return the text of a notebook without what does not belong into Git; QuestionError where it is no notebook."""
    notebook = _parsed(text)
    notebook["metadata"] = metadata_of(notebook.get("metadata", {}))
    taken: set[str] = set()
    notebook["cells"] = [_cell(cell, place, taken) for place, cell in enumerate(notebook["cells"])]
    notebook["nbformat_minor"] = max(notebook.get("nbformat_minor", 0), 5)
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def found(text: str) -> list[str]:
    """Return what `cleaned` would change in a notebook, in words; nothing where it is clean."""
    clean = cleaned(text)
    if clean == text:
        return []
    was, now = _parsed(text), _parsed(clean)
    cells = list(zip(was["cells"], now["cells"], strict=True))
    seen = {
        "outputs": any(cell.get("outputs") for cell, _ in cells),
        "execution counts": any(cell.get("execution_count") is not None for cell, _ in cells),
        "the metadata of a run or machine": was.get("metadata") != now["metadata"]
        or any(cell.get("metadata") != kept["metadata"] for cell, kept in cells),
        "no ids of cells": any(cell.get("id") != kept["id"] for cell, kept in cells),
    }
    return [words for words, true in seen.items() if true] or ["another layout than JupyterLab's"]


def notebooks(paths: tuple[str | Path, ...]) -> list[Path]:
    """Return the notebooks that paths of files and folders mean; QuestionError for a path that is not there."""
    listed: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise QuestionError(f"there is no {path}; name a notebook, or a folder of notebooks")
        listed += sorted(path.glob("*.ipynb")) if path.is_dir() else [path]
    return listed


def clean(path: Path, write: bool = True) -> list[str]:
    """Return what was found in a notebook's file, and (`write`) take it out; a clean file is not touched.

    Errors: QuestionError where it is no notebook or cannot be read or written.
    """
    try:
        text = path.read_bytes().decode("utf-8")
        said = found(text)
        if said and write:
            partial = path.with_name(path.name + ".partial")
            partial.write_bytes(cleaned(text).encode("utf-8"))
            partial.replace(path)
    except (QuestionError, UnicodeDecodeError) as problem:
        raise QuestionError(f"{path} is no notebook: {problem}") from problem
    except OSError as problem:
        raise QuestionError(f"{path} cannot be cleaned: {problem.strerror}") from problem
    return said


def metadata_of(given: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook's metadata: any Python 3 instead of the one that was there, what a person wrote as it is."""
    kept = {name: value for name, value in given.items() if name not in OF_A_MACHINE}
    language = kept.get("language_info", {}).get("name") or kept.get("kernelspec", {}).get("language") or "python"
    kept["language_info"] = {"name": language}
    if language == "python":
        kept["kernelspec"] = KERNEL
    return kept


def _parsed(text: str) -> dict[str, Any]:
    try:
        notebook = json.loads(text.removeprefix("\ufeff"))
    except ValueError as problem:
        raise QuestionError(f"it is not JSON ({problem}); where a merge left its marks, mend them first") from problem
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise QuestionError("it has no cells; notebooks of formats before 4 become one by saving them in JupyterLab")
    return notebook


def _cell(given: dict[str, Any], place: int, taken: set[str]) -> dict[str, Any]:
    metadata = {name: value for name, value in given.get("metadata", {}).items() if name not in OF_A_RUN}
    hidden = {name: value for name, value in metadata.pop("jupyter", {}).items() if name != "outputs_hidden"}
    known = (given.get("id"), metadata.pop("id", None), f"cell-{place:02}", f"cell-{place:02}-again")
    own = next(one for one in known if isinstance(one, str) and ID.fullmatch(one) and one not in taken)
    taken.add(own)
    source = given.get("source", "")
    whole = source if isinstance(source, str) else "".join(source)
    kept = {**given, "id": own, "source": whole.splitlines(keepends=True)}
    kept["metadata"] = metadata | ({"jupyter": hidden} if hidden else {})
    if given.get("cell_type") == "code":
        kept |= {"execution_count": None, "outputs": []}
    return kept


def _filter() -> int:
    """Be Git's filter; what is no notebook (a file half merged) goes through as it is."""
    given = sys.stdin.buffer.read()
    try:
        given = cleaned(given.decode("utf-8")).encode("utf-8")
    except (QuestionError, UnicodeDecodeError) as problem:
        sys.stderr.write(f"devops-lab: not cleaned: {problem}\n")
    sys.stdout.buffer.write(given)
    return 0


if __name__ == "__main__":
    sys.exit(_filter())
