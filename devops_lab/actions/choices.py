"""What can be chosen before something is started: workflows, branches and tags, a workflow's form, environments.

Everything here only reads, with the token for actions.  Errors: AccessError, SourceError.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from devops_lab.actions import reading
from devops_lab.actions.connection import Server
from devops_lab.actions.declaration import Declaration
from devops_lab.errors import UserError
from devops_lab.github_api.answers import MissingError

FOLDER = ".github/workflows/"
ACTIVE = "active"
MOST_REFS = 500  # branches or tags that are read to search in; beyond, a search is of beginnings
Json = dict[str, Any]


@dataclass(frozen=True)
class Choice:
    """A workflow that can be started: `state` is "active", else why it cannot be started now; `file` as in its path."""

    id: int
    name: str
    file: str
    path: str
    state: str
    declaration: Declaration

    @property
    def startable(self) -> bool:
        """Whether the server takes a dispatch of it now."""
        return self.state == ACTIVE


@dataclass(frozen=True)
class Ref:
    """A branch or a tag (`kind`) and the commit it points to; an annotated tag that was searched for has no `sha`."""

    name: str
    kind: str
    sha: str = ""

    @property
    def whole(self) -> str:
        """Its whole name, which no tag shares with a branch."""
        return f"refs/{'heads' if self.kind == 'branch' else 'tags'}/{self.name}"


def default_branch(server: Server, repository: str) -> str:
    """Return the repository's default branch."""
    return str(_repository(server, repository)["default_branch"])


def workflows(server: Server, repository: str, ref: str | None = None) -> list[Choice]:
    """Return the workflows with a ``workflow_dispatch`` at `ref` (the default branch), by name; disabled ones too.

    One request for the list and one for each file.
    """
    main = default_branch(server, repository)
    found, _ = server.listed(f"/repos/{repository}/actions/workflows", "workflows")
    choices = []
    for raw in found:
        path = str(raw["path"])
        if not path.startswith(FOLDER):
            continue  # of GitHub itself: pages, dependency graph
        try:
            declared = reading.declaration_of(server, repository, path, ref or main)
        except UserError:
            continue
        file = path.removeprefix(FOLDER)
        choices.append(Choice(int(raw["id"]), str(raw["name"]), file, path, str(raw.get("state", ACTIVE)), declared))
    return sorted(choices, key=lambda one: (not one.startable, one.name.casefold(), one.path))


def declaration(server: Server, repository: str, workflow: str, ref: str) -> Declaration:
    """Return what a workflow's file at `ref` declares; `workflow` is its file, id or name.

    Errors: also UserError where there is no ref, no file or no ``workflow_dispatch``.
    """
    return reading.declaration_of(
        server, repository, str(reading.workflow_of(server, repository, workflow)["path"]), ref
    )


def refs(server: Server, repository: str, search: str = "", most: int = 30) -> list[Ref]:
    """Return branches, then tags, with `search` in their name (in any case); the default branch comes first.

    Of a repository with more than 500 branches or tags, those beyond are found by the beginning of their name.
    """
    main, wanted = default_branch(server, repository), search.strip()
    branches = _refs(server, repository, "branch", wanted)
    tags = _refs(server, repository, "tag", wanted)
    first = [one for one in branches if one.name == main]
    return [*first, *(one for one in branches if one.name != main), *tags][:most]


def environments(server: Server, repository: str) -> list[str]:
    """Return the names of a repository's environments, as an environment-typed input offers them."""
    try:
        found, _ = server.listed(f"/repos/{repository}/environments", "environments")
    except MissingError:
        return []
    return [str(raw["name"]) for raw in found]


def _refs(server: Server, repository: str, kind: str, wanted: str) -> list[Ref]:
    noun, space = ("branches", "heads") if kind == "branch" else ("tags", "tags")
    listed, whole = server.listed(f"/repos/{repository}/{noun}", most=MOST_REFS)
    found = {str(raw["name"]): str(raw["commit"]["sha"]) for raw in listed}
    if wanted and not whole:
        start = f"refs/{space}/"
        more, _ = server.listed(f"/repos/{repository}/git/matching-refs/{space}/{quote(wanted)}")
        for raw in more:
            own = raw["object"]
            found.setdefault(str(raw["ref"]).removeprefix(start), own["sha"] if own["type"] == "commit" else "")
    return [Ref(name, kind, sha) for name, sha in found.items() if wanted.casefold() in name.casefold()]


def _repository(server: Server, repository: str) -> Json:
    found = server.exists(f"/repos/{reading.address(repository)}")
    if not isinstance(found, dict):
        raise reading.unseen(repository)
    return found
