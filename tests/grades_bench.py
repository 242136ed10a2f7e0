"""How good is each grade of evidence?  ``python tests/grades_bench.py [--seeds 1 2 3]``.

Syncs practice companies through HTTP and joins the lab's failures with the world's truth, for the services whose
incidents seldom name their cause (left to reverts, patch releases and the 24-hour window).

=============  ======================================================================================================
failures       the lab's rows that count; an incident and a remedy that nothing joins are two rows of one true failure
grade          link, remedy (the remedy names what it mends), window (the latest deployment within 24 hours); none
right          attributed to the deployment that the simulation broke
precision      right / attributed
recall         true failures that a right row of this grade tells / all true failures
=============  ======================================================================================================

The last lines ask the same of failed deployments, which the change fail rate counts.
"""

import argparse
import os
import tempfile
import time
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path

import devops_lab.sync
from devops_lab import config
from devops_lab.practice.server import Options, serve
from devops_lab.practice.settings import lab_toml
from devops_lab.practice.world import make
from devops_lab.practice.world.company import PLANS
from devops_lab.store import Store

UNTIL = datetime(2026, 11, 20, 12)
GRADES = ("link", "remedy", "window", None)
LEFT = [service.name for plan in PLANS for service in plan.services if not service.linked]
SECOND = timedelta(seconds=1)


def synced(company, folder):
    """Sync a company as it was at its own `until`; return the store."""
    devops_lab.sync._now = lambda: company.until
    with serve(company, options=Options(limit=1_000_000)) as url:
        (folder / "lab.toml").write_text(lab_toml(company.name, url, dora_alone=True), "utf-8")
        settings = config.load(folder / "lab.toml")
        store = Store(settings.store)
        outcomes = devops_lab.sync.sync(store, settings, since=UNTIL - timedelta(days=400))
    for outcome in outcomes:
        if outcome.problem:
            raise SystemExit(f"the sync failed: {outcome.problem}")
    return store


def judged(store, company, service):
    """Return (rows, true failures, failed deployments): rows are (grade, true failure or None, right)."""
    ends = {
        row["id"]: row["finished_at"]
        for row in store.rows("select id, finished_at from deployments where service = $service", service=service)
    }
    numbers = {one.id: one.finished_at for one in company.truth.deployments if one.service == service}
    broken = [one for one in company.truth.failures if one.service == service]
    incidents = {one.incident: one for one in broken if one.incident is not None}
    rows, said = [], set()
    for row in store.rows("select * from failures where service = $service and excluded is null", service=service):
        end = ends.get(row["deployment_id"])
        if row["incident_id"] is not None:
            true = incidents.get(int(row["incident_id"].rpartition("#")[2]))
        else:  # a remedy tells what it mends: best a failure without incident, else one whose incident does not name it
            same = [one for one in broken if _is(numbers[one.deployment], end)]
            true = min(same, key=lambda one: one.incident is not None, default=None)
        right = true is not None and _is(numbers[true.deployment], end)
        rows.append((row["grade"], true, right))
        if end is not None:
            said.add(end)
    failed = {numbers[one.deployment] for one in broken}
    return rows, broken, (said, failed)


def _is(one, other):
    return other is not None and abs(one - other) <= SECOND


def share(part, whole):
    return f"{part / whole:9.1%}" if whole else f"{'-':>9}"


def table(title, rows, broken):
    """Print a service's (or all services') rows per grade."""
    by_grade = defaultdict(list)
    for grade, true, right in rows:
        by_grade[grade].append((true, right))
    for grade in GRADES:
        found = by_grade[grade]
        right = [true for true, is_right in found if is_right]
        attributed = len(found) if grade else 0
        print(
            f"{title:10} {grade or 'none':8} {len(found):8} {attributed:10} {len(right):6} "
            f"{share(len(right), attributed)} {share(len({id(true) for true in right}), len(broken))}"
        )
    attributed = [row for row in rows if row[0]]
    right = [true for _, true, is_right in attributed if is_right]
    print(
        f"{title:10} {'all':8} {len(rows):8} {len(attributed):10} {len(right):6} "
        f"{share(len(right), len(attributed))} {share(len({id(true) for true in right}), len(broken))}"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    asked = parser.parse_args()
    os.environ["GITHUB_TOKEN"] = "practice-token"
    begun = time.monotonic()
    rows, broken, pairs, unlinked = defaultdict(list), defaultdict(list), defaultdict(Counter), Counter()
    for seed in asked.seeds:
        company = make(seed, until=UNTIL)
        with tempfile.TemporaryDirectory() as folder:
            store = synced(company, Path(folder))
            for service in LEFT:
                found, true, (said, failed) = judged(store, company, service)
                rows[service] += found
                broken[service] += true
                near = sum(any(_is(one, other) for other in failed) for one in said)
                pairs[service] += Counter(said=len(said), failed=len(failed), both=near)
        unlinked += Counter(one.linked for one in company.truth.failures if one.incident is not None)
    print(f"seeds {asked.seeds}: {unlinked[False] / unlinked.total():.0%} of all incidents do not name their cause")
    print(f"{'service':10} {'grade':8} failures attributed  right precision    recall")
    for service in LEFT:
        table(service, rows[service], broken[service])
    table("all", list(chain.from_iterable(rows.values())), list(chain.from_iterable(broken.values())))
    print("failed deployments: said by the lab, true, both, precision, recall")
    for service, found in [*pairs.items(), ("all", sum(pairs.values(), Counter()))]:
        both = found["both"]
        print(
            f"{service:10} {found['said']:5} {found['failed']:5} {both:5} "
            f"{share(both, found['said'])} {share(both, found['failed'])}"
        )
    print(f"in {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
