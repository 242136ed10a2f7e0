"""Is a service well after a deployment that has just been made?  Judged while it goes on: yes, no, or nobody can tell.

The measures, the test and what is "large" are those of ``delivery.impact``, so that a gate and the verdict that the
next sync stores speak of the same thing.  What a gate does otherwise:

* **Early.** A gate looks many times, and chance would fail one of many looks.  Before its end it fails only at
  p < 0.1 %, at its end at p < 1 % (Haybittle and Peto).  It never passes early.
* **No baseline.** Where too little was asked before, errors are held against the objective instead: worse is a share
  that is large against what the objective allows, and outside its 99 % interval (exact, Clopper and Pearson; stretched
  by how far the steps vary).  Latency has no objective here, and is then not judged.
* **Silence.** A service that was asked enough before and then hardly is, though Prometheus answered all the time, is
  worse: it may be down, and what is down counts no errors.
* **Too little traffic** is said where a grave fault cannot be ruled out, or less than half of the gate was seen.
  Where hardly any request reaches the histogram's smallest bound, nobody can tell a doubled latency; it is enough
  then that at most five percentage points more requests exceed the bound.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from devops_lab.delivery.impact_measures import (
    BETTER,
    ERRORS,
    FEWEST_EVENTS,
    FEWEST_STEPS,
    GRAVE_ERRORS,
    LATENCY,
    MORE_ERRORS,
    MORE_ODDS,
    SAME,
    SIGNIFICANT,
    TOO_LITTLE,
    WORSE,
    ErrorScale,
    LatencyScale,
    Measured,
    errors,
    latency,
)
from devops_lab.delivery.impact_statistics import Count, holm, spread
from devops_lab.delivery.impact_steps import Levels, Span, Steps
from devops_lab.delivery.impact_windows import Windows

EARLY = 0.001
TRAFFIC = "traffic"
SILENT = 0.05  # of the requests that were to be expected
SEEN = 0.5  # of the gate's time that must be known
_SEVERITY = {WORSE: 0, TOO_LITTLE: 1, BETTER: 2, SAME: 3}


@dataclass(frozen=True)
class Judgement:
    """What a gate says of the time seen so far.

    `verdict` is one of worse, no change seen, better, too little traffic; `measure` (errors, latency or traffic) is the
    one that decided.  `before` is the baseline's share of bad events, or what the objective allows where `against` is
    "objective"; `after` the share since the deployment; `low` and `high` are the 95 % interval of the difference.
    `asked_before` and `asked_after` are numbers of events; `limit` is the share from which on it would be worse.
    """

    verdict: str = TOO_LITTLE
    measure: str = ""
    against: str = ""
    before: float = math.nan
    after: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p_value: float = math.nan
    limit: float = math.nan
    bound: float | None = None
    slowdown: float | None = None
    asked_before: float = 0.0
    asked_after: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the service is worse."""
        return self.verdict == WORSE

    @property
    def passed(self) -> bool:
        """Whether a grave fault is ruled out."""
        return self.verdict in (SAME, BETTER)


def levels_of(events: pa.Table | None, buckets: pa.Table | None) -> Levels:
    """Return levels from tables like ``service_levels`` and ``latency_buckets``, as Prometheus' answers are read."""
    found = Levels()
    if events is not None and events.num_rows:
        good, total = (events[name].to_numpy().astype(np.float64) for name in ("good", "total"))
        found = replace(found, events=_steps(events), bad=total - good, total=total)
    if buckets is None or not buckets.num_rows:
        return found
    every = _steps(buckets)
    ended, first, place = np.unique(every.ended, return_index=True, return_inverse=True)
    bounds, column = np.unique(buckets["le"].to_numpy().astype(np.float64), return_inverse=True)
    requests = np.full((len(ended), len(bounds)), math.nan)
    requests[place, column] = buckets["requests"].to_numpy()
    return replace(found, answers=Steps(every.began[first], ended), bounds=bounds, requests=requests)


def _steps(rows: pa.Table) -> Steps:
    began, ended = (rows[name].to_numpy().astype("datetime64[us]").astype(np.int64) for name in _ENDS)
    order = np.argsort(ended, kind="stable")
    if (order != np.arange(len(order))).any():
        raise ValueError("steps must come in order of time")
    return Steps(began, ended)


_ENDS = ("started_at", "ended_at")


