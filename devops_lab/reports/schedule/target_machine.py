"""A machine of one's own: a systemd timer of the user, or a line for cron.  Both look every five minutes."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from devops_lab.config import Settings
from devops_lab.reports.schedule.installing import Plan, secrets

UNIT = "devops-lab-schedule"
ENVIRONMENT = ".config/devops-lab/schedule.env"
SERVICE = """[Unit]
Description=DevOps Lab: the reports that are due
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={folder}
EnvironmentFile=-%h/{environment}
ExecStart={command}
TimeoutStartSec=3h
Nice=10
"""
TIMER = """[Unit]
Description=DevOps Lab: look every five minutes what is due

[Timer]
OnCalendar=*:0/5
Persistent=true
AccuracySec=30s

[Install]
WantedBy=timers.target
"""
CRONTAB = """# DevOps Lab: looks every five minutes what is due ({config}).
*/5 * * * * {command}
"""


def systemd(settings: Settings, folder: Path | None) -> Plan:
    """Return a service and a timer of the user."""
    place = folder or Path.home() / ".config" / "systemd" / "user"
    service = SERVICE.format(
        folder=_percent(str(settings.folder)),
        environment=ENVIRONMENT,
        command=" ".join(_quoted(word) for word in _command(settings)),
    )
    files = {place / f"{UNIT}.service": service, place / f"{UNIT}.timer": TIMER}
    return Plan(files, f"{_asked_for(settings)}Then: systemctl --user daemon-reload; systemctl --user enable --now "
                f"{UNIT}.timer; loginctl enable-linger (to run while nobody is logged in)")  # fmt: skip


def cron(settings: Settings, folder: Path | None) -> Plan:
    """Return a crontab of one line."""
    path = (folder or settings.folder) / "devops-lab.crontab"
    environment = f'E="$HOME/{ENVIRONMENT}"; if [ -f "$E" ]; then set -a; . "$E"; set +a; fi'
    words = " ".join(shlex.quote(word) for word in _command(settings))
    log = shlex.quote(str(settings.folder / "schedule.log"))
    line = f"{environment}; cd {shlex.quote(str(settings.folder))} && {words} >> {log} 2>&1"
    text = CRONTAB.format(config=settings.path.name, command=line.replace("%", r"\%"))
    return Plan(
        {path: text},
        f"{_asked_for(settings)}Then: (crontab -l 2>/dev/null; cat {shlex.quote(str(path))}) | crontab -",
    )


def _command(settings: Settings) -> list[str]:
    return [sys.executable, "-m", "devops_lab.cli", "schedule", "run", "--config", str(settings.path)]


def _asked_for(settings: Settings) -> str:
    names = secrets(settings)
    return f"Put {', '.join(names)} into ~/{ENVIRONMENT}, a line NAME=value each (chmod 600). " if names else ""


def _quoted(word: str) -> str:
    """Return a word of systemd's ExecStart."""
    text = _percent(word).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{text}"' if text != word or any(letter.isspace() or letter in "'\";" for letter in text) else text


def _percent(text: str) -> str:
    return text.replace("%", "%%")
