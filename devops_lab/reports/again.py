"""A sealed report once more: the same notebook on the same snapshot, and what changed in the data since.

`again` runs the notebook as it was sealed, with the parameters it had, on the snapshot that it read, and compares each
number to the last digit and each receipt by its sha256.  Then it compares the snapshot with the newest: which stored
rows of the report's services, from before its window's end and in tables that its numbers read, came, changed or went.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from devops_lab import engines, metrics, words
from devops_lab.errors import QuestionError, ReportError, StoreError
from devops_lab.metrics import upgrades
from devops_lab.metrics.answers import plain
from devops_lab.periods import instant
from devops_lab.reports import seal
from devops_lab.reports.seal import Seal
from devops_lab.reports.workers import Workers
from devops_lab.store import Store
from devops_lab.tables import TABLES, Table

_OF_THE_LAB = {"snapshots", "sync_ledger", "actions", "schedule_history"}
_COMPARED = ("value", "n", "low", "high", "previous", "previous_n", "coverage")


@dataclass(frozen=True)
class Change:
    """One stored row that came, changed or went since a report was sealed; `columns` are those that changed."""

    table: str
    kind: str
    key: dict[str, Any]
    moment: str
    columns: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        """The change in a line."""
        key = " ".join(str(value) for value in self.key.values())
        which = f"  ({', '.join(self.columns)})" if self.columns else ""
        return f"{self.kind:<8}{self.table}  {key}  {self.moment}{which}".rstrip()


@dataclass(frozen=True)
class Again:
    """What came of making a sealed report again.  `differences` are numbers that differ; `remarks` explain."""

    seal: Seal
    differences: tuple[str, ...]
    remarks: tuple[str, ...]
    changes: tuple[Change, ...]

    @property
    def same(self) -> bool:
        """Whether every number and every receipt is as it was, to the last digit."""
        return not self.differences

    @property
    def verdict(self) -> str:
        """The result in a sentence."""
        count = words.whole(len(self.seal.metrics))
        if self.same:
            return f"{self.seal.title}: all {count} numbers are the same to the last digit"
        return f"{self.seal.title}: {len(self.differences)} differences in {count} numbers and their receipts"

    @property
    def summary(self) -> str:
        """What changed in the data since, in a sentence."""
        if not self.changes:
            return "Nothing that the report read has changed since."
        counts = Counter((one.table, one.kind) for one in self.changes)
        said = ", ".join(f"{words.whole(count)} {kind} in {table}" for (table, kind), count in sorted(counts.items()))
        return f"Changed since, of what the report read: {said}."


def again(path: str | Path) -> Again:
    """Make the report at `path` (its page or its seal) again and return how it compares.

    Errors: QuestionError where there is no seal, the page or the notebook is not the sealed one; ReportError where the
    snapshot has been let go of, or the notebook fails.
    """
    sealed = seal.read(path)
    page = seal.page_of(path).absolute()
    notebook = page.with_suffix(".ipynb")
    if not notebook.is_file() or seal.sha256(notebook) != sealed.files.get(notebook.name):
        raise QuestionError(f"{notebook} is not the notebook that was sealed, so the report cannot be made again")
    stores = {_place(page, one["path"]): one for one in sealed.stores}
    handles = {place: _handle(place, one, sealed) for place, one in stores.items()}
    now = _said_now(sealed, page, notebook, {place: one["snapshot"] for place, one in stores.items()})
    lab = version("devops-lab")
    remarks = [f"sealed by devops-lab {sealed.lab_version}; this is {lab}"] if lab != sealed.lab_version else []
    named = {row["metric"] for row in sealed.metrics}
    known = [metric for metric in metrics.catalogue() if metric.name in named]
    remarks += [f"{one.name} changed: {what}" for one, what in upgrades.changed(known, sealed.lab_version, lab)]
    return Again(
        seal=sealed,
        differences=(*_numbers(sealed.metrics, now["rows"]), *_receipts(sealed.receipts, now["receipts"])),
        remarks=tuple(remarks),
        changes=tuple(one for handle in handles.values() for one in changes(sealed, handle)),
    )


def changes(sealed: Seal, before: Store) -> list[Change]:
    """Return the rows that differ between the sealed snapshot (`before`) and the newest of the same store."""
    after = Store(before.path)
    found = []
    for name in _tables(sealed):
        if before.versions.get(name) != after.versions.get(name):
            found += _changed(sealed, TABLES[name], before, after)
    return found


def _place(page: Path, path: str) -> str:
    return path if "://" in path else os.path.normpath(page.parent / path)


def _handle(place: str, state: Mapping[str, Any], sealed: Seal) -> Store:
    """Return a handle on the sealed snapshot; ReportError where its files are no longer there."""
    try:
        handle = Store(place, snapshot=state["snapshot"])
        for name in _tables(sealed):
            handle.arrow(f'select count(*) as n from "{name}"')  # noqa: S608 - names come from tables.py
    except (StoreError, QuestionError) as problem:
        raise ReportError(
            f"{sealed.title} cannot be made again: the snapshot {state['snapshot']} of {place} is no longer whole (a "
            "store lets go of old versions after 30 days); the page still holds its numbers and their receipts"
        ) from problem
    return handle


def _said_now(sealed: Seal, page: Path, notebook: Path, pinned: Mapping[str, str]) -> dict[str, Any]:
    began = page.parent / sealed.began_in
    if not began.is_dir():
        raise QuestionError(f"the folder {began}, in which the report was made, is not there")
    with tempfile.TemporaryDirectory(prefix="devops-lab-") as folder, Workers(1) as workers:
        job = {
            "call": "again",
            "notebook": str(notebook),
            "parameters": sealed.parameters,
            "output": f"{folder}/again.ipynb",
            "journal": f"{folder}/cells.jsonl",
            "kept": f"{folder}/again.ipynb",
            "facts": f"{folder}/facts.json",
            "cwd": str(began),
            "pinned": pinned,
        }
        (found,) = workers.run([job])
        if isinstance(found, ReportError):
            raise found
        said: dict[str, Any] = json.loads(Path(folder, "facts.json").read_text("utf-8"))
        return said


def _numbers(sealed: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    def keyed(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str, str], Mapping[str, Any]]:
        return {(row["metric"], row["group_name"], row["statistic"]): row for row in rows}

    then, here = keyed(sealed), keyed(now)
    found = [f"{' '.join(key)}: is not there any more" for key in then.keys() - here.keys()]
    found += [f"{' '.join(key)}: was not there" for key in here.keys() - then.keys()]
    for key in then.keys() & here.keys():
        for name in _COMPARED:
            if then[key].get(name) != here[key].get(name):
                found.append(f"{' '.join(key)}: {name} was {then[key].get(name)}, is {here[key].get(name)}")
    return sorted(found)


def _receipts(sealed: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    here = {one["metric"]: one.get("sha256") for one in now}
    return [
        f"{one['metric']}: the receipt is another"
        for one in sealed
        if "sha256" in one and one["sha256"] != here.get(one["metric"])
    ]


def _tables(sealed: Seal) -> list[str]:
    """Return the stored tables that the report's numbers read; all of them where it has no numbers."""
    read: set[str] = set()
    for name in {row["metric"] for row in sealed.metrics} & {metric.name for metric in metrics.catalogue()}:
        read |= engines.names_in(metrics.find(name).sql) & TABLES.keys()
    known = {name for one in sealed.stores for name in one["versions"]}
    return sorted((read or TABLES.keys()) & known - _OF_THE_LAB)


