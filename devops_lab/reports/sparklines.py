"""Small pictures as SVG: a number's line over past periods, and the sketch of a report that has no picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from devops_lab import words
from devops_lab.reports.page import html, joined, shortened

WIDTH, HEIGHT, EDGE = 96, 24, 3


def line(values: Sequence[float | None], label: str) -> Markup:
    """Return a line through the values, earliest first, with a dot at the latest; a missing value is a gap.

    A value between two gaps is a point; where the latest is missing, no dot stands for it.  One value alone is its
    dot; none at all is nothing.
    """
    found = _drawn(values, WIDTH, HEIGHT)
    return html(
        '<svg class="spark" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="{}">{}</svg>',
        WIDTH, HEIGHT, WIDTH, HEIGHT, label, found,
    ) if found else Markup("")  # fmt: skip


def sketch(subject: str, lines: Sequence[Mapping[str, Any]]) -> Markup:
    """Return a small page drawn from a report's first numbers: what stands where a picture would."""
    numbers = [
        html(
            '<rect x="{x}" y="54" width="48" height="1.5"/><text x="{x}" y="76" class="number">{value}</text>'
            '<rect x="{x}" y="84" width="34" height="3"/>',
            x=20 + 58 * place, value=one["value"].partition(" ")[0],
        )
        for place, one in enumerate(lines[:5])
    ]  # fmt: skip
    drawn = next((found for one in lines if (found := _drawn(one["past"], 280, 60))), Markup(""))
    return html(
        '<svg class="sketch" viewBox="0 0 320 180" aria-hidden="true"><text x="20" y="30" class="head">{}</text>'
        '<rect x="20" y="39" width="120" height="3"/>{}<rect x="20" y="166" width="280" height="1"/>'
        '<g transform="translate(20 102)">{}</g></svg>',
        shortened(subject, 32), joined(numbers), drawn,
    )  # fmt: skip


def _drawn(values: Sequence[float | None], width: int, height: int) -> Markup:
    """Return the line and the latest's dot in a field of that size; nothing where no value is known."""
    known = [float(value) for value in values if value is not None and not words.missing(value)]
    if not known:
        return Markup("")
    low, high = min(known), max(known)
    step = (width - 2 * EDGE) / max(len(values) - 1, 1)
    path, pen, last = "", "M", (0.0, 0.0)
    points: list[Markup] = []
    for place, value in enumerate(values):
        if value is None or words.missing(value):
            pen = "M"
            continue
        share = (float(value) - low) / (high - low) if high > low else 0.5
        last = width - EDGE - step * (len(values) - 1 - place), height - EDGE - share * (height - 2 * EDGE)
        alone = pen == "M" and (place + 1 == len(values) or words.missing(values[place + 1]))
        path += f"{pen}{last[0]:.1f} {last[1]:.1f}"
        points += [html('<circle cx="{:.1f}" cy="{:.1f}" r="1.5" class="alone"/>', *last)] if alone else []
        pen = "L"
    latest = not words.missing(values[-1])
    dot = html('<circle cx="{:.1f}" cy="{:.1f}" r="2.5"/>', *last) if latest else Markup("")
    return html('<path d="{}"/>{}{}', path, joined(points), dot)
