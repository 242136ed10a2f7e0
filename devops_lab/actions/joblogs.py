"""A job's log: streamed from where the server keeps it (without the token) to a file, its last lines returned."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import urljoin

import requests

from devops_lab.actions.connection import TOKEN, Server
from devops_lab.actions.watching import Job
from devops_lab.errors import AccessError, QuestionError, SourceError
from devops_lab.github_api.answers import MissingError

TIMEOUT = (15.0, 60.0)
CHUNK = 64 * 1024


def number_of(name: str, jobs: list[Job]) -> int:
    """Return the id of the job called `name`; QuestionError names those there are."""
    found = [job.id for job in jobs if job.name == name]
    if len(found) != 1:
        raise QuestionError(f"no one job is called {name!r}; jobs: {', '.join(job.name for job in jobs) or 'none yet'}")
    return found[0]


def lines(server: Server, repository: str, job: int, tail: int | None, to: Path | None) -> list[str]:
    """Return the last `tail` lines of a log; the whole of it goes to the file `to`, which is there whole or not at all.

    Errors: MissingError (none yet, or it has expired), AccessError, SourceError.
    """
    answer = server.look(f"/repos/{repository}/actions/jobs/{job}/logs")
    if answer.status in (404, 410):
        why = "has expired" if answer.status == 410 else "is not there yet: GitHub keeps it when the job is over"
        raise MissingError(f"the log of job {job} {why}")
    if answer.status in (401, 403):
        raise AccessError(f"{TOKEN} may not read the log of job {job}: {answer.message}")
    location = answer.headers.get("location")
    if answer.status not in (301, 302, 303, 307, 308) or not location:
        raise SourceError(f"the log of job {job}: {answer.problem or f'HTTP {answer.status} {answer.message}'}")
    last: deque[str] = deque(maxlen=tail)
    partial = None if to is None else to.with_name(to.name + ".partial")
    try:
        with requests.get(urljoin(server.client.url, location), stream=True, timeout=TIMEOUT) as text:
            if text.status_code != 200:
                raise SourceError(f"the log of job {job} cannot be fetched: HTTP {text.status_code}")
            if partial is None:
                last.extend(_lines(text, None))
            else:
                with partial.open("wb") as file:
                    last.extend(_lines(text, file))
    except requests.exceptions.RequestException as problem:
        raise SourceError(f"the log of job {job} was cut off ({type(problem).__name__}); ask again") from None
    if partial is not None and to is not None:
        partial.replace(to)
    return list(last)


def _lines(answer: requests.Response, file: IO[bytes] | None) -> Iterator[str]:
    rest = b""
    for chunk in answer.iter_content(CHUNK):
        if file is not None:
            file.write(chunk)
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (_line(one) for one in whole)
    if rest:
        yield _line(rest)


def _line(raw: bytes) -> str:
    return raw.decode("utf-8", "replace").removesuffix("\r").removeprefix("\ufeff")
