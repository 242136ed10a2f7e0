"""Choose the version to bring out: the one that is wanted, else the next patch after the last tag."""

# ruff: noqa: T201
import os
import re
import subprocess
import sys
from pathlib import Path

NUMBERS = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")


def tags() -> list[str]:
    """Return the tags of this repository."""
    return subprocess.run(["git", "tag", "--list"], check=True, capture_output=True, text=True).stdout.split()


def chosen(wanted: str, known: list[str]) -> str:
    """Return the version without its "v"; exits where what is wanted is none."""
    if wanted:
        if not NUMBERS.fullmatch(wanted):
            sys.exit(f"::error::{wanted!r} is no version like 1.2.3")
        return wanted.removeprefix("v")
    numbers = [tuple(map(int, found.groups())) for tag in known if (found := NUMBERS.fullmatch(tag))]
    major, minor, patch = max(numbers, default=(0, 1, -1))
    return f"{major}.{minor}.{patch + 1}"


if __name__ == "__main__":
    version = chosen(os.environ.get("WANTED", "").strip(), tags())
    print(f"version {version}")
    output = os.environ.get("GITHUB_OUTPUT")
    if output:
        with Path(output).open("a") as file:
            file.write(f"version={version}\n")
