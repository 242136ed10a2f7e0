"""Look at every repository of an organisation and propose a ``lab.toml``: one block for those that fit the same rules.

Each group becomes one ``[[discover]]``, chosen by what its repositories have in common and others have not: a topic, a
custom property, the beginning or end of their names, and last their names.  Rules that most groups share stand in
``[defaults]``.  What shows no sign of being deployed is named and left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from devops_lab.config.discovery import Known
from devops_lab.config.inheritance import literal
from devops_lab.errors import AccessError, SourceError
from devops_lab.github_api import GitHubClient
from devops_lab.github_api.answers import MissingError
from devops_lab.github_api.organisation import folders_in, known_of, properties_of, repositories
from devops_lab.proposal import INCIDENT_LABELS, VERSION, Proposal, of_github, toml
from devops_lab.proposal.groups import TEAM_PROPERTIES, Group, in_order

PARENTS = ("services", "packages", "apps", "modules", "components", "libs")
VERSIONS = "[0-9]+.[0-9]+.[0-9]+"


@dataclass
class Overview:
    """What was seen of an organisation: groups, repositories without a sign of deployments, and those that failed."""

    organisation: str
    groups: list[Group]
    team: str | None = None
    idle: list[Known] = field(default_factory=list)
    left_out: list[Known] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def services(self) -> int:
        """How many services the groups make."""
        return sum(group.services for group in self.groups)


def of_organisation(
    client: GitHubClient, organisation: str, progress: Callable[[str, int, int], None] = lambda name, done, of: None
) -> Overview:
    """Look at every repository of `organisation` that the token may see; `progress` hears name, number and how many.

    One that cannot be read is named, and the others go on.  Errors: AccessError where there is no such organisation;
    SourceError.
    """
    known = [known_of(raw) for raw in repositories(client, organisation)]
    overview = Overview(organisation, [])
    try:
        properties = properties_of(client, organisation)
        known = [one.having(properties.get(one.id, {})) for one in known]
    except MissingError:
        overview.notes.append(f"{client.host} has no custom properties; teams are to be written down")
    except SourceError as problem:
        overview.notes.append(f"custom properties: {problem}; teams are to be written down")
    overview.left_out = [one for one in known if one.archived or one.fork]
    active = [one for one in known if not (one.archived or one.fork)]
    groups: dict[tuple[str, bool, str | None], Group] = {}
    for number, one in enumerate(active, 1):
        progress(one.full_name, number, len(active))
        try:
            seen = _group(client, one)
        except (AccessError, SourceError) as problem:
            overview.failed[one.full_name] = str(problem)
            continue
        if seen is None:
            overview.idle.append(one)
            continue
        group = groups.setdefault(seen.same, seen)
        group.members.append(one)
        if group is not seen:
            group.services += seen.services
            group.incident_labels |= seen.incident_labels
            group.hotfix_labels |= seen.hotfix_labels
    overview.groups = in_order(list(groups.values()), [*overview.idle, *_failed(active, overview)])
    overview.team = _team(active)
    return overview


def _failed(active: Iterable[Known], overview: Overview) -> list[Known]:
    return [one for one in active if one.full_name in overview.failed]


def _group(client: GitHubClient, one: Known) -> Group | None:
    """Return the group of one repository; None where nothing but merges could be a deployment."""
    proposal = of_github(client, one.full_name)
    parts = _monorepo(client, proposal)
    if parts is not None:
        return parts
    best = proposal.candidates[0]
    if best.rule["from"] == "merges":
        return None
    return _grouped(best.rule, best.found, proposal)


def _grouped(rule: dict[str, Any], found: str, proposal: Proposal) -> Group:
    group = Group(rule, found, proposal.patch_releases)
    group.incident_labels, group.hotfix_labels = set(proposal.incident_labels), set(proposal.hotfix_labels)
    return group


def _monorepo(client: GitHubClient, proposal: Proposal) -> Group | None:
    """Return the group of a repository whose version tags name its folders: web-v1.2.3 for services/web."""
    prefixes = Counter(
        found["prefix"] for tag in proposal.tags if (found := VERSION.match(tag)) and found["prefix"] not in ("", "v")
    )
    parted = [re.fullmatch(r"@?(.+?)([-@/_]v?)", one) for one in prefixes]
    named = {match[1]: match[2] for match in parted if match is not None}
    endings = Counter(named.values())
    if len(named) < 2:
        return None
    ending = endings.most_common(1)[0][0]
    names = {name for name, own in named.items() if own == ending}
    for parent in PARENTS:
        folders = folders_in(client, proposal.repository or "", parent)
        here = {folder.rpartition("/")[2] for folder in folders}
        if len(names & here) >= 2:
            rule = {"from": "tags", "tags": [f"$service{literal(ending)}{VERSIONS}"]}
            labels = [word for word in INCIDENT_LABELS if {f"{word}-{name}" for name in names} & set(proposal.labels)]
            group = _grouped(rule, f"version tags of each folder in {parent}", proposal)
            group.incident_labels = {f"{word}-$service" for word in labels} or group.incident_labels
            group.folders, group.services = f"{parent}/*", len(here)
            return group
    return None


def _team(active: Sequence[Known]) -> str | None:
    """Return the custom property that names teams: one that most repositories have."""
    counts = Counter(name for one in active for name in one.properties if name.casefold() in TEAM_PROPERTIES)
    found = counts.most_common(1)
    return found[0][0] if found and found[0][1] * 2 >= len(active) else None


# ---------------------------------------------------------------------- the text


def organisation_toml(overview: Overview, url: str, public: str, store: str = "lab") -> str:
    """Return the text of a ``lab.toml`` for what was seen; `public` is the address that need not be written down."""
    shared = _shared(overview.groups)
    lines = [
        "# Written by `devops-lab init`.  `devops-lab doctor` lists what no service covers; `config show NAME` tells",
        "# what holds for a service.  The first block that a repository fits takes it; a [[service]] wins over all.",
        "[lab]",
        f"store = {toml(store)}",
        'timezone = "UTC"',
        *(["", "[github]", f"url = {toml(url)}"] if url != public else []),
        *(["", "[defaults]", *(f"{key} = {value}" for key, value in shared.items())] if shared else []),
    ]
    for group in overview.groups:
        lines += ["", "[[discover]]", f"organisation = {toml(overview.organisation)}"]
        lines += [line for line in (group.chosen_by, f'folders = "{group.folders}"' if group.folders else "") if line]
        lines += [f"team = {toml({'property': overview.team})}"] if overview.team else []
        for key, value in group.keys.items():
            if shared.get(key) != value:
                note = f"    # {group.found}: {group.services} of them" if key == "deployment" else ""
                lines.append(f"{key} = {value}{note}")
        if "incident" not in group.keys and "incident" not in shared:
            lines.append('# incident = { from = "issues", labels = ["incident"] }')
    if overview.idle:
        lines += ["", f"# No sign of deployments: {_listed(overview.idle)}"]
    if overview.left_out:
        lines += ["", f"# Archived or forks: {_listed(overview.left_out)}"]
    lines += [f"# Not looked at: {name}: {problem}" for name, problem in sorted(overview.failed.items())]
    return "\n".join(lines) + "\n"


def _shared(groups: Sequence[Group]) -> dict[str, str]:
    """Return the keys but the deployment that most groups have alike; a group without the key must not inherit it."""
    found = {}
    for key in ("incident", "rework"):
        values = Counter(group.keys.get(key) for group in groups)
        value, count = values.most_common(1)[0] if values else (None, 0)
        if value is not None and count > 1 and None not in values:
            found[key] = value
    return found


def _listed(known: Iterable[Known]) -> str:
    names = sorted(one.name for one in known)
    more = f" and {len(names) - 12} more" if len(names) > 12 else ""
    return ", ".join(names[:12]) + more
