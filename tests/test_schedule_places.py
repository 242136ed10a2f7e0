"""The files that let a machine run the schedule: right by the machine's own checks, and seen to deliver."""

import os
import re
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import yaml
from conftest import skip
from made_schedule import MAIL, mail_server, settings_in

from devops_lab.errors import UserError
from devops_lab.practice.pipelines import act
from devops_lab.reports.schedule import due, installing, instants

SCHEDULES = '[[schedule]]\nname = "weekly"\ncron = "0 7 * * 1"\nrecipients = ["mail"]\n'
KEPT = "refs/devops-lab/store"
GIT = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org",
       "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org"}  # fmt: skip
FIELDS = {
    "CronJob": {"schedule", "timeZone", "concurrencyPolicy", "startingDeadlineSeconds", "successfulJobsHistoryLimit",
                "failedJobsHistoryLimit", "jobTemplate", "suspend"},
    "Job": {"backoffLimit", "activeDeadlineSeconds", "template", "ttlSecondsAfterFinished"},
    "Pod": {"restartPolicy", "securityContext", "containers", "volumes"},
    "PodSecurity": {"runAsNonRoot", "runAsUser", "runAsGroup", "fsGroup"},
    "Container": {"name", "image", "command", "workingDir", "env", "volumeMounts", "resources", "securityContext"},
    "Security": {"allowPrivilegeEscalation", "capabilities"},
    "Mount": {"name", "mountPath", "subPath", "readOnly"},
}  # fmt: skip


@pytest.fixture
def settings(tmp_path):
    folder = tmp_path / "a folder 100%"
    folder.mkdir()
    return settings_in(folder, MAIL + SCHEDULES)


def written(settings, target, folder) -> dict[str, str]:
    plan = installing.plan(settings, target, folder)
    assert "LAB_MAIL_URL" in plan.next
    return {path.name: path.read_text("utf-8") for path in installing.write(plan)}


def test_systemd_finds_nothing_wrong(settings, tmp_path):
    if shutil.which("systemd-analyze") is None:
        skip("systemd-analyze is not installed (Debian: systemd)")
    found = written(settings, "systemd", tmp_path / "units")
    runtime = tmp_path / "run"
    runtime.mkdir()
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", *(str(tmp_path / "units" / name) for name in found)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0 and not checked.stderr, checked.stderr


def test_the_cron_line_is_one_line_that_the_shell_runs(settings, tmp_path):
    """cron takes the five fields off, and what follows a bare per cent as input."""
    settings = settings_in(settings.folder, MAIL + SCHEDULES + "sync = false\n")
    (text,) = written(settings, "cron", tmp_path / "cron").values()
    (line,) = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert line.startswith("*/5 * * * * ") and "%" not in line.replace(r"\%", "")
    command = line.split(" ", 5)[5].replace(r"\%", "%")
    home = tmp_path / "home"
    (home / ".config" / "devops-lab").mkdir(parents=True)
    (home / ".config" / "devops-lab" / "schedule.env").write_text("DEVOPS_LAB_PRIVACY_KEY=0123456789abcdef\n")
    done = subprocess.run(["/bin/sh", "-c", command], env={"HOME": str(home), "PATH": "/usr/bin:/bin"}, check=False)
    assert done.returncode == 1  # the store is empty, so the report did not come
    assert "weekly, all services" in (settings.folder / "schedule.log").read_text("utf-8")


def test_the_cron_job_has_the_fields_that_kubernetes_knows(settings, tmp_path):
    (text,) = written(settings, "kubernetes", tmp_path / "kube").values()
    documents = list(yaml.safe_load_all(text))
    assert [one["kind"] for one in documents] == ["ConfigMap", "PersistentVolumeClaim", "CronJob", "CronJob"]
    assert documents[0]["data"]["lab.toml"] == settings.path.read_text("utf-8")
    assert (documents[2]["spec"]["schedule"], documents[2]["spec"]["timeZone"]) == ("0 7 * * 1", "Europe/Berlin")
    for job in documents[2:]:
        spec = job["spec"]["jobTemplate"]["spec"]
        pod = spec["template"]["spec"]
        (container,) = pod["containers"]
        for kind, found in (("CronJob", job["spec"]), ("Job", spec), ("Pod", pod), ("Container", container),
                            ("PodSecurity", pod["securityContext"]), ("Security", container["securityContext"]),
                            *(("Mount", mount) for mount in container["volumeMounts"])):  # fmt: skip
            assert set(found) <= FIELDS[kind], kind
        assert job["apiVersion"] == "batch/v1" and job["spec"]["concurrencyPolicy"] == "Forbid"
        assert {mount["name"] for mount in container["volumeMounts"]} <= {volume["name"] for volume in pod["volumes"]}


def test_files_that_were_changed_are_left_alone(settings, tmp_path):
    written(settings, "cron", tmp_path)
    path = tmp_path / "devops-lab.crontab"
    path.write_text("mine", "utf-8")
    with pytest.raises(UserError, match="--force"):
        written(settings, "cron", tmp_path)
    assert path.read_text("utf-8") == "mine"


