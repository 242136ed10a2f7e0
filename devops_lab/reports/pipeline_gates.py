"""What a pipeline run's page shows of its gate: the levels before and after, how it was judged, the way back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from devops_lab import words
from devops_lab.charts import gates
from devops_lab.delivery.impact_measures import LATENCY
from devops_lab.delivery.impact_steps import moment
from devops_lab.reports import pipeline_words
from devops_lab.reports.page import Piece, html, link, paragraph, shortened
from devops_lab.reports.pipeline_gate import FAILED, LITTLE, PASSED, UNKNOWN
from devops_lab.reports.pipeline_pieces import listed, zone

if TYPE_CHECKING:
    from devops_lab.reports.pipeline import Pipeline

DRAWN_BEFORE, LEAST_DRAWN = 2, 6  # times what was seen after, or at least so many steps


def going(run: Pipeline) -> Piece:
    """Return one line on a gate that goes on."""
    gate = run.gate
    judged = pipeline_words.judged(gate.judgement) or "nothing to judge yet"
    if gate.outcome:
        return paragraph(f"The gate: {gate.outcome}{' before its time was up' if gate.early else ''}.", "")
    left = (gate.until - gate.after[1]).total_seconds() if gate.until and gate.after else 0.0
    trouble = f"; Prometheus does not answer: {shortened(gate.trouble)}" if gate.trouble else ""
    return paragraph(f"The gate watches for another {words.hours(max(left, 0) / 3600)}: {judged}{trouble}.", "")


def figure(run: Pipeline) -> Any:
    """Draw what the gate saw; where there was none, say why."""
    seen = run.gate
    if not run.asked.gate:
        return paragraph("There was no gate: gate_minutes was not given.", "")
    if not run.succeeded:
        return paragraph("The gate did not begin: the pipeline did not succeed.", "")
    if seen.before is None or seen.after is None or seen.rollout is None:
        return paragraph(f"The gate could not judge: {seen.trouble}.", "")
    said = seen.judgement
    bound = said.bound if said.measure == LATENCY else None
    title = pipeline_words.judged(said) or seen.trouble or "Too little traffic to judge by"
    what = "requests that failed" if bound is None else f"requests that took longer than {words.hours(bound / 3600)}"
    step = run.watched.step if run.watched is not None else 0
    subtitle = f"Share of {what}, in steps of {step} s; grey: before, the shaded band: while it was rolled out"
    rows = _steps_seen(run, bound)
    return gates.gate_levels(
        rows, (seen.rollout.started_at, seen.rollout.finished_at), title[:1].upper() + title[1:], subtitle,
        limit=None if np.isnan(said.limit) else said.limit, failed=said.failed, timezone=zone(run),
    )  # fmt: skip


def reasons(run: Pipeline) -> Piece:
    """Return how the gate came to its answer: the spans, the requests in them, the interval, the odd things."""
    seen, said = run.gate, run.gate.judgement
    if seen.before is None or seen.after is None or seen.rollout is None:
        return paragraph("")
    rows = [
        ("The answer", f"{seen.outcome}{', before its time was up' if seen.early else ''}"),
        ("Before", f"{_span(seen.before, run)}, {words.plural(round(said.asked_before), 'request')}"),
        ("After", f"{_span(seen.after, run)}, {words.plural(round(said.asked_after), 'request')}"),
        ("Deployed, by", seen.rollout.seen_by),
    ]
    if not np.isnan(said.low):
        points = f"{words.number(100 * said.low)} to {words.number(100 * said.high)} points"
        rows.append(("The difference, 95 %", points))
        rows.append(("Chance alone", f"would make as large a difference in {_chance(said.p_value)} of such cases"))
    if run.asked.version_query and run.watched is not None:
        rows.append(("Versions before", ", ".join(sorted(run.watched.versions_before)) or "none"))
    rows += [("Note", note) for note in said.notes]
    rows += [("Trouble", seen.trouble)] if seen.trouble else []
    return listed([(what, text, None) for what, text in rows])


def rolled_back(run: Pipeline) -> Piece:
    """Return what was rolled back, or why nothing was."""
    rolled, gate_ = run.rolled, run.gate.outcome
    if rolled is None:
        why = "the gate passed" if gate_ == PASSED else "nothing was judged"
        if gate_ in (FAILED, LITTLE):
            why = "rollback = true was not given" if not run.asked.rollback else "too little traffic counts as passed"
        elif gate_ == UNKNOWN:
            why = "nothing is known against the new version"
        return paragraph(f"Nothing was rolled back: {why}.", "")
    page = link("its run", rolled.page) if rolled.page else ""
    if rolled.done:
        text = f"{run.environment} is back on {rolled.sha[:9]}, which was good before."
        return Piece(html("<p>{} {}</p>", text, page), text)
    text = f"THE ROLLBACK FAILED: {rolled.why}. The version that did not pass is still live in {run.environment}."
    return Piece(html('<p class="lead"><strong>{}</strong> {}</p>', text, page), text)


def _steps_seen(run: Pipeline, bound: float | None) -> pd.DataFrame:
    seen = run.gate
    assert seen.before is not None and seen.after is not None
    length = run.watched.step * 1_000_000 if run.watched is not None else 0
    drawn = DRAWN_BEFORE * max(seen.after[1] - seen.after[0], LEAST_DRAWN * timedelta(microseconds=length))
    since = max(seen.before[0], seen.before[1] - drawn)
    spans: Sequence[tuple[str, tuple[datetime, datetime]]] = (
        (gates.BEFORE, (since, seen.before[1])), ("rollout", (seen.before[1], seen.after[0])), (gates.AFTER, seen.after)
    )  # fmt: skip
    rows = [
        {"ended_at": moment(int(began) + length), "share": bad / total, "requests": total, "part": part}
        for part, span in spans
        for began, bad, total in _counted(run, bound, span)
    ]
    return pd.DataFrame(rows, columns=["ended_at", "share", "requests", "part"])


def _counted(run: Pipeline, bound: float | None, span: tuple[datetime, datetime]) -> list[tuple[int, float, float]]:
    began, count = run.gate.levels.run(bound, span)
    return [
        (int(at), float(bad), float(total)) for at, bad, total in zip(began, count.bad, count.total, strict=True)
    ]  # fmt: skip


def _span(span: tuple[datetime, datetime], run: Pipeline) -> str:
    first, last = (words.local(instant, zone(run)) for instant in span)
    return f"{first:%Y-%m-%d %H:%M:%S} to {last:%H:%M:%S}"


def _chance(p_value: float) -> str:
    return f"under 0.1{words.SPACE}%" if p_value < 0.001 else words.share(p_value)
