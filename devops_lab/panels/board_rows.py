"""What the runs board shows, without a widget: rows in an order that keeps still, counts, and times in words.

A run that has ended stays where it was for a while, with what came of it, so that nobody looks for a row that jumped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from markupsafe import Markup

from devops_lab.actions.board import Now, Seen
from devops_lab.config import Settings
from devops_lab.panels import pieces
from devops_lab.panels.texts import html, joined, link, listed, short
from devops_lab.store import Store

STAYS = timedelta(seconds=45)
LATE, SLACK = 1.1, 5.0  # longer than usual: so many times, and so many seconds
SAMPLE = 30
MOST_NAMES = 3
COMPLETED = "completed"
QUEUED = ("queued", "pending", "requested")
DURATIONS = """
select repository, path, started_at, updated_at from workflow_runs
where conclusion = 'success' and run_attempt = 1 and path is not null and started_at is not null
and updated_at is not null and started_at >= $since
order by started_at desc
"""
LOOK_BACK = timedelta(days=180)
Usual = Mapping[tuple[str, str], float]


@dataclass(frozen=True)
class Line:
    """One row: the run, and since when it is over (naive UTC; None while it goes on)."""

    run: Seen
    over_at: datetime | None = None

    @property
    def key(self) -> tuple[str, int]:
        """What tells the run from all others."""
        return self.run.repository, self.run.id

    @property
    def state(self) -> str:
        """The run's conclusion, else its status."""
        return self.run.conclusion or self.run.status


class Lines:
    """The rows from one look to the next; `ended` tells how a run that is not listed any more stands now."""

    def __init__(self, ended: Callable[[Seen], Seen | None]) -> None:
        self._ended = ended
        self.lines: list[Line] = []
        self._places: dict[tuple[str, int], tuple[int, str, int]] = {}

    def after(self, found: Now, now: datetime) -> list[Line]:
        """Return the rows after a look; those of a repository that could not be asked are as before."""
        going = {(one.repository, one.id): Line(one) for one in found.going}
        kept = [self._kept(line, found, now) for line in self.lines if line.key not in going]
        lines = [*going.values(), *(line for line in kept if line is not None)]
        for line in lines:
            before = self._places.get(line.key)
            if line.run.status != COMPLETED and (before is None or before[0] != _rank(line.run)):
                self._places[line.key] = _place(line.run)
        self._places = {line.key: self._places[line.key] for line in lines if line.key in self._places}
        self.lines = sorted(
            (line for line in lines if line.key in self._places), key=lambda line: self._places[line.key]
        )
        return self.lines

    def _kept(self, line: Line, found: Now, now: datetime) -> Line | None:
        if line.run.repository in found.troubles:
            return line
        if line.over_at is not None:
            return line if now - line.over_at < STAYS else None
        ended = self._ended(line.run)
        if ended is None:
            return None
        return Line(ended, now if ended.status == COMPLETED else None)


def usual_runs(store: Store, now: datetime) -> dict[tuple[str, str], float]:
    """Return the median seconds of each workflow's latest successful runs, by repository and file name."""
    found: dict[tuple[str, str], list[float]] = {}
    for row in store.rows(DURATIONS, since=now - LOOK_BACK):
        own = found.setdefault((str(row["repository"]), str(row["path"]).rsplit("/", 1)[-1]), [])
        if len(own) < SAMPLE:
            own.append(max((row["updated_at"] - row["started_at"]).total_seconds(), 0.0))
    return {key: median(values) for key, values in found.items()}


def services_of(settings: Settings) -> dict[str, str]:
    """Return the names of the services of each repository, as people list them."""
    names: dict[str, list[str]] = {}
    for service in settings.service:
        names.setdefault(service.repository, []).append(service.name)
    return {
        repository: listed(own) if len(own) <= MOST_NAMES else f"{repository} ({len(own)} services)"
        for repository, own in names.items()
    }


def counts(lines: Iterable[Line], troubles: int) -> Markup:
    """Return how many wait, are queued and run, each as shape, number and words."""
    states = [line.run.status for line in lines if line.over_at is None]
    parts = [
        _count(states.count("waiting"), "waiting", "waits for approval", "wait for approval"),
        _count(sum(states.count(one) for one in QUEUED), "queued", "is queued", "are queued"),
        _count(states.count("in_progress"), "in_progress", "is running", "are running"),
    ]
    if troubles:
        word = "repository" if troubles == 1 else "repositories"
        parts.append(html('<span class="lab-count lab-bad">▲ {} {} could not be asked</span>', troubles, word))
    return html('<p class="lab-counts" role="status">{}</p>', joined(parts, " "))


def state(line: Line) -> Markup:
    """Return a row's state as shape and word."""
    return pieces.mark(line.state)


def what(line: Line, service: str) -> Markup:
    """Return whose run it is and which, with a link to its page."""
    run = line.run
    number = f"attempt {run.attempt}" if run.attempt > 1 else ""
    title = run.title if run.title and run.title != run.workflow else ""
    under = " · ".join(part for part in (title, number) if part)
    name = link(run.page, f"{service}: {run.workflow or run.file}")
    return html('<span class="lab-what">{}</span><span class="lab-soft">{}</span>', name, under)


def where(line: Line) -> Markup:
    """Return what it runs on and who started it."""
    ref = line.run.ref or line.run.sha[:9]
    return html(
        '<span class="lab-ref"><span class="lab-said">on </span>{}</span>'
        '<span class="lab-soft"><span class="lab-said">by </span>{}</span>',
        ref, line.run.actor or line.run.event,
    )  # fmt: skip


def times(line: Line, usual: Usual, now: datetime, timezone: str) -> Markup:
    """Return since when it is as it is, and how long the workflow usually takes."""
    run = line.run
    if run.since is None:
        return Markup("")
    if line.over_at is not None:
        took = "" if run.seconds is None else f"took {short(run.seconds)}"
        return html("<span>{}</span>", took)
    gone = (now - run.since).total_seconds()
    known = usual.get((run.repository, run.file))
    word = {"waiting": "waits", "in_progress": "runs"}.get(run.status, "queued")
    since = run.since.replace(tzinfo=ZoneInfo("UTC")).astimezone(ZoneInfo(timezone))
    late = run.status == "in_progress" and known is not None and gone > known * LATE + SLACK
    under = "" if known is None else f"{'longer than' if late else ''} usual{'' if late else 'ly'} {short(known)}"
    return html(
        '<span>{} <time datetime="{}" title="since {}">{}</time></span><span class="lab-soft{}">{}</span>',
        word, since.isoformat(timespec="seconds"), since.strftime("%d %b %Y %H:%M"), short(gone),
        " lab-late" if late else "", under.strip(),
    )  # fmt: skip


def _count(number: int, state: str, one: str, many: str) -> Markup:
    kind = pieces.kind_of(state) if number else pieces.STILL
    shape = html('<span aria-hidden="true">{}</span>', pieces.shape(state))
    return html('<span class="lab-count lab-{}">{} {} {}</span>', kind, shape, number, one if number == 1 else many)


def _rank(run: Seen) -> int:
    return 0 if run.status == "waiting" else 1 if run.status in QUEUED else 2


def _place(run: Seen) -> tuple[int, str, int]:
    """Return where a run stands: those that wait for somebody first, then the queued, then the running; oldest first.

    It is asked once for each state: GitHub also moves a waiting run's time for other reasons.
    """
    return _rank(run), "~" if run.since is None else run.since.isoformat(), run.id
