"""What Prometheus is told: requests, their duration, the process and its limits, log lines, the version."""

import logging
from collections.abc import Iterable

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5)
CPU_CORES, MEMORY_BYTES = 1.0, 256.0 * 2**20
LEVELS = ("info", "warning", "error")


class ProcessMeasures:
    """Processor time and memory of this process, read when asked."""

    def collect(self) -> Iterable[Metric]:
        """Return both."""
        process = psutil.Process()
        times = process.cpu_times()
        yield CounterMetricFamily("process_cpu_seconds", "Processor time used.", value=times.user + times.system)
        yield GaugeMetricFamily("process_resident_memory_bytes", "Memory used.", value=process.memory_info().rss)


class Measures(logging.Handler):
    """The service's numbers; as a log handler it counts the lines of each level."""

    def __init__(self, version: str) -> None:
        super().__init__()
        disable_created_metrics()
        self.registry = registry = CollectorRegistry()
        registry.register(ProcessMeasures())
        self.requests = Counter("http_requests_total", "Requests answered.", ["code"], registry=registry)
        self.seconds = Histogram("http_request_duration_seconds", "Time to answer.", registry=registry, buckets=BUCKETS)
        self.lines = Counter("log_lines_total", "Lines logged.", ["level"], registry=registry)
        for code in ("200", "404", "500"):
            self.requests.labels(code)
        for level in LEVELS:
            self.lines.labels(level)
        Counter("container_restarts_total", "Restarts of the container.", registry=registry)
        Gauge("container_spec_cpu_cores", "Limit of processors.", registry=registry).set(CPU_CORES)
        Gauge("container_spec_memory_limit_bytes", "Limit of memory.", registry=registry).set(MEMORY_BYTES)
        Gauge("app_info", "The version that runs.", ["version"], registry=registry).labels(version).set(1)

    def emit(self, record: logging.LogRecord) -> None:
        """Count one line."""
        level = "error" if record.levelno >= logging.ERROR else record.levelname.lower()
        if level in LEVELS:
            self.lines.labels(level).inc()

    def answered(self, code: int, seconds: float) -> None:
        """Count one request."""
        self.requests.labels(str(code)).inc()
        self.seconds.observe(seconds)
