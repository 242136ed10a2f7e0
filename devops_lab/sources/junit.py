"""Test results from JUnit XML: files in a folder, and the rows that any report becomes.

A zip's entries are unpacked as they stream by, and counted while they do: what a zip says of its size may be a lie.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from devops_lab.errors import AccessError
from devops_lab.sources.junit_parser import MOST_BYTES, Case, JUnitError, OtherError, Report, read

Row = dict[str, Any]
Batch = tuple[str, list[Row]]

CHUNK = 2**18
MOST_FILES = 5_000
FAILED = ("failed", "error")


class JUnitFolder:
    """The JUnit files that `pattern` (relative to `folder`, where lab.toml lies) means, as tests of `repository`."""

    name = "junit"

    def __init__(self, folder: Path, repository: str, pattern: str) -> None:
        self.folder, self.repository, self.pattern = Path(folder), repository, pattern
        self.notes: list[str] = []

    def pull(self, since: datetime | None, until: datetime) -> Iterator[Batch]:
        """Yield test_cases and test_runs of each file, then the ledger.

        A file that cannot be read is a row that says so.  `since` changes nothing: the folder is read whole.  A file
        that changes is a new test run, the old one stays.

        Errors: AccessError when no file matches.
        """
        earliest, refused = until, 0
        paths = self.paths()
        for path in paths:
            run, cases = self._file(path)
            earliest = min(earliest, run["created_at"])
            refused += run["refused"] is not None
            if run["refused"]:
                self.notes.append(run["refused"])
            yield "test_cases", cases
            yield "test_runs", [run]
        yield "sync_ledger", ledger_rows(earliest, until, len(paths) - refused, refused, None)

    def paths(self) -> list[Path]:
        """Return the files that the pattern means, by name; AccessError when there is none."""
        names = glob.glob(str(Path(glob.escape(str(self.folder)), self.pattern)), recursive=True)  # noqa: PTH207
        found = sorted(path for path in map(Path, names) if path.is_file())
        if not found:
            raise AccessError(f"no file matches {self.pattern!r} in {self.folder}; paths are relative to lab.toml")
        return found

    def _file(self, path: Path) -> tuple[Row, list[Row]]:
        digest = hashlib.sha256()
        made = datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(tzinfo=None)
        shown = str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else str(path)
        report, refused = Report(), None

        def chunks(file: IO[bytes]) -> Iterator[bytes]:
            for chunk in pieces(file):
                digest.update(chunk)
                yield chunk

        try:
            with path.open("rb") as file:
                report = read(chunks(file), path.name)
        except JUnitError as problem:
            refused = str(problem)
        except OSError as problem:
            refused = f"{path.name}: cannot be read: {problem.strerror}"
        head = {
            "repository": self.repository,
            "id": f"file:{shown}:{digest.hexdigest()[:12]}",
            "name": path.name,
            "created_at": report.started_at or made,
        }
        return rows_of(head, [report], refused)


def read_zip(file: IO[bytes], name: str) -> list[Report]:
    """Return the JUnit reports in a zip; other XML in it is passed over.

    Errors: JUnitError when it is no zip, damaged, too large, or holds no JUnit file.
    """
    found, left = [], MOST_BYTES
    try:
        with zipfile.ZipFile(file) as archive:
            entries = [one for one in archive.infolist() if one.filename.lower().endswith(".xml")]
            if len(entries) > MOST_FILES:
                raise JUnitError(f"{name}: {len(entries):,} XML files, and {MOST_FILES:,} are the limit")
            for entry in entries:
                with archive.open(entry) as inner:
                    counted = _Counted(inner)
                    with contextlib.suppress(OtherError):
                        found.append(read(counted, f"{name}/{entry.filename}", left))
                    left -= counted.size
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as problem:
        raise JUnitError(f"{name}: this zip cannot be read ({problem})") from problem
    if not found:
        raise JUnitError(f"{name}: there is no JUnit XML in it")
    return found


class _Counted:
    """A file's bytes in pieces, counted."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.size = file, 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in pieces(self.file):
            self.size += len(chunk)
            yield chunk


def pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Yield a file's bytes in pieces."""
    while chunk := file.read(CHUNK):
        yield chunk


def rows_of(head: Row, reports: Sequence[Report], refused: str | None = None) -> tuple[Row, list[Row]]:
    """Return the row of ``test_runs`` and the rows of ``test_cases``; `head` says where the reports come from."""
    cases = [case for report in reports for case in report.cases]
    known = [report.seconds for report in reports if report.seconds is not None]
    run = {
        "run_id": None,
        "run_attempt": None,
        "sha": None,
        "url": None,
        **head,
        "tests": len(cases),
        "failed": sum(case.result in FAILED for case in cases),
        "skipped": sum(case.result == "skipped" for case in cases),
        "flaky": sum(case.flaky for case in cases),
        "seconds": sum(known) if known else None,
        "refused": refused,
    }
    seen: Counter[tuple[str, str, str]] = Counter()
    return run, [_case_row(run, case, seen) for case in cases]


def _case_row(run: Row, case: Case, seen: Counter[tuple[str, str, str]]) -> Row:
    key = (case.suite, case.classname, case.name)
    seen[key] += 1
    return {
        "repository": run["repository"],
        "test_run": run["id"],
        "suite": case.suite,
        "classname": case.classname,
        "name": case.name,
        "occurrence": seen[key],
        "run_id": run["run_id"],
        "run_attempt": run["run_attempt"],
        "sha": run["sha"],
        "occurred_at": run["created_at"],
        "result": case.result,
        "flaky": case.flaky,
        "seconds": case.seconds,
        "message": case.message,
    }


def ledger_rows(start: datetime, until: datetime, fetched: int, missing: int, refused: str | None) -> list[Row]:
    """Return the ledger's rows of both tables: test runs that were read, and that could not be."""
    row = {
        "window_start": min(start, until),
        "window_end": until,
        "asked": fetched + missing,
        "fetched": fetched,
        "capped": 0,
        "missing": missing,
        "refused": refused,
    }
    return [{**row, "table_name": table} for table in ("test_cases", "test_runs")]
