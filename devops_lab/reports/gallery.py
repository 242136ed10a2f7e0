"""The gallery: ``index.html`` over all sealed reports of a folder, and ``feed.xml`` beside it; static files.

A card per report and subject (a service, a team, or everything), the latest first: its picture, its numbers each with
a line over the past periods, and the way to every earlier period.  Only whole reports are listed (see ``seal``); both
files are replaced at once.
"""

from __future__ import annotations

import base64
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from devops_lab import words
from devops_lab.errors import QuestionError, ReportError
from devops_lab.periods import instant
from devops_lab.reports import calendar, feed, seal, sparklines, summary
from devops_lab.reports.page import TEMPLATE
from devops_lab.reports.seal import Seal

INDEX, FEED = "index.html", "feed.xml"
WORKFLOW = Path(".github/workflows/reports.yml")
_MORE = ((".pdf", "PDF"), (".md", "Markdown"), (".metrics.json", "numbers"), (".ipynb", "notebook"))
SHOWN_EARLIER = 8


@dataclass(frozen=True)
class Entry:
    """One report of the gallery: the name of its page, and its seal."""

    page: str
    seal: Seal

    @property
    def when(self) -> str:
        """The period or window it stands for, in words."""
        if not self.seal.window_start:
            return self.seal.made_at[:10]
        zone = str(self.seal.parameters.get("timezone") or "UTC")
        return words.window(instant(self.seal.window_start), instant(self.seal.window_end), zone)

    @property
    def short(self) -> str:
        """The period's name, or the window's last day: what stands on a link to an earlier one."""
        return self.seal.period or self.seal.window_end[:10] or self.seal.made_at[:10]

    @property
    def more(self) -> list[tuple[str, str]]:
        """The other files of the report: (name, what it is)."""
        stem = self.page.removesuffix(".html")
        return [(f"{stem}{suffix}", said) for suffix, said in _MORE if f"{stem}{suffix}" in self.seal.files]

    @property
    def picture(self) -> str:
        """The name of its picture; empty where it has none."""
        name = self.page.removesuffix(".html") + ".png"
        return name if name in self.seal.files else ""


@dataclass(frozen=True)
class Card:
    """The reports of one notebook about one subject, the latest first."""

    entries: Sequence[Entry]

    @property
    def latest(self) -> Entry:
        """The latest of them."""
        return self.entries[0]

    @property
    def earlier(self) -> Sequence[Entry]:
        """All but the latest."""
        return self.entries[1:]

    @property
    def subject(self) -> str:
        """The service, the team, or what the title says."""
        sealed = self.latest.seal
        team = f"{sealed.team} team" if sealed.team else ""
        return team or sealed.service or sealed.title.partition(" · ")[0]

    @property
    def kind(self) -> str:
        """What kind of report it is, in words: as its title says, else as its notebook is called."""
        said = self.latest.seal.title.partition(" · ")[2]
        return said or self.latest.seal.report.removeprefix("report_").lstrip("0123456789_").replace("_", " ")

    @property
    def search(self) -> str:
        """The words it is found by."""
        sealed = self.latest.seal
        said = (sealed.title, sealed.service, sealed.team, sealed.report, *(one.short for one in self.entries))
        return " ".join(said).lower()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Per number: its label, its value and change in words, and its line over the periods."""
        return [_line(row, self.entries) for row in summary.told(self.latest.seal.metrics)]


def write(
    folder: str | Path = "reports", *, title: str = "Reports", address: str = "", keep: int | None = None
) -> Path:
    """Write the gallery of a folder and return the path of its ``index.html``.

    With `keep` only the last so many periods of each report and subject stay; older ones are deleted.  `address` is
    where the folder will be served; the feed's links begin with it.

    Errors: QuestionError for a `keep` below 1; ReportError where the folder cannot be written.
    """
    if keep is not None and keep < 1:
        raise QuestionError(f"keep = {keep}; at least one period has to stay")
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
        found = seal.sealed(place)
        gone = _let_go(found, keep) if keep is not None else set()
        entries = [Entry(path.name, sealed) for path, sealed in found if path not in gone]
        _replace(place / FEED, feed.atom(entries, title, address))
        _replace(place / INDEX, _page(entries, title))
    except OSError as problem:
        raise ReportError(f"the gallery could not be written to {place}: {problem}") from problem
    return place / INDEX


def write_workflow(folder: Path) -> Path:
    """Write the GitHub Actions workflow that makes the weekly reports and publishes them; return its path.

    Errors: QuestionError where there is one already.
    """
    path = folder / WORKFLOW
    if path.exists():
        raise QuestionError(f"{path} is there already; edit it, or move it away first")
    path.parent.mkdir(parents=True, exist_ok=True)
    _replace(path, (files("devops_lab.reports") / "template" / "pages.yml").read_text("utf-8"))
    return path


def cards(entries: Sequence[Entry]) -> list[Card]:
    """Return the entries (the latest first) as cards: those with the latest window first, then by subject."""
    groups: dict[tuple[str, str, str, str], list[Entry]] = defaultdict(list)
    for one in entries:
        groups[_group(one.seal)].append(one)
    found = sorted((Card(group) for group in groups.values()), key=lambda card: (card.subject.lower(), card.kind))
    return sorted(found, key=lambda card: card.latest.seal.window_end[:10], reverse=True)


def _group(sealed: Seal) -> tuple[str, str, str, str]:
    kind = calendar.period(sealed.period).kind if sealed.period else ""
    return sealed.report, sealed.service, sealed.team, kind


def _let_go(found: Sequence[tuple[Path, Seal]], keep: int) -> set[Path]:
    """Delete the reports beyond the last `keep` periods of each group, seals first; return their pages."""
    groups: dict[tuple[str, str, str, str], list[Path]] = defaultdict(list)
    for path, sealed in found:
        if sealed.period:
            groups[_group(sealed)].append(path)
    gone = {path for paths in groups.values() for path in paths[keep:]}
    for page in gone:
        names = seal.read(page).files
        seal.path_of(page).unlink()
        for name in names:
            page.with_name(name).unlink(missing_ok=True)
    return gone


def _line(row: dict[str, Any], entries: Sequence[Entry]) -> dict[str, Any]:
    key = (row["metric"], row["statistic"], row["group_name"])
    past = []
    for one in reversed(entries):
        same = [r for r in one.seal.metrics if (r["metric"], r["statistic"], r["group_name"]) == key]
        past.append(same[0]["value"] if same else None)
    label, value = words.label(row["metric"]), words.answer(row).replace(words.SPACE, " ")
    missing = words.missing(row["value"])
    change = "" if missing else "too few to say more" if row["too_few"] and row["n"] else words.change(row)
    return {
        "label": label,
        "value": "–" if missing and words.missing(row["low"]) else value,
        "change": change,
        "past": past,
        "spark": sparklines.line(past, f"{label}, the last {len(past)} periods"),
    }


def _page(entries: Sequence[Entry], title: str) -> str:
    environment = Environment(loader=FileSystemLoader(TEMPLATE), autoescape=True, undefined=StrictUndefined)
    script = (TEMPLATE / "gallery.js").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'"
    )
    return environment.get_template("gallery.html.j2").render(
        title=title,
        cards=cards(entries),
        count=len(entries),
        earlier=SHOWN_EARLIER,
        policy=policy,
        script=Markup(script),
        style=Markup((TEMPLATE / "gallery.css").read_text("utf-8")),
        feed=FEED,
        sketch=sparklines.sketch,
    )


def _replace(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
