"""Ask for a release of a tag: a file that whoever runs the pipelines reads."""

# ruff: noqa: T201
import json
import os
from pathlib import Path

if __name__ == "__main__":
    folder = Path(os.environ["LAB_RELEASES"])
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {"tag": os.environ["TAG"], "body": os.environ["BODY"], "prerelease": os.environ["PRERELEASE"] == "true"}
    partial = folder / "asked.partial"
    partial.write_text(json.dumps(wanted))
    partial.replace(folder / f"{len(list(folder.glob('*.json')))}.json")
    print(f"Release {wanted['tag']} is published")
