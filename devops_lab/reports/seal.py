"""The seal of a report: what it was made of, so that it can be made again and says the same.

``NAME.seal.json`` is written last.  It names the sha256 of each file of the report, the notebook and its parameters,
and per store the snapshot, the versions of its tables and the state of its ledger.  A report whose page does not match
its seal is not whole: the gallery and the deliveries do not see it.  No path in it is absolute, so a folder of reports
and its store can be moved together.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from devops_lab.errors import QuestionError
from devops_lab.metrics.answers import plain
from devops_lab.reports.facts import Facts
from devops_lab.store import Store

FORMAT = 1
SUFFIX = ".seal.json"
_LEDGER = """
select repository, source, table_name, window_start, window_end, asked, fetched, capped, missing, refused, recorded_at
from sync_ledger
order by all
"""


@dataclass(frozen=True)
class Seal:
    """What a report was made of.

    `began_in` is the folder that the notebook's relative paths start from, seen from the report's folder.  `stores`:
    per store ``{path, snapshot, as_of, versions, ledger}``, the path seen from the report's folder as well; `ledger`
    counts its rows and gaps and has the sha256 of all of it.  `metrics` are rows of the long frame, `receipts` those of
    ``facts``; `files` gives the sha256 of each file by name.  Instants are ISO 8601 in UTC.
    """

    report: str
    title: str
    service: str
    team: str
    period: str
    window_start: str
    window_end: str
    as_of: str
    made_at: str
    lab_version: str
    python: str
    began_in: str
    parameters: dict[str, Any]
    services: list[str]
    stores: list[dict[str, Any]]
    metrics: list[dict[str, Any]]
    receipts: list[dict[str, Any]]
    files: dict[str, str] = field(default_factory=dict)
    format: int = FORMAT

    def as_json(self) -> dict[str, Any]:
        """Return the seal ready for JSON."""
        return asdict(self)


def path_of(page: str | Path) -> Path:
    """Return where the seal of a report lies, asked for by its page, its seal or another of its files."""
    path = Path(page)
    if path.name.endswith(SUFFIX):
        return path
    stem = path.name.removesuffix(".metrics.json") if path.name.endswith(".metrics.json") else path.stem
    return path.with_name(stem + SUFFIX)


def page_of(seal: str | Path) -> Path:
    """Return where the page of a report lies."""
    path = path_of(seal)
    return path.with_name(path.name.removesuffix(SUFFIX) + ".html")


def read(path: str | Path) -> Seal:
    """Return the seal of a report, asked for by the path of its page or of the seal.

    Errors: QuestionError where there is none, it cannot be read, or the page is not the one that was sealed.
    """
    where = path_of(path)
    if not where.is_file():
        raise QuestionError(f"{path} has no seal: {where.name} is not beside it")
    try:
        found = json.loads(where.read_text("utf-8"))
        known = {one.name for one in fields(Seal)}
        seal = Seal(**{name: value for name, value in found.items() if name in known})
    except (ValueError, TypeError, AttributeError) as problem:
        raise QuestionError(f"{where} is no seal: {problem}") from problem
    if seal.format > FORMAT:
        raise QuestionError(f"{where} was sealed by a newer lab ({seal.lab_version}); update this one")
    page = page_of(where)
    if not page.is_file() or sha256(page) != seal.files.get(page.name):
        raise QuestionError(f"{page} is not the page that was sealed: it was changed, or only half of it is here")
    return seal


def sealed(folder: str | Path = "reports") -> list[tuple[Path, Seal]]:
    """Return the whole reports of a folder with their seals, the latest window first; others are passed over."""
    found = []
    for path in sorted(Path(folder).glob(f"*{SUFFIX}")):
        try:
            found.append((page_of(path), read(path)))
        except QuestionError:
            continue
    found.sort(key=lambda one: (one[1].window_end[:10], one[1].made_at), reverse=True)
    return found


def made_of(
    report: str,
    title: str,
    period: str,
    parameters: Mapping[str, Any],
    facts: Facts,
    handles: Sequence[Store],
    at: Path,
) -> Seal:
    """Return the seal, without files yet, of a report that lies in the folder `at` and read through `handles`."""
    stores = {handle.path: handle for handle in handles if handle.versions}
    return Seal(
        report=report,
        title=title,
        service=facts.service,
        team=facts.team,
        period=period,
        window_start=facts.window_start,
        window_end=facts.window_end,
        as_of=facts.as_of,
        made_at=plain(datetime.now(UTC).replace(tzinfo=None, microsecond=0)),
        lab_version=version("devops-lab"),
        python=platform.python_version(),
        began_in=os.path.relpath(Path.cwd(), at),
        parameters=dict(parameters),
        services=facts.services,
        stores=[_state(handle, at) for handle in stores.values()],
        metrics=facts.rows,
        receipts=facts.receipts,
    )


def sha256(path: Path) -> str:
    """Return the sha256 of a file's content."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _state(handle: Store, at: Path) -> dict[str, Any]:
    rows = handle.rows(_LEDGER)
    said = json.dumps([[plain(value) for value in row.values()] for row in rows]).encode()
    return {
        "path": handle.path if "://" in handle.path else os.path.relpath(handle.path, at),
        "snapshot": handle.snapshot_name,
        "as_of": plain(handle.as_of),
        "versions": handle.versions,
        "ledger": {
            "rows": len(rows),
            "missing": sum(row["missing"] or 0 for row in rows),
            "refused": sum(row["refused"] is not None for row in rows),
            "sha256": hashlib.sha256(said).hexdigest(),
        },
    }
