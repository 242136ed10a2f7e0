"""Issues, their events, labels and milestones as GitHub's API tells of them."""

from __future__ import annotations

from datetime import datetime

from devops_lab.practice.world.company import Person
from devops_lab.practice.world.objects import API, Json, iso, node, past, user
from devops_lab.practice.world.records import Pull
from devops_lab.practice.world.records_plan import Issue, Milestone
from devops_lab.practice.world.site import Site

COLOURS = ("d73a4a", "a2eeef", "0075ca", "cfd3d7", "7057ff", "008672", "e4e669")
NO_REACTIONS = dict.fromkeys(("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"), 0)


class PlanObjects:
    """Tells of one repository's planning at an instant."""

    def __init__(self, site: Site, moment: datetime) -> None:
        self.site, self.moment = site, moment
        self.url = f"{API}/repos/{site.full_name}"
        names = sorted({name for one in site.items() for _, name in one.labels})
        self._labels = {name: self._label(place, name) for place, name in enumerate(names)}
        self._closed = [one for one in site.issues if past(one.closed_at, moment)]
        self._milestones = {one.number: self._milestone(one) for one in site.milestones if one.created_at <= moment}

    def labels(self) -> list[Json]:
        """Return the repository's labels."""
        return list(self._labels.values())

    def labels_of(self, put: list[tuple[datetime, str]]) -> list[Json]:
        """Return the labels that were put on something by now."""
        return [self._labels[name] for at, name in put if at <= self.moment]

    def milestones(self) -> list[Json]:
        """Return the milestones."""
        return list(self._milestones.values())

    def milestone_of(self, milestone: Milestone | None) -> Json | None:
        """Return the milestone of an issue or pull request."""
        return None if milestone is None else self._milestones[milestone.number]

    def _label(self, place: int, name: str) -> Json:
        number = 700_000 + 1000 * self.site.place + place
        return {
            "id": number,
            "node_id": node("LA", number),
            "url": f"{self.url}/labels/{name}",
            "name": name,
            "color": COLOURS[place % len(COLOURS)],
            "default": False,
            "description": f"Marked as {name}",
        }

    def _milestone(self, one: Milestone) -> Json:
        own = [issue for issue in self.site.items() if issue.milestone is one]
        own = [issue for issue in own if issue.created_at <= self.moment]
        closed = [issue for issue in own if past(issue.closed_at, self.moment)]
        ended = past(one.closed_at, self.moment)
        changed = max(
            [one.created_at, *(issue.closed_at for issue in closed if issue.closed_at), *([ended] if ended else [])]
        )
        return {
            "url": f"{self.url}/milestones/{one.number}",
            "html_url": self.site.web(f"milestone/{one.number}"),
            "labels_url": f"{self.url}/milestones/{one.number}/labels",
            "id": one.id,
            "node_id": node("MI", one.id),
            "number": one.number,
            "state": "closed" if ended else "open",
            "title": one.title,
            "description": None,
            "creator": user(one.author),
            "open_issues": len(own) - len(closed),
            "closed_issues": len(closed),
            "created_at": iso(one.created_at),
            "updated_at": iso(changed),
            "closed_at": iso(ended),
            "due_on": iso(one.due_on),
        }

    def issues(self) -> list[Json]:
        """Return issues, and pull requests as issues, by number."""
        found = [self.issue(one) for one in self.site.issues if one.created_at <= self.moment]
        found += [self._pull(one) for one in self.site.pulls if one.created_at <= self.moment]
        return sorted(found, key=lambda raw: raw["number"])

    def issue(self, one: Issue) -> Json:
        """Return an issue."""
        closed = past(one.closed_at, self.moment)
        edits = [edit for edit in one.edits if edit[0] <= self.moment]
        assigned = one.assigned[1] if one.assigned and one.assigned[0] <= self.moment else None
        moments = [one.created_at, *(at for at, _ in edits), *(at for at, _ in one.labels if at <= self.moment)]
        moments += [closed] if closed else []
        moments += [said.at for said in self.site.comments.get(one.number, []) if said.at <= self.moment]
        moments += [one.assigned[0]] if one.assigned and assigned else []
        raw = self._common(one, "issues", assigned, max(moments), closed)
        raw["body"] = "\n\n".join([one.body, *(text for _, text in edits)])
        raw["state_reason"] = one.reason if closed else None
        raw["closed_by"] = user(one.closed_by) if closed and one.closed_by else None
        return raw

    def _pull(self, one: Pull) -> Json:
        closed = past(one.closed_at, self.moment)
        raw = self._common(one, "pull", None, changed(self.site, one, self.moment), closed)
        raw["body"] = one.body
        raw["draft"] = is_draft(one, self.moment)
        raw["state_reason"] = None
        raw["closed_by"] = user(one.merged_by) if closed and one.merged_by else None
        address = self.site.web(f"pull/{one.number}")
        raw["pull_request"] = {
            "url": f"{self.url}/pulls/{one.number}",
            "html_url": address,
            "diff_url": f"{address}.diff",
            "patch_url": f"{address}.patch",
            "merged_at": iso(past(one.merged_at, self.moment)),
        }
        return raw

    def _common(
        self, one: Issue | Pull, page: str, assigned: Person | None, updated: datetime, closed: datetime | None
    ) -> Json:
        url = f"{self.url}/issues/{one.number}"
        return {
            "url": url,
            "repository_url": self.url,
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": self.site.web(f"{page}/{one.number}"),
            "id": one.id,
            "node_id": node("I" if page == "issues" else "PR", one.id),
            "number": one.number,
            "title": one.title,
            "user": user(one.author),
            "labels": self.labels_of(one.labels),
            "state": "closed" if closed else "open",
            "locked": False,
            "assignee": user(assigned) if assigned else None,
            "assignees": [user(assigned)] if assigned else [],
            "milestone": self.milestone_of(one.milestone),
            "comments": sum(said.at <= self.moment for said in self.site.comments.get(one.number, [])),
            "created_at": iso(one.created_at),
            "updated_at": iso(updated),
            "closed_at": iso(closed),
            "author_association": "MEMBER",
            "active_lock_reason": None,
            "timeline_url": f"{url}/timeline",
            "reactions": {"url": f"{url}/reactions", "total_count": 0, **NO_REACTIONS},
            "performed_via_github_app": None,
        }

    def events(self, issues: list[Json]) -> list[Json]:
        """Return the events of issues and pull requests, newest first; `issues` are those of `issues()`."""
        told = {raw["number"]: raw for raw in issues}
        found: list[tuple[datetime, int, str, Person, Json]] = []
        for issue in self.site.issues:
            found += [(at, issue.number, "labeled", issue.author, self._of_label(name)) for at, name in issue.labels]
            if issue.assigned:
                at, person = issue.assigned
                found.append(
                    (at, issue.number, "assigned", person, {"assignee": user(person), "assigner": user(person)})
                )
            if issue.closed_at and issue.closed_by:
                by = {"commit_id": issue.closing_sha, "state_reason": issue.reason}
                found.append((issue.closed_at, issue.number, "closed", issue.closed_by, by))
        for pull in self.site.pulls:
            found += [(at, pull.number, "labeled", pull.author, self._of_label(name)) for at, name in pull.labels]
            if pull.ready_at and pull.ready_at > pull.created_at:
                found.append((pull.ready_at, pull.number, "ready_for_review", pull.author, {}))
            if pull.merged_at and pull.merged_by and pull.merge_commit:
                sha = {"commit_id": pull.merge_commit.sha}
                found.append((pull.merged_at, pull.number, "merged", pull.merged_by, sha))
            if pull.closed_at:
                found.append(
                    (pull.closed_at, pull.number, "closed", pull.merged_by or pull.author, {"state_reason": None})
                )
        found = sorted((one for one in found if one[0] <= self.moment), key=lambda one: (one[0], one[1], one[2]))
        first = 50_000_000 * (self.site.place + 1)
        return [self._event(first + place, *event, told) for place, event in enumerate(found)][::-1]

    def _of_label(self, name: str) -> Json:
        return {"label": {"name": name, "color": self._labels[name]["color"]}}

    def _event(
        self, number: int, at: datetime, issue: int, event: str, actor: Person, more: Json, told: dict[int, Json]
    ) -> Json:
        sha = more.get("commit_id")
        return {
            "id": number,
            "node_id": node("EV", number),
            "url": f"{self.url}/issues/events/{number}",
            "actor": user(actor),
            "event": event,
            "commit_id": sha,
            "commit_url": f"{self.url}/commits/{sha}" if sha else None,
            "created_at": iso(at),
            **{key: value for key, value in more.items() if key != "commit_id"},
            "issue": told[issue],
            "performed_via_github_app": None,
        }


def is_draft(pull: Pull, moment: datetime) -> bool:
    """Say whether a pull request is a draft at `moment`."""
    return bool(pull.ready_at and pull.ready_at > moment)


def changed(site: Site, pull: Pull, moment: datetime) -> datetime:
    """Return when a pull request changed last, by `moment`."""
    moments = [pull.created_at, pull.ready_at, pull.closed_at, *(commit.committed_at for commit in pull.commits)]
    moments += [review.submitted_at for review in pull.reviews]
    moments += [said.at for said in site.comments.get(pull.number, [])]
    return max(at for at in moments if at is not None and pull.created_at <= at <= moment)
