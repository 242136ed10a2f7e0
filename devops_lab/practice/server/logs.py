"""The practice server's logs: a job's as text, a run's as an archive with one file per job.

"logs" of a repository's objects holds each by its job's id: a file's path or a function that returns the text.  Of a
job that ended and has none, the log has expired.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from starlette.exceptions import HTTPException

from devops_lab.practice.server.access import NO_RIGHTS
from devops_lab.practice.server.actions import attempt_of, job_of, run_of
from devops_lab.practice.server.answers import Download, Json, missing
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.view import View

EXPIRED = "Log has expired"
NOT_IN_NAMES = re.compile(r"[^\w (),.&+=-]")
REFUSAL = 403, NO_RIGHTS
LOST = (403, 410)


def job_log(ask: Question) -> Download:
    """Return where the log of a job lies."""
    raw = job_of(ask)
    _check([raw], [_text_of(ask.view, raw)])
    return Download(f"jobs/{raw['id']}")


def run_logs(ask: Question) -> Download:
    """Return where the logs of a run's latest attempt lie."""
    return _logs_of(ask, run_of(ask))


def attempt_logs(ask: Question) -> Download:
    """Return where the logs of one attempt lie."""
    return _logs_of(ask, attempt_of(ask))


def _logs_of(ask: Question, raw: Json) -> Download:
    attempt = raw.get("run_attempt") or 1
    _check([raw], [found for _, found in _texts(ask.view, raw["id"], attempt)])
    return Download(f"runs/{raw['id']}/{attempt}")


def _check(raws: list[Json], texts: list[str | None]) -> None:
    """Raise 410 where what has ended left no log, 404 where what goes on has none yet."""
    if any(found is not None for found in texts):
        return
    raise HTTPException(410, EXPIRED) if all(raw.get("status") == "completed" for raw in raws) else missing()


def text(view: View, job: int) -> str | None:
    """Return the log of a job, None where there is none."""
    source = (view.objects.get("logs") or {}).get(job)
    if source is None:
        return None
    if not isinstance(source, Path):
        return str(source())
    try:
        return source.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return None


def _text_of(view: View, raw: Json) -> str | None:
    """Return the log of a job as it was seen: in the past, only what had ended has one."""
    return None if view.past is not None and raw.get("status") != "completed" else text(view, raw["id"])


def zipped(view: View, run: int, attempt: int) -> bytes:
    """Return the logs of one attempt as an archive: "0_build.txt", "1_test (3.11).txt" …"""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for place, (name, found) in enumerate(_texts(view, run, attempt)):
            if found is not None:
                archive.writestr(f"{place}_{NOT_IN_NAMES.sub('_', name)}.txt", found)
    return buffer.getvalue()


def _texts(view: View, run: int, attempt: int) -> list[tuple[str, str | None]]:
    own = [raw for raw in view.under("jobs", run) if (raw.get("run_attempt") or 1) == attempt]
    return [(raw["name"], _text_of(view, raw)) for raw in own]


READS = (
    Read("/actions/jobs/{job}/logs", "actions", job_log, statuses=LOST, refusal=REFUSAL),
    Read("/actions/runs/{run}/logs", "actions", run_logs, statuses=LOST, refusal=REFUSAL),
    Read("/actions/runs/{run}/attempts/{attempt}/logs", "actions", attempt_logs, statuses=LOST, refusal=REFUSAL),
)
