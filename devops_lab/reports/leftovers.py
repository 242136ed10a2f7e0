"""What runs that were killed left behind: working folders beside the files they would have become."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

STALE_SECONDS = 24 * 3600


def sweep(folder: Path, pattern: str) -> None:
    """Take away the working folders in `folder` that nobody touched for a day; a younger one may be in use."""
    for path in folder.glob(pattern):
        if time.time() - path.stat().st_mtime > STALE_SECONDS:
            shutil.rmtree(path, ignore_errors=True)
