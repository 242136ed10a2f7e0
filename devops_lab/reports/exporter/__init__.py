"""The metrics as a Prometheus endpoint: OpenMetrics text, rules, and a Grafana dashboard.

::

    names        a metric's series: name, unit, factor, by Prometheus' conventions
    collector    the store's latest snapshot → metric families, kept until the snapshot changes
    server       the HTTP endpoint; refreshing goes on beside it, so that a scrape never waits for SQL
    files        what ``--write`` writes: recording rules, alert rules, a dashboard, a scrape job

Every number is that of ``Metric.window``, the same as in notebooks and reports; what is missing has no series.
"""

from devops_lab.reports.exporter.collector import Collector
from devops_lab.reports.exporter.files import write
from devops_lab.reports.exporter.server import serve, text

__all__ = ["Collector", "serve", "text", "write"]
