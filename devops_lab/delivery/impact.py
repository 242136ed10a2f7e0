"""Was a service better or worse after a deployment?  One row of ``impacts`` per successful deployment.

**Windows.** After: from the deployment's finish an hour long, or until another rollout starts.  Before: as long, up to
the rollout's start.  Control: both a week earlier, to the minute (in UTC); where another rollout ran there, other than
one after which no change was seen, or where a deployment's harm still lasted, two weeks earlier, up to four; else
there is none.  Steps that are not wholly inside a window (they straddle the deployment) are dropped.

**Measures.** *errors*: bad events ÷ all.  *latency*: requests slower than one bucket's bound ÷ all, the bound being
the one nearest to the slowest tenth before; buckets are added up, no percentile of percentiles.  The effect is
(after - before) - (control after - control before).

**Test.** ``impact_statistics.difference``, with and without the control, and the larger p of the two: neither the
daily rhythm nor an outage a week ago can accuse a deployment alone.  Two measures: Holm.  p must be below 1 %.

**Verdict.** The decisions a reader would argue with, each a number by name in ``impact_measures``:

* *worse* must be significant, and large with and without the control: half a percentage point of errors more and
  twice the odds; or requests that take 1.3 times as long, two percentage points of them beyond the bound.
  So no amount of traffic makes a trifle "worse".
* *better* is the same the other way round.  Where one measure is worse and the other better, it is worse.
* *no change seen* is said only where a fault of five percentage points of errors, or of doubled latency, lies outside
  the 95 % interval.  Else, and below 100 events or 3 steps before or after, *too little traffic*: nobody can tell.
  A service that gets no requests at all after its deployment is too quiet to judge, too: the note says so.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from devops_lab.delivery.impact_measures import (
    BETTER,
    ERRORS,
    FEWEST_EVENTS,
    FEWEST_STEPS,
    SAME,
    TOO_LITTLE,
    WORSE,
    LatencyScale,
    Measured,
    errors,
    latency,
)
from devops_lab.delivery.impact_statistics import holm
from devops_lab.delivery.impact_steps import Levels, Span, moment
from devops_lab.delivery.impact_windows import CONTROLS, FOREVER, Calendar, Windows, overlaps
from devops_lab.delivery.rollouts import SUCCESS, Row

STEPS_BACK = 3
_SEVERITY = {WORSE: 0, BETTER: 1, TOO_LITTLE: 2, SAME: 3}
_COLUMNS = ("before", "after", "control_before", "control_after")


def impacts(
    service: str, repository: str, deployments: Sequence[Row], levels: Levels, reach: datetime | None = None
) -> list[Row]:
    """Return rows of ``impacts`` for the service's successful deployments with stored steps before or after.

    `reach` is how far the store's levels go (the last step of any service; none: of this one): a window that ends later
    is not over yet, and has no verdict.
    """
    reach = reach or levels.reach
    calendar = Calendar([row for row in deployments if not row.get("excluded")])
    done = [row for row in deployments if row["result"] == SUCCESS and not row.get("excluded") and row["finished_at"]]
    rows: list[Row] = []
    verdicts: dict[str, str] = {}
    harm: list[Span] = []
    for deployment in sorted(done, key=lambda row: (row["finished_at"], row["id"])):
        windows = calendar.windows(deployment)
        if reach is None or not _seen(levels, windows):
            continue
        row = _row(service, repository, deployment, windows)
        rows.append(row)
        if windows.after[1] > reach:
            continue
        weeks = _control(windows, calendar, verdicts, harm, levels)
        measured = [one for one in (errors(levels, windows, weeks), latency(levels, windows, weeks)) if one]
        row |= _context(levels, windows, weeks)
        worst = _judge(row, measured)
        verdicts[deployment["id"]] = row["verdict"]
        if worst is not None and row["verdict"] == WORSE:
            row["back_at"] = _back_at(levels, worst, windows, [one["finished_at"] for one in done])
            harm.append((deployment["finished_at"], row["back_at"] or FOREVER))
        elif row["verdict"] == BETTER:
            _relieve(rows, harm, deployment["finished_at"])
    return rows


def _seen(levels: Levels, windows: Windows) -> bool:
    both = (windows.before, windows.after)
    return any(len(steps.inside(span)) for steps in (levels.events, levels.answers) for span in both)


def _row(service: str, repository: str, deployment: Row, windows: Windows) -> Row:
    return {
        "service": service,
        "repository": repository,
        "deployment_id": deployment["id"],
        "finished_at": deployment["finished_at"],
        "judged_at": windows.after[1],
        "before_start": windows.before[0],
        "before_end": windows.before[1],
        "verdict": None,
        "back_at": None,
        "url": deployment.get("url"),
    }


def _control(
    windows: Windows, calendar: Calendar, verdicts: Mapping[str, str], harm: Sequence[Span], levels: Levels
) -> int | None:
    """Return how many weeks earlier the nearest comparable windows lie; None where there are none."""
    steps = levels.events if len(levels.events.ended) else levels.answers
    for weeks in CONTROLS:
        then = windows.earlier(weeks)
        whole = (then.before[0], then.after[1])
        changed = any(verdicts.get(id) != SAME for _, _, id in calendar.touching(*whole))
        if changed or overlaps(whole, harm):
            continue
        if all(len(steps.inside(span)) >= FEWEST_STEPS for span in (then.before, then.after)):
            return weeks
    return None


def _context(levels: Levels, windows: Windows, weeks: int | None) -> dict[str, Any]:
    """Return what a reader should know besides the measures: the control, how much was asked, what is odd."""
    before, after = (
        max(levels.run(bound, span, busy)[1].events for bound in (None, math.inf))
        for span, busy in ((windows.before, windows.busy), (windows.after, ()))
    )
    notes = [*windows.notes, *([] if weeks else ["no control"])]
    if before >= FEWEST_EVENTS and not after and len(levels.events.inside(windows.after)) >= FEWEST_STEPS:
        notes.append("no requests after it")
    return {
        "control_weeks": weeks,
        "requests_before": before,
        "requests_after": after,
        "verdict": TOO_LITTLE,
        "note": "; ".join(notes) or None,
    }


def _judge(row: Row, measured: Sequence[Measured]) -> Measured | None:
    """Put the verdict and what it rests on into the row; return the measure that decided."""
    adjusted = holm([one.p_value for one in measured])
    for one in measured:
        row |= _columns(one)
    if not measured:
        return None
    said = [(_SEVERITY[one.verdict(p)], p, one.name) for one, p in zip(measured, adjusted, strict=True)]
    place = min(range(len(said)), key=lambda place: said[place])
    one = measured[place]
    row |= {
        "verdict": one.verdict(adjusted[place]),
        "measure": one.name,
        "effect": one.found.effect,
        "low": one.found.low,
        "high": one.found.high,
        "p_value": adjusted[place],
    }
    return one


def _columns(one: Measured) -> dict[str, Any]:
    head = "error" if one.name == ERRORS else "slow"
    counts = (one.before, one.after, *(one.control or ()))
    found = {f"{head}_{name}": count.share for name, count in zip(_COLUMNS, counts, strict=False)}
    found |= {
        f"{head}_effect": one.found.effect,
        f"{head}_low": one.found.low,
        f"{head}_high": one.found.high,
        f"{head}_p_value": one.p_value,
    }
    if isinstance(one.scale, LatencyScale):
        found |= {"latency_bound": one.scale.bound, "slowdown": one.scale.times(one.before.smooth, one.adjusted)}
    return found


def _back_at(levels: Levels, one: Measured, windows: Windows, finishes: Sequence[datetime]) -> datetime | None:
    """Return when three steps in a row together were no longer worse than the baseline; None while they are.

    Where a deployment finished just before them, it is that finish.
    """
    since = windows.after[0]
    began, counts = levels.run(one.bound, (since, FOREVER))
    if len(counts.total) < STEPS_BACK:
        return None
    bad, total = (np.convolve(numbers, np.ones(STEPS_BACK), "valid") for numbers in (counts.bad, counts.total))
    back = np.flatnonzero(bad < one.limit * total)
    if not len(back):
        return None
    place = int(back[0])
    found = moment(int(began[place]))
    earlier = moment(int(began[place - 1])) if place else since
    return max((finish for finish in finishes if earlier < finish <= found), default=found)


def _relieve(rows: Sequence[Row], harm: list[Span], finished: datetime) -> None:
    """End the harm of earlier deployments where a better one took over.

    One after which no change was seen ends nothing: the level it found is the level it left.
    """
    for row in rows:
        if row["verdict"] == WORSE and (row["back_at"] is None or row["back_at"] > finished):
            row["back_at"] = finished
    harm[:] = [(start, min(end, finished)) for start, end in harm]
