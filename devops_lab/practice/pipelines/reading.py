"""From a bare git repository to the world's records: commits, branches, tags; and the files of a commit."""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import UTC, datetime
from zlib import crc32

from devops_lab.errors import SourceError
from devops_lab.practice.pipelines.git import Git
from devops_lab.practice.world.company import Person, people
from devops_lab.practice.world.records import Commit, Tag

FIELDS = "%x1e%H%x1f%P%x1f%an%x1f%at%x1f%cn%x1f%ct%x1f%B%x1f"
REFS = (
    "%(refname)%1f%(objectname)%1f%(objecttype)%1f%(*objectname)%1f%(creatordate:unix)%1f%(taggername)"
    "%(if)%(taggername)%(then)%(else)%(authorname)%(end)"
)
STRANGERS = 7000


def person(name: str) -> Person:
    """Return the account of an author's name; one outside the company has a number that follows from the name."""
    login = re.sub(r"[^A-Za-z0-9-]+", "-", name).strip("-") or "ghost"
    return people().get(login) or Person(login, STRANGERS + crc32(login.encode()) % 1000)


def instant(seconds: str) -> datetime:
    """Return the naive UTC instant of epoch seconds."""
    return datetime.fromtimestamp(int(seconds), UTC).replace(tzinfo=None)


def commits(git: Git) -> list[Commit]:
    """Return every commit that a branch or tag leads to, parents before children."""
    text = git(
        "log", "--branches", "--tags", "--topo-order", "--reverse", "--no-renames", "--numstat", f"--format={FIELDS}"
    )
    found = []
    for entry in text.split("\x1e")[1:]:
        sha, parents, author, authored, committer, committed, message, numbers = entry.split("\x1f", 7)
        files = [line.split("\t", 2) for line in numbers.splitlines() if line.count("\t") >= 2]
        found.append(
            Commit(
                sha,
                tuple(parents.split()),
                person(author),
                person(committer),
                instant(authored),
                instant(committed),
                message.strip(),
                tuple((path, _lines(more), _lines(less)) for more, less, path in files),
            )
        )
    return found


def _lines(text: str) -> int:
    return int(text) if text.isdigit() else 0  # git says "-" of a binary file


def refs(git: Git) -> str:
    """Return every ref as text: what `branches` and `tags` read, and equal as long as nothing was pushed."""
    return git("for-each-ref", f"--format={REFS}")


def branches(said: str) -> dict[str, list[tuple[datetime, str]]]:
    """Return branch → [(instant, sha)] as a site holds them."""
    found: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for name, sha, _, _, at, _ in _refs(said):
        if name.startswith("refs/heads/"):
            found[name.removeprefix("refs/heads/")].append((instant(at), sha))
    return found


def tags(said: str) -> list[Tag]:
    """Return the tags, annotated and lightweight."""
    return [
        Tag(
            name.removeprefix("refs/tags/"),
            target if kind == "tag" else sha,
            instant(at),
            person(who),
            sha if kind == "tag" else None,
        )
        for name, sha, kind, target, at, who in _refs(said)
        if name.startswith("refs/tags/")
    ]


def _refs(said: str) -> list[list[str]]:
    return [line.split("\x1f") for line in said.splitlines()]


def content(git: Git, sha: str, path: str) -> bytes | list[str] | None:
    """Return a file's bytes, the names in a folder, or None where a commit has neither."""
    if not re.fullmatch(r"[0-9a-f]{7,64}", sha) or "\n" in path or "\0" in path:
        return None
    name = f"{sha}:{path.strip('/')}"
    try:
        kind = git("cat-file", "-t", name).strip()
        if kind == "tree":
            return git("ls-tree", "--name-only", name).splitlines()
        return git.bytes("cat-file", "blob", name) if kind == "blob" else None
    except SourceError:
        return None
