"""The tables in the notebooks of the loop and its phases, checked by nbval against what is stored beside this test.

Notebooks are kept without outputs, so the tables lie in ``tests/nbval/NOTEBOOK.txt``: what each cell that shows a table
says in plain text, over two services of a company that is always the same (seed 1, three months until October 2026,
synced over HTTP from GitHub and Prometheus), and its tiles of numbers.  A copy of each notebook gets them as its
outputs, and nbval runs it and compares; cells that show something else are run and not compared.  Left out are the
notebooks that speak of now, whatever day that is (00, 01: a clone's last 90 days; 20 to 22: runs that go on meanwhile).
After a change that is meant, write the files anew and read the difference::

    python tests/test_nbval.py

nbval runs a notebook's cells one after the other in one kernel: across processes it needs ``--dist loadfile``.
"""

import re
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest
from conftest import skip

import devops_lab.sync
from devops_lab import config
from devops_lab.practice import monitoring
from devops_lab.practice.server import Options, serve
from devops_lab.practice.settings import lab_toml
from devops_lab.practice.world import make
from devops_lab.reports.kernel import run
from devops_lab.store import Store

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
EXPECTED = Path(__file__).with_name("nbval")
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb") if path.name.startswith(("02_", "1", "report_")))
SEED, MONTHS, UNTIL = 1, 3, datetime(2026, 10, 1)
SERVICES = ("checkout", "ledger")
TABLE, TILES = 'class="lab-table"', 'class="lab-tiles"'
MARK = "#: "  # before a cell's last line, which stands above what it says
WRONG = "14_release"  # of which a second copy says another number

CONFTEST = '''
def pytest_collection_modifyitems(items):
    """What a table looks like is checked elsewhere; here, what it says."""
    for item in items:
        item.parent.skip_compare = (*item.parent.skip_compare, "text/html")
'''


def synced(folder: Path) -> Path:
    """Sync two services of the company into a lab in `folder`; return its lab.toml."""
    company = make(SEED, until=UNTIL, months=MONTHS)
    watching = monitoring.start(folder / "monitoring", company, {}, lambda sentence: None)
    try:
        with pytest.MonkeyPatch.context() as patch, serve(company, options=Options(limit=1_000_000)) as url:
            patch.setenv("GITHUB_TOKEN", "practice-token")
            patch.setenv("XDG_CONFIG_HOME", str(folder / "settings"))
            patch.setattr(devops_lab.sync, "_now", lambda: UNTIL)
            path = folder / "lab.toml"
            head, *services = lab_toml(company.name, url, watching.prometheus_url).split("[[service]]")
            kept = [one for one in services if any(f'name = "{name}"' in one for name in SERVICES)]
            path.write_text("[[service]]".join([head, *kept]))
            settings = config.load(path)
            outcomes = devops_lab.sync.sync(Store(settings.store), settings, since=UNTIL - timedelta(days=100))
    finally:
        watching.close()
    assert {(one.problem, tuple(one.refused)) for one in outcomes} == {(None, ())}
    return path


def parameters(lab: Path) -> dict[str, str]:
    return {"config": str(lab), "last": "45 days", "as_of": UNTIL.isoformat()}


def last_line(cell) -> str:
    return cell.source.splitlines()[-1]


def tables(notebook) -> dict[str, str]:
    """What the tables and tiles of an executed notebook say: the last line of their cell → plain text."""
    found = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if any(shown in data.get("text/html", "") for shown in (TABLE, TILES)):
                found[last_line(cell)] = data["text/plain"]
    return found


def write(folder: Path) -> None:
    """Run the notebooks and write what their tables and tiles say."""
    lab = synced(folder)
    EXPECTED.mkdir(exist_ok=True)
    for name in NAMES:
        output = folder / f"{name}.ipynb"
        done = run(NOTEBOOKS / f"{name}.ipynb", output, parameters(lab), kept=output)
        found = tables(done)
        text = "\n\n".join(f"{MARK}{source}\n{said}" for source, said in found.items())
        (EXPECTED / f"{name}.txt").write_text(text + "\n", "utf-8")


def expected(name: str) -> dict[str, str]:
    """What the tables of a notebook should say: the last line of their cell → plain text."""
    parts = ("\n" + (EXPECTED / f"{name}.txt").read_text("utf-8").rstrip("\n")).split(f"\n{MARK}")[1:]
    return {source: said.rstrip("\n") for source, _, said in (part.partition("\n") for part in parts)}


def copied(name: str, lab: Path, target: Path, told: dict[str, str]) -> None:
    """Write a copy of a notebook with its parameters set, and with `told` as the outputs of the cells that tell it."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        cell.execution_count = 1
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source += "".join(f"\n{key} = {value!r}" for key, value in parameters(lab).items())
        if last_line(cell) in told:
            data = {"text/plain": told[last_line(cell)]}
            cell.outputs = [nbformat.v4.new_output("execute_result", data, execution_count=1)]
        else:
            cell.metadata["tags"] = [*cell.metadata.get("tags", ()), "nbval-ignore-output"]
    nbformat.write(notebook, target)


@pytest.fixture(scope="module")
def checked(tmp_path_factory) -> dict[str, list[str | None]]:
    """What nbval says of each copy: notebook → per cell None, or what is wrong."""
    if monitoring.missing():
        skip(monitoring.missing())
    lab, folder = synced(tmp_path_factory.mktemp("nbval lab")), tmp_path_factory.mktemp("copies")
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(CONFTEST)
    for name in NAMES:
        copied(name, lab, folder / f"{name}.ipynb", expected(name))
    wrong = {source: re.sub(r"\d", "7", said) for source, said in expected(WRONG).items()}
    copied(WRONG, lab, folder / "wrong.ipynb", wrong)
    command = [sys.executable, "-m", "pytest", "--nbval", "--nbval-current-env", "-q", "-p", "no:cacheprovider"]
    command += ["-n", "2", "--dist", "loadfile", "--color=no", "--junitxml=found.xml", "."]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    found: dict[str, list[str | None]] = {}
    assert (folder / "found.xml").exists(), said.stdout + said.stderr
    for case in ElementTree.parse(folder / "found.xml").iter("testcase"):
        problem = case.find("failure") if case.find("error") is None else case.find("error")
        name = case.get("classname").removesuffix(".ipynb").removesuffix(".Notebook")
        found.setdefault(name, []).append(None if problem is None else problem.text)
    return found


@pytest.mark.server
@pytest.mark.parametrize("name", NAMES)
def test_the_tables_say_what_is_stored(checked, name):
    assert expected(name), "nothing is stored; see the top of this file"
    cells = [
        cell for cell in nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4).cells if cell.cell_type == "code"
    ]
    assert set(expected(name)) <= {last_line(cell) for cell in cells}
    assert len(checked[name]) == len(cells)
    assert not [problem for problem in checked[name] if problem]


@pytest.mark.server
def test_another_number_is_seen(checked):
    problems = [problem for problem in checked["wrong"] if problem]
    assert len(problems) == len(expected(WRONG))
    assert all("Cell outputs differ" in problem and "mismatch 'text/plain'" in problem for problem in problems)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        write(Path(place))
