"""Sources → store → delivery: fetch what the rules and metrics need, newest first, and say what could not be had.

Each page is written as it comes, details before their parents, so a sync that is killed goes on where it stood.
What a source could not give stands in the ledger.  When all sources were asked, delivery links the facts and the
versions of all tables become one snapshot; readers move to it with ``refresh()``.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
import types
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pyarrow as pa

from devops_lab import delivery
from devops_lab.config import Service, Settings
from devops_lab.errors import LabError, SourceError, UserError
from devops_lab.github_api import GitHubClient
from devops_lab.github_connection import PUBLIC
from devops_lab.privacy import People, load_key
from devops_lab.sources import Source
from devops_lab.sources.files import Files
from devops_lab.sources.git import Git
from devops_lab.sources.github import GitHub
from devops_lab.sources.github_security import GitHubSecurity
from devops_lab.sources.github_tests import GitHubTests
from devops_lab.sources.junit import JUnitFolder
from devops_lab.sources.junit_artifacts import Downloads
from devops_lab.sources.prometheus import Prometheus
from devops_lab.sources.prometheus_server import PrometheusServer
from devops_lab.store import Store, Written
from devops_lab.tables import TABLES

FIRST_DAYS = 91  # 90 days of any time zone's calendar, its changing clocks included
HELD_ROWS, HELD_TABLE_ROWS, HELD_SECONDS = 5000, 100_000, 5.0
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - naive UTC throughout
GIT_TABLES = {"repositories", "commits", "commit_files", "tags", "branches"}
Rows: TypeAlias = list[dict[str, Any]] | pa.Table
Say = Callable[[str], None]
Progress = Callable[[str, int, int | None], None]


@dataclass
class Outcome:
    """What one source of one repository gave: rows per table, or the problem that ended it."""

    repository: str
    source: str
    tables: dict[str, Written] = field(default_factory=dict)
    missing: int = 0
    refused: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problem: LabError | None = None

    @property
    def rows(self) -> Written:
        """Rows of all tables but the ledger, summed."""
        return sum((count for name, count in self.tables.items() if name != "sync_ledger"), Written())


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

    Errors: StoreError when another sync holds the store; ConfigError and UserError when nothing can be asked.
    """
    services = chosen(settings, service)
    writer = Store(store.path, latest=True)
    with writer.lock():
        until = _now()
        people = people_of(settings)
        writer.replace("services", delivery.describe(settings))
        outcomes = [
            _pull(writer, source, repository, people, since, until, progress)
            for repository, source in _sources(writer, settings, services, say, progress)
        ]
        if len(outcomes) == 1 and outcomes[0].problem:
            raise outcomes[0].problem
        for warning in derive(writer, settings, until):
            (say or _quiet)(warning)
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


def chosen(settings: Settings, service: str | None) -> list[Service]:
    """Return the services of `settings`, or the one called `service`; UserError when there is none."""
    found = [one for one in settings.service if service in (None, one.name)]
    if not found:
        names = ", ".join(one.name for one in settings.service)
        said = f"there is no service {service!r}; services: {names}" if names else "there is no [[service]]"
        raise UserError(f"{settings.path}: {said}; `devops-lab init` writes one")
    return found


def people_of(settings: Settings) -> People:
    """Return how people are stored; the key is read (or made) only where pseudonyms need one."""
    policy = settings.privacy.people
    return People(policy, load_key() if policy == "pseudonym" else None)


def client_of(settings: Settings, say: Say | None = None) -> GitHubClient:
    """Return the GitHub client of `settings`; UserError for a made-up company that is not there."""
    if settings.practice is not None and settings.github.url == PUBLIC:
        raise UserError(
            f"{settings.path} is of a made-up company whose GitHub is not up: `devops-lab sync` starts it for the "
            "while, `devops-lab practice up` for as long as you like"
        )
    return GitHubClient(settings.github.url, token_of(settings), notify=say or _quiet)


def token_of(settings: Settings) -> str | None:
    """Return the token that signs requests: ``GITHUB_TOKEN``; a made-up company gets a made-up one, never yours."""
    return "practice" if settings.practice is not None else os.environ.get("GITHUB_TOKEN") or None


