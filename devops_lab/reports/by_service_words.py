"""At most three sentences over many services, made from their numbers: what moved, what nobody knows, where to look.

A number has moved where it left the range that chance explains (``words.is_clear``), compared with the same service's
own window before.  Services are never compared with each other, and nothing is averaged over them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devops_lab import words
from devops_lab.reports.overview_changes import size
from devops_lab.reports.phase_answers import way

NAMED = 3  # services or numbers that a sentence names; the rest is counted
BY_CHANCE = 0.05  # a 95 % interval lets through at most so many of the numbers that did not change

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Standing:
    """Where many services stand: their rows, and why facts are missing of those where they are.

    `rows` are those of ``dl.dora(store, by="service")``, `refused` is service → what the last sync could not have.
    """

    rows: Sequence[Row]
    refused: Mapping[str, str]

    @property
    def names(self) -> list[str]:
        """The services by name."""
        return sorted({str(row["group_name"]) for row in self.rows}, key=str.casefold)

    @property
    def compared(self) -> list[Row]:
        """The rows that can be compared with their own window before."""
        return [row for row in self.rows if words.change(row) not in ("nothing to compare with", "too few to compare")]

    def moved(self, which: str) -> list[Row]:
        """Return the rows that are clearly "better" or "worse" than before, the greatest change first."""
        found = [row for row in self.compared if way(row) == which]
        return sorted(found, key=lambda row: (-size(row), str(row["group_name"])))

    @property
    def unknown(self) -> list[str]:
        """The services of whose window nothing was fetched."""
        return [name for name in self.names if all(not row["coverage"] for row in self._of(name))]

    @property
    def partly(self) -> list[str]:
        """The services of whose window a part was not fetched, or not all that was asked for."""
        return [
            name
            for name in self.names
            if name not in self.unknown and (name in self.refused or any(row["coverage"] < 1 for row in self._of(name)))
        ]

    @property
    def few(self) -> list[str]:
        """The services that are known, with too few deployments for a share or a median."""
        gone = {*self.unknown}
        return [name for name in self.names if name not in gone and all(is_few(row) for row in self._shares(name))]

    def _of(self, name: str) -> list[Row]:
        return [row for row in self.rows if row["group_name"] == name]

    def _shares(self, name: str) -> list[Row]:
        return [row for row in self._of(name) if row["unit"] not in ("count", "per week")]


def is_few(row: Row) -> bool:
    """Say whether a row rests on too few observations to say more than how many there are."""
    return bool(row["too_few"]) or words.missing(row["value"])


def sentences(standing: Standing) -> list[str]:
    """Return one sentence each on what moved, on what is not known, and on what to look at; the last where it helps."""
    return [text for text in (_moved(standing), _not_known(standing), _look(standing)) if text]


def _moved(standing: Standing) -> str:
    worse, better = standing.moved("worse"), standing.moved("better")
    if not standing.compared:
        return "No number can be compared with the window before yet."
    if not worse and not better:
        return f"No service is clearly better or worse than before, in {_numbers(standing)} that can be compared."
    said = [f"Clearly worse than before: {_by_metric(worse)}" if worse else "Nothing is clearly worse than before"]
    said += [f"clearly better: {_by_metric(better)}"] if better else []
    return "; ".join(said) + "."


def _by_metric(rows: Sequence[Row]) -> str:
    """Say what moved, each metric once: "change lead time of cart (5.3 days, before 2.1 days) and shop (…)"."""
    shown, more = rows[:NAMED], len(rows) - NAMED
    grouped: dict[str, list[Row]] = {}
    for row in shown:
        grouped.setdefault(_label(row), []).append(row)
    parts = [f"{label} of {_list(map(told, own))}" for label, own in grouped.items()]
    return ", ".join(parts) + (f" and {words.whole(more)} more" if more > 0 else "")


def told(row: Row) -> str:
    """Return a service whose number moved, with the number: "checkout (5.3 days, before 2.1 days)"."""
    unit = str(row["unit"])
    now, before = words.value(float(row["value"]), unit), words.value(float(row["previous"]), unit)
    return f"{row['group_name']} ({now}, before {before})"


def _not_known(standing: Standing) -> str:
    unknown, partly, few = standing.unknown, standing.partly, standing.few
    said = []
    if unknown:
        said.append(f"nothing is known of {_list([_why(standing, name) for name in unknown])}")
    if partly:
        said.append(f"facts are missing of {_list([_why(standing, name) for name in partly])}")
    if few:
        count = words.plural(len(few), "service")
        said.append(f"{count} {'has' if len(few) == 1 else 'have'} too few deployments to say more than their number")
    text = "; ".join(said)
    return f"{text[:1].upper()}{text[1:]}." if text else "All facts of this window were fetched."


def _why(standing: Standing, name: str) -> str:
    reason = standing.refused.get(name, "")
    return f"{name} ({reason})" if reason else name


def _look(standing: Standing) -> str:
    worse = standing.moved("worse")
    if worse:
        return f"Look first at {worse[0]['group_name']}, whose {_label(worse[0])} moved most."
    missing = [*standing.unknown, *standing.partly]
    if missing:
        return f"Look first at why facts of {missing[0]} are missing: `devops-lab doctor` asks for each of them."
    return ""


def _numbers(standing: Standing) -> str:
    services = len({row["group_name"] for row in standing.compared})
    return f"{words.plural(len(standing.compared), 'number')} of {words.plural(services, 'service')}"


def chance(standing: Standing) -> str:
    """Return how many numbers were compared, so that nobody takes one in many for news."""
    if not standing.compared:
        return ""
    moved = len(standing.moved("worse")) + len(standing.moved("better"))
    most = max(1, round(BY_CHANCE * len(standing.compared)))
    return (
        f"Of {_numbers(standing)} that can be compared with their own window before, {words.whole(moved)} moved "
        f"clearly; up to about {words.whole(most)} of so many would by chance."
    )


def _label(row: Row) -> str:
    return words.label(str(row["metric"])).lower()


def _list(parts: Iterable[str]) -> str:
    """Return the first three with "and", the rest counted: "a, b, c and 4 more"."""
    found = list(parts)
    shown, more = found[:NAMED], len(found) - NAMED
    if more > 0:
        return f"{', '.join(shown)} and {more} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
