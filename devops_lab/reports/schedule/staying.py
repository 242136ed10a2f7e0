"""A run that stays awake: what is due is done, then it sleeps until the next instant of a schedule.

What is due, and what cron means by it, is `due`'s affair; APScheduler only wakes this process.  It wakes at least
every quarter of an hour, so a clock that was set, a laptop that slept and a report to try again are seen soon.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any

from devops_lab.config import Settings, load
from devops_lab.errors import LabError
from devops_lab.reports.schedule.due import soonest
from devops_lab.reports.schedule.hands import Done, Hands, utc_now
from devops_lab.reports.schedule.running import run

AT_MOST = timedelta(minutes=15)
Say = Callable[[str], None]


def stay(settings: Settings, hands_of: Callable[[Settings], Hands], said: Callable[[Done], None], say: Say) -> None:
    """Do what is due until SIGTERM or SIGINT; a run that is at work is brought to its end.

    ``lab.toml`` is read anew before each run; while it has problems, they are said and the last good one is kept.
    """
    from apscheduler.executors.pool import ThreadPoolExecutor
    from apscheduler.schedulers.blocking import BlockingScheduler
    from apscheduler.triggers.base import BaseTrigger

    held = [settings]

    class Soonest(BaseTrigger):
        """The next instant of any schedule; the first time at once."""

        def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
            """Return when to wake next."""
            if previous is None:
                return now
            return soonest(held[0], utc_now(), AT_MOST).replace(tzinfo=UTC)

    def work() -> None:
        try:
            held[0] = load(held[0].path)
        except LabError as problem:
            say(str(problem))
        try:
            said(run(held[0], hands_of(held[0])))
        except LabError as problem:
            say(str(problem))

    scheduler = BlockingScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone=UTC)
    scheduler.add_job(work, Soonest(), coalesce=True, max_instances=1, misfire_grace_time=None)

    def stop(number: int, frame: FrameType | None) -> Any:
        say("stopping when the run at work is over")
        scheduler.shutdown(wait=False)

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        scheduler.start()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
