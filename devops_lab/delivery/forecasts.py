"""When will an open milestone be finished?  Ten thousand futures made of its own past days.

Each future draws days of the milestone's past, with putting back, until as many issues are closed as are open now; the
date by which 50, 85 or 95 % of the futures are finished is the forecast.  A day's throughput is how many of the
milestone's issues were closed on it (in UTC), whatever the reason, over the last 60 whole days or since the milestone
was made: its own issues, not the repository's, so that other work keeps taking its share.  Days without a closing,
weekends among them, are drawn as they came.  Issues that are yet to be added are not foreseen.

Where nothing was closed, or the milestone is younger than a week, it cannot be said, and the row says why.  The draws
have a fixed seed: the same facts give the same dates.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from devops_lab.delivery.rollouts import Row
from devops_lab.store import Store

FUTURES, SEED = 10_000, 20_260_302
HISTORY, YOUNGEST = 60, 7
BLOCK, FARTHEST = 73, 1095
SHARES = {"finish_50": 0.50, "finish_85": 0.85, "finish_95": 0.95}
DAY = timedelta(days=1)

NOTHING_LEFT, TOO_YOUNG = "nothing is left", "cannot be said: younger than a week"
NO_THROUGHPUT, TOO_FAR = "cannot be said: nothing was closed in {} days", "later than in three years"

_MILESTONES = "select * from milestones where repository = $repository and state = 'open' order by number"
_ISSUES = (
    "select milestone, state, coalesce(closed_at, updated_at) as closed_at from issues "
    "where repository = $repository and milestone is not null"
)
_ASKED = (
    "select max(window_end) as asked_at from sync_ledger "
    "where repository = $repository and table_name = 'issues' and refused is null"
)


def forecasts(store: Store, repository: str) -> list[Row]:
    """Return rows of ``milestone_forecasts`` for the repository's open milestones, as of its last sync of issues."""
    asked: datetime | None = store.rows(_ASKED, repository=repository)[0]["asked_at"]
    if asked is None:
        return []
    milestones = store.rows(_MILESTONES, repository=repository)
    return of_rows(milestones, store.rows(_ISSUES, repository=repository) if milestones else [], asked)


def of_rows(milestones: Iterable[Row], issues: Iterable[Row], now: datetime) -> list[Row]:
    """Return the forecasts from rows: open `milestones`, `issues` with milestone, state and closed_at, as of `now`."""
    held: dict[int, list[Row]] = defaultdict(list)
    for issue in issues:
        held[issue["milestone"]].append(issue)
    return [_forecast(one, held[one["number"]], now) for one in milestones]


def _forecast(milestone: Row, issues: list[Row], now: datetime) -> Row:
    today = datetime.combine(now.date(), datetime.min.time())
    born = milestone.get("created_at") or today - HISTORY * DAY
    history = min(HISTORY, max((today - born) // DAY, 0))
    closed = np.zeros(history, np.int64)
    for issue in issues:
        if issue["state"] == "closed" and issue["closed_at"] is not None:
            place = history + (issue["closed_at"] - today) // DAY
            if 0 <= place < history:
                closed[place] += 1
    left = sum(issue["state"] == "open" for issue in issues)
    row = {
        "repository": milestone["repository"],
        "number": milestone["number"],
        "title": milestone.get("title"),
        "due_on": milestone.get("due_on"),
        "made_at": now,
        "open_issues": left,
        "history_days": history,
        "closed_issues": int(closed.sum()),
        "url": milestone.get("url"),
        **dict.fromkeys(SHARES),
        "on_time": None,
        "reason": _reason(left, history, closed),
    }
    if row["reason"] is None:
        row |= _dates(days_needed(closed, left), today, milestone.get("due_on"))
    return row


def _reason(left: int, history: int, closed: NDArray[np.int64]) -> str | None:
    if not left:
        return NOTHING_LEFT
    if history < YOUNGEST:
        return TOO_YOUNG
    return None if closed.any() else NO_THROUGHPUT.format(history)


def _dates(days: NDArray[np.int64], today: datetime, due: datetime | None) -> Row:
    needed = {name: int(np.quantile(days, share, method="inverted_cdf")) for name, share in SHARES.items()}
    found: Row = {name: today + number * DAY if number <= FARTHEST else None for name, number in needed.items()}
    if due is not None:
        whole_day = datetime.combine(due.date(), datetime.min.time()) + DAY
        found["on_time"] = float((days <= (whole_day - today) // DAY).mean())
    found["reason"] = TOO_FAR if found["finish_50"] is None else None
    return found


def days_needed(closed: NDArray[np.int64], left: int) -> NDArray[np.int64]:
    """Return how many days each future takes to close `left` issues; more than FARTHEST where it takes longer.

    `closed` holds how many were closed on each past day: one a day and 7 left are 7 days in every future.
    """
    dice = np.random.default_rng(SEED)
    days = np.full(FUTURES, FARTHEST + 1, np.int64)
    done = np.zeros(FUTURES, np.int64)
    for begin in range(0, FARTHEST, BLOCK):
        reached = done[:, None] + np.cumsum(dice.choice(closed, (FUTURES, BLOCK)), axis=1)
        first = (days > FARTHEST) & (reached[:, -1] >= left)
        days[first] = begin + 1 + np.argmax(reached[first] >= left, axis=1)
        done = reached[:, -1]
        if (done >= left).all():
            break
    return days
