"""Texts from outside made inert for a terminal and plain text: no colours, no cursor moves, nothing turned round."""

from __future__ import annotations

import re

# control sequences (colours, cursor), operating system commands (titles, links), and the two-letter ones
SEQUENCE = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)|\x1b[ -/]*[0-~]|\x9b[0-?]*[ -/]*[@-~]")
CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z ?")
TAB = "    "


def plain_line(text: str) -> str:
    """Return a text as one line of visible characters: escape sequences, control and bidi marks are gone.

    It is not escaped for HTML; whoever writes HTML does that.
    """
    return CONTROL.sub("", SEQUENCE.sub("", text).replace("\t", TAB))


def log_line(text: str) -> str:
    """Return a line of a log without the instant before it, as `plain_line`."""
    return plain_line(INSTANT.sub("", text, count=1) if INSTANT.match(text) else text)
