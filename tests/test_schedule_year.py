"""A simulated year of schedules with two outages and both changes of the clock: each period has exactly one report."""

from collections import Counter
from datetime import datetime, timedelta
from random import Random

from made_schedule import Clock, Faked, Post, hands, settings_in

from devops_lab.reports import calendar
from devops_lab.reports.schedule import running

YEAR = """
[[recipient]]
name = "put"
folder = "out"
[[schedule]]
name = "daily"
cron = "30 2 * * *"
recipients = ["put"]
[[schedule]]
name = "weekly"
cron = "0 7 * * 1"
recipients = ["put"]
[[schedule]]
name = "monthly"
cron = "30 2 1 * *"
recipients = ["put"]
[[schedule]]
name = "quarterly"
cron = "0 8 2 */3 *"
recipients = ["put"]
[[schedule]]
name = "twice a week"
cron = "15 6 * * 2,4"
period = "week"
recipients = ["put"]
"""
FIRST, LAST = datetime(2026, 1, 5, 12), datetime(2027, 1, 5, 12)
OUTAGES = ((datetime(2026, 3, 20), datetime(2026, 4, 3)), (datetime(2026, 10, 24, 20), datetime(2026, 11, 12)))
KEYS = {"schedule_history": ("schedule", "subject", "period_start"), "deliveries": ("recipient", "about")}


class Memory:
    """A store in memory, for a year in seconds."""

    tables: dict = {}
    clock: Clock

    def __init__(self, path, latest=False):
        self.path = path

    @property
    def as_of(self):
        return self.clock()

    def rows(self, sql, **given):
        return list(next(self.tables[name] for name in KEYS if name in sql).values())

    def write(self, name, rows, source):
        for row in rows:
            self.tables[name][tuple(row[column] for column in KEYS[name])] = row


def expected(kind: str) -> list[str]:
    """The periods that were over at the last run, from the one with which a schedule begins on."""
    one, found = calendar.last_complete(kind, FIRST, "Europe/Berlin"), []
    last = calendar.last_complete(kind, LAST, "Europe/Berlin")
    while one <= last:
        found.append(one.name)
        one = calendar.following(one)
    return found


def test_each_period_has_exactly_one_report(tmp_path, monkeypatch):
    settings, clock, render, post, random = settings_in(tmp_path, YEAR), Clock(FIRST), Faked(), Post(), Random(7)
    monkeypatch.setattr(running, "Store", Memory)
    monkeypatch.setattr(Memory, "clock", clock, raising=False)
    monkeypatch.setattr(Memory, "tables", {name: {} for name in KEYS})
    while clock.now < LAST:
        if not any(start <= clock.now < end for start, end in OUTAGES):
            render.broken = {"": random.choice([0] * 9 + [3])}  # now and then nothing comes in one run
            running.run(settings, hands(clock, render, post))
        clock.now += timedelta(minutes=random.randint(60, 600))
    clock.now = LAST
    running.run(settings, hands(clock, render, post))
    rows = list(Memory.tables["schedule_history"].values())
    assert {row["outcome"] for row in rows} == {"rendered"}
    made = {name: sorted(row["period"] for row in rows if row["schedule"] == name) for name in ("daily", "weekly")}
    assert made["daily"] == expected("day") and len(made["daily"]) == 366
    assert made["weekly"] == expected("week")
    assert [row["period"] for row in rows if row["schedule"] == "quarterly"] == [
        "2025-Q4", "2026-Q1", "2026-Q2", "2026-Q3", "2026-Q4",
    ]  # fmt: skip
    for name, kind in (("monthly", "month"), ("twice a week", "week")):
        found = [row["period"] for row in rows if row["schedule"] == name]
        assert len(found) == len(set(found)) and set(found) >= set(expected(kind)[1:-1])
    told = Counter(title.split(":")[0] for _, title, _ in post.sent)
    assert set(told.values()) == {1} and len(told) == len(rows)
    assert len(list((tmp_path / "reports").glob("*.html"))) == len(rows)
