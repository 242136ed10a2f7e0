"""The walls of the house: imports go one way, each foreign library has one room, importing starts nothing."""

import ast
import importlib
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import devops_lab

PACKAGE = Path(devops_lab.__file__).parent
ROOT = PACKAGE.parent

STAGES = [
    {"errors", "tables", "words", "language", "periods", "findings", "patterns"},
    {"config"},
    {"engines"},
    {"spark"},
    {"privacy", "rows"},
    {"store"},
    {"github_api"},
    {"sources", "delivery", "metrics", "charts", "actions"},
    {"keeping", "migration"},
    {"sync"},
    {
        "panels",
        "reports",
        "practice",
        "proposal",
        "archive",
        "exchange",
        "recording",
        "doctor",
        "terminal",
    },
    {"start"},
    {"cli"},
]
RANK = {name: rank for rank, stage in enumerate(STAGES) for name in stage}
BRACES = {"sources", "delivery", "metrics", "charts", "actions", "panels", "reports", "practice"}
ROOMS = {
    "github": {"github_api"},
    "deltalake": {"store"},
    "duckdb": {"engines"},
    "sqlglot": {"spark"},
    "pyspark": {"spark"},
    "plotly": {"charts"},
    "ipywidgets": {"panels"},
    "papermill": {"reports"},
    "nbconvert": {"reports"},
    "click": {"cli"},
    "starlette": {"practice"},
    "uvicorn": {"practice"},
    "graphql": {"practice"},
    "babel": {"language"},
    "psutil": {"practice"},
    "prometheus_api_client": {"sources"},
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path):
    """Every module that a file imports, wherever in the file the import stands (but not those for types alone)."""
    tree = ast.parse(path.read_text())
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, id(node) in for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", id(node) in for_types


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    here = room(path)
    if here == "__init__":
        return
    assert here in RANK, f"{here} has no place in the house"
    for name, for_types in imports(path):
        parts = name.split(".")
        if parts[0] != "devops_lab" or len(parts) < 2 or for_types:
            continue
        there = parts[1]
        if there == here:
            continue
        assert there in RANK, f"{path.name} imports {name}, which has no place in the house"
        assert RANK[there] <= RANK[here], f"{here} must not import {there}"
        assert not (here in BRACES and there in BRACES and RANK[here] == RANK[there]), (
            f"{here} and {there} share only tables"
        )


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_each_library_has_one_room(path):
    for name, for_types in imports(path):
        rooms = ROOMS.get(name.split(".")[0])
        assert for_types or rooms is None or room(path) in rooms, f"{name} belongs to {rooms}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_broad_is_caught(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"{path}:{node.lineno}"
            assert ast.unparse(node.type) not in ("Exception", "BaseException"), f"{path}:{node.lineno}"


def public(node, prefix: str = ""):
    """Functions and classes a reader may use: not in functions, not in private classes, not private themselves."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef) and not child.name.startswith("_"):
            yield f"{prefix}{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from public(child, f"{child.name}.")


def test_every_public_name_has_a_docstring():
    bare = []
    for path in MODULES:
        tree = ast.parse(path.read_text())
        if not ast.get_docstring(tree):
            bare.append(str(path))
        for name, node in public(tree):
            if not ast.get_docstring(node) and "noqa: D102" not in path.read_text().splitlines()[node.lineno - 1]:
                bare.append(f"{path.name}:{node.lineno} {name}")
    assert not bare


def test_only_actions_sends_anything_but_get():
    words = (
        "requests.post",
        "requests.put",
        "requests.patch",
        "requests.delete",
        '"POST"',
        '"PUT"',
        '"PATCH"',
        '"DELETE"',
    )
    queries = {
        "github_api": '"POST", address|"POST", self.url + path',  # GraphQL's questions are posted; an app signs in
        "panels": 'SUPPORTED_METHODS = ("GET", "HEAD", "POST")',  # what a page may send to the panel
    }
    for path in MODULES:
        if room(path) not in ("actions", "practice"):
            text = path.read_text()
            for allowed in queries.get(room(path), " ").split("|"):
                text = text.replace(allowed, " ")
            assert not [word for word in words if word in text], path


def test_only_actions_sends_exactly_once():
    for path in MODULES:
        assert ".once(" not in path.read_text() or room(path) in ("actions", "github_api", "practice"), path


def test_importing_opens_nothing_and_is_light():
    script = (
        "import sys, builtins, os, io, socket\n"
        "def audit(event, arguments):\n"
        "    if event in ('socket.connect', 'subprocess.Popen') or (event == 'open' and isinstance(arguments[1], str)\n"
        "            and set(arguments[1]) & set('wax+')): raise SystemExit(f'importing did {event} {arguments}')\n"
        "sys.addaudithook(audit)\n"
        "import devops_lab, devops_lab.cli\n"
        "heavy = {'pandas', 'duckdb', 'deltalake', 'plotly', 'papermill', 'github', 'scipy', 'numpy', 'pyarrow'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-B", "-c", script], check=True, cwd=ROOT)


def test_public_names_are_listed_and_there():
    for name in devops_lab.__all__:
        assert getattr(devops_lab, name) is not None
    assert set(devops_lab.__all__) <= set(dir(devops_lab))


def test_every_source_is_listed_and_keeps_the_contract():
    from devops_lab.sources import SOURCES

    found = {}
    for name in SOURCES:
        module = importlib.import_module(f"devops_lab.sources.{name}")
        classes = [one for one in vars(module).values() if inspect.isclass(one) and one.__module__ == module.__name__]
        found[name] = [one for one in classes if hasattr(one, "pull")]
    assert all(len(classes) == 1 and isinstance(classes[0].name, str) for classes in found.values()), found
    modules = (PACKAGE / "sources").glob("*.py")
    assert {path.stem for path in modules if " def pull(self, since" in path.read_text()} - {"__init__"} == set(SOURCES)
