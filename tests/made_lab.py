"""A small lab on disk: a store with deployments, changes and failures of one service, some of them hostile."""

from datetime import datetime, timedelta

from lab_rows import change, complete, deployment, failure, filled

from devops_lab.store import Store

NOW = datetime(2026, 11, 1)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"
FORMULA = "=cmd()|' /C calc'!A0"
INJECTION = "'; drop table changes; --"
TITLES = ("Read the ledger once", "</script><script>alert(3)</script>", INJECTION, FORMULA, HOSTILE)

LAB_TOML = """
[lab]
store = "lab"
timezone = "Europe/Berlin"

[[service]]
name = "checkout"
team = "payments"
repository = "acme/checkout"
"""


def tables(weeks: int = 26) -> dict:
    """One deployment a week with five changes; every third deployment fails and recovers, the last one does not."""
    deployments, changes, failures = [], [], []
    for week in range(weeks):
        when = NOW - timedelta(weeks=weeks - week) + timedelta(hours=30)
        name, url = f"{when:%m%d%H%M}", f"https://github.com/acme/checkout/releases/{week}"
        deployments.append(deployment("checkout", name, when, ref=f"v1.{week}.0", url=url, unplanned=week % 3 == 1))
        for number, title in enumerate(TITLES):
            first = when - timedelta(hours=10 + number + 7 * week)
            url = (
                "javascript:alert(4)" if number == 4 else f"https://github.com/acme/checkout/pull/{week * 10 + number}"
            )
            changes.append(change("checkout", f"#{week * 10 + number}", first, when, subject=title, url=url))
        if week % 3 == 0:
            recovered = when + timedelta(hours=5 + week) if week < weeks - 3 else None
            failures.append(
                failure("checkout", week, name, when, recovered, title=HOSTILE, url="https://example.com/1")
            )
    failures.append(failure("checkout", "loose", None, NOW - timedelta(days=3), None, title=FORMULA, grade=None))
    changes.append(change("checkout", "#999", NOW - timedelta(days=2), None, committed_at=NOW - timedelta(days=1)))
    return complete(
        {"deployments": deployments, "changes": changes, "failures": failures}, teams={"checkout": "payments"}
    )


def lab(folder, weeks: int = 26) -> Store:
    """Write lab.toml and a store with a complete snapshot into `folder`; return a handle on it."""
    (folder / "lab.toml").write_text(LAB_TOML, "utf-8")
    writer = filled(Store(folder / "lab", latest=True), tables(weeks))
    writer.commit_snapshot(NOW)
    return Store(folder / "lab")
