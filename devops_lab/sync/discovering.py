"""Which services there are: what ``[[discover]]`` finds is asked anew at each sync, and kept beside ``lab.toml``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from devops_lab.config import Settings, load
from devops_lab.config.discovery import keep, listings
from devops_lab.errors import LabError
from devops_lab.github_api.organisation import Asked, listing
from devops_lab.store import Store
from devops_lab.sync.asked import Say, client_of, quiet
from devops_lab.sync.pulling import Outcome

SOURCE = "discovery"


def discovered(
    writer: Store, settings: Settings, until: datetime, say: Say | None = None
) -> tuple[Settings, list[Outcome]]:
    """Return the settings with the services that there are now, and one `Outcome` per organisation asked.

    What could not be had stands in the ledger; the services known before stay.  Errors: the problem itself where an
    organisation cannot be asked and nothing is known of it.
    """
    if not settings.discover:
        return settings, []
    client = client_of(settings, say)
    known = listings(settings.path)
    written = [one.repository for one in settings.service if "/" in one.repository]
    outcomes: list[Outcome] = []
    for name in dict.fromkeys(block.organisation.casefold() for block in settings.discover):
        blocks = [block for block in settings.discover if block.organisation.casefold() == name]
        found = listing(client, blocks, known.get(name), until, written)
        if found.problem is not None and name not in known:
            raise found.problem
        known[name] = found.listing
        outcome = Outcome(blocks[0].organisation, SOURCE, notes=found.notes, problem=found.problem)
        outcome.tables = {"sync_ledger": writer.write("sync_ledger", [_row(found, until)], source=SOURCE)}
        outcome.refused = [found.listing.partial] if found.listing.partial else []
        for note in found.notes:
            (say or quiet)(note)
        outcomes.append(outcome)
    keep(settings.path, known)
    return settings.model_copy(update={"service": load(settings.path).service}), outcomes


def _row(found: Asked, until: datetime) -> dict[str, Any]:
    problem: LabError | None = found.problem
    return {
        "repository": found.listing.organisation,
        "table_name": "repositories",
        "window_start": until,
        "window_end": until,
        "recorded_at": until,
        "asked": None,
        "fetched": len(found.listing.repositories),
        "refused": found.listing.partial or (None if problem is None else str(problem)),
        "warnings": "; ".join(found.notes) or None,
    }
