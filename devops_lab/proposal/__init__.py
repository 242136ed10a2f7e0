"""Look at a repository and propose a ``lab.toml`` whose rules fit, with how many hits each has.

What comes first is the nearest to production that there is: GitHub deployments to a production-like environment, a
workflow that deploys, releases, version tags, and last the merges to the default branch.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from devops_lab.config.inheritance import literal
from devops_lab.github_api import GitHubClient
from devops_lab.sources.git import Git, repository_of

VERSION = re.compile(r"^(?P<prefix>.*?)(?P<version>\d+\.\d+\.\d+)$")
PRODUCTION = ("production", "prod", "live")
DEPLOYS = re.compile(r"deploy|release|publish|ship|\bcd\b", re.IGNORECASE)
INCIDENT_LABELS = ("incident", "outage", "production-incident", "postmortem", "sev1")
HOTFIX_LABELS = ("hotfix", "regression", "revert")
WINDOWS = (("90 days", 90), ("180 days", 180), ("1 year", 365), ("2 years", 730))
ENOUGH = 12
UNDATED = datetime(1, 1, 1)  # noqa: DTZ001 - naive UTC throughout


@dataclass(frozen=True)
class Candidate:
    """One deployment rule that would match something: its TOML, what it hits, and when."""

    rule: dict[str, Any]
    found: str
    moments: tuple[datetime, ...] = ()

    @property
    def hits(self) -> int:
        """How many deployments the rule would find in what was looked at."""
        return len(self.moments)


@dataclass
class Proposal:
    """What was seen of one repository, the best rule first."""

    name: str
    repository: str | None = None
    clone: Path | None = None
    candidates: list[Candidate] = field(default_factory=list)
    incident_labels: list[str] = field(default_factory=list)
    hotfix_labels: list[str] = field(default_factory=list)
    patch_releases: bool = False
    tags: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)

    @property
    def last(self) -> str:
        """The shortest usual window with a dozen deployments by the first rule; 90 days where none does better."""
        moments = self.candidates[0].moments if self.candidates else ()
        now = datetime.now(UTC).replace(tzinfo=None)
        counts = [(sum(moment > now - timedelta(days=days) for moment in moments), words) for words, days in WINDOWS]
        enough = [words for count, words in counts if count >= ENOUGH]
        most = max(counts, key=lambda pair: pair[0], default=(0, WINDOWS[0][0]))
        return enough[0] if enough else (most[1] if most[0] else WINDOWS[0][0])


def of_clone(path: Path) -> Proposal:
    """Look at a clone or bare repository; AccessError when there is none."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for table, batch in Git(path, "look").pull(None, datetime.now(UTC).replace(tzinfo=None)):
        rows.setdefault(table, []).extend(batch)
    name = repository_of(path).rsplit("/", 1)[-1]
    proposal = Proposal(name, clone=path)
    tags = [(row["tag"], row["tagged_at"]) for row in rows.get("tags", []) if row["tagged_at"]]
    proposal.candidates = [*_tags(tags), _merges(rows)]
    proposal.patch_releases = "tags" in proposal.candidates[0].rule["from"]
    return proposal


def of_github(client: GitHubClient, repository: str) -> Proposal:
    """Look at a repository on GitHub with six requests; AccessError when it does not exist or may not be seen."""
    client.repository(repository)
    proposal = Proposal(repository.rsplit("/", 1)[-1], repository)
    base = f"/repos/{repository}"
    deployments = _first_page(client, f"{base}/deployments")
    environments = Counter(row.get("environment") or "" for row in deployments)
    for name in sorted(environments, key=lambda name: (not _is_production(name), -environments[name])):
        if _is_production(name):
            moments = _moments(row.get("created_at") for row in deployments if row.get("environment") == name)
            proposal.candidates.append(
                Candidate({"from": "deployments", "environments": [name]}, f"GitHub deployments to {name}", moments)
            )
    for workflow in _first_page(client, f"{base}/actions/workflows", "workflows"):
        file = str(workflow.get("path") or "").rsplit("/", 1)[-1]
        if DEPLOYS.search(f"{workflow.get('name')} {file}"):
            runs = _first_page(client, f"{base}/actions/workflows/{workflow.get('id')}/runs", "workflow_runs")
            runs = [run for run in runs if run.get("event") != "pull_request" and run.get("conclusion")]
            rule = {"from": "workflow", "workflow": file}
            moments = _moments(run.get("created_at") for run in runs)
            if moments:
                proposal.candidates.append(Candidate(rule, f"runs of {file}", moments))
    releases = [row for row in _first_page(client, f"{base}/releases") if not row.get("draft")]
    stable = _moments(row.get("published_at") for row in releases if not row.get("prerelease"))
    if stable:
        proposal.candidates.append(Candidate({"from": "releases", "prereleases": False}, "published releases", stable))
    tags = _first_page(client, f"{base}/tags")
    proposal.tags = [str(row.get("name") or "") for row in tags]
    proposal.candidates += _tags([(name, None) for name in proposal.tags])
    proposal.candidates.append(Candidate({"from": "merges"}, "commits on the default branch"))
    labels = {str(row.get("name")) for row in _first_page(client, f"{base}/labels")}
    proposal.labels = sorted(labels)
    proposal.incident_labels = [label for label in sorted(labels) if label.casefold() in INCIDENT_LABELS]
    proposal.hotfix_labels = [label for label in sorted(labels) if label.casefold() in HOTFIX_LABELS]
    proposal.patch_releases = proposal.candidates[0].rule["from"] in ("tags", "releases")
    return proposal


