"""What README and docs show is true: settings load, commands and their options exist, pictures and pages are there."""

import re
import shlex
import tomllib
from pathlib import Path

import click
import pytest

from devops_lab.cli import cli
from devops_lab.config import settings

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
SERVICE = {"name": "checkout", "repository": "acme/checkout", "deployment": {"from": "releases"}}


def blocks(language):
    for page in PAGES:
        for number, text in enumerate(re.findall(rf"```{language}\n(.*?)```", page.read_text("utf-8"), re.DOTALL), 1):
            yield pytest.param(text, id=f"{page.stem}-{number}")


def commands():
    """Every `devops-lab …` of the pages: in a block of shell lines, or between backticks."""
    for page in PAGES:
        text = page.read_text("utf-8").replace("\\\n", " ")
        lines = [
            line
            for block in re.findall(r"```(?:sh|console)?\n(.*?)```", text, re.DOTALL)
            for line in block.splitlines()
        ]
        lines += re.findall(r"`(devops-lab [^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL).replace("\n", " "))
        for line in dict.fromkeys(line.partition(" #")[0].strip() for line in lines):
            if line.startswith("devops-lab "):
                yield pytest.param(line, id=f"{page.stem}: {line[:70]}")


@pytest.mark.parametrize("text", [*blocks("toml")])
def test_settings_that_are_shown_can_be_loaded(tmp_path, text):
    shown = tomllib.loads(text)
    if "service" not in shown and "discover" not in shown:
        shown["service"] = [SERVICE]
    assert settings(shown, tmp_path / "lab.toml").path == tmp_path / "lab.toml"


@pytest.mark.parametrize("line", [*commands()])
def test_commands_that_are_shown_exist_with_their_options(line):
    first = re.sub(r"(\w)(?:\s*\\?\|\s*[\w-]+)+", r"\1", line)  # of "up|status|down" the first
    words = shlex.split(re.sub(r"[\[\]…]", " ", first))[1:]
    command = cli
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{line!r}: no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {
        "--help",
        "-h",
        "--version",
    }
    for word in words:
        if re.match(r"-{1,2}[a-z]", word):
            assert word.partition("=")[0] in options, f"{line!r}: no option {word!r}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_is_linked_to_is_there(page):
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8"))
    missing = [one for one in targets if "://" not in one and not (page.parent / one).exists()]
    assert not missing
