"""The loop: one change on one line, from the issue that asked for it to the deployment that brought it out.

``loop.points`` has the instants that each deployed change passed, ``loop.stages`` the stages between them (somebody
works, or the change waits), ``loop.summary`` what they say together: where changes wait most, and where the chain of
evidence breaks; ``loop.trace`` is one change.  The stages of a change add up to its total exactly.

All take the same words as the metrics: `service` or `team`; `last` ("90 days", the default), `since`, `until` for the
time in which changes were deployed; `as_of`; `timezone`.  `started` is the label that says that an issue is begun.
"""

from __future__ import annotations

import difflib
from datetime import UTC, datetime

import pandas as pd

from devops_lab import periods
from devops_lab.delivery import loop_points, loop_trace
from devops_lab.delivery.loop_points import COLUMNS
from devops_lab.delivery.loop_stages import LINKS, POINTS, STAGES, broken_links, stages_of
from devops_lab.delivery.loop_summary import Summary, once, stages_frame, summarised
from devops_lab.delivery.loop_trace import Trace
from devops_lab.errors import QuestionError
from devops_lab.periods import Moment
from devops_lab.store import Store

__all__ = [
    "LINKS", "POINTS", "STAGES", "Summary", "Trace", "broken_links", "points", "stages", "stages_of", "summary",
    "trace",
]  # fmt: skip

STARTED = "in progress"
EVER = periods.Window(datetime(1, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001 - instants here are naive UTC


def points(
    store: Store,
    service: str | None = None,
    team: str | None = None,
    last: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    as_of: Moment | None = None,
    timezone: str = "UTC",
    started: str = STARTED,
) -> pd.DataFrame:
    """Return one row per service and change deployed in the window: who it is, its links, and the instants `POINTS`.

    An instant that is not known is missing.  Errors: QuestionError for a service or team that is not there, and for
    words that cannot be read.
    """
    known = known_until(store, as_of, timezone)
    rows = loop_points.read(store, known, started)
    return _chosen(store, rows, service, team, _asked(last, since, until, known, timezone))


def stages(
    store: Store,
    service: str | None = None,
    team: str | None = None,
    last: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    as_of: Moment | None = None,
    timezone: str = "UTC",
    started: str = STARTED,
) -> pd.DataFrame:
    """Return one row per change and stage; ``microseconds`` of one change add up to its total exactly.

    Columns: service, change_id, title, url, phase, stage, kind (waiting or working), started_at, ended_at,
    microseconds, hours, bridged (the stages before it whose time is in this one).  Above services a change counts
    once, where it was deployed first.
    """
    return stages_frame(once(points(store, service, team, last, since, until, as_of, timezone, started), service))


def summary(
    store: Store,
    service: str | None = None,
    team: str | None = None,
    last: str | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
    as_of: Moment | None = None,
    timezone: str = "UTC",
    started: str = STARTED,
) -> Summary:
    """Return how long changes stay in each stage, where they wait most, and where their chains break.

    A link is expected only where the repository has anything of its kind at all: without releases nobody misses one.
    """
    known = known_until(store, as_of, timezone)
    everything = loop_points.read(store, known, started)
    asked = _asked(last, since, until, known, timezone)
    rows = once(_chosen(store, everything, service, team, asked), service)
    return summarised(rows, loop_points.kinds(store, known, everything))


def trace(
    store: Store,
    change: str | int,
    service: str | None = None,
    as_of: Moment | None = None,
    timezone: str = "UTC",
    started: str = STARTED,
) -> Trace:
    """Return one deployed change with its stages, its links, and what came after its deployment.

    `change` is "#12", 12, "owner/name#12" or a sha (seven characters are enough).  Errors: QuestionError with the
    nearest names where there is no such change, where it lies in several repositories (say the service), and where it
    is not deployed yet.
    """
    known = known_until(store, as_of, timezone)
    rows = loop_points.read(store, known, started)
    chosen = rows if service is None else _chosen(store, rows, service, None, EVER)
    found = loop_trace.find(store, known, chosen, str(change), service)
    return loop_trace.traced(store, known, found, loop_points.kinds(store, known, rows))


def _asked(
    last: str | None, since: Moment | None, until: Moment | None, known: datetime, timezone: str
) -> periods.Window:
    return periods.window(last, since, until, as_of=known, timezone=timezone, first=EVER.start)


def known_until(store: Store, as_of: Moment | None = None, timezone: str = "UTC") -> datetime:
    """Return the instant up to which things are known: `as_of`, else the last complete sync's, else now."""
    if as_of is not None:
        return periods.instant(as_of, timezone, "as_of")
    return store.as_of or datetime.now(UTC).replace(tzinfo=None)


def _chosen(
    store: Store, rows: pd.DataFrame, service: str | None, team: str | None, asked: periods.Window
) -> pd.DataFrame:
    there = store.query("select service, team from services")
    _known("service", service, there["service"])
    _known("team", team, there["team"].dropna())
    keep = (rows["deployed_at"] >= asked.start) & (rows["deployed_at"] < asked.end)
    for name, value in (("service", service), ("team", team)):
        if value is not None:
            keep &= rows[name] == value
    return rows.loc[keep, list(COLUMNS)].reset_index(drop=True)


def _known(kind: str, name: str | None, there: pd.Series) -> None:
    names = sorted(set(there))
    if name is None or name in names or not names:
        return
    close = difflib.get_close_matches(name, names, 1)
    meant = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(names[:20])}"
    raise QuestionError(f"there is no {kind} {name!r}; {meant}")