def lab_toml(proposals: Iterable[Proposal], folder: Path, store: str = "lab", dora_alone: bool = False) -> str:
    """Return the text of a ``lab.toml``: one service per proposal, its other candidates as comments with their hits.

    `dora_alone`: nothing is fetched that only the phases' metrics read.
    """
    proposals = list(proposals)
    last = proposals[0].last if len(proposals) == 1 else WINDOWS[0][0]
    lines = [
        "# Written by `devops-lab init`; `devops-lab doctor` shows what each rule hits and narrowly misses.",
        "[lab]",
        f"store = {toml(store)}",
        'timezone = "UTC"',
        f"last = {toml(last)}    # the window that questions and reports look at",
        *(["phases = []    # nothing but what DORA's metrics need"] if dora_alone else []),
    ]
    for proposal in proposals:
        lines += ["", "[[service]]", f"name = {toml(proposal.name)}"]
        if proposal.repository:
            lines.append(f"repository = {toml(proposal.repository)}")
        if proposal.clone is not None:
            lines.append(f"clone = {toml(_relative(proposal.clone, folder))}")
        first, *others = proposal.candidates or [Candidate({"from": "merges"}, "commits on the default branch")]
        lines.append(f"deployment = {toml(first.rule)}    # {_hits(first)}")
        lines += [f"#            {toml(other.rule)}    # {_hits(other)}" for other in others[:4]]
        if proposal.incident_labels:
            lines.append(f"incident = {toml({'from': 'issues', 'labels': proposal.incident_labels})}")
        else:
            lines.append('# incident = { from = "issues", labels = ["incident"] }')
            lines.append('#            { from = "file", path = "incidents/*.csv" }')
        rework: dict[str, Any] = {"reverts": True, "patch_releases": proposal.patch_releases}
        if proposal.hotfix_labels:
            rework["labels"] = proposal.hotfix_labels
        lines.append(f"rework = {toml(rework)}")
    return "\n".join(lines) + "\n"


def _tags(tags: list[tuple[str, datetime | None]]) -> list[Candidate]:
    """Return a candidate of all plain version tags of the most frequent prefixes, the largest group first."""
    groups: dict[str, list[datetime | None]] = {}
    for name, moment in tags:
        found = VERSION.match(name)
        if found and not re.search(r"\d", found["prefix"]):
            groups.setdefault(found["prefix"], []).append(moment)
    if not groups:
        return []
    plain: list[str] = [prefix for prefix in ("v", "") if prefix in groups]
    chosen = plain or [max(sorted(groups), key=lambda prefix: len(groups[prefix]))]
    patterns = [literal(prefix) + "[0-9]+.[0-9]+.[0-9]+" for prefix in chosen]
    moments = tuple(moment or UNDATED for prefix in chosen for moment in groups[prefix])
    return [Candidate({"from": "tags", "tags": patterns}, "version tags", moments)]


def _merges(rows: dict[str, list[dict[str, Any]]]) -> Candidate:
    """Return the candidate of the default branch's first-parent commits."""
    parents = {row["sha"]: (row["parents"] or "").split() for row in rows.get("commits", [])}
    times = {row["sha"]: row["committed_at"] for row in rows.get("commits", [])}
    default = next((row["default_branch"] for row in rows.get("repositories", [])), None)
    here = next((row["sha"] for row in rows.get("branches", []) if row["branch"] == default), None)
    moments = []
    while here in parents:
        moments.append(times[here])
        here = next(iter(parents[here]), None)
    return Candidate({"from": "merges"}, f"commits on {default or 'the default branch'}", tuple(moments))


def _first_page(client: GitHubClient, path: str, key: str | None = None) -> list[dict[str, Any]]:
    return next(iter(client.pages(path, key)), [])


def _moments(values: Iterable[Any]) -> tuple[datetime, ...]:
    return tuple(datetime.fromisoformat(value).astimezone(UTC).replace(tzinfo=None) for value in values if value)


def _is_production(name: str) -> bool:
    return any(word in re.split(r"[^a-z]+", name.casefold()) for word in PRODUCTION)


def _hits(candidate: Candidate) -> str:
    return f"{candidate.found}: {candidate.hits or 'not counted'}"


def _relative(path: Path, folder: Path) -> str:
    path, folder = path.resolve(), folder.resolve()
    if path.is_relative_to(folder):
        return path.relative_to(folder).as_posix()
    if path.is_relative_to(folder.parent):
        return f"../{path.relative_to(folder.parent).as_posix()}".removesuffix("/.")
    return str(path)


def toml(value: Any) -> str:
    """Return a value as TOML writes it inline."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(toml(item) for item in value) + "]"
    return json.dumps(value, ensure_ascii=False)  # a TOML basic string, boolean or number reads as JSON writes it
