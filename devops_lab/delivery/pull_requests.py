"""Which commit is which pull request's merged result, how it was merged, and which pull requests only promote.

GitHub's word comes first (`pull_requests`); numbers that it does not know are read from commit subjects, so a clone
alone is enough.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from devops_lab import patterns
from devops_lab.delivery.graph import Graph

Row = dict[str, Any]

MERGE, REBASE, SQUASH = "merge", "rebase", "squash"
# Branches that collect pull requests and are merged onwards, where git alone has to tell from the name.
COLLECTING = (
    *("main", "master", "trunk", "develop", "development", "dev", "next", "integration", "testing", "qa", "uat"),
    *("staging", "stage", "preprod", "pre-production", "production", "prod", "release", "releases"),
    *("release/**", "release-*", "releases/**", "*-release", "version/**", "support/**"),
)


@dataclass
class PullRequests:
    """Merged pull requests of one repository.

    `rows`: number → row of `pull_requests`; one that only git knows (`from_git`) has the same columns, as far as its
    commit says them.  `results`: sha → number of the pull request whose merged result it is (of two, the older), and
    `shas` the other way round.  `kinds`: number → merge, rebase or squash.  `promotions`: numbers that only carry other
    pull requests onwards.  `rebased`: sha → number for the commits of a rebase.  `carried`: sha → shas that a squashed
    or rebased promotion brought in although they are not its ancestors.
    """

    rows: dict[int, Row]
    results: dict[str, int] = field(default_factory=dict)
    kinds: dict[int, str] = field(default_factory=dict)
    promotions: set[int] = field(default_factory=set)
    rebased: dict[str, int] = field(default_factory=dict)
    shas: dict[int, str] = field(default_factory=dict)
    from_git: set[int] = field(default_factory=set)
    carried: dict[str, list[str]] = field(default_factory=dict)

    def change_of(self, sha: str | None) -> int | None:
        """Return the number of the pull request whose result `sha` is, promotions left out."""
        number = self.results.get(sha) if sha is not None else None
        return None if number in self.promotions else number


def parent_count(commit: Row) -> int:
    """Return how many parents a commit has, also those that a shallow clone lacks."""
    return len((commit["parents"] or "").split())


def find(
    commits: Mapping[str, Row],
    pulls: Sequence[Row],
    pull_commits: Mapping[int, Sequence[Row]],
    graph: Graph,
    default_tip: str | None,
    issues: Collection[int] = (),
) -> PullRequests:
    """Find the merged pull requests of a repository.

    `commits` by sha, `pulls` rows of `pull_requests`, `pull_commits` number → rows of `pull_request_commits` in order,
    `graph` the plain commit graph, `default_tip` the end of the default branch, `issues` numbers that are issues.

    Kind: more than one parent is a merge; when the first parents from the result downwards are the pull request's own
    commits (author date and subject), a rebase; else a squash.

    A number that only subjects name belongs to the commit that is on the default branch's own line, else to the oldest;
    merge commits ("Merge pull request #12") before squashes ("… (#12)").  So the history of a merged-in foreign
    repository and cherry-picks to release branches do not take a number away.  No results are numbers of issues, of
    pull requests that GitHub knows as not merged, and "… (#12)" that two commits of one merged side name.

    A promotion is a merged pull request of the same repository whose head branch is another one's base branch.  Where
    git alone speaks: a merge whose side brings in other pull requests, from a branch with a `COLLECTING` name, or from
    one that at least two merged pull requests name as head and that brings in their merges.
    """
    found = PullRequests({row["number"]: row for row in pulls})
    for row in sorted(pulls, key=lambda row: row["number"]):
        sha = row.get("merge_commit_sha") or ""
        if row.get("merged_at") is not None and sha in commits:
            found.results.setdefault(sha, row["number"])
    brought = graph.brought_in_by([default_tip] if default_tip else [])
    _from_subjects(found, commits, brought, set(issues))
    for sha, number in found.results.items():
        own = _rebased(commits, graph, sha, pull_commits.get(number, ()))
        found.kinds[number] = MERGE if parent_count(commits[sha]) > 1 else REBASE if own else SQUASH
        if found.kinds[number] == REBASE:
            found.rebased |= dict.fromkeys((one for one in own if one not in found.results or one == sha), number)
    found.promotions = _promotions(found, commits, brought)
    found.shas = {number: sha for sha, number in found.results.items()}
    for sha, number in found.results.items():
        if number in found.promotions and found.kinds[number] != MERGE:
            head = found.rows[number].get("head_sha")
            shas = [head, *(row["sha"] for row in pull_commits.get(number, ()))]
            found.carried[sha] = [one for one in shas if one in commits and one != sha]
    return found


def side_owners(pulls: PullRequests, brought: Mapping[str, str | None]) -> dict[str, int | None]:
    """Say whose side brought each commit in: the innermost merge that is a pull request's result and no promotion.

    `brought` is what `Graph.brought_in_by` answers (merges before what they bring).
    """
    owners: dict[str, int | None] = {}
    for sha, merge in brought.items():
        if merge is None:
            owners[sha] = None
        else:
            number = pulls.change_of(merge)
            owners[sha] = owners[merge] if number is None else number
    return owners


def _from_subjects(
    found: PullRequests, commits: Mapping[str, Row], brought: Mapping[str, str | None], issues: set[int]
) -> None:
    """Add the pull requests that only subjects name, each at the commit that is most likely its result."""
    resolved = set(found.results.values())
    candidates: dict[int, list[tuple[bool, bool, Any, str]]] = defaultdict(list)
    for sha, row in commits.items():
        number = row["pull_request"]
        if number is None or number in resolved or number in issues or sha in found.results:
            continue
        if number in found.rows and found.rows[number].get("merged_at") is None:
            continue
        aside = sha not in brought or brought[sha] is not None
        candidates[number].append((parent_count(row) < 2, aside, row["committed_at"], sha))
    for number, places in sorted(candidates.items()):
        squash, aside, merged_at, sha = min(places)
        if squash and aside and _mentioned(brought, [place[-1] for place in places]):
            continue
        found.results[sha] = number
        if number not in found.rows:
            found.from_git.add(number)
            found.rows[number] = _row_of_commit(commits[sha], number, merged_at)


def _mentioned(brought: Mapping[str, str | None], shas: Sequence[str]) -> bool:
    """Say whether two commits of one merged side name the number: then it is an issue that they work on."""
    merges = [brought[sha] for sha in shas if brought.get(sha) is not None]
    return len(set(merges)) < len(merges)


def _row_of_commit(commit: Row, number: int, merged_at: Any) -> Row:
    url = commit.get("url")
    return {
        "number": number,
        "title": commit["subject"],
        "state": "closed",
        "is_bot": None,
        "head_ref": commit["head_ref"],
        "merged_at": merged_at,
        "merge_commit_sha": commit["sha"],
        "reverts": commit.get("reverts"),
        "closes": commit.get("closes"),
        "url": url.replace(f"/commit/{commit['sha']}", f"/pull/{number}") if url else None,
    }


def _rebased(commits: Mapping[str, Row], graph: Graph, result: str, own: Sequence[Row]) -> list[str]:
    """Return the commits that a rebase made of a pull request's `own`, newest first; empty where it was no rebase.

    A rebase leaves out merges and what was there already, so some of its own may be missing, never out of order.
    """
    left = [(row.get("authored_at"), row.get("subject")) for row in own]
    made: list[str] = []
    sha: str | None = result
    while sha is not None and left:
        mark = (commits[sha]["authored_at"], commits[sha]["subject"])
        while left and left[-1] != mark:
            left.pop()
        if left:
            left.pop()
            made.append(sha)
            sha = graph.first_parent(sha)
    return made


def _promotions(found: PullRequests, commits: Mapping[str, Row], brought: Mapping[str, str | None]) -> set[int]:
    merged = {number: found.rows[number] for number in found.results.values()}
    heads = Counter(row.get("head_ref") for row in merged.values() if row.get("head_ref"))
    bases = {row["base_ref"] for row in merged.values() if row.get("base_ref")}
    brings_any, brings_merges = set(), set()
    for sha in found.results:
        for outer in _outwards(brought, sha):
            if outer in found.results:
                brings_any.add(found.results[outer])
                if parent_count(commits[sha]) > 1:
                    brings_merges.add(found.results[outer])
                break
    promotions = set()
    for number, row in merged.items():
        head, base = row.get("head_ref"), row.get("base_ref")
        if not head or row.get("is_fork") or head == base:
            continue
        collecting = patterns.matches(head, COLLECTING)
        collects = head in bases or number in brings_any
        if (collecting and collects) or (heads[head] > 1 and (head in bases or number in brings_merges)):
            promotions.add(number)
    return promotions


def _outwards(brought: Mapping[str, str | None], sha: str) -> Iterator[str]:
    merge = brought.get(sha)
    while merge is not None:
        yield merge
        merge = brought.get(merge)
