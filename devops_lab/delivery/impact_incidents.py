"""Incidents that nobody reported: deployments after which the service's own levels were worse."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from devops_lab.delivery.impact_measures import ERRORS, WORSE
from devops_lab.delivery.impact_windows import FOREVER
from devops_lab.delivery.rollouts import Row

PREFIX = "impact:"


def from_impacts(impacts: Iterable[Row], recorded: Iterable[Row]) -> dict[str, Row]:
    """Return deployment id → row of ``incidents`` for each worse deployment of one service's ``impacts``.

    Such an incident lasts from the deployment's finish until the level was back.  Where a recorded incident of the
    service began in that time there is none: that one is it, and whoever recorded it knows more about the cause.
    """
    began: list[datetime] = sorted(row["started_at"] for row in recorded)
    found = {}
    for row in impacts:
        if row["verdict"] != WORSE:
            continue
        start, end = row["finished_at"], row["back_at"]
        if not any(start <= moment < max(end or FOREVER, row["judged_at"]) for moment in began):
            found[row["deployment_id"]] = _incident(row)
    return found


def _incident(row: Row) -> Row:
    return {
        "service": row["service"],
        "id": f"{PREFIX}{row['deployment_id']}",
        "title": f"{_said(row)} (inferred)",
        "severity": None,
        "started_at": row["finished_at"],
        "resolved_at": row["back_at"],
        "caused_by": None,
        "fixed_by": None,
        "duplicate_of": None,
        "not_a_change": False,
        "url": row["url"],
    }


def _said(row: Row) -> str:
    id = row["deployment_id"]
    if row["measure"] == ERRORS:
        return f"Errors {row['error_before']:.2%} before deployment {id}, {row['error_after']:.2%} after"
    return f"Requests took {row['slowdown']:.2g} times as long after deployment {id}"
