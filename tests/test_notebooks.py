"""The notebooks: they tell, modules compute; they run on a fresh clone and hold nothing of the machine they ran on."""

import ast
import json
import re
import subprocess
from pathlib import Path

import nbformat
import pytest

from devops_lab.reports import parameters
from devops_lab.reports.kernel import run

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
REPORTS = [path for path in NOTEBOOKS if path.name.startswith(("report_", "02_", "1"))]  # rendered by papermill
LONGEST_CELL = 12


def cells(path, kind="code"):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


def named(path):
    return path.stem


def test_they_are_there():
    assert {path.stem for path in NOTEBOOKS} >= {"00_start_here", "01_dora", "report_dora"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_valid_clean_and_of_any_python_3(path):
    text = path.read_text("utf-8")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec == {"name": "python3", "display_name": "Python 3", "language": "python"}
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert all(not cell.outputs and cell.execution_count is None for cell in cells(path))
    assert not re.search(r"(?:/home/|/root/|/tmp/|/Users/|[A-Z]:\\\\)", text)
    assert text.endswith("\n") and json.loads(text)["nbformat"] == 4


@pytest.mark.parametrize("path", NOTEBOOKS, ids=named)
def test_cells_tell_and_do_not_compute(path):
    working = (ast.For, ast.While, ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.Try, ast.If, ast.comprehension)
    for cell in cells(path):
        assert len(cell.source.splitlines()) <= LONGEST_CELL, cell.source
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, working)], cell.source


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if path not in REPORTS], ids=named)
def test_a_notebook_to_read_opens_with_words(path):
    notebook = nbformat.read(path, as_version=4)
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")
    assert len(cells(path, "markdown")) >= len(cells(path)) / 2


@pytest.mark.parametrize("path", REPORTS, ids=named)
def test_a_report_takes_texts_and_hides_its_inputs(path):
    notebook = nbformat.read(path, as_version=4)
    known = parameters.defaults(notebook)
    assert known and all(isinstance(value, str) for value in known.values())
    assert not [name for name in known if parameters.SECRET_NAME.search(name)]
    assert all(cell.metadata.jupyter.source_hidden for cell in cells(path))


def test_parameters_of_the_dora_report():
    assert parameters.defaults(nbformat.read(FOLDER / "report_dora.ipynb", as_version=4)) == {
        "store": "lab", "config": "lab.toml", "service": "", "team": "", "last": "", "since": "", "until": "",
        "as_of": "", "every": "", "timezone": "", "edition": "",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["00_start_here", "01_dora"])
def test_they_run_from_a_fresh_clone(name, tmp_path, monkeypatch):
    from datetime import datetime

    from made_history import make_sample

    make_sample(tmp_path / "origin.git", datetime(2026, 11, 1))
    subprocess.run(["git", "clone", "-q", tmp_path / "origin.git", tmp_path / "clone"], check=True)
    monkeypatch.chdir(tmp_path / "clone")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    done = run(FOLDER / f"{name}.ipynb", tmp_path / "out.ipynb", {}, kept=tmp_path / "kept.ipynb")
    shown = json.dumps([cell.outputs for cell in done.cells if cell.cell_type == "code"])
    assert "lab-tile" in shown and "receipt" in shown