def test_lines_in_utc_meet_every_instant_of_a_schedule_that_knows_summer_time(tmp_path):
    settings = settings_in(tmp_path, MAIL + SCHEDULES + '[[schedule]]\nname = "m"\ncron = "30 0 1 * *"\n')
    now = datetime(2026, 11, 24)
    weekly, monthly = settings.schedule
    assert instants.in_utc(settings, weekly, now) == ["0 5 * * 1", "0 6 * * 1"]
    lines = instants.in_utc(settings, monthly, now)
    met = {moment for line in lines for moment in due.fires(line, "UTC", now, datetime(2027, 11, 20))}
    assert set(due.fires("30 0 1 * *", "Europe/Berlin", now, datetime(2027, 11, 20))) <= met
    often = settings_in(tmp_path, MAIL + SCHEDULES.replace("0 7 * * 1", "*/10 * * * *")).schedule[0]
    assert instants.in_utc(settings, often, now) == ["7 * * * *"]


# ---------------------------------------------------------------- GitHub Actions, under act


def git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    done = subprocess.run(command, env={**os.environ, **GIT}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


class Machine:
    """A repository on a server, and machines that start empty: each run has a clone and a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, 0
        self.origin = folder / "origin.git"
        self.nothing = folder / "nothing"
        self.nothing.mkdir()
        steps = '{using: composite, steps: [{run: "exit 1", shell: bash}]}'
        (self.nothing / "action.yml").write_text(f"name: nothing\nruns: {steps}\n", "utf-8")
        subprocess.run(["git", "init", "--quiet", "--bare", "-b", "main", str(self.origin)], check=True)

    def commit(self, **files: str) -> None:
        work = self.folder / "author"
        if not work.exists():
            git(self.folder, "clone", "--quiet", str(self.origin), "author")
            git(work, "checkout", "--quiet", "-B", "main")
        for name, text in files.items():
            (work / name).parent.mkdir(parents=True, exist_ok=True)
            (work / name).write_text(text, "utf-8")
        git(work, "add", "--all")
        git(work, "commit", "--quiet", "-m", "Work")
        git(work, "push", "--quiet", "origin", "main")

    def run(self, url: str) -> str:
        self.runs += 1
        home = self.folder / f"home-{self.runs}"
        home.mkdir()
        git(home, "clone", "--quiet", str(self.origin), "work")
        path = os.pathsep.join([str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"])
        environment = {"PATH": path, "HOME": str(home), "XDG_CACHE_HOME": str(home / "cache"), "TMPDIR": str(home)}
        command = [str(act.program()), "workflow_dispatch", "-C", str(home / "work"), "--no-cache-server"]
        command += ["-P", "ubuntu-latest=-self-hosted", "--pull=false", "-s", f"LAB_MAIL_URL={url}"]
        for name in ("actions/setup-python@v5", "actions/upload-artifact@v4"):  # not here: the steps are left out
            command += ["--local-repository", f"{name}={self.nothing}"]
        command += ["-s", "DEVOPS_LAB_PRIVACY_KEY=0123456789abcdef0123456789abcdef", "-s", "GITHUB_TOKEN=none"]
        done = subprocess.run(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        assert done.returncode == 0, done.stdout
        assert url not in done.stdout
        return done.stdout


@pytest.mark.server
def test_under_act_machines_that_start_empty_deliver_once_and_go_on_where_the_last_stood(tmp_path):
    if act.missing():
        skip(str(act.missing()))
    lab = '[[service]]\nname = "own"\nrepository = "own"\nclone = "."\n'
    author = tmp_path / "author"
    machine = Machine(tmp_path)
    machine.commit(**{"README": "one", "lab.toml": lab + MAIL + SCHEDULES})
    settings = settings_in(author, MAIL + SCHEDULES, lab)
    (path,) = installing.write(installing.plan(settings, "github-actions"))
    assert path.relative_to(author) == Path(".github/workflows/devops-lab-reports.yml")
    machine.commit(README="two")
    with mail_server() as (url, letters):
        first = machine.run(url)
        assert "1 report rendered, 1 message sent" in first.replace("\u00a0", " ")
        kept = git(machine.origin, "ls-tree", "-r", "--name-only", KEPT).splitlines()
        assert any(name.startswith("lab/deliveries/") for name in kept) and "reports/index.html" in kept
        second = machine.run(url)
        assert "rendered" not in second and len(letters.taken) == 1
        monthly = SCHEDULES.replace("weekly", "monthly").replace("0 7 * * 1", "0 7 1 * *")
        machine.commit(**{"README": "three", "lab.toml": lab + MAIL + SCHEDULES + monthly})
        third = machine.run(url)
        assert "1 report rendered, 1 message sent" in third.replace("\u00a0", " ")
        new, before = re.search(r"own \(git\): (\d+) new, \d+ changed, (\d+) as before", third).groups()
        assert int(new) <= 6 and int(before) >= 1  # one commit and its files are new; what was known is not read again
    assert [letter["subject"].split(" · ")[0] for letter in letters.taken] == ["weekly", "monthly"]
    assert git(machine.origin, "rev-list", "--count", KEPT) == "1"
