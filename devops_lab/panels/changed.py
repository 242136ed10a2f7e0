"""What a run's deployment brought to users, by the store: its changes with their lead times, and its impact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from markupsafe import Markup

from devops_lab import words
from devops_lab.panels import pieces
from devops_lab.panels.asking import Desk
from devops_lab.panels.background import Background
from devops_lab.panels.state import Watched
from devops_lab.panels.texts import ago, html, joined, link, visible

SHOWN = 12
SECONDS_PER_HOUR = 3600
BEFORE = timedelta(minutes=5)  # clocks differ
EVER = datetime.fromisoformat("1970-01-02")
DEPLOYMENT = """
select id, environment, sha, started_at, finished_at, result, is_rollback, replaces_id, unplanned_reason, url
from deployments where repository = $repository and service = $service and sha = $sha and started_at >= $since
order by started_at limit 1
"""
CHANGES = """
select change_id, pull_request, subject, sha, first_commit_at, deployed_at, excluded, is_bot, url from changes
where service = $service and deployment_id = $deployment and is_result and not is_merge
order by first_commit_at desc nulls last, sha
"""
IMPACT = """
select verdict, measure, effect, low, high, note from impacts where service = $service and deployment_id = $deployment
"""
VERDICTS = {"worse": "failure", "better": "success", "no change seen": "neutral", "too little traffic": "skipped"}


@dataclass(frozen=True)
class Carried:
    """What the store knows of one deployment: its row (empty where it knows none), its changes, its impact."""

    deployment: Mapping[str, Any] = field(default_factory=dict)
    changes: tuple[Mapping[str, Any], ...] = ()
    impact: Mapping[str, Any] = field(default_factory=dict)
    as_of: datetime | None = None


def carried(desk: Desk, service: str, watched: Watched) -> Carried:
    """Ask the store's newest snapshot what the run's deployment of a service carried."""
    desk.store.refresh()
    store = desk.store
    found = store.rows(
        DEPLOYMENT, repository=watched.repository, service=service, sha=str(watched.raw.get("head_sha")),
        since=(watched.started_at or EVER) - BEFORE,
    )  # fmt: skip
    if not found:
        return Carried(as_of=store.as_of)
    its = {"service": service, "deployment": found[0]["id"]}
    impact = store.rows(IMPACT, **its)
    return Carried(found[0], tuple(store.rows(CHANGES, **its)), impact[0] if impact else {}, store.as_of)


class Changed:
    """The part of the page about it; asked for when the run's deployment may be in the store."""

    def __init__(self, background: Background) -> None:
        self.background = background
        self.widget = pieces.block(kind="lab-changed")
        self._asked: tuple[object, ...] = ()

    def look(self, desk: Desk, service: str, watched: Watched, now: datetime) -> None:
        """Ask once for each attempt that is over, and show what is known."""
        key = (watched.repository, watched.number, watched.progress.attempt, watched.progress.over, service)
        if key == self._asked or not watched.raw:
            return
        self._asked = key
        self.background.do(
            "changed",
            lambda: carried(desk, service, watched),
            lambda found: pieces.show(self.widget, drawn(found, now)),
            lambda problem: pieces.show(self.widget, html('<p class="lab-problem">{}</p>', problem)),
        )


def drawn(found: Carried, now: datetime) -> Markup:
    """Return what a deployment changed as markup."""
    title = html("<h3>{}</h3>", "What it changed")
    if not found.deployment:
        known = f" (its last sync was {ago(found.as_of, now)})" if found.as_of else " (nothing is synced yet)"
        said = f"The store does not know a deployment by this run{known}. Run devops-lab sync when it is over."
        return title + html('<p class="lab-soft">{}</p>', said)
    rows = [_row(one) for one in found.changes[:SHOWN]]
    more = len(found.changes) - len(rows)
    table = html(
        '<table><thead><tr><th>Change</th><th>Subject</th><th class="lab-number">Lead time</th></tr></thead>'
        "<tbody>{}</tbody></table>{}",
        joined(rows), html('<p class="lab-soft">and {} more</p>', more) if more > 0 else Markup(""),
    )  # fmt: skip
    return joined([title, _head(found), table if rows else Markup(""), _impact(found.impact)])


def _head(found: Carried) -> Markup:
    own = found.deployment
    count = len(found.changes)
    back = "It was a rollback: it " if own["is_rollback"] else "It "
    said = (
        f"{back}brought {words.plural(count, 'change') if count else 'no change of its own'} to {own['environment']}."
    )
    return html("<p>{}</p>", said)


def _row(one: Mapping[str, Any]) -> Markup:
    name = f"#{one['pull_request']}" if one["pull_request"] is not None else str(one["sha"])[:9]
    lead = (
        words.hours((one["deployed_at"] - one["first_commit_at"]).total_seconds() / SECONDS_PER_HOUR)
        if one["deployed_at"] is not None and one["first_commit_at"] is not None and one["excluded"] is None
        else (one["excluded"] or "unknown")
    )
    linked = link(str(one["url"] or ""), name)
    return html(
        '<tr><td>{}</td><td>{}</td><td class="lab-number">{}</td></tr>', linked, visible(one["subject"] or ""), lead
    )


def _impact(impact: Mapping[str, Any]) -> Markup:
    verdict = impact.get("verdict")
    if not impact:
        return html(
            '<p class="lab-soft">{}</p>', "No impact is judged: the service has no stored service levels there."
        )
    if verdict is None:
        return html('<p class="lab-soft">{}</p>', "Its impact is not judged yet: the hour after it is not over.")
    _, _, kind = pieces.STATES[VERDICTS.get(str(verdict), "neutral")]
    said = f" ({impact['measure']})" if impact.get("measure") else ""
    return html('<p>Impact on users: <span class="lab-state lab-{}">{}</span>{}</p>', kind, verdict, said)
