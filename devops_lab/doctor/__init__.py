"""What is wrong and what to do: token, limits, each rule's hits and near misses, and which metrics can be computed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from devops_lab import delivery, metrics
from devops_lab.config import Settings
from devops_lab.doctor import access, coverage
from devops_lab.errors import SourceError, UserError
from devops_lab.store import Store
from devops_lab.sync import client_of, prometheus_of

FEW = 6


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is well, what was seen, and the way out where it is not."""

    well: bool
    what: str
    way_out: str = ""


def findings(store: Store, settings: Settings) -> Iterator[Finding]:
    """Yield what was looked at, one `Finding` at a time, the outside first; nothing is written anywhere."""
    yield Finding(True, f"{settings.path}: {len(settings.service)} services")
    yield from _github(settings)
    yield from _prometheus(store, settings)
    if store.snapshot_name is None:
        yield Finding(False, f"{store.path} holds no complete sync", "`devops-lab sync` fills it")
        return
    yield Finding(True, f"{store.path}: last complete sync {store.as_of:%Y-%m-%d %H:%M} UTC")
    yield from _rules(store, settings)
    yield from _ledger(store)
    yield from _metrics(store)


def _rules(store: Store, settings: Settings) -> Iterator[Finding]:
    """Yield the hits of each rule; where services are many those that are well share a line.

    A rule that hits in one service and not in another that has it too is well: it was written for all of them.
    """
    found = {service.name: delivery.hits(store, service) for service in settings.service}
    elsewhere = {hit.rule for hits in found.values() for hit in hits if hit.matched}
    many = len(found) > FEW
    for name, hits in found.items():
        well = [hit for hit in hits if hit.matched or (many and hit.rule in elsewhere)]
        if many and well:
            yield Finding(True, f"{name}: {'; '.join(f'{hit.rule}: {hit.matched} of {hit.seen}' for hit in well)}")
        for hit in hits:
            if many and hit in well:
                continue
            near = f"nearest: {', '.join(hit.nearest)}" if hit.nearest else "nothing comes near it"
            way_out = "" if hit.matched else f"{near}; mend the rule in {settings.path.name}"
            yield Finding(hit.matched > 0, f"{name}: {hit.rule}: {hit.matched} of {hit.seen}", way_out)


def _github(settings: Settings) -> Iterator[Finding]:
    repositories = sorted({one.repository for one in settings.service if "/" in one.repository})
    if not repositories and not settings.discover:
        yield Finding(True, "no service needs GitHub")
        return
    if settings.github.app_id is None and settings.practice is None and not os.environ.get("GITHUB_TOKEN"):
        yield Finding(False, "GITHUB_TOKEN is not set", "without a token GitHub answers 60 questions an hour; set one")
    client = client_of(settings)
    for told in (
        access.server(client),
        coverage.discovery(settings),
        access.access(client, settings),
        coverage.uncovered(client, settings),
    ):
        yield from (Finding(*one) for one in told)
    try:
        core = client.get("/rate_limit")["resources"]["core"]
    except (SourceError, KeyError, TypeError):  # Enterprise servers may have no limits
        return
    left = f"GitHub: {core.get('remaining')} of {core.get('limit')} requests left this hour"
    yield Finding(bool(core.get("remaining")), left, "the sync waits until the hour is over, and says so")


def _prometheus(store: Store, settings: Settings) -> Iterator[Finding]:
    until = datetime.now(UTC).replace(tzinfo=None)
    for service in settings.service:
        if not service.asks_prometheus or service.prometheus not in settings.prometheus:
            continue
        try:
            for seen in prometheus_of(store, settings, service).seen(until):
                what = f"{service.name}: {seen.table}: {seen.series} series now, "
                since = f"data since {seen.since:%Y-%m-%d}" if seen.since else "no data in ten years"
                way_out = seen.problem or f"the query is {seen.query}; compare its names and labels with the server's"
                yield Finding(seen.since is not None, what + since, "" if seen.since else way_out)
        except UserError as problem:
            yield Finding(False, f"{service.name}: a query cannot be bound", str(problem))


def _ledger(store: Store) -> Iterator[Finding]:
    gaps = store.rows(
        "select repository, table_name, source, sum(coalesce(missing, 0)) as missing, "
        "max(case when recorded_at = newest then refused end) as refused, "
        "max(case when recorded_at = newest then warnings end) as warnings "
        "from (select *, max(recorded_at) over (partition by repository, table_name, source) as newest "
        "from sync_ledger) group by repository, table_name, source order by 1, 2, 3"
    )
    for gap in gaps:
        place = f"{gap['repository']} {gap['table_name']}"
        if gap["warnings"]:
            yield Finding(True, f"{place}: the server warned: {gap['warnings']}")
        if gap["refused"]:
            way_out = "the next sync asks again" if gap["source"] == "prometheus" else "give the token the permission"
            yield Finding(False, f"{place}: {gap['refused']}", way_out)
        elif gap["missing"]:
            said = f"{int(gap['missing'])} that the server no longer has"
            yield Finding(False, f"{place}: {said}", "nothing brings them back; numbers say so")


def _metrics(store: Store) -> Iterator[Finding]:
    for metric in metrics.catalogue():
        frame = metric.observations(store)
        counted = int(frame["excluded"].isna().sum()) if len(frame) else 0
        reason = str(frame.attrs.get("reason", "")) or "every row is left out; `devops-lab receipt` says why"
        yield Finding(counted > 0, f"{metric.name}: {counted} observations", "" if counted else reason)