def _sources(
    writer: Store, settings: Settings, services: Iterable[Service], say: Say | None, progress: Progress | None
) -> Iterator[tuple[str, Source]]:
    """Yield each source once per repository: the clone, then GitHub for what a clone does not know, then files."""
    by_repository: dict[str, list[Service]] = {}
    for one in services:
        by_repository.setdefault(one.repository, []).append(one)
    client = None
    for repository, members in by_repository.items():
        needed = set().union(
            *(delivery.needed_tables(one) | delivery.phase_tables(one, settings.lab.phases) for one in members)
        )
        clones = [clone for one in members if (clone := settings.clone(one)) is not None]
        if clones:
            yield (
                repository,
                Git(clones[0], repository, with_files="commit_files" in needed or "operate" in settings.lab.phases),
            )
            needed -= GIT_TABLES
        if any(one.junit and one.junit.artifacts for one in members):
            needed.add("workflow_runs")
        if needed and "/" in repository:
            client = client or client_of(settings, say)
            known = known_in(writer, repository)
            yield repository, GitHub(client, repository, needed, known, _named(repository, progress), say or _quiet)
            yield from _beside_github(writer, settings, client, repository, members)
        for one in members:
            for table, rule in delivery.file_rules(one):
                yield one.name, Files(settings.folder, one.name, table, rule.path, rule.columns)
        for path in dict.fromkeys(one.junit.path for one in members if one.junit and one.junit.path):
            yield repository, JUnitFolder(settings.folder, repository, path)
        for one in members:
            if one.asks_prometheus and one.prometheus in settings.prometheus:
                yield one.name, prometheus_of(writer, settings, one)


def _beside_github(
    writer: Store, settings: Settings, client: GitHubClient, repository: str, members: Iterable[Service]
) -> Iterator[tuple[str, Source]]:
    """Yield what else is asked of GitHub about a repository, once: test results (after its runs), security alerts."""
    rule = next((one.junit for one in members if one.junit and one.junit.artifacts), None)
    if rule is not None:
        downloads = Downloads(settings.github.url, token_of(settings))
        yield repository, GitHubTests(client, downloads.zip, repository, rule, known_in(writer, repository))
    if any(one.security for one in members):
        yield repository, GitHubSecurity(client, repository)


def prometheus_of(store: Store, settings: Settings, service: Service) -> Prometheus:
    """Return the source that asks the service's Prometheus server; it skips what `store` holds."""
    server = PrometheusServer(settings.prometheus[service.prometheus], settings.folder, service.prometheus)
    return Prometheus(server, service, service.repository, known_in(store, service.name, "service"))


