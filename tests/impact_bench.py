"""Does deployment impact find faults, and does it cry wolf?  ``python tests/impact_bench.py [--seeds 1] [--step 300]``.

Each seed makes 60 services of 8 weeks and drops faults into a quarter of their planned deployments.  A fault lasts
until a further deployment takes it away, which is a good one.  Nothing is shared with what the practice world is of.

===========  =========================================================================================================
traffic      1 to 50 requests a second on average (log-uniform); a fifth of the services 0.02 to 0.9; a day's swing of
             75 %, weekends, growth, gamma noise with memory, and bursts (three times the traffic for up to 40 minutes,
             with more errors and slower answers)
errors       0.02 to 1 %, drifting, with memory, beta-binomial in each step; blips of one step at 8 to 17 %
latency      log-logistic or log-normal, median 20 to 400 ms, slower under load, drifting; Prometheus' usual buckets
deployments  every two days, four of five in working hours; one of ten is followed by another in 20 to 90 minutes
fault        5 % of the requests more fail, or each takes twice as long
mends        takes a fault away: reported apart, as few would call it worse
good         all others; each changes errors by up to a quarter and latency by up to 8 %, which is no fault
===========  =========================================================================================================

The exit status is 1 where fewer than 95 % of the faults are found ("too little traffic" is a miss) or more than 5 % of
the good deployments are called worse, of services of 1 request a second and more.
"""

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from devops_lab.delivery import impact
from devops_lab.delivery.impact_steps import Levels, Steps, ticks

START = datetime(2026, 3, 2)
WEEKS, SERVICES, SLOW_SERVICES = 8, 48, 12
BOUNDS = np.array([0.05, 0.1, 0.25, 0.5, 1.0, 2.5, np.inf])
FOUND, WOLF = 0.95, 0.05
VERDICTS = (impact.WORSE, impact.SAME, impact.BETTER, impact.TOO_LITTLE)
MEND, GOOD = "mends a fault", "good"
ERRORS, LATENCY = "5 % errors", "doubled latency"


@dataclass
class Rollout:
    """One planned deployment: when, and what it does to errors (added, factor) and latency (factor)."""

    start: datetime
    finish: datetime
    fault: str | None
    errors: float
    slow: float


def memory(dice, steps: int, minutes: float, step: int, spread: float):
    """Noise with mean 0 that forgets over `minutes`, standard deviation `spread`."""
    keep = np.exp(-step / 60 / minutes)
    shocks = dice.standard_normal(steps) * spread * np.sqrt(1 - keep**2)
    shocks[0] = dice.standard_normal() * spread
    found = np.empty(steps)
    value = 0.0
    for place, shock in enumerate(shocks):
        value = keep * value + shock
        found[place] = value
    return found


def plan(dice) -> list[Rollout]:
    """Draw the deployments of one service; a faulty one is mended by a further one after 40 minutes to 6 hours."""
    found, now, end = [], START + timedelta(hours=float(dice.uniform(2, 60))), START + timedelta(weeks=WEEKS)
    while now < end - timedelta(hours=12):
        mends = bool(found) and found[-1].fault is not None
        fault = dice.choice([ERRORS, LATENCY]) if dice.random() < 0.25 and not mends else None
        length = timedelta(minutes=float(dice.uniform(2, 15)))
        small = float(np.exp(dice.uniform(-0.22, 0.22))), float(np.exp(dice.uniform(-0.08, 0.08)))
        found.append(Rollout(now, now + length, fault, *small))
        if fault:
            now += length + timedelta(minutes=float(dice.uniform(40, 360)))
        elif dice.random() < 0.1:
            now += length + timedelta(minutes=float(dice.uniform(20, 90)))
        else:
            now += timedelta(hours=float(dice.exponential(36) + 8))
            if dice.random() < 0.8:
                now = now.replace(hour=int(dice.integers(7, 18)), minute=int(dice.integers(0, 60)))
                now = max(now, found[-1].finish + timedelta(hours=3))
    return found


def effects(rollouts: list[Rollout], steps: int, step: int):
    """Errors added, factor of errors and factor of latency in each step; a fault counts by its share of the step."""
    added, factor, slow = np.zeros(steps), np.ones(steps), np.ones(steps)
    edges = [(one.finish - START).total_seconds() / step for one in rollouts] + [float(steps)]
    small_errors = small_slow = 1.0
    for one, begin, end in zip(rollouts, edges, edges[1:], strict=False):
        small_errors, small_slow = np.clip(small_errors * one.errors, 0.5, 2), np.clip(small_slow * one.slow, 0.8, 1.25)
        places = np.arange(int(begin), min(int(np.ceil(end)), steps))
        share = np.minimum(places + 1, end) - np.maximum(places, begin)
        factor[int(begin) + 1 :], was = small_errors, slow[int(begin) + 1 :]
        was[:] = small_slow
        if one.fault == ERRORS:
            added[places] += 0.05 * share
        elif one.fault == LATENCY:
            slow[places] *= 1 + share
    return added, factor, slow


