"""Changes: what was made, and the first deployment that carries it.

A change is a pull request, from its first commit by author date to the first deployment that carries its merged result,
or a commit without one.  So squash, rebase and merge commit give one observation with one clock, and trunk-based work
counts.  The stored table has a row for every commit that the default branch or a deployment reaches (work on unmerged
branches is no change yet); metrics look at the rows with ``is_result``, one for each service and change.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from devops_lab.delivery.facts import Facts, load
from devops_lab.delivery.pull_requests import SQUASH, Row, parent_count, side_owners

__all__ = ["Facts", "Service", "changes", "load"]

MERGE_COMMIT = "merge commit"
BEFORE_RECORDS = "deployed before records"
UNKNOWN = "deployment unknown"
PROMOTION = "promotion"
SQUASHED = "squashed: only the squash's author date is known"
AUTHORED_LATE = "clock: author date after commit date"
COMMITTED_LATE = "clock: commit after deployment"


class Service(Protocol):
    """What `changes` needs of a service: its name, and the patterns of its paths (none: the whole repository)."""

    @property
    def name(self) -> str:
        """The service's name."""

    @property
    def paths(self) -> Sequence[str]:
        """GitHub's filter patterns of its paths."""


@dataclass
class Rollouts:
    """Successful deployments in the order of their walk: which carries a commit first, and what is not counted.

    `carried_by` sha → deployment id, `finished_at` id → instant, `first` the id of the first known one, `after_unknown`
    ids of those before which a deployment of an unknown sha lies.
    """

    carried_by: dict[str, str]
    finished_at: dict[str, datetime]
    tips: list[str]
    first: str | None = None
    after_unknown: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Change:
    """What all commits of one change share."""

    change_id: str
    pull_request: int | None
    is_bot: bool
    title: str | None
    first_commit_at: datetime
    merged_at: datetime
    note: str | None
    url: str | None


def changes(service: Service, facts: Facts, deployments: Iterable[Row]) -> list[Row]:
    """Return the rows of the stored table `changes` for one service.

    `deployments` are the service's rows of the table `deployments`; only successful ones that are not excluded carry
    anything, in the order of (finished_at, id), and each commit belongs to the first that reaches it: ancestry, not
    dates.

    * First commit: the earliest author date among the pull request's commits, as GitHub lists them, else as the graph
      has them; of squashed work read from git alone only the squash's own author date is known, and `note` says so.
      Clocks that are wrong (author date after commit date, commit after deployment) stay as they are and are noted.
    * Merged: GitHub's word, else the committer date of the pull request's result, else the commit's own.
    * Bots: GitHub's word, else a pull request is a bot's when all its commits are.
    * Not counted, in `excluded`: "promotion"; "merge commit" (one that is no pull request's result); "deployed before
      records" (what the first known deployment carries: it may have been deployed long before); "deployment unknown"
      (first reached by a deployment before which one of an unknown sha lies: either may have carried it, so
      `deployment_id` is null).  A change that waits for its deployment has no `deployment_id` and no exclusion.
    * In a part of a repository (`service.paths`) are the commits that change a file there, and all commits of a pull
      request one of whose commits does.  Merge commits change no files.
    """
    rollouts = _rollouts(facts, deployments)
    tips = [facts.default_tip, *rollouts.tips]
    brought = facts.graph.brought_in_by([tip for tip in tips if tip is not None])
    numbers = _numbers(facts, brought)
    of_pull: dict[int, list[str]] = defaultdict(list)
    for sha, number in numbers.items():
        if number is not None:
            of_pull[number].append(sha)
    kept = _kept(service, facts, numbers, of_pull)
    pulls = {number: _pull_request(facts, number, shas) for number, shas in of_pull.items()}
    rows = []
    for sha, number in numbers.items():
        if kept is None or sha in kept:
            change = pulls[number] if number is not None else _plain(facts.commits[sha])
            rows.append(_row(service, facts, sha, change, rollouts))
    return rows


