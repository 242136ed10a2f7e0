"""What the stages of many changes say together: where they wait most, and where the chain of evidence breaks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from devops_lab.delivery.loop_points import INSTANTS
from devops_lab.delivery.loop_stages import LINKS, STAGES, WAITING, broken_links, stages_of

HOUR = 3_600_000_000  # microseconds
STAGE_COLUMNS = (
    "service", "change_id", "title", "url", "phase", "stage", "kind", "started_at", "ended_at", "microseconds", "hours",
    "bridged",
)  # fmt: skip
SUMMED = ("phase", "stage", "kind", "n", "median", "total", "share")


@dataclass(frozen=True)
class Summary:
    """What the changes of a window say together.

    `stages` has a row per stage in order: phase, stage, kind, n, median (hours, of the changes that have it), total
    (hours), share (of all changes' time).  `bottleneck` is the waiting stage with the greatest share (None: nothing
    waits).  `broken` has a row per link: link, expected, missing, share (of those expected); `whole` is the share of
    the `changes` that have every expected link.  `reason` says why there is nothing.
    """

    changes: int
    stages: pd.DataFrame
    broken: pd.DataFrame
    whole: float | None = None
    median: float | None = None
    bottleneck: dict[str, Any] | None = None
    reason: str = ""
    points: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False, compare=False)


def summarised(rows: pd.DataFrame, kinds: dict[str, set[str]]) -> Summary:
    """Return the `Summary` of points; `kinds` are the links that a service's chain can have at all."""
    frame = stages_frame(rows)
    total = frame["microseconds"].sum()
    parts = [_of_stage(frame, stage.name, total) for stage in STAGES]
    found = pd.DataFrame([part for part in parts if part], columns=list(SUMMED))
    expected: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    whole = 0
    for change in records(rows):
        links = [link for link in LINKS if link in kinds.get(change["service"], ())]
        lost = broken_links(change, links)
        expected.update(links)
        missing.update(lost)
        whole += not lost
    broken = pd.DataFrame(
        [(link, expected[link], missing[link], missing[link] / expected[link]) for link in LINKS if expected[link]],
        columns=["link", "expected", "missing", "share"],
    )
    if rows.empty:
        return Summary(0, found, broken, reason="no change was deployed in this time", points=rows)
    waits = found[(found["kind"] == WAITING) & (found["total"] > 0)]
    worst = None if waits.empty else waits.loc[waits["share"].idxmax()].to_dict()
    per_change = frame.groupby(["service", "change_id"])["microseconds"].sum()
    return Summary(len(rows), found, broken, whole / len(rows), float(per_change.median()) / HOUR, worst, points=rows)


def stages_frame(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the stages of points, one row each, in the order of the changes."""
    found = [
        {name: change[name] for name in STAGE_COLUMNS[:4]} | stage | {"hours": stage["microseconds"] / HOUR}
        for change in records(rows)
        for stage in stages_of(change)
    ]
    kinds = {"started_at": "datetime64[us]", "ended_at": "datetime64[us]", "microseconds": "int64", "hours": "float64"}
    return pd.DataFrame(found, columns=list(STAGE_COLUMNS)).astype(kinds)


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return points as dicts with plain datetimes and None for what is not known."""
    plain = rows.astype({name: object for name in INSTANTS if name in rows})
    for name in INSTANTS:
        plain[name] = [None if pd.isna(one) else one.to_pydatetime() for one in rows[name]]
        plain[name] = plain[name].astype(object).where(pd.notna(plain[name]), None)
    return [{str(key): value for key, value in row.items()} for row in plain.to_dict("records")]


def _of_stage(frame: pd.DataFrame, name: str, total: float) -> dict[str, Any] | None:
    rows = frame[frame["stage"] == name]
    if rows.empty:
        return None
    spent = int(rows["microseconds"].sum())
    head = rows.iloc[0]
    return {
        "phase": head["phase"],
        "stage": name,
        "kind": head["kind"],
        "n": len(rows),
        "median": float(rows["microseconds"].median()) / HOUR,
        "total": spent / HOUR,
        "share": spent / total if total else 0.0,
    }


def once(rows: pd.DataFrame, service: str | None) -> pd.DataFrame:
    """Return the points with each change of a repository once, where it was deployed first."""
    return rows if service is not None else rows.drop_duplicates(["repository", "change_id"]).reset_index(drop=True)
