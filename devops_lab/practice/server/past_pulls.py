"""Pull requests as they were at an instant: their commits, the files that these change, what was said below them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from devops_lab.practice.server.answers import Json


class PastPulls:
    """What of the pull requests in `objects` had happened; `is_later` says whether an instant (text) had not."""

    def __init__(self, objects: Mapping[str, Any], is_later: Callable[[str | None], bool]) -> None:
        self._objects, self._is_later = objects, is_later
        self._commits = {raw["sha"]: raw for raw in objects.get("commits") or []}
        self._said = Counter(
            int(raw["pull_request_url"].rsplit("/", 1)[-1])
            for raw in objects.get("pull_comments") or []
            if not is_later(raw.get("created_at"))
        )
        self._touched: dict[int, list[str]] = defaultdict(list)
        for number, own in (objects.get("pull_commits") or {}).items():
            self._touched[number] += [raw["commit"]["committer"]["date"] for raw in own]

    def touched(self, number: int) -> list[str]:
        """Return when commits came to a pull request, whether by the instant or later."""
        return self._touched[number]

    def is_whole(self, number: int) -> bool:
        """Say whether all commits of a pull request were there."""
        return not any(self._is_later(at) for at in self._touched[number])

    def commits(self, number: int) -> list[Json]:
        """Return the commits that a pull request had, the oldest first."""
        own = (self._objects.get("pull_commits") or {}).get(number) or []
        return [raw for raw in own if not self._is_later(raw["commit"]["committer"]["date"])]

    def files(self, number: int) -> list[Json]:
        """Return the files that those commits change, taken together."""
        found: dict[str, Json] = {}
        for raw in self.commits(number):
            for file in self._commits.get(raw["sha"], raw).get("files") or []:
                known = found.get(file["filename"], {})
                counts = {name: file[name] + known.get(name, 0) for name in ("additions", "deletions", "changes")}
                found[file["filename"]] = {**file, **counts}
        return list(found.values())

    def was(self, raw: Json) -> Json:
        """Return what was different about a pull request."""
        number = raw["number"]
        was: Json = {"review_comments": self._said[number]} if "review_comments" in raw else {}
        own = self.commits(number)
        if self.is_whole(number) or not own:
            return was
        files = self.files(number)
        sizes = {
            "commits": len(own),
            "additions": sum(file["additions"] for file in files),
            "deletions": sum(file["deletions"] for file in files),
            "changed_files": len(files),
        }
        was |= {name: value for name, value in sizes.items() if name in raw}
        return {**was, "head": {**raw["head"], "sha": own[-1]["sha"]}}
