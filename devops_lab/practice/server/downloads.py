"""Files that are fetched from an address of their own: good for a minute, signed, without a token, as on GitHub."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from starlette.exceptions import HTTPException

from devops_lab.practice.server import artifacts, logs
from devops_lab.practice.server.answers import Raw, missing
from devops_lab.practice.server.view import View

PATH = "/_practice/downloads"
GOOD_SECONDS = 60
TEXT, ZIP = "text/plain; charset=utf-8", "application/zip"


class Signatures:
    """Signs addresses with a key of this process, by its clock (epoch seconds)."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock, self._key = clock, secrets.token_bytes(32)

    def query(self, path: str) -> str:
        """Return the query that makes `path` good for a minute."""
        expires = str(int(self._clock()) + GOOD_SECONDS)
        return urlencode({"expires": expires, "signature": self._signature(path, expires)})

    def check(self, path: str, query: Mapping[str, str]) -> None:
        """Raise 403 where the signature is not of this path, or its minute is over."""
        expires = query.get("expires", "")
        signature = query.get("signature", "").encode()
        if not hmac.compare_digest(signature, self._signature(path, expires).encode()):
            raise HTTPException(403, "Signature did not match")
        if self._clock() > int(expires):
            raise HTTPException(403, "Signature not valid in the specified time frame")

    def _signature(self, path: str, expires: str) -> str:
        return hmac.new(self._key, f"{path} {expires}".encode(), hashlib.sha256).hexdigest()


def content(view: View, file: str) -> Raw:
    """Return a file: "jobs/ID" a job's log, "runs/ID/ATTEMPT" an attempt's, zipped, "artifacts/ID" an artifact."""
    kind, *numbers = file.split("/")
    if kind == "jobs":
        text = logs.text(view, int(numbers[0]))
        data = None if text is None else text.encode()
    elif kind == "runs":
        data = logs.zipped(view, int(numbers[0]), int(numbers[1]))
    else:
        data = artifacts.archive(view, int(numbers[0]))
    if data is None:
        raise missing()
    return Raw(data, TEXT if kind == "jobs" else ZIP)