def _rollouts(facts: Facts, deployments: Iterable[Row]) -> Rollouts:
    counted = [
        row
        for row in deployments
        if row.get("result") == "success" and row.get("finished_at") is not None and row.get("excluded") is None
    ]
    counted.sort(key=lambda row: (row["finished_at"], row["id"]))
    walk = facts.graph.walk((row["id"], row.get("sha")) for row in counted)
    found = Rollouts(walk.carried_by, {row["id"]: row["finished_at"] for row in counted}, [])
    unknown_ids, unknown = {name for name, _ in walk.unknown}, False
    for row in counted:
        if row["id"] in unknown_ids:
            unknown = True
            continue
        found.tips.append(row["sha"])
        if found.first is None:
            found.first = row["id"]
        elif unknown:
            found.after_unknown.add(row["id"])
        unknown = False
    return found


def _numbers(facts: Facts, brought: Mapping[str, str | None]) -> dict[str, int | None]:
    """Return sha → number of the pull request it belongs to, or None, for every commit that was brought in."""
    merged, owners = facts.merged, side_owners(facts.merged, brought)
    numbers: dict[str, int | None] = {}
    for sha, owner in owners.items():
        own = merged.results.get(sha, merged.rebased.get(sha))
        numbers[sha] = owner if own is None else own
    return numbers


def _kept(
    service: Service, facts: Facts, numbers: Mapping[str, int | None], of_pull: Mapping[int, list[str]]
) -> set[str] | None:
    """Return the shas that belong to a part of the repository, or None where the service is the whole of it."""
    if not service.paths:
        return None
    touching = facts.touching(service.paths)
    kept = set()
    for sha in touching & numbers.keys():
        number = numbers[sha]
        kept.update([sha] if number is None else of_pull[number])
    return kept


def _plain(commit: Row) -> Change:
    return Change(
        commit["sha"],
        None,
        commit["is_bot"],
        None,
        commit["authored_at"],
        commit["committed_at"],
        None,
        commit["url"],
    )


def _pull_request(facts: Facts, number: int, shas: Sequence[str]) -> Change:
    row, kind = facts.pulls[number], facts.merged.kinds.get(number)
    commits = [facts.commits[sha] for sha in shas]
    result = facts.commits[facts.merged.shas[number]]
    work = [commit for commit in commits if parent_count(commit) < 2] or commits
    listed = facts.pull_commits.get(number, ())
    authored = [own["authored_at"] for own in listed if own["authored_at"] is not None]
    bots = [own["is_bot"] for own in (listed or work)]
    return Change(
        f"#{number}",
        number,
        all(bots) if row.get("is_bot") is None else row["is_bot"],
        None if number in facts.merged.from_git else row.get("title"),
        min(authored or [commit["authored_at"] for commit in work]),
        row["merged_at"] if row.get("merged_at") is not None else result["committed_at"],
        SQUASHED if kind == SQUASH and not authored else None,
        row.get("url"),
    )


def _row(service: Service, facts: Facts, sha: str, change: Change, rollouts: Rollouts) -> Row:
    commit, number = facts.commits[sha], change.pull_request
    is_result = number is None or facts.merged.results.get(sha) == number
    carrier = rollouts.carried_by.get(sha)
    is_merge = parent_count(commit) > 1
    excluded = None
    if number in facts.merged.promotions:
        excluded = PROMOTION
    elif is_merge and (number is None or not is_result):
        excluded = MERGE_COMMIT
    elif carrier is not None and carrier == rollouts.first:
        excluded = BEFORE_RECORDS
    elif carrier in rollouts.after_unknown:
        excluded = UNKNOWN
    if carrier in rollouts.after_unknown:
        carrier = None
    deployed_at = rollouts.finished_at[carrier] if carrier is not None else None
    return {
        "service": service.name,
        "repository": facts.repository,
        "sha": sha,
        "change_id": change.change_id,
        "pull_request": number,
        "is_result": is_result,
        "is_merge": is_merge,
        "is_bot": change.is_bot,
        "subject": commit["subject"] if change.title is None else change.title,
        "first_commit_at": change.first_commit_at,
        "committed_at": commit["committed_at"],
        "merged_at": change.merged_at,
        "deployment_id": carrier,
        "deployed_at": deployed_at,
        "excluded": excluded,
        "note": _note(change, commit["committed_at"], deployed_at),
        "url": change.url,
    }


def _note(change: Change, committed_at: datetime, deployed_at: datetime | None) -> str | None:
    notes = [change.note] if change.note else []
    if change.first_commit_at > committed_at:
        notes.append(AUTHORED_LATE)
    if deployed_at is not None and max(change.first_commit_at, committed_at) > deployed_at:
        notes.append(COMMITTED_LATE)
    return "; ".join(notes) or None
