"""What a metric is called in Prometheus: base units (seconds, ratio), the unit last, no word that means something else.

``change_lead_time`` (hours) is ``devops_lab_change_lead_time_seconds``; beside it stand ``…_low_seconds`` and
``…_high_seconds`` (the 95 % interval) and ``…_observations`` (n).  Pooled over a team's services the names begin with
``devops_lab_team_``, over everything with ``devops_lab_all_``: medians of services do not add up, so they are exported.
"""

from __future__ import annotations

from dataclasses import dataclass

from devops_lab.metrics import Metric
from devops_lab.metrics.statistics import RATES

PREFIX = "devops_lab"
SCOPES = {"service": "", "team": "team_", None: "all_"}  # grouped by → what the name has after the prefix
LABELS: dict[str | None, tuple[str, ...]] = {"service": ("service", "team"), "team": ("team",), None: ()}
PARTS = ("", "low", "high", "observations")
_SECONDS = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0, "days": 86_400.0}
_RATES = {"lines an hour": ("per_second", 1 / 3600), "restarts a day": ("per_second", 1 / 86_400)}
_UNIT_WORDS = ("_seconds", "_minutes", "_hours", "_days", "_ratio", "_count")
SPECIAL = {"alert_count": "alerts", "incident_count": "incidents"}  # Prometheus keeps "_count" for histograms


@dataclass(frozen=True)
class Named:
    """A metric's name without prefix and unit, its unit in Prometheus, and the factor that its values are times."""

    stem: str
    unit: str
    factor: float

    def series(self, by: str | None, part: str = "") -> str:
        """Return the whole name of one of its `PARTS` at one of the `SCOPES`."""
        words = [PREFIX, f"{SCOPES[by]}{self.stem}", part, "" if part == "observations" else self.unit]
        return "_".join(word for word in words if word)


def named(metric: Metric) -> Named:
    """Return what a metric is called in Prometheus."""
    stem = SPECIAL.get(metric.name, metric.name)
    statistics = (metric.window_statistic,) if metric.window_statistic else metric.statistics
    if statistics[0] in RATES:
        return Named(stem, statistics[0].replace(" ", "_"), 1.0)
    if statistics == ("count",):
        return Named(stem, "", 1.0)
    if metric.unit in _SECONDS:
        return Named(_bare(stem), "seconds", _SECONDS[metric.unit])
    if metric.unit in _RATES:
        return Named(_bare(stem), *_RATES[metric.unit])
    if metric.unit in ("share", "ratio"):
        return Named(_bare(stem), "ratio", 1.0)
    word = metric.unit.replace(" ", "_")
    return Named(stem.removesuffix(f"_{word}"), word, 1.0)


def _bare(stem: str) -> str:
    return next((stem.removesuffix(word) for word in _UNIT_WORDS if stem.endswith(word)), stem)


def short(window: str) -> str:
    """Return a window as Prometheus writes lengths, where it can: "90 days" → "90d", "6 months" → "6mo"."""
    number, _, unit = window.strip().lower().partition(" ")
    if not unit:
        return number
    return f"{number}{'mo' if unit.startswith('month') else unit[0]}"
