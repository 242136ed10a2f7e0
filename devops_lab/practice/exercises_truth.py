"""What is right, and what typical mistakes would give: the sheet that the exercises are marked with.

Everything is computed from the world's truth, nothing through the lab's code.  Here are changes and deployments; what
failed is in exercises_failures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median

from devops_lab.practice.world.records import SUCCESS
from devops_lab.practice.world.truth import HOUR, WEEK, Deployment, TrueChange, Truth

Value = float | str
RAN_TOO = (
    "you counted runs that did not get to production too: they are unsuccessful; only successful deployments count"
)
MEAN = "that is the mean; the median was asked: heavy tails pull the mean far up"


@dataclass(frozen=True)
class Solution:
    """The right values (any of them is right), and (value, hint) of typical mistakes; `pointer` is for all others."""

    right: tuple[Value, ...]
    mistakes: tuple[tuple[Value, str], ...]
    pointer: str


@dataclass(frozen=True)
class Span:
    """The half-open window ``[since, until)`` of an exercise, in whole UTC days."""

    since: datetime
    until: datetime

    def holds(self, moment: datetime) -> bool:
        """Say whether the instant lies in it."""
        return self.since <= moment < self.until

    def __str__(self) -> str:
        return f"from {self.since:%Y-%m-%d} until {self.until:%Y-%m-%d} (UTC, the last day not included)"


def span(until: datetime, days: int) -> Span:
    """Return the `days` whole UTC days that ended before `until`."""
    end = until.replace(hour=0, minute=0, second=0, microsecond=0)
    return Span(end - timedelta(days=days), end)


def lead_time(truth: Truth, service: str, asked: Span) -> Solution:
    """Solve the median hours from first commit to production."""
    changes = [
        one
        for one in truth.changes
        if one.service == service and not one.before_records and asked.holds(one.deployed_at)
    ]
    hours = [(one.deployed_at - one.first_commit_at) / HOUR for one in changes]
    people = [gap for one, gap in zip(changes, hours, strict=True) if not one.is_bot]
    right, _ = true_value(truth, "change_lead_time", service, asked)
    return Solution(
        (right,),
        (
            *when_any(hours, fmean, MEAN),
            (right / 24, "that is in days; hours are asked"),
            (right * 60, "that is in minutes; hours are asked"),
            *when_any(people, median, "you left out the bots' changes; they count unless `bots = false` is said"),
            *when_any(
                _per_deployment(changes), median, "you took one value per deployment; each change is an observation"
            ),
        ),
        "look at `dl.metrics.change_lead_time.observations(store, service=…)`: one row per change, first commit to the "
        "end of the first successful deployment that carries it",
    )


def _per_deployment(changes: Iterable[TrueChange]) -> list[float]:
    longest: dict[int, float] = {}
    for one in changes:
        gap = (one.deployed_at - one.first_commit_at) / HOUR
        longest[one.deployment] = max(gap, longest.get(one.deployment, 0.0))
    return list(longest.values())


def frequency(truth: Truth, service: str, asked: Span) -> Solution:
    """Solve deployments a week."""
    right, n = true_value(truth, "deployment_frequency", service, asked)
    weeks = (asked.until - asked.since) / WEEK
    runs = len(ended(truth, service, asked))
    whole = "you divided by a whole number of weeks; count ÷ calendar days x 7 is asked"
    return Solution(
        (right,),
        (
            (runs / weeks, RAN_TOO),
            (right / 7, "that is per day; per week is asked"),
            (float(n), "that is the count; per week is asked: count ÷ calendar days x 7"),
            (n / int(weeks), whole),
            (n / (int(weeks) + 1), whole),
        ),
        "count the successful production deployments of the window: `dl.metrics.deployment_frequency.window(…)`",
    )


def deployments(truth: Truth, service: str, asked: Span) -> Solution:
    """Solve the n of a share over deployments."""
    good = counted(truth, service, asked)
    failed = sum(one.failed for one in good)
    return Solution(
        (float(len(good)),),
        (
            (float(len(ended(truth, service, asked))), RAN_TOO),
            (float(failed), "that is the numerator, the failed ones; n is what they are a share of"),
            (float(len(good) - failed), "those are the ones that did not fail; n is all of them"),
        ),
        "n stands beside the value in `dl.metrics.change_fail_rate.window(…)`",
    )


def true_value(truth: Truth, metric: str, service: str, asked: Span) -> tuple[float, int]:
    """Return a metric's true value (0 where there is none) and its n."""
    found = truth.metric(metric, service, asked.since, asked.until)
    return (0.0 if found.value is None else found.value), found.n


def ended(truth: Truth, service: str, asked: Span) -> list[Deployment]:
    """Return the service's rollouts that ended in the window, whatever their result."""
    return [one for one in truth.deployments if one.service == service and asked.holds(one.finished_at)]


def counted(truth: Truth, service: str, asked: Span) -> list[Deployment]:
    """Return the successful ones of them."""
    return [one for one in ended(truth, service, asked) if one.result == SUCCESS]


def when_any(
    values: list[float], statistic: Callable[[list[float]], float], hint: str
) -> tuple[tuple[float, str], ...]:
    """Return the mistake of taking `statistic` of `values`; nothing where there are none."""
    return ((statistic(values), hint),) if values else ()
