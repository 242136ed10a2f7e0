"""Frame + metric → plotly figure.  The only importer of plotly.

Every figure is a plain ``go.Figure`` that looks right in a light and in a dark notebook.  Its title is the finding in
words, its subtitle says what is drawn; both, and an alternative text, also lie unwrapped in ``figure.layout.meta``
(``title, subtitle, alt``), where the report takes them from to set them as text that wraps on a phone.

Durations are drawn in hours with ticks in days or minutes, shares in per cent, instants in the time zone given.
Text from outside (titles, references) is escaped and cut before it meets plotly, which understands some HTML.
"""

from devops_lab.charts.distributions import distribution
from devops_lab.charts.figures import TOP, script
from devops_lab.charts.style import COLOURS
from devops_lab.charts.timelines import deployment_timeline
from devops_lab.charts.trends import trend

__all__ = ["COLOURS", "TOP", "deployment_timeline", "distribution", "script", "trend"]
