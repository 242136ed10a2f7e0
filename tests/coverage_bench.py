"""Do the 95 % intervals cover what they promise?  ``python tests/coverage_bench.py [--teams 1000] [--seed 1]``.

Simulates teams by processes whose parameters are known, writes their deployments, changes and failures to a store, asks
the lab for each team's number, and counts how often [low, high] holds the parameter.  Exit status 1 where a metric
covers it in less than 93 % of the teams with n >= 20.  A limit that was not reached is open: "> low" has no upper end.
Teams without any interval (change lead times of under six deployments) are counted apart.

=====================  ==============================================================================================
change lead time       deployments carry 1 + geometric changes; log hours = the team's level + the deployment's own
                       share + a bit for each change waiting along + a Student t of three degrees (a heavy tail);
                       parameter: the median change's hours
deployment frequency   Poisson; parameter: expected deployments a week; its n is the expected count
fail, rework rate      Bernoulli; parameter: its chance, from Beta(1.5, 9)
recovery time          log-normal, median of an hour to three days, some still open when asked; parameter: the median
=====================  ==============================================================================================
"""

import argparse
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import numpy as np
from lab_rows import NOW, change, complete, deployment, failure, filled

from devops_lab import metrics
from devops_lab.store import Store

AIM, ENOUGH = 0.93, 20
BANDS = ((6, 9), (10, 19), (20, 49), (50, 150))
WEEKS = 26
SINCE = NOW - timedelta(weeks=WEEKS)
HOUR = timedelta(hours=1)
BETWEEN, WITHIN, BATCH, MORE = 0.8, 0.9, 0.15, 0.4
"""Of log lead times: deviation between deployments and within one, what each change adds; the chance of one more."""


def moments(generator, count, late=0.0):
    """Return `count` instants of a Poisson process in the window, in whole microseconds and in order."""
    spread = np.sort(generator.uniform(late, 1 - 1e-6, count))
    return [SINCE + share * (NOW - SINCE) for share in spread]


def batches(generator, count):
    """Return sizes of deployments and log hours of their changes, level 0."""
    sizes = generator.geometric(1 - MORE, count)
    own = generator.normal(0, BETWEEN, count) + BATCH * sizes
    logs = np.repeat(own, sizes) + WITHIN * generator.standard_t(3, sizes.sum())
    return sizes, logs


def lead_time(generator, name, n, tables):
    sizes, logs = batches(generator, n)
    level = generator.normal(3, 0.7)
    last = int(np.searchsorted(np.cumsum(sizes), n)) + 1
    ends, begun = moments(generator, last), 0
    for end, size in zip(ends, sizes[:last], strict=True):
        tables["deployments"].append(deployment(name, f"{end:%m%d%H%M%S%f}", end))
        for place in range(begun, min(begun + size, n)):
            first = end - min(np.exp(level + logs[place]), 1e5) * HOUR
            tables["changes"].append(change(name, f"#{place}", first, end))
        begun += size
    return np.exp(level + LEVEL)


def frequency(generator, name, n, tables):
    expected = generator.uniform(n, n + 1)
    for end in moments(generator, generator.poisson(expected)):
        tables["deployments"].append(deployment(name, f"{end:%m%d%H%M%S%f}", end))
    return expected / WEEKS


def rework(generator, name, n, tables):
    chance = generator.beta(1.5, 9)
    for end in moments(generator, n):
        unplanned = bool(generator.uniform() < chance)
        tables["deployments"].append(deployment(name, f"{end:%m%d%H%M%S%f}", end, unplanned=unplanned))
    return chance


def fail_rate(generator, name, n, tables):
    chance = generator.beta(1.5, 9)
    for place, end in enumerate(moments(generator, n)):
        id = f"{end:%m%d%H%M%S%f}"
        tables["deployments"].append(deployment(name, id, end))
        if generator.uniform() < chance:
            tables["failures"].append(failure(name, place, id, end + HOUR / 60, end + HOUR))
    return chance


def recovery(generator, name, n, tables):
    level = generator.uniform(0, np.log(72))
    late = generator.choice([0.0, 0.9])  # half of the teams failed only lately: more is still open
    for place, end in enumerate(moments(generator, n, late)):
        id = f"{end:%m%d%H%M%S%f}"
        over = end + np.exp(level + generator.normal(0, 1.4)) * HOUR
        tables["deployments"].append(deployment(name, id, end))
        tables["failures"].append(failure(name, place, id, end, over if over <= NOW else None))
    return np.exp(level)


PROCESSES = {
    "change_lead_time": lead_time,
    "deployment_frequency": frequency,
    "change_fail_rate": fail_rate,
    "failed_deployment_recovery_time": recovery,
    "deployment_rework_rate": rework,
}
LEVEL = float(np.median(batches(np.random.default_rng(0), 4_000_000)[1]))
"""The median of the process' log lead times at level 0: of so many changes that its third digit stands."""


def measured(name, band, teams, seed, folder):
    """Return a row of the table: the covered share of the teams with an interval, how many have one, how many of these
    without an upper limit, and the mean width as a multiple of the parameter."""
    generator = np.random.default_rng([seed, band[0], list(PROCESSES).index(name)])
    tables = {"deployments": [], "changes": [], "failures": []}
    parameters = {}
    for number in range(teams):
        service = f"team-{number:04}"
        n = int(generator.integers(band[0], band[1] + 1))
        parameters[service] = PROCESSES[name](generator, service, n, tables)
    services = [
        {"service": service, "repository": f"acme/{service}"} | dict.fromkeys(
            ("deployment_tables", "change_tables", "failure_tables"), "tags"
        )
        for service in parameters
    ]  # fmt: skip
    store = filled(Store(folder, latest=True), complete({**tables, "services": services}))
    metric = metrics.find(name)
    answers = metric.window(store, by="service", since=SINCE, until=NOW, as_of=NOW).set_index("group_name")
    truth = answers.index.map(parameters).to_numpy(dtype=float)
    low, high = answers["low"].to_numpy(), answers["high"].to_numpy()
    given = ~(np.isnan(low) & np.isnan(high))
    inside = given & ~(truth < low) & ~(truth > high)
    width = np.nanmean((high - low)[given] / truth[given])
    return inside[given].mean(), int(given.sum()), width, int((given & np.isnan(high)).sum())


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--teams", type=int, default=1000, help="teams per metric and band of n")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--metric", choices=PROCESSES, action="append")
    asked = parser.parse_args(arguments)
    begun, missed = time.monotonic(), []
    print(f"{'metric':32}  {'n':>7}  covered  of teams  no interval  no upper limit  mean width / parameter")
    for name in asked.metric or PROCESSES:
        for band in BANDS:
            with tempfile.TemporaryDirectory() as folder:
                covered, teams, width, unbounded = measured(name, band, asked.teams, asked.seed, Path(folder))
            print(
                f"{name:32}  {band[0]:>3}-{band[1]:<3}  {covered:7.1%}  {teams:8}  {asked.teams - teams:11}  "
                f"{unbounded:14}  {width:22.2f}",
                flush=True,
            )
            if band[0] >= ENOUGH and covered < AIM:
                missed.append(f"{name} with n {band[0]}-{band[1]}: {covered:.1%}")
    print(f"in {time.monotonic() - begun:.0f} s")
    if missed:
        print(f"under {AIM:.0%}: {'; '.join(missed)}", file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
