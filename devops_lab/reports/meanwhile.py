"""What happened meanwhile, in a line under a page's title: events of lab.toml, and numbers that count otherwise now.

An upgrade of the lab is told while it lies in the page's window: its numbers then differ from those of earlier pages.
"""

from __future__ import annotations

from devops_lab import metrics
from devops_lab.config.context import Event
from devops_lab.metrics.upgrades import changed, upgrades
from devops_lab.reports.page import Piece, html, joined, shortened, together
from devops_lab.reports.question import Question

MOST = 12  # events in the line; the receipts list them all


def with_events(asked: Question, top: Piece) -> Piece:
    """Return a page's top with its window's upgrades and events below it; without any, the top alone."""
    top = together(top, *_upgraded(asked))
    events = asked.events
    if not events:
        return top
    said = [(f"{_when(asked, one)}:", shortened(one.text, 120)) for one in events[:MOST]]
    if len(events) > MOST:
        said.append(("", asked.t.many("and {count} more", "and {count} more", len(events) - MOST)))
    line = joined((html('<span><span style="white-space: nowrap">{}</span> {}</span>', *one) for one in said), " · ")
    lead = asked.t("Meanwhile:")
    text = f"{lead} " + " · ".join(f"{when} {what}".strip() for when, what in said)
    body = html('<p class="note lab-events" style="margin: 14px 0 22px">{} {}</p>', lead, line)
    return together(top, Piece(body, text))


def _upgraded(asked: Question) -> list[Piece]:
    """Return a line for each upgrade in the window that changed how something is counted."""
    start, end = asked.window
    found = []
    for one in upgrades(asked.store):
        told = changed(metrics.catalogue(), one.before, one.version) if start <= one.moment < end else []
        if told:
            said = asked.t(
                "Since {when} this lab is {version}. What earlier pages counted otherwise: {changes}.",
                when=asked.t.day(one.moment, asked.timezone),
                version=one.version,
                changes="; ".join(f"{asked.t.label(metric.name).lower()}: {what}" for metric, what in told),
            )
            found.append(Piece(html('<p class="note lab-upgrade">{}</p>', said), said))
    return found


def _when(asked: Question, event: Event) -> str:
    start, end = event.span(asked.timezone)
    if end is None:
        return asked.t.day(start, asked.timezone)
    return asked.t.window(start, end, asked.timezone)