def _changed(sealed: Seal, table: Table, before: Store, after: Store) -> list[Change]:
    moment = table.born or table.month
    given: dict[str, Any] = {"services": sealed.services}
    if sealed.window_end:
        given["until"] = instant(sealed.window_end)
    content = [name for name in table.names if name not in ("fetched_at", "source")]
    columns = ", ".join(f'"{name}"' for name in content)
    select = f'select {columns} from "{table.name}" {_scope(table, sealed, moment)}'  # noqa: S608 - of tables.py
    frames = {"before_rows": before.arrow(select, **given)}
    rows = after.query(_compared(table, content, moment, select), None, frames, **given).to_dict("records")
    return [
        Change(
            table.name,
            row["kind"],
            {key: plain(row[key]) for key in table.key},
            str(plain(row[moment])) if moment else "",
            tuple(row["differing"]) if row["kind"] == "changed" else (),
        )
        for row in rows
    ]


def _compared(table: Table, content: Sequence[str], moment: str | None, select: str) -> str:
    """Return the query that puts the rows of now (`select`) beside ``before_rows`` and keeps what differs."""
    first = table.key[0]
    shown = [f"coalesce(n.{name}, b.{name}) as {name}" for name in dict.fromkeys([*table.key, moment or first])]
    differing = [f'case when n."{name}" is distinct from b."{name}" then \'{name}\' end' for name in content]
    return (
        f"select {', '.join(shown)}, list_filter([{', '.join(differing)}], lambda one: one is not null) as differing, "  # noqa: S608
        f"case when b.{first} is null then 'added' when n.{first} is null then 'removed' else 'changed' end as kind "
        f"from ({select}) n full join before_rows b on {' and '.join(f'n.{key} = b.{key}' for key in table.key)} "
        f"where b.{first} is null or n.{first} is null or len(differing) > 0 "
        f"order by {', '.join(dict.fromkeys([moment or first, *table.key]))}"
    )


def _scope(table: Table, sealed: Seal, moment: str | None) -> str:
    """Return the WHERE of rows that the report may have read: of its services, from before its window's end."""
    of_services = "select repository from services where service in (select unnest($services))"
    parts = []
    if sealed.services and "service" in table.names:
        parts.append("service in (select unnest($services))")
    elif sealed.services and "repository" in table.names:
        parts.append(f"repository in ({of_services})")
    if moment and sealed.window_end:
        parts.append(f'"{moment}" < $until')
    return f"where {' and '.join(parts)}" if parts else ""
