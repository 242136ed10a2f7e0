"""What an issue can be given: labels (made where they are new), a milestone, people; checked in GitHub's words."""

from __future__ import annotations

from typing import Any

from devops_lab.practice.server.answers import Json
from devops_lab.practice.server.writing import Command, invalid

LONGEST_TITLE, LONGEST_BODY, LONGEST_LABEL = 256, 65_536, 50
NEW_COLOUR = "ededed"
LABELS: Json = {
    "type": "array",
    "items": {
        "anyOf": [
            {"type": "string"},
            {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}},
        ]
    },
}


def checked_text(body: Json) -> Json:
    """Return title and body as they are kept, of those that are given; 422 where they are blank or too long."""
    found: Json = {}
    if "title" in body:
        found["title"] = str(body["title"]).strip()
        if not found["title"]:
            raise invalid("Issue", "title", "missing_field")
        if len(found["title"]) > LONGEST_TITLE:
            raise invalid("Issue", "title", "custom", f"title is too long (maximum is {LONGEST_TITLE} characters)")
    if "body" in body:
        found["body"] = body["body"]
        if len(body["body"] or "") > LONGEST_BODY:
            raise invalid("Issue", "body", "custom", f"body is too long (maximum is {LONGEST_BODY} characters)")
    return found


def labels(command: Command, wanted: list[Any]) -> list[Json]:
    """Return the labels of those names (in any case), once each; a name that the repository has not becomes a label."""
    names = [str(one["name"] if isinstance(one, dict) else one).strip() for one in wanted]
    for name in names:
        if not name or len(name) > LONGEST_LABEL:
            raise invalid("Label", "name", value=name)
    found: dict[str, Json] = {}
    for name in names:
        known = {raw["name"].casefold(): raw for raw in command.ask.view.items("labels")}
        if name.casefold() not in known:
            known[name.casefold()] = _new(command, name)
        found.setdefault(name.casefold(), known[name.casefold()])
    return list(found.values())


def _new(command: Command, name: str) -> Json:
    number = command.fresh("labels")
    raw: Json = {"id": number, "node_id": f"LA_{number}", "url": f"{command.url}/labels/{name}", "name": name}
    raw |= {"color": NEW_COLOUR, "default": False, "description": None}
    command.objects["labels"] = [*(command.objects.get("labels") or []), raw]
    return raw


def milestone(command: Command, wanted: Any) -> Json | None:
    """Return the milestone of that number; 422 where there is none."""
    if wanted is None or wanted == "":
        return None
    for raw in command.ask.view.items("milestones"):
        if str(raw["number"]) == str(wanted):
            return raw
    raise invalid("Issue", "milestone", value=str(wanted))


def people(command: Command, wanted: list[str]) -> list[Json]:
    """Return the people of those logins that the repository knows; 422 for others."""
    known = {command.actor["login"].casefold(): command.actor}
    for raw in command.ask.view.items("issues"):
        for one in (raw.get("user"), *(raw.get("assignees") or [])):
            if one:
                known.setdefault(one["login"].casefold(), one)
    unknown = [login for login in wanted if login.casefold() not in known]
    if unknown:
        raise invalid("Issue", "assignees", value=unknown[0])
    return [known[name] for name in dict.fromkeys(login.casefold() for login in wanted)]
