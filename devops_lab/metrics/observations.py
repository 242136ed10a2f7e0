"""The rows behind a number: one per thing that happened, counted or left out with the reason.

Rows are always read from the whole store as it was known at ``as_of`` and cut into windows afterwards, so a day's value
is the same whatever window is asked.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from devops_lab.errors import QuestionError
from devops_lab.metrics.definition import CANONICAL, Definition
from devops_lab.periods import Window
from devops_lab.store import Store

INSTANTS = ("occurred_at", "started_at", "ended_at")
REQUIRED = ("service", "repository", "occurred_at", "value", "id")
EVERYTHING = "all"
NO_TEAM = "no team"
BY = ("service", "team", "repository")
TWICE = "counted once, where it happened first"
_TEXTS = ("service", "repository", "id", "url", "excluded")


def gather(
    metric: Definition,
    store: Store,
    services: pd.DataFrame,
    as_of: datetime,
    parameters: dict[str, Any],
    service: str | None = None,
    team: str | None = None,
    spans: Sequence[tuple[datetime, datetime]] = (),
) -> pd.DataFrame:
    """Return all observations of a metric up to `as_of`, earliest first, in the canonical columns and then its own.

    A row that does not count has no value, so that nobody averages it by mistake.  `spans` are the periods a metric of
    kind ``state`` is asked for.  Errors: QuestionError for a service or team that is not there.
    """
    _known("service", service, services["service"])
    eras = _eras(services)
    _known("team", team, [*services["team"].dropna(), *(name for own in eras.values() for _, name in own)])
    frames = None
    if metric.kind == "state":
        frames = {"periods": pd.DataFrame(spans, columns=["period_start", "period_end"]).astype("datetime64[us]")}
    teams = services.set_index("service")["team"]
    read = store.query(metric.query, as_of=as_of, frames=frames, **parameters)
    if "service" in read and (service is not None or team is not None):  # before the costly part
        owned = {name for name, own in eras.items() if team in [owner for _, owner in own]}
        asked = [
            name for name in teams.index if service in (None, name) and (team in (None, teams[name]) or name in owned)
        ]
        read = read[read["service"].isin(asked)]
    rows = _canonical(metric, read)
    found = rows["service"].map(teams).astype(object)
    rows["team"] = found.where(found.notna(), None)
    for name, own in eras.items():
        for since, owner in own:  # earliest first: each takes over what comes after its day
            rows.loc[(rows["service"] == name) & (rows["occurred_at"] >= since), "team"] = owner
    if team is not None and eras:
        rows = rows[rows["team"] == team]
    keep = rows["occurred_at"].notna() & (rows["occurred_at"] <= pd.Timestamp(as_of))
    if metric.kind == "state":
        keep &= rows["period_start"].notna()
    rows = rows[keep]
    rows = rows.sort_values(["occurred_at", "service", "id", "value"], kind="stable")
    return rows.reset_index(drop=True)


def _eras(services: pd.DataFrame) -> dict[str, list[tuple[pd.Timestamp, str]]]:
    """Return service → (day, team) of those that had more than one owner, earliest first."""
    if "owners" not in services:
        return {}
    found = {}
    for name, text in services.loc[services["owners"].notna(), ["service", "owners"]].itertuples(index=False):
        days = [(datetime.fromisoformat(owner["since"]), owner["team"]) for owner in json.loads(text)]
        found[name] = [(pd.Timestamp(since), team) for since, team in days]
    return found


def _known(kind: str, name: str | None, there: Iterable[str]) -> None:
    names = sorted(set(there))
    if name is None or name in names or not names:
        return
    close = difflib.get_close_matches(name, names, 1)
    meant = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names[:20])}"
    raise QuestionError(f"there is no {kind} {name!r}; {meant}")


def _canonical(metric: Definition, rows: pd.DataFrame) -> pd.DataFrame:
    needed = (*REQUIRED, "period_start") if metric.kind == "state" else REQUIRED
    missing = [name for name in needed if name not in rows]
    if missing:
        raise QuestionError(f"{metric.path}: the query returns no column {', '.join(missing)}")
    rows = rows.assign(**{name: None for name in CANONICAL if name not in rows})
    for name in (*INSTANTS, "period_start") if metric.kind == "state" else INSTANTS:
        rows[name] = rows[name].astype("datetime64[us]")
    for name in ("value", "denominator"):
        rows[name] = pd.to_numeric(rows[name]).astype("float64")
    for name in _TEXTS:
        rows[name] = rows[name].astype(object).where(rows[name].notna(), None)
    rows["id"] = rows["id"].map(str, na_action="ignore")
    rows["censored"] = rows["censored"].astype(object).where(rows["censored"].notna(), False).astype(bool)
    unknown = rows["excluded"].isna() & rows["value"].isna()
    rows.loc[unknown, "excluded"] = "value unknown"
    rows.loc[rows["excluded"].notna(), "value"] = float("nan")
    return rows[[*CANONICAL, *(name for name in rows if name not in CANONICAL)]]


def grouped(metric: Definition, rows: pd.DataFrame, by: str | None, service: str | None) -> pd.DataFrame:
    """Return `rows` with ``group_name``; above services a thing with one (repository, `once`) counts once.

    The earliest counts, the others stay listed with their reason; of a state, once at the end of each period.  Errors:
    QuestionError for a `by` that is none.
    """
    if by is not None and by not in BY:
        raise QuestionError(f"by = {by!r} is no way to group; there are {', '.join(BY)} (never people)")
    if by is None:
        rows = rows.assign(group_name=EVERYTHING)
    else:
        rows = rows.assign(group_name=rows[by].where(rows[by].notna(), NO_TEAM))
    if metric.once and by != "service" and service is None:
        counted = rows[rows["excluded"].isna()]
        when = ["period_start"] if metric.kind == "state" else []
        again = counted.duplicated(["group_name", "repository", metric.once, *when], keep="first")
        twice = counted.index[again]
        rows.loc[twice, "excluded"] = TWICE
        rows.loc[twice, "value"] = float("nan")
    return rows


def inside(metric: Definition, rows: pd.DataFrame, asked: Window) -> pd.DataFrame:
    """Return the rows that happened in the window; of a metric of kind ``state``, those true at its end."""
    if metric.kind == "state":
        return rows[rows["period_start"] == pd.Timestamp(asked.start)].reset_index(drop=True)
    held = (rows["occurred_at"] >= pd.Timestamp(asked.start)) & (rows["occurred_at"] < pd.Timestamp(asked.end))
    return rows[held].reset_index(drop=True)


def why_empty(services: pd.DataFrame, rows: pd.DataFrame, coverage: float) -> str:
    """Say why nothing counts: no services, never synced, everything left out, or nothing happened."""
    if not len(services):
        return "the store has no services yet; write a lab.toml (`devops-lab init`) and run `devops-lab sync`"
    if len(rows):
        reasons = rows["excluded"].value_counts()
        ordered = sorted(reasons.items(), key=lambda item: (-item[1], str(item[0])))
        return f"nothing counts here; left out: {', '.join(f'{number} {reason}' for reason, number in ordered)}"
    if not coverage:
        return "no sync has covered this time yet; run `devops-lab sync --since` with an earlier date"
    return "nothing happened in this time"
