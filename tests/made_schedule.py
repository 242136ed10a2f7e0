"""A lab with schedules: a clock to set, a renderer that renders nothing, a mail server on this machine."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

from lab_rows import change, complete, deployment, failure, filled

from devops_lab.config import Settings, load
from devops_lab.reports import seal
from devops_lab.reports.schedule.hands import Hands
from devops_lab.reports.schedule.rendering import Made
from devops_lab.reports.sending.apprised import SENT, Fate
from devops_lab.store import Store

START = datetime(2026, 11, 23, 6)  # a Monday
SERVICES = """
[lab]
store = "lab"
timezone = "Europe/Berlin"

[[service]]
name = "checkout"
team = "payments"
repository = "acme/checkout"

[[service]]
name = "cart"
team = "payments"
repository = "acme/cart"
"""
MAIL = """
[[recipient]]
name = "mail"
url_env = "LAB_MAIL_URL"
"""


def settings_in(folder: Path, text: str, base: str = SERVICES) -> Settings:
    """Write lab.toml and load it."""
    (folder / "lab.toml").write_text(base + text, "utf-8")
    return load(folder / "lab.toml")


def facts(folder: Path, as_of: datetime = START, services: tuple = ("checkout", "cart")) -> Store:
    """A store with two deployments a day over 60 days, known until `as_of`; of the last 42 every third fails."""
    tables: dict = {"deployments": [], "changes": [], "failures": []}
    for service in services:
        for number in range(120):
            when = as_of - timedelta(hours=12 * number + 3)
            name = f"{when:%m%d%H%M}"
            tables["deployments"].append(deployment(service, name, when, unplanned=number % 7 == 0))
            tables["changes"].append(change(service, f"{number}", when - timedelta(hours=20), when))
            if number < 42 and number % 3 == 0:
                tables["failures"].append(failure(service, number, name, when, when + timedelta(hours=2)))
    store = filled(Store(folder / "lab", latest=True), complete(tables, (datetime(2000, 1, 1), as_of)))
    store.commit_snapshot(as_of)
    return store


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Faked:
    """Renders sealed pages without a notebook; `broken` are subjects whose report fails; `made` is what was asked."""

    def __init__(self) -> None:
        self.made: list[tuple[str, str, str]] = []
        self.broken: dict[str, int] = {}

    def __call__(self, settings, wanted, say):
        found = []
        for one in wanted:
            self.made.append((one.schedule.name, one.subject, one.span.label))
            if self.broken.get(one.subject, 0):
                self.broken[one.subject] -= 1
                found.append(Made(None, "cell 5: ValueError: no", again=True))
                continue
            page = settings.folder / "reports" / f"report-{one.schedule.name}-{one.subject}-{one.span.label}.html"
            page.parent.mkdir(exist_ok=True)
            page.write_text(f"<p>{one.subject}", "utf-8")
            sealed = dict.fromkeys(seal.Seal.__dataclass_fields__, "") | {
                "metrics": METRICS, "files": {page.name: seal.sha256(page)}, "format": 1, "period": one.span.label,
            }  # fmt: skip
            seal.path_of(page).write_text(json.dumps(sealed), "utf-8")
            found.append(Made(page))
        return found


METRICS = [
    {"metric": "change_lead_time", "unit": "hours", "group_name": "all", "statistic": "median", "value": 76.8, "n": 41,
     "low": 60.0, "high": 90.0, "too_few": False, "coverage": 1.0, "partial": False,
     "previous": 120.0, "previous_n": 40, "previous_low": 100.0, "previous_high": 130.0},
    {"metric": "deployment_frequency", "unit": "per week", "group_name": "all", "statistic": "per week", "value": 2.0,
     "n": 2, "low": 0.3, "high": 7.2, "too_few": False, "coverage": 1.0, "partial": False,
     "previous": 3.0, "previous_n": 3, "previous_low": 0.6, "previous_high": 8.8},
    {"metric": "change_fail_rate", "unit": "share", "group_name": "all", "statistic": "share", "value": 0.5, "n": 2,
     "low": 0.09, "high": 0.91, "too_few": True, "coverage": 1.0, "partial": False,
     "previous": None, "previous_n": 0, "previous_low": None, "previous_high": None},
]  # fmt: skip


class Post:
    """Keeps what is sent, by recipient; `fates` are what becomes of the next messages."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, str]] = []
        self.fates: list[Fate] = []

    def __call__(self, settings, recipient, message):
        fate = self.fates.pop(0) if self.fates else Fate(SENT)
        if fate.outcome != "failed":
            self.sent.append((recipient.name, message.title, message.body("text")))
        return fate


def hands(clock, render=None, send=None, **more) -> Hands:
    """Hands with a set clock, which do not sleep."""
    return Hands(now=clock, sleep=lambda seconds: None, render=render or Faked(), send=send or Post(), **more)


class Letters:
    """What a mail server took, parsed."""

    def __init__(self) -> None:
        self.taken: list = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 - aiosmtpd's name
        self.taken.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 OK"


@contextmanager
def mail_server(handler=None) -> Iterator[tuple[str, Letters]]:
    """Start a mail server on this machine; yield an address for Apprise, and the letters that come."""
    from aiosmtpd.controller import Controller

    letters = handler or Letters()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = Controller(letters, hostname="127.0.0.1", port=port)
    server.start()
    try:
        yield f"mailto://127.0.0.1:{port}/team@example.org?from=lab@example.org&mode=insecure", letters
    finally:
        server.stop()
