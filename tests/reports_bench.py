"""``make bench``: a week's reports of a company of 50 services, beside papermill and nbconvert in a loop, in one run.

The company is a practice organisation synced as any other and told nine times under other names: real rows in a real
store.  Ours is one ``devops-lab schedule run``: reports, gallery, and a letter to a mail server on this machine.
The loop is what one would write without the lab, ``papermill NOTEBOOK …; jupyter nbconvert --to html`` per service,
and no letter; both read the same store and run the same notebook.  Memory is the peak of all processes together.
"""

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
from made_schedule import mail_server

import devops_lab.sync
from devops_lab.config import load
from devops_lab.practice.server import Options, serve
from devops_lab.practice.settings import lab_toml
from devops_lab.practice.world import make
from devops_lab.reports.schedule import due
from devops_lab.store import Store
from devops_lab.tables import TABLES

BIN = Path(sys.executable).parent
NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "report_dora.ipynb"
SERVICES, MOST_ROWS = 50, 20_000
CRON = "0 7 * * 1"
WEEK = due.span_before("week", "UTC", due.last_fire(CRON, "UTC", datetime.now(UTC).replace(tzinfo=None)))
UNTIL = WEEK.end  # the company's facts end with the week that the schedule reports on now
SCHEDULE = f"""
[[recipient]]
name = "mail"
url_env = "LAB_MAIL_URL"

[[schedule]]
name = "weekly"
cron = "{CRON}"
services = "all"
recipients = ["mail"]
sync = false
"""


def practice(folder: Path) -> Path:
    """Sync a practice organisation of six services (without its Prometheus) into `folder`; return its lab.toml."""
    company = make(1, until=UNTIL, months=3)
    path = folder / "lab.toml"
    os.environ["GITHUB_TOKEN"] = "practice-token"
    devops_lab.sync._now = lambda: UNTIL
    with serve(company, options=Options(limit=1_000_000)) as url:
        path.write_text(re.sub(r"(?m)^security = .*\n", "", lab_toml(company.name, url)))
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
    (folder / "lab.toml").write_text(toml + SCHEDULE)
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


def measured(commands: list[list[str]], folder: Path) -> tuple[float, float, float]:
    """Return the seconds that commands take one after the other, those of the processors, and the peak of memory."""
    peak = Peak()
    peak.start()
    began, before = time.perf_counter(), worked()
    for command in commands:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
    seconds, work = time.perf_counter() - began, worked() - before
    peak.going = False
    peak.join()
    return seconds, work, peak.most


def worked() -> float:
    """Return the processors' seconds that children, and theirs, took so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def loop(services: list[str]) -> list[list[str]]:
    commands = []
    for name in services:
        out = f"plain/report_dora-{name}.ipynb"
        words = ["-r", "service", name, "-r", "since", f"{WEEK.start:%Y-%m-%d}", "-r", "until", f"{WEEK.end:%Y-%m-%d}"]
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
        print(f"{len(services)} services, {len(os.sched_getaffinity(0))} processors, load {os.getloadavg()[0]:.1f}")
        with mail_server() as (url, letters):
            os.environ["LAB_MAIL_URL"] = url
            seconds, work, memory = measured([[str(BIN / "devops-lab"), "schedule", "run"]], folder)
        pages = list((folder / "reports").glob(f"report_dora-*-{WEEK.label}.html"))
        cards = (folder / "reports" / "index.html").read_text("utf-8").count('class="card"')
        assert (len(pages), cards, len(letters.taken)) == (len(services), len(services), 1)
        each, largest = seconds / len(services), max(page.stat().st_size for page in pages) / 1e6
        print(f"devops-lab schedule run, with gallery and letter: {said(seconds, work, len(services), memory)}")
        print(f"the largest page: {largest:.1f} MB; the letter: {letters.taken[0]['subject']!r}")
        chosen = services[: given.services]
        plain, plain_work, plain_memory = measured(loop(chosen), folder)
        print(f"papermill; nbconvert in a loop: {said(plain, plain_work, len(chosen), plain_memory)}")
        faster, less = plain / len(chosen) / each, plain_work / len(chosen) / (work / len(services))
        print(f"ratio: {faster:.1f} times faster, {less:.1f} times less work; memory {memory / plain_memory:.2f} times")


def said(seconds: float, work: float, count: int, memory: float) -> str:
    return f"{seconds:.1f} s for {count}, {seconds / count:.2f} s ({work / count:.2f} s of work) each, {memory:.0f} MB"


if __name__ == "__main__":
    main()
