"""Prometheus for the practice organisation: what it scrapes, the rules of its alerts, and how it is started.

The history ends where the server starts, so nothing live overlaps it; it is kept for 20 years, whatever its age.  The
live rules have the history's names and thresholds, with `for` and range short enough to see a bad version in seconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from devops_lab.practice.world.watching_alerts import MOST_FAILED, RULES, SEVERITY, SLOW_SECONDS

SETTINGS, ALERT_RULES, DATA = "prometheus.yml", "rules.yml", "data"
SCRAPE, EVALUATE, RANGE, FOR = "1s", "1s", "10s", "3s"
RETENTION, LOOK_BACK = "20y", "5m"


def configure(folder: Path, targets: Mapping[str, str], alertmanager: str) -> None:
    """Write settings and rules; `targets`: job → host:port; `alertmanager`: host:port."""
    scrapes = [
        {"job_name": job, "static_configs": [{"targets": [address]}]} for job, address in sorted(targets.items())
    ]
    settings = {
        "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": EVALUATE},
        "rule_files": [str(folder / ALERT_RULES)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": scrapes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS).write_text(json.dumps(settings, indent=1), "utf-8")  # JSON is YAML
    (folder / ALERT_RULES).write_text(json.dumps(alert_rules(), indent=1), "utf-8")


def alert_rules() -> dict[str, object]:
    """Return the rules: share of failed answers and 95th percentile of the latency, each by service."""
    failed, asked = _by_service('http_requests_total{code=~"5.."}'), _by_service("http_requests_total")
    buckets = _by_service("http_request_duration_seconds_bucket", "le")
    expressions = (
        f"{failed} / {asked} > {MOST_FAILED}",
        f"histogram_quantile(0.95, {buckets}) > {SLOW_SECONDS:g}",
    )
    summaries = (
        "{{ $labels.service }}: {{ $value | humanizePercentage }} of the answers fail",
        "{{ $labels.service }}: 5 % of the answers take longer than {{ $value | humanizeDuration }}",
    )
    rules = [
        {
            "alert": name,
            "expr": expression,
            "for": FOR,
            "labels": {"severity": SEVERITY},
            "annotations": {"summary": summary},
        }
        for name, expression, summary in zip(RULES, expressions, summaries, strict=True)
    ]
    return {"groups": [{"name": "service-levels", "rules": rules}]}


def _by_service(selector: str, *labels: str) -> str:
    """Return the rate by the label "service", which is the job's name."""
    by = ", ".join(("service", *labels))
    return f'sum by ({by}) (label_replace(rate({selector}[{RANGE}]), "service", "$1", "job", "(.*)"))'


def command(program: str, folder: Path, port: int) -> list[str]:
    """Return how Prometheus is started on a port of this machine."""
    return [
        program,
        f"--config.file={folder / SETTINGS}",
        f"--storage.tsdb.path={folder / DATA}",
        f"--storage.tsdb.retention.time={RETENTION}",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--query.lookback-delta={LOOK_BACK}",
    ]
