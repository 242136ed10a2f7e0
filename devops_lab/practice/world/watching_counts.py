"""Counts: what one service's telemetry counted in each step, in whole numbers, and the counters that follow from it.

A step [t, t + 5 minutes) is told by the scrape at its end.  A process that restarts begins again at 0, right after a
scrape, so nothing is lost; it restarts only where every counter then shows it (a counter that had counted more before
than in the step after), since a reset that nobody can see would make each reader's total wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from devops_lab.practice.world.calendar import Dice
from devops_lab.practice.world.levels import STEP, Floats, Level, rates
from devops_lab.practice.world.levels_trouble import Trouble

CODES = ("200", "404", "500")
BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
LEVELS_OF_LOG = ("info", "warning", "error")
MIDDLES = (30, 74, 160, 350, 700, 1550, 3500)  # milliseconds, about the mean of what falls in each bucket
TAIL = 4.0  # the latency is log-logistic: the share above x is 1 / (1 + (x / median) ** TAIL)
BLIPS_A_YEAR, RESTARTING, PATIENCE = 18, 0.6, 12
IDLE_CORES, FULLEST = 0.04, 0.97
DAYS_TO_LEAK = 30
Counts = NDArray[np.int64]


@dataclass
class Telemetry:
    """What a service counted from `start` on, step by step (n steps).

    `requests` (n, 3) by CODES, `buckets` (n, 7) by the upper bounds BOUNDS and +Inf, each request in one bucket only;
    `latency` and `cpu` (n) in milliseconds; `memory` (n) in bytes at the step's end; `logs` (n, 3) by LEVELS_OF_LOG;
    `restarts` (n): whether the process restarted at the step's beginning; `versions`: (step, version) from which step's
    end on a version ran; `cores` and `limit` (bytes) are what the service may use.
    """

    service: str
    start: datetime
    requests: Counts
    buckets: Counts
    latency: Counts
    cpu: Counts
    memory: Counts
    logs: Counts
    restarts: NDArray[np.bool_]
    cores: int
    limit: int
    versions: list[tuple[int, str]] = field(default_factory=list)
    step: timedelta = STEP

    def place(self, moment: datetime) -> int:
        """Return the number of the step that begins at `moment`; what is outside is the first or one past the last.

        Errors: ValueError where `moment` lies within a step.
        """
        number, rest = divmod(moment - self.start, self.step)
        if rest:
            raise ValueError(f"{moment} is within a step; windows begin and end at multiples of {self.step}")
        return min(max(number, 0), len(self.restarts))

    def total(self, counted: Counts, since: datetime, until: datetime) -> Counts:
        """Return the sum of steps in [`since`, `until`), by column where there are columns."""
        return np.asarray(counted[self.place(since) : self.place(until)].sum(axis=0))

    def counter(self, counted: Counts) -> Counts:
        """Return the counter's values at the n + 1 scrapes: 0 at the start and at each restart."""
        running = np.cumsum(counted)
        before = np.maximum.accumulate(np.where(self.restarts, running - counted, 0))
        return np.concatenate([[0], running - before])


def count(
    service: str,
    level: Level,
    start: datetime,
    steps: int,
    troubles: list[Trouble],
    versions: list[tuple[datetime, str]],
    seeds: tuple[int, ...],
) -> Telemetry:
    """Draw what a service's telemetry counted in `steps` steps; more steps with the same `seeds` only add to it."""

    def dice(part: int) -> Dice:
        return Dice(*seeds, part)

    expected = rates(level, start, steps, dice(0))
    errors, slow = _worse(level, start, steps, troubles, dice(1))
    asked = dice(2).generator.poisson(expected * STEP.total_seconds())
    failed = dice(3).generator.binomial(asked, errors)
    missing = dice(4).generator.binomial(asked - failed, level.not_found)
    buckets = _buckets(level, slow, asked, dice(5))
    logs = np.column_stack(
        [
            asked // 4,
            dice(6).generator.poisson(missing * 0.2 + 0.05),
            failed + dice(7).generator.poisson(0.03, steps),
        ]
    )
    used = (asked * level.cpu_seconds * (1 + 0.15 * (slow - 1).clip(0, 4)) + IDLE_CORES * STEP.total_seconds()) * 1000
    drift = _drift(versions, start, steps, dice(8))
    most = level.cores * STEP.total_seconds() * 1000 * FULLEST
    noise = np.exp(0.05 * dice(9).generator.standard_normal(steps))
    made = Telemetry(
        service,
        start,
        np.column_stack([asked - failed - missing, missing, failed]),
        buckets,
        buckets @ np.array(MIDDLES),
        np.minimum(used * drift * noise, most).round().astype(np.int64),
        np.zeros(steps, np.int64),
        logs,
        np.zeros(steps, bool),
        level.cores,
        level.memory,
        _running(versions, start, steps),
    )
    _restart(made, [at for trouble in troubles for at in trouble.crashes], versions, dice(10))
    made.memory = _memory(made, drift, dice(11))
    return made


