"""How much of a service's time the sync has covered: the difference between "nothing happened" and "nobody asked".

A period is covered for a service when it lies inside the union of the ledger's windows of *every* stored table that the
metric's tables are made from there; a window that was refused covers nothing, one that a server's limit cut short
covers the share that came.  A question that a later, wider one repeated is counted once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from devops_lab.store import Store
from devops_lab.tables import TABLES

_MADE_FROM = {
    "deployments": ("deployment_tables",),
    "changes": ("deployment_tables", "change_tables"),
    "failures": ("deployment_tables", "change_tables", "failure_tables"),
    "incidents": ("failure_tables",),
}
_IN_A_CLONE = frozenset({"commits", "commit_files", "branches", "tags"})
_NEVER_SYNCED = ("services", "snapshots", "sync_ledger")
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - instants here are naive UTC
Spans = list[tuple[int, int]]


class Coverage:
    """The covered time of each service for a metric that reads `tables`; built once per question."""

    def __init__(self, store: Store, tables: Iterable[str]) -> None:
        self.services = services(store)
        asked = store.query(
            "select repository, table_name, window_start, window_end, source, recorded_at, asked, fetched, capped, "
            "missing from sync_ledger where refused is null"
        )
        self._ledger = _last_said(asked)
        self._needed = {row["service"]: _needed(row, tables) for row in self.services.to_dict("records")}
        windows: dict[tuple[str, str], Spans] = {}
        for repository, table, start, end in asked.iloc[:, :4].itertuples(index=False):
            windows.setdefault((repository, table), []).append((_ticks(start), _ticks(end)))
        self._spans = {
            row["service"]: _common(
                [
                    _union(windows.get((row["repository"], table), []) + windows.get((row["service"], table), []))
                    for table in sorted(self._needed[row["service"]])
                ]
            )
            for row in self.services.to_dict("records")
        }
        cut = self._ledger[self._ledger["capped"].fillna(0) > 0]
        self._cut = {
            row["service"]: [
                (
                    _ticks(one["window_start"]),
                    _ticks(one["window_end"]),
                    one["fetched"] / (one["fetched"] + one["capped"]),
                )
                for one in cut.to_dict("records")
                if one["repository"] in (row["repository"], row["service"])
                and one["table_name"] in self._needed[row["service"]]
            ]
            for row in self.services.to_dict("records")
        }

    def fractions(self, names: Sequence[str], starts: Sequence[datetime], ends: Sequence[datetime]) -> list[float]:
        """Return for each ``[start, end)`` the covered share of the services' time, 0 to 1; without services 0."""
        if not names:
            return [0.0] * len(starts)
        begins, finishes = np.array([_ticks(t) for t in starts]), np.array([_ticks(t) for t in ends])
        total = np.zeros(len(starts), dtype=np.int64)
        for name in names:
            for start, end in self._spans.get(name, []):
                total += np.clip(np.minimum(finishes, end) - np.maximum(begins, start), 0, None)
        shares = total / (np.maximum(finishes - begins, 1) * len(names))
        for start, end, came in (cut for name in names for cut in self._cut.get(name, [])):
            shares = np.where((begins < end) & (finishes > start), np.minimum(shares, came), shares)
        return [float(share) for share in shares]

    def ledger(self, names: Sequence[str], start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Return what was asked for, fetched and missing per stored table, over the questions that touch the window."""
        chosen = self.services[self.services["service"].isin(list(names))]
        places = {
            (place, table)
            for row in chosen.to_dict("records")
            for table in self._needed[row["service"]]
            for place in (row["repository"], row["service"])
        }
        touching = self._ledger[(self._ledger["window_start"] < end) & (self._ledger["window_end"] > start)]
        found: dict[str, dict[str, Any]] = {}
        for row in touching.to_dict("records"):
            if (row["repository"], row["table_name"]) not in places:
                continue
            name = row["table_name"]
            line = found.setdefault(name, {"table_name": name, "asked": 0, "fetched": 0, "missing": 0})
            for column in ("asked", "fetched", "missing"):
                line[column] += 0 if pd.isna(row[column]) else int(row[column])
        return [found[name] for name in sorted(found)]


def covered(store: Store, tables: Iterable[str]) -> Coverage:
    """Return the coverage of a metric that reads `tables`; a store that remembers (a report's) makes it once."""
    names = tuple(tables)
    remember = getattr(store, "remember", None)
    found: Coverage = (
        remember(("coverage", *names), lambda: Coverage(store, names)) if remember else Coverage(store, names)
    )
    return found


def _last_said(ledger: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the ledger whose window no later row of the same source and table repeats whole."""
    kept, wider = [], dict[tuple[str, str, str], list[tuple[Any, Any]]]()
    ordered = ledger.sort_values(["recorded_at", "window_end", "window_start"], ascending=[False, False, True])
    for row in ordered.itertuples():
        windows = wider.setdefault((row.repository, row.table_name, row.source), [])
        if not any(start <= row.window_start and row.window_end <= end for start, end in windows):
            windows.append((row.window_start, row.window_end))
            kept.append(row.Index)
    return ledger.loc[sorted(kept)]


def services(store: Store) -> pd.DataFrame:
    """Return the stored services by name: service, team, repository and the tables their rules read."""
    return store.query(
        "select service, team, owners, repository, deployment_tables, change_tables, failure_tables "
        "from services order by service"
    )


def _needed(service: dict[str, Any], tables: Iterable[str]) -> set[str]:
    """Return the synced tables that must be there; of a clone alone, those that git has, where git has any of them."""
    needed: set[str] = set()
    for table in tables:
        if table in _MADE_FROM:
            lists = (service[column] for column in _MADE_FROM[table])
            needed.update(name for names in lists if isinstance(names, str) for name in names.split())
        elif table not in _NEVER_SYNCED and not TABLES[table].derived:
            needed.add(table)
    in_clone = needed & _IN_A_CLONE
    return in_clone if in_clone and "/" not in str(service["repository"]) else needed


def _ticks(moment: datetime | pd.Timestamp) -> int:
    plain = moment.to_pydatetime() if isinstance(moment, pd.Timestamp) else moment
    gap = plain - _EPOCH
    return (gap.days * 86_400 + gap.seconds) * 1_000_000 + gap.microseconds


def _union(spans: Spans) -> Spans:
    joined: Spans = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _common(several: list[Spans]) -> Spans:
    if not several:
        return []
    common = several[0]
    for spans in several[1:]:
        overlaps = ((max(a, c), min(b, d)) for a, b in common for c, d in spans)
        common = _union([span for span in overlaps if span[0] < span[1]])
    return common
