"""The clones of docs/incidents.md and docs/deployments.md: six commits on a line, the tags v1.4.0 to v1.7.0.

Git names a commit by its content alone, so the shas that the pages show are the ones made here.
"""

import subprocess
from pathlib import Path

TAGGED = {1: "v1.4.0", 2: "v1.5.0", 4: "v1.6.0", 6: "v1.7.0"}
DAY = 86_400
START = 1_772_096_400  # 2026-02-26 09:00 UTC; a commit every third day


def made_clone(path: Path, *tags: str) -> Path:
    """A bare repository of that history, with further tags on its last commit."""
    out = []
    for number in range(1, 7):
        who, subject = f"Ada <ada@users.invalid> {START + 3 * DAY * number} +0000", f"Step {number}\n"
        out.append(f"commit refs/heads/main\nmark :{number}\nauthor {who}\ncommitter {who}\n")
        out.append(f"data {len(subject)}\n{subject}" + (f"from :{number - 1}\n" if number > 1 else "") + "\n")
    for number, tag in [*TAGGED.items(), *((6, tag) for tag in tags)]:
        out.append(f"reset refs/tags/{tag}\nfrom :{number}\n\n")
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", path], check=True, capture_output=True)
    command = ["git", "-C", path, "fast-import", "--quiet"]
    subprocess.run(command, input="".join(out).encode(), check=True, capture_output=True)
    return path
