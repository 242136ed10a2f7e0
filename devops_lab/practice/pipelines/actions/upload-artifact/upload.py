"""Keep files of a run as one zip file, for the attempt that made them."""

# ruff: noqa: T201
import os
import sys
import zipfile
from pathlib import Path


def files(patterns: str) -> list[Path]:
    """Return the files that patterns name, one a line; a folder stands for all in it."""
    found: set[Path] = set()
    for pattern in patterns.split("\n"):
        for path in Path().glob(pattern.strip()) if pattern.strip() else []:
            found |= {path} if path.is_file() else {one for one in path.rglob("*") if one.is_file()}
    return sorted(found)


def upload(name: str, patterns: str, missing: str, target: Path) -> int:
    """Write the zip file; return the exit status: 1 where there is no file and that is an error."""
    found = files(patterns)
    if not found:
        print(f"::{'error' if missing == 'error' else 'warning'}::No files were found with the path: {patterns}")
        return 1 if missing == "error" else 0
    folders = [path.absolute().parent for path in found]
    root = Path(os.path.commonpath(folders))
    target.mkdir(parents=True, exist_ok=True)
    partial = target / f"{name}.partial"
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as kept:
        for path in found:
            kept.write(path, path.absolute().relative_to(root))
    partial.replace(target / f"{name}.zip")
    print(f"Artifact {name} has {len(found)} files")
    return 0


if __name__ == "__main__":
    wanted = os.environ["NAME"]
    if not wanted or "/" in wanted or wanted.startswith("."):
        sys.exit(f"::error::{wanted!r} is no name of an artifact")
    sys.exit(upload(wanted, os.environ["PATHS"], os.environ["MISSING"], Path(os.environ["LAB_ARTIFACTS"])))
