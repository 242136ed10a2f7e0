"""The practice server's writes of issues: create and change them, with the events that GitHub would tell of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from devops_lab.practice.server import issue_fields
from devops_lab.practice.server.answers import Json
from devops_lab.practice.server.comments import NO_REACTIONS
from devops_lab.practice.server.writing import Command, Done, Write, replaced

TITLE: Json = {"anyOf": [{"type": "string"}, {"type": "integer"}]}
MILESTONE: Json = {**TITLE, "nullable": True}
PEOPLE: Json = {"type": "array", "items": {"type": "string"}}
COMMON: Json = {"labels": issue_fields.LABELS, "milestone": MILESTONE, "assignees": PEOPLE}
CREATE: Json = {
    "type": "object",
    "required": ["title"],
    "properties": {"title": TITLE, "body": {"type": "string", "nullable": True}, **COMMON},
}
CHANGE: Json = {
    "type": "object",
    "properties": {
        "title": TITLE,
        "body": {"type": "string", "nullable": True},
        "state": {"type": "string", "enum": ["open", "closed"]},
        "state_reason": {
            "type": "string", "nullable": True, "enum": ["completed", "not_planned", "duplicate", "reopened"]
        },
        **COMMON,
    },
}  # fmt: skip
LABEL: Json = {
    "anyOf": [
        {"type": "object", "required": ["labels"], "properties": {"labels": issue_fields.LABELS}},
        issue_fields.LABELS,
    ]
}


def create(command: Command) -> Done:
    """Create an issue."""
    fields = _fields(command)
    known = [raw["number"] for noun in ("issues", "pulls") for raw in command.objects.get(noun) or []]
    number, identity = max(known, default=0) + 1, command.fresh("issues")
    url = f"{command.url}/issues/{number}"
    raw: Json = {
        "url": url,
        "repository_url": command.url,
        "labels_url": f"{url}/labels{{/name}}",
        "comments_url": f"{url}/comments",
        "events_url": f"{url}/events",
        "html_url": f"{command.web}/issues/{number}",
        "id": identity,
        "node_id": f"I_{identity}",
        "number": number,
        "user": command.actor,
        "state": "open",
        "locked": False,
        "comments": 0,
        "created_at": command.at,
        "updated_at": command.at,
        "closed_at": None,
        "closed_by": None,
        "author_association": "MEMBER",
        "active_lock_reason": None,
        "timeline_url": f"{url}/timeline",
        "reactions": {"url": f"{url}/reactions", "total_count": 0, **NO_REACTIONS},
        "performed_via_github_app": None,
        "state_reason": None,
        "body": None,
        "labels": [],
        "milestone": None,
        "assignees": [],
        "assignee": None,
    }
    empty, raw = raw, {**raw, **fields}
    command.objects["issues"] = [*(command.objects.get("issues") or []), raw]
    _tell(command, empty, raw)
    _count(command, raw, opened=1, closed=0)
    return Done(201, command.ask.view.one("issues", "number", number), url)


def change(command: Command) -> Done:
    """Change an issue or pull request: its text, labels, people, milestone, and whether it is closed."""
    old = command.ask.view.one("issues", "number", command.ask.number("number"))
    new = {**old, **_fields(command), **_state(command, old), "updated_at": command.at}
    moved = (new["state"] == "closed") - (old["state"] == "closed")
    _keep(command, old, new)
    if moved:
        _count(command, new, opened=-moved, closed=moved)
    return Done(200, command.ask.view.one("issues", "number", new["number"]))


def label(command: Command) -> Done:
    """Add labels to an issue."""
    old = command.ask.view.one("issues", "number", command.ask.number("number"))
    wanted = command.body if isinstance(command.body, list) else command.body.get("labels") or []
    more = issue_fields.labels(command, wanted)
    has = {raw["name"] for raw in old.get("labels") or []}
    both = [*(old.get("labels") or []), *(raw for raw in more if raw["name"] not in has)]
    _keep(command, old, {**old, "labels": both, "updated_at": command.at})
    return Done(200, both)


def _fields(command: Command) -> Json:
    """Return what a body sets beside the state."""
    body = command.body
    found = issue_fields.checked_text(body)
    if "milestone" in body:
        found["milestone"] = issue_fields.milestone(command, body["milestone"])
    if "assignees" in body:
        found["assignees"] = issue_fields.people(command, body["assignees"])
        found["assignee"] = found["assignees"][0] if found["assignees"] else None
    if "labels" in body:
        found["labels"] = issue_fields.labels(command, body["labels"])
    return found


def _state(command: Command, old: Json) -> Json:
    wanted, reason = command.body.get("state", old["state"]), command.body.get("state_reason")
    if wanted == old["state"]:
        if wanted == "closed" and reason not in (None, "reopened"):
            return {"state_reason": reason}
        return {}
    if wanted == "open":
        return {"state": "open", "state_reason": "reopened", "closed_at": None, "closed_by": None}
    told = {"state_reason": None if old.get("pull_request") else reason or "completed"}
    return {"state": "closed", "closed_at": command.at, "closed_by": command.actor, **told}


def _keep(command: Command, old: Json, new: Json) -> None:
    """Put the changed issue in its place: in the list, as a pull request, in its events; and tell what happened."""
    command.replace("issues", new, "number")
    same = ("title", "body", "state", "closed_at", "updated_at", "labels", "milestone", "assignees", "assignee")
    for raw in command.ask.view.items("pulls"):
        if raw["number"] == new["number"]:
            command.replace("pulls", {**raw, **{key: new[key] for key in same if key in raw and key in new}}, "number")
    command.objects["issue_events"] = [
        {**raw, "issue": new} if (raw.get("issue") or {}).get("number") == new["number"] else raw
        for raw in command.objects.get("issue_events") or []
    ]
    _tell(command, old, new)


def _tell(command: Command, old: Json, new: Json) -> None:
    for name, more in _happened(command, old, new):
        number = command.fresh("issue_events")
        event = {
            "id": number,
            "node_id": f"EV_{number}",
            "url": f"{command.url}/issues/events/{number}",
            "actor": command.actor,
            "event": name,
            "commit_id": None,
            "commit_url": None,
            "created_at": command.at,
            **more,
            "issue": new,
            "performed_via_github_app": None,
        }
        command.add("issue_events", event)


def _happened(command: Command, old: Json, new: Json) -> Iterator[tuple[str, Json]]:
    """Yield the events between two states of an issue."""
    if old.get("title") is not None and old["title"] != new["title"]:
        yield "renamed", {"rename": {"from": old["title"], "to": new["title"]}}
    for gone, there, names in ((old, new, ("labeled", "assigned")), (new, old, ("unlabeled", "unassigned"))):
        for raw in _more(gone, there, "labels", "name"):
            yield names[0], {"label": {"name": raw["name"], "color": raw["color"]}}
        for raw in _more(gone, there, "assignees", "login"):
            yield names[1], {"assignee": raw, "assigner": command.actor}
    before, after = ((raw.get("milestone") or {}).get("title") for raw in (old, new))
    if before != after:
        for name, title in (("demilestoned", before), ("milestoned", after)):
            if title is not None:
                yield name, {"milestone": {"title": title}}
    if old["state"] != new["state"]:
        closed = new["state"] == "closed"
        yield ("closed", {"state_reason": new.get("state_reason")}) if closed else ("reopened", {})


def _more(old: Json, new: Json, key: str, name: str) -> list[Any]:
    had = {raw[name] for raw in old.get(key) or []}
    return [raw for raw in new.get(key) or [] if raw[name] not in had]


def _count(command: Command, issue: Json, opened: int, closed: int) -> None:
    """Move the counts of open issues that the repository and the milestone tell."""
    whole = command.repository
    counts: Json = {key: max(whole[key] + opened, 0) for key in ("open_issues", "open_issues_count") if key in whole}
    command.objects["repository"] = {**whole, **counts}
    own = issue.get("milestone")
    if own is None:
        return
    for raw in command.objects.get("milestones") or []:
        if raw["number"] == own["number"]:
            told = {
                "open_issues": max((raw.get("open_issues") or 0) + opened, 0),
                "closed_issues": max((raw.get("closed_issues") or 0) + closed, 0),
                "updated_at": command.at,
            }
            command.replace("milestones", {**raw, **told}, "number")
            every = command.objects["issues"]
            command.objects["issues"] = replaced(every, {**issue, "milestone": {**raw, **told}}, "number")


WRITES = (
    Write("POST", "/issues", "issues", create, 201, CREATE, "Issue", creates=True),
    Write("PATCH", "/issues/{number}", "issues", change, 200, CHANGE, "Issue"),
    Write("POST", "/issues/{number}/labels", "issues", label, 200, LABEL, "Label"),
)
