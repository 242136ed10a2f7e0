"""Build the service as one file, dist/greeter-VERSION.pyz, which Python runs."""

# ruff: noqa: T201
import shutil
import sys
import tempfile
import zipapp
from pathlib import Path


def build(version: str, source: Path = Path(), target: Path = Path("dist")) -> Path:
    """Return the file built from a folder of source."""
    target.mkdir(exist_ok=True)
    built = target / f"greeter-{version}.pyz"
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        shutil.copytree(source / "greeter", tree / "greeter", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(source / "__main__.py", tree)
        (tree / "greeter" / "VERSION").write_text(version + "\n")
        zipapp.create_archive(tree, built, compressed=True)
    return built


if __name__ == "__main__":
    made = build(sys.argv[1])
    print(f"built {made}: {made.stat().st_size} bytes")