def judge(
    levels: Levels, before: Span, after: Span, *, objective: float | None = None, over: bool, whole: bool = True
) -> Judgement:
    """Judge the time `after` against the time `before`.

    `over` says that the gate's time is up; `whole` that Prometheus answered all the time, so that silence means
    something.  One head case: 1 of 1,000 failed before and 300 of 1,000 after is worse at any moment.
    """
    windows = Windows(after, before)
    asked = _asked(levels, before), _asked(levels, after)
    notes: list[str] = []
    found = [one for one in (errors(levels, windows, None), latency(levels, windows, None)) if one]
    said = _compared(found, SIGNIFICANT if over else EARLY)
    if len(levels.events.ended) and not any(one.measure == ERRORS for one in said):
        own = _against_objective(levels.errors(after), objective, SIGNIFICANT if over else EARLY)
        said.append(own)
        notes += ["too few requests before it: held against the objective"] if own.against else []
    if len(levels.answers.ended) and not any(one.measure == LATENCY for one in said):
        notes.append("latency could not be judged")
    worst = min(said, key=lambda one: _SEVERITY[one.verdict], default=Judgement())
    silent = over and whole and _silent(asked, before, after)
    if silent and not worst.failed:
        worst = Judgement(WORSE, TRAFFIC)
    elif over and not worst.failed and _seen(levels, after) < SEEN:
        worst = replace(worst, verdict=TOO_LITTLE)
        notes.append("less than half of the gate's time is known to Prometheus")
    return replace(worst, asked_before=asked[0], asked_after=asked[1], notes=(*worst.notes, *notes))


def _compared(found: Sequence[Measured], enough: float) -> list[Judgement]:
    """Return what each measure says against the baseline; `enough` is the p below which it is no chance."""
    adjusted = holm([one.p_value for one in found])
    said = []
    for one, p_value in zip(found, adjusted, strict=True):
        share, verdict = one.before.share, one.verdict(min(p_value * SIGNIFICANT / enough, 1.0))
        if one.name == LATENCY and verdict == TOO_LITTLE and one.plain.high < GRAVE_ERRORS:
            verdict = SAME
        said.append(
            Judgement(
                verdict,
                one.name,
                "baseline",
                share,
                one.after.share,
                one.plain.low,
                one.plain.high,
                p_value,
                one.limit,
                one.bound,
                one.scale.times(one.before.smooth, one.after.smooth) if isinstance(one.scale, LatencyScale) else None,
            )
        )
    return said


def _against_objective(after: Count, objective: float | None, enough: float) -> Judgement:
    """Judge errors against what the objective allows; too little traffic without objective or enough events."""
    if objective is None or after.events < FEWEST_EVENTS or len(after.total) < FEWEST_STEPS:
        return Judgement(measure=ERRORS)
    from scipy import special  # slow to load

    allowed, scale = 1 - objective, ErrorScale()
    stretch, _ = spread([after])
    total = after.events / stretch
    bad = min(float(after.bad.sum()) / stretch, total)
    p_value = float(special.betainc(bad, total - bad + 1, allowed)) if bad > 0 else 1.0
    low = float(special.betaincinv(bad, total - bad + 1, 0.025)) if bad > 0 else 0.0
    high = float(special.betaincinv(bad + 1, total - bad, 0.975)) if bad < total else 1.0
    if p_value < enough and scale.large(allowed, after.share):
        verdict = WORSE
    else:
        verdict = TOO_LITTLE if scale.grave(allowed, high) else SAME
    limit = max(allowed + MORE_ERRORS, MORE_ODDS * allowed / (1 + (MORE_ODDS - 1) * allowed))
    return Judgement(verdict, ERRORS, "objective", allowed, after.share, low - allowed, high - allowed, p_value, limit)


def _asked(levels: Levels, span: Span) -> float:
    return max(levels.run(bound, span)[1].events for bound in (None, math.inf))


def _silent(asked: tuple[float, float], before: Span, after: Span) -> bool:
    """Say whether hardly anything is asked where a hundred requests and more were to be expected."""
    length = (before[1] - before[0]).total_seconds()
    expected = asked[0] * (after[1] - after[0]).total_seconds() / length if length > 0 else 0.0
    return expected >= FEWEST_EVENTS and asked[1] < SILENT * expected


def _seen(levels: Levels, span: Span) -> float:
    """Return the share of a span's time of which anything is known."""
    length = (span[1] - span[0]).total_seconds() * 1_000_000
    known = max(
        float((steps.ended[found] - steps.began[found]).sum()) if len(found := steps.inside(span)) else 0.0
        for steps in (levels.events, levels.answers)
    )
    return known / length if length > 0 else 0.0