def known_in(
    writer: Store, name: str, owner: str = "repository"
) -> Callable[[str, tuple[str, ...]], dict[tuple[Any, ...], tuple[Any, ...]]]:
    """Return the question by which a source skips what is stored.

    ``known(table, columns)`` answers {key without the owner: values of the columns} of the rows whose `owner`
    (``repository`` or ``service``) is `name`; the ledger calls both repository.
    """

    def known(table: str, columns: tuple[str, ...]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
        own = owner if owner in TABLES[table].names else "repository"
        key = [column for column in TABLES[table].key if column != own]
        names = ", ".join(f'"{column}"' for column in dict.fromkeys((*key, *columns)))
        found = writer.arrow(f'select {names} from "{table}" where "{own}" = $name', name=name)  # noqa: S608
        keys = zip(*(found[column].to_pylist() for column in key), strict=True)
        values = (
            zip(*(found[column].to_pylist() for column in columns), strict=True) if columns else [()] * found.num_rows
        )
        return dict(zip(keys, values, strict=True))

    return known


def start_of(text: str, timezone: str = "UTC") -> datetime:
    """Return the instant that ``--since`` means: a date, a length of time before now ("90d"), or "all"."""
    from devops_lab import periods

    if text.strip().lower() == "all":
        return EPOCH
    if text.strip()[:4].isdigit() and "-" in text:
        return periods.instant(text, timezone, "since")
    return periods.before(_now(), text, timezone)


class _Held:
    """Batches on their way to the store: written together every few seconds, which costs a fraction of one by one.

    Tables are written in the order they first came, so details stay before their parents, and the ledger last.
    """

    def __init__(self, writer: Store, source: str, people: People, outcome: Outcome) -> None:
        self._writer, self._source, self._people, self._outcome = writer, source, people, outcome
        self._tables: dict[str, list[Rows]] = {}
        self._since = time.monotonic()

    def add(self, table: str, rows: Rows) -> None:
        """Take a batch; write all when they are many, or the last write was long ago."""
        held = self._tables.get(table)
        if held and isinstance(held[-1], list) != isinstance(rows, list):
            self.write()
        self._tables.setdefault(table, []).append(rows)
        if self._weight() >= 1 or time.monotonic() - self._since > HELD_SECONDS:
            self.write()

    def _weight(self) -> float:
        """Return how much is held, as a share of what may be; rows of Arrow tables weigh a twentieth of row dicts."""
        held = [rows for batches in self._tables.values() for rows in batches]
        return sum(len(rows) / (HELD_ROWS if isinstance(rows, list) else HELD_TABLE_ROWS) for rows in held)

    def write(self) -> None:
        """Write what is held."""
        for table, batches in sorted(self._tables.items(), key=lambda item: item[0] == "sync_ledger"):
            rows = (
                list(itertools.chain.from_iterable(batches))
                if isinstance(batches[0], list)
                else pa.concat_tables(batches)
            )
            written = self._writer.write(table, rows, source=self._source, people=self._people)
            self._outcome.tables[table] = self._outcome.tables.get(table, Written()) + written
        self._tables.clear()
        self._since = time.monotonic()


def _named(repository: str, progress: Progress | None) -> Progress:
    """Return `progress` under the repository's name; the source tells of each page what is done of how much."""

    def show(table: str, done: int, total: int | None) -> None:
        if progress is not None:
            progress(f"{repository} {table}", done, total)

    return show


def _pull(
    writer: Store,
    source: Source,
    repository: str,
    people: People,
    since: datetime | None,
    until: datetime,
    progress: Progress | None,
) -> Outcome:
    outcome = Outcome(repository, source.name)
    wanted: frozenset[str] | None = getattr(source, "tables", None)
    start = since
    if start is None and not getattr(source, "fills_gaps", False):
        start = _last(writer, repository, source.name, wanted) or until - timedelta(days=FIRST_DAYS)
    held = _Held(writer, source.name, people, outcome)
    try:
        for table, rows in source.pull(start, until):
            if table == "sync_ledger":
                rows = [{**row, "repository": repository, "recorded_at": until} for row in rows]
                outcome.missing += sum(row.get("missing") or 0 for row in rows)
                outcome.refused += [f"{row['table_name']}: {row['refused']}" for row in rows if row.get("refused")]
            held.add(table, rows)
            if progress is not None and not isinstance(source, GitHub):
                progress(f"{repository} {table}", len(rows), len(rows))
        for table, keys in getattr(source, "gone", {}).items():
            writer.remove(table, keys)
    except (SourceError, UserError) as problem:
        outcome.problem = problem
    held.write()
    outcome.notes = list(getattr(source, "notes", []))
    return outcome


def _last(writer: Store, repository: str, source: str, wanted: frozenset[str] | None) -> datetime | None:
    """Return from when on a sync must go on: the earliest end of the wanted tables' last windows.

    None when one of them was never asked for, or refused: it is taken from the start.
    """
    ends = writer.rows(
        "select table_name, max(window_end) as until from sync_ledger "
        "where repository = $repository and source = $source and refused is null group by table_name",
        repository=repository,
        source=source,
    )
    known = {row["table_name"]: row["until"] for row in ends}
    if not known or (wanted is not None and not wanted <= known.keys()):
        return None
    return min(until for table, until in known.items() if wanted is None or table in wanted)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _quiet(message: str) -> None:
    """Say nothing."""


class _Callable(types.ModuleType):
    """``devops_lab.sync`` is this module and, as the public name ``dl.sync``, its one function."""

    def __call__(self, *arguments: Any, **keywords: Any) -> list[Outcome]:
        return sync(*arguments, **keywords)


sys.modules[__name__].__class__ = _Callable
