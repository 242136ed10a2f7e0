"""What the token may read: each endpoint that a service needs, asked once per repository; what is missing, by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from devops_lab import delivery
from devops_lab.config import Service, Settings
from devops_lab.errors import AccessError, SourceError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.access import ENTERPRISE, HIDDEN, LACKS, OFF, SILENT, WELL, Feature, Probe, probed, wanted

TESTS, ALERTS = {"test_runs", "test_cases", "workflow_runs"}, {"security_alerts"}
WAYS_OUT = {
    LACKS: "give the token this permission: docs/access.md lists what each feature needs",
    HIDDEN: "include the repository in the token (or the app's installation), and compare its name",
    SILENT: "ask again later",
}


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return names in one line, the first of many."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def server(client: GitHubClient) -> Iterator[tuple[bool, str, str]]:
    """Yield what the server itself is: an Enterprise server names its version."""
    answer = client.probe("/meta")
    version = answer.headers.get(ENTERPRISE)
    if version:
        yield True, f"{client.host} is GitHub Enterprise Server {version}; what it lacks is said where it is asked", ""
    elif answer.status == 0:
        yield (
            False,
            f"{client.host} does not answer: {answer.problem}",
            "compare [github] url; a proxy is in HTTPS_PROXY",
        )


def access(client: GitHubClient, settings: Settings) -> Iterator[tuple[bool, str, str]]:
    """Yield (well, what, way out) for each repository, and one line for what several lack in the same way."""
    missing: dict[tuple[str, str, str], list[str]] = {}
    for repository, members in _by_repository(settings.service).items():
        try:
            name, probes = probed(client, repository, _features(members, settings))
        except (AccessError, SourceError) as problem:
            yield False, repository, str(problem)
            return
        lacking = [probe for probe in probes if probe.verdict in WAYS_OUT]
        for probe in lacking:
            missing.setdefault((probe.feature.name, probe.verdict, probe.why), []).append(repository)
        if name.casefold() != repository.casefold():
            yield False, f"{repository} has moved to {name}", "name it so in lab.toml"
        if len(lacking) < len(probes):
            yield True, _readable(repository, probes), ""
    for (feature, verdict, why), names in missing.items():
        yield False, f"{feature}: {why}: {listed(names)}", WAYS_OUT[verdict]


def _readable(repository: str, probes: list[Probe]) -> str:
    well = [probe.feature.name for probe in probes if probe.verdict == WELL]
    off = [f"{probe.feature.name}: {probe.why}" for probe in probes if probe.verdict == OFF]
    said = f"{repository} can be read: {', '.join(well)}"
    return f"{said}; not there: {'; '.join(off)}" if off else said


def _by_repository(services: list[Service]) -> dict[str, list[Service]]:
    found: dict[str, list[Service]] = {}
    for one in services:
        if "/" in one.repository:
            found.setdefault(one.repository, []).append(one)
    return found


def _features(members: list[Service], settings: Settings) -> list[Feature]:
    """Return what the services of one repository need, by their rules and the lab's phases."""
    tables: set[str] = set()
    for one in members:
        tables |= delivery.needed_tables(one) | delivery.phase_tables(one, settings.lab.phases)
        tables |= TESTS if one.junit is not None and one.junit.artifacts else set()
        tables |= ALERTS if one.security else set()
    return wanted(tables)
