"""The practice server's endpoints of artifacts: what runs left behind, listed and as archives.

"artifacts" of a repository's objects holds lists by run, "artifact_files" each archive by its artifact's id: a file's
path or a function that returns the bytes.
"""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException

from devops_lab.practice.server.access import UNAUTHENTICATED
from devops_lab.practice.server.actions import run_of
from devops_lab.practice.server.answers import Download, Item, Json, Listing, missing
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.view import View, newest_first, ordered

EXPIRED = "Artifact has expired"
REFUSAL = 401, UNAUTHENTICATED


def artifacts_of_run(ask: Question) -> Listing:
    """List the artifacts of a run, the newest first."""
    found = _named(ask, ask.view.under("artifacts", run_of(ask)["id"]))
    return Listing(ordered(found, lambda raw: raw["id"], ask.query.get("direction"), "desc"), "artifacts")


def artifacts(ask: Question) -> Listing:
    """List the artifacts of all runs, the newest first."""
    return Listing(newest_first(_named(ask, _all(ask))), "artifacts")


def artifact(ask: Question) -> Item:
    """Return one artifact."""
    return Item(_one(ask))


def download(ask: Question) -> Download:
    """Return where an artifact's archive lies; 410 where it has expired."""
    raw = _one(ask)
    if ask.parts["format"] != "zip":
        raise missing()
    if raw.get("expired"):
        raise HTTPException(410, EXPIRED)
    if archive(ask.view, raw["id"]) is None:
        raise missing()
    return Download(f"artifacts/{raw['id']}")


def archive(view: View, number: int) -> bytes | None:
    """Return an artifact's zip file, None where there is none."""
    source = (view.objects.get("artifact_files") or {}).get(number)
    if source is None:
        return None
    if not isinstance(source, Path):
        return bytes(source())
    try:
        return source.read_bytes()
    except FileNotFoundError:
        return None


def _all(ask: Question) -> list[Json]:
    runs = list(ask.view.objects.get("artifacts") or {})
    return [raw for run in runs for raw in ask.view.under("artifacts", run)]


def _named(ask: Question, found: list[Json]) -> list[Json]:
    return [raw for raw in found if ask.query.get("name") in (None, raw["name"])]


def _one(ask: Question) -> Json:
    wanted = ask.number("artifact")
    for raw in _all(ask):
        if raw["id"] == wanted:
            return raw
    raise missing()


READS = (
    Read("/actions/artifacts", "actions", artifacts, ("name",)),
    Read("/actions/artifacts/{artifact}", "actions", artifact),
    Read("/actions/artifacts/{artifact}/{format}", "actions", download, statuses=(410,), refusal=REFUSAL),
    Read("/actions/runs/{run}/artifacts", "actions", artifacts_of_run, ("name", "direction")),
)