def requests(dice, rate: float, steps: int, step: int):
    """Requests in each step, how loaded the service is (1: as usual), and where a burst is."""
    hours = np.arange(steps) * step / 3600
    day = (hours // 24).astype(int)
    weekday = np.where(day % 7 >= 5, dice.uniform(0.4, 1.0), 1.0)
    rhythm = weekday * (1 + 0.75 * np.cos((hours % 24 - dice.uniform(11, 16)) / 24 * 2 * np.pi))
    growth = 1 + dice.uniform(-0.1, 0.3) * hours / hours[-1]
    spread = np.exp(0.08 * dice.standard_normal(day[-1] + 1))[day]
    burst = np.zeros(steps, bool)
    for begin in dice.integers(0, steps, WEEKS * 5):
        burst[begin : begin + int(dice.uniform(600, 2400) / step) + 1] = True
    load = rhythm * growth * spread * np.exp(memory(dice, steps, 30, step, 0.1)) * np.where(burst, 3.0, 1.0)
    load *= dice.gamma(20, 1 / 20, steps)
    return dice.poisson(rate * load * step), load, burst


def slower_than(bound, median, shape, log_normal: bool):
    """Share of requests that take longer than `bound`."""
    if log_normal:
        from scipy.special import ndtr

        return ndtr(np.log(median / bound) * shape * 0.6)
    return 1 / (1 + (bound / median) ** shape)


def levels(dice, rate: float, rollouts: list[Rollout], step: int) -> Levels:
    """What Prometheus would have counted."""
    steps = WEEKS * 7 * 86_400 // step
    added, factor, slow = effects(rollouts, steps, step)
    total, load, burst = requests(dice, rate, steps, step)
    ratio = np.exp(dice.uniform(np.log(0.0002), np.log(0.01))) * factor * np.where(burst, 1.5, 1)
    ratio *= np.exp(memory(dice, steps, 90, step, 0.3) + memory(dice, steps, 7 * 1440, step, 0.2))
    ratio = ratio + added + np.where(dice.random(steps) < 20 / 365 / 86_400 * step, dice.uniform(0.08, 0.17), 0)
    ratio = np.clip(ratio, 1e-6, 0.5)
    dense = dice.uniform(200, 2000)
    bad = dice.binomial(total, dice.beta(ratio * dense, (1 - ratio) * dense))
    median = np.exp(dice.uniform(np.log(0.02), np.log(0.4))) * slow * load**0.08 * np.where(burst, 1.1, 1)
    median *= np.exp(memory(dice, steps, 60, step, 0.05) + memory(dice, steps, 7 * 1440, step, 0.08))
    shape, log_normal = dice.uniform(2.5, 5), dice.random() < 0.5
    left, buckets, above = total.copy(), [], np.ones(steps)
    for bound in BOUNDS[:-1]:
        share = slower_than(bound, median, shape, log_normal)
        stay = dice.binomial(left, np.clip(share / np.maximum(above, 1e-300), 0, 1))
        buckets.append(left - stay)
        left, above = stay, share
    ends = ticks(START) + (np.arange(steps, dtype=np.int64) + 1) * step * 1_000_000
    axis = Steps(ends - step * 1_000_000, ends)
    table = np.column_stack([*buckets, left]).astype(float)
    return Levels(axis, bad.astype(float), total.astype(float), axis, BOUNDS, table)


def judged(seed: int, step: int):
    """Yield (requests a second, fault or else, verdict, with a control) for each deployment of one seed."""
    for number in range(SERVICES + SLOW_SERVICES):
        dice = np.random.default_rng((seed, number))
        low, high = (1, 50) if number < SERVICES else (0.02, 0.9)
        rate = float(np.exp(dice.uniform(np.log(low), np.log(high))))
        rollouts = plan(dice)
        rows = [
            {
                "id": str(place), "started_at": one.start, "finished_at": one.finish, "result": "success",
                "excluded": None,
            }
            for place, one in enumerate(rollouts)
        ]  # fmt: skip
        found = impact.impacts("s", "o/s", rows, levels(dice, rate, rollouts, step))
        assert len(found) == len(rows)
        for row in found:
            place = int(row["deployment_id"])
            kind = rollouts[place].fault or (MEND if place and rollouts[place - 1].fault else GOOD)
            yield rate, kind, row["verdict"], row["control_weeks"] is not None


def table(title: str, rows) -> tuple[float, float]:
    """Print one group; return the shares found and cried wolf."""
    print(f"\n{title}: {len(rows)} deployments, {sum(one[3] for one in rows)} with a control")
    shares = []
    for fault in (ERRORS, LATENCY, GOOD, MEND):
        said = Counter(verdict for _, kind, verdict, _ in rows if kind == fault)
        n = sum(said.values())
        parts = ", ".join(f"{name} {said[name]}" for name in VERDICTS)
        share = said[impact.WORSE] / n if n else float("nan")
        print(f"  {fault:16} {n:5}   {parts}   -> called worse {share:.1%}")
        shares.append((said[impact.WORSE], n))
    faults = sum(n for _, n in shares[:2])
    found = sum(worse for worse, _ in shares[:2]) / faults if faults else float("nan")
    wolf = shares[2][0] / shares[2][1] if shares[2][1] else float("nan")
    print(f"  faults found {found:.1%} of {faults}; cried wolf {wolf:.1%} of {shares[2][1]}")
    return found, wolf


def main() -> int:
    """Run all seeds, print every figure; 1 where the aim is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("--step", type=int, default=300, help="seconds")
    given = parser.parse_args()
    begin = time.perf_counter()
    rows = [row for seed in given.seeds for row in judged(seed, given.step)]
    fast = [row for row in rows if row[0] >= 1]
    found, wolf = table(f"1 request a second and more, steps of {given.step} s", fast)
    table("below 1 request a second", [row for row in rows if row[0] < 1])
    missed = found < FOUND or wolf > WOLF or len(fast) < 500
    print(f"\n{time.perf_counter() - begin:.0f} s; aim: at least {FOUND:.0%} found, at most {WOLF:.0%} cried wolf: "
          f"{'MISSED' if missed else 'reached'}")  # fmt: skip
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
