"""The way through Apprise: mail, Slack, Teams, Matrix and the like; and what became of a message.

Apprise answers yes or no.  Behind a "no" the message may have got there all the same (the answer was lost), so what
Apprise writes to its log is read: only where it tells that nothing was taken is it called failed, else unknown.
None of that text is shown or kept, because it quotes addresses.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from devops_lab.reports.sending.address import Address
from devops_lab.reports.sending.message import HTML, MARKDOWN, TEXT, Message

SENT, FAILED, UNKNOWN = "sent", "failed", "unknown"
CONNECT_SECONDS, READ_SECONDS = 30.0, 60.0
_NOT_REACHED = re.compile(
    r"connection refused|failed to establish a new connection|name or service not known|nameresolutionerror|"
    r"no address associated|nodename nor servname|temporary failure in name resolution|connecttimeout|"
    r"no route to host|network is unreachable|certificate|sslerror|error while submitting email",
    re.IGNORECASE,
)
_REFUSED = re.compile(r"error=4\d\d|was refused|socket exception: [({].*\b[45]\d\d\b", re.IGNORECASE)
_AFTER = re.compile(r'sending email to ".*" failed', re.IGNORECASE)
_LOGGERS = ("apprise", "urllib3", "requests")  # the latter write the paths of addresses
_CODE = re.compile(r"error=(4\d\d)|\((\d{3}), b")


@dataclass(frozen=True)
class Fate:
    """What became of a message: sent, failed (it did not get there) or unknown (it may have); and why, in our words."""

    outcome: str
    problem: str | None = None


def send(address: Address, message: Message) -> Fate:
    """Send a message once; nothing of the address is in what is returned."""
    import apprise

    with _overheard() as said:
        asset = apprise.AppriseAsset(
            app_id="DevOps Lab", app_desc="DevOps Lab", app_url="", async_mode=False, image_url_logo="",
            storage_mode=apprise.PersistentStoreMode.MEMORY,
        )  # fmt: skip
        plugin = apprise.Apprise.instantiate(address.reveal(), asset=asset, suppress_exceptions=True)
        if plugin is None:
            return Fate(FAILED, f"{address.place} holds no address that Apprise knows; they look like mailtos://…")
        plugin.socket_connect_timeout, plugin.socket_read_timeout, plugin.retry = CONNECT_SECONDS, READ_SECONDS, 0
        form = _form(plugin)
        files = apprise.AppriseAttachment([str(path) for path in message.files]) if message.files else None
        attached = files if plugin.attachment_support else None
        well = plugin.notify(body=message.body(form), title=message.title, body_format=form, attach=attached)
    if well:
        return Fate(SENT)
    several = len(plugin) > 1
    return _fate(" \n ".join(said), str(plugin.service_name), several)


def takes_files(address: Address) -> bool:
    """Say whether an address can take attachments."""
    import apprise

    with _overheard():
        plugin = apprise.Apprise.instantiate(address.reveal(), suppress_exceptions=True)
    return plugin is not None and bool(plugin.attachment_support)


def _form(plugin: Any) -> str:
    """Return the form that the service shows best."""
    return {"html": HTML, "markdown": MARKDOWN}.get(str(plugin.resolve_format(None).value), TEXT)


def _fate(said: str, service: str, several: bool) -> Fate:
    if several:
        return Fate(UNKNOWN, f"{service}: not all of the address's targets took it, some may have")
    code = next((one for found in _CODE.finditer(said) for one in found.groups() if one), None)
    if _REFUSED.search(said):
        return Fate(FAILED, f"{service}: the server refused it{f' ({code})' if code else ''}")
    if _NOT_REACHED.search(said) and not _AFTER.search(said):
        return Fate(
            FAILED, f"{service}: the server was not reached, or did not let us in{f' ({code})' if code else ''}"
        )
    return Fate(UNKNOWN, f"{service}: no answer says whether it was taken")


@contextmanager
def _overheard() -> Iterator[list[str]]:
    """Yield what Apprise says while it works, and keep it from every log."""
    said: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name.startswith("apprise"):
                said.append(record.getMessage())

    loggers = [logging.getLogger(name) for name in _LOGGERS]
    before = [(one.handlers, one.propagate, one.level) for one in loggers]
    for one in loggers:
        one.handlers, one.propagate = [Ear()], False
        one.setLevel(logging.DEBUG)
    try:
        yield said
    finally:
        for one, (handlers, propagate, level) in zip(loggers, before, strict=True):
            one.handlers, one.propagate = handlers, propagate
            one.setLevel(level)
