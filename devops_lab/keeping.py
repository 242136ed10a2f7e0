"""What is kept and what goes: old rows by ``prune``, one person by ``forget``; and which sealed reports it touches.

Both leave a store that tells the truth: the ledger says of time whose rows are gone that it is not covered, so no
number over it is a wrong 0.  The caller holds the store's lock, and lets delivery link the facts anew afterwards.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from devops_lab.privacy import PSEUDONYM, SHORTEST_NAME, People, login_of
from devops_lab.store import Store
from devops_lab.tables import TABLES, Table

KEPT_WHOLE = ("services", "snapshots", "repositories", "branches", "workflows", "sync_ledger")
# Things whose end is not the latest of their instants: what is still open stays, however old it is.
OPEN = {
    "issues": "state = 'open'",
    "pull_requests": "state = 'open'",
    "milestones": "state = 'open'",
    "security_alerts": "state = 'open'",
    "incidents": "resolved_at is null",
    "alerts": "ended_at is null",
}
NO_ENDS = {"issues": ("updated_at",), "pull_requests": ("updated_at",), "milestones": ("updated_at", "due_on")}
# child → parents, each with the parent's columns that the child's name: a child goes with its parent, not before it.
PARENTS: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {
    "issue_events": (("issues", {"number": "number"}), ("pull_requests", {"number": "number"})),
    "issue_labels": (("issues", {"number": "number"}), ("pull_requests", {"number": "number"})),
    "commit_files": (("commits", {"sha": "sha"}),),
    "pull_request_commits": (("pull_requests", {"number": "number"}),),
    "pull_request_files": (("pull_requests", {"number": "number"}),),
    "reviews": (("pull_requests", {"number": "number"}),),
    "review_comments": (("pull_requests", {"number": "number"}),),
    "workflow_jobs": (("workflow_runs", {"id": "run_id", "run_attempt": "run_attempt"}),),
    "workflow_steps": (("workflow_jobs", {"id": "job_id"}),),
    "test_cases": (("test_runs", {"id": "test_run"}),),
    "deployment_statuses": (("github_deployments", {"id": "deployment_id"}),),
}
# thing → what it is counted in: a milestone that stays keeps all its issues, or its share would be another one.
COUNTED_IN = {"issues": ("milestones", {"number": "milestone"})}
SEARCHED = (".html", ".json", ".ipynb", ".md", ".xml", ".csv", ".txt")


def prune(writer: Store, before: datetime, dry_run: bool = False) -> dict[str, int]:
    """Take out what was over before an instant (naive UTC); return how many rows of each table went, or would go.

    A thing is over at the latest of its own instants; what is open still, and what belongs to a thing that stays
    (reviews of a pull request, issues of a milestone), stays whole.  The ledger no longer covers the time before.
    Older versions of the tables can be read for 30 days more.  The caller links the facts anew and names the snapshot.
    """
    gone: dict[str, int] = {}
    selects = _selects()
    for name in reversed(list(selects)):  # children first: each finds its parents there
        count = f"select count(*) as n from ({selects[name]})"  # noqa: S608 - made of names in tables.py
        found = int(writer.rows(count, before=before)[0]["n"])
        if found:
            gone[name] = found if dry_run else writer.drop(name, selects[name], before=before)
    if not dry_run:
        _uncover(writer, before)
        writer.vacuum()
    return {name: gone[name] for name in TABLES if name in gone}


def _selects() -> dict[str, str]:
    """Return of each table that is pruned the SELECT of its rows that are over before ``$before``, parents first."""
    found: dict[str, str] = {}
    for name, table in sorted(TABLES.items(), key=lambda item: _depth(item[0])):
        if table.derived or name in KEPT_WHOLE:
            continue
        over = _over(table)
        if name in PARENTS:
            parents = [_named(name, parent, columns, found[parent]) for parent, columns in PARENTS[name]]
            stored = " or ".join(exists for exists, _ in parents)
            going = " or ".join(goes for _, goes in parents)
            over = f"({going}) or (not ({stored}) and {over})"
        if name in COUNTED_IN:
            parent, columns = COUNTED_IN[name]
            stored, going = _named(name, parent, columns, found[parent])
            over = f"{over} and not ({stored} and not {going})"
        found[name] = f'select * from "{name}" as x where {over}'  # noqa: S608 - names of tables.py
    return found


def _depth(name: str) -> int:
    above = (*PARENTS.get(name, ()), *((COUNTED_IN[name],) if name in COUNTED_IN else ()))
    return 1 + max((_depth(parent) for parent, _ in above), default=-1)


def _named(child: str, parent: str, columns: Mapping[str, str], going: str) -> tuple[str, str]:
    """Return two conditions on a child's row: its parent is stored; its parent goes."""
    same = " and ".join([f'p."{theirs}" = x."{own}"' for theirs, own in columns.items()])
    same = f"p.repository = x.repository and {same}"
    return (
        f'exists (select 1 from "{parent}" p where {same})',  # noqa: S608 - names of tables.py
        f"exists (select 1 from ({going}) p where {same})",  # noqa: S608
    )


