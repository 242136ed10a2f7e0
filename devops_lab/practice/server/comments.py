"""The practice server's endpoints of comments on issues and pull requests: read, write, change, delete."""

from __future__ import annotations

from devops_lab.practice.server.answers import API, Item, Json, Listing, missing, moment
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.view import instant_of, ordered
from devops_lab.practice.server.writing import NOTHING, Command, Done, Write, invalid, replaced

LONGEST = 65_536
NO_REACTIONS = dict.fromkeys(("+1", "-1", "laugh", "hooray", "confused", "heart", "rocket", "eyes"), 0)
SCHEMA: Json = {"type": "object", "required": ["body"], "properties": {"body": {"type": "string"}}}


def comments_of_issue(ask: Question) -> Listing:
    """List the comments of one issue, oldest first."""
    number = ask.view.one("issues", "number", ask.number("number"))["number"]
    return Listing(ordered(_since(ask, ask.view.under("comments", number)), lambda raw: raw["id"], "asc", "asc"))


def comments(ask: Question) -> Listing:
    """List the comments of all issues, by id where no order is asked for."""
    numbers, query = list(ask.view.objects.get("comments") or {}), ask.query
    found = _since(ask, [raw for number in numbers for raw in ask.view.under("comments", number)])
    if "sort" not in query:
        return Listing(sorted(found, key=lambda raw: raw["id"]))
    key = "updated_at" if query["sort"] == "updated" else "created_at"
    return Listing(ordered(found, lambda raw: (instant_of(raw, key), raw["id"]), query.get("direction"), "desc"))


def _since(ask: Question, found: list[Json]) -> list[Json]:
    since = ask.instant("since")
    return found if since is None else [raw for raw in found if moment(raw["updated_at"]) >= since]


def comment(ask: Question) -> Item:
    """Return one comment."""
    raw = _one(ask)[1]
    return Item(raw, raw["updated_at"])


def _one(ask: Question) -> tuple[int, Json]:
    wanted = ask.number("id")
    for number in list(ask.view.objects.get("comments") or {}):
        for raw in ask.view.under("comments", number):
            if raw["id"] == wanted:
                return number, raw
    raise missing()


def create(command: Command) -> Done:
    """Comment on an issue or pull request."""
    body = _checked(command)
    issue = command.ask.view.one("issues", "number", command.ask.number("number"))
    number = command.fresh("comments")
    url = f"{command.url}/issues/comments/{number}"
    raw = {
        "id": number,
        "node_id": f"IC_{number}",
        "url": url,
        "html_url": f"{issue.get('html_url') or command.web}#issuecomment-{number}",
        "issue_url": f"{API}/repos/{command.ask.view.name}/issues/{issue['number']}",
        "user": command.actor,
        "body": body,
        "created_at": command.at,
        "updated_at": command.at,
        "author_association": "MEMBER",
        "reactions": {"url": f"{url}/reactions", "total_count": 0, **NO_REACTIONS},
        "performed_via_github_app": None,
    }
    command.add_under("comments", issue["number"], raw, last=True)
    _counted(command, issue["number"])
    return Done(201, raw, url)


def change(command: Command) -> Done:
    """Change a comment's text."""
    number, raw = _one(command.ask)
    table = command.objects["comments"]
    changed = {**raw, "body": _checked(command), "updated_at": command.at}
    command.objects["comments"] = {**table, number: replaced(table[number], changed)}
    return Done(200, changed)


def delete(command: Command) -> Done:
    """Delete a comment."""
    number, raw = _one(command.ask)
    table = command.objects["comments"]
    command.objects["comments"] = {**table, number: [one for one in table[number] if one["id"] != raw["id"]]}
    _counted(command, number)
    return Done(204)


def _counted(command: Command, number: int) -> None:
    """Tell the issue (and pull request) how many comments it has."""
    count = len(command.objects["comments"].get(number) or [])
    for noun in ("issues", "pulls"):
        for raw in command.ask.view.items(noun):
            if raw["number"] == number:
                command.replace(noun, {**raw, "comments": count, "updated_at": command.at}, "number")


def _checked(command: Command) -> str:
    body: str = command.body["body"]
    if not body.strip():
        raise invalid("IssueComment", "data", "unprocessable", "Body cannot be blank")
    if len(body) > LONGEST:
        raise invalid("IssueComment", "body", "custom", f"body is too long (maximum is {LONGEST} characters)")
    return body


READS = (
    Read("/issues/comments", "issues", comments, ("since", "sort", "direction")),
    Read("/issues/comments/{id}", "issues", comment),
    Read("/issues/{number}/comments", "issues", comments_of_issue, ("since",)),
)
WRITES = (
    Write("POST", "/issues/{number}/comments", "issues", create, 201, SCHEMA, "IssueComment", creates=True),
    Write("PATCH", "/issues/comments/{id}", "issues", change, 200, SCHEMA, "IssueComment"),
    Write("DELETE", "/issues/comments/{id}", "issues", delete, 204, NOTHING, optional=True),
)
