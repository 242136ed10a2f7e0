"""What happened meanwhile: the events of lab.toml that touch a page's window, in one line under its title."""

from __future__ import annotations

from devops_lab.config_context import Event
from devops_lab.reports.page import Piece, html, joined, shortened, together
from devops_lab.reports.question import Question

MOST = 12  # events in the line; the receipts list them all


def with_events(asked: Question, top: Piece) -> Piece:
    """Return a page's top with the events of its window below it, earliest first; without any, the top alone."""
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


def _when(asked: Question, event: Event) -> str:
    start, end = event.span(asked.timezone)
    if end is None:
        return asked.t.day(start, asked.timezone)
    return asked.t.window(start, end, asked.timezone)
