"""environment.yml and pyproject.toml name the same packages with the same bounds; the Makefile does what it says."""

import re
import subprocess
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def plain(requirement: str) -> tuple[str, str]:
    name, bound = re.fullmatch(r"([A-Za-z0-9_.-]+)\s*(.*)", requirement).groups()
    return name.lower().replace("_", "-"), bound.replace(" ", "")


def test_environment_is_in_step_with_the_project():
    listed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    pip = next(entry["pip"] for entry in listed if isinstance(entry, dict))
    conda = dict(
        plain(entry) for entry in [*(e for e in listed if isinstance(e, str)), *pip] if not entry.startswith("--")
    )
    wanted = dict(plain(entry) for entry in PROJECT["project"]["dependencies"])
    assert conda.pop("python") == PROJECT["project"]["requires-python"]
    for extra in ("git", "pip", "jupyterlab"):
        conda.pop(extra)
    assert conda == wanted


def test_the_lock_file_is_in_step():
    lock = tomllib.loads((ROOT / "uv.lock").read_text())
    own = next(package for package in lock["package"] if package["name"] == "devops-lab")
    entries = own["metadata"]["requires-dist"]
    locked = {entry["name"]: entry.get("specifier", "") for entry in entries if "extra" not in entry.get("marker", "")}
    assert locked == dict(map(plain, PROJECT["project"]["dependencies"]))


def test_every_target_of_make_help_is_there():
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("setup", "report", "practice", "test", "lint", "bench"):
        assert f"make {target} " in said
