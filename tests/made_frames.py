"""Long frames and observations made by hand, for charts, pages and reports."""

from datetime import datetime, timedelta

import pandas as pd

from devops_lab.metrics.answers import LONG

START = datetime(2026, 1, 5)
WEEK = timedelta(days=7)


def long_frame(values, metric="change_lead_time", unit="hours", statistic="median", step=WEEK, **columns):
    """One row per value; a column is one value for all rows, or a list."""
    rows = []
    for place, value in enumerate(values):
        row = {
            "metric": metric, "unit": unit, "group_name": "all", "period_start": START + place * step,
            "period_end": START + (place + 1) * step, "statistic": statistic, "value": value, "n": 20,
            "low": None if value is None else value * 0.8, "high": None if value is None else value * 1.2,
            "too_few": False, "coverage": 1.0, "partial": False,
        }  # fmt: skip
        row |= {name: given[place] if isinstance(given, list) else given for name, given in columns.items()}
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(LONG))
    return frame.astype({"value": "float64", "low": "float64", "high": "float64"})


def observations(rows, metric_value=None):
    """Observations with the canonical columns; each row names what it cares about."""
    plain = {
        "service": "checkout", "team": None, "repository": "acme/checkout", "occurred_at": START, "value": 1.0,
        "id": "1", "url": None, "started_at": None, "ended_at": None, "denominator": None, "censored": False,
        "excluded": None, "title": None, "note": None,
    }  # fmt: skip
    frame = pd.DataFrame([plain | row for row in rows], columns=list(plain))
    kinds = {"occurred_at": "datetime64[us]", "started_at": "datetime64[us]", "ended_at": "datetime64[us]"}
    return frame.astype(kinds | {"value": "float64", "censored": "bool"})
