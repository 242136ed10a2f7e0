"""The pieces that the pages of all eight phases share: what a phase is for, its numbers, what to look at next.

A page asks ``ask(…)`` once; every piece takes what it returns.  A number that cannot be said says why: no Prometheus,
permission refused, too few (``phase_answers``, whose functions are here too).  What is special to a phase lies in
``phase_<phase>.py``, which offers ``steps(asked) -> list[Step]``: the sentences of `next_steps`, the most urgent first.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from devops_lab import words
from devops_lab.errors import LabError, QuestionError
from devops_lab.language import Language
from devops_lab.reports import question, tiles
from devops_lab.reports.meanwhile import with_events
from devops_lab.reports.page import MOST_ROWS, Column, Piece, html, joined, link, paragraph, shortened, table, together
from devops_lab.reports.phase_answers import (
    counted,
    covered,
    every,
    first,
    interval,
    known,
    over,
    spoken,
    unknown,
    way,
    why_missing,
)
from devops_lab.reports.phase_texts import COUNTED, OBSERVATIONS, PHASES, Phase
from devops_lab.reports.question import Question

MOST_STEPS = 3

__all__ = [
    "NOTHING", "Heading", "Step", "about", "ask", "counted", "covered", "every", "first", "heading", "interval",
    "known", "listing", "next_steps", "numbers", "over", "phase_of", "repository", "spoken", "top", "unknown", "way",
    "why_missing", "worsened",
]  # fmt: skip
NOTHING = Piece(Markup(""), "")  # where the figure above says already that there is nothing
MOST_STEPS = 3


@dataclass(frozen=True)
class Step:
    """One sentence of what to look at next, and the link behind it; `sentence` is in the page's language already."""

    sentence: str
    link: str = ""
    url: Any = None


@dataclass(frozen=True)
class Heading:
    """A heading in the page's language; a notebook and the report take it for one of theirs."""

    text: str

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/markdown": f"## {self.text}", "text/plain": self.text}


def ask(
    store: str = question.STORE,
    config: str = question.CONFIG,
    service: str = "",
    team: str = "",
    last: str = "",
    since: str = "",
    until: str = "",
    as_of: str = "",
    every: str = "",
    timezone: str = "",
    language: str = "",
) -> Question:
    """Return the question that the page of a phase puts; `language` is a code of ``devops_lab.language``.

    Errors: those of ``question.ask``.
    """
    return question.ask(store, config, service, team, last, since, until, as_of, every, timezone, language=language)


def phase_of(name: str) -> Phase:
    """Return a phase's texts and metrics; QuestionError names the eight."""
    if name not in PHASES:
        raise QuestionError(f"there is no phase {name!r}; there are {', '.join(PHASES)}")
    return PHASES[name]


def top(asked: Question, phase: str) -> Piece:
    """Return the page's title (phase and service), window, the instant it speaks for, and what the phase is for."""
    said, t, (start, end) = phase_of(phase), asked.t, asked.window
    title = f"{t(said.title)} · {about(asked)}"
    moment = f"{words.moment(asked.as_of, asked.timezone)} {asked.timezone}"
    parts = [t.window(start, end, asked.timezone), t("as known on {moment}", moment=moment)]
    line = joined((html("<span>{}</span>", part) for part in parts), " · ")
    head = html('<header class="lab-heading"><h1>{}</h1><p>{}</p></header>', title, line)
    text = t(said.purpose)
    lead = html('<div class="lab-headline" style="margin-top: 20px"><p>{}</p></div>', text)
    found = Piece(joined([head, lead], "\n"), "\n".join([title, " · ".join(parts), "", text]))
    return with_events(asked, found)


def about(asked: Question) -> str:
    """Return what the page is about: the service, the team, or all services."""
    if "service" in asked.words or "team" in asked.words or len(asked.services) == 1:
        return asked.title
    if not len(asked.services):
        return asked.t("no service yet")
    return asked.t.many("{count} service", "{count} services", len(asked.services))


def repository(asked: Question) -> Column:
    """Return a table's column of the repository, without its owner where the names alone tell them apart."""
    names = set(asked.services["repository"])
    bare = {name: name.rpartition("/")[2] for name in names}
    plain = len(set(bare.values())) == len(names)
    return Column(asked.t("Repository"), lambda row: bare.get(row["repository"], "") if plain else row["repository"])


