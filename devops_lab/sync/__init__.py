"""Sources → store → delivery: fetch what the rules and metrics need, newest first, and say what could not be had.

::

    discovering  which services there are
    asked        which source is asked for which repository, by the rules of lab.toml
    pulling      one source into the store, in batches; what it could not give stands in the ledger

Each page is written as it comes, details before their parents, so a sync that is killed goes on where it stood.
When all sources were asked, delivery links the facts and the versions of all tables become one snapshot; readers move
to it with ``refresh()``.
"""

from __future__ import annotations

import sys
import types
from datetime import UTC, datetime
from typing import Any

from devops_lab import delivery, keeping, periods
from devops_lab.config import Settings
from devops_lab.migration import migrate
from devops_lab.privacy import People, forgotten_in, load_key
from devops_lab.store import Store
from devops_lab.sync.asked import Progress, Say, chosen, client_of, prometheus_of, quiet, sources, token_of
from devops_lab.sync.discovering import discovered
from devops_lab.sync.pulling import Outcome, pull

__all__ = [
    "Outcome",
    "Progress",
    "Say",
    "chosen",
    "client_of",
    "derive",
    "people_of",
    "prometheus_of",
    "relink",
    "start_of",
    "sync",
    "token_of",
]

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC throughout


def sync(
    store: Store,
    settings: Settings,
    service: str | None = None,
    since: datetime | None = None,
    say: Say | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Fetch what changed, link it, and name a snapshot; return one `Outcome` per repository and source.

    The first sync of a repository takes 90 days (git: its whole history), later ones what changed since; `since` asks
    for an earlier start.  One repository's failure does not stop the others: its outcome carries the problem.
    A store of an older lab is migrated first.  What is older than ``[store] keep`` is taken out.

    Errors: StoreError when another sync holds the store; ConfigError and UserError when nothing can be asked.
    """
    if not settings.discover:
        chosen(settings, service)
    migrated = migrate(store.path)
    if migrated is not None:
        (say or quiet)(str(migrated))
    writer = Store(store.path, latest=True)
    with writer.lock():
        until = _now()
        settings, listed = discovered(writer, settings, until, say)
        services = chosen(settings, service)
        people = people_of(settings)
        first = settings.keeping.first(until, settings.lab.timezone)
        since = max(since, first) if since is not None and first is not None else since
        writer.replace("services", delivery.describe(settings))
        outcomes = listed + [
            pull(writer, source, repository, people, since, until, progress)
            for repository, source in sources(writer, settings, services, say, progress)
        ]
        if len(outcomes) == 1 and outcomes[0].problem:
            raise outcomes[0].problem
        if first is not None:
            gone = keeping.prune(writer, first)
            if gone:
                (say or quiet)(f"{sum(gone.values())} rows were older than {settings.keeping.keep} and are taken out")
        for warning in derive(writer, settings, until):
            (say or quiet)(warning)
    store.refresh()
    return outcomes


def derive(writer: Store, settings: Settings, as_of: datetime) -> list[str]:
    """Link the stored facts and name the snapshot that stands for `as_of`; return what people should look at."""
    warnings = delivery.derive(writer, settings)
    writer.tidy()
    writer.commit_snapshot(as_of)
    return warnings


def relink(store: Store, settings: Settings) -> list[str]:
    """Link the stored facts anew (after a correction or a changed rule) and name the snapshot; return the warnings."""
    if store.as_of is None:
        return []
    writer = Store(store.path, latest=True)
    with writer.lock():
        warnings = derive(writer, settings, store.as_of)
    store.refresh()
    return warnings


def people_of(settings: Settings) -> People:
    """Return how people are stored; the key is read (or made) only where pseudonyms or forgotten people need one."""
    policy, forgotten = settings.privacy.people, forgotten_in(settings.folder)
    return People(policy, load_key() if policy == "pseudonym" or forgotten else None, forgotten)


def start_of(text: str, timezone: str = "UTC") -> datetime:
    """Return the instant that ``--since`` means: a date, a length of time before now ("90d"), or "all"."""
    if text.strip().lower() == "all":
        return EPOCH
    if text.strip()[:4].isdigit() and "-" in text:
        return periods.instant(text, timezone, "since")
    return periods.before(_now(), text, timezone)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class _Callable(types.ModuleType):
    """``devops_lab.sync`` is this module and, as the public name ``dl.sync``, its one function."""

    def __call__(self, *arguments: Any, **keywords: Any) -> list[Outcome]:
        return sync(*arguments, **keywords)


sys.modules[__name__].__class__ = _Callable
