"""``make bench``: ratios of speed within one run, against git, PyGithub's objects and bare papermill.

Needs LAB_DATA, the folder of the real data, for all but the last line.
"""

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

RUNS = 5
BIN = Path(sys.executable).parent

PYGITHUB_OBJECTS = """
import sys, time
from github import Auth, Github
started = time.process_time()
api = Github(base_url=sys.argv[1], auth=Auth.Token("x"), per_page=100, seconds_between_requests=0)
repository, objects = api.get_repo(sys.argv[2]), 1
for issue in repository.get_issues(state="all"):
    objects += 1 + bool(issue.title and issue.user and issue.created_at and issue.closed_at)
for pull in repository.get_pulls(state="all"):
    objects += 1 + bool(pull.merged_at)
    for commit in pull.get_commits():
        objects += bool(commit.sha and commit.commit.author.date)
    for review in pull.get_reviews():
        objects += bool(review.state)
    for comment in pull.get_review_comments():
        objects += bool(comment.created_at)
for commit in repository.get_commits():
    objects += bool(commit.sha and commit.commit.message and [parent.sha for parent in commit.parents])
for run in repository.get_workflow_runs():
    objects += bool(run.id and run.run_attempt)
    for job in run.jobs():
        objects += bool(job.name) + len(job.steps)
print(objects, time.process_time() - started)
"""

LAB_SYNC = """
import sys, time
from datetime import datetime
from devops_lab.github_api import GitHubClient
from devops_lab.privacy import People
from devops_lab.sources.github import GitHub
from devops_lab.store import Store
from devops_lab.sync import known_in
started = time.process_time()
store = Store(sys.argv[3], latest=True)
source = GitHub(GitHubClient(sys.argv[1], "x"), sys.argv[2], None, known_in(store, sys.argv[2]))
objects = 0
for table, rows in source.pull(datetime(2010, 1, 1), datetime(2026, 1, 1)):
    store.write(table, [{**row, "repository": sys.argv[2], "recorded_at": datetime(2026, 1, 1)}
                        if table == "sync_ledger" else row for row in rows], "github", People("pseudonym", b"k" * 32))
    objects += len(rows)
print(objects, time.process_time() - started)
"""


def median_seconds(work, runs: int = RUNS) -> float:
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def quiet(*command, **options) -> subprocess.CompletedProcess:
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True, **options)


def cpu_per_thousand(script: str, *arguments) -> tuple[float, int]:
    """CPU seconds (imports left out on both sides) per 1,000 objects that a process read, and how many those were."""
    objects, seconds = quiet(sys.executable, "-c", script, *arguments).stdout.split()
    return float(seconds) / int(objects) * 1000, int(objects)


@contextmanager
def replay(data: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tool = data.parent / "tools" / "replay_github.py"
    process = subprocess.Popen([sys.executable, tool, "--port", str(port)], stdout=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stats", timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def graph(folder: Path, data: Path) -> None:
    from devops_lab.config import settings
    from devops_lab.delivery.graph import Graph
    from devops_lab.store import Store
    from devops_lab.sync import sync

    clone = folder / "prometheus.git"
    quiet(sys.executable, data.parent / "tools" / "rebuild_git.py", data / "prometheus-git", clone)
    tags = ["[0-9]+.[0-9]+.[0-9]+", "v[0-9]+.[0-9]+.[0-9]+", "!v0.*", "!v1.99.0"]
    service = {"name": "prometheus", "clone": str(clone), "deployment": {"from": "tags", "tags": tags}}
    store = Store(folder / "history", latest=True)
    seconds = median_seconds(lambda: sync(store, settings({"service": [service]}, folder / "lab.toml")), 1)
    print(f"first sync of 18,834 commits with delivery: {seconds:.1f} s")
    order = store.rows("select id, sha from deployments where result = 'success' order by finished_at, id")
    deployments = [(row["id"], row["sha"]) for row in order]

    def step() -> None:
        rows = store.arrow("select sha, parents from commits")
        assert len(Graph(rows["sha"].to_pylist(), rows["parents"].to_pylist()).walk(deployments).carried_by) > 15_000

    step()
    ours, git = median_seconds(step), median_seconds(lambda: quiet("git", "-C", clone, "rev-list", "--all", "--count"))
    print(
        f"graph step from the stored table: {ours:.3f} s ÷ git rev-list --all --count: {git:.3f} s = {ours / git:.1f} (aim ≤ 3)"
    )


def sync_cpu(folder: Path, data: Path) -> None:
    with replay(data) as url:
        lab, read = cpu_per_thousand(LAB_SYNC, url, "panjf2000/ants", folder / "ants")
        objects, seen = cpu_per_thousand(PYGITHUB_OBJECTS, url, "panjf2000/ants")
    print(
        f"sync CPU per 1,000 objects: {lab:.2f} s ({read}) ÷ PyGithub's objects: {objects:.2f} s ({seen}) "
        f"= {lab / objects:.2f} (aim ≤ 0.3)"
    )


def report(folder: Path) -> None:
    import nbformat

    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("")]), folder / "empty.ipynb")
    (folder / "lab.toml").unlink(missing_ok=True)
    quiet(BIN / "devops-lab", "init", cwd=folder)
    quiet(BIN / "devops-lab", "sync", cwd=folder)
    floor = median_seconds(
        lambda: quiet(BIN / "papermill", "-k", "python3", "--no-progress-bar", "empty.ipynb", "out.ipynb", cwd=folder),
        3,
    )
    ours = median_seconds(lambda: quiet(BIN / "devops-lab", "report", cwd=folder), 3)
    print(
        f"devops-lab report: {ours:.1f} s ÷ papermill on an empty notebook: {floor:.1f} s = {ours / floor:.1f}; "
        f"floor + {ours - floor:.1f} s (aim: + 4 s)"
    )


def command_line() -> None:
    ours = median_seconds(lambda: quiet(BIN / "devops-lab", "--help"))
    python = median_seconds(lambda: quiet(sys.executable, "-c", ""))
    print(f"devops-lab --help: {ours:.2f} s (aim ≤ 0.3) ÷ python -c '': {python:.2f} s = {ours / python:.1f}")


def main() -> None:
    os.environ.pop("GITHUB_TOKEN", None)
    folder = Path(tempfile.mkdtemp(prefix="devops lab bench "))
    os.environ["XDG_CONFIG_HOME"] = str(folder / "settings")
    try:
        if data := os.environ.get("LAB_DATA"):
            graph(folder, Path(data).resolve())
            sync_cpu(folder, Path(data).resolve())
        else:
            print("LAB_DATA is not set: the graph step and the sync are left out")
        report(folder)
        command_line()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
