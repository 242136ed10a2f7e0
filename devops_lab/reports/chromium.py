"""Chromium prints a page as PDF and takes its picture; nothing else is asked of it, and no network.

A missing or stuck Chromium is a ReportError with a sentence for people: the rest of a report does without.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from devops_lab.errors import ReportError

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge")
_APPS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
_QUIET = (
    "--headless=new", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-default-apps", "--disable-extensions", "--disable-sync", "--no-first-run", "--hide-scrollbars",
    "--disable-dev-shm-usage", "--proxy-server=127.0.0.1:9", "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
SECONDS = 120
DRAWING = 20_000  # milliseconds of the page's own clock in which it may draw
PAPER = 718  # pixels between the margins of an A4 page: charts are drawn as wide as they are printed
PICTURE = (960, 620)  # down to the first numbers; the gallery leaves out what is above the heading


def found() -> str:
    """Return the path of Chromium (or a browser made of it); ReportError says how to get one."""
    named = os.environ.get("DEVOPS_LAB_CHROMIUM")
    candidates = [named] if named else [*NAMES, *_APPS]
    for name in candidates:
        if path := shutil.which(name):
            return path
    raise ReportError(
        "there is no Chromium for PDF and pictures; install it (Debian: apt-get install chromium), or name one in "
        "DEVOPS_LAB_CHROMIUM"
    )


def pdf(page: Path, output: Path) -> None:
    """Print `page` as a PDF of A4 pages.  Errors: ReportError."""
    _run(page, output, f"--print-to-pdf={output}", "--no-pdf-header-footer", f"--window-size={PAPER},1000")


def picture(page: Path, output: Path, size: tuple[int, int] = PICTURE) -> None:
    """Take the picture of the top of `page` as PNG, light.  Errors: ReportError."""
    width, height = size
    _run(page, output, f"--screenshot={output}", f"--window-size={width},{height}", "--force-device-scale-factor=1")


def _run(page: Path, output: Path, *options: str) -> None:
    chromium = found()
    with tempfile.TemporaryDirectory(prefix="devops-lab-chromium-") as profile:
        root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        command = [chromium, *_QUIET, *root, f"--user-data-dir={profile}", f"--virtual-time-budget={DRAWING}"]
        try:
            done = subprocess.run(
                [*command, *options, page.resolve().as_uri()],
                capture_output=True, stdin=subprocess.DEVNULL, timeout=SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as problem:
            raise ReportError(f"Chromium did not finish within {SECONDS} s") from problem
        except OSError as problem:
            raise ReportError(f"Chromium could not be started: {problem}") from problem
    if not output.is_file() or not output.stat().st_size:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-1:] or [f"status {done.returncode}"]
        raise ReportError(f"Chromium wrote nothing: {said[0][:200]}")