def _spans(start: datetime, steps: int, begin: datetime, end: datetime | None) -> tuple[slice, Floats]:
    """Return the steps that [begin, end) touches, and which share of each."""
    first = max((begin - start) / STEP, 0.0)
    last = min((end - start) / STEP, float(steps)) if end is not None else float(steps)
    if last <= first:
        return slice(0, 0), np.zeros(0)
    touched = np.arange(int(first), int(np.ceil(last)))
    share = np.minimum(touched + 1, last) - np.maximum(touched, first)
    return slice(int(first), int(np.ceil(last))), share


def _worse(level: Level, start: datetime, steps: int, troubles: list[Trouble], dice: Dice) -> tuple[Floats, Floats]:
    """Return the expected share of failed answers and the factor of the latency in each step."""
    errors, slow = np.full(steps, level.errors), np.ones(steps)
    blips = dice.generator.random((steps, 2))
    year = timedelta(days=365) / STEP
    errors += np.where(blips[:, 0] < BLIPS_A_YEAR / year, 0.07 + 0.1 * blips[:, 1], 0)
    for trouble in troubles:
        where, share = _spans(start, steps, trouble.start, trouble.end)
        errors[where] = 1 - (1 - errors[where]) * (1 - trouble.errors * share)
        slow[where] *= 1 + (trouble.slow - 1) * share
    return errors, slow


def _buckets(level: Level, slow: Floats, asked: Counts, dice: Dice) -> Counts:
    """Let each request fall into one of the seven buckets."""
    parts, left, before = [], asked.copy(), np.zeros(len(asked))
    places = [Dice(dice.integer(0, 2**31), number) for number in range(len(BOUNDS))]
    for bound, own in zip(BOUNDS, places, strict=True):
        below = 1 / (1 + (level.seconds * slow / bound) ** TAIL)
        share = ((below - before) / (1 - before)).clip(0, 1)
        parts.append(own.generator.binomial(left, share))
        left = left - parts[-1]
        before = below
    return np.column_stack([*parts, left])


def _drift(versions: list[tuple[datetime, str]], start: datetime, steps: int, dice: Dice) -> Floats:
    """Return what each version needs beside the first: it creeps up, and is brought down now and then."""
    factor, found = 1.0, np.ones(steps)
    for at, _ in versions:
        factor *= 0.85 if factor > 1.35 else float(np.exp(dice.normal(0.006, 0.025)))
        found[_step(at, start, steps) :] = factor
    return found


def _step(moment: datetime, start: datetime, steps: int) -> int:
    """Return the first step that begins at or after `moment`."""
    return min(max(-((start - moment) // STEP), 0), steps)


def _running(versions: list[tuple[datetime, str]], start: datetime, steps: int) -> list[tuple[int, str]]:
    """Return from which scrape on each version is seen; of two between the same scrapes only the later one."""
    seen = {_step(at, start, steps + 1): version for at, version in versions}
    return sorted((number, version) for number, version in seen.items() if number <= steps)


def _restart(made: Telemetry, crashes: list[datetime], versions: list[tuple[datetime, str]], dice: Dice) -> None:
    """Restart the process at crashes and at most rollouts, at the next scrape after which each counter shows it."""
    steps = len(made.restarts)
    wanted = crashes + [at for at, _ in versions if dice.chance(RESTARTING)]
    counted = np.column_stack([made.requests, np.cumsum(made.buckets, axis=1), made.latency, made.cpu, made.logs])
    running = np.vstack([np.zeros((1, counted.shape[1]), np.int64), np.cumsum(counted, axis=0)])
    latest = 0
    for first in sorted(_step(at, made.start, steps) for at in wanted):
        for number in range(max(first, latest + 1), min(first + PATIENCE, steps)):
            before = running[number] - running[latest]
            if np.all((before == 0) | (counted[number] < before)):
                made.restarts[number] = True
                latest = number
                break


def _memory(made: Telemetry, drift: Floats, dice: Dice) -> Counts:
    """Return the memory in use: what the version needs, what has leaked since the restart, and noise."""
    steps = np.arange(len(made.restarts))
    age = steps - np.maximum.accumulate(np.where(made.restarts, steps, 0))
    leaked = 0.25 * np.minimum(age / (timedelta(days=DAYS_TO_LEAK) / STEP), 1.5)
    noise = 0.01 * dice.generator.standard_normal(len(steps))
    share = (0.42 * drift + leaked + noise).clip(0.05, FULLEST)
    return (share * made.limit).astype(np.int64)
