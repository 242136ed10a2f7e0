"""The top of a pipeline run's page: the answer in one sentence, and a tile for each question."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devops_lab import words
from devops_lab.reports import pipeline_runs, pipeline_words
from devops_lab.reports.page import Piece, html, joined, link
from devops_lab.reports.pipeline_gate import FAILED, LITTLE, PASSED
from devops_lab.reports.pipeline_pieces import NONE, zone

if TYPE_CHECKING:
    from devops_lab.reports.pipeline import Pipeline

WAYS = {"slower": "worse", "faster": "better", "usual": "same", "few": "same"}


def board(run: Pipeline) -> Piece:
    """Return the answer: what was started, how it went, and a tile for each question."""
    said, asked = run.said(), run.asked
    title = asked.service.name if asked.service is not None else asked.repository
    title = f"{title}: {asked.workflow.rpartition('/')[2]}"
    parts = ["Pipeline run", f"on {asked.ref}"]
    if run.facts.run:
        parts.append(f"started {words.moment(run.facts.run['created_at'], zone(run))} {zone(run)}")
    line = joined((html("<span>{}</span>", part) for part in parts), " · ")
    page = html(" {}", link("The run on GitHub", run.run.page)) if run.run is not None else ""
    more = html("<p>{}{}</p>", said.more, page)
    tiles = [_result(run), _gate_tile(run), _rollback(run), _tests(run), _duration(run)]
    body = html(
        '<header class="lab-heading"><h1>{}</h1><p>{}</p></header>'
        '<div class="lab-headline" style="margin-top: 20px"><p class="headline">{}.</p>{}</div>'
        '<div class="lab-tiles">{}</div>',
        title, line, said.headline, more, joined(one.html for one in tiles),
    )  # fmt: skip
    text = "\n".join([title, " · ".join(parts), "", f"{said.headline}.", said.more, *(one.text for one in tiles)])
    return Piece(body, text)


def _tile(label: str, value: str, unit: str = "", change: str = "", way: str = "same", *small: str) -> Piece:
    few = " few" if value == NONE else ""
    body = html(
        '<div class="lab-tile{}"><h3>{}</h3><p class="value">{}<span> {}</span></p><p class="change {}">{}</p>{}</div>',
        few, label, value, unit, way, change,
        joined(html('<p class="small">{}</p>', line) for line in small if line),
    )  # fmt: skip
    return Piece(body, f"{label}: {value} {unit} {change} {' '.join(small)}".rstrip())


def _result(run: Pipeline) -> Piece:
    progress = run.progress
    if not progress.over:
        return _tile("Pipeline", NONE, "", progress.status.replace("_", " ") if run.run else "not started")
    good = progress.conclusion in pipeline_words.DONE
    failed = sum(job.conclusion in ("failure", "timed_out") for job in progress.jobs)
    said = "every job succeeded" if good else f"{words.plural(failed, 'job')} failed"
    return _tile("Pipeline", "success" if good else str(progress.conclusion), "", said, "better" if good else "worse")


def _gate_tile(run: Pipeline) -> Piece:
    outcome, said = run.gate.outcome, run.gate.judgement
    if not run.asked.gate:
        return _tile("Gate", NONE, "", "none was asked for")
    if not outcome:
        return _tile("Gate", NONE, "", "not begun" if run.gate.after is None else "watching")
    value = {PASSED: "passed", FAILED: "failed"}.get(outcome, "unsure")
    way = {PASSED: "better", LITTLE: "same"}.get(outcome, "worse")
    change = {FAILED: "the service is worse", PASSED: "no grave fault seen"}.get(outcome, outcome)
    errors = f"{words.share(said.after)} since, {words.share(said.before)} before" if said.against else ""
    return _tile("Gate", value, "", change, way, errors, f"{words.plural(round(said.asked_after), 'request')} since")


def _rollback(run: Pipeline) -> Piece:
    if run.rolled is None:
        return _tile("Rollback", NONE, "", "none" if run.asked.rollback or not run.asked.gate else "not asked for")
    if run.rolled.done:
        return _tile("Rollback", "done", "", f"back on {run.rolled.sha[:9]}", "same")
    return _tile("Rollback", "FAILED", "", "act now", "worse")


def _tests(run: Pipeline) -> Piece:
    found = run.tests
    if not found.cases:
        return _tile("Tests", NONE, "", "no results" if run.facts.run else "")
    failed = found.count("failed", "error")
    said = f"{failed} failed" if failed else "none failed"
    return _tile("Tests", words.whole(found.count("passed")), "passed", said, "worse" if failed else "better")


def _duration(run: Pipeline) -> Piece:
    minutes = run.facts.minutes
    if minutes is None:
        return _tile("Duration", NONE)
    amount, _, unit = words.hours(minutes / 60).partition(words.SPACE)
    took = pipeline_runs.usual(minutes, run.past.minutes)
    said = {"slower": "slower than usual", "faster": "faster than usual", "usual": "as usual"}
    few = f"from {words.plural(took.n, 'run')} before"
    return _tile(
        "Duration", amount, unit, said.get(took.way, "too few to compare"), WAYS[took.way],
        f"half take up to {words.hours(took.half / 60)}" if took.half is not None else "", few,
    )  # fmt: skip
