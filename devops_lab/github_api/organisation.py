"""What an organisation's server says of its repositories, for ``[[discover]]``: names, topics, properties, folders.

What cannot be had now is taken from what was known before, and said: an outage, a missing permission or an old server
drops no service.  A repository that was renamed stays under the name it had first, so that its history stays one;
GitHub answers to the old name until somebody takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from devops_lab.config.discovery import Discover, Known, Listing
from devops_lab.errors import AccessError, LabError, SourceError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import MissingError, RefusedError

SIGN_ON = (
    "single sign-on left out repositories of organisation {numbers}: authorise the token for it at "
    "https://github.com/settings/tokens"
)


@dataclass
class Asked:
    """What came of asking: the listing, what people should know, and the problem that left it as it was before."""

    listing: Listing
    notes: list[str] = field(default_factory=list)
    problem: LabError | None = None


def listing(
    client: GitHubClient,
    blocks: Iterable[Discover],
    before: Listing | None,
    now: datetime,
    written: Iterable[str] = (),
) -> Asked:
    """Return what is known of the organisation of `blocks` (all of one organisation) at `now` (naive UTC).

    `before` is what was known; `written` are full names in lab.toml, which may be former ones.
    """
    blocks = list(blocks)
    name = blocks[0].organisation
    known = {} if before is None else {one.id: one for one in before.repositories}
    client.partial.clear()
    try:
        raws = repositories(client, name)
    except (SourceError, AccessError) as problem:
        kept = before or Listing(name, now, [])
        return Asked(kept, [_kept(kept, known)] if known else [], problem)
    notes: list[str] = []
    found = {one.id: one for one in map(known_of, raws)}
    partial = SIGN_ON.format(numbers=", ".join(sorted(client.partial))) if client.partial else ""
    if partial:
        notes.append(partial)
        found |= {number: one for number, one in known.items() if number not in found}
    properties = _properties(client, name, notes) if any(one.needs_properties for one in blocks) else None
    found = {number: _with(one, properties, known.get(number), notes) for number, one in found.items()}
    found = _first_names(client, found, known, written, notes)
    for number in known.keys() - found.keys():
        notes.append(f"{known[number].full_name} is no longer there: its services are not asked for any more")
    found = {number: _with_folders(client, one, blocks, known.get(number), notes) for number, one in found.items()}
    return Asked(Listing(name, now, sorted(found.values(), key=lambda one: one.id), partial), notes)


def repositories(client: GitHubClient, organisation: str) -> list[dict[str, Any]]:
    """Return every repository of an organisation, or of a person of that name, that the token may see.

    Errors: AccessError where there is none; SourceError.
    """
    for path in (f"/orgs/{organisation}/repos", f"/users/{organisation}/repos"):
        try:
            return [raw for page in client.pages(path) for raw in page if raw.get("id") and raw.get("full_name")]
        except MissingError:
            continue
        except RefusedError as problem:
            raise AccessError(f"the repositories of {organisation} may not be listed: {problem}") from problem
    raise AccessError(f"{client.host} knows no organisation {organisation!r}, or this token may not see it")


def properties_of(client: GitHubClient, organisation: str) -> dict[int, dict[str, list[str]]]:
    """Return repository → custom property → its values.  Errors: MissingError, RefusedError, SourceError."""
    found: dict[int, dict[str, list[str]]] = {}
    for page in client.pages(f"/orgs/{organisation}/properties/values"):
        for raw in page:
            own = {str(one.get("property_name")): _values(one.get("value")) for one in raw.get("properties") or []}
            found[int(raw.get("repository_id") or 0)] = {name: values for name, values in own.items() if values}
    return found


def folders_in(client: GitHubClient, repository: str, parent: str) -> list[str]:
    """Return the folders in a folder of a repository's default branch, sorted; [] where there is none.

    Errors: SourceError.
    """
    try:
        raws = client.get(f"/repos/{repository}/contents/{parent}".rstrip("/"))
    except MissingError:
        return []
    entries = raws if isinstance(raws, list) else []
    return sorted(str(raw["path"]) for raw in entries if isinstance(raw, dict) and raw.get("type") == "dir")


def known_of(raw: dict[str, Any]) -> Known:
    """Return what a list of repositories says of one."""
    topics = [str(one) for one in raw.get("topics") or []]
    return Known(
        int(raw["id"]), str(raw["full_name"]), topics, archived=bool(raw.get("archived")), fork=bool(raw.get("fork"))
    )


def _values(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _properties(client: GitHubClient, organisation: str, notes: list[str]) -> dict[int, dict[str, list[str]]] | None:
    try:
        return properties_of(client, organisation)
    except MissingError:
        notes.append(f"{client.host} has no custom properties of {organisation}: the last known ones are used")
    except SourceError as problem:
        notes.append(f"custom properties of {organisation}: {problem}; the last known ones are used")
    return None


def _with(
    one: Known, properties: Mapping[int, dict[str, list[str]]] | None, before: Known | None, notes: list[str]
) -> Known:
    if properties is not None:
        return replace(one, properties=properties.get(one.id, {}))
    return replace(one, properties=before.properties) if before is not None else one


def _first_names(
    client: GitHubClient,
    found: dict[int, Known],
    known: Mapping[int, Known],
    written: Iterable[str],
    notes: list[str],
) -> dict[int, Known]:
    """Return the repositories under the names they had first, or have in lab.toml, unless another has it now."""
    present = {one.full_name.casefold() for one in found.values()}
    first = {number: one.full_name for number, one in known.items() if number in found}
    owners = {one.full_name.partition("/")[0].casefold() for one in found.values()}
    for name in written:
        if name.casefold() not in present and name.partition("/")[0].casefold() in owners:
            number = _number(client, name)
            if number in found:
                first[number] = name
    named = {}
    for number, one in found.items():
        old = first.get(number, one.full_name)
        if old.casefold() == one.full_name.casefold() or old.casefold() in present:
            named[number] = one
            continue
        notes.append(f"{old} is {one.full_name} now; it stays under its first name, so that its history stays one")
        named[number] = replace(one, full_name=old, now=one.full_name)
    return named


def _number(client: GitHubClient, name: str) -> int | None:
    try:
        return int(client.repository(name).get("id") or 0)
    except LabError:  # its own sync says what is wrong with it
        return None


def _with_folders(
    client: GitHubClient, one: Known, blocks: Iterable[Discover], before: Known | None, notes: list[str]
) -> Known:
    """Return the repository with its folders for the block that it fits."""
    block = next((block for block in blocks if block.fits(one)), None)
    if block is None or block.folders is None:
        return one
    try:
        return replace(one, folders={block.folders: folders_in(client, one.now or one.full_name, block.parent)})
    except SourceError as problem:
        notes.append(f"{one.full_name}: its folders are the last known ones: {problem}")
        return one if before is None else replace(one, folders=before.folders)


def _kept(kept: Listing, known: Mapping[int, Known]) -> str:
    when = f"{kept.read_at:%Y-%m-%d %H:%M} UTC"
    return f"the {len(known)} repositories of {kept.organisation} that were known on {when} are used"
