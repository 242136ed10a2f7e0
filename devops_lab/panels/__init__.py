"""Panels of widgets over actions and store: where a person starts, watches and stops pipeline runs.

::

    texts, pieces    what is shown, made harmless; the look and the parts every panel is made of
    background       blocking questions in threads, what comes of them on the page's own loop
    asking           what is asked of the server and the store, each question one call; reading needs no action token
    state            where a person is: what is chosen, what runs, what to say about it; knows no widget
    timing, graph    how far and how long; jobs in columns by their `needs`
    choose, form, confirm, run, jobs, log, history, changed    one view each
    trigger          the trigger panel: the views and what happens between them

``trigger()`` returns the panel as a widget; ``board()`` the runs of all services.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOMES = {"trigger": "devops_lab.panels.trigger_panel", "board": "devops_lab.panels.board_panel"}

__all__ = ["board", "trigger"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"devops_lab.panels has no {name!r}; names: {', '.join(__all__)}")
    return getattr(import_module(_HOMES[name]), name)
