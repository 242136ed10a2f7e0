"""Who is at the panel: whom an authenticating proxy named to the page's server, never what a form or a cookie says.

``devops-lab panel`` hands the name to a visitor's kernel in its environment when it starts the kernel.  Without
``[panel] person_header`` nobody is named and the token's own login counts, also in JupyterLab.
"""

from __future__ import annotations

import os

from devops_lab.config import Settings

NAMED = "DEVOPS_LAB_PANEL_PERSON"


def person(settings: Settings) -> str | None:
    """Return whom the proxy named for this kernel; None where the token's own login counts."""
    if settings.panel.person_header is None:
        return None
    return os.environ.get(NAMED) or None
