"""Reports, alerts and failures → messages: the five values with units and n, what changed, where to read on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from devops_lab import findings, metrics, words
from devops_lab.config import Recipient
from devops_lab.reports import seal, summary
from devops_lab.reports.sending.message import Message, Part, Row

MOST_FILES, MOST_BYTES = 20, 18_000_000
MOST_PROBLEMS = 20
IN_FULL = 12  # so many reports are told with all their values; of more, those with a clear change
EVERYTHING = "all services"
Answer = Mapping[str, Any]


@dataclass(frozen=True)
class Told:
    """One report to tell of: what it is about ("" is everything), its page, and its numbers where it has any."""

    subject: str
    page: Path
    answers: Sequence[Answer]

    @property
    def headline(self) -> str:
        """The one sentence on top of the report."""
        return findings.summary(self.answers)[0] if self.answers else ""


def of_page(subject: str, page: Path) -> Told:
    """Return a report as it was sealed; QuestionError where it is not there, or not whole."""
    found = seal.read(page)
    rows = [row for row in summary.told(found.metrics) if row["metric"] in metrics.DORA]
    return Told(subject, page, sorted(rows, key=lambda row: metrics.DORA.index(row["metric"])))


def reports(
    name: str,
    period: str,
    told: Sequence[Told],
    recipient: Recipient,
    takes_files: bool = True,
    lacking: Sequence[str] = (),
) -> Message:
    """Return the message about a schedule's reports of one period; `lacking` are sentences on those that did not come.

    Reports with a clear change come first, then by name.
    """
    told = sorted(told, key=lambda one: (not any(map(words.is_clear, one.answers)), one.subject))
    files, rest = _files(told, recipient) if takes_files else ([], list(told))
    shown = told if len(told) <= IN_FULL else [one for one in told if any(map(words.is_clear, one.answers))][:IN_FULL]
    parts = [_report(one, len(told) > 1, recipient) for one in shown]
    if len(shown) < len(told):
        count = len(told) - len(shown)
        parts.append(Part("", [f"{words.plural(count, 'more report')}: no clear change, or too few to say."]))
    if rest and recipient.link is None:
        names = ", ".join(one.page.name for one in rest[:IN_FULL]) + (" …" if len(rest) > IN_FULL else "")
        parts.append(Part("", [f"Not attached, but in the folder reports: {names}"]))
    if lacking:
        parts.append(Part("What did not come", lacking))
    said = told[0].headline if len(told) == 1 else _together(told)
    about = told[0].subject or EVERYTHING if len(told) == 1 else words.plural(len(told), "report")
    subject = " · ".join(part for part in (name, about, period) if part) + (f": {said}" if said else "")
    return Message(subject, parts, files, f"DevOps Lab, schedule {name!r}. n is the number of observations.")


def row(answer: Answer) -> Row:
    """Return one number as a line: value with unit; n, interval, and what changed in words."""
    metric, unit = str(answer["metric"]), str(answer["unit"])
    count = 0 if words.missing(answer.get("n")) else int(answer["n"])
    notes = [f"n = {words.whole(count)}"]
    if not words.missing(answer.get("value")):
        few = bool(answer.get("too_few")) and count
        notes.insert(0, "too few to say more" if few else words.change(answer))
        spread = words.interval(answer.get("low"), answer.get("high"), unit)  # type: ignore[arg-type]
        notes += [f"95 %: {spread}"] if spread else []
    coverage = answer.get("coverage")
    if not words.missing(coverage) and float(coverage) < 1:  # type: ignore[arg-type]
        notes.append(f"{words.share(float(coverage))} of the window covered")  # type: ignore[arg-type]
    return Row(words.label(metric), words.answer(answer), "; ".join(notes))


def failure(name: str, period: str, problems: Sequence[str]) -> Message:
    """Return the notice that something a schedule promised did not come, or may not have come."""
    shown = list(problems[:MOST_PROBLEMS])
    if len(shown) < len(problems):
        shown.append(f"… and {words.plural(len(problems) - len(shown), 'more problem')}.")
    part = Part("", ["This did not come, or nobody knows whether it came:", *shown])
    hint = "`devops-lab schedule list` shows what is due; the next `devops-lab schedule run` tries again."
    what = "a report" if len(problems) == 1 else words.plural(len(problems), "report")
    return Message(f"{name} · {period}: {what} did not come", [part, Part("", [hint])], (), "DevOps Lab")


def _report(one: Told, named: bool, recipient: Recipient) -> Part:
    heading = (one.subject or EVERYTHING) if named else ""
    lines = [f"{one.headline}."] if one.headline else []
    link = f"{recipient.link.rstrip('/')}/{quote(one.page.name)}" if recipient.link else ""
    return Part(heading, lines, [row(answer) for answer in one.answers], link)


def _together(told: Sequence[Told]) -> str:
    changed = [one.subject for one in told if any(map(words.is_clear, one.answers))]
    if not changed:
        return "no clear change"
    named = ", ".join(changed[:3]) + (f" and {len(changed) - 3} more" if len(changed) > 3 else "")
    return f"changes at {named}"


def _files(told: Sequence[Told], recipient: Recipient) -> tuple[list[Path], list[Told]]:
    """Return what is attached within bounds, and the reports of which nothing is."""
    files: list[Path] = []
    rest, size = [], 0
    for one in told:
        own = [path for form in recipient.attach if (path := one.page.with_suffix(f".{form}")).is_file()]
        weight = sum(path.stat().st_size for path in own)
        if not own or len(files) + len(own) > MOST_FILES or size + weight > MOST_BYTES:
            rest.append(one)
            continue
        files += own
        size += weight
    return files, rest
