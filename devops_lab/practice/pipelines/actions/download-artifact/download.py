"""Unpack what a job of this run kept; the newest attempt that has it."""

# ruff: noqa: T201
import os
import sys
import zipfile
from pathlib import Path


def kept(own: Path, name: str) -> dict[str, Path]:
    """Return artifacts by name; `own` is this attempt's folder, ATTEMPT/artifacts, beside those of the earlier ones."""
    run = own.parent.parent
    attempts = sorted((int(one.name), one) for one in run.iterdir() if one.name.isdigit())
    found = {file.stem: file for _, one in attempts for file in sorted((one / "artifacts").glob("*.zip"))}
    return {key: file for key, file in found.items() if not name or key == name}


if __name__ == "__main__":
    wanted, target = os.environ["NAME"], Path(os.environ["TARGET"])
    artifacts = kept(Path(os.environ["LAB_ARTIFACTS"]), wanted)
    if wanted and not artifacts:
        sys.exit(f"::error::Unable to find any artifacts for the name: {wanted}")
    for key, file in artifacts.items():
        folder = target if wanted else target / key
        with zipfile.ZipFile(file) as packed:
            packed.extractall(folder)
        print(f"Artifact {key} is in {folder}")
