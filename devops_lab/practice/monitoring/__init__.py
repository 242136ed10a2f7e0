"""Monitoring: a real Prometheus with the organisation's year backfilled, scraping live targets, and an Alertmanager.

Series by job (the service), a sample each 5 minutes: http_requests_total{code}, app_info{version} = 1, up,
http_request_duration_seconds_bucket{le} / _count / _sum, process_cpu_seconds_total, process_resident_memory_bytes,
container_spec_cpu_cores, container_spec_memory_limit_bytes, container_restarts_total, log_lines_total{level}.
ALERTS{alertname, alertstate="firing", service, severity}, a sample each minute: text cannot say that a series ends, so
a plain query shows past alerts 5 minutes (the look-back) longer; ask raw samples or ``last_over_time(ALERTS[59s])``.
The step [t, t + 5 min) is told by the sample at t + 5 min; ``increase(x[w])`` at the end of an aligned window is exact
(Prometheus 2: closed ranges, nothing to extrapolate).  Live jobs: each second, with the label `instance` beside.
"""

from devops_lab.practice.monitoring.processes import stop_left
from devops_lab.practice.monitoring.started import Monitoring, missing, remove, start

__all__ = ["Monitoring", "missing", "remove", "start", "stop_left"]
