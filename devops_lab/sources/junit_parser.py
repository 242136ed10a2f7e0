"""JUnit XML of any dialect (pytest, Surefire, Jest, gotestsum, xmlrunner, …) read as it streams by.

Entity declarations are refused, so nothing expands and nothing is fetched; what is too large stops with a sentence.
Nested suites, missing times, Surefire's ``rerunFailure`` and ``flakyFailure`` are known; other elements say nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from xml.parsers import expat

from devops_lab.errors import SourceError
from devops_lab.sources.values import Unfit, read_instant

MOST_BYTES = 256 * 2**20
MOST_CASES = 200_000
MOST_DEPTH = 200
LONGEST = 300
SUITES = ("testsuites", "testsuite")
WORSE = {"failure": "failed", "error": "error", "skipped": "skipped"}
AGAIN = ("flakyfailure", "flakyerror")
NOT_RUN = ("notrun", "skipped", "disabled", "ignored")


class JUnitError(SourceError):
    """A file that is no JUnit XML, is damaged, or too large; the message says which."""


class OtherError(JUnitError):
    """Well-formed XML of another kind: coverage, say."""


@dataclass
class Case:
    """One test case: its suites' names from the outside in, `result` passed, failed, error or skipped, its seconds."""

    suite: str
    classname: str
    name: str
    seconds: float | None
    result: str = "passed"
    flaky: bool = False
    message: str | None = None


@dataclass
class Report:
    """One file: its cases, the wall time as it says, and when the first suite began where it says so (naive UTC)."""

    cases: list[Case] = field(default_factory=list)
    seconds: float | None = None
    started_at: datetime | None = None


def read(chunks: Iterable[bytes], name: str, most_bytes: int = MOST_BYTES) -> Report:
    """Read one file from its bytes in pieces; `name` is for messages.

    Errors: OtherError when it is XML of another kind; JUnitError when it is none, declares entities, or is too large.
    """
    reader = _Reader(name)
    size = 0
    try:
        for chunk in chunks:
            size += len(chunk)
            if size > most_bytes:
                raise JUnitError(f"{name}: more than {most_bytes >> 20} MB; split the report")
            reader.parser.Parse(chunk, False)
        reader.parser.Parse(b"", True)
    except expat.ExpatError as problem:
        raise JUnitError(f"{name}: no XML ({problem})") from problem
    return reader.finished()


class _Reader:
    """The state while a file streams by."""

    def __init__(self, name: str) -> None:
        self.name, self.report = name, Report()
        self.depth = 0
        self.suites: list[tuple[int, str]] = []
        self.case: tuple[int, Case] | None = None
        self.text: list[str] | None = None
        self.times: dict[int, list[float | None]] = {}
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.begin
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.data
        self.parser.EntityDeclHandler = self.entity
        self.parser.buffer_text = True

    def entity(self, name: str, *rest: object) -> None:
        raise JUnitError(f"{self.name}: declares the entity {name!r:.40}; test reports need none, so it is not read")

    def begin(self, tag: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        kind = tag.rpartition(":")[2].lower()
        if self.depth == 1 and kind not in SUITES:
            raise OtherError(
                f"{self.name}: begins with <{tag[:40]}>; JUnit XML begins with <testsuites> or <testsuite>"
            )
        if self.depth > MOST_DEPTH:
            raise JUnitError(f"{self.name}: elements nested deeper than {MOST_DEPTH}")
        if kind in SUITES and self.case is None:
            self._suite(kind, attributes)
        elif kind == "testcase" and self.case is None:
            self._case(attributes)
        elif self.case is not None and self.depth == self.case[0] + 1:
            self._said(kind, attributes)

    def end(self, tag: str) -> None:
        if self.case is not None:
            if self.depth == self.case[0]:
                self.report.cases.append(self.case[1])
                self.case = None
            elif self.depth == self.case[0] + 1 and self.text is not None:
                self.case[1].message = _first_line("".join(self.text))
                self.text = None
        elif self.suites and self.suites[-1][0] == self.depth:
            self.suites.pop()
        self.depth -= 1

    def data(self, text: str) -> None:
        if self.text is not None and sum(map(len, self.text)) < LONGEST * 4:
            self.text.append(text[: LONGEST * 4])

    def finished(self) -> Report:
        """Return the report; its wall time is the outermost suites' where they say one, else the cases' sum."""
        for depth in sorted(self.times):
            known = [seconds for seconds in self.times[depth] if seconds is not None]
            if known:
                self.report.seconds = math.fsum(known)
                return self.report
        known = [case.seconds for case in self.report.cases if case.seconds is not None]
        self.report.seconds = math.fsum(known) if known else None
        return self.report

    def _suite(self, kind: str, attributes: dict[str, str]) -> None:
        name = attributes.get("name", "").strip() if kind == "testsuite" else ""
        self.suites.append((self.depth, name[:LONGEST]))
        self.times.setdefault(self.depth, []).append(_seconds(attributes.get("time")))
        if self.report.started_at is None and attributes.get("timestamp"):
            try:
                self.report.started_at = read_instant(attributes["timestamp"].strip())
            except Unfit:
                self.report.started_at = None

    def _case(self, attributes: dict[str, str]) -> None:
        if len(self.report.cases) >= MOST_CASES:
            raise JUnitError(f"{self.name}: more than {MOST_CASES:,} test cases; split the report")
        suite = " / ".join(name for _, name in self.suites if name) or "tests"
        classname = attributes.get("classname") or attributes.get("class") or attributes.get("file") or suite
        name = attributes.get("name", "").strip() or "no name"
        case = Case(suite[:LONGEST], classname.strip()[:LONGEST] or suite[:LONGEST], name[: 2 * LONGEST],
                    _seconds(attributes.get("time")))  # fmt: skip
        if {attributes.get("status", "").lower(), attributes.get("result", "").lower()} & set(NOT_RUN):
            case.result = "skipped"
        self.case = (self.depth, case)

    def _said(self, kind: str, attributes: dict[str, str]) -> None:
        assert self.case is not None
        case = self.case[1]
        if kind in AGAIN:
            case.flaky = case.result == "passed"
        if kind not in WORSE or case.result in ("failed", "error"):
            return
        case.result, case.flaky = WORSE[kind], False
        case.message = _first_line(attributes.get("message", ""))
        self.text = [] if case.message is None else None


def _first_line(text: str) -> str | None:
    return next((line.strip()[:LONGEST] for line in text.splitlines() if line.strip()), None)


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None
