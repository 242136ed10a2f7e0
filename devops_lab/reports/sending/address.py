"""The secret address of a recipient: read from the environment or a file when it is needed, and shown nowhere."""

from __future__ import annotations

import os

from devops_lab.config import Recipient, Settings
from devops_lab.errors import AccessError


class Address:
    """An address that holds a secret; its repr and text do not."""

    def __init__(self, url: str, place: str) -> None:
        self._url, self.place = url, place

    def reveal(self) -> str:
        """Return the address itself, for the one who sends."""
        return self._url

    def __repr__(self) -> str:
        return f"Address(from {self.place})"

    __str__ = __repr__


def address_of(settings: Settings, recipient: Recipient) -> Address:
    """Return a recipient's address; AccessError where it is not there, is empty, or is more than one."""
    if recipient.url_env is not None:
        place = f"the environment variable {recipient.url_env}"
        text = os.environ.get(recipient.url_env, "")
    else:
        place = f"the file {recipient.url_file}"
        try:
            text = (settings.folder / str(recipient.url_file)).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            said = problem.strerror if isinstance(problem, OSError) else "no text"
            raise AccessError(f"recipient {recipient.name!r}: {place} cannot be read: {said}") from None
    words = text.split()
    if not words:
        raise AccessError(f"recipient {recipient.name!r}: {place} is not set; it holds the address to send to")
    if len(words) > 1:
        raise AccessError(
            f"recipient {recipient.name!r}: {place} holds {len(words)} addresses; write one recipient each"
        )
    return Address(words[0], place)
