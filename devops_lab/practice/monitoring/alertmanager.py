"""Alertmanager for the practice organisation: alone (no cluster), in its own folder, telling a webhook or nobody."""

from __future__ import annotations

import json
from pathlib import Path

SETTINGS, DATA = "alertmanager.yml", "data"


def configure(folder: Path, webhook: str | None = None) -> None:
    """Write the settings: alerts by service, told at once to the address `webhook`, else only shown."""
    receiver = {"name": "practice"} | (
        {"webhook_configs": [{"url": webhook, "send_resolved": True}]} if webhook is not None else {}
    )
    route = {
        "receiver": "practice",
        "group_by": ["alertname", "service"],
        "group_wait": "1s",
        "group_interval": "5s",
        "repeat_interval": "4h",
    }
    settings = {"route": route, "receivers": [receiver]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS).write_text(json.dumps(settings, indent=1), "utf-8")  # JSON is YAML


def command(program: str, folder: Path, port: int) -> list[str]:
    """Return how Alertmanager is started on a port of this machine."""
    return [
        program,
        f"--config.file={folder / SETTINGS}",
        f"--storage.path={folder / DATA}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]
