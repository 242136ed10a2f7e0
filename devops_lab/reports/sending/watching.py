"""The alerts of ``lab.toml``: a condition that begins to hold starts an episode, told once; its end is told once.

An alert fires when its condition holds in each of the last complete periods it asks for, with enough observations, and
(where `certain`) the 95 % interval leaves the threshold out.  It is over when the last complete period's value itself
is no longer on that side.  In between, and where a period is not known or too small, nothing is said: so a number that
wavers around the threshold does not ring again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from devops_lab import metrics, words
from devops_lab.config import Alert, Settings
from devops_lab.config.alerts import Condition
from devops_lab.config.reports import ALL
from devops_lab.errors import QuestionError
from devops_lab.reports import calendar
from devops_lab.reports.sending.message import Message, Part
from devops_lab.reports.sending.telling import EVERYTHING, row
from devops_lab.store import Store

FIRING, OVER = "firing", "over"
Episode = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """What was seen of one alert and subject: the periods' answers, the earliest first, and the threshold."""

    alert: Alert
    subject: str
    answers: Sequence[Mapping[str, Any]]
    threshold: float

    @property
    def condition(self) -> Condition:
        """The alert's condition."""
        return self.alert.condition

    @property
    def fires(self) -> bool:
        """True where it holds in every period that is asked for."""
        return len(self.answers) == self.condition.count and all(self._clearly(one) for one in self.answers)

    @property
    def is_over(self) -> bool:
        """True where the last period is known and its value is no longer on the side that is watched for."""
        last = self.answers[-1] if self.answers else None
        return last is not None and self._known(last) and not self.condition.holds(float(last["value"]), self.threshold)

    def _known(self, answer: Mapping[str, Any]) -> bool:
        return not words.missing(answer["value"]) and not answer["partial"] and self.condition.enough(answer["n"])

    def _clearly(self, answer: Mapping[str, Any]) -> bool:
        if not self._known(answer):
            return False
        if not self.alert.certain:
            return self.condition.holds(float(answer["value"]), self.threshold)
        end = answer["low"] if self.condition.compared.startswith(">") else answer["high"]
        without = words.missing(answer["low"]) and words.missing(answer["high"])
        if answer["too_few"] or (words.missing(end) and not without):
            return False
        return self.condition.holds(float(answer["value"] if without else end), self.threshold)


def subjects(alert: Alert, settings: Settings) -> list[str]:
    """Return what an alert watches, each on its own: services, a team, or "" for everything together."""
    if ALL in alert.services:
        return [one.name for one in settings.service]
    return alert.services or [alert.team or ""]


def look(settings: Settings, store: Store, alert: Alert, subject: str, now: datetime) -> Seen:
    """Return what the last complete periods say of an alert's metric.

    Errors: QuestionError for a metric or statistic that is not there, or a unit that is not the metric's.
    """
    condition, zone = alert.condition, settings.lab.timezone
    metric = metrics.find(condition.metric, settings.folder / "metrics")
    last = calendar.last_complete(condition.period, min(now, store.as_of or now), zone)
    first = last
    for _ in range(condition.count - 1):
        first = calendar.before(first)
    scope = {"team": subject} if alert.team else {"service": subject}
    frame = metric.over(
        store, every=condition.period, since=first.since, until=last.until, timezone=zone,
        statistic=condition.statistic or metric.statistics[0], **{name: one for name, one in scope.items() if one},
    )  # fmt: skip
    answers = metrics.records(frame)
    unit = str(answers[0]["unit"]) if answers else metric.unit
    return Seen(alert, subject, answers, threshold(condition, unit))


def step(seen: Seen, episodes: Iterable[Episode]) -> Episode | None:
    """Return the episode to write: one that begins, goes on, or is over; None where nothing is to be said."""
    own = [one for one in episodes if (one["alert"], one["subject"]) == (seen.alert.name, seen.subject)]
    running = next((one for one in own if one["state"] == FIRING), None)
    if not seen.answers:
        return None
    last = seen.answers[-1]
    if running is not None:
        now = {**running, **_numbers(last)}
        return {**now, "state": OVER, "ended_at": _instant(last["period_start"])} if seen.is_over else now
    began = _instant(seen.answers[0]["period_start"])
    if not seen.fires or any(one["began_at"] >= began for one in own):
        return None
    return {
        "alert": seen.alert.name, "subject": seen.subject, "began_at": began, "condition": seen.alert.when,
        "state": FIRING, "ended_at": None, "recipients": "\n".join(seen.alert.recipients) or None, **_numbers(last),
    }  # fmt: skip


def message(settings: Settings, episode: Episode) -> Message:
    """Return what is told of an episode: that it began, or that it is over; with the number as it is now."""
    metric = episode["condition"].split()[0]
    about = episode["subject"] or EVERYTHING
    unit = metrics.find(metric, settings.folder / "metrics").unit
    zone = settings.lab.timezone
    said = "is over" if episode["state"] == OVER else "fires"
    since = f"It has held since {words.day(episode['began_at'], zone)}: {episode['condition']}."
    if episode["state"] == OVER:
        since = f"It held from {words.day(episode['began_at'], zone)} on, and no longer does: {episode['condition']}."
    answer = {**episode, "metric": metric, "unit": unit}
    line = row(answer)
    spread = words.interval(episode["low"], episode["high"], unit)
    note = f"n = {words.whole(episode['n'])}" + (f"; 95 %: {spread}" if spread else "")
    part = Part("", [since], [type(line)(line.name, line.value, note)])
    return Message(f"Alert {episode['alert']} · {about}: {said}", [part], (), f"DevOps Lab, alert {episode['alert']!r}")


def threshold(condition: Condition, unit: str) -> float:
    """Return the threshold in the metric's own unit; QuestionError where the two do not go together."""
    if condition.unit in ("", unit):
        return condition.amount
    if condition.unit in words.HOURS and unit in words.HOURS:
        return condition.amount * words.HOURS[condition.unit] / words.HOURS[unit]
    given = "%" if condition.unit == "share" else condition.unit
    raise QuestionError(f"{condition.metric} is in {unit or 'no unit'}, not in {given}")


def _numbers(answer: Mapping[str, Any]) -> dict[str, Any]:
    names = ("value", "n", "low", "high")
    return {name: answer[name] for name in names} | {"seen_until": _instant(answer["period_end"])}


def _instant(text: Any) -> datetime:
    return datetime.fromisoformat(str(text).removesuffix("Z"))
