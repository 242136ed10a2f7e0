"""The practice server's endpoints of security: alerts about dependencies and about code.

A repository without "dependabot_alerts" has turned them off, one without "code_scanning_alerts" was never analysed.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException

from devops_lab.practice.server.access import CODE_SCANNING, DEPENDABOT, UNAUTHORIZED
from devops_lab.practice.server.answers import Item, Json, Listing
from devops_lab.practice.server.cursors import Cursored, Place
from devops_lab.practice.server.question import Question, Read
from devops_lab.practice.server.view import instant_of, ordered

DEPENDABOT_OFF = "Dependabot alerts are disabled for this repository."
NO_ANALYSIS = "no analysis found"
CLOSED = ("dismissed", "fixed")


def dependabot_alerts(ask: Question) -> Cursored:
    """List alerts about dependencies, the newest first; paged by cursors."""
    query = ask.query
    wanted = {name: _words(query, name) for name in ("state", "severity", "ecosystem", "package", "manifest", "scope")}
    found = [
        raw
        for raw in _dependabot(ask)
        if all(not words or _told(raw)[name].casefold() in words for name, words in wanted.items())
    ]
    key = "updated_at" if query.get("sort") == "updated" else "created_at"
    sign = 1 if query.get("direction") == "asc" else -1

    def place(raw: Json) -> Place:
        return sign * instant_of(raw, key), sign * raw["number"]

    return Cursored(found, place)


def dependabot_alert(ask: Question) -> Item:
    """Return one alert about a dependency."""
    _dependabot(ask)
    return _one(ask, "dependabot_alerts")


def code_scanning_alerts(ask: Question) -> Listing:
    """List alerts about code, the newest first."""
    query, found = ask.query, _code_scanning(ask)
    state, severity, tool = query.get("state"), query.get("severity"), query.get("tool_name")
    if state:
        states = CLOSED if state == "closed" else (state,)
        found = [raw for raw in found if raw["state"] in states]
    if severity:
        levels = ("security_severity_level", "severity")
        found = [raw for raw in found if severity in [raw["rule"].get(name) for name in levels]]
    if tool:
        found = [raw for raw in found if raw["tool"]["name"].casefold() == tool.casefold()]
    key = {"number": "", "updated": "updated_at"}.get(query.get("sort", ""), "created_at")
    return Listing(
        ordered(found, lambda raw: (instant_of(raw, key), raw["number"]), query.get("direction"), "desc"),
        most=ask.limits.items,
        refuse=True,
    )


def code_scanning_alert(ask: Question) -> Item:
    """Return one alert about code."""
    _code_scanning(ask)
    return _one(ask, "code_scanning_alerts")


def _dependabot(ask: Question) -> list[Json]:
    if ask.view.objects.get("dependabot_alerts") is None:
        raise HTTPException(403, DEPENDABOT_OFF)
    return ask.view.items("dependabot_alerts")


def _code_scanning(ask: Question) -> list[Json]:
    if ask.view.objects.get("code_scanning_alerts") is None:
        raise HTTPException(404, NO_ANALYSIS)
    return ask.view.items("code_scanning_alerts")


def _words(query: Mapping[str, str], name: str) -> set[str]:
    return {word.strip().casefold() for word in query.get(name, "").split(",") if word.strip()}


def _told(raw: Json) -> dict[str, str]:
    """Return what an alert about a dependency is filtered by."""
    dependency, vulnerability = raw["dependency"], raw["security_vulnerability"]
    return {
        "state": raw["state"],
        "severity": vulnerability["severity"],
        "ecosystem": vulnerability["package"]["ecosystem"],
        "package": vulnerability["package"]["name"],
        "manifest": dependency.get("manifest_path") or "",
        "scope": dependency.get("scope") or "",
    }


def _one(ask: Question, noun: str) -> Item:
    raw = ask.view.one(noun, "number", ask.number("number"))
    return Item(raw, raw["updated_at"])


FILTERS = ("state", "severity", "ecosystem", "package", "manifest", "scope", "sort", "direction", "before", "after")
CODE_FILTERS = ("state", "severity", "tool_name", "sort", "direction")
REFUSALS = {kind: (403, UNAUTHORIZED[kind]) for kind in (DEPENDABOT, CODE_SCANNING)}
READS = (
    Read("/dependabot/alerts", DEPENDABOT, dependabot_alerts, FILTERS, (400,), REFUSALS[DEPENDABOT]),
    Read("/dependabot/alerts/{number}", DEPENDABOT, dependabot_alert, refusal=REFUSALS[DEPENDABOT]),
    Read("/code-scanning/alerts", CODE_SCANNING, code_scanning_alerts, CODE_FILTERS, refusal=REFUSALS[CODE_SCANNING]),
    Read("/code-scanning/alerts/{number}", CODE_SCANNING, code_scanning_alert, refusal=REFUSALS[CODE_SCANNING]),
)
