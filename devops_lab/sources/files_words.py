"""What other systems call things becomes what we call them: columns, services, values, dates, as a rule says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from devops_lab import patterns
from devops_lab.config import File
from devops_lab.config.files import MILLISECONDS
from devops_lab.sources.files_reading import Raw, Values
from devops_lab.sources.values import VALUES, Unfit, read_instant, read_number, read_text
from devops_lab.tables import Column, Table

OWN = ("source", "fetched_at")  # the store fills them
RESULTS = ("success", "failure", "cancelled", "error", "timed_out", "startup_failure")


class Words:
    """The words of one file, read by the rule `rule` as rows of `table`.

    `service` are the names that the file has for our service; None where its rows say no service, or each its own.
    """

    def __init__(self, table: Table, rule: File, raw: Raw, service: Sequence[str] | None = None) -> None:
        self.table, self.rule, self.names, self.certain = table, rule, set(raw.names), raw.certain
        self.service = service if service is not None and self.known("service") else None

    def theirs(self, ours: str) -> list[str]:
        """Return what the file may call our column."""
        return self.rule.columns.get(ours, [ours])

    def known(self, ours: str) -> bool:
        """Say whether the file, or the rule for every row, says anything in our column."""
        return self.said(ours) or not self.names.isdisjoint(self.theirs(ours))

    def said(self, ours: str) -> bool:
        """Say whether the rule itself says one value for every row."""
        return isinstance(self.rule.values.get(ours), bool | str)

    def services(self, row: Values) -> list[str]:
        """Return whose row it is, in the file's words."""
        return texts(self.cell(row, "service"))

    def is_ours(self, row: Values) -> bool:
        """Say whether a row is of our service."""
        return self.service is None or _any(self.services(row), self.service)

    def is_wanted(self, row: Values) -> bool:
        """Say whether a row has the values that the rule's `only` asks for."""
        return all(_any(texts(row.get(name)), wanted) for name, wanted in self.rule.only.items())

    def cell(self, row: Values, ours: str) -> Any:
        """Return a row's value for our column: the first that is not empty."""
        return next((row[name] for name in self.theirs(ours) if not is_empty(row.get(name))), None)

    def value(self, row: Values, column: Column) -> Any:
        """Return a row's value in the column's type; Unfit where it does not fit."""
        value = self._translated(self.cell(row, column.name), column.name)
        if isinstance(value, str) and not column.free:
            value = value.strip()
        if is_empty(value):
            if column.required and column.name not in OWN:
                raise Unfit(f"is empty; {VALUES[column.type].wanted} is needed")
            return None
        if column.type == "instant":
            return self._instant(value)
        read = VALUES[column.type].read(value)
        if column.name == "result" and self.table.name == "reported_deployments" and read not in RESULTS:
            raise Unfit(
                f"{read!r:.80} is no result; it is success, failure or cancelled: "
                f'say values = {{ result = {{ "{read:.40}" = "success" }} }}, or leave such rows out with only'
            )
        return read

    def _translated(self, value: Any, ours: str) -> Any:
        """Return what the rule says of a value: an exact match wins, else the first pattern that matches."""
        said = self.rule.values.get(ours)
        if said is None:
            return value
        if not isinstance(said, dict):
            return said
        found = texts(value) or [""]
        for text in found:
            if text in said:
                return said[text]
        meant = (ours for theirs, ours in said.items() if any(patterns.matches(text, [theirs]) for text in found))
        return next(meant, value)

    def _instant(self, value: Any) -> datetime:
        """Return naive UTC of a date as the rule says that they are written."""
        if self.rule.dates == MILLISECONDS:
            return read_instant(read_number(value) / 1000)
        if isinstance(value, str):
            value = _date(value, self.rule.dates)
        if isinstance(value, datetime) and value.tzinfo is None and self.rule.timezone:
            value = value.replace(tzinfo=ZoneInfo(self.rule.timezone))
        return read_instant(value)


def _date(text: str, form: str | None) -> Any:
    if form is not None:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - without an offset: the rule's time zone, else UTC
        except ValueError as problem:
            raise Unfit(f"{text!r:.80} is no date of the form {form!r}, which the setting dates says") from problem
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text  # seconds since 1970, or what read_instant refuses


def is_empty(value: Any) -> bool:
    """Say whether nothing stands there: no value, an empty text or list, not a number."""
    return value is None or value == "" or value == [] or value != value


def texts(value: Any) -> list[str]:
    """Return a cell's texts: none, one, or those of a list; Unfit for objects."""
    several = value if isinstance(value, list) else [] if is_empty(value) else [value]
    return [read_text(one).strip() for one in several]


def _any(found: Sequence[str], wanted: Sequence[str]) -> bool:
    return any(patterns.matches(text, wanted, ignore_case=True) for text in found)


def misnamed(words: Words, file: str, constants: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return what is wrong with the columns that a rule, or a table, expects in a file; `names` are the file's."""
    table, rule, there = words.table, words.rule, ", ".join(names) or "none"
    known = ", ".join(name for name in table.names if name not in OWN)
    problems = [
        f"{file}: the setting {setting} names {name!r}, which {table.name} does not have; it has {known}"
        for setting, given in (("columns", rule.columns), ("values", rule.values))
        for name in given
        if name not in table.names
    ]
    if words.certain:
        problems += [
            f"{file}: there is no column {name!r}, which the setting only asks for; columns: {there}"
            for name in rule.only
            if name not in names
        ]
    for column in table.columns:
        ours = column.name
        if words.known(ours) or ours in OWN or (ours in constants and ours not in rule.columns):
            continue
        if ours in rule.columns and (words.certain or column.required):
            theirs = " or ".join(map(repr, rule.columns[ours]))
            problems.append(f"{file}: there is no column {theirs} for {ours}; columns: {there}")
        elif column.required and ours not in rule.columns:
            problems.append(
                f"{file}: the column {ours!r} is missing ({column.text.rstrip('.')}); columns: {there}; "
                f'if it is called otherwise, say columns = {{ {ours} = "…" }}'
            )
    return problems
