"""``make bench``: a week's reports of a company of 50 services, beside papermill and nbconvert in a loop, in one run.

The company is a practice organisation synced as any other and told nine times under other names: real rows in a real
store.  The loop is what one would write without the lab: ``papermill NOTEBOOK …; jupyter nbconvert --to html`` for each
service; both read the same store and run the same notebook.  Memory is the peak of all processes together.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import psutil

import devops_lab.sync
from devops_lab.config import load
from devops_lab.practice.server import Options, serve
from devops_lab.practice.settings import lab_toml
from devops_lab.practice.world import make
from devops_lab.store import Store
from devops_lab.tables import TABLES

BIN = Path(sys.executable).parent
NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "report_dora.ipynb"
UNTIL, SERVICES, MOST_ROWS = datetime(2026, 10, 1), 50, 20_000
SINCE, AFTER = "2026-09-21", "2026-09-28"


def practice(folder: Path) -> Path:
    """Sync a practice organisation of six services (without its Prometheus) into `folder`; return its lab.toml."""
    company = make(1, until=UNTIL, months=3)
    path = folder / "lab.toml"
    os.environ["GITHUB_TOKEN"] = "practice-token"
    devops_lab.sync._now = lambda: UNTIL
    with serve(company, options=Options(limit=1_000_000)) as url:
        text = lab_toml(company.name, url, "")
        path.write_text(re.sub(r"(?m)^(slo|latency|alerts|saturation|restarts|log_errors|security) = .*\n", "", text))
        settings = load(path)
        devops_lab.sync.sync(Store(settings.store), settings, since=UNTIL - timedelta(days=100))
    return path


def fifty(source: Path, folder: Path) -> Path:
    """Tell the company's rows again under other names until there are fifty services; return the lab.toml."""
    old, new = Store(source.parent / "lab"), Store(folder / "lab", latest=True)
    names = sorted(row["service"] for row in old.services.rows())
    copies = -(-SERVICES // len(names))
    kept = {f"{name}-{copy}" for copy in range(copies) for name in names[: SERVICES - copy * len(names)]}
    for name in set(TABLES) - {"snapshots"}:
        table = getattr(old, name).arrow()
        if (
            not table.num_rows or table.num_rows > MOST_ROWS
        ):  # test cases and samples: no number of this report reads them
            continue
        rows = []
        for copy in range(copies):
            for row in table.to_pylist():
                for column in ("service", "repository"):
                    if row.get(column):
                        row[column] = f"{row[column]}-{copy}"
                if "service" not in row or row["service"] in kept:
                    rows.append({key: value for key, value in row.items() if key not in ("source", "fetched_at")})
        new.write(name, rows, "bench")
    new.commit_snapshot(old.as_of)
    toml = '[lab]\nstore = "lab"\n' + "".join(
        f'[[service]]\nname = "{name}"\nrepository = "larch/{name}"\n' for name in sorted(kept)
    )
    (folder / "lab.toml").write_text(toml)
    return folder / "lab.toml"


class Peak(threading.Thread):
    """The most memory (proportional, MB) that this process' children have together while it is looked at."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most, self.going = 0.0, True

    def run(self) -> None:
        while self.going:
            total = 0
            for process in psutil.Process().children(recursive=True):
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue
            self.most = max(self.most, total / 1e6)
            time.sleep(0.2)


def measured(commands: list[list[str]], folder: Path) -> tuple[float, float]:
    peak = Peak()
    peak.start()
    began = time.perf_counter()
    for command in commands:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    seconds = time.perf_counter() - began
    peak.going = False
    peak.join()
    return seconds, peak.most


def loop(services: list[str]) -> list[list[str]]:
    commands = []
    for name in services:
        out = f"plain/report_dora-{name}.ipynb"
        words = ["-r", "service", name, "-r", "since", SINCE, "-r", "until", AFTER]
        commands.append([str(BIN / "papermill"), str(NOTEBOOK), out, *words])
        commands.append([str(BIN / "jupyter"), "nbconvert", "--to", "html", "--no-input", out])
    return commands


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument(
        "--services", type=int, default=SERVICES, help="how many the loop renders (times are per report)"
    )
    options.add_argument("--company", type=Path, help="the lab.toml of a synced practice organisation")
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="reports-bench-") as name:
        folder = Path(name)
        (folder / "six").mkdir()
        lab = fifty(given.company or practice(folder / "six"), folder)
        (folder / "plain").mkdir()
        services = [one.name for one in load(lab).service]
        ours = ["report", "report_dora", "--all-services", "--for", "2026-W39", "--no-sync"]
        print(f"{len(services)} services, {len(os.sched_getaffinity(0))} processors, load {os.getloadavg()[0]:.1f}")
        seconds, memory = measured([[str(BIN / "devops-lab"), *ours]], folder)
        each = seconds / len(services)
        print(f"devops-lab report --all-services, with gallery: {seconds:.1f} s, {each:.2f} s each, {memory:.0f} MB")
        chosen = services[: given.services]
        plain, plain_memory = measured(loop(chosen), folder)
        said = f"{plain:.1f} s for {len(chosen)}, {plain / len(chosen):.2f} s each, {plain_memory:.0f} MB"
        print(f"papermill; nbconvert in a loop: {said}")
        print(f"ratio: {plain / len(chosen) / each:.1f} times faster; memory {memory / plain_memory:.2f} times")


if __name__ == "__main__":
    main()
