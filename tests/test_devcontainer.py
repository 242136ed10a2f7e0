"""The dev container names commands, ports and tools that are there."""

import json
import re
from pathlib import Path

from devops_lab.cli import cli

ROOT = Path(__file__).parents[1]
FILE = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))  # plain JSON, no comments


def test_it_sets_up_with_a_target_of_the_makefile():
    command, target = FILE["postCreateCommand"].split()
    assert command == "make" and re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_its_python_is_one_that_the_lab_runs_on():
    image, tag = FILE["image"].split(":")
    assert image == "mcr.microsoft.com/devcontainers/python"
    assert re.match(r"3\.(11|12|13)-(bookworm|trixie)$", tag)


def test_it_forwards_the_ports_of_jupyterlab_and_of_the_panel():
    panel = next(option.default for option in cli.commands["panel"].params if option.name == "port")
    assert FILE["forwardPorts"] == [8888, panel]
    assert set(FILE["portsAttributes"]) == {str(port) for port in FILE["forwardPorts"]}


def test_vs_code_takes_the_python_that_make_setup_makes():
    code = FILE["customizations"]["vscode"]
    assert set(code["extensions"]) == {"ms-python.python", "ms-toolsai.jupyter"}
    place = code["settings"]["python.defaultInterpreterPath"]
    assert place == "${containerWorkspaceFolder}/.venv/bin/python"
    assert ".venv/bin/python" in (ROOT / "Makefile").read_text()
