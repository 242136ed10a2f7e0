"""What a page needs to show finished figures: plotly.js, and the colours to exchange."""

from __future__ import annotations

from importlib.resources import files

from devops_lab.charts.style import COLOURS

__all__ = ["COLOURS", "TOP", "script"]

TOP = 12  # pixels above a plot whose title the page has taken out


def script() -> str:
    """Return plotly.js as the installed plotly has it, for a page that carries it inside.

    Read as a file: importing plotly to get it would take longer than everything else a page needs.
    """
    return (files("plotly") / "package_data" / "plotly.min.js").read_text("utf-8")
