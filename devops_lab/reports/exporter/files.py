"""What ``devops-lab exporter --write`` writes: rules and alerts for Prometheus, a scrape job, a Grafana dashboard."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from devops_lab import metrics, words
from devops_lab.errors import UserError
from devops_lab.reports.exporter.collector import AGE, COVERAGE
from devops_lab.reports.exporter.names import Named, named

RULES, ALERTS, DASHBOARD, SCRAPE = "devops_lab.rules.yml", "devops_lab.alerts.yml", "devops_lab.json", "prometheus.yml"
SOURCE = {"type": "prometheus", "uid": "${source}"}
_UNITS = {"seconds": "s", "ratio": "percentunit", "per_week": "none", "": "none"}
_CHOSEN = 'service=~"$service",window="$window"'
_COLOUR = "#0072B2"
_SCRAPE_JOB = """# A scrape job for `devops-lab exporter`; its rules lie beside it.
global:
  scrape_interval: 1m
rule_files: [{rules}, {alerts}]
scrape_configs:
  - job_name: devops_lab
    static_configs:
      - targets: ["{host}:{port}"]
"""


def write(folder: str | Path, host: str, port: int) -> list[Path]:
    """Write the four files into `folder` and return their paths; UserError when it cannot be written."""
    package, target = files("devops_lab.reports.exporter"), Path(folder)
    contents = {
        RULES: (package / "rules.yml").read_text("utf-8"),
        ALERTS: (package / "alerts.yml").read_text("utf-8"),
        SCRAPE: _SCRAPE_JOB.format(rules=RULES, alerts=ALERTS, host=host, port=port),
        DASHBOARD: json.dumps(dashboard(), indent=1) + "\n",
    }
    try:
        target.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            unfinished = target / f".{name}.unfinished"
            unfinished.write_text(content, "utf-8")
            unfinished.replace(target / name)
    except OSError as problem:
        raise UserError(f"{target} cannot be written: {problem.strerror or problem}; name another folder") from problem
    return [target / name for name in contents]


def dashboard() -> dict[str, Any]:
    """Return the Grafana dashboard: the five of DORA, now and over time with their intervals, and the data's age."""
    panels = [_age(0), _coverage(6)]
    for place, name in enumerate(metrics.DORA):
        metric = metrics.find(name)
        top = 4 + place * 8
        panels.append(_number(words.label(name), named(metric), {"x": 0, "y": top, "w": 6, "h": 8}))
        panels.append(_trend(words.label(name), named(metric), {"x": 6, "y": top, "w": 18, "h": 8}))
    for number, panel in enumerate(panels, 1):
        panel["id"] = number
    return {
        "title": "DevOps Lab: DORA metrics",
        "uid": "devops-lab-dora",
        "tags": ["devops-lab"],
        "schemaVersion": 39,
        "version": 1,
        "editable": True,
        "refresh": "5m",
        "time": {"from": "now-90d", "to": "now"},
        "templating": {"list": [_source(), _variable("service"), _variable("window")]},
        "annotations": {"list": []},
        "panels": panels,
    }


def _source() -> dict[str, Any]:
    return {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus", "hide": 0}


def _variable(label: str) -> dict[str, Any]:
    query = f"label_values({COVERAGE}, {label})"
    several = label == "service"
    return {
        "name": label, "label": label.capitalize(), "type": "query", "datasource": SOURCE, "refresh": 2, "sort": 1,
        "query": {"query": query, "refId": label}, "definition": query, "multi": several, "includeAll": several,
    }  # fmt: skip


def _panel(kind: str, title: str, unit: str, place: dict[str, int], targets: list[tuple[str, str]]) -> dict[str, Any]:
    return {
        "type": kind,
        "title": title,
        "datasource": SOURCE,
        "gridPos": place,
        "targets": [
            {"refId": chr(65 + number), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for number, (query, legend) in enumerate(targets)
        ],
        "fieldConfig": {
            "defaults": {"unit": unit, "color": {"mode": "fixed", "fixedColor": _COLOUR}},
            "overrides": [],
        },
    }


def _age(left: int) -> dict[str, Any]:
    place = {"x": left, "y": 0, "w": 6, "h": 4}
    return _panel("stat", "Since the last complete sync", "s", place, [(AGE, "age")])


def _coverage(left: int) -> dict[str, Any]:
    query = f"min by (service) ({COVERAGE}{{{_CHOSEN}}})"
    place = {"x": left, "y": 0, "w": 18, "h": 4}
    panel = _panel("stat", "Least covered metric of the window", "percentunit", place, [(query, "{{service}}")])
    panel["description"] = "Below 100 % the sync could not ask for everything, and numbers over the gap say so."
    return panel


def _number(title: str, name: Named, place: dict[str, int]) -> dict[str, Any]:
    query = f"{name.series('service')}{{{_CHOSEN}}}"
    panel = _panel("stat", title, _UNITS[name.unit], place, [(query, "{{service}}")])
    panel["options"] = {"colorMode": "none", "graphMode": "none", "textMode": "value_and_name"}
    return panel


def _trend(title: str, name: Named, place: dict[str, int]) -> dict[str, Any]:
    """Return a panel of a number over time with the ends of its 95 % interval as dashed lines."""
    parts = (("", "{{service}}"), ("low", "{{service}} low"), ("high", "{{service}} high"))
    targets = [(f"{name.series('service', part)}{{{_CHOSEN}}}", legend) for part, legend in parts]
    panel = _panel("timeseries", f"{title}, with the 95 % interval", _UNITS[name.unit], place, targets)
    thin = {"id": "custom.lineWidth", "value": 1}
    panel["fieldConfig"]["defaults"]["color"] = {"mode": "palette-classic"}
    panel["fieldConfig"]["defaults"]["custom"] = {
        "lineWidth": 2,
        "fillOpacity": 0,
        "spanNulls": False,
        "axisSoftMin": 0,
    }
    panel["fieldConfig"]["overrides"] = [
        {"matcher": {"id": "byRegexp", "options": f"/ {end}$/"}, "properties": [thin, _dashed()]}
        for end in ("low", "high")
    ]
    return panel


def _dashed() -> dict[str, Any]:
    return {"id": "custom.lineStyle", "value": {"fill": "dash", "dash": [4, 6]}}
