"""Which commit somebody means who deployed: a sha, whole or shortened, a tag, a version, or a release's name.

What could mean two commits means none: nothing is guessed, and `unresolved` says what is wanted instead.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from datetime import datetime

from devops_lab import config, patterns
from devops_lab.delivery.facts import Facts
from devops_lab.delivery.rollouts import Rollout, Row

_SHA = re.compile(r"[0-9a-f]{7,64}")
_WHOLE = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_VERSION = re.compile(r"(?:(?P<of>.+?)[-_/@])?v?(?P<number>[0-9]+(?:\.[0-9]+){1,3}(?:[-+].*)?)", re.IGNORECASE)
_RELEASE = "release"  # "release-1.2.3" is nobody's own name
_EVER = datetime(1, 1, 1)  # noqa: DTZ001 - instants are naive UTC
SHOWN = 5  # deployments of a warning


class Commits:
    """A repository's commits by all that a deployment of `service` may call them.

    A version is a tag with or without its ``v``, and with or without the service's or repository's name before it
    ("1.2.3" is v1.2.3, checkout-1.2.3, checkout/v1.2.3, checkout@1.2.3), where all such tags name one commit.
    `shas` are those of the commits; `tags` and `releases` rows of these stored tables.
    """

    def __init__(
        self, service: config.Service, shas: Iterable[str], tags: Iterable[Row], releases: Iterable[Row] = ()
    ) -> None:
        self._own = {"", _RELEASE, service.name.casefold(), service.repository.rpartition("/")[2].casefold()}
        self._tags: dict[str, str] = {row["tag"]: row["sha"] for row in tags}
        self._shas = sorted(shas)
        titles: dict[str, set[str]] = {}
        for row in releases:
            target = (row.get("target") or "").casefold()
            if row["tag"] not in self._tags and _WHOLE.fullmatch(target):
                self._tags[row["tag"]] = target
            if row.get("name"):
                titles.setdefault(row["name"].strip(), set()).add(row["tag"])
        self._titles = {name: tags.copy().pop() for name, tags in titles.items() if len(tags) == 1}
        self._versions: dict[str, list[str]] = {}
        for tag in sorted(self._tags):
            number = self._number(tag)
            if number is not None:
                self._versions.setdefault(number, []).append(tag)

    def of(self, row: Row) -> tuple[str | None, list[str]]:
        """Return the commit that a row of ``reported_deployments`` means, and the tags that are names of it.

        What stands in ``sha`` goes before what stands in ``tag``; either may hold the other's kind.
        """
        said, tag = (row.get("sha") or "").strip(), (row.get("tag") or "").strip()
        for text, ways in ((said, (self.sha, self.tagged)), (tag, (self.tagged, self.sha))):
            for way in ways if text else ():
                found = way(text)
                if found is not None:
                    return found, [name for name in self.tags(tag or text) if self._tags[name] == found]
        return None, []

    def sha(self, text: str) -> str | None:
        """Return the commit of a sha, which may be shortened to seven characters; None where two begin so."""
        text = text.casefold()
        if not _SHA.fullmatch(text):
            return None
        place = bisect_left(self._shas, text)
        fitting = [sha for sha in self._shas[place : place + 2] if sha.startswith(text)]
        return fitting[0] if len(fitting) == 1 or text in fitting else None

    def tagged(self, text: str) -> str | None:
        """Return the commit that a tag, a version or a release's name means; None where that is two."""
        shas = {self._tags[tag] for tag in self.tags(text)}
        return shas.pop() if len(shas) == 1 else None

    def tags(self, text: str) -> list[str]:
        """Return the tags that `text` may mean: itself alone, if there is one of that name."""
        if text in self._tags:
            return [text]
        number = self._number(text)
        found = self._versions.get(number, []) if number is not None else []
        if not found and self._titles.get(text) in self._tags:
            return [self._titles[text]]
        return found

    def _number(self, text: str) -> str | None:
        """Return the number of a version that is this service's, or nobody's in particular."""
        found = _VERSION.fullmatch(text)
        if found is None or (found["of"] or "").casefold() not in self._own:
            return None
        return found["number"].casefold()


def unresolved(service: config.Service, rollouts: Iterable[Rollout], facts: Facts, tags: Iterable[Row]) -> list[str]:
    """Return the warning about reported deployments that name no commit known here; none where all do.

    One that names nothing at all is no mistake: its changes are unknown, and it still counts.  Those from before the
    first commit that is known are passed over: nobody fetched what they could name.
    """
    first = min((row["committed_at"] for row in facts.commits.values()), default=_EVER)
    lost = [
        (one.id, one.sha or one.ref)
        for one in rollouts
        if (one.sha or one.ref) and (one.sha is None or one.sha not in facts.graph) and one.started_at >= first
    ]
    if not isinstance(service.deployment, config.File) or not lost:
        return []
    shown = ", ".join(f"{id!r} ({text})" for id, text in lost[:SHOWN])
    more = f" and {len(lost) - SHOWN} more" if len(lost) > SHOWN else ""
    near = _nearest([text for _, text in lost if text], [row["tag"] for row in tags])
    warning = (
        f"service {service.name!r}: reported deployments name no one commit that is known of {service.repository} "
        f"({len(lost)}): {shown}{more}{near}; write a sha (seven characters or more), a tag or a version that "
        "the repository has; their changes are unknown until then"
    )
    return [warning]


def _nearest(texts: Sequence[str], tags: Sequence[str]) -> str:
    near = patterns.nearest([text for text in texts if not _SHA.fullmatch(text)], tags)
    return f"; nearest tags: {', '.join(near)}" if near else ""
