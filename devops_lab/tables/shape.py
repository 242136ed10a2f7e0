"""The shape of a stored table: its columns, types, key, and the promises that hold for a column."""

from __future__ import annotations

from dataclasses import dataclass

TYPES = ("text", "integer", "number", "boolean", "instant")


@dataclass(frozen=True)
class Column:
    """One column: name, type, one sentence, and the promises that hold for it."""

    name: str
    type: str
    text: str
    required: bool = False
    personal: bool = False
    free: bool = False
    known: str | None = None


@dataclass(frozen=True)
class Table:
    """One stored table: one row per `key`; `month` is the instant that says which partition a row lies in."""

    name: str
    text: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    born: str | None = None
    month: str | None = None
    derived: bool = False

    def column(self, name: str) -> Column:
        """Return the column called `name`; KeyError when there is none."""
        return next(column for column in self.columns if column.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns in stored order, ``source`` and ``fetched_at`` last."""
        return tuple(column.name for column in self.columns)


def _columns(specification: str) -> tuple[Column, ...]:
    """Read lines ``name type[!][ personal][ free][ <known] | sentence``; ``!`` means required."""
    columns = []
    for line in specification.strip().splitlines():
        head, text = (part.strip() for part in line.split("|", 1))
        name, kind, *marks = head.split()
        known = next((mark[1:] for mark in marks if mark.startswith("<")), None)
        columns.append(
            Column(name, kind.rstrip("!"), text, kind.endswith("!"), "personal" in marks, "free" in marks, known)
        )
    columns.append(Column("source", "text", "Who said so: github, git, file, or delivery.", required=True))
    columns.append(Column("fetched_at", "instant", "When the content of this row last changed here.", required=True))
    return tuple(columns)


def table(
    name: str,
    text: str,
    key: str,
    columns: str,
    born: str | None = None,
    month: str | None = None,
    derived: bool = False,
) -> Table:
    """Return a `Table` whose columns are read from lines ``name type[!] [personal] [free] [<known] | sentence``."""
    return Table(name, text, tuple(key.split()), _columns(columns), born, month, derived)
