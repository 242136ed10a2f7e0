"""What a clone points at: branches, tags, the default branch, where it was cut off, and where it came from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from devops_lab.sources import git_command

ORIGIN = "refs/remotes/origin/"
HEADS, TAGS = "refs/heads/", "refs/tags/"
USUAL_BRANCHES = ("main", "master", "trunk")
# Hosts whose pages of commits are not at /owner/name/commit/SHA.
OTHER_PAGES = ("bitbucket.org", "git.sr.ht")

_FORMAT = "%00".join(
    f"%({name})"
    for name in (
        *("refname", "objecttype", "objectname", "*objecttype", "*objectname"),
        *("taggerdate:unix", "symref", "HEAD", "upstream", "upstream:track,nobracket"),
    )
)
_SCP = re.compile(r"(?:[^@/\s]{1,200}@)?([\w.-]{2,200}):(?!//)/?([^\s:]{1,400})")
_REMOTE = r"^(remote\..*\.(url|promisor|partialclonefilter)|extensions\.partialclone)$"


@dataclass(frozen=True)
class Remote:
    """Where a clone came from: `repository` "owner/name", `url` its page, `fetched_at` the last fetch (naive UTC).

    All are None where there is no remote to say it.  `partial`: file contents are not all there.  Passwords in a
    remote's address are never kept.
    """

    repository: str | None = None
    url: str | None = None
    fetched_at: datetime | None = None
    partial: bool = False


@dataclass
class References:
    """`branches` name → sha, `tags` name → (commit sha, tagger's seconds or None), the `default_branch`' name.

    `cut_parents`: for commits where a shallow clone ends, the parents they really have, with spaces between.
    """

    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    default_branch: str | None = None
    cut_parents: dict[str, str] = field(default_factory=dict)


def read_remote(path: Path) -> Remote:
    """Read where the clone at `path` came from; AccessError when it is no repository, SourceError when git fails."""
    places = git_command.output(path, "rev-parse", "--absolute-git-dir", "--git-common-dir").decode("utf-8", "replace")
    entries = git_command.output(path, "config", "-z", "--get-regexp", _REMOTE, allowed=(0, 1))
    settings = dict(
        entry.decode("utf-8", "replace").partition("\n")[::2] for entry in entries.split(b"\0") if b"\n" in entry
    )
    address = settings.get("remote.origin.url", "")
    remotes = any(name.endswith(".url") for name in settings)
    return Remote(
        *_named(address),
        _fetched(path, places.splitlines()) if remotes else None,
        any(not name.endswith(".url") and value != "false" for name, value in settings.items()),
    )


def read_references(path: Path) -> References:
    """Read branches, tags and the default branch of the repository at `path`; errors as `read_remote`.

    A remote branch "origin/x" is the branch "x".  A local branch wins over it, unless it is only behind: then nothing
    of its own is lost and the remote's commits are newer.  Annotated tags have their tagger's date, also nested ones;
    tags on files and trees are left out.  The default branch is what origin/HEAD names, else the one checked out, else
    main, master or trunk.
    """
    found = References()
    local, remote, nested = {}, {}, {}
    default = current = None
    for line in git_command.output(path, "for-each-ref", f"--format={_FORMAT}").split(b"\n"):
        if not line:
            continue
        name, kind, sha, inner_kind, inner, tagged, symbolic, head, upstream, track = line.decode(
            "utf-8", "replace"
        ).split("\0")
        if name == f"{ORIGIN}HEAD":
            default = symbolic.removeprefix(ORIGIN) or None
        elif name.startswith(ORIGIN):
            remote[name.removeprefix(ORIGIN)] = sha
        elif name.startswith(HEADS):
            branch = name.removeprefix(HEADS)
            current = branch if head == "*" else current
            if not (track.startswith("behind") and upstream == ORIGIN + branch):
                local[branch] = sha
        elif name.startswith(TAGS):
            tag = name.removeprefix(TAGS)
            if kind == "commit":
                found.tags[tag] = (sha, None)
            elif inner_kind == "commit":
                found.tags[tag] = (inner, tagged or None)
            elif inner_kind == "tag":
                nested[tag] = (inner, tagged or None)
    found.tags |= _peeled(path, nested)
    found.branches = remote | local
    usual = (branch for branch in (default, current, *USUAL_BRANCHES) if branch in found.branches)
    found.default_branch = next(usual, None)
    found.cut_parents = _cut(path)
    return found


def _peeled(path: Path, nested: dict[str, tuple[str, str | None]]) -> dict[str, tuple[str, str | None]]:
    """Return the tags of tags with the commits they end at."""
    if not nested:
        return {}
    asked = "".join(f"{sha}^{{commit}}\n" for sha, _ in nested.values())
    answers = git_command.output(path, "cat-file", "--batch-check=%(objectname)", text=asked.encode()).decode()
    return {
        tag: (answer, tagged)
        for (tag, (_, tagged)), answer in zip(nested.items(), answers.splitlines(), strict=True)
        if " " not in answer
    }


def _cut(path: Path) -> dict[str, str]:
    """Return the commits where a shallow clone ends, with their real parents, which git log does not show."""
    place = git_command.output(path, "rev-parse", "--git-path", "shallow").decode("utf-8", "replace").rstrip("\n")
    file = path / place
    if not file.is_file():
        return {}
    shas = file.read_bytes().split()
    objects = git_command.output(path, "cat-file", "--batch", text=b"".join(sha + b"\n" for sha in shas))
    cut, position = {}, 0
    while position < len(objects):
        end = objects.index(b"\n", position)
        sha, kind, *size = objects[position:end].decode().split()
        position = end + 1
        if kind != "commit":
            continue
        header = objects[position : position + int(size[0])].partition(b"\n\n")[0]
        cut[sha] = " ".join(re.findall(r"^parent ([0-9a-f]+)$", header.decode("utf-8", "replace"), re.MULTILINE))
        position += int(size[0]) + 1
    return cut


def _named(address: str) -> tuple[str | None, str | None]:
    """Return "owner/name" and the page's address that a remote's address stands for."""
    if "://" in address:
        parts = urlsplit(address)
        if parts.scheme not in ("https", "http", "ssh", "git", "git+ssh") or not parts.hostname:
            return None, None
        host = parts.netloc.rpartition("@")[2] if parts.scheme in ("https", "http") else parts.hostname
        scheme, place = "http" if parts.scheme == "http" else "https", parts.path
    elif match := _SCP.fullmatch(address):
        scheme, host, place = "https", match[1], match[2]
    else:
        return None, None
    name = place.strip("/").removesuffix(".git")
    if "/" not in name:
        return None, None
    like_github = name.count("/") == 1 and host not in OTHER_PAGES
    return name, f"{scheme}://{host}/{name}" if like_github else None


def _fetched(path: Path, places: list[str]) -> datetime | None:
    """Return when the clone last fetched, else when it was made; git writes FETCH_HEAD at each fetch."""
    folders = [path / place for place in places]
    for name in ("FETCH_HEAD", "HEAD"):
        times = [(folder / name).stat().st_mtime for folder in folders if (folder / name).is_file()]
        if times:
            return datetime.fromtimestamp(max(times), UTC).replace(tzinfo=None)
    return None
