"""The practice server's endpoint of contents: a file or a folder of the repository at a branch, tag or sha.

"files" of a repository's objects is a function of sha and path: a file's bytes, a folder's names, or None.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from urllib.parse import quote

from starlette.exceptions import HTTPException

from devops_lab.practice.server.answers import API, Item, Json, Raw, missing
from devops_lab.practice.server.commits import resolved
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.view import View

Files = Callable[[str, str], bytes | list[str] | None]

RAW_MEDIA = ("application/vnd.github.raw+json", "application/vnd.github.raw", "application/vnd.github.v3.raw")
OBJECT_MEDIA = "application/vnd.github.object"
LARGEST_INLINE = 1024 * 1024
LARGEST = 100 * LARGEST_INLINE


def file_of(view: View, sha: str, path: str) -> bytes | list[str] | None:
    """Return a file's bytes or a folder's names at a commit, None where there is neither."""
    files: Files | None = view.objects.get("files")
    return None if files is None else files(sha, path)


def contents(ask: Question) -> Item | Raw:
    """Return a file (base64 in JSON, or raw where the Accept header says so) or the list of a folder."""
    view, path = ask.view, ask.parts.get("path", "").strip("/")
    ref = ask.query.get("ref") or view.repository["default_branch"]
    sha = resolved(view, ref)
    if sha is None:
        raise HTTPException(404, f"No commit found for the ref {ref[:100]}")
    if ".." in path.split("/"):
        raise missing()
    found = file_of(view, sha, path)
    if found is None:
        raise missing()
    if isinstance(found, bytes):
        if len(found) > LARGEST:
            raise HTTPException(403, "This API returns blobs up to 100 MB in size.")
        if _asks_for(ask, *RAW_MEDIA):
            return Raw(found, f"{RAW_MEDIA[0]}; charset=utf-8")
        return Item({**_entry(view, sha, ref, path, found), **_inline(found)})
    entries = []
    for name in sorted(found):
        below = f"{path}/{name}".strip("/")
        entry = file_of(view, sha, below)
        if entry is not None:
            entries.append(_entry(view, sha, ref, below, entry))
    if _asks_for(ask, OBJECT_MEDIA, f"{OBJECT_MEDIA}+json"):
        return Item({**_entry(view, sha, ref, path, found), "entries": entries})
    return Item(entries)


def _asks_for(ask: Question, *media: str) -> bool:
    return any(one.partition(";")[0].strip() in media for one in ask.accept.split(","))


def _inline(data: bytes) -> Json:
    if len(data) > LARGEST_INLINE:
        return {"content": "", "encoding": "none"}
    return {"content": base64.encodebytes(data).decode(), "encoding": "base64"}


def _entry(view: View, sha: str, ref: str, path: str, found: bytes | list[str]) -> Json:
    is_file = isinstance(found, bytes)
    number = _blob(found) if isinstance(found, bytes) else _tree(view, sha, path, found)
    api, web, place = f"{API}/repos/{view.name}", view.repository.get("html_url") or "", quote(path)
    url = f"{api}/contents/{place}?ref={quote(ref, safe='')}"
    git = f"{api}/git/{'blobs' if is_file else 'trees'}/{number}"
    html = f"{web}/{'blob' if is_file else 'tree'}/{quote(ref)}/{place}"
    return {
        "name": path.rsplit("/", 1)[-1], "path": path, "sha": number, "size": len(found) if is_file else 0, "url": url,
        "html_url": html, "git_url": git, "download_url": f"{web}/raw/{quote(ref)}/{place}" if is_file else None,
        "type": "file" if is_file else "dir", "_links": {"self": url, "git": git, "html": html},
    }  # fmt: skip


def _blob(data: bytes) -> str:
    """Return the sha that git gives a file."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()


def _tree(view: View, sha: str, path: str, names: list[str]) -> str:
    """Return the sha that git gives a folder of plain files and folders."""
    rows = []
    for name in names:
        below = f"{path}/{name}".strip("/")
        found = file_of(view, sha, below)
        if isinstance(found, bytes):
            rows.append((name.encode(), b"100644", _blob(found)))
        elif found is not None:
            rows.append((name.encode() + b"/", b"40000", _tree(view, sha, below, found)))
    body = b"".join(
        mode + b" " + name.removesuffix(b"/") + b"\0" + bytes.fromhex(own) for name, mode, own in sorted(rows)
    )
    return hashlib.sha1(b"tree %d\0" % len(body) + body, usedforsecurity=False).hexdigest()


READS = (
    Read("/contents", "contents", contents, ("ref",)),
    Read("/contents/{path:path}", "contents", contents, ("ref",), (403,)),
)