def listing(
    asked: Question, rows: Sequence[Mapping[str, Any]], columns: Sequence[Column], rest: str, total: int | None = None
) -> Piece:
    """Return a table of at most twenty rows; how many more there are, and where (`rest`), is said below it."""
    total = len(rows) if total is None else total
    shown = list(rows)[:MOST_ROWS]
    found = table(shown, columns)
    if total <= len(shown):
        return found
    more = asked.t.number(words.whole(total - len(shown)))
    return together(found, paragraph(asked.t("… and {count} more: {rest}", count=more, rest=rest)))


def heading(asked: Question, text: str) -> Heading:
    """Return a heading in the page's language."""
    return Heading(asked.t(text))


def numbers(asked: Question, phase: str) -> Piece:
    """Return a tile per metric of the phase: value, interval, n and the change; a missing one says why."""
    said = [_tile(asked, name) for name in phase_of(phase).metrics if name in known()]
    text = "\n\n".join(piece.text for piece in said)
    return Piece(html('<div class="lab-tiles">{}</div>', joined(piece.html for piece in said)), text)


def next_steps(asked: Question, phase: str) -> Piece:
    """Return two or three sentences on what to look at next, each with a link where there is an address.

    First what the phase's own module says, then the metrics that became clearly worse.
    """
    if not any(covered(asked, name) for name in phase_of(phase).metrics if name in known()):
        why = why_missing(asked, phase_of(phase).metrics[0])
        return paragraph(asked.t("Nothing is known about this phase in this window: {why}.", why=why), "")
    own: list[Step] = importlib.import_module(f"devops_lab.reports.phase_{phase}").steps(asked)
    steps = (own + worsened(asked, phase))[:MOST_STEPS]
    if not steps:
        return paragraph(asked.t("Nothing stands out in this window. A longer one may show more."), "")
    items = [html("<li>{}{}</li>", step.sentence, _behind(step)) for step in steps]
    text = "\n".join(f"- {step.sentence}" + (f" ({step.link}: {step.url})" if step.url else "") for step in steps)
    return Piece(html('<ul class="lab-steps">{}</ul>', joined(items)), text)


def worsened(asked: Question, phase: str) -> list[Step]:
    """Return a step per metric of the phase that is clearly worse than in the window before."""
    found = []
    for name in phase_of(phase).metrics:
        row = first(asked, name)
        if row is not None and way(row) == "worse":
            change = asked.t.number(words.change(row))
            found.append(
                Step(asked.t("{metric} has become worse: {change}.", metric=asked.t.label(name), change=change))
            )
    return found


def _behind(step: Step) -> Markup:
    return html(" {}", link(step.link, step.url)) if step.link else Markup("")


def _tile(asked: Question, name: str) -> Piece:
    t = asked.t
    try:
        rows = spoken(asked.answer(name))
    except LabError as problem:
        return _empty_tile(t.label(name), shortened(problem))
    if not rows or (words.missing(rows[0]["value"]) and words.missing(rows[0]["low"])):
        return _empty_tile(t.label(name), why_missing(asked, name))
    row = rows[0]
    value = t.number(words.answer(row)).replace(words.SPACE, " ")
    amount, _, unit = value.partition(" ") if value[:1] != ">" else (value, "", "")
    few = bool(row["too_few"]) and row["n"] > 0
    lines = [t("from {things}", things=t.many(*COUNTED.get(name, OBSERVATIONS), row["n"])) + _covered(row, t)]
    if spread := interval(row):
        lines.append(f"{tiles.INTERVAL} {t.number(spread)}")
    lines += [f"{t(other['statistic'])}: {t.number(words.answer(other))}" for other in rows[1:]]
    change = t("too few to say more") if few else t.number(words.change(row))
    body = html(
        '<div class="lab-tile{}"><h3>{}</h3><p class="value">{}<span> {}</span></p><p class="change {}">{}</p>{}</div>',
        " few" if few else "", t.label(name), amount, unit, "same" if few else way(row), change,
        joined(html('<p class="small">{}</p>', line) for line in lines),
    )  # fmt: skip
    return Piece(body, "\n".join([t.label(name), value, change, *lines]))


def _covered(row: Mapping[str, Any], t: Language) -> str:
    share = row.get("coverage")
    if words.missing(share) or float(share) >= 1:  # type: ignore[arg-type]
        return ""
    return ", " + t("{share} of the window covered", share=t.number(words.share(float(share))))  # type: ignore[arg-type]


def _empty_tile(label: str, reason: str) -> Piece:
    body = html(
        '<div class="lab-tile few"><h3>{}</h3><p class="value">–<span></span></p><p class="small">{}</p></div>',
        label, reason,
    )  # fmt: skip
    return Piece(body, f"{label}\n–\n{reason}")
