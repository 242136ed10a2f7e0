"""What looks like a secret is shown and kept as "***": by its name, by its look, or because it is the token itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAME = re.compile(r"token|passw|secret|credential|api_?key|private_?key", re.IGNORECASE)
VALUE = re.compile(r"gh[pousr]_\w{16,}|github_pat_\w{16,}|xox[abprs]-[\w-]{10,}|AKIA[A-Z0-9]{12,}|-----BEGIN ")
MASK = "***"
SHORTEST = 9  # a token as short as a word is no secret, and its letters are everywhere


def masked(inputs: Mapping[str, str], token: str = "") -> dict[str, str]:
    """Return inputs as they may be kept and shown: what is called or looks like a secret is "***"."""
    return {name: shown(name, value, token) for name, value in inputs.items()}


def shown(name: str, value: str, token: str = "") -> str:
    """Return one input's value as it may be shown; an empty one is no secret."""
    secret = NAME.search(name) or VALUE.search(value) or (len(token) >= SHORTEST and token in value)
    return MASK if secret and value else value


def without(text: str, token: str) -> str:
    """Return a text without the token, wherever it may have been typed by mistake."""
    return text.replace(token, MASK) if len(token) >= SHORTEST else text
