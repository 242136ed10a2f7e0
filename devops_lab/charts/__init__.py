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
    from devops_lab.charts.distributions import distribution
    from devops_lab.charts.timelines import deployment_timeline
    from devops_lab.charts.trends import trend

_HOMES = {"deployment_timeline": "timelines", "distribution": "distributions", "trend": "trends"}

__all__ = ["deployment_timeline", "distribution", "trend"]


def __getattr__(name: str) -> Any:
    """Load plotly and pandas with the first chart: a page of finished figures needs neither."""
    if name not in _HOMES:
        raise AttributeError(f"charts has no {name!r}; there are {', '.join(__all__)}")
    return getattr(importlib.import_module(f"devops_lab.charts.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
