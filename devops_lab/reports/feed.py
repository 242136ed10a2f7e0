"""An Atom feed of reports: one entry per report, the latest first."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote
from xml.etree import ElementTree

from devops_lab import words
from devops_lab.reports import summary

if TYPE_CHECKING:
    from devops_lab.reports.gallery import Entry

MOST = 50
_ATOM = "http://www.w3.org/2005/Atom"
_NEVER = "1970-01-01T00:00:00Z"


def atom(entries: Sequence[Entry], title: str, address: str = "") -> str:
    """Return the feed as XML; links begin with `address`, the place that the folder is served at."""
    ElementTree.register_namespace("", _ATOM)
    root = ElementTree.Element(f"{{{_ATOM}}}feed")
    base = f"{address.rstrip('/')}/" if address else ""
    latest = sorted(entries, key=lambda one: one.seal.made_at, reverse=True)[:MOST]
    _add(root, "title", _legal(title))
    _add(root, "id", _name("feed"))
    _add(root, "updated", latest[0].seal.made_at if latest else _NEVER)
    _add(_add(root, "author"), "name", "DevOps Lab")
    _add(root, "link", rel="self", href=f"{base}feed.xml")
    _add(root, "link", rel="alternate", href=f"{base}index.html")
    for one in latest:
        entry = _add(root, "entry")
        _add(entry, "title", _legal(f"{one.seal.title}, {one.when}"))
        _add(entry, "id", _name(one.page))
        _add(entry, "updated", one.seal.made_at)
        _add(entry, "link", rel="alternate", type="text/html", href=f"{base}{quote(one.page)}")
        said = (f"{words.label(row['metric'])}: {words.answer(row)}" for row in summary.told(one.seal.metrics))
        _add(entry, "summary", _legal("; ".join(said).replace(words.SPACE, " ")))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=False).join(
        ('<?xml version="1.0" encoding="utf-8"?>\n', "\n")
    )


def _add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
    found = ElementTree.SubElement(parent, f"{{{_ATOM}}}{name}", attributes)
    found.text = text or None
    return found


def _name(text: str) -> str:
    """Return a name that stays the same for the same report, wherever the folder is served."""
    return uuid.uuid5(uuid.NAMESPACE_URL, f"devops-lab/reports/{text}").urn


def _legal(text: str) -> str:
    """Return text without the control characters that XML cannot hold."""
    return "".join(letter for letter in text if letter >= " " or letter in "\t\n")
