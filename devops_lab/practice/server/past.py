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
from devops_lab.practice.server.past_pulls import PastPulls

ENDS = {"fixed_at": "fixed", "dismissed_at": "dismissed", "auto_dismissed_at": "auto_dismissed"}
NOT_MERGED = {"merged_at": None, "merged_by": None, "merged": False, "merge_commit_sha": None}

UNDATED = ("approvals", "pending_deployments")  # GitHub keeps no time of them: they are seen of what had ended


class Past:
    """What of `objects` had happened at `as_of`."""

    def __init__(self, objects: Mapping[str, Any], as_of: datetime) -> None:
        self.objects, self.as_of = objects, as_of
        self._commits = {raw["sha"]: raw for raw in objects.get("commits") or []}
        self._pulls = PastPulls(objects, self.is_later)
        self._touched: dict[int, list[str]] = defaultdict(list)
        self._labelled: dict[int, dict[str, str]] = defaultdict(dict)
        self._assigned: dict[int, dict[str, str]] = defaultdict(dict)
        self._planned: dict[int, list[Json]] = defaultdict(list)
        for raw in objects.get("issues") or []:
            if raw.get("milestone"):
                self._planned[raw["milestone"]["number"]].append(raw)
        for event in objects.get("issue_events") or []:
            number = (event.get("issue") or {}).get("number")
            if number is None:
                continue
            self._touched[number].append(event["created_at"])
            if event.get("event") == "assigned":
                self._assigned[number][(event.get("assignee") or {}).get("login", "")] = event["created_at"]
            if event.get("event") == "labeled":
                name, at = str((event.get("label") or {}).get("name")), event["created_at"]
                self._labelled[number][name] = max(at, self._labelled[number].get(name, at))
        for number, reviews in (objects.get("pull_reviews") or {}).items():
            self._touched[number] += [raw["submitted_at"] for raw in reviews if raw.get("submitted_at")]
        for number, own in (objects.get("comments") or {}).items():
            self._touched[number] += [raw["created_at"] for raw in own]

    def seen(self, noun: str, raws: Iterable[Json]) -> list[Json]:
        """Return the objects of a list that were there, as they were."""
        return [found for raw in raws if (found := self.one(noun, raw)) is not None]

    def under(self, noun: str, key: Any, raws: Iterable[Json]) -> list[Json]:
        """Return what a dict of lists holds under `key`, as it was."""
        if noun in UNDATED:
            runs = (run for run in self.objects.get("runs") or [] if run["id"] == key)
            return [] if any(self.is_later(run.get("updated_at")) for run in runs) else list(raws)
        if noun == "pull_files" and not self._pulls.is_whole(key):
            return self._pulls.files(key)
        return self.seen(noun, raws)

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
        if noun in ("dependabot_alerts", "code_scanning_alerts"):
            return self._alert(raw)
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
        touched: list[str] = []
        if noun == "milestones":
            was |= self._planned_by(raw)
            touched = [one["closed_at"] for one in self._planned[raw["number"]] if one.get("closed_at")]
        else:
            was |= self._talked(raw)
            touched = [*self._touched[raw["number"]], *self._pulls.touched(raw["number"])]
        if noun == "pulls":
            was |= self._pulls.was(raw)
        if self.is_later(raw.get("updated_at")):
            was["updated_at"] = self._latest(raw["created_at"], was.get("closed_at"), *touched)
        return was

    def _planned_by(self, raw: Json) -> Json:
        """Return how many issues a milestone had, where some came or were closed later."""
        own = self._planned[raw["number"]]
        if not any(self.is_later(one["created_at"]) or self.is_later(one.get("closed_at")) for one in own):
            return {}
        there = [one for one in own if not self.is_later(one["created_at"])]
        closed = sum(bool(one.get("closed_at")) and not self.is_later(one["closed_at"]) for one in there)
        return {"open_issues": len(there) - closed, "closed_issues": closed}

    def _talked(self, raw: Json) -> Json:
        """Return the labels, the assignees and the number of comments that an issue or pull request had."""
        number = raw["number"]
        was: Json = {}
        put, given = self._labelled[number], self._assigned[number]
        was["labels"] = [one for one in raw.get("labels") or [] if not self.is_later(put.get(one["name"]))]
        people = raw.get("assignees") or []
        there = [one for one in people if not self.is_later(given.get(one["login"]))]
        if len(there) < len(people):
            was |= {"assignees": there, "assignee": there[0] if there else None}
        if "comments" in raw and "comments" in self.objects:
            own = self.objects["comments"].get(number) or []
            was["comments"] = sum(not self.is_later(one["created_at"]) for one in own)
        return was

    def _alert(self, raw: Json) -> Json:
        """Return an alert that was open until it was fixed or dismissed."""
        ends = [name for name in ENDS if raw.get(name)]
        if not any(self.is_later(raw[name]) for name in ends):
            return raw
        was = {**raw, **{name: None for name in ends if self.is_later(raw[name])}}
        if "dismissed_at" in ends and was["dismissed_at"] is None:
            was |= {name: None for name in raw if name.startswith("dismissed_")}
        was["state"] = next((state for name, state in ENDS.items() if was.get(name)), "open")
        was["updated_at"] = self._latest(raw["created_at"], *(was[name] for name in ends))
        if raw.get("most_recent_instance"):
            was["most_recent_instance"] = {**raw["most_recent_instance"], "state": was["state"]}
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
