"""DevOps Lab: the DevOps loop of your own repositories, with the evidence behind each number.

``import devops_lab as dl`` loads nothing heavy; each public name is fetched when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from devops_lab import charts, metrics, sync
    from devops_lab.actions import dispatch
    from devops_lab.config import load
    from devops_lab.delivery import loop
    from devops_lab.metrics import dora  # type: ignore[no-redef]  # mypy takes the folder of that name for a package
    from devops_lab.reports import report
    from devops_lab.store import Store

_HOMES = {
    "Store": "devops_lab.store:Store",
    "charts": "devops_lab.charts",
    "dispatch": "devops_lab.actions:dispatch",
    "dora": "devops_lab.metrics:dora",
    "load": "devops_lab.config:load",
    "loop": "devops_lab.delivery.loop",
    "metrics": "devops_lab.metrics",
    "report": "devops_lab.reports:report",
    "sync": "devops_lab.sync",
}

__all__ = ["Store", "charts", "dispatch", "dora", "load", "loop", "metrics", "report", "sync"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"devops_lab has no {name!r}; public names: {', '.join(__all__)}")
    module, _, member = _HOMES[name].partition(":")
    found = importlib.import_module(module)
    value = getattr(found, member) if member else found
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
