"""The practice server's endpoints of git: commits by walking the graph, comparing, branches, refs, tag objects."""

from __future__ import annotations

import heapq
import re

from starlette.exceptions import HTTPException

from devops_lab.practice.server.answers import API, Item, Json, Listing, missing, moment
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.view import View

MOST_COMPARED = 250
MOST_FILES = 3000
FILES_A_PAGE = 300
WALKS_KEPT = 50


def without_files(raw: Json) -> Json:
    """Return a commit as lists show it."""
    return {name: value for name, value in raw.items() if name not in ("files", "stats")}


def commits(ask: Question) -> Listing:
    """List the commits that lead to a branch, tag or sha, newest first."""
    view, query = ask.view, ask.query
    if not view.items("commits"):
        raise HTTPException(409, "Git Repository is empty.")
    sha = resolved(view, query.get("sha") or view.repository["default_branch"])
    if sha is None:
        raise missing()
    since, until = ask.instant("since"), ask.instant("until")
    path, author = query.get("path", "").strip("/"), query.get("author", "").casefold()
    found = [
        raw
        for raw in history(view, sha)
        if (since is None or _committed(raw) >= since.timestamp())
        and (until is None or _committed(raw) <= until.timestamp())
        and (not path or _touches(raw, path))
        and (not author or _is_by(raw, author))
    ]
    return Listing(_Slim(found))


class _Slim(list[Json]):
    """Commits of which only the page that is shown is made slim."""

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        found = super().__getitem__(place)
        return [without_files(raw) for raw in found] if isinstance(place, slice) else without_files(found)


def _committed(raw: Json) -> float:
    return moment(raw["commit"]["committer"]["date"]).timestamp()


def _touches(raw: Json, path: str) -> bool:
    return any(one["filename"] == path or one["filename"].startswith(f"{path}/") for one in raw.get("files") or [])


def _is_by(raw: Json, author: str) -> bool:
    names = (raw.get("author") or {}).get("login"), raw["commit"]["author"].get("email")
    return author in [(name or "").casefold() for name in names]


def history(view: View, start: str) -> list[Json]:
    """Return the commits that lead to `start`, the newest first, none before a child of its own."""
    index = view.commits()
    key = start, len(index)
    if key not in view.walks:
        waiting, seen, found = [(-_committed(index[start]), 0, start)], {start}, []
        while waiting:
            raw = index[heapq.heappop(waiting)[2]]
            found.append(raw)
            for parent in raw.get("parents") or []:
                sha = parent["sha"]
                if sha in index and sha not in seen:
                    seen.add(sha)
                    heapq.heappush(waiting, (-_committed(index[sha]), len(seen), sha))
        if len(view.walks) >= WALKS_KEPT:
            view.walks.clear()
        view.walks[key] = found
    return view.walks[key]


def resolved(view: View, name: str) -> str | None:
    """Return the sha of the commit that a branch, a tag, a ref or a (short) sha names."""
    index = view.commits()
    if name in index:
        return name
    short = name.removeprefix("refs/")
    for branch in view.items("branches"):
        if branch["name"] in (name, short.removeprefix("heads/")):
            return branch["commit"]["sha"] if branch["commit"]["sha"] in index else None
    for tag in view.items("tags"):
        if tag["name"] in (name, short.removeprefix("tags/")):
            return tag["commit"]["sha"] if tag["commit"]["sha"] in index else None
    if re.fullmatch(r"[0-9a-fA-F]{7,40}", name):
        hits = [sha for sha in index if sha.startswith(name.lower())]
        return hits[0] if len(hits) == 1 else None
    return None


def commit(ask: Question) -> Item | Listing:
    """Return one commit; its files are paged, 3,000 at most."""
    sha = resolved(ask.view, ask.parts["ref"])
    if sha is None:
        raise HTTPException(422, f"No commit found for SHA: {ask.parts['ref'][:100]}")
    raw = ask.view.commits()[sha]
    files = list(raw.get("files") or [])[:MOST_FILES]
    return Listing(files, "files", None, False, raw, False, FILES_A_PAGE, FILES_A_PAGE)


