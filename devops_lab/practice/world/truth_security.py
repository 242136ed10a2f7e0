"""The truth of security: how old open alerts are, how fast they are mended, and who changes infrastructure.

Alerts of dependencies and of code scanning count together, and belong to each service of their repository.
"""

from __future__ import annotations

from devops_lab.practice.world.records_plan import Alert
from devops_lab.practice.world.truth_window import DAY, Answer, Metrics, Window, lasting, middle, share
from devops_lab.practice.world.work import is_infrastructure

SEVERITIES = ("critical", "high", "medium", "low")


def infrastructure_change_share(window: Window) -> Answer:
    """Share of the service's changes landed in the window, on any branch, that touch a file of infrastructure.

    In the monorepo a change is the service's by its other files; infrastructure at the repository's root then counts.
    """
    return share(any(map(is_infrastructure, one.files())) for one in window.changes())


def vulnerability_age(window: Window) -> Answer:
    """Days since alerts that are open just before the window's end were created: median, oldest, and each severity's.

    Dismissed alerts are not open.
    """
    found = [(one.severity, (window.end - one.created_at) / DAY) for one in window.site.alerts if _open(window, one)]
    whole = middle((days for _, days in found), oldest=1.0)
    each = {name: middle(days for severity, days in found if severity == name).value for name in SEVERITIES}
    return whole._replace(others={**whole.others, **each})


def time_to_patch(window: Window) -> Answer:
    """Days from created to fixed, of alerts created in the window; open is censored, dismissed is left out."""
    found = []
    for one in window.site.alerts:
        if not window.has(one.created_at) or (one.dismissed and window.known(one.dismissed[0])):
            continue
        over = one.fixed_at is not None and window.known(one.fixed_at)
        end = one.fixed_at if one.fixed_at is not None and over else window.as_of
        found.append(((end - one.created_at) / DAY, over))
    return lasting(found)


def _open(window: Window, one: Alert) -> bool:
    ends = [one.fixed_at, one.dismissed[0] if one.dismissed else None]
    return one.created_at < window.end and not any(at is not None and at < window.end for at in ends)


METRICS: Metrics = {
    function.__name__: function for function in (infrastructure_change_share, vulnerability_age, time_to_patch)
}
