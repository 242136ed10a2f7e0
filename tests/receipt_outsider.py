"""Recompute receipts from their JSON alone: ``python receipt_outsider.py receipt_*.json``.

An outsider's script: it imports nothing of the lab, derives each duration from its ends, and computes value, n, low and
high with the standard library and numpy (and pyarrow, to open rows that lie in Parquet).  Exit status 1: they differ.
"""

import hashlib
import json
import math
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

Z = 1.959963984540054


def instant(text):
    return datetime.fromisoformat(text).astimezone(UTC)


def rows_of(receipt, folder):
    rows = receipt["rows"]
    if isinstance(rows, list):
        return rows
    import pyarrow.parquet

    content = (folder / rows["file"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == rows["sha256"], "the rows are not those the receipt names"
    return pyarrow.parquet.read_table(folder / rows["file"]).to_pylist()


def derived(row, unit):
    """A duration comes from its two ends, everything else from the value itself."""
    per_unit = {"hours": 3600, "minutes": 60, "seconds": 1, "days": 86400}.get(unit)
    if per_unit is None or row["started_at"] is None or row["ended_at"] is None:
        return row["value"]
    gap = instant(row["ended_at"]) - instant(row["started_at"])
    return gap / timedelta(microseconds=1) / (per_unit * 1_000_000)


def poisson_below(n, mean):
    return math.fsum(math.exp(-mean + k * math.log(mean) - math.lgamma(k + 1)) for k in range(n + 1)) if mean else 1.0


def solve(function, target, high):
    low = 0.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > target else (low, middle)
    return (low + high) / 2


def poisson(n):
    ceiling = 10.0 + 2 * n + 20 * math.sqrt(n + 1)
    low = solve(lambda mean: poisson_below(n - 1, mean), 0.975, ceiling) if n else 0.0
    return low, solve(lambda mean: poisson_below(n, mean), 0.025, ceiling)


def wilson(values):
    n, share = len(values), sum(values) / len(values)
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def order_statistics(values, quantile):
    n, ordered, below = len(values), sorted(values), 0.0
    lower = upper = None
    for k in range(n + 1):
        log = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
        below += math.exp(log + k * math.log(quantile) + (n - k) * math.log(1 - quantile))
        lower = k if lower is None and below >= 0.025 else lower
        upper = k + 1 if upper is None and below >= 0.975 else upper
    return ordered[lower - 1] if lower else None, ordered[upper - 1] if upper and upper <= n else None


def bootstrap(rows, values, quantile, text):
    seed, groups, times = map(int, re.search(r"default_rng\((\d+)\)\.integers\(0, (\d+), \((\d+),", text).groups())
    column = re.search(r"rows with one (\w+)", text).group(1)
    names = sorted({row[column] for row in rows}, key=instant)
    assert len(names) == groups
    held = [np.array([v for row, v in zip(rows, values, strict=True) if row[column] == name]) for name in names]
    draws = np.random.default_rng(seed).integers(0, groups, (times, groups))
    replicas = [np.quantile(np.concatenate([held[pick] for pick in draw]), quantile) for draw in draws]
    limits = re.search(r"percentiles ([\d.]+(?:e-\d+)?) and ([\d.]+) of", text).groups()
    return tuple(float(limit) for limit in np.percentile(replicas, list(map(float, limits))))


def kaplan_meier(rows, values, quantile):
    level, survival, variance = 1 - quantile, 1.0, 0.0
    steps = []
    for time in sorted({v for row, v in zip(rows, values, strict=True) if not row["censored"]}):
        at_risk = sum(v >= time for v in values)
        ended = sum(v == time and not row["censored"] for row, v in zip(rows, values, strict=True))
        survival *= 1 - ended / at_risk
        variance += ended / (at_risk * (at_risk - ended)) if at_risk > ended else 0.0
        lower = upper = 0.0
        if survival > 1e-15 and at_risk > ended:
            spread = Z * math.sqrt(variance) / math.log(survival)
            lower, upper = sorted(survival ** math.exp(sign * spread) for sign in (-1, 1))
        steps.append((time, survival, lower, upper))
    value = None
    for place, (time, survival, _, _) in enumerate(steps):
        if survival <= level + 1e-12:
            value = time
            if abs(survival - level) <= 1e-12:
                value = (time + steps[place + 1][0]) / 2 if place + 1 < len(steps) else None
            break
    low = next((time for time, _, lower, _ in steps if lower <= level), None)
    high = next((time for time, _, _, upper in steps if upper <= level), None)
    return value, low, high


def histogram(rows, values, quantile):
    buckets, beyond = dict.fromkeys(sorted(values), 0.0), 0.0
    for row, value in zip(rows, values, strict=True):
        beyond += row["denominator"] if row["censored"] else 0.0
        buckets[value] += 0.0 if row["censored"] else row["denominator"]
    rank, reached, lower = quantile * (sum(buckets.values()) + beyond), 0.0, 0.0
    if not sum(buckets.values()) + beyond:
        return None, None, None
    for upper, held in buckets.items():
        if held and reached + held >= rank:
            return lower + (upper - lower) * (rank - reached) / held, None, None
        reached, lower = reached + held, upper
    return max(buckets), max(buckets), None


def calendar_days(receipt):
    where = ZoneInfo(receipt["parameters"]["timezone"])
    start, end = (
        instant(receipt[name]).astimezone(where).replace(tzinfo=None) for name in ("window_start", "window_end")
    )
    return (end - start) / timedelta(days=1)


def percentile(rows, values, quantile, text):
    if not values:
        return None, None, None
    if text.startswith("merged histogram"):
        return histogram(rows, values, quantile)
    if text.startswith("Kaplan-Meier"):
        return kaplan_meier(rows, values, quantile)
    value = float(np.quantile(values, quantile))
    if text.startswith("bootstrap"):
        return (value, *bootstrap(rows, values, quantile, text))
    if text.startswith("order statistics"):
        return (value, *order_statistics(values, quantile))
    return value, None, None


def recomputed(receipt, rows):
    """Value, low and high of a receipt."""
    values = [derived(row, receipt["unit"]) for row in rows]
    for row, value in zip(rows, values, strict=True):
        assert value == row["value"], f"{row['id']}: its ends give {value}, the receipt says {row['value']}"
    statistic, n, text = receipt["statistic"], len(rows), receipt["interval"]
    if text.startswith("missing:"):
        return None, None, None
    if statistic in ("count", "per week", "per day"):
        scale = 1.0 if statistic == "count" else {"per week": 7, "per day": 1}[statistic] / calendar_days(receipt)
        return tuple(number * scale for number in (n, *poisson(n)))
    if statistic == "share":
        return (sum(values) / n, *wilson(values)) if n else (None, None, None)
    if statistic == "sum":
        return math.fsum(values), None, None
    if statistic == "ratio":
        below = math.fsum(row["denominator"] for row in rows)
        return (math.fsum(values) / below if below else None), None, None
    if statistic in ("highest", "lowest"):
        return (max(values) if statistic == "highest" else min(values)) if n else None, None, None
    quantile = 0.5 if statistic == "median" else float(statistic[1:]) / 100
    return percentile(rows, values, quantile, text)


def differences(receipt, folder):
    rows = rows_of(receipt, folder)
    found = dict(zip(("value", "low", "high"), recomputed(receipt, rows), strict=True)) | {"n": len(rows)}
    for name, mine in found.items():
        theirs = receipt[name]
        if (mine is None) != (theirs is None) or (
            mine is not None and not math.isclose(mine, theirs, rel_tol=1e-9, abs_tol=1e-12)
        ):
            yield f"{name}: the receipt says {theirs}, its rows give {mine}"


def main(paths):
    status = 0
    for path in map(Path, paths):
        problems = list(differences(json.loads(path.read_text("utf-8")), path.parent))
        print(f"{path}: {'; '.join(problems) if problems else 'agrees'}")
        status = status or bool(problems)
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
