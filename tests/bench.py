"""``make bench``: ratios of speed within one run, against git, PyGithub's objects and bare papermill.

Needs LAB_DATA, the folder of the real data, for all but the last line.
"""

import gzip
import json
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
for items in (repository.get_branches(), repository.get_workflows(), repository.get_milestones(state="all"),
              repository.get_releases(), repository.get_tags(), repository.get_issues_events()):
    for item in items:
        objects += bool(repr(item))
for deployment in repository.get_deployments():
    objects += sum(bool(status.state) for status in deployment.get_statuses())
for issue in repository.get_issues(state="all"):
    objects += bool(issue.title and issue.created_at) + sum(bool(label.name) for label in issue.labels)
for pull in repository.get_pulls(state="all"):
    objects += bool(pull.number)
    for items in (pull.get_commits(), pull.get_reviews(), pull.get_review_comments()):
        objects += sum(bool(repr(item)) for item in items)
for commit in repository.get_commits():
    objects += bool(commit.sha and commit.commit.message) + sum(bool(file.filename) for file in commit.files)
for run in repository.get_workflow_runs():
    objects += bool(run.id and run.run_attempt)
    for job in run.jobs():
        objects += bool(job.name) + len(job.steps)
print(objects, time.process_time() - started)
"""

LAB_SYNC = """
import sys, time
import pandas
from datetime import datetime
from pathlib import Path
from devops_lab import sync
from devops_lab.config import settings
from devops_lab.sources.github import TABLES_READ
from devops_lab.store import Store
sync.delivery.needed_tables = lambda service: set(TABLES_READ)
service = {"name": "s", "repository": sys.argv[2]}
lab = settings({"github": {"url": sys.argv[1]}, "service": [service]}, Path("lab.toml"))
store = Store(sys.argv[3])
sync.derive = lambda *given: []
started = time.process_time()
rows = sync(store, lab, since=datetime(2010, 1, 1))[0].rows
print(rows.inserted, time.process_time() - started)
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


def cpu(script: str, *arguments) -> tuple[float, int]:
    """CPU seconds of a process (imports left out), and how many objects or rows it counted."""
    objects, seconds = quiet(sys.executable, "-c", script, *arguments).stdout.split()
    return float(seconds), int(objects)


@contextmanager
def replay(data: Path, file: Path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tool = data.parent / "tools" / "replay_github.py"
    process = subprocess.Popen([sys.executable, tool, "--port", str(port), "--data", file], stdout=subprocess.DEVNULL)
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
        f"graph step from the stored table: {ours:.3f} s ÷ git rev-list --all --count: {git:.3f} s "
        f"= {ours / git:.1f} (aim ≤ 3)"
    )


def many_issues(data: Path, folder: Path) -> Path:
    """The recorded objects with each issue, its labels and events fifty times: lists whose pages are full."""
    recorded = json.loads(gzip.decompress((data / "github-replay" / "ants.json.gz").read_bytes()))
    for repository in recorded["repos"].values():
        issues = list(repository["issues"].values())
        for copy in range(1, 50):
            for issue in issues:
                number = issue["number"] + 1000 * copy
                repository["issues"][str(number)] = {**issue, "number": number, "id": issue["id"] + copy}
    (folder / "many.json.gz").write_bytes(gzip.compress(json.dumps(recorded).encode(), 1))
    return folder / "many.json.gz"


def sync_cpu(folder: Path, data: Path) -> None:
    cases = {"as recorded, one request for 2 objects": data / "github-replay" / "ants.json.gz"}
    cases["with full pages of issues"] = many_issues(data, folder)
    for place, (what, file) in enumerate(cases.items()):
        with replay(data, file) as url:
            lab, _ = cpu(LAB_SYNC, url, "panjf2000/ants", folder / f"ants{place}")
            objects, count = cpu(PYGITHUB_OBJECTS, url, "panjf2000/ants")
        print(
            f"sync CPU per 1,000 objects {what}: {lab / count * 1000:.2f} s ÷ PyGithub's objects: "
            f"{objects / count * 1000:.2f} s = {lab / objects:.2f} (aim ≤ 0.3; both read the same {count} objects)"
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
