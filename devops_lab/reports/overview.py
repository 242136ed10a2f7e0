"""The whole loop on one page: what happened in a few sentences, a row per phase, what to look at next.

The numbers are those of the phases' own pages, asked once (``Question.answer``); each phase leads to its page.  A
number that cannot be said is named with its reason, so a store with nothing but git's facts has a page too.
"""

from __future__ import annotations

import importlib
import shlex
from itertools import islice
from typing import Any

from markupsafe import Markup

from devops_lab import metrics, words
from devops_lab.charts.loop_names import waiting
from devops_lab.delivery import loop
from devops_lab.errors import LabError
from devops_lab.reports import overview_changes, phases, watched
from devops_lab.reports.lookup import stem
from devops_lab.reports.loop import header
from devops_lab.reports.overview_changes import tell
from devops_lab.reports.page import Piece, html, joined, link, paragraph, shortened
from devops_lab.reports.phases import Step
from devops_lab.reports.question import Question

PAGES = {
    "plan": "10_plan", "code": "11_code", "build": "12_build", "test": "13_test", "release": "14_release",
    "deploy": "15_deploy", "operate": "16_operate", "monitor": "17_monitor",
}  # fmt: skip
SHOWN = {  # the numbers of a phase's row; where one is missing, the next of the phase's own takes its place
    "plan": ("issue_cycle_time", "work_in_progress", "backlog_growth"),
    "code": ("pull_request_cycle_time", "pickup_time", "review_coverage"),
    "build": ("build_duration", "build_success_rate", "time_to_green"),
    "test": ("test_pass_rate", "flaky_rate", "test_duration"),
    "release": ("release_lead_time", "release_frequency", "time_since_release"),
    "deploy": ("deployment_frequency", "time_to_deploy", "change_fail_rate"),
    "operate": ("saturation", "restart_rate", "vulnerability_age"),
    "monitor": ("slo_attainment", "error_budget_remaining", "incident_count"),
}
MOST = 3  # numbers in a row
MOST_STEPS = 5
LEAST = 0.01  # of the changes' time
URGENT = ("monitor", "operate", "deploy", "release", "test", "build", "code", "plan")  # what users feel comes first
SECURITY = "security_alerts"
_SEEN = ("service_levels", "latency_buckets", "alerts", "resource_usage", "restarts", "log_errors")  # by Prometheus
_ROW = "display: flex; flex-wrap: wrap; gap: 8px 32px; padding: 16px 0; border-top: 1px solid var(--rule, #d5d9df)"
_NAME = "flex: 1 1 130px; min-width: 0"
_NUMBERS = (
    "flex: 999 1 520px; min-width: 0; display: grid; gap: 16px 28px; "
    "grid-template-columns: repeat(auto-fit, minmax(140px, 1fr))"
)
_NUMBER = "border-top: 0; padding-top: 0"
_LABEL = "min-height: 0; font-size: 14px"
_VALUE = "font-size: 24px; margin: 2px 0 4px"


def top(asked: Question) -> Piece:
    """Return the page's title, its window and the instant it speaks for."""
    return header(asked, asked.t("The loop at a glance"))


def happened(asked: Question, found: loop.Summary) -> Piece:
    """Return what happened in two or three sentences: what arrived, where it waited, what has changed."""
    t = asked.t
    first = _arrived(asked, found)
    rest = " ".join(part for part in (_waited(asked, found), overview_changes.sentence(asked)) if part)
    body = html('<div class="lab-headline"><p class="headline">{}</p><p>{}</p></div>', first, rest)
    return Piece(body, f"{first}\n{rest}") if rest else paragraph(first or t("Nothing happened in this window."))


def _arrived(asked: Question, found: loop.Summary) -> str:
    t = asked.t
    if not found.changes:
        return t("Nothing is known to have reached production in this window.")
    changes = t.many("{count} change", "{count} changes", found.changes)
    if found.median is None or found.changes < words.TOO_FEW:
        return t("{changes} reached production.", changes=changes)
    return t(
        "{changes} reached production; half of them took up to {hours} all the way.",
        changes=changes,
        hours=t.hours(found.median),
    )


def _waited(asked: Question, found: loop.Summary) -> str:
    """Return the bottleneck with its share of all the changes' time."""
    worst, t = found.bottleneck, asked.t
    if worst is None:
        return ""
    return t(
        "They waited longest {stage}: {share} of all their time, and {median} for half of those that had to.",
        stage=waiting(str(worst["stage"]), t),
        share=t.value(worst["share"], "share"),
        median=t.hours(worst["median"]),
    )


def rows(asked: Question, found: loop.Summary) -> Piece:
    """Return a row per phase: its page, its share of the changes' time, two or three numbers, and what is missing."""
    parts = [_row(asked, phase, found) for phase in SHOWN]
    said = asked.t(
        "A phase's name leads to its own page beside this one. Where there is none yet, this writes it: {command}",
        command=command(asked, "plan"),
    )
    note = html('<p class="note">{}</p>', said)
    return Piece(joined([*(part.html for part in parts), note]), "\n\n".join([*(part.text for part in parts), said]))


def page_of(asked: Question, phase: str) -> str:
    """Return the file name of a phase's page beside this one, as ``devops_lab.reports.report`` names it."""
    return f"{stem(PAGES[phase], asked.words)}.html"


def command(asked: Question, phase: str) -> str:
    """Return the command that writes a phase's page of the same service, team and language."""
    given: dict[str, str] = {key: asked.words[key] for key in ("service", "team") if key in asked.words}
    if asked.t.code != "en":
        given["language"] = asked.t.code
    return " ".join(
        ["devops-lab report", PAGES[phase], *(f"-p {shlex.quote(f'{key}={value}')}" for key, value in given.items())]
    )


