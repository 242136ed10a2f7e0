"""Kubernetes: a volume for the store and the reports, and a CronJob for each rhythm."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from devops_lab.config import Settings
from devops_lab.reports.schedule import due
from devops_lab.reports.schedule.installing import Plan, secrets

NAME = "devops-lab"
IMAGE = "python:3.12-slim"
AGAIN = ("23 */6 * * *", "Etc/UTC")  # what failed is tried again, and the alerts are looked at
PLACE = "/lab"
USER = 10001
Json = dict[str, Any]


def plan(settings: Settings, folder: Path | None) -> Plan:
    """Return one file: the settings, a volume claim, the CronJobs."""
    path = (folder or settings.folder / "kubernetes") / "devops-lab-reports.yaml"
    rhythms = dict.fromkeys((one.cron, due.zone_of(one, settings)) for one in settings.schedule)
    rhythms[AGAIN] = None
    jobs = [_job(settings, number, *rhythm) for number, rhythm in enumerate(rhythms, 1)]
    documents = [_settings(settings), _claim(), *jobs]
    text = "# Written by `devops-lab schedule install --target kubernetes`.\n"
    text += _yaml(documents)
    names = secrets(settings)
    literals = " ".join(f"--from-literal={name}=…" for name in names)
    wanted = f"First: kubectl create secret generic {NAME} {literals}. " if names else ""
    return Plan({path: text}, f"{wanted}Then: kubectl apply -f {path}")


def _yaml(documents: Sequence[Json]) -> str:
    """Return documents as YAML; texts of several lines stand as they are."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """YAML without anchors, long texts line by line."""

        def ignore_aliases(self, data: Any) -> bool:
            """Say that nothing is written as a reference."""
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    return yaml.dump_all(documents, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)


def _settings(settings: Settings) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME},
        "data": {"lab.toml": settings.path.read_text("utf-8-sig")},
    }


def _claim() -> Json:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": NAME},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "5Gi"}}},
    }


def _job(settings: Settings, number: int, cron: str, zone: str) -> Json:
    """Return a CronJob; two that overlap wait for each other at the store's lock."""
    container = {
        "name": "reports",
        "image": IMAGE,
        "command": ["sh", "-c", _command()],
        "workingDir": PLACE,
        "env": [
            {"name": "HOME", "value": PLACE},
            *({"name": name, "valueFrom": {"secretKeyRef": {"name": NAME, "key": name}}} for name in secrets(settings)),
        ],
        "volumeMounts": [
            {"name": "lab", "mountPath": PLACE},
            {"name": "settings", "mountPath": f"{PLACE}/lab.toml", "subPath": "lab.toml", "readOnly": True},
        ],
        "resources": {"requests": {"cpu": "500m", "memory": "1Gi"}, "limits": {"memory": "4Gi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "restartPolicy": "Never",
        "securityContext": {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER},
        "containers": [container],
        "volumes": [
            {"name": "lab", "persistentVolumeClaim": {"claimName": NAME}},
            {"name": "settings", "configMap": {"name": NAME}},
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {"name": f"{NAME}-{number}"},
        "spec": {
            "schedule": cron,
            "timeZone": zone,
            "concurrencyPolicy": "Forbid",
            "startingDeadlineSeconds": 3600,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 3,
            "jobTemplate": {
                "spec": {"backoffLimit": 0, "activeDeadlineSeconds": 10800, "template": {"spec": pod}},
            },
        },
    }


def _command() -> str:
    own = f'python -m pip install --quiet --user "devops-lab=={version("devops-lab")}"'
    run = 'exec "$HOME/.local/bin/devops-lab" schedule run --config lab.toml --wait 3600'
    return f'test -x "$HOME/.local/bin/devops-lab" || {own} && {run}'