def compare(ask: Question) -> Listing:
    """Compare two commits ("base...head"): what head has that base has not, oldest first."""
    base, separator, head = ask.parts["basehead"].partition("...")
    shas = [resolved(ask.view, name.rpartition(":")[2]) for name in (base, head)]
    if not separator or shas[0] is None or shas[1] is None:
        raise missing()
    index = ask.view.commits()
    of_base, of_head = (history(ask.view, sha) for sha in (shas[0], shas[1]))
    in_base, in_head = ({raw["sha"] for raw in found} for found in (of_base, of_head))
    ahead = [raw for raw in reversed(of_head) if raw["sha"] not in in_base]
    behind = len(in_base - in_head)
    common = [raw for raw in of_base if raw["sha"] in in_head][:1]
    if not common:
        raise HTTPException(404, f"No common ancestor between {base} and {head}.")
    page = f"{ask.view.repository.get('html_url')}/compare"
    around = {
        "url": f"{API}/repos/{ask.view.name}/compare/{ask.parts['basehead']}",
        "html_url": f"{page}/{ask.parts['basehead']}",
        "permalink_url": f"{page}/{shas[0]}...{shas[1]}",
        "diff_url": f"{page}/{ask.parts['basehead']}.diff",
        "patch_url": f"{page}/{ask.parts['basehead']}.patch",
        "status": {(True, False): "ahead", (False, True): "behind", (True, True): "diverged"}.get(
            (bool(ahead), bool(behind)), "identical"
        ),
        "ahead_by": len(ahead),
        "behind_by": behind,
        "total_commits": len(ahead),
        "base_commit": without_files(index[shas[0]]),
        "merge_base_commit": without_files(common[0]),
        "files": [],
    }
    shown = [without_files(raw) for raw in ahead]
    if "page" in ask.query or "per_page" in ask.query:
        return Listing(shown, "commits", around=around, counted=False)
    return Listing(shown[:MOST_COMPARED], "commits", None, False, around, False, MOST_COMPARED, MOST_COMPARED)


def branches(ask: Question) -> Listing:
    """List branches by name."""
    return Listing(sorted(ask.view.items("branches"), key=lambda raw: raw["name"]))


def branch(ask: Question) -> Item:
    """Return one branch with its commit."""
    raw = ask.view.one("branches", "name", ask.parts["branch"])
    known: Json = ask.view.commits().get(raw["commit"]["sha"]) or raw["commit"]
    address = f"{API}/repos/{ask.view.name}/branches/{raw['name']}"
    around = {
        "_links": {"self": address, "html": f"{ask.view.repository.get('html_url')}/tree/{raw['name']}"},
        "protection": {"enabled": raw.get("protected", False)},
        "protection_url": f"{address}/protection",
    }
    return Item({"protected": False, **around, **raw, "commit": without_files(known)})


def refs(view: View) -> dict[str, Json]:
    """Return refs by their whole name; branches have theirs where only tags were given."""
    found = {
        f"refs/heads/{raw['name']}": {
            "ref": f"refs/heads/{raw['name']}",
            "node_id": f"ref-{raw['name']}",
            "url": f"{API}/repos/{view.name}/git/refs/heads/{raw['name']}",
            "object": {
                "sha": raw["commit"]["sha"],
                "type": "commit",
                "url": f"{API}/repos/{view.name}/git/commits/{raw['commit']['sha']}",
            },
        }
        for raw in view.items("branches")
    }
    tags = {raw["ref"]: raw for raw in list(view.table("git_refs").values()) if raw["ref"] not in found}
    return dict(sorted((found | tags).items()))


def ref(ask: Question) -> Item:
    """Return one ref by its name ("tags/v1.0.0")."""
    found = refs(ask.view).get(f"refs/{ask.parts['ref']}")
    if found is None:
        raise missing()
    return Item(found)


def matching_refs(ask: Question) -> Listing:
    """List refs whose name begins so."""
    start = f"refs/{ask.parts['ref']}"
    return Listing([raw for name, raw in refs(ask.view).items() if name.startswith(start)])


def git_tag(ask: Question) -> Item:
    """Return an annotated tag's object."""
    found = ask.view.table("git_tags").get(ask.parts["sha"])
    if found is None:
        raise missing()
    return Item(found)


def git_commit(ask: Question) -> Item:
    """Return a commit as git holds it."""
    raw = ask.view.commits().get(ask.parts["sha"])
    if raw is None:
        raise missing()
    own = raw["commit"]
    parents = raw.get("parents") or []
    named = {key: raw[key] for key in ("sha", "node_id", "html_url") if key in raw}
    inner = {key: own[key] for key in ("author", "committer", "message", "tree", "verification") if key in own}
    return Item({**named, **inner, "url": f"{API}/repos/{ask.view.name}/git/commits/{raw['sha']}", "parents": parents})


READS = (
    Read("/commits", "contents", commits, ("sha", "path", "author", "since", "until"), (409,)),
    Read("/commits/{ref:path}", "contents", commit),
    Read("/compare/{basehead:path}", "contents", compare),
    Read("/branches", "contents", branches),
    Read("/branches/{branch:path}", "contents", branch),
    Read("/git/matching-refs/{ref:path}", "contents", matching_refs),
    Read("/git/ref/{ref:path}", "contents", ref),
    Read("/git/tags/{sha}", "contents", git_tag),
    Read("/git/commits/{sha}", "contents", git_commit),
)
