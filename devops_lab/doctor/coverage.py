"""What no service covers: visible repositories of the organisations that ``lab.toml`` names."""

from __future__ import annotations

from collections.abc import Iterator

from devops_lab.config import Settings
from devops_lab.config.discovery import file_of, listings
from devops_lab.doctor.access import listed
from devops_lab.errors import AccessError, SourceError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.organisation import known_of, repositories


def discovery(settings: Settings) -> Iterator[tuple[bool, str, str]]:
    """Yield what each ``[[discover]]`` finds in what is known of its organisation."""
    if not settings.discover:
        return
    known = listings(settings.path)
    found = {one.repository.casefold() for one in settings.service}
    for number, block in enumerate(settings.discover, 1):
        listing = known.get(block.organisation.casefold())
        place = f"discover {number} ({block.organisation})"
        if listing is None:
            yield False, f"{place}: nothing is known yet", "`devops-lab sync` asks the organisation"
            continue
        fitting = [one for one in listing.repositories if block.fits(one)]
        here = {one.full_name.casefold() for one in fitting} & found
        found -= here
        when = f"{listing.read_at:%Y-%m-%d %H:%M} UTC"
        said = f"{place}: {len(here)} of {len(listing.repositories)} repositories, as of {when}"
        yield bool(here), said, "" if here else _nearest(settings, number, len(fitting))
        if listing.partial:
            yield False, listing.partial, "what was hidden is not asked for, and numbers lack it"


def _nearest(settings: Settings, number: int, fitting: int) -> str:
    if fitting:
        return f"{fitting} fit, and earlier blocks or services took them all"
    block = settings.discover[number - 1]
    known = listings(settings.path)[block.organisation.casefold()].repositories
    active = [one for one in known if not (one.archived or one.fork)]
    topics = sorted({topic for one in active for topic in one.topics})
    properties = [(name, value) for one in active for name, values in one.properties.items() for value in values]
    named = sorted({f"{name} = {value}" for name, value in properties})
    seen = [
        *([f"topics there: {listed(topics)}"] if block.topics else []),
        *([f"properties there: {listed(named)}"] if block.properties else []),
        *([f"names there: {listed(sorted(one.name for one in active))}"] if block.names else []),
    ]
    return "; ".join(seen) or f"no repository is active; see {file_of(settings.path).name}"


def uncovered(client: GitHubClient, settings: Settings) -> Iterator[tuple[bool, str, str]]:
    """Yield, for each organisation named in lab.toml, the visible repositories that no service covers."""
    covered = {one.repository.casefold() for one in settings.service}
    former = {
        (one.now or one.full_name).casefold(): one.full_name.casefold()
        for listing in listings(settings.path).values()
        for one in listing.repositories
    }
    owners = [*(one.organisation for one in settings.discover), *_owners(settings)]
    for owner in dict.fromkeys(owner.casefold() for owner in owners):
        try:
            known = [known_of(raw) for raw in repositories(client, owner)]
        except (AccessError, SourceError) as problem:
            yield False, f"the repositories of {owner}: {problem}", "without the list nobody knows what is not covered"
            continue
        active = [one for one in known if not (one.archived or one.fork)]
        names = {one.name: one.full_name.casefold() for one in active}
        left = [name for name, full in names.items() if former.get(full, full) not in covered]
        said = f"{owner}: {len(active) - len(left)} of {len(active)} active repositories are covered"
        yield True, f"{said}; no service covers {listed(sorted(left))}" if left else said, ""


def _owners(settings: Settings) -> list[str]:
    return [one.repository.partition("/")[0] for one in settings.service if "/" in one.repository]
