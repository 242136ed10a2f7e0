"""The commit graph: which commits a deployment carries, what a merge brought in, who is whose ancestor.

Commits are numbered by their place in the given rows; nothing depends on the order of those rows, and every walk visits
each commit and each edge once, without recursion.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

NOBODY = -1
ENTERED = -2


class Walk(NamedTuple):
    """What `Graph.walk` found: `carried_by` sha → deployment id, `unknown` the deployments whose sha is not there."""

    carried_by: dict[str, str]
    unknown: list[tuple[str, str | None]]


class Graph:
    """A commit graph from two columns: `shas`, and the `parents` of each with spaces between, first parent first.

    Parents that are not among the shas (a shallow clone ends there) are left out.  `carried` adds edges that git does
    not know, sha → shas: what a squash brought in although it is nobody's descendant; they count for `walk`,
    `brought_in_by` and `is_ancestor`, never as first parents.  Of a sha given twice the later row stays.
    """

    def __init__(
        self,
        shas: Sequence[str],
        parents: Sequence[str | None],
        carried: Mapping[str, Iterable[str]] | None = None,
    ) -> None:
        self.number = {sha: number for number, sha in enumerate(shas)}
        self.shas = list(shas)
        find = self.number.get
        self._edges: list[tuple[int, ...]] = []
        self._first: list[int] = []
        for text in parents:
            names = (text or "").split()
            edges = tuple(place for place in map(find, names) if place is not None)
            self._edges.append(edges)
            self._first.append(edges[0] if edges and names[0] in self.number else NOBODY)
        for sha, more in (carried or {}).items():
            place = find(sha)
            if place is not None:
                extra = [other for other in map(find, more) if other is not None and other != place]
                self._edges[place] = tuple(dict.fromkeys((*self._edges[place], *extra)))
        self._heights: list[int] = []
        self._answers: dict[tuple[int, int], bool] = {}

    def __len__(self) -> int:
        return len(self.number)

    def __contains__(self, sha: object) -> bool:
        return sha in self.number

    def walk(self, deployments: Iterable[tuple[str, str | None]]) -> Walk:
        """Say which deployment carries each commit first, given (id, sha) of the successful ones in their order.

        Ancestry decides, not dates: each deployment walks down from its sha and stops at commits that an earlier one
        reached, so all walks together visit each commit once, O(commits + edges).  Commits that none reaches are not
        in the answer; a sha that is not in the graph reaches nothing and is returned apart.
        """
        owner: list[str | None] = [None] * len(self.shas)
        unknown, edges = [], self._edges
        for name, sha in deployments:
            place = None if sha is None else self.number.get(sha)
            if place is None:
                unknown.append((name, sha))
                continue
            stack = [place]
            while stack:
                here = stack.pop()
                if owner[here] is None:
                    owner[here] = name
                    stack.extend(edges[here])
        found = {self.shas[place]: name for place, name in enumerate(owner) if name is not None}
        return Walk(found, unknown)

    def reachable(self, shas: Iterable[str]) -> set[str]:
        """Return these commits and all their ancestors; shas that are not in the graph reach nothing."""
        return set(self.walk(("", sha) for sha in shas).carried_by)

    def parents(self, sha: str) -> list[str]:
        """Return the parents that are in the graph, the first parent first, carried ones last."""
        return [self.shas[place] for place in self._edges[self.number[sha]]]

    def first_parent(self, sha: str) -> str | None:
        """Return the first parent, or None at a root, at the end of a shallow clone, and for unknown shas."""
        place = self._first[self.number[sha]] if sha in self.number else NOBODY
        return None if place == NOBODY else self.shas[place]

    def first_parents(self, sha: str | None) -> list[str]:
        """Return the chain of first parents from `sha` down to its root, newest first; empty for an unknown sha."""
        chain: list[str] = []
        seen: set[str] = set()
        while sha is not None and sha in self.number and sha not in seen:
            chain.append(sha)
            seen.add(sha)
            sha = self.first_parent(sha)
        return chain

    def mainline(self, sha: str | None) -> list[str]:
        """Return the line of work that ends at `sha`: its chain of first parents, oldest first."""
        return self.first_parents(sha)[::-1]

    def brought_in_by(self, tips: Iterable[str]) -> dict[str, str | None]:
        """Say which merge brought each commit onto its line, the innermost one; None for commits of the line itself.

        `tips` are the ends of the lines, the most important first (the default branch, then deployed commits).  Each
        line is its chain of first parents, oldest first; at a merge, the merged side's own chain comes before the
        line goes on, down to commits that were there already.  So a merge of main into a feature brings nothing, and
        a merge inside a side branch owns what it brought.  Only commits that the tips reach are in the answer.
        """
        owner = [NOBODY] * len(self.shas)
        listed = bytearray(len(self.shas))
        order: list[int] = []
        for tip in tips:
            place = self.number.get(tip)
            if place is not None:
                self._bring(place, owner, listed, order)
        names = [*self.shas, None]
        return {self.shas[place]: names[owner[place]] for place in order}

    def _bring(self, tip: int, owner: list[int], listed: bytearray, order: list[int]) -> None:
        work: list[tuple[int, int | list[int]]] = [(NOBODY, tip)]
        while work:
            merge, line = work.pop()
            if isinstance(line, int):
                if not listed[line]:
                    work.append((merge, self._line(line, listed)))
                continue
            here = line.pop()
            if line:
                work.append((merge, line))
            owner[here] = merge
            order.append(here)
            first = self._first[here]
            work.extend((here, side) for side in reversed(self._edges[here]) if side != first)

    def _line(self, tip: int, listed: bytearray) -> list[int]:
        """Return the chain of first parents from `tip` down to what is listed already, and list it."""
        line = []
        while tip != NOBODY and not listed[tip]:
            listed[tip] = 1
            line.append(tip)
            tip = self._first[tip]
        return line

    def is_ancestor(self, ancestor: str | None, descendant: str | None) -> bool:
        """Say whether `descendant` carries `ancestor`; a commit carries itself, an unknown one nothing.

        The walk stops below the ancestor's height (its longest way down to a root), and answers are kept.
        """
        low, high = self.number.get(ancestor or ""), self.number.get(descendant or "")
        if low is None or high is None:
            return False
        if (low, high) not in self._answers:
            self._answers[low, high] = self._reaches(high, low)
        return self._answers[low, high]

    def _reaches(self, high: int, low: int) -> bool:
        if not self._heights:
            self._heights = self._measured()
        floor, heights = self._heights[low], self._heights
        seen, stack = {high}, [high]
        while stack:
            here = stack.pop()
            if here == low:
                return True
            for parent in self._edges[here]:
                if parent not in seen and heights[parent] >= floor:
                    seen.add(parent)
                    stack.append(parent)
        return False

    def _measured(self) -> list[int]:
        """Return each commit's height: 0 without parents, else one more than its highest parent."""
        heights = [NOBODY] * len(self.shas)
        for start in range(len(heights)):
            stack = [start]
            while stack:
                here = stack[-1]
                if heights[here] >= 0:
                    stack.pop()
                    continue
                waiting = [parent for parent in self._edges[here] if heights[parent] < 0]
                if waiting and heights[here] == NOBODY:
                    heights[here] = ENTERED
                    stack.extend(waiting)
                else:  # all parents are measured; in a circle (only wrong facts make one) some never will be
                    heights[here] = 1 + max((heights[parent] for parent in self._edges[here]), default=NOBODY)
                    heights[here] = max(heights[here], 0)
                    stack.pop()
        return heights
