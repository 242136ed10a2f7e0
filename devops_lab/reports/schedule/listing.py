"""Schedules as tables for a terminal: when each is due next, what came of it last, and its history."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from devops_lab import words
from devops_lab.config import Settings
from devops_lab.reports.schedule import due
from devops_lab.reports.schedule.hands import utc_now
from devops_lab.reports.sending.telling import EVERYTHING
from devops_lab.store import Store

MOST_ROWS = 60


def schedules(store: Store, settings: Settings, now: datetime | None = None) -> str:
    """Return a line per schedule: its cron line, when it is due next, what it reports on, and to whom."""
    now = now or utc_now()
    newest = Store(store.path, latest=True)
    lines = []
    for one in settings.schedule:
        zone = due.zone_of(one, settings)
        rows = newest.rows("select * from schedule_history where schedule = $name", name=one.name)
        plan = due.plan(settings, one, rows, now)
        open_ones = len(plan.new) + len(plan.again) + len(plan.waiting)
        state = words.plural(open_ones, "report") + " due" if open_ones else "up to date"
        when = words.moment(due.next_fire(one.cron, zone, now), zone)
        about = ", ".join(one.services or one.teams) or EVERYTHING
        to = ", ".join(one.recipients) or "nobody"
        lines.append([one.name, one.cron, f"{when} {zone}", f"{one.report}, {one.every}", about, to, state])
    heading = ["schedule", "cron", "next", "report", "about", "to", "now"]
    return _table(heading, lines) if lines else "no schedule; `devops-lab schedule add` writes one"


def history(store: Store, settings: Settings) -> str:
    """Return the latest rows of the history: what was due, what came of it, and why not."""
    rows = Store(store.path, latest=True).rows(
        "select schedule, subject, period, outcome, attempts, finished_at, path, message from schedule_history "
        "where schedule <> '[[alert]]' order by period_start desc, schedule, subject limit $most",
        most=MOST_ROWS,
    )
    zone = settings.lab.timezone
    lines = [
        [
            str(row["schedule"]), row["subject"] or EVERYTHING, row["period"], row["outcome"], str(row["attempts"]),
            words.moment(row["finished_at"], zone), (row["path"] or row["message"] or "").split("\n")[0],
        ]
        for row in rows
    ]  # fmt: skip
    heading = ["schedule", "about", "period", "outcome", "tries", "ended", "report"]
    return _table(heading, lines) if lines else "nothing was due yet"


def _table(heading: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    every = [heading, *lines]
    widths = [max(len(line[place]) for line in every) for place in range(len(heading))]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in every)
    return "\n".join(line.rstrip() for line in padded)
