"""How people are stored (placeholder until the privacy layer lands)."""
from dataclasses import dataclass
from typing import Any
from devops_lab.tables import Table


@dataclass(frozen=True)
class People:
    policy: str
    key: bytes | None

    def apply(self, table: Table, row: dict[str, Any]) -> dict[str, Any]:
        return {**row, **{c.name: None for c in table.columns if c.personal}}
