"""Which source is asked for which repository: the clone, then GitHub for what a clone does not know, then the rest."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from devops_lab import delivery
from devops_lab.config import File, Service, Settings
from devops_lab.errors import UserError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.app import installation_of
from devops_lab.github_api.connection import PUBLIC
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
from devops_lab.store import Store
from devops_lab.tables import TABLES

GIT_TABLES = {"repositories", "commits", "commit_files", "tags", "branches"}
Say = Callable[[str], None]
Progress = Callable[[str, int, int | None], None]


def chosen(settings: Settings, service: str | None) -> list[Service]:
    """Return the services of `settings`, or the one called `service`; UserError when there is none."""
    found = [one for one in settings.service if service in (None, one.name)]
    if not found:
        names = ", ".join(one.name for one in settings.service)
        said = f"there is no service {service!r}; services: {names}" if names else "there is no [[service]]"
        raise UserError(f"{settings.path}: {said}; `devops-lab init` writes one")
    return found


def client_of(settings: Settings, say: Say | None = None) -> GitHubClient:
    """Return the GitHub client of `settings`; UserError for a made-up company that is not there."""
    if settings.practice is not None and settings.github.url == PUBLIC:
        raise UserError(
            f"{settings.path} is of a made-up company whose GitHub is not up: `devops-lab sync` starts it for the "
            "while, `devops-lab practice up` for as long as you like"
        )
    app = None if settings.practice is not None else installation_of(settings.github, settings.folder)
    token = None if app is not None else token_of(settings)
    return GitHubClient(settings.github.url, token, notify=say or quiet, app=app)


def token_of(settings: Settings) -> str | None:
    """Return the token that signs requests: ``GITHUB_TOKEN``; a made-up company gets a made-up one, never yours."""
    return "practice" if settings.practice is not None else os.environ.get("GITHUB_TOKEN") or None


def sources(
    writer: Store, settings: Settings, services: Iterable[Service], say: Say | None, progress: Progress | None
) -> Iterator[tuple[str, Source]]:
    """Yield each source once per repository or service; the GitHub client is made where one is needed."""
    by_repository: dict[str, list[Service]] = {}
    for one in services:
        by_repository.setdefault(one.repository, []).append(one)
    client = None
    told: set[tuple[str, str]] = set()
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
            yield repository, GitHub(client, repository, needed, known, _named(repository, progress), say or quiet)
            yield from _beside_github(writer, settings, client, repository, members)
        for one in members:
            yield from ((one.name, source) for source in _files(writer, settings, one, told))
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
        downloads = Downloads(settings.github.url, client.signature)
        yield repository, GitHubTests(client, downloads.zip, repository, rule, known_in(writer, repository))
    if any(one.security for one in members):
        yield repository, GitHubSecurity(client, repository)


def _files(writer: Store, settings: Settings, service: Service, told: set[tuple[str, str]]) -> Iterator[Files]:
    """Yield a source for each table that files fill of the service; the first of several on the same files tells.

    It tells of rows that are nobody's, and of names in the rule's `services` that no service has; `told` knows who did.
    """
    by_table: dict[str, list[File]] = {}
    for table, rule in delivery.file_rules(service):
        by_table.setdefault(table, []).append(rule)
    for table, rules in by_table.items():
        fresh = {(table, rule.path) for rule in rules} - told
        told |= fresh
        others = [
            (one.name, rule)
            for one in settings.service
            for name, rule in delivery.file_rules(one)
            if (name, rule.path) in fresh
        ]
        elsewhere = [name for one, rule in others for name in rule.services.get(one, [one])] if fresh else None
        known = known_in(writer, service.name, "service")
        source = Files(settings.folder, service.name, table, rules, known, elsewhere)
        strange = {name for rule in rules for name in rule.services} - {one.name for one in settings.service}
        if fresh and strange:
            source.notes.append(
                f"services names {', '.join(map(repr, sorted(strange)))} in the rule for {rules[0].path}, "
                "which is no service of lab.toml"
            )
        yield source


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


def _named(repository: str, progress: Progress | None) -> Progress:
    """Return `progress` under the repository's name; the source tells of each page what is done of how much."""

    def show(table: str, done: int, total: int | None) -> None:
        if progress is not None:
            progress(f"{repository} {table}", done, total)

    return show


def quiet(message: str) -> None:
    """Say nothing."""
