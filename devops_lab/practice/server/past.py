"""A repository's objects as they were at an instant.

What was made later is left out.  What ended later had not ended: an issue is open, a run is in progress, a branch
points to an older commit.  What GitHub keeps no time of (titles, descriptions) is as it is now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from devops_lab.practice.server.answers import Json, moment

NOT_MERGED = {"merged_at": None, "merged_by": None, "merged": False, "merge_commit_sha": None}


class Past:
    """What of `objects` had happened at `as_of`."""

    def __init__(self, objects: Mapping[str, Any], as_of: datetime) -> None:
        self.objects, self.as_of = objects, as_of
        self._commits = {raw["sha"]: raw for raw in objects.get("commits") or []}
        self._touched: dict[int, list[str]] = defaultdict(list)
        self._labelled: dict[int, dict[str, str]] = defaultdict(dict)
        for event in objects.get("issue_events") or []:
            number = (event.get("issue") or {}).get("number")
            if number is None:
                continue
            self._touched[number].append(event["created_at"])
            if event.get("event") == "labeled":
                name, at = str((event.get("label") or {}).get("name")), event["created_at"]
                self._labelled[number][name] = max(at, self._labelled[number].get(name, at))
        for number, reviews in (objects.get("pull_reviews") or {}).items():
            self._touched[number] += [raw["submitted_at"] for raw in reviews if raw.get("submitted_at")]

    def seen(self, noun: str, raws: Iterable[Json]) -> list[Json]:
        """Return the objects of a list that were there, as they were."""
        return [found for raw in raws if (found := self.one(noun, raw)) is not None]

    def one(self, noun: str, raw: Json) -> Json | None:
        """Return an object as it was, None where it was not there yet."""
        if noun == "runs":
            return self._run(raw)
        if noun == "branches":
            return self._branch(raw)
        if self.is_later(_born(noun, raw, self)):
            return None
        if noun in ("issues", "pulls", "milestones"):
            return self._closable(raw, noun)
        if noun == "attempts":
            return self._going(raw)
        if noun == "jobs":
            return self._job(raw)
        if noun == "deployments":
            return self._deployment(raw)
        return raw

    def is_later(self, text: str | None) -> bool:
        """Say whether an instant lies after the view's; what has no instant was always there."""
        return bool(text) and moment(str(text)) > self.as_of

    def committed(self, sha: str | None) -> str | None:
        """Return when a commit was made, None where nobody knows."""
        raw = self._commits.get(sha or "")
        return None if raw is None else raw["commit"]["committer"]["date"]

    def tagged(self, sha: str) -> str | None:
        """Return when an annotated tag was made."""
        tag = (self.objects.get("git_tags") or {}).get(sha) or {}
        return (tag.get("tagger") or {}).get("date")

    def _closable(self, raw: Json, noun: str) -> Json:
        was = dict(raw)
        if self.is_later(raw.get("closed_at")) or self.is_later(raw.get("merged_at")):
            was |= {"state": "open", "closed_at": None}
            if noun == "pulls":
                was |= {key: value for key, value in NOT_MERGED.items() if key in raw}
            if noun == "issues":
                was |= {key: None for key in ("state_reason", "closed_by") if key in raw}
                if raw.get("pull_request"):
                    was["pull_request"] = {**raw["pull_request"], "merged_at": None}
        if noun != "milestones":
            labelled = self._labelled.get(raw["number"], {})
            was["labels"] = [one for one in raw.get("labels") or [] if not self.is_later(labelled.get(one["name"]))]
        if self.is_later(raw.get("updated_at")):
            touched = [] if noun == "milestones" else self._touched.get(raw["number"], [])
            was["updated_at"] = self._latest(raw["created_at"], was.get("closed_at"), *touched)
        return was

    def _latest(self, first: str, *others: str | None) -> str:
        return max((text for text in (first, *others) if text and not self.is_later(text)), key=moment, default=first)

    def _run(self, raw: Json) -> Json | None:
        if self.is_later(raw.get("created_at")):
            return None
        attempts = self.objects.get("attempts") or {}
        for number in range(raw.get("run_attempt") or 1, 0, -1):
            attempt = raw if number == (raw.get("run_attempt") or 1) else attempts.get((raw["id"], number))
            if attempt is not None and not self.is_later(attempt.get("run_started_at") or attempt.get("created_at")):
                return self._going(attempt)
        waiting = {"status": "queued", "conclusion": None, "run_attempt": 1, "updated_at": raw["created_at"]}
        return {**raw, **waiting, "run_started_at": raw["created_at"]}

    def _going(self, raw: Json) -> Json | None:
        started = raw.get("run_started_at") or raw["created_at"]
        if self.is_later(started):
            return None
        if self.is_later(raw.get("updated_at")):
            return {**raw, "status": "in_progress", "conclusion": None, "updated_at": started}
        return raw

    def _job(self, raw: Json) -> Json:
        steps = [self._step(step) for step in raw.get("steps") or []]
        if self.is_later(raw.get("started_at")):
            started = raw.get("created_at") or raw["started_at"]
            return {
                **raw,
                "status": "queued",
                "conclusion": None,
                "started_at": started,
                "completed_at": None,
                "steps": [],
            }
        if self.is_later(raw.get("completed_at")):
            return {**raw, "status": "in_progress", "conclusion": None, "completed_at": None, "steps": steps}
        return raw

    def _step(self, raw: Json) -> Json:
        if self.is_later(raw.get("started_at")):
            return {**raw, "status": "queued", "conclusion": None, "started_at": None, "completed_at": None}
        if self.is_later(raw.get("completed_at")):
            return {**raw, "status": "in_progress", "conclusion": None, "completed_at": None}
        return raw

    def _deployment(self, raw: Json) -> Json:
        if not self.is_later(raw.get("updated_at")):
            return raw
        statuses = (self.objects.get("deployment_statuses") or {}).get(raw["id"]) or []
        return {**raw, "updated_at": self._latest(raw["created_at"], *(one["created_at"] for one in statuses))}

    def _branch(self, raw: Json) -> Json | None:
        """Go back along first parents to what the branch pointed to."""
        now = sha = raw["commit"]["sha"]
        while self.is_later(self.committed(sha)):
            parents = self._commits[sha].get("parents") or []
            if not parents:
                return None
            sha = parents[0]["sha"]
        commit = {key: text.replace(now, sha) if isinstance(text, str) else text for key, text in raw["commit"].items()}
        return {**raw, "commit": commit}


def _born(noun: str, raw: Json, past: Past) -> str | None:
    if noun in ("commits", "pull_commits"):
        return raw["commit"]["committer"]["date"]
    if noun == "pull_reviews":
        return raw.get("submitted_at")
    if noun == "releases":
        return raw.get("published_at") or raw.get("created_at")
    if noun == "tags":
        return past.committed(raw["commit"]["sha"])
    if noun == "git_refs":
        target = raw["object"]
        return past.tagged(target["sha"]) if target["type"] == "tag" else past.committed(target["sha"])
    if noun == "git_tags":
        return (raw.get("tagger") or {}).get("date")
    return raw.get("created_at")