def _over(table: Table) -> str:
    """Return the condition that a row's last instant lies before ``$before`` and that it is not open."""
    instants = [column.name for column in table.columns if column.type == "instant" and column.name != "fetched_at"]
    ends = [f'x."{name}"' for name in instants if name not in NO_ENDS.get(table.name, ())]
    if not ends:
        return "false"
    condition = f"greatest({', '.join([*ends, ends[0]])}) < cast($before as timestamp)"  # nulls do not count
    return f"{condition} and not coalesce({OPEN[table.name]}, false)" if table.name in OPEN else condition


def _uncover(writer: Store, before: datetime) -> None:
    """Let the ledger's windows begin at `before`: those that ended earlier go, the others are cut."""
    cut = writer.rows(
        "select * from sync_ledger where window_start < cast($before as timestamp) "
        "and table_name not in (select unnest($whole))",
        before=before,
        whole=list(KEPT_WHOLE),
    )
    kept = [{**row, "window_start": before} for row in cut if row["window_end"] > before]
    for row in kept:
        row.pop("fetched_at")
    writer.write("sync_ledger", kept, source="delivery")
    writer.remove("sync_ledger", cut)


def forget(writer: Store, people: People, name: str) -> dict[str, int]:
    """Take a person (login, name or pseudonym) out of every table; return how many rows of each told of them.

    `people` knows the person as forgotten already (``privacy.remember_to_forget``).  Rows stay, without the person:
    nobody's name where there was one, "someone" inside texts.  The caller links the facts anew, purges the store (or
    the old versions would still tell) and names the snapshot.
    """
    found: dict[str, int] = {}
    sought = sorted({name, *aliases(writer, people, name)})
    for table in TABLES.values():
        if table.derived or table.name == "snapshots":
            continue
        texts = [column.name for column in table.columns if column.type == "text"]
        told = " or ".join(f'contains(lower("{column}"), lower(one))' for column in texts)
        sql = f'select * from "{table.name}" where exists (select 1 from (select unnest($sought) as one) where {told})'  # noqa: S608
        before = writer.rows(sql, sought=sought)
        after = [people.spare(table, row) for row in before]
        changed = [(old, new) for old, new in zip(before, after, strict=True) if old != new]
        if not changed:
            continue
        found[table.name] = len(changed)
        moved = [old for old, new in changed if any(old[key] != new[key] for key in table.key)]
        writer.remove(table.name, moved)
        writer.write(table.name, [_bare(new) for _, new in changed], "delivery", People("names", None))
    return found


def _bare(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("fetched_at", "month")}


def aliases(store: Store, people: People, name: str) -> set[str]:
    """Return what else a person is called in the store: the pseudonym of a login, the login behind a pseudonym."""
    mark, found = people.mark(name), set()
    if not PSEUDONYM.fullmatch(name):
        found.add(people.pseudonym(name))
    for table in TABLES.values():
        for column in (column.name for column in table.columns if column.personal):
            names = store.rows(f'select distinct "{column}" as name from "{table.name}" where "{column}" is not null')  # noqa: S608
            found |= {row["name"] for row in names if people.mark(row["name"]) == mark}
    return found


def naming(store: Store, people: People, name: str) -> list[str]:
    """Return the repositories and services that bear a person's name: that is what is measured, so it stays."""
    found = store.rows("select repository as name from repositories union select service as name from services")
    parts = {(row["name"], part) for row in found for part in re.split(r"[/ ]", row["name"])}
    mark = people.mark(name)
    return sorted({whole for whole, part in parts if people.mark(part) == mark})


def reports_about(folder: Path, names: set[str]) -> list[Path]:
    """Return the files of made reports that still name a person by one of `names`, by path."""
    return [path for path in _files(folder, SEARCHED) if tells(path, names)]


def tells(path: Path, names: set[str]) -> bool:
    """Say whether a file names a person by one of `names`, in its text or in what lies in it as base64."""
    sought = sorted(name for name in (login_of(name) or name.strip() for name in names) if len(name) >= SHORTEST_NAME)
    told = re.compile(rf"(?<![^\W_])(?:{'|'.join(map(re.escape, sought))})(?![^\W_])", re.IGNORECASE)
    return bool(sought) and any(told.search(text) for text in _texts(path))


def reports_before(folder: Path, before: datetime) -> list[Path]:
    """Return the sealed reports that look at time before an instant (naive UTC), by path: they need what goes."""
    found = []
    for path in _files(folder, (".seal.json",)):
        starts = [moment for moment in map(_moment, _windows(json.loads(path.read_text("utf-8")))) if moment]
        if starts and min(starts) < before:
            found.append(path)
    return found


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.name.endswith(endings) and path.is_file())


def _texts(path: Path) -> Iterator[str]:
    """Yield what a file says: its text, and what lies in it as base64 (a report carries its receipts so)."""
    text = path.read_text("utf-8", "replace")
    yield text
    for found in re.finditer(r"base64,([A-Za-z0-9+/]{8,}={0,2})", text):
        if not len(found.group(1)) % 4:
            yield b64decode(found.group(1)).decode("utf-8", "replace")


def _windows(value: Any) -> Iterator[Any]:
    """Yield every ``window_start`` in a JSON document."""
    if isinstance(value, dict):
        if "window_start" in value:
            yield value["window_start"]
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _windows(one)


def _moment(text: Any) -> datetime | None:
    if not isinstance(text, str) or not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