def shown(asked: Question, phase: str) -> list[dict[str, Any]]:
    """Return the rows of a phase's two or three numbers; fewer where fewer have a value."""
    names = dict.fromkeys((*SHOWN[phase], *phases.phase_of(phase).metrics))
    found = []
    for name in names:
        row = overview_changes.answer(asked, name)
        if row is not None:
            found.append(row)
        if len(found) == MOST:
            break
    return found


def gaps(asked: Question, phase: str) -> dict[str, list[str]]:
    """Return reason → metrics of the phase's row that have no number for it."""
    found: dict[str, list[str]] = {}
    for name in SHOWN[phase]:
        if name in phases.known() and overview_changes.answer(asked, name) is None:
            found.setdefault(why(asked, name), []).append(name)
    return found


def why(asked: Question, metric: str) -> str:
    """Return why a metric has no number, shortly: nobody watches, not asked for, refused, nothing there."""
    t, tables = asked.t, set(metrics.find(metric).tables)
    if SECURITY in tables and not watched.asked_for(asked, SECURITY):
        return t("GitHub was not asked for security alerts")
    seen = [name for name in _SEEN if name in tables]
    if seen and not any(watched.asked_for(asked, name) for name in seen):
        return t("Prometheus was not asked for it") if watched.has_server(asked) else t("lab.toml names no Prometheus")
    return phases.why_missing(asked, metric)


def _row(asked: Question, phase: str, found: loop.Summary) -> Piece:
    t = asked.t
    name, spent = t(phases.phase_of(phase).title), _spent(asked, phase, found)
    known, missing = shown(asked, phase), gaps(asked, phase)
    lines = [
        t("No number for {metrics}: {reason}.", metrics=_named(asked, names), reason=reason)
        for reason, names in missing.items()
    ]
    notes = joined(html('<p class="note" style="grid-column: 1 / -1; margin: 0">{}</p>', line) for line in lines)
    numbers = joined(_number(asked, row) for row in known)
    body = html(
        '<div style="{}"><div style="{}"><h3><a href="{}">{}</a></h3><p class="note" style="margin: 2px 0 0">{}</p>'
        '</div><div style="{}">{}{}</div></div>',
        _ROW, _NAME, page_of(asked, phase), name, spent, _NUMBERS, numbers, notes,
    )  # fmt: skip
    text = [f"{name} {spent}".strip(), *(f"  {tell(asked, row)}" for row in known), *(f"  {line}" for line in lines)]
    return Piece(body, "\n".join(text))


def _named(asked: Question, names: list[str]) -> str:
    return ", ".join(asked.t.label(name).lower() for name in names)


def _spent(asked: Question, phase: str, found: loop.Summary) -> str:
    """Return the phase's share of all the changes' time, as far as the changes' stages lie in it."""
    part = found.stages[found.stages["phase"] == phase]
    if part.empty or not found.stages["total"].sum():
        return ""
    share = float(part["share"].sum())
    if share < LEAST:
        return asked.t("under {share} of the changes' time", share=asked.t.value(LEAST, "share"))
    return asked.t("{share} of the changes' time", share=asked.t.value(share, "share"))


def _number(asked: Question, row: dict[str, Any]) -> Markup:
    t = asked.t
    way, change = overview_changes.turned(asked, row)
    return html(
        '<div class="lab-tile{}" style="{}"><h3 style="{}">{}</h3><p class="value" style="{}">{}</p>'
        '<p class="change {}" style="margin-bottom: 2px">{}</p><p class="small">{}</p></div>',
        " few" if row["too_few"] else "", _NUMBER, _LABEL, overview_changes.name(asked, row), _VALUE,
        t.number(words.answer(row)), way, change, overview_changes.evidence(asked, row),
    )  # fmt: skip


def next_steps(asked: Question, found: loop.Summary) -> Piece:
    """Return the most urgent step of each phase: the bottleneck's phase first, then what users feel first."""
    t = asked.t
    every = ((phase, _most_urgent(asked, phase)) for phase in _order(found))  # asked only as far as it is read
    steps = list(islice(((phase, step) for phase, step in every if step is not None), MOST_STEPS))
    if not steps:
        return paragraph(t("Nothing stands out in this window. A longer one may show more."), "")
    named = [(t(phases.phase_of(phase).title), phase, step) for phase, step in steps]
    items = [
        html(
            '<li style="margin-bottom: 8px"><a href="{}">{}</a>: {}{}</li>',
            page_of(asked, phase), name, step.sentence, html(" {}", link(step.link, step.url)) if step.link else "",
        )
        for name, phase, step in named
    ]  # fmt: skip
    text = "\n".join(f"- {name}: {step.sentence} {step.link}".rstrip() for name, _, step in named)
    return Piece(html('<ul class="lab-steps" style="max-width: 80ch">{}</ul>', joined(items)), text)


def _order(found: loop.Summary) -> list[str]:
    first = [] if found.bottleneck is None else [str(found.bottleneck["phase"])]
    return list(dict.fromkeys([*first, *URGENT]))


def _most_urgent(asked: Question, phase: str) -> Step | None:
    """Return a phase's first step, or the number that became worst; None where nothing can be said."""
    try:
        own: list[Step] = importlib.import_module(f"devops_lab.reports.phase_{phase}").steps(asked)
    except LabError as problem:
        return Step(asked.t("This could not be looked at: {reason}", reason=shortened(problem)))
    return next(iter(own + phases.worsened(asked, phase)), None)
