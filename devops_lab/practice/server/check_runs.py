"""The practice server's annotations: what a job's steps said with workflow commands (``::error::text``), from its log.

A job is a check run of the same number.  As on GitHub, what names no file is said of ".github".
"""

from __future__ import annotations

import re

from devops_lab.practice.server.actions import job_of
from devops_lab.practice.server.answers import Json, Listing
from devops_lab.practice.server.logs import text
from devops_lab.practice.server.question import Question, Read

LINE = re.compile(r"^\S+ ##\[(error|warning|notice)\](.*)$")
LEVELS = {"error": "failure", "warning": "warning", "notice": "notice"}
NOWHERE = ".github"
MOST = 50  # of a job


def annotations_of_job(ask: Question) -> Listing:
    """List the annotations of a job, in the order of its log."""
    raw = job_of(ask)
    found = [] if raw.get("status") != "completed" else (text(ask.view, raw["id"]) or "").splitlines()
    told = [(place, match) for place, line in enumerate(found, 1) if (match := LINE.match(line))]
    web = ask.view.repository.get("html_url") or ""
    blob = f"{web}/blob/{raw.get('head_sha')}/{NOWHERE}"
    return Listing([_annotation(place, match[1], match[2], blob) for place, match in told[:MOST]])


def _annotation(place: int, kind: str, message: str, blob: str) -> Json:
    nothing = dict.fromkeys(("start_column", "end_column"))
    said = {"annotation_level": LEVELS[kind], "title": "", "message": message, "raw_details": ""}
    return {"path": NOWHERE, "blob_href": blob, "start_line": place, "end_line": place, **nothing, **said}


READS = (Read("/check-runs/{job}/annotations", "checks", annotations_of_job),)
