"""The ways a message goes: through Apprise, as a comment on a GitHub issue, into a step summary, or into a folder."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from devops_lab.config import Recipient, Settings
from devops_lab.errors import LabError, UserError
from devops_lab.reports import leftovers
from devops_lab.reports.sending import apprised
from devops_lab.reports.sending.address import address_of
from devops_lab.reports.sending.apprised import FAILED, SENT, UNKNOWN, Fate
from devops_lab.reports.sending.message import MARKDOWN, TEXT, Message

SUMMARY = "GITHUB_STEP_SUMMARY"


def send(settings: Settings, recipient: Recipient, message: Message) -> Fate:
    """Send a message to a recipient once and return what became of it; no error of one recipient is raised."""
    try:
        if recipient.issue is not None:
            return _comment(settings, recipient.issue, message)
        if recipient.step_summary:
            return _summary(message)
        if recipient.folder is not None:
            return _folder(settings.folder / recipient.folder, message)
        return apprised.send(address_of(settings, recipient), message)
    except UserError as problem:
        return Fate(FAILED, str(problem))
    except OSError as problem:
        return Fate(FAILED, f"{problem.strerror or type(problem).__name__}")


def takes_files(settings: Settings, recipient: Recipient) -> bool:
    """Say whether what is attached gets to a recipient; where it does not, a message says where the report lies."""
    if recipient.issue is not None or recipient.step_summary:
        return False
    if recipient.folder is not None:
        return True
    try:
        return apprised.takes_files(address_of(settings, recipient))
    except UserError:
        return True


def _comment(settings: Settings, issue: str, message: Message) -> Fate:
    from devops_lab.actions import UnknownOutcomeError
    from devops_lab.actions.comments import comment

    try:
        comment(settings, issue, f"## {message.title}\n\n{message.body(MARKDOWN)}")
    except UnknownOutcomeError as problem:
        return Fate(UNKNOWN, str(problem))
    except LabError as problem:
        return Fate(FAILED, str(problem))
    return Fate(SENT)


def _summary(message: Message) -> Fate:
    path = os.environ.get(SUMMARY)
    if not path:
        return Fate(FAILED, f"{SUMMARY} is not set: step_summary is for a workflow of GitHub Actions")
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"## {message.title}\n\n{message.body(MARKDOWN)}\n")
    return Fate(SENT)


def _folder(folder: Path, message: Message) -> Fate:
    """Put the files and the message's text into a folder; each gets its name when it is whole."""
    folder.mkdir(parents=True, exist_ok=True)
    leftovers.sweep(folder, ".sending-*")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".sending-") as work:
        whole = []
        for path in message.files:
            whole.append(Path(shutil.copyfile(path, Path(work) / path.name)))
        head = message.title.partition(": ")[0]
        name = "-".join("".join(letter if letter.isalnum() or letter in ".-" else " " for letter in head).split())
        text = Path(work) / f"{name[:100].strip('.-') or 'message'}.txt"
        text.write_text(f"{message.title}\n\n{message.body(TEXT)}", "utf-8")
        for path in (*whole, text):
            path.replace(folder / path.name)
    return Fate(SENT)
