"""Frame + metric → plotly figure.  The only importer of plotly.

Every figure is a plain ``go.Figure`` that looks right in a light and in a dark notebook.  Its title is the finding in
words, its subtitle says what is drawn; both, and an alternative text, also lie unwrapped in ``figure.layout.meta``
(``title, subtitle, alt``), where the report takes them from to set them as text that wraps on a phone.

Durations are drawn in hours with ticks in days or minutes, shares in per cent, instants in the time zone given.
Text from outside (titles, references) is escaped and cut before it meets plotly, which understands some HTML.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devops_lab.charts.ages import age_of_work
    from devops_lab.charts.alerts import alerts_by_hour
    from devops_lab.charts.budgets import burn_down
    from devops_lab.charts.budgets_rates import burn_rates
    from devops_lab.charts.builds import percentiles, red_times, slowest
    from devops_lab.charts.distributions import distribution
    from devops_lab.charts.events import mark_events
    from devops_lab.charts.flow import cumulative_flow
    from devops_lab.charts.flow_forecasts import milestone_forecasts
    from devops_lab.charts.flow_stages import stage_waterfall
    from devops_lab.charts.funnels import promotion_funnel
    from devops_lab.charts.heat import deployments_by_hour, saturation_by_hour
    from devops_lab.charts.latencies import latency_lines
    from devops_lab.charts.loop_circle import loop_wheel
    from devops_lab.charts.loop_stream import change_trace, value_stream
    from devops_lab.charts.rollouts import rollout_durations
    from devops_lab.charts.sizes import review_load, size_against_review
    from devops_lab.charts.tests import pass_rate
    from devops_lab.charts.timelines import deployment_timeline
    from devops_lab.charts.trains import last_releases, release_train
    from devops_lab.charts.trends import trend
    from devops_lab.charts.troubles import restarts_and_errors
    from devops_lab.charts.vulnerabilities import open_vulnerabilities

_HOMES = {
    "age_of_work": "ages",
    "alerts_by_hour": "alerts",
    "burn_down": "budgets",
    "burn_rates": "budgets_rates",
    "change_trace": "loop_stream",
    "cumulative_flow": "flow",
    "deployment_timeline": "timelines",
    "deployments_by_hour": "heat",
    "distribution": "distributions",
    "last_releases": "trains",
    "latency_lines": "latencies",
    "loop_wheel": "loop_circle",
    "mark_events": "events",
    "milestone_forecasts": "flow_forecasts",
    "open_vulnerabilities": "vulnerabilities",
    "pass_rate": "tests",
    "percentiles": "builds",
    "promotion_funnel": "funnels",
    "red_times": "builds",
    "release_train": "trains",
    "restarts_and_errors": "troubles",
    "review_load": "sizes",
    "rollout_durations": "rollouts",
    "saturation_by_hour": "heat",
    "size_against_review": "sizes",
    "slowest": "builds",
    "stage_waterfall": "flow_stages",
    "trend": "trends",
    "value_stream": "loop_stream",
}

__all__ = [
    "age_of_work",
    "alerts_by_hour",
    "burn_down",
    "burn_rates",
    "change_trace",
    "cumulative_flow",
    "deployment_timeline",
    "deployments_by_hour",
    "distribution",
    "last_releases",
    "latency_lines",
    "loop_wheel",
    "mark_events",
    "milestone_forecasts",
    "open_vulnerabilities",
    "pass_rate",
    "percentiles",
    "promotion_funnel",
    "red_times",
    "release_train",
    "restarts_and_errors",
    "review_load",
    "rollout_durations",
    "saturation_by_hour",
    "size_against_review",
    "slowest",
    "stage_waterfall",
    "trend",
    "value_stream",
]


def __getattr__(name: str) -> Any:
    """Load plotly and pandas with the first chart: a page of finished figures needs neither."""
    if name not in _HOMES:
        raise AttributeError(f"charts has no {name!r}; there are {', '.join(__all__)}")
    return getattr(importlib.import_module(f"devops_lab.charts.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
